//! Sets (broadcast, g-set): what was added is there, from some moment on and for good.
//!
//! Three moments decide over an element:
//!
//! - it is *known* when its addition is acknowledged, or when a read first shows it;
//! - the last read to begin that shows it;
//! - the last read to begin, after the addition was requested, that lacks it.
//!
//! It is *stable* if the last read to show it began after the last to lack it: sooner or later
//! it was always there. It is *lost* if it was known before a read began that lacks it, and
//! no later one shows it. Otherwise it was *never read*: nothing can be said. A stable element
//! is *stale* if a read lacked it a millisecond or more after it was known.
//!
//! Source: `set-full` in Jepsen's `checker.clj`. Two differences. Copies of an element in one
//! read are reported (there a comparison is the wrong way round, and none ever is), but do not
//! make the run invalid. And the time taken grows with what the reads contain, not with reads
//! times elements: see `scan.rs`. The option `linearizable?`, by which a stale element makes the
//! run invalid, Maelstrom never sets: it is for histories of other tests.

mod scan;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;

use self::scan::{Begin, Element, Elements, Scan};
use super::{Checker, Finding, Findings, Judgement, Validity, count};
use crate::edn::Edn;
use crate::history::{History, Op};

/// This many of the elements that took longest to settle are shown in full.
const WORST_SHOWN: usize = 8;

/// So many lost elements are named in the summary.
const NAMED: usize = 8;

/// The quantiles of latencies. Whole ones are integers, as the original prints them.
const QUANTILES: [(Edn, f64); 5] = [
    (Edn::Int(0), 0.0),
    (Edn::Float(crate::edn::Float(0.5)), 0.5),
    (Edn::Float(crate::edn::Float(0.95)), 0.95),
    (Edn::Float(crate::edn::Float(0.99)), 0.99),
    (Edn::Int(1), 1.0),
];

/// Checks a history of additions, whose function is `add`, and of reads, whose function is
/// `read` and whose value is everything that is there.
pub fn check(history: &History, add: &'static str) -> Judgement {
    history.judge(SetFull::new(add))
}

/// Checks such a history entry by entry. What it keeps grows with the elements, not with the
/// reads.
pub struct SetFull {
    add: &'static str,
    /// What has been seen; or why that cannot be judged.
    scan: Result<Scan, String>,
    has_operation: bool,
    is_linearizable: bool,
}

impl SetFull {
    /// A checker of histories in which this function adds.
    pub fn new(add: &'static str) -> SetFull {
        SetFull { add, scan: Ok(Scan::new(add)), has_operation: false, is_linearizable: false }
    }

    /// The same; but if `is_linearizable`, an element must be in every read that begins after it
    /// is known.
    pub fn linearizable(self, is_linearizable: bool) -> SetFull {
        SetFull { is_linearizable, ..self }
    }
}

impl Checker for SetFull {
    fn push(&mut self, op: &Op) {
        self.has_operation |= op.is_client();
        if let Ok(scan) = &mut self.scan
            && let Err(error) = scan.push(op)
        {
            self.scan = Err(error);
        }
    }

    fn has_problem(&self) -> bool {
        self.scan.is_err()
    }

    fn finish(self: Box<Self>) -> Judgement {
        match self.scan {
            _ if !self.has_operation => Judgement::no_operations(),
            Ok(scan) => judge(&scan.finish(), self.add, self.is_linearizable),
            Err(error) => Judgement::bad_input(error),
        }
    }
}

/// What became of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Stable,
    Lost,
    NeverRead,
}

impl Outcome {
    fn of(element: &Element) -> Outcome {
        let Element { known, last_present, last_absent, .. } = element;
        let begin = |read: &Option<Rc<Begin>>| read.as_ref().map(|read| read.position);
        let (last_present, last_absent) = (begin(last_present), begin(last_absent));
        let known = known.as_ref().map(|known| known.entry.position);
        // `None` comes before every position.
        if last_present.is_some() && last_absent < last_present {
            Outcome::Stable
        } else if known.is_some() && last_present < last_absent && known < last_absent {
            Outcome::Lost
        } else {
            Outcome::NeverRead
        }
    }

    fn name(self) -> &'static str {
        match self {
            Outcome::Stable => "stable",
            Outcome::Lost => "lost",
            Outcome::NeverRead => "never-read",
        }
    }
}

/// An element, what became of it, and how long after it was known.
struct Judged<'a> {
    element: &'a Element,
    outcome: Outcome,
    latency_ms: i64,
}

fn judge_element(element: &Element) -> Judged<'_> {
    let outcome = Outcome::of(element);
    // The earliest moment at which it can have settled, if it settled at once.
    let settled_after = match outcome {
        Outcome::Stable => element.last_absent.as_ref(),
        Outcome::Lost => element.last_present.as_ref(),
        Outcome::NeverRead => None,
    };
    let settled = settled_after.map_or(0, |read| read.op.time.saturating_add(1));
    let known = element.known.as_ref().map_or(0, |known| known.entry.time);
    let latency_ms = settled.saturating_sub(known).max(0) / 1_000_000;
    Judged { element, outcome, latency_ms }
}

fn judge(elements: &Elements, add: &str, is_linearizable: bool) -> Judgement {
    let judged: Vec<Judged> = elements.list.iter().map(judge_element).collect();
    let with = |outcome| judged.iter().filter(move |judged| judged.outcome == outcome);
    let latencies =
        |outcome| -> Vec<i64> { with(outcome).map(|judged| judged.latency_ms).collect() };

    let mut findings = Findings::default();
    for judged in with(Outcome::Lost) {
        findings.add("lost", || lost_element(judged));
    }
    let lost = values(with(Outcome::Lost));
    let lost_count = lost.len();
    let lost_names = names(&lost);
    let never_read = values(with(Outcome::NeverRead));
    let mut stale: Vec<&Judged> = with(Outcome::Stable).filter(|j| j.latency_ms > 0).collect();
    for judged in &stale {
        findings.add("stale", || stale_element(judged));
    }
    let stale_values = values(stale.iter().copied());
    let stale_count = stale_values.len();
    // Among equals the original shows the greatest elements first.
    stale.sort_by_key(|judged| Reverse((judged.latency_ms, &judged.element.value)));
    stale.truncate(WORST_SHOWN);

    let stable_count = with(Outcome::Stable).count();
    let valid = match (lost.len(), stable_count) {
        (1.., _) => Validity::False,
        (0, 0) => Validity::Unknown,
        (0, _) => Validity::from(!is_linearizable || stale_values.is_empty()),
    };
    let attempted = judged.len();
    let mut result = Judgement::new(
        valid,
        [
            ("attempt-count", judged.len().into()),
            ("stable-count", stable_count.into()),
            ("lost-count", lost.len().into()),
            ("lost", Edn::List(lost)),
            ("never-read-count", never_read.len().into()),
            ("never-read", Edn::List(never_read)),
            ("stale-count", stale_values.len().into()),
            ("stale", Edn::List(stale_values)),
            ("worst-stale", Edn::List(stale.into_iter().map(|j| describe(j, add)).collect())),
        ],
    );
    for (name, outcome) in
        [("stable-latencies", Outcome::Stable), ("lost-latencies", Outcome::Lost)]
    {
        result.results.extend(quantiles(latencies(outcome)).map(|q| (Edn::keyword(name), q)));
    }
    result.results.extend(duplicated(&elements.duplicated));
    let judgement = result.with(findings);
    match valid {
        Validity::Unknown => judgement.because("No read shows an element to be there for good."),
        Validity::False if lost_count == 0 => {
            judgement.summed_up(format!("{} stale", count(stale_count, "element")))
        }
        Validity::False => {
            let all = count(attempted, "element");
            judgement.summed_up(format!("{lost_count} of {all} lost: {lost_names}"))
        }
        Validity::True => judgement,
    }
}

/// The first few of some values.
fn names(values: &[Edn]) -> String {
    let mut names: Vec<String> = values.iter().take(NAMED).map(Edn::to_string).collect();
    if values.len() > NAMED {
        names.push(format!("and {} more", values.len() - NAMED));
    }
    names.join(", ")
}

/// An element that was there and is not any more.
fn lost_element(judged: &Judged) -> Finding {
    let Element { value, added, known, last_present, last_absent } = judged.element;
    let words = match last_present {
        Some(_) => format!("Element {value} was read, and the last read lacks it."),
        None => format!("The addition of element {value} was acknowledged; no read shows it."),
    };
    let mut finding = Finding::new(words).on(Edn::clone(value)).about(added.index, "added");
    let index = |read: &Option<Rc<Begin>>| read.as_ref().map(|read| read.op.index);
    for (index, role) in [
        (known.as_ref().map(|known| known.entry.index), "known since"),
        (index(last_present), "last seen by"),
        (index(last_absent), "should have been seen by"),
    ] {
        if let Some(index) = index {
            finding = finding.about(index, role);
        }
    }
    finding
}

/// An element that some read lacked although it was known.
fn stale_element(judged: &Judged) -> Finding {
    let Element { value, added, last_absent, .. } = judged.element;
    let words = format!("Element {value} was seen {} ms after it was known.", judged.latency_ms);
    let finding = Finding::new(words).on(Edn::clone(value)).about(added.index, "added");
    match last_absent {
        Some(read) => finding.about(read.op.index, "should have been seen by"),
        None => finding,
    }
}

fn values<'a>(judged: impl Iterator<Item = &'a Judged<'a>>) -> Vec<Edn> {
    judged.map(|judged| judged.element.value.clone()).collect()
}

/// Everything about one element, as the original lays it out.
fn describe(judged: &Judged, add: &str) -> Edn {
    let latency = |outcome| (judged.outcome == outcome).then_some(judged.latency_ms);
    let last_absent = judged.element.last_absent.as_ref().map(|read| read.op.to_record());
    Edn::map([
        ("element", judged.element.value.clone()),
        ("outcome", Edn::keyword(judged.outcome.name())),
        ("stable-latency", latency(Outcome::Stable).into()),
        ("lost-latency", latency(Outcome::Lost).into()),
        ("known", judged.element.known_op(add).into()),
        ("last-absent", last_absent.into()),
    ])
}

/// The latency at each quantile `q`: the one at position `floor(n · q)` of `n` sorted ones.
fn quantiles(mut latencies_ms: Vec<i64>) -> Option<Edn> {
    latencies_ms.sort_unstable();
    let last = latencies_ms.len().checked_sub(1)?;
    let at =
        |quantile: f64| latencies_ms[last.min((latencies_ms.len() as f64 * quantile) as usize)];
    let entries = QUANTILES.map(|(key, quantile)| (key, Edn::Int(at(quantile))));
    Some(Edn::Map(entries.into()))
}

/// How many elements were read more than once at a time, and the most copies of each.
fn duplicated(copies: &BTreeMap<Edn, usize>) -> [(Edn, Edn); 2] {
    [
        (Edn::keyword("duplicated-count"), copies.len().into()),
        (Edn::keyword("duplicated"), copies.clone().into()),
    ]
}

#[cfg(test)]
mod tests;
