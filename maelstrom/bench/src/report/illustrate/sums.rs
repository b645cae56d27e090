//! The final reads of a counter, and the sums that are possible.

use super::{Illustration, Illustrator};
use crate::checker::Judgement;
use crate::edn::Edn;
use crate::history::{Op, OpType, ProcessId};
use crate::report::Recorded;
use crate::report::drawings::values::{Row, Values};
use crate::report::format::shortened;
use crate::report::involved::node_of;

/// So many reads are drawn.
const MOST: usize = 40;

/// The final reads.
pub struct Sums {
    right: Vec<(f64, f64)>,
    reads: Vec<Op>,
}

impl Sums {
    /// Those of a history that was judged so.
    pub fn new(judgement: &Judgement) -> Sums {
        let mut results = judgement.results.iter();
        let acceptable = results.find(|(key, _)| key.as_keyword() == Some("acceptable"));
        let ranges = acceptable.and_then(|(_, ranges)| ranges.as_slice()).unwrap_or_default();
        let range = |range: &Edn| match range.as_slice()? {
            [low, high] => Some((low.as_i64()? as f64, high.as_i64()? as f64)),
            _ => None,
        };
        Sums { right: ranges.iter().filter_map(range).collect(), reads: Vec::new() }
    }
}

impl Illustrator for Sums {
    fn push(&mut self, op: &Op) {
        let is_final = op.extra("final?").is_some_and(|mark| *mark == Edn::Bool(true));
        if is_final && op.is_client() && op.kind == OpType::Ok && self.reads.len() < MOST {
            self.reads.push(op.clone());
        }
    }

    fn finish(self: Box<Self>, recorded: &Recorded) -> Option<Illustration> {
        let Sums { right, reads } = *self;
        let row = |op: &Op| {
            let ProcessId::Client(process) = op.process else { return None };
            let node = node_of(recorded, process)?;
            let value = op.value.as_i64().map(|value| value as f64);
            let is_right = value.is_some_and(|value| {
                right.iter().any(|(low, high)| (*low..=*high).contains(&value))
            });
            Some(Row {
                name: format!("{}, read by process {process}", recorded.options.nodes[node]),
                value,
                text: shortened(&op.value, 12),
                is_right,
                index: op.index,
            })
        };
        let rows: Vec<Row> = reads.iter().filter_map(row).collect();
        let title = "What was read in the end, and what was added (the band)".to_owned();
        let svg = Values { title, rows, right: right.clone() }.draw();
        Some(Illustration { svg, words: String::new() })
    }
}
