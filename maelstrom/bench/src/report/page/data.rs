//! What the page's program draws, as one compressed text inside the page.
//!
//! However long the run, this stays below [`LIMIT_BYTES`]: counts and flows are of all messages,
//! while operations, single messages (see [`Outline`]) and states (see [`States`]) are in the page
//! as far as they fit. Columns of numbers, each the difference from the one before, compress to a
//! byte or two a message.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use serde::Serialize;

use super::chunks::{FOLDER, Outline};
use super::lanes::{Lane, Lanes};
use super::source::{CHUNK, Source, micros, packed, steps};
use super::states::States;
use crate::history::OpType;
use crate::report::Recorded;
use crate::report::activity::{End, Operation};
use crate::report::faults::FaultSpan;
use crate::report::findings::Pointer;
use crate::report::series;
use crate::report::slices::{SLICES, Slices};
use crate::report::waits::Waits;

/// The most bytes of compressed data, in base64.
const LIMIT_BYTES: usize = 1_400_000;

/// The most that may be anything but single messages.
const DATA_BYTES: usize = 700_000;

/// What is tried first: so many operations.
const OPERATIONS: usize = 25_000;

const LATENCY_POINTS: usize = 4_500;
const FLOWS: usize = 50_000;

#[derive(Serialize)]
struct Data<'a> {
    lanes: &'a [Lane],
    start: i64,
    end: i64,
    functions: Vec<&'a str>,
    types: Vec<&'a str>,
    operations: Operations,
    messages: Messages,
    states: States<'a>,
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
    process: Vec<i64>,
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
    /// Where they are: see [`Outline`].
    chunk: usize,
    folder: &'static str,
    start_steps: Vec<i64>,
    end_steps: Vec<i64>,
    count: Vec<usize>,
}

#[derive(Serialize)]
struct SliceData {
    start: f64,
    width: f64,
    total: Vec<usize>,
}

/// How many messages of each type went from lane to lane, step by step; a step is some slices.
#[derive(Default, Serialize)]
struct Flows {
    slices_per_step: usize,
    step_steps: Vec<usize>,
    from: Vec<usize>,
    to: Vec<usize>,
    kind: Vec<usize>,
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

/// An operation that ended, among the latencies. Times are in nanoseconds.
struct Point {
    start: i64,
    took: i64,
    function: usize,
    outcome: OpType,
}

/// The number by which the page's program knows an outcome.
fn outcome_number(outcome: OpType) -> u8 {
    match outcome {
        OpType::Ok => 0,
        OpType::Info | OpType::Invoke => 1,
        OpType::Fail => 2,
    }
}

/// What the page has of a run, in base64.
pub struct Packed {
    /// What is always there.
    pub data: String,
    /// Messages: the numbers of chunks, and what is in them.
    pub chunks: Vec<(usize, String)>,
}

/// Makes the data for [`super::page`]. What does not fit is given to `write`, as files beside it.
///
/// # Errors
/// What `write` answers.
pub fn pack(
    recorded: &Recorded,
    pointers: &[Pointer],
    waits: &Waits,
    write: &mut dyn FnMut(&str, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<Packed> {
    let lanes = Lanes::new(recorded);
    let faults = recorded.activity.faults();
    let source = Source::new(recorded, pointers, waits, &faults, &lanes);
    let (outline, slices, moments) = (Outline::of(&source), source.slices(), source.moments());
    let mut data = source.data(&outline, &slices);
    let mut share = 1.0;
    let data = loop {
        let limit = (OPERATIONS as f64 * share) as usize;
        data.operations = source.operations(&slices, &data.functions, &moments, limit);
        let text = packed(&data);
        if text.len() <= DATA_BYTES || share < 1e-4 {
            break text;
        }
        // What always fits (counts and flows) is part of the size, so this may overshoot a
        // little; it cannot stay above the limit.
        share *= 0.9 * DATA_BYTES as f64 / text.len() as f64;
    };
    let room = LIMIT_BYTES.saturating_sub(data.len());
    let chunks = outline.chunks(&source, &moments, room, write)?;
    Ok(Packed { data, chunks })
}

impl<'a> Source<'a> {
    /// All but the operations, of which there are as many as fit.
    fn data(&self, outline: &Outline, slices: &Slices) -> Data<'a> {
        let functions = self.recorded.activity.functions();
        Data {
            lanes: &self.lanes.lanes,
            start: micros(self.start),
            end: micros(self.end) + 1,
            operations: Operations::default(),
            messages: self.messages(outline),
            states: States::new(self),
            flows: self.flows(slices),
            faults: self.faults.iter().map(|fault| self.fault(fault)).collect(),
            latency: self.latency(&functions),
            rates: self.rates(),
            findings: self.pointers.iter().map(|p| (p.index, &*p.label)).collect(),
            functions,
            types: self.types.clone(),
            slices: SliceData {
                start: slices.start as f64 / 1000.0,
                width: slices.width as f64 / 1000.0,
                total: slices.total.clone(),
            },
        }
    }

    fn fault(&self, fault: &'a FaultSpan) -> FaultData<'a> {
        let place = |name: &String| self.lanes.lanes.iter().position(|lane| lane.name == *name);
        FaultData {
            name: &fault.name,
            start: micros(fault.start),
            stop: fault.stop.map(micros),
            effect: &fault.effect,
            lanes: fault.nodes.iter().filter_map(place).collect(),
        }
    }

    fn slices(&self) -> Slices {
        let mut slices = Slices::new(self.start..self.end);
        for flight in self.recorded.journal.flights() {
            let slice = slices.at(flight.sent);
            slices.total[slice] += 1;
        }
        slices
    }

    /// When something happens that a reader will want to see from near.
    fn moments(&self) -> Vec<i64> {
        let wanted: BTreeSet<usize> = self.pointers.iter().map(|p| p.index).collect();
        let mut by_index: BTreeMap<usize, i64> = BTreeMap::new();
        if !wanted.is_empty() {
            for operation in self.recorded.activity.operations() {
                let end = operation.end.map(|end| (end.index, end.time));
                let entries = [Some((operation.index, operation.start)), end];
                by_index.extend(entries.into_iter().flatten().filter(|e| wanted.contains(&e.0)));
            }
        }
        let mut moments: Vec<i64> =
            self.pointers.iter().filter_map(|p| by_index.get(&p.index).copied()).collect();
        for fault in self.faults {
            moments.push(fault.start);
            moments.extend(fault.stop);
        }
        moments
    }

    fn messages(&self, chunks: &Outline) -> Messages {
        let journal = self.recorded.journal;
        Messages {
            all: journal.flights().filter(|flight| !flight.is_duplicate).count(),
            is_truncated: journal.is_truncated(),
            chunk: CHUNK,
            folder: FOLDER,
            start_steps: steps(&chunks.start),
            end_steps: steps(&chunks.end),
            count: chunks.count.clone(),
        }
    }

    fn operations(
        &self,
        slices: &Slices,
        functions: &[&str],
        moments: &[i64],
        limit: usize,
    ) -> Operations {
        let activity = self.recorded.activity;
        let mut columns = Operations { all: activity.count(), ..Operations::default() };
        let (mut index, mut start) = (Vec::new(), Vec::new());
        for number in self.chosen_operations(slices, moments, limit) {
            let operation = activity.operation(number);
            index.push(operation.index as i64);
            start.push(micros(operation.start));
            let took = |end: End| micros(end.time) - micros(operation.start);
            let length = |end: End| end.index.saturating_sub(operation.index);
            columns.length.push(operation.end.map_or(0, length));
            columns.process.push(operation.process);
            columns.lane.push(self.lanes.of_operation(&operation));
            columns.took.push(operation.end.map_or(-1, took));
            columns.function.push(self.function(functions, &operation));
            columns.outcome.push(outcome_number(operation.outcome()));
            let text = activity.text(&operation);
            columns.text.push(self.waits.add_to(text, operation.index));
        }
        columns.index_steps = steps(&index);
        columns.start_steps = steps(&start);
        columns
    }

    fn function(&self, functions: &[&str], operation: &Operation) -> usize {
        functions.binary_search(&self.recorded.activity.function(operation)).unwrap_or(0)
    }

    /// All operations, or the most interesting: those that findings point to, those at moments
    /// of interest, and those that did not succeed.
    fn chosen_operations(&self, slices: &Slices, moments: &[i64], limit: usize) -> Vec<usize> {
        let activity = self.recorded.activity;
        if activity.count() <= limit {
            return (0..activity.count()).collect();
        }
        let pointed: BTreeSet<usize> = self.pointers.iter().map(|pointer| pointer.index).collect();
        let of_interest: BTreeSet<usize> = moments.iter().map(|time| slices.at(*time)).collect();
        let rank = |operation: &Operation| {
            let end = operation.end.map_or(usize::MAX, |end| end.index);
            match () {
                () if pointed.contains(&operation.index) || pointed.contains(&end) => 0,
                () if of_interest.contains(&slices.at(operation.start)) => 1,
                () if operation.outcome() != OpType::Ok => 2,
                () => 3,
            }
        };
        // Of those that are alike, some from all over the run: not its first part, after which
        // it would look as if nothing had happened. The worst that is kept is on top.
        let mut chosen = BinaryHeap::new();
        for (place, operation) in activity.operations().enumerate() {
            chosen.push((rank(&operation), place.reverse_bits(), place));
            if chosen.len() > limit {
                chosen.pop();
            }
        }
        let mut chosen: Vec<usize> = chosen.into_iter().map(|(_, _, place)| place).collect();
        chosen.sort_unstable();
        chosen
    }

    fn flows(&self, slices: &Slices) -> Flows {
        let mut slices_per_step = 2;
        loop {
            let mut counts: BTreeMap<(usize, usize, usize, usize), (usize, usize)> =
                BTreeMap::new();
            for flight in self.recorded.journal.flights() {
                let step = slices.at(flight.sent) / slices_per_step;
                let (from, to) = (self.lanes.of_name(flight.src), self.lanes.of_name(flight.dest));
                let kind = self.places_of_types[flight.kind as usize];
                let (count, lost) = counts.entry((step, from, to, kind)).or_default();
                *count += 1;
                *lost += usize::from(flight.received.is_none());
            }
            if counts.len() > FLOWS && slices_per_step < SLICES {
                slices_per_step *= 2;
                continue;
            }
            let mut flows = Flows { slices_per_step, ..Flows::default() };
            let mut last = 0;
            for ((step, from, to, kind), (count, lost)) in counts {
                flows.step_steps.push(step - std::mem::replace(&mut last, step));
                flows.from.push(from);
                flows.to.push(to);
                flows.kind.push(kind);
                flows.count.push(count);
                flows.lost.push(lost);
            }
            return flows;
        }
    }

    /// All points, or of each short time, function and outcome the lowest, the median and the
    /// highest.
    fn latency(&self, functions: &[&str]) -> Latency {
        let activity = self.recorded.activity;
        let ended = || activity.operations().filter(|operation| operation.end.is_some());
        let is_sampled = ended().nth(LATENCY_POINTS).is_some();
        let mut points: Vec<Point> = Vec::new();
        if is_sampled {
            let windows = (LATENCY_POINTS / 3 / (functions.len().max(1) * 2)).max(50) as i64;
            let width = activity.end() / windows + 1;
            let mut groups: BTreeMap<_, Vec<(i64, i64)>> = BTreeMap::new();
            for operation in ended() {
                let Point { start, took, function, outcome } = self.point(functions, &operation);
                let key = (start / width, function, outcome);
                groups.entry(key).or_default().push((took, start));
            }
            for ((_, function, outcome), mut group) in groups {
                group.sort_by_key(|(took, _)| (*took).max(0));
                let mut places = vec![0, group.len() / 2, group.len() - 1];
                places.dedup();
                let point = |(took, start)| Point { start, took, function, outcome };
                points.extend(places.into_iter().map(|place| point(group[place])));
            }
        } else {
            points.extend(ended().map(|operation| self.point(functions, &operation)));
        }
        let mut columns = Latency { is_sampled, ..Latency::default() };
        let mut start = Vec::new();
        for point in points {
            start.push(micros(point.start));
            columns.took.push(micros(point.took));
            columns.function.push(point.function);
            columns.outcome.push(outcome_number(point.outcome));
        }
        columns.start_steps = steps(&start);
        columns
    }

    fn point(&self, functions: &[&str], operation: &Operation) -> Point {
        let (start, outcome) = (operation.start, operation.outcome());
        let took = operation.end.map_or(0, |end| end.time - start);
        Point { start, took, function: self.function(functions, operation), outcome }
    }

    fn rates(&self) -> Rates<'a> {
        let window = (series::seconds(self.recorded.activity.end()) / 200.0).max(0.05);
        let lines = series::rates(self.recorded.activity, window)
            .into_iter()
            .map(|((function, outcome), points)| {
                let rates = points.iter().map(|point| (point.1 * 100.0).round() / 100.0);
                (function, outcome_number(outcome), rates.collect())
            })
            .collect();
        Rates { window: window * 1e6, lines }
    }
}
