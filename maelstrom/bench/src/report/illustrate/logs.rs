//! The part of a log that a finding is about: its offsets, what stands there, and who polled what.

use std::collections::{BTreeMap, BTreeSet};

use super::{Illustration, Illustrator};
use crate::checker::Finding;
use crate::edn::Edn;
use crate::history::{Op, OpType, ProcessId};
use crate::report::Recorded;
use crate::report::drawings::log::{Column, Part, Row};
use crate::report::format::shortened;
use crate::report::involved::node_of;
use crate::report::logs::records;

/// So many offsets on either side of those that the finding is about.
const AROUND: i64 = 5;

/// So many offsets and polls are drawn.
const COLUMNS: usize = 18;
const ROWS: usize = 16;

/// An operation on the log: the offsets that it had there.
struct Touched {
    process: i64,
    index: usize,
    /// Whether it sent, and else polled.
    sends: bool,
    offsets: Vec<i64>,
    is_meant: bool,
}

/// What the history says of one log.
pub struct PartOfLog {
    key: Edn,
    meant: BTreeSet<usize>,
    open: BTreeMap<ProcessId, usize>,
    touched: Vec<Touched>,
    /// By offset: the messages, each with who sent it.
    messages: BTreeMap<i64, BTreeMap<Edn, Option<i64>>>,
}

impl PartOfLog {
    /// The log that the finding is on.
    pub fn new(finding: &Finding) -> Option<PartOfLog> {
        Some(PartOfLog {
            key: finding.subject.clone()?,
            meant: finding.operations.iter().map(|mention| mention.index).collect(),
            open: BTreeMap::new(),
            touched: Vec::new(),
            messages: BTreeMap::new(),
        })
    }

    /// Those that the finding is about: what was sent, or, if it is about polls only, the end of
    /// the first and the beginning of the second.
    fn meant_offsets(&self) -> Vec<i64> {
        let meant = || self.touched.iter().filter(|touched| touched.is_meant);
        let sent: Vec<i64> =
            meant().filter(|touched| touched.sends).flat_map(|t| t.offsets.clone()).collect();
        if !sent.is_empty() {
            return sent;
        }
        let mut offsets = Vec::new();
        for (number, touched) in meant().enumerate() {
            let edge = if number == 0 { touched.offsets.last() } else { touched.offsets.first() };
            offsets.extend(edge);
        }
        offsets
    }

    fn columns(&self, meant: &[i64]) -> Vec<Column> {
        let mut shown: BTreeSet<i64> = BTreeSet::new();
        for offset in meant {
            shown.extend(offset.saturating_sub(AROUND)..=offset.saturating_add(AROUND));
        }
        let (Some(least), Some(greatest)) = (meant.iter().min(), meant.iter().max()) else {
            return Vec::new();
        };
        if greatest.saturating_sub(*least) < COLUMNS as i64 {
            shown.extend(*least..=*greatest);
        }
        shown.retain(|offset| self.messages.contains_key(offset) || meant.contains(offset));
        // The nearest ones, if there are too many.
        let mut shown: Vec<i64> = shown.into_iter().collect();
        let distance = |offset: i64| meant.iter().map(|m| m.abs_diff(offset)).min().unwrap_or(0);
        shown.sort_by_key(|offset| (distance(*offset), *offset));
        shown.truncate(COLUMNS);
        shown.sort_unstable();
        let column = |offset: i64| {
            let messages = self.messages.get(&offset).into_iter().flatten();
            let message = |(value, sender): (&Edn, &Option<i64>)| {
                let sender = sender.map_or("nobody who was told so".into(), |process| {
                    format!("process {process}")
                });
                (shortened(value, 40), sender)
            };
            Column {
                offset,
                messages: messages.map(message).collect(),
                is_meant: meant.contains(&offset),
            }
        };
        shown.into_iter().map(column).collect()
    }
}

impl Illustrator for PartOfLog {
    fn push(&mut self, op: &Op) {
        let ProcessId::Client(process) = op.process else { return };
        if op.kind == OpType::Invoke {
            self.open.insert(op.process, op.index);
            return;
        }
        let begun = self.open.remove(&op.process).unwrap_or(op.index);
        if op.kind != OpType::Ok {
            return;
        }
        for sends in [true, false] {
            let mut offsets = Vec::new();
            for (is_send, (key, offset, value)) in records(&op.value) {
                if is_send != sends || *key != self.key {
                    continue;
                }
                offsets.push(offset);
                let sender =
                    self.messages.entry(offset).or_default().entry(value.clone()).or_default();
                if is_send {
                    *sender = Some(process);
                }
            }
            if !offsets.is_empty() {
                let is_meant = self.meant.contains(&op.index) || self.meant.contains(&begun);
                self.touched.push(Touched { process, index: begun, sends, offsets, is_meant });
            }
        }
    }

    fn finish(self: Box<Self>, recorded: &Recorded) -> Option<Illustration> {
        let meant = self.meant_offsets();
        let columns = self.columns(&meant);
        let is_shown = |offset: &i64| columns.iter().any(|column| column.offset == *offset);
        let mut rows: Vec<&Touched> = self
            .touched
            .iter()
            .filter(|touched| touched.is_meant || !touched.sends)
            .filter(|touched| touched.is_meant || touched.offsets.iter().any(is_shown))
            .collect();
        // Those that are meant first, when there are too many, then those that saw most of it.
        rows.sort_by_key(|touched| {
            let seen = touched.offsets.iter().filter(|offset| is_shown(offset)).count();
            (!touched.is_meant, std::cmp::Reverse(seen), touched.index)
        });
        rows.truncate(ROWS);
        rows.sort_by_key(|touched| touched.index);
        let row = |touched: &&Touched| {
            let node = node_of(recorded, touched.process)?;
            let verb = if touched.sends { "sends" } else { "polls" };
            let (process, node) = (touched.process, &recorded.options.nodes[node]);
            Some(Row {
                name: format!("process {process} {verb} ({node})"),
                offsets: touched.offsets.clone(),
                is_meant: touched.is_meant,
                index: touched.index,
            })
        };
        let rows: Vec<Row> = rows.iter().filter_map(row).collect();
        if columns.is_empty() || rows.is_empty() {
            return None;
        }
        let title =
            format!("Log {}: what stands there, and who polled what", shortened(&self.key, 24));
        Some(Illustration { svg: Part { title, columns, rows }.draw(), words: String::new() })
    }
}
