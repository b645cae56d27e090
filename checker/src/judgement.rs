//! A judgement: the verdict on a history, and what it rests on.
//!
//! It is one value, and everything that is shown of it is made from it: `results.edn`, the files
//! of explanations, the page of a run, the terminal. Nobody judges twice, and nobody reads back
//! what was printed.
//!
//! How a checker makes a finding, here one about the operations with the indices 3 and 9:
//!
//! ```
//! use checker::{Finding, Findings, Judgement, Validity};
//!
//! let mut findings = Findings::default();
//! findings.add("stale-read", || {
//!     Finding::new("The read at index 9 began after the write at index 3, and lacks it.")
//!         .about(3, "written by")
//!         .about(9, "should have been seen by")
//! });
//! let judgement = Judgement::new(Validity::False, [("stale-count", 1i64.into())])
//!     .summed_up("1 read was stale")
//!     .with(findings);
//! assert_eq!(judgement.to_edn().to_string(), "{:valid? false, :stale-count 1}");
//! assert_eq!(judgement.findings[0].kind, "stale-read");
//! ```
//!
//! A [`Drawing`] is data, not a picture: which rows, which bars, which arrows. How that looks is
//! for whoever draws it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::drawing::Drawing;
use crate::edn::Edn;

/// A verdict. `False` beats `Unknown`, and `Unknown` beats `True`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// Nothing is wrong.
    True,
    /// It could not be decided, or nothing was checked.
    Unknown,
    /// Something is wrong.
    False,
}

impl Validity {
    /// The worse of two verdicts.
    pub fn and(self, other: Validity) -> Validity {
        self.max(other)
    }

    /// The exit status that says so to a shell: 0, 2 or 1, as in the original.
    pub fn exit_status(self) -> u8 {
        match self {
            Validity::True => 0,
            Validity::Unknown => 2,
            Validity::False => 1,
        }
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Validity::True => "true",
            Validity::Unknown => "unknown",
            Validity::False => "false",
        })
    }
}

impl From<bool> for Validity {
    fn from(valid: bool) -> Validity {
        if valid { Validity::True } else { Validity::False }
    }
}

impl From<Validity> for Edn {
    fn from(validity: Validity) -> Edn {
        match validity {
            Validity::True => Edn::Bool(true),
            Validity::Unknown => Edn::keyword("unknown"),
            Validity::False => Edn::Bool(false),
        }
    }
}

/// An operation that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The index of one of its entries in the history.
    pub index: usize,
    /// What it has to do with the finding: `added`, `last seen by`, `T2`.
    pub role: Cow<'static, str>,
}

/// One case of something that is wrong, or that nobody can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name in the results, without the colon: `G-single`, `lost`, `poll-skip`.
    pub kind: &'static str,
    /// Which of many things it is about: a key, an element, an id.
    pub subject: Option<Edn>,
    /// The operations, the one to look at first in front.
    pub operations: Vec<Mention>,
    /// Why it is so, in sentences; may be of several lines.
    pub words: String,
    /// A drawing of it.
    pub drawing: Option<Drawing>,
}

impl Finding {
    /// A finding in words. [`Findings::add`] says of which kind it is.
    pub fn new(words: impl Into<String>) -> Finding {
        let words = words.into();
        Finding { kind: "", subject: None, operations: Vec::new(), words, drawing: None }
    }

    /// The same, and it is about the operation with this index, too.
    pub fn about(mut self, index: usize, role: impl Into<Cow<'static, str>>) -> Finding {
        self.operations.push(Mention { index, role: role.into() });
        self
    }

    /// The same, and it is about this key, element or id.
    pub fn on(mut self, subject: Edn) -> Finding {
        self.subject = Some(subject);
        self
    }

    /// The same with a drawing.
    pub fn drawn(mut self, drawing: Drawing) -> Finding {
        self.drawing = Some(drawing);
        self
    }
}

/// Of one kind, so many findings are kept: a database that gets everything wrong would fill the
/// disk with them otherwise. All are counted.
pub const KEPT_OF_A_KIND: usize = 32;

/// Findings that are being gathered, in the order in which their kinds first came up.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    kinds: Vec<(&'static str, Vec<Finding>)>,
    omitted: BTreeMap<&'static str, usize>,
}

impl Findings {
    /// Adds a finding. It is only put into words if it is kept.
    pub fn add(&mut self, kind: &'static str, finding: impl FnOnce() -> Finding) {
        let place = self.kinds.iter().position(|(known, _)| *known == kind);
        let place = place.unwrap_or_else(|| {
            self.kinds.push((kind, Vec::new()));
            self.kinds.len() - 1
        });
        let kept = &mut self.kinds[place].1;
        if kept.len() < KEPT_OF_A_KIND {
            kept.push(Finding { kind, ..finding() });
        } else {
            self.omit(kind, 1);
        }
    }

    /// Counts findings that are not shown.
    pub fn omit(&mut self, kind: &'static str, count: usize) {
        if count > 0 {
            *self.omitted.entry(kind).or_default() += count;
        }
    }
}

/// What a checker says of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Validity,
    /// Whether nothing was judged because of the history itself: it is empty, of something else,
    /// or does not hold together.
    pub is_bad_input: bool,
    /// What is wrong, or why nobody knows, in a few words, for a headline. Empty where nothing
    /// is wrong, and where there is no more to say than that something is.
    pub summary: String,
    /// The cases that show it: all of one kind, then all of the next.
    pub findings: Vec<Finding>,
    /// How many more cases of a kind there were than are among the findings.
    pub omitted: BTreeMap<&'static str, usize>,
    /// What `results.edn` says of it, in the original's keys and order, without `:valid?`.
    pub results: Vec<(Edn, Edn)>,
    /// Judgements that it is made of, each under its name; they follow in `results.edn`.
    pub parts: Vec<(&'static str, Judgement)>,
}

impl Judgement {
    /// A verdict with results under keyword keys.
    pub fn new<const N: usize>(verdict: Validity, results: [(&str, Edn); N]) -> Judgement {
        let results = results.into_iter().map(|(key, value)| (Edn::keyword(key), value)).collect();
        Judgement {
            verdict,
            is_bad_input: false,
            summary: String::new(),
            findings: Vec::new(),
            omitted: BTreeMap::new(),
            results,
            parts: Vec::new(),
        }
    }

    /// Nothing could be said, and why.
    pub fn unknown(reason: impl Into<String>) -> Judgement {
        Judgement::new(Validity::Unknown, []).because(reason)
    }

    /// Nothing could be said, because of the history itself, and why.
    pub fn bad_input(reason: impl Into<String>) -> Judgement {
        Judgement { is_bad_input: true, ..Judgement::unknown(reason) }
    }

    /// What is not checked is not valid: a history without an operation of a client.
    pub fn no_operations() -> Judgement {
        Judgement::bad_input("There is no operation in this history, so nothing was checked.")
    }

    /// One judgement of named parts, in order. It is as valid as the least valid of them.
    pub fn of_parts(parts: impl IntoIterator<Item = (&'static str, Judgement)>) -> Judgement {
        let parts: Vec<_> = parts.into_iter().collect();
        let verdicts = parts.iter().map(|(_, part)| part.verdict);
        let verdict = verdicts.fold(Validity::True, Validity::and);
        Judgement { parts, ..Judgement::new(verdict, []) }
    }

    /// The same, with a reason in words under `:error`, by which it is also summed up.
    pub fn because(mut self, reason: impl Into<String>) -> Judgement {
        let reason = reason.into();
        self.results.push((Edn::keyword("error"), Edn::from(&*reason)));
        self.summed_up(reason.trim_end_matches('.'))
    }

    /// The same, with these few words for a headline.
    pub fn summed_up(mut self, summary: impl Into<String>) -> Judgement {
        self.summary = summary.into();
        self
    }

    /// The same, with these findings.
    pub fn with(mut self, findings: Findings) -> Judgement {
        self.findings = findings.kinds.into_iter().flat_map(|(_, findings)| findings).collect();
        self.omitted = findings.omitted;
        self
    }

    /// Whether nothing is wrong, and that is known.
    pub fn is_valid(&self) -> bool {
        self.verdict == Validity::True
    }

    /// The part of this name.
    pub fn part(&self, name: &str) -> Option<&Judgement> {
        self.parts.iter().find(|(known, _)| *known == name).map(|(_, part)| part)
    }

    /// The findings of it and of its parts, as they stand.
    pub fn all_findings(&self) -> Vec<&Finding> {
        let parts = self.parts.iter().flat_map(|(_, part)| part.all_findings());
        self.findings.iter().chain(parts).collect()
    }

    /// The map as it stands in `results.edn`, with `:valid?` first.
    pub fn to_edn(&self) -> Edn {
        let mut entries = vec![(Edn::keyword("valid?"), Edn::from(self.verdict))];
        entries.extend(self.results.iter().cloned());
        entries.extend(self.parts.iter().map(|(name, part)| (Edn::keyword(name), part.to_edn())));
        Edn::Map(entries)
    }
}

/// The verdict, and below it what is wrong: for the message of a test that failed.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        if !self.summary.is_empty() {
            write!(f, ": {}", self.summary)?;
        }
        for finding in self.all_findings() {
            write!(f, "\n\n{}", finding.kind)?;
            if let Some(subject) = &finding.subject {
                write!(f, " {subject}")?;
            }
            write!(f, ": {}", finding.words)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_part_decides() {
        let part = |valid| Judgement::new(valid, []);
        let (good, open, bad) =
            (part(Validity::True), part(Validity::Unknown), part(Validity::False));
        let verdict = |parts: &[&Judgement]| {
            Judgement::of_parts(parts.iter().map(|&part| ("part", part.clone()))).verdict
        };
        assert_eq!(verdict(&[]), Validity::True);
        assert_eq!(verdict(&[&good, &open]), Validity::Unknown);
        assert_eq!(verdict(&[&open, &bad, &good]), Validity::False);
        assert_eq!(
            Judgement::of_parts([("stats", good), ("net", bad)]).to_edn().to_string(),
            "{:valid? false, :stats {:valid? true}, :net {:valid? false}}"
        );
    }

    #[test]
    fn of_each_kind_some_are_kept_and_all_are_counted() {
        let mut findings = Findings::default();
        for number in 0..KEPT_OF_A_KIND + 3 {
            findings.add("lost", || Finding::new(format!("lost {number}")).about(number, "lost"));
        }
        findings.add("stale", || Finding::new("stale").on(Edn::Int(7)));
        findings.add("lost", || panic!("what is not kept is not put into words"));
        let whole = Judgement::of_parts([(
            "workload",
            Judgement::new(Validity::False, []).summed_up("36 lost").with(findings),
        )]);
        let workload = whole.part("workload").unwrap();
        assert_eq!(workload.omitted, BTreeMap::from([("lost", 4)]));
        let kinds: Vec<&str> = whole.all_findings().iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds.len(), KEPT_OF_A_KIND + 1);
        assert_eq!(kinds[KEPT_OF_A_KIND], "stale");
        let text = workload.to_string();
        assert!(text.starts_with("false: 36 lost\n\nlost: lost 0"), "{text}");
        assert!(text.ends_with("stale 7: stale"), "{text}");
    }
}
