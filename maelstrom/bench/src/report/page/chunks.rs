//! The messages of a run for its page, in chunks of which each is unpacked when it is looked at.
//!
//! A short run has all of its chunks inside the page. Of a long one the page has as many as fit,
//! and the others stand beside it as small scripts in the folder [`FOLDER`]: a page that was
//! opened from a disk may load a script, and nothing else. So whoever zooms in sees all messages
//! of any window, and a page that was moved without its folder still shows the whole run in
//! outline and in detail what a reader will want to see first: the moments to which findings
//! point, where faults begin and end, the beginning and the end of the run, and then places
//! spread evenly.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Serialize;

use super::source::{CHUNK, Source, latest, micros, packed, steps};
use super::states::{self, Changes, OfChunk};
use crate::journal::BODY_CHARACTERS;
use crate::parallel;
use crate::report::format::shorten;

/// Where the chunks are that are not in the page.
pub const FOLDER: &str = "messages";

/// So many chunks are made at once.
const TOGETHER: usize = 8;

/// What the page knows of every chunk of a run.
#[derive(Default)]
pub struct Outline {
    /// When the first message of each was sent, in microseconds.
    pub start: Vec<i64>,
    /// When the last message of each was sent or arrived.
    pub end: Vec<i64>,
    /// How many messages each has.
    pub count: Vec<usize>,
}

#[derive(Default, Serialize)]
struct Columns {
    sent_steps: Vec<i64>,
    /// -1 for a message that was lost.
    took: Vec<i64>,
    from: Vec<usize>,
    to: Vec<usize>,
    kind: Vec<usize>,
    /// How many messages before it the one stands that caused it; 0 for none.
    cause: Vec<usize>,
    /// The operation's index in the history; -1 for none.
    operation: Vec<i64>,
    /// 1 for a further delivery of a message that had arrived before.
    duplicate: Vec<u8>,
    body: Vec<String>,
    /// Where the page has not all of them: what nodes were at the beginning, and how they changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    states: Option<Changes>,
}

impl Outline {
    /// When each chunk begins and ends.
    pub fn of(source: &Source) -> Outline {
        let mut chunks = Outline::default();
        for (number, flight) in source.recorded.journal.flights().enumerate() {
            if number % CHUNK == 0 {
                chunks.start.push(i64::MAX);
                chunks.end.push(i64::MIN);
                chunks.count.push(0);
            }
            let at = chunks.count.len() - 1;
            let (sent, end) = (micros(flight.sent), micros(latest(&flight)));
            chunks.start[at] = chunks.start[at].min(sent);
            chunks.end[at] = chunks.end[at].max(end);
            chunks.count[at] += 1;
        }
        chunks
    }

    /// The chunks of this run, compressed: those of greatest interest, as many as fit into `room`
    /// bytes, are to be put into the page and are returned by number, and all others are given to
    /// `write`.
    ///
    /// # Errors
    /// What `write` answers.
    pub fn chunks(
        &self,
        source: &Source,
        moments: &[i64],
        room: usize,
        write: &mut dyn FnMut(&str, &[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Vec<(usize, String)>> {
        let changes = source
            .has_many_states
            .then(|| states::by_chunk(source.recorded.journal.state_changes(), self.count.len()));
        let make = |number: &usize| {
            let rows = number * CHUNK..number * CHUNK + self.count[*number];
            (*number, packed(&columns(source, rows, changes.as_deref())))
        };
        let order = self.by_interest(moments);
        let (mut embedded, mut left, mut is_full) = (Vec::new(), room, false);
        for together in order.chunks(TOGETHER) {
            if is_full {
                break;
            }
            parallel::in_order(together, make, |(number, text)| {
                is_full |= text.len() > left;
                if !is_full {
                    left -= text.len();
                    embedded.push((number, text));
                }
                anyhow::Ok(())
            })?;
        }
        let inside: BTreeSet<usize> = embedded.iter().map(|(number, _)| *number).collect();
        let beside: Vec<usize> =
            (0..self.count.len()).filter(|number| !inside.contains(number)).collect();
        parallel::in_order(&beside, make, |(number, text)| {
            let script = format!("receiveChunk({number},\"{text}\");\n");
            write(&format!("{FOLDER}/{number}.js"), script.as_bytes())
        })?;
        embedded.sort_unstable_by_key(|(number, _)| *number);
        Ok(embedded)
    }

    /// All chunks, those first that a reader will want to see.
    fn by_interest(&self, moments: &[i64]) -> Vec<usize> {
        let count = self.count.len();
        if count == 0 {
            return Vec::new();
        }
        let at = |time: &i64| {
            self.start.partition_point(|start| *start <= micros(*time)).saturating_sub(1)
        };
        let mut order: Vec<usize> = moments.iter().map(at).collect();
        // Something that a moment shows may have begun a little before it.
        order.extend(order.clone().iter().map(|chunk| chunk.saturating_sub(1)));
        order.extend([0, count - 1, 1.min(count - 1), count.saturating_sub(2)]);
        let bits = usize::BITS - (count - 1).leading_zeros();
        let spread = (0..1 << bits).map(|number: usize| bit_reversed(number, bits));
        order.extend(spread.filter(|chunk| *chunk < count));
        let mut seen = BTreeSet::new();
        order.retain(|chunk| seen.insert(*chunk));
        order
    }
}

/// Visits 0..2^bits so that every prefix is spread evenly: of 8 numbers, 0, 4, 2, 6, 1, ….
fn bit_reversed(number: usize, bits: u32) -> usize {
    if bits == 0 { 0 } else { number.reverse_bits() >> (usize::BITS - bits) }
}

fn columns(source: &Source, rows: Range<usize>, changes: Option<&[OfChunk]>) -> Columns {
    let journal = source.recorded.journal;
    let mut columns = Columns::default();
    let mut sent = Vec::new();
    let number_of_chunk = rows.start / CHUNK;
    for (number, flight) in rows.clone().zip(journal.flights_in(rows)) {
        sent.push(micros(flight.sent));
        let took = flight.received.map_or(-1, |at| micros(at) - micros(flight.sent));
        columns.took.push(took);
        columns.from.push(source.lanes.of_name(flight.src));
        columns.to.push(source.lanes.of_name(flight.dest));
        columns.kind.push(source.places_of_types[flight.kind as usize]);
        columns.cause.push(flight.cause.map_or(0, |cause| number - cause));
        columns.operation.push(flight.operation.map_or(-1, |index| index as i64));
        columns.duplicate.push(u8::from(flight.is_duplicate));
        columns.body.push(shorten(&journal.body(&flight), BODY_CHARACTERS));
    }
    columns.sent_steps = steps(&sent);
    columns.states = changes.map(|all| states::of_chunk(source, &all[number_of_chunk]));
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_comes_first_and_every_chunk_once() {
        let mut chunks = Outline::default();
        for number in 0..20 {
            chunks.start.push(number * 1000);
            chunks.end.push(number * 1000 + 1500);
            chunks.count.push(CHUNK);
        }
        let order = chunks.by_interest(&[7_500_000]);
        assert_eq!(order[..6], [7, 6, 0, 19, 1, 18]);
        let all: BTreeSet<usize> = order.iter().copied().collect();
        assert_eq!((order.len(), all.len()), (20, 20));
        assert_eq!(Outline::default().by_interest(&[3]), [0; 0]);
    }

    #[test]
    fn an_order_by_reversed_bits_is_spread_evenly() {
        let order: Vec<usize> = (0..8).map(|number| bit_reversed(number, 3)).collect();
        assert_eq!(order, [0, 4, 2, 6, 1, 5, 3, 7]);
    }
}
