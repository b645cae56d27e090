//! What the page's program draws, as one compressed text inside the page.
//!
//! However long the run, this stays below [`LIMIT_BYTES`]: counts and flows are of all messages,
//! while single messages and operations are kept as far as they fit (see `slices`). Columns of
//! numbers, each the difference from the one before, compress to a byte or two a message.

use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::lanes::{Lane, Lanes};
use crate::history::OpType;
use crate::report::Recorded;
use crate::report::activity::{Activity, Operation};
use crate::report::cause::{Flight, flights};
use crate::report::faults::FaultSpan;
use crate::report::findings::Pointer;
use crate::report::format::{shorten, shortened};
use crate::report::series;
use crate::report::slices::{SLICES, Slices};

/// The most bytes of compressed data, in base64.
const LIMIT_BYTES: usize = 1_400_000;

/// What is tried first: characters of messages, and operations.
const MESSAGE_CHARACTERS: usize = 8_000_000;
const OPERATIONS: usize = 25_000;

const BODY_CHARACTERS: usize = 240;
const VALUE_CHARACTERS: usize = 160;
const LATENCY_POINTS: usize = 12_000;
const FLOWS: usize = 40_000;

#[derive(Serialize)]
struct Data<'a> {
    lanes: &'a [Lane],
    start: i64,
    end: i64,
    functions: Vec<&'a str>,
    types: Vec<&'a str>,
    operations: Operations,
    messages: Messages,
    slices: SliceData,
    flows: Flows,
    faults: Vec<FaultData<'a>>,
    latency: Latency,
    rates: Rates<'a>,
    findings: Vec<(usize, &'a str)>,
}

/// Times are in microseconds since the main phase began; a list named `_steps` has differences.
#[derive(Default, Serialize)]
struct Operations {
    all: usize,
    index_steps: Vec<i64>,
    /// The entry that ends it, counted from the one that begins it; 0 for none.
    length: Vec<usize>,
    lane: Vec<usize>,
    start_steps: Vec<i64>,
    /// -1 for an operation without an end.
    took: Vec<i64>,
    function: Vec<usize>,
    outcome: Vec<u8>,
    text: Vec<String>,
}

#[derive(Default, Serialize)]
struct Messages {
    all: usize,
    is_truncated: bool,
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
}

#[derive(Serialize)]
struct SliceData {
    start: f64,
    width: f64,
    total: Vec<usize>,
    shown: Vec<usize>,
}

/// How many messages went from lane to lane, step by step; a step is some slices.
#[derive(Default, Serialize)]
struct Flows {
    slices_per_step: usize,
    step_steps: Vec<usize>,
    from: Vec<usize>,
    to: Vec<usize>,
    count: Vec<usize>,
    lost: Vec<usize>,
}

#[derive(Serialize)]
struct FaultData<'a> {
    name: &'a str,
    start: i64,
    /// `null` for one that lasted to the end.
    stop: Option<i64>,
    effect: &'a str,
    /// The lanes of the nodes that it struck; none for a fault of the network.
    lanes: Vec<usize>,
}

#[derive(Default, Serialize)]
struct Latency {
    is_sampled: bool,
    start_steps: Vec<i64>,
    took: Vec<i64>,
    function: Vec<usize>,
    outcome: Vec<u8>,
}

#[derive(Serialize)]
struct Rates<'a> {
    window: f64,
    lines: Vec<(&'a str, u8, Vec<f64>)>,
}

fn micros(nanoseconds: i64) -> i64 {
    nanoseconds.div_euclid(1000)
}

/// The number by which the page's program knows an outcome.
fn outcome_number(outcome: OpType) -> u8 {
    match outcome {
        OpType::Ok => 0,
        OpType::Info | OpType::Invoke => 1,
        OpType::Fail => 2,
    }
}

/// Turns values into differences from the value before.
fn steps(values: &[i64]) -> Vec<i64> {
    let mut last = 0;
    values.iter().map(|&value| value - std::mem::replace(&mut last, value)).collect()
}

/// The data, compressed and in base64, for [`super::page`].
pub fn data(recorded: &Recorded, activity: &Activity, pointers: &[Pointer]) -> String {
    let flights = flights(recorded.journal);
    let lanes = Lanes::new(recorded, &flights);
    let source = Source { recorded, activity, pointers, flights: &flights, lanes: &lanes };
    let mut share = 1.0;
    loop {
        let text = encode(&source.data(share));
        if text.len() <= LIMIT_BYTES || share < 1e-4 {
            return text;
        }
        // What always fits (counts and flows) is part of the size, so this may overshoot a
        // little; it cannot stay above the limit.
        share *= 0.9 * LIMIT_BYTES as f64 / text.len() as f64;
    }
}

fn encode(data: &Data) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    let json = serde_json::to_vec(data).expect("plain data has a JSON form");
    encoder.write_all(&json).expect("memory can be written to");
    let bytes = encoder.finish().expect("memory can be written to");
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

struct Source<'a> {
    recorded: &'a Recorded<'a>,
    activity: &'a Activity<'a>,
    pointers: &'a [Pointer],
    flights: &'a [Flight<'a>],
    lanes: &'a Lanes,
}

impl<'a> Source<'a> {
    fn data(&self, share: f64) -> Data<'a> {
        let functions = self.activity.functions();
        let types = self.types();
        let (start, end) = self.bounds();
        let slices = self.slices(start, end, (MESSAGE_CHARACTERS as f64 * share) as usize);
        let limit = (OPERATIONS as f64 * share) as usize;
        Data {
            lanes: &self.lanes.lanes,
            start: micros(start),
            end: micros(end) + 1,
            operations: self.operations(&slices, &functions, limit),
            messages: self.messages(&slices, &types),
            flows: self.flows(&slices),
            faults: self.activity.faults.iter().map(|fault| self.fault(fault)).collect(),
            latency: self.latency(&functions),
            rates: self.rates(),
            findings: self.pointers.iter().map(|p| (p.index, &*p.label)).collect(),
            functions,
            types,
            slices: SliceData {
                start: slices.start as f64 / 1000.0,
                width: slices.width as f64 / 1000.0,
                total: slices.total,
                shown: slices.shown,
            },
        }
    }

    fn fault(&self, fault: &'a FaultSpan<'a>) -> FaultData<'a> {
        let place = |name: &String| self.lanes.lanes.iter().position(|lane| lane.name == *name);
        FaultData {
            name: fault.name,
            start: micros(fault.start),
            stop: fault.stop.map(micros),
            effect: &fault.effect,
            lanes: fault.nodes.iter().filter_map(place).collect(),
        }
    }

    fn types(&self) -> Vec<&'a str> {
        let mut types: Vec<&str> =
            self.flights.iter().map(|flight| flight.sent.message.body.kind()).collect();
        types.sort_unstable();
        types.dedup();
        types
    }

    fn sent_at(&self, flight: &Flight) -> i64 {
        flight.sent_at(self.recorded.journal)
    }

    /// From the first message or operation to the last.
    fn bounds(&self) -> (i64, i64) {
        let first = self.flights.first().map_or(0, |flight| self.sent_at(flight));
        let arrivals = self.flights.iter().filter_map(|flight| flight.received);
        let sent = self.flights.iter().map(|flight| self.sent_at(flight));
        let last = arrivals.chain(sent).max().unwrap_or(0);
        (first.min(0), last.max(self.activity.end))
    }

    fn slices(&self, start: i64, end: i64, budget: usize) -> Slices {
        let mut slices = Slices::new(start..end);
        let mut costs = vec![Vec::new(); SLICES];
        for flight in self.flights {
            let slice = slices.at(self.sent_at(flight));
            slices.total[slice] += 1;
            let length = flight.sent.message.body.as_json().len();
            costs[slice].push(length.min(BODY_CHARACTERS) + 24);
        }
        slices.choose(&costs, &self.moments(), budget);
        slices
    }

    /// When something happens that a reader will want to see from near.
    fn moments(&self) -> Vec<i64> {
        let mut by_index: BTreeMap<usize, i64> = BTreeMap::new();
        for op in &self.activity.history.ops {
            by_index.insert(op.index, op.time);
        }
        let mut moments: Vec<i64> =
            self.pointers.iter().filter_map(|p| by_index.get(&p.index).copied()).collect();
        for fault in &self.activity.faults {
            moments.push(fault.start);
            moments.extend(fault.stop);
        }
        moments
    }

    fn messages(&self, slices: &Slices, types: &[&str]) -> Messages {
        let journal = self.recorded.journal;
        let mut columns = Messages {
            all: self.flights.iter().filter(|flight| !flight.is_duplicate).count(),
            is_truncated: journal.is_truncated(),
            ..Messages::default()
        };
        let mut left = slices.shown.clone();
        let mut place = vec![None; self.flights.len()];
        let mut sent = Vec::new();
        for (number, flight) in self.flights.iter().enumerate() {
            let sent_at = self.sent_at(flight);
            let slice = slices.at(sent_at);
            if left[slice] == 0 {
                continue;
            }
            left[slice] -= 1;
            let row = sent.len();
            place[number] = Some(row);
            sent.push(micros(sent_at));
            let message = &flight.sent.message;
            let took = flight.received.map_or(-1, |at| micros(at) - micros(sent_at));
            let cause = flight.cause.and_then(|cause| place[cause]);
            columns.took.push(took);
            columns.from.push(self.lanes.of_name(&message.src));
            columns.to.push(self.lanes.of_name(&message.dest));
            columns.kind.push(types.binary_search(&message.body.kind()).unwrap_or(0));
            columns.cause.push(cause.map_or(0, |cause| row - cause));
            columns.operation.push(self.index_of(flight.operation));
            columns.duplicate.push(u8::from(flight.is_duplicate));
            columns.body.push(shorten(message.body.as_json(), BODY_CHARACTERS));
        }
        columns.sent_steps = steps(&sent);
        columns
    }

    fn index_of(&self, operation: Option<usize>) -> i64 {
        let op = operation.and_then(|place| self.activity.history.ops.get(place));
        op.map_or(-1, |op| op.index as i64)
    }

    fn operations(&self, slices: &Slices, functions: &[&str], limit: usize) -> Operations {
        let all = &self.activity.operations;
        let mut columns = Operations { all: all.len(), ..Operations::default() };
        let (mut index, mut start) = (Vec::new(), Vec::new());
        for operation in self.chosen_operations(slices, limit) {
            let Operation { invoke, complete } = operation;
            index.push(invoke.index as i64);
            start.push(micros(invoke.time));
            columns.length.push(complete.map_or(0, |op| op.index.saturating_sub(invoke.index)));
            columns.lane.push(self.lanes.of_operation(invoke));
            columns.took.push(complete.map_or(-1, |op| micros(op.time) - micros(invoke.time)));
            columns.function.push(functions.binary_search(&&*invoke.f).unwrap_or(0));
            columns.outcome.push(outcome_number(operation.outcome()));
            columns.text.push(text(operation));
        }
        columns.index_steps = steps(&index);
        columns.start_steps = steps(&start);
        columns
    }

    /// All operations, or the most interesting: those that findings point to, those that did
    /// not succeed, and those in the slices whose messages are shown.
    fn chosen_operations(&self, slices: &Slices, limit: usize) -> Vec<&'a Operation<'a>> {
        let all = &self.activity.operations;
        if all.len() <= limit {
            return all.iter().collect();
        }
        let pointed: std::collections::BTreeSet<usize> =
            self.pointers.iter().map(|pointer| pointer.index).collect();
        let rank = |operation: &Operation| {
            let end = operation.complete.map_or(usize::MAX, |op| op.index);
            match () {
                () if pointed.contains(&operation.invoke.index) || pointed.contains(&end) => 0,
                () if slices.shown[slices.at(operation.invoke.time)] > 0 => 1,
                () if operation.outcome() != OpType::Ok => 2,
                () => 3,
            }
        };
        let mut order: Vec<usize> = (0..all.len()).collect();
        // Of those that are alike, some from all over the run: not its first part, after which
        // it would look as if nothing had happened.
        order.sort_by_key(|&place| (rank(&all[place]), place.reverse_bits()));
        order.truncate(limit);
        order.sort_unstable();
        order.into_iter().map(|place| &all[place]).collect()
    }

    fn flows(&self, slices: &Slices) -> Flows {
        let mut slices_per_step = 2;
        loop {
            let mut counts: BTreeMap<(usize, usize, usize), (usize, usize)> = BTreeMap::new();
            for flight in self.flights {
                let step = slices.at(self.sent_at(flight)) / slices_per_step;
                let message = &flight.sent.message;
                let (from, to) =
                    (self.lanes.of_name(&message.src), self.lanes.of_name(&message.dest));
                let (count, lost) = counts.entry((step, from, to)).or_default();
                *count += 1;
                *lost += usize::from(flight.received.is_none());
            }
            if counts.len() > FLOWS && slices_per_step < SLICES {
                slices_per_step *= 2;
                continue;
            }
            let mut flows = Flows { slices_per_step, ..Flows::default() };
            let mut last = 0;
            for ((step, from, to), (count, lost)) in counts {
                flows.step_steps.push(step - std::mem::replace(&mut last, step));
                flows.from.push(from);
                flows.to.push(to);
                flows.count.push(count);
                flows.lost.push(lost);
            }
            return flows;
        }
    }

    /// All points, or of each short time, function and outcome the lowest, the median and the
    /// highest.
    fn latency(&self, functions: &[&str]) -> Latency {
        let ended = self.activity.operations.iter().filter(|op| op.complete.is_some());
        let mut points: Vec<&Operation> = ended.collect();
        let is_sampled = points.len() > LATENCY_POINTS;
        if is_sampled {
            let windows = (LATENCY_POINTS / 3 / (functions.len().max(1) * 2)).max(50) as i64;
            let width = self.activity.end / windows + 1;
            let mut groups: BTreeMap<_, Vec<&Operation>> = BTreeMap::new();
            for point in points {
                let window = point.invoke.time / width;
                let key = (window, &point.invoke.f, point.outcome());
                groups.entry(key).or_default().push(point);
            }
            points = Vec::new();
            for mut group in groups.into_values() {
                group.sort_by(|a, b| {
                    a.latency_ms().partial_cmp(&b.latency_ms()).expect("latencies are numbers")
                });
                let mut places = vec![0, group.len() / 2, group.len() - 1];
                places.dedup();
                points.extend(places.into_iter().map(|place| group[place]));
            }
        }
        let mut columns = Latency { is_sampled, ..Latency::default() };
        let mut start = Vec::new();
        for point in points {
            start.push(micros(point.invoke.time));
            columns.took.push(point.complete.map_or(0, |op| micros(op.time - point.invoke.time)));
            columns.function.push(functions.binary_search(&&*point.invoke.f).unwrap_or(0));
            columns.outcome.push(outcome_number(point.outcome()));
        }
        columns.start_steps = steps(&start);
        columns
    }

    fn rates(&self) -> Rates<'a> {
        let window = (series::seconds(self.activity.end) / 200.0).max(0.05);
        let lines = series::rates(self.activity, window)
            .into_iter()
            .map(|((function, outcome), points)| {
                let rates = points.iter().map(|point| (point.1 * 100.0).round() / 100.0);
                (function, outcome_number(outcome), rates.collect())
            })
            .collect();
        Rates { window: window * 1e6, lines }
    }
}

/// What an operation asked, and what it was told if that is something else.
fn text(operation: &Operation) -> String {
    let asked = &operation.invoke.value;
    let mut text = if asked.is_nil() { String::new() } else { shortened(asked, VALUE_CHARACTERS) };
    if let Some(end) = operation.complete {
        if end.value != *asked {
            text += &format!(" → {}", shortened(&end.value, VALUE_CHARACTERS));
        }
        if let Some(error) = end.extra("error") {
            text += &format!(" ({})", shortened(error, VALUE_CHARACTERS));
        }
    }
    text
}
