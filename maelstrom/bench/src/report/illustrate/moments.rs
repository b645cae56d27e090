//! The operations of a finding, to scale, at the nodes where they ran.

use std::collections::BTreeMap;

use super::{Illustration, Illustrator, faults_in_words, lanes};
use crate::checker::Finding;
use crate::history::{Op, ProcessId};
use crate::report::Recorded;
use crate::report::drawings::lanes::Bar;
use crate::report::format::shortened;
use crate::report::involved::node_of;

/// How much of a value is shown.
const VALUE_CHARACTERS: usize = 36;

/// So far around an operation by itself is drawn, in nanoseconds: what ran at the same time may
/// be the reason.
const AROUND: i64 = 20_000_000;

/// So many operations are drawn.
const MOST: usize = 24;

/// An operation that is drawn.
struct Found {
    process: i64,
    bar: Bar,
}

/// The operations, as the history brings them.
pub struct Moments {
    title: String,
    /// The indices that the finding names.
    meant: Vec<usize>,
    /// When those begin and end.
    time: (i64, i64),
    open: BTreeMap<ProcessId, Op>,
    found: Vec<Found>,
    /// Whether others that ran at the same time are drawn.
    shows_others: bool,
}

impl Moments {
    /// Those of this finding.
    pub fn new(finding: &Finding, recorded: &Recorded) -> Moments {
        let meant: Vec<usize> = finding.operations.iter().map(|mention| mention.index).collect();
        let is_meant = |index: usize| meant.contains(&index);
        let mut time = (i64::MAX, i64::MIN);
        for operation in recorded.activity.operations() {
            let end = operation.end.filter(|end| is_meant(end.index));
            if is_meant(operation.index) || end.is_some() {
                time.0 = time.0.min(operation.start);
                time.1 = time.1.max(operation.end.map_or(operation.start, |end| end.time));
            }
        }
        let shows_others = meant.len() == 1;
        if shows_others {
            // There is nothing to see before the run began.
            time =
                (time.0.saturating_sub(AROUND).max(time.0.min(0)), time.1.saturating_add(AROUND));
        }
        let title = match &finding.subject {
            Some(subject) => {
                format!("Who got {} when, and at which node", shortened(subject, VALUE_CHARACTERS))
            }
            None => "What ran at that time, at which node".to_owned(),
        };
        Moments { title, meant, time, open: BTreeMap::new(), found: Vec::new(), shows_others }
    }
}

impl Illustrator for Moments {
    fn push(&mut self, op: &Op) {
        let ProcessId::Client(process) = op.process else { return };
        let Some(invoke) = self.open.remove(&op.process) else {
            self.open.insert(op.process, op.clone());
            return;
        };
        let is_meant = self.meant.contains(&op.index) || self.meant.contains(&invoke.index);
        let is_near = invoke.time <= self.time.1 && op.time >= self.time.0;
        if !(is_meant || self.shows_others && is_near && self.found.len() < MOST) {
            return;
        }
        let [asked, told] = [&invoke, op].map(|op| shortened(&op.value, VALUE_CHARACTERS));
        let told = op.value.get("echo").map_or(told, |echo| shortened(echo, VALUE_CHARACTERS));
        let label = match asked == "nil" {
            true => format!("{} → {told}", op.f),
            false => format!("{} {asked} → {told}", op.f),
        };
        let bar = Bar {
            lane: 0,
            time: (invoke.time, Some(op.time)),
            label,
            is_bad: is_meant,
            index: invoke.index,
        };
        self.found.push(Found { process, bar });
    }

    fn finish(self: Box<Self>, recorded: &Recorded) -> Option<Illustration> {
        let (from, to) = self.time;
        if self.found.is_empty() || from > to {
            return None;
        }
        let mut lanes = lanes(recorded, self.title, self.time);
        // Those that the finding means have the first choice of a place for their words.
        let mut found = self.found;
        found.sort_by_key(|found| !found.bar.is_bad);
        for Found { process, bar } in found {
            lanes.bars.push(Bar { lane: node_of(recorded, process)?, ..bar });
        }
        Some(Illustration { svg: lanes.draw(), words: faults_in_words(recorded, (from, to)) })
    }
}
