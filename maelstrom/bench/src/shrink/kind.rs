//! In which way a run fails: what must stay the same while everything else becomes smaller.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::{Transcript, Trial, form};
use crate::checker::{Finding, Judgement, Validity};
use crate::edn::{Edn, Float};
use crate::engine::Outcome;
use crate::engine::cluster::INTERRUPTED;
use crate::history::{History, Op, OpType, ProcessId};
use crate::options::TestOptions;

/// A way in which a run fails.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The checker that found it: `workload`, `stats`; `run` when the run broke off.
    pub part: String,
    /// What it found: `lost`, `G-single`, the beginning of what an assertion said.
    pub kind: String,
    /// What it is about: `a number`, where the finding names a key or an element.
    pub object: &'static str,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.part, &*self.kind) {
            ("workload", kind) => f.write_str(kind),
            (part, "") => f.write_str(part),
            (part, kind) => write!(f, "{part}: {kind}"),
        }
    }
}

/// The part of runs that break off.
const RUN: &str = "run";

/// The kind to keep: the first, or the one of this name.
pub(super) fn choose(kinds: &[Kind], pinned: Option<&str>) -> Result<Kind, String> {
    let named = |kind: &&Kind| pinned.is_none_or(|name| kind.kind == name || kind.part == name);
    let found = kinds.iter().find(named).cloned();
    found.ok_or_else(|| match (pinned, kinds) {
        (_, []) => "the run does not fail, so there is nothing to shrink".into(),
        (pinned, kinds) => {
            let names: Vec<String> = kinds.iter().map(Kind::to_string).collect();
            let pinned = pinned.unwrap_or_default();
            format!("the run does not fail by {pinned}, but by {}", names.join(", "))
        }
    })
}

/// What came of a run that has been judged, for the shrinker.
pub fn trial(
    outcome: Outcome,
    results: &Judgement,
    options: &TestOptions,
    transcript: Transcript,
) -> Trial {
    let history = &outcome.history;
    let mut trial = Trial {
        end: history.ops.last().map_or(Duration::ZERO, time_of),
        operations: history.ops.iter().filter(|op| begins(op)).count(),
        messages: outcome.journal.stats().all().send_count,
        standstill_secs: standstill_secs(results).unwrap_or_default(),
        transcript,
        ..Trial::default()
    };
    match &outcome.failure {
        Some(sentence) => match of_failure(sentence) {
            Some(kind) => trial.add(kind, None, history, options),
            None => trial.bench_failure = Some(sentence.clone()),
        },
        None => add_findings(&mut trial, results, history, options),
    }
    trial.tracks = outcome.tape;
    trial
}

impl Trial {
    /// The place of this kind among those in which it failed.
    pub(super) fn place(&self, kind: &Kind) -> Option<usize> {
        self.kinds.iter().position(|known| known == kind)
    }

    fn add(
        &mut self,
        kind: Kind,
        finding: Option<&Finding>,
        history: &History,
        options: &TestOptions,
    ) {
        if self.kinds.contains(&kind) {
            return;
        }
        self.kinds.push(kind);
        let mentions = finding.map_or(&[][..], |finding| &finding.operations);
        let indices: Vec<usize> = mentions.iter().map(|mention| mention.index).collect();
        self.about.push(on_tape(&indices, history, options));
        let ends = indices.iter().filter_map(|&index| end_of(index, history));
        self.shown_by.push(ends.max().unwrap_or(Duration::MAX));
    }
}

/// For how long nothing was answered, where the checker was asked for that.
fn standstill_secs(results: &Judgement) -> Option<f64> {
    let availability = results.part("availability")?.to_edn();
    match availability.get("longest-standstill")? {
        Edn::Float(Float(seconds)) => Some(*seconds),
        _ => None,
    }
}

/// The kinds of a judgement: first what the workload's own checker says.
fn add_findings(trial: &mut Trial, results: &Judgement, history: &History, options: &TestOptions) {
    let mut parts: Vec<_> =
        results.parts.iter().filter(|(_, part)| part.verdict == Validity::False).collect();
    parts.sort_by_key(|(name, _)| *name != "workload");
    for (name, part) in parts {
        let mut findings: Vec<&Finding> =
            part.all_findings().into_iter().filter(|finding| counts(part, finding)).collect();
        // As in the headline: what is worst stands first, and `stale` is no reason by itself.
        findings.sort_by_key(|finding| finding.kind == "stale");
        for finding in &findings {
            let object = finding.subject.as_ref().map_or("nothing", form);
            let kind = Kind { part: (*name).into(), kind: finding.kind.into(), object };
            trial.add(kind, Some(finding), history, options);
        }
        if findings.is_empty() {
            let kind = Kind { part: (*name).into(), kind: String::new(), object: "nothing" };
            trial.add(kind, None, history, options);
        }
    }
}

/// Whether a finding is a reason for the verdict. The checker of logs lists what it allows, too.
fn counts(part: &Judgement, finding: &Finding) -> bool {
    let bad = part.results.iter().find(|(key, _)| key.as_keyword() == Some("bad-error-types"));
    let bad = bad.and_then(|(_, types)| match types {
        Edn::Set(types) | Edn::Vector(types) => Some(types),
        _ => None,
    });
    bad.is_none_or(|types| types.iter().any(|name| name.as_keyword() == Some(finding.kind)))
}

/// The kind of a run that broke off; `None` when that was not a node's doing.
fn of_failure(sentence: &str) -> Option<Kind> {
    let of_nodes = [
        "node ",
        "a node failed",
        "an assertion failed",
        "expected init_ok",
        "the nodes exchange messages without end",
        "the nodes took more than",
    ];
    let is_of_a_node = of_nodes.iter().any(|beginning| sentence.starts_with(beginning));
    if !is_of_a_node || sentence == INTERRUPTED {
        return None;
    }
    // A program in Rust says on stderr where it ended.
    let panicked = sentence.split_once("panicked at ").map(|(_, rest)| rest);
    let place = panicked.and_then(|rest| rest.lines().next());
    let kind = match place {
        Some(place) => format!("panicked at {}", place.trim_end_matches(':')),
        None => beginning(sentence.lines().next().unwrap_or_default()),
    };
    Some(Kind { part: RUN.into(), kind, object: "nothing" })
}

/// What a sentence says without saying whom or how much: up to its first colon or quotation, and
/// every number is as good as another.
fn beginning(sentence: &str) -> String {
    let prefixes = ["an assertion failed: ", "a node failed: "];
    let sentence =
        prefixes.iter().find_map(|prefix| sentence.strip_prefix(prefix)).unwrap_or(sentence);
    let end = sentence.find([':', '{', '"', '[', '(', '\n']).unwrap_or(sentence.len());
    let mut words = String::new();
    for character in sentence[..end].chars().take(120) {
        if !character.is_ascii_digit() {
            words.push(character);
        } else if !words.ends_with('#') {
            words.push('#');
        }
    }
    words.trim_end().to_owned()
}

fn begins(op: &Op) -> bool {
    op.is_client() && op.kind == OpType::Invoke
}

fn time_of(op: &Op) -> Duration {
    Duration::from_nanos(u64::try_from(op.time).unwrap_or(0))
}

fn process_of(op: &Op) -> Option<i64> {
    match op.process {
        ProcessId::Client(process) => Some(process),
        _ => None,
    }
}

/// When the operation ends that the entry with this index belongs to.
fn end_of(index: usize, history: &History) -> Option<Duration> {
    let op = history.ops.get(index)?;
    let process = process_of(op)?;
    let later = &history.ops[index + 1..];
    let end = match op.kind {
        OpType::Invoke => later.iter().find(|later| process_of(later) == Some(process)),
        _ => None,
    };
    Some(time_of(end.unwrap_or(op)))
}

/// The operations that these entries belong to: the thread of each, and how many that thread had
/// done before. So they can be found on a tape, where a thread does its operations in order.
fn on_tape(
    indices: &[usize],
    history: &History,
    options: &TestOptions,
) -> BTreeSet<(usize, usize)> {
    let mut operations = BTreeSet::new();
    let mut begun = vec![0; options.concurrency];
    let last = indices.iter().max().map_or(0, |last| last + 1);
    for (index, op) in history.ops.iter().enumerate().take(last) {
        let Some(process) = process_of(op) else { continue };
        let thread = process as usize % options.concurrency;
        begun[thread] += usize::from(begins(op));
        if indices.contains(&index) && begun[thread] > 0 {
            operations.insert((thread, begun[thread] - 1));
        }
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_known_by_its_beginning() {
        for (sentence, kind) in [
            ("an assertion failed: election safety: n1 and n2 both led term 7", "election safety"),
            (
                "node n12 exited on its own, with status 3",
                "node n# exited on its own, with status #",
            ),
            ("a node failed", "a node failed"),
        ] {
            assert_eq!(beginning(sentence), kind);
        }
    }

    #[test]
    fn only_nodes_can_be_shrunk() {
        assert_eq!(of_failure("cannot write store/x: no space"), None);
        assert_eq!(of_failure(INTERRUPTED), None);
        let sentence = "node n1 exited on its own, with exit status: 101\nits last lines on \
                        stderr:\n  thread 'main' panicked at src/raft.rs:12:3:\n  no";
        assert_eq!(of_failure(sentence).unwrap().kind, "panicked at src/raft.rs:12:3");
    }

    #[test]
    fn the_first_kind_is_kept_or_the_one_that_is_named() {
        let kind =
            |kind: &str| Kind { part: "workload".into(), kind: kind.into(), object: "nothing" };
        let kinds = [kind("G1c"), kind("G-single")];
        assert_eq!(choose(&kinds, None), Ok(kinds[0].clone()));
        assert_eq!(choose(&kinds, Some("G-single")), Ok(kinds[1].clone()));
        assert!(choose(&kinds, Some("lost")).unwrap_err().contains("but by G1c, G-single"));
        assert!(choose(&[], None).unwrap_err().contains("does not fail"));
    }
}
