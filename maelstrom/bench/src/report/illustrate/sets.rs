//! Who had an element when: each node's reads, from the first that showed it or lacked it.

use std::collections::BTreeMap;

use super::{Illustration, Illustrator, at, faults_in_words, lanes};
use crate::checker::Finding;
use crate::edn::Edn;
use crate::history::{Op, OpType, ProcessId};
use crate::report::Recorded;
use crate::report::drawings::lanes::{Band, Bar};
use crate::report::format::shortened;
use crate::report::involved::node_of;

/// A read: when it began and ended, and whether it showed the element.
#[derive(Clone, Copy)]
struct Read {
    time: (i64, i64),
    has: bool,
}

/// The addition.
struct Added {
    process: i64,
    time: (i64, Option<i64>),
    index: usize,
}

/// What became of an element.
pub struct Holders {
    element: Edn,
    open: BTreeMap<ProcessId, i64>,
    /// By process: a node may have several.
    reads: Vec<(i64, Read)>,
    added: Option<Added>,
}

impl Holders {
    /// Those of the element that the finding is on.
    pub fn new(finding: &Finding) -> Option<Holders> {
        let element = finding.subject.clone()?;
        Some(Holders { element, open: BTreeMap::new(), reads: Vec::new(), added: None })
    }

    fn push_addition(&mut self, process: i64, op: &Op) {
        match &mut self.added {
            None if op.kind == OpType::Invoke && op.value == self.element => {
                let (time, index) = ((op.time, None), op.index);
                self.added = Some(Added { process, time, index });
            }
            Some(added) if op.kind == OpType::Ok && added.process == process => {
                added.time.1.get_or_insert(op.time);
            }
            _ => {}
        }
    }
}

impl Illustrator for Holders {
    fn push(&mut self, op: &Op) {
        let ProcessId::Client(process) = op.process else { return };
        if &*op.f != "read" {
            return self.push_addition(process, op);
        }
        match op.kind {
            OpType::Invoke => drop(self.open.insert(op.process, op.time)),
            OpType::Ok => {
                let begun = self.open.remove(&op.process).unwrap_or(op.time);
                // What was read before it was added cannot have it.
                if self.added.is_none() {
                    return;
                }
                let has = match &op.value {
                    Edn::Vector(items) | Edn::List(items) | Edn::Set(items) => {
                        items.contains(&self.element)
                    }
                    _ => false,
                };
                self.reads.push((process, Read { time: (begun, op.time), has }));
            }
            _ => {}
        }
    }

    fn finish(self: Box<Self>, recorded: &Recorded) -> Option<Illustration> {
        let added = self.added.as_ref()?;
        let nodes = &recorded.options.nodes;
        let element = shortened(&self.element, 24);
        let mut by_node: Vec<Vec<Read>> = vec![Vec::new(); nodes.len()];
        for (process, read) in &self.reads {
            by_node[node_of(recorded, *process)?].push(*read);
        }
        let story = Story::of(added, &by_node);
        let title = format!("Who had {element} when: what reads at each node showed");
        let mut lanes = lanes(recorded, title, story.window);
        lanes.legend = Some(("reads show it", "reads lack it"));
        for (lane, reads) in by_node.iter().enumerate() {
            let within = |band: &Band| band.time.0 <= lanes.time.1 && band.time.1 >= lanes.time.0;
            let shown: Vec<Band> = bands(lane, reads).into_iter().filter(within).collect();
            lanes.bands.extend(shown);
        }
        let home = node_of(recorded, added.process)?;
        lanes.bars.push(Bar {
            lane: home,
            time: added.time,
            label: format!("{element} is added"),
            is_bad: false,
            index: added.index,
        });
        let words = story.in_words(recorded, &nodes[home].to_string());
        Some(Illustration { svg: lanes.draw(), words })
    }
}

/// From each read to the next at the same node, what it showed.
fn bands(lane: usize, reads: &[Read]) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for read in reads {
        match bands.last_mut() {
            Some(last) if last.has == read.has => last.time.1 = read.time.1,
            _ => bands.push(Band { lane, time: read.time, has: read.has }),
        }
    }
    bands
}

/// What happened to the element, and the part of the run in which it did.
struct Story {
    added: i64,
    /// The nodes whose reads showed it to the end, those whose reads never did, and those whose
    /// reads showed it and then lacked it.
    kept: Vec<usize>,
    never: Vec<usize>,
    lost: Vec<usize>,
    /// When whatever is to blame must have happened.
    suspicious: (i64, i64),
    window: (i64, i64),
}

impl Story {
    fn of(added: &Added, by_node: &[Vec<Read>]) -> Story {
        let start = added.time.0;
        let known = added.time.1.unwrap_or(start);
        let (mut kept, mut never, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        // From when on it should have been there, and when it first was not.
        let mut gone: Option<(i64, i64)> = None;
        let mut missed: Option<i64> = None;
        for (node, reads) in by_node.iter().enumerate() {
            let Some(last) = reads.last() else { continue };
            let seen = reads.iter().rposition(|read| read.has);
            let after = seen.map_or(0, |seen| seen + 1);
            let lacking = reads[after..].iter().find(|read| read.time.0 >= known);
            match (seen, last.has) {
                (_, true) => kept.push(node),
                (None, false) => never.push(node),
                (Some(_), false) => lost.push(node),
            }
            match (seen, lacking) {
                (Some(seen), Some(read)) => {
                    let time = (reads[seen].time.0, read.time.1);
                    gone = Some(gone.map_or(time, |old| if time.1 < old.1 { time } else { old }));
                }
                (None, Some(read)) => {
                    missed = Some(missed.map_or(read.time.1, |old| old.min(read.time.1)));
                }
                _ => {}
            }
        }
        let suspicious = gone.unwrap_or((start, missed.unwrap_or(known)));
        let seen = by_node.iter().flatten().filter(|read| read.has).map(|read| read.time.0).min();
        // Some of what came before and after, as far as there is something to see.
        let end = suspicious.1.max(seen.unwrap_or(known)).max(known);
        let length = (end - start).max(400_000_000);
        let window = (start - length / 8, end + length);
        Story { added: start, kept, never, lost, suspicious, window }
    }

    fn in_words(&self, recorded: &Recorded, home: &str) -> String {
        let names = |nodes: &[usize]| {
            let names: Vec<&str> =
                nodes.iter().map(|node| recorded.options.nodes[*node].as_str()).collect();
            names.join(", ")
        };
        let mut text = format!("It was added at {home} at {}.", at(self.added));
        for (nodes, what) in [
            (&self.lost, "showed it and then lacked it"),
            (&self.never, "never showed it"),
            (&self.kept, "showed it to the end"),
        ] {
            if !nodes.is_empty() {
                text += &format!(" Reads at {} {what}.", names(nodes));
            }
        }
        format!("{text} {}", faults_in_words(recorded, self.suspicious))
    }
}
