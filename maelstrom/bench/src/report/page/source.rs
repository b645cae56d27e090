//! A run as all parts of the page's data take it, and the forms that numbers have there.

use std::io::Write;

use base64::Engine;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::lanes::Lanes;
use crate::journal::Flight;
use crate::report::Recorded;
use crate::report::faults::FaultSpan;
use crate::report::findings::Pointer;
use crate::report::waits::Waits;

/// How many messages a chunk has.
pub const CHUNK: usize = 4096;

/// So many changes of states are in the page.
pub const CHANGES: usize = 16_000;

/// What all parts of the data are made of.
pub struct Source<'a> {
    /// The run.
    pub recorded: &'a Recorded<'a>,
    /// The lanes.
    pub lanes: &'a Lanes,
    /// By the number of a type in the journal, its place among the sorted ones.
    pub places_of_types: Vec<usize>,
    /// Whether states are in the chunks, because the page has no room for all of them.
    pub has_many_states: bool,
    /// What findings point to.
    pub pointers: &'a [Pointer],
    /// Requests that waited for a node that was down.
    pub waits: &'a Waits,
    /// The faults.
    pub faults: &'a [FaultSpan],
    /// The types of messages, sorted.
    pub types: Vec<&'a str>,
    /// When the first message or operation begins, in nanoseconds.
    pub start: i64,
    /// When the last one ends.
    pub end: i64,
}

impl<'a> Source<'a> {
    /// A run and what was found in it.
    pub fn new(
        recorded: &'a Recorded<'a>,
        pointers: &'a [Pointer],
        waits: &'a Waits,
        faults: &'a [FaultSpan],
        lanes: &'a Lanes,
    ) -> Source<'a> {
        let kinds = recorded.journal.kinds();
        let mut types: Vec<&str> = kinds.iter().map(|kind| &**kind).collect();
        types.sort_unstable();
        let place = |kind: &String| types.binary_search(&&**kind).unwrap_or(0);
        let (start, end) = bounds(recorded);
        Source {
            recorded,
            lanes,
            places_of_types: kinds.iter().map(place).collect(),
            has_many_states: recorded.journal.state_changes().nth(CHANGES).is_some(),
            pointers,
            waits,
            faults,
            types,
            start,
            end,
        }
    }
}

/// From the first message or operation to the last.
fn bounds(recorded: &Recorded) -> (i64, i64) {
    let mut flights = recorded.journal.flights();
    let Some(first) = flights.next() else { return (0, recorded.activity.end().max(0)) };
    let last = flights.map(|flight| latest(&flight)).fold(latest(&first), i64::max);
    (first.sent.min(0), last.max(recorded.activity.end()))
}

/// When a message was sent, or arrived.
pub fn latest(flight: &Flight) -> i64 {
    flight.received.map_or(flight.sent, |received| received.max(flight.sent))
}

/// Microseconds of a time in nanoseconds.
pub fn micros(nanoseconds: i64) -> i64 {
    nanoseconds.div_euclid(1000)
}

/// Turns values into differences from the value before.
pub fn steps(values: &[i64]) -> Vec<i64> {
    let mut last = 0;
    values.iter().map(|&value| value - std::mem::replace(&mut last, value)).collect()
}

/// Compressed, in base64.
pub fn packed(data: &impl Serialize) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    let json = serde_json::to_vec(data).expect("plain data has a JSON form");
    encoder.write_all(&json).expect("memory can be written to");
    let bytes = encoder.finish().expect("memory can be written to");
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
