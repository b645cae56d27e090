//! One look at every element of every read, and no more.
//!
//! An element wants the last read to begin that shows it, and the last that lacks it. So the
//! reads are taken from the last to begin to the first: the first one met that shows an
//! element is the last that does, and likewise for the first that lacks it.
//!
//! To show is cheap: the read lists what it shows. To lack is not, for nearly every read lacks
//! nearly everything before the end of a long run. So the elements for which no read lacking
//! them has been met are kept in a list. Each read goes through the list, takes out those it
//! lacks, and passes by those it shows: at most its own length, and each element is taken out
//! once. Together that is linear in the total length of the reads.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::atom::{Atom, Atoms};
use crate::edn::Edn;
use crate::history::{OpType, Operations, ProcessId};

/// Where an entry is in the history.
pub(super) type Position = u32;

/// A position that no operation has, after all that one can have.
const NEVER: Position = u32::MAX;

/// Integers from 0 up to this are looked up in a table instead of a hash map: 4 MiB at most.
const SMALL_INTS: i64 = 1 << 20;

/// Marks what has no number yet in that table.
const UNMET: u32 = u32::MAX;

/// What the history says of one element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) value: Edn,
    /// The last request to add it.
    pub(super) added: Position,
    /// The first acknowledgement of its addition, or the end of the first read that shows it.
    pub(super) known: Option<Position>,
    /// The beginning of the last read to begin that shows it.
    pub(super) last_present: Option<Position>,
    /// The beginning of the last read to begin that lacks it, of the reads that ended after
    /// its addition was requested.
    pub(super) last_absent: Option<Position>,
}

/// What the history says of all elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Those whose addition was requested, by value.
    pub(super) elements: Vec<Element>,
    /// The most copies in one read, where there were several.
    pub(super) duplicated: BTreeMap<Edn, usize>,
}

/// A read that succeeded.
struct Read {
    begin: Position,
    end: Position,
}

/// What is noted of an element, or of a value that was read and never added, on the way.
struct Track {
    /// The last request to add it. An element that is added anew begins anew.
    added: Position,
    known: Position,
    last_present: Option<Position>,
    last_absent: Option<Position>,
    /// The number of the latest read that was found to show it, and its copies there.
    seen: u32,
    copies: u32,
    most_copies: u32,
}

const UNTRACKED: Track = Track {
    added: NEVER,
    known: NEVER,
    last_present: None,
    last_absent: None,
    seen: 0,
    copies: 0,
    most_copies: 0,
};

/// Numbers values in the order in which they are first met.
#[derive(Default)]
struct Tracks {
    atoms: Atoms,
    values: Vec<Atom>,
    tracks: Vec<Track>,
    /// Nearly all elements are 0, 1, 2, …: they need no hashing. [`UNMET`] is no number.
    small: Vec<u32>,
    by_value: FxHashMap<Atom, u32>,
}

impl Tracks {
    fn of(&mut self, value: &Edn) -> &mut Track {
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
            other => *self.by_value.entry(self.atoms.intern(other)).or_insert(next),
        };
        if number == next {
            self.values.push(self.atoms.intern(value));
            self.tracks.push(UNTRACKED);
        }
        &mut self.tracks[number as usize]
    }
}

/// Collects what [`Scan`] says.
///
/// # Errors
/// A sentence, when a read has no beginning or its value is not a collection.
pub(super) fn scan(operations: &Operations, add: &str) -> Result<Scan, String> {
    let mut tracks = Tracks::default();
    let mut reads = additions_and_reads(operations, add, &mut tracks)?;
    reads.sort_unstable_by_key(|read| std::cmp::Reverse(read.begin));
    let mut lacking = Lacking::new(&tracks.tracks);
    // From 1: the number 0 is that of no read.
    for (number, read) in (1..).zip(&reads) {
        let values = operations.items(read.end as usize).expect("just seen");
        values.for_each(|value| tracks.of(&value).show(number, read));
        lacking.take_out(&mut tracks.tracks, number, read);
    }
    Ok(tracks.finish())
}

/// Notes requests to add and their acknowledgements; gives the successful reads.
fn additions_and_reads(
    operations: &Operations,
    add: &str,
    tracks: &mut Tracks,
) -> Result<Vec<Read>, String> {
    let mut reads = Vec::new();
    let mut began: FxHashMap<ProcessId, Position> = FxHashMap::default();
    for (place, position) in (0..operations.entries()).zip(0..) {
        let head = operations.head(place);
        if head.process == ProcessId::Nemesis {
            continue;
        }
        let begin = match head.kind {
            OpType::Invoke => began.insert(head.process, position),
            _ => began.remove(&head.process),
        };
        if &**head.f == add {
            let track = tracks.of(&operations.value(place));
            match head.kind {
                OpType::Invoke => *track = Track { added: position, ..UNTRACKED },
                OpType::Ok if track.added != NEVER => track.known = track.known.min(position),
                _ => {}
            }
        } else if &**head.f == "read" && head.kind == OpType::Ok {
            let problem =
                |what: &str| format!("The read that ends as operation {} {what}.", head.index);
            let begin = begin.ok_or_else(|| problem("never began"))?;
            if operations.items(place).is_none() {
                return Err(problem("is not a collection"));
            }
            reads.push(Read { begin, end: position });
        }
    }
    Ok(reads)
}

impl Track {
    fn show(&mut self, number: u32, read: &Read) {
        if self.seen == number {
            self.copies += 1;
            self.most_copies = self.most_copies.max(self.copies);
        } else {
            (self.seen, self.copies) = (number, 1);
        }
        if self.added < read.end {
            self.known = self.known.min(read.end);
            self.last_present.get_or_insert(read.begin);
        }
    }
}

/// The elements that no read met so far lacks, in the order in which they were added: a linked
/// list, because they are taken out anywhere.
struct Lacking {
    elements: Vec<u32>,
    /// The place in `elements` that follows each; the first entry is the list's head, so that
    /// place `i` is followed by `next[i + 1]`.
    next: Vec<u32>,
}

impl Lacking {
    fn new(tracks: &[Track]) -> Lacking {
        let added = tracks.iter().zip(0u32..).filter(|(track, _)| track.added != NEVER);
        let mut elements: Vec<u32> = added.map(|(_, element)| element).collect();
        elements.sort_unstable_by_key(|&element| tracks[element as usize].added);
        Lacking { next: (0..).take(elements.len() + 1).collect(), elements }
    }

    /// Takes out what this read lacks. A read says nothing of an element whose addition was
    /// requested after its end; such elements are the tail of the list.
    fn take_out(&mut self, tracks: &mut [Track], number: u32, read: &Read) {
        let mut link = 0;
        while let Some(&element) = self.elements.get(self.next[link] as usize) {
            let track = &mut tracks[element as usize];
            let place = self.next[link] as usize;
            if track.added > read.end {
                break;
            } else if track.seen == number {
                link = place + 1;
            } else {
                track.last_absent = Some(read.begin);
                self.next[link] = self.next[place + 1];
            }
        }
    }
}

impl Tracks {
    fn finish(self) -> Scan {
        let mut scan = Scan { elements: Vec::new(), duplicated: BTreeMap::new() };
        for (value, track) in self.values.into_iter().zip(self.tracks) {
            let value = self.atoms.edn(value);
            if track.most_copies > 0 {
                scan.duplicated.insert(value.clone(), track.most_copies as usize);
            }
            if track.added != NEVER {
                let known = (track.known != NEVER).then_some(track.known);
                let Track { added, last_present, last_absent, .. } = track;
                scan.elements.push(Element { value, added, known, last_present, last_absent });
            }
        }
        scan.elements.sort_unstable_by(|a, b| a.value.cmp(&b.value));
        scan
    }
}
