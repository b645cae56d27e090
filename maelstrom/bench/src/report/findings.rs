//! What the checkers found, in sentences, and which operations they mean.

use crate::checker::{Judgement, Validity};
use crate::edn::Edn;

use super::activity::Ended;
use super::format::{count, grouped, shorten, shortened};
use super::involved::AllInvolved;

/// An operation that a finding points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The index in the history of the entry with which it began.
    pub index: usize,
    /// Why it is of interest: `lost 17: added`.
    pub label: String,
}

/// The most operations that are pointed to: a reader follows a few, not thousands.
const POINTERS: usize = 200;

/// How much of one checker's summary is in the headline.
const SUMMARY_CHARACTERS: usize = 240;

/// The verdict in a sentence.
pub fn headline(results: &Judgement, ended: Ended, failure: Option<&str>) -> String {
    if let Some(sentence) = failure {
        // What the node said last follows on lines of its own.
        return format!("The run broke off: {}", sentence.lines().next().unwrap_or_default());
    }
    let share = share(ended, results.verdict);
    let word = match results.verdict {
        Validity::True if !results.summary.is_empty() => return results.summary.clone(),
        Validity::True => return format!("Every checker is satisfied; {share}."),
        Validity::False => "Not valid",
        Validity::Unknown => "Nobody knows",
    };
    match problems(results).as_slice() {
        [] => format!("{word}; {share}."),
        problems => format!("{word}: {}; {share}.", problems.join("; ")),
    }
}

/// How many operations did what they should, and what became of the others. Where something is
/// wrong with the answers, all that can be said is that they are there.
fn share(ended: Ended, verdict: Validity) -> String {
    let (all, did) = (count(ended.all, "operation"), ended.did());
    if ended.all == 0 {
        return "no operation ended".into();
    }
    let verb = match (verdict, did) {
        (Validity::False, 1) => "was answered",
        (Validity::False, _) => "were answered",
        (_, 1) => "did what it should",
        _ => "did what they should",
    };
    if did == ended.all {
        return format!("{}{all} {verb}", if did == 1 { "" } else { "all " });
    }
    let mut text = format!("{} of {all} {verb}", grouped(did as u64));
    match ended.failed() {
        0 => {}
        failed => text += &format!(", {} met a fault", grouped(failed as u64)),
    }
    match ended.unknown {
        0 => {}
        unknown => text += &format!(", of {} nobody knows", grouped(unknown as u64)),
    }
    text
}

/// Each part that is as bad as the whole, in a few words.
fn problems(results: &Judgement) -> Vec<String> {
    let parts = results.parts.iter().filter(|(_, part)| part.verdict == results.verdict);
    parts
        .map(|(name, part)| match &*part.summary {
            "" => format!("{name} is not satisfied"),
            summary => shorten(summary, SUMMARY_CHARACTERS),
        })
        .collect()
}

/// The operations that the findings are about, those that matter most first; of each operation
/// the first reason. An operation has one number, that of the entry with which it began.
pub fn pointers(results: &Judgement, involved: &AllInvolved) -> Vec<Pointer> {
    let mut pointers = Vec::new();
    collect(results, &mut pointers);
    for pointer in &mut pointers {
        pointer.index = involved.number(pointer.index);
    }
    let mut seen = std::collections::BTreeSet::new();
    pointers.retain(|pointer: &Pointer| seen.insert(pointer.index));
    pointers.truncate(POINTERS);
    pointers
}

fn collect(judgement: &Judgement, pointers: &mut Vec<Pointer>) {
    // What is in order has nothing to point to.
    if judgement.verdict == Validity::True {
        return;
    }
    for finding in &judgement.findings {
        let about = match &finding.subject {
            Some(subject) => format!("{} {}", finding.kind, shorten(&plain(subject), 40)),
            None => finding.kind.to_owned(),
        };
        for mention in &finding.operations {
            // "wrong-sum: wrong sum" says it twice.
            let label = match about.replace('-', " ") == mention.role {
                true => mention.role.to_string(),
                false => format!("{about}: {}", mention.role),
            };
            pointers.push(Pointer { index: mention.index, label });
        }
    }
    judgement.parts.iter().for_each(|(_, part)| collect(part, pointers));
}

fn plain(value: &Edn) -> String {
    value.as_str().map_or_else(|| shortened(value, 40), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::{Finding, Findings};

    fn part(verdict: Validity, summary: &str) -> Judgement {
        Judgement::new(verdict, []).summed_up(summary)
    }

    #[test]
    fn the_headline_says_what_is_wrong() {
        let ended = Ended { all: 1079, ok: 493, answered_no: 557, unknown: 9 };
        use Validity::{False, True, Unknown};
        for (parts, sentence) in [
            (
                vec![("stats", part(True, ""))],
                "Every checker is satisfied; 1,050 of 1,079 operations did what they should, 20 \
                 met a fault, of 9 nobody knows.",
            ),
            (
                vec![("stats", part(False, "no cas ever succeeded")), ("net", part(Unknown, "x"))],
                "Not valid: no cas ever succeeded; 1,050 of",
            ),
            (vec![("net", part(False, ""))], "Not valid: net is not satisfied; 1,050 of"),
            (vec![("workload", Judgement::unknown("Why."))], "Nobody knows: Why; 1,050 of"),
        ] {
            let headline = headline(&Judgement::of_parts(parts), ended, None);
            assert!(headline.contains(sentence), "{headline}");
        }
        let valid = Judgement::of_parts([("stats", part(True, ""))]);
        for (ok, sentence) in [
            (0, "Every checker is satisfied; no operation ended."),
            (1, "Every checker is satisfied; 1 operation did what it should."),
            (2000, "Every checker is satisfied; all 2,000 operations did what they should."),
        ] {
            let ended = Ended { all: ok, ok, ..Ended::default() };
            assert_eq!(super::headline(&valid, ended, None), sentence);
        }
        let broken = headline(&part(True, ""), ended, Some("n1 died\nits log"));
        assert_eq!(broken, "The run broke off: n1 died");
    }

    #[test]
    fn operations_are_pointed_to_once_and_only_by_what_is_not_in_order() {
        let judgement = |verdict, kind, indices: [usize; 2]| {
            let mut findings = Findings::default();
            findings.add(kind, || {
                let finding = Finding::new("…").on(Edn::Int(8));
                finding.about(indices[0], "added").about(indices[1], "last seen by")
            });
            Judgement::new(verdict, []).with(findings)
        };
        let results = Judgement::of_parts([
            ("exceptions", judgement(Validity::True, "crash", [9, 10])),
            ("stats", judgement(Validity::Unknown, "never-ok", [3, 4])),
            ("workload", judgement(Validity::False, "lost", [4, 5])),
        ]);
        let pointer = |index, label: &str| Pointer { index, label: label.into() };
        assert_eq!(
            pointers(&results, &AllInvolved::default()),
            [
                pointer(3, "never-ok 8: added"),
                pointer(4, "never-ok 8: last seen by"),
                pointer(5, "lost 8: last seen by"),
            ]
        );
    }
}
