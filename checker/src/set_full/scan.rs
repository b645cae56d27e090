//! One look at every element of every read, and no more; and nothing is kept of a read once it
//! has been looked at.
//!
//! An element wants the last read to begin that shows it, and the last that lacks it. To show is
//! cheap: the read lists what it shows. To lack is not, for nearly every read lacks nearly
//! everything at one time or another. So an element is in one of two states:
//!
//! - *Shown* by the read that was looked at last. The next read goes through these, and finds
//!   those that it lacks: that takes no longer than the read before was.
//! - *Lacked* by every read since the one with a certain number. Nobody touches it until a read
//!   shows it, or the history ends. Then the last of those reads to begin is the one wanted.
//!
//! That one is found in a stack of reads, each of which began before the ones below it and was
//! looked at after them. Reads end in about the order in which they begin, so it is never higher
//! than there are processes. Together all this is linear in the total length of the reads, and
//! takes memory for each element, not for each read.

use std::collections::BTreeMap;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::edn::Edn;
use crate::history::{Op, OpType, ProcessId};

/// Integers from 0 up to this are looked up in a table instead of a hash map: 4 MiB at most.
const SMALL_INTS: i64 = 1 << 20;

/// Marks what has no number yet in that table.
const UNMET: u32 = u32::MAX;

/// A result shows the read by which an element became known. Of reads with so many elements in
/// all the values are kept for that; of further ones the result says [`LEFT_OUT`].
const KEPT_ELEMENTS: usize = 1 << 19;

/// Stands for the value of a read that is not kept.
const LEFT_OUT: &str = "left-out";

/// An entry of the history: its place there, and what its index and time are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) position: usize,
    pub(super) index: usize,
    pub(super) time: i64,
}

/// The entry by which an element became known.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) entry: Entry,
    by: KnownBy,
}

#[derive(Clone, Debug)]
enum KnownBy {
    /// The acknowledgement of its addition, by this process.
    Acknowledged(ProcessId),
    /// Another entry.
    Other(Rc<Op>),
}

/// The beginning of a read.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) position: usize,
    pub(super) op: Op,
}

/// What the history says of one element.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) value: Edn,
    /// The last request to add it.
    pub(super) added: Entry,
    /// The first acknowledgement of its addition, or the end of the first read that shows it.
    pub(super) known: Option<Known>,
    /// The beginning of the last read to begin that shows it.
    pub(super) last_present: Option<Rc<Begin>>,
    /// The beginning of the last read to begin that lacks it, of the reads that ended after
    /// its addition was requested.
    pub(super) last_absent: Option<Rc<Begin>>,
}

impl Element {
    /// The entry by which it became known, in full. The original's checker of broadcasts is told
    /// that they are additions.
    pub(super) fn known_op(&self, add: &str) -> Option<Edn> {
        let Known { entry, by } = self.known.as_ref()?;
        Some(match by {
            KnownBy::Other(op) if &*op.f == add => {
                Op { f: "add".into(), ..Op::clone(op) }.to_record()
            }
            KnownBy::Other(op) => op.to_record(),
            KnownBy::Acknowledged(process) => Op {
                index: entry.index,
                time: entry.time,
                kind: OpType::Ok,
                process: *process,
                f: "add".into(),
                value: self.value.clone(),
                extra: Vec::new(),
            }
            .to_record(),
        })
    }
}

/// What the history says of all elements.
#[derive(Clone, Debug)]
pub(super) struct Elements {
    /// Those whose addition was requested, by value.
    pub(super) list: Vec<Element>,
    /// The most copies in one read, where there were several.
    pub(super) duplicated: BTreeMap<Edn, usize>,
}

/// What is noted of an element, or of a value that was read and never added, on the way.
struct Track {
    value: Edn,
    /// The last request to add it. An element that is added anew begins anew.
    added: Option<Entry>,
    known: Option<Known>,
    last_present: Option<Rc<Begin>>,
    last_absent: Option<Rc<Begin>>,
    /// Every read from the one with this number on lacks it.
    lacked_since: Option<u32>,
    /// The number of the latest read that shows it, and its copies there.
    seen: u32,
    copies: u32,
    most_copies: u32,
}

impl Track {
    fn new(value: Edn) -> Track {
        Track {
            value,
            added: None,
            known: None,
            last_present: None,
            last_absent: None,
            lacked_since: None,
            seen: 0,
            copies: 0,
            most_copies: 0,
        }
    }

    /// No read lacks it any more: the last one that did is found among these.
    fn settle(&mut self, reads: &[(u32, Rc<Begin>)]) {
        let Some(since) = self.lacked_since.take() else { return };
        let first = reads.partition_point(|(number, _)| *number < since);
        if let Some((_, read)) = reads.get(first) {
            raise(&mut self.last_absent, read);
        }
    }
}

/// Makes the later of two beginnings of the first.
fn raise(last: &mut Option<Rc<Begin>>, read: &Rc<Begin>) {
    if last.as_ref().is_none_or(|last| last.position < read.position) {
        *last = Some(read.clone());
    }
}

/// Collects what [`Elements`] says, entry by entry.
pub(super) struct Scan {
    add: &'static str,
    /// Where the next entry stands in the history.
    position: usize,
    tracks: Vec<Track>,
    /// Nearly all elements are 0, 1, 2, …: they need no hashing. [`UNMET`] is no number.
    small: Vec<u32>,
    by_value: FxHashMap<Edn, u32>,
    /// The operations that have begun and not ended.
    began: FxHashMap<ProcessId, Rc<Begin>>,
    /// The number of the latest read: 0 is that of none.
    number: u32,
    /// What it shows.
    shown: Vec<u32>,
    /// Of the reads so far, each that began after all that came later.
    reads: Vec<(u32, Rc<Begin>)>,
    kept_elements: usize,
}

impl Scan {
    /// Nothing yet of a history in which elements are added by this function.
    pub(super) fn new(add: &'static str) -> Scan {
        Scan {
            add,
            position: 0,
            tracks: Vec::new(),
            small: Vec::new(),
            by_value: FxHashMap::default(),
            began: FxHashMap::default(),
            number: 0,
            shown: Vec::new(),
            reads: Vec::new(),
            kept_elements: 0,
        }
    }

    /// Takes in the next entry.
    ///
    /// # Errors
    /// A sentence, when a read has no beginning or its value is not a collection.
    pub(super) fn push(&mut self, op: &Op) -> Result<(), String> {
        let position = self.position;
        self.position += 1;
        if !op.is_client() {
            return Ok(());
        }
        let entry = Entry { position, index: op.index, time: op.time };
        let begin = match op.kind {
            OpType::Invoke => {
                self.began.insert(op.process, Rc::new(Begin { position, op: op.clone() }))
            }
            _ => self.began.remove(&op.process),
        };
        if &*op.f == self.add {
            self.add(entry, op);
        } else if &*op.f == "read" && op.kind == OpType::Ok {
            let problem =
                |what: &str| format!("The read that ends as operation {} {what}.", op.index);
            let begin = begin.ok_or_else(|| problem("never began"))?;
            let values = if op.value.is_nil() { Some(&[][..]) } else { op.value.as_slice() };
            let values = values.ok_or_else(|| problem("is not a collection"))?;
            self.read(&begin, entry, op, values);
        }
        Ok(())
    }

    fn number_of(&mut self, value: &Edn) -> usize {
        let next = u32::try_from(self.tracks.len()).expect("values beyond what memory holds");
        let number = match value {
            Edn::Int(int @ 0..SMALL_INTS) => {
                let index = *int as usize;
                if index >= self.small.len() {
                    self.small.resize(index + 1, UNMET);
                }
                if self.small[index] == UNMET {
                    self.small[index] = next;
                }
                self.small[index]
            }
            other => {
                let value = other.canonical();
                match self.by_value.get(&*value) {
                    Some(number) => *number,
                    None => {
                        self.by_value.insert(value.into_owned(), next);
                        next
                    }
                }
            }
        };
        if number == next {
            self.tracks.push(Track::new(value.canonical().into_owned()));
        }
        number as usize
    }

    fn add(&mut self, entry: Entry, op: &Op) {
        let number = self.number_of(&op.value);
        let next_read = self.number + 1;
        let track = &mut self.tracks[number];
        match op.kind {
            OpType::Invoke => {
                track.added = Some(entry);
                (track.known, track.last_present, track.last_absent) = (None, None, None);
                track.lacked_since = Some(next_read);
            }
            OpType::Ok if track.added.is_some() && track.known.is_none() => {
                let is_plain = op.extra.is_empty() && op.value == track.value;
                let by = match is_plain {
                    true => KnownBy::Acknowledged(op.process),
                    false => KnownBy::Other(Rc::new(op.clone())),
                };
                track.known = Some(Known { entry, by });
            }
            _ => {}
        }
    }

    fn read(&mut self, begin: &Rc<Begin>, end: Entry, op: &Op, values: &[Edn]) {
        self.number += 1;
        let number = self.number;
        let mut shown = Vec::with_capacity(values.len());
        // Made once, if any element becomes known by this read.
        let mut kept = None;
        for value in values {
            let place = self.number_of(value);
            let track = &mut self.tracks[place];
            if track.seen == number {
                track.copies += 1;
                track.most_copies = track.most_copies.max(track.copies);
                continue;
            }
            (track.seen, track.copies) = (number, 1);
            if track.added.is_none() {
                continue;
            }
            if track.known.is_none() {
                let op = kept.get_or_insert_with(|| {
                    self.kept_elements = self.kept_elements.saturating_add(values.len());
                    let is_kept = self.kept_elements <= KEPT_ELEMENTS;
                    let value = if is_kept { op.value.clone() } else { Edn::keyword(LEFT_OUT) };
                    Rc::new(Op { value, f: op.f.clone(), extra: op.extra.clone(), ..*op })
                });
                track.known = Some(Known { entry: end, by: KnownBy::Other(op.clone()) });
            }
            raise(&mut track.last_present, begin);
            track.settle(&self.reads);
            shown.push(place as u32);
        }
        for place in std::mem::replace(&mut self.shown, shown) {
            let track = &mut self.tracks[place as usize];
            if track.seen != number && track.lacked_since.is_none() {
                track.lacked_since = Some(number);
            }
        }
        while self.reads.pop_if(|(_, last)| last.position < begin.position).is_some() {}
        self.reads.push((number, begin.clone()));
    }

    /// What it all says.
    pub(super) fn finish(self) -> Elements {
        let mut elements = Elements { list: Vec::new(), duplicated: BTreeMap::new() };
        for mut track in self.tracks {
            track.settle(&self.reads);
            if track.most_copies > 0 {
                elements.duplicated.insert(track.value.clone(), track.most_copies as usize);
            }
            let Track { value, known, last_present, last_absent, .. } = track;
            if let Some(added) = track.added {
                elements.list.push(Element { value, added, known, last_present, last_absent });
            }
        }
        elements.list.sort_unstable_by(|a, b| a.value.cmp(&b.value));
        elements
    }
}
