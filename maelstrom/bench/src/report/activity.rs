//! A history as reports see it: operations from their begin to their end, and faults as spans
//! of time.
//!
//! It takes a history in entry by entry, while the run goes on or from a file, and keeps of each
//! operation one row and a short text, in spools: a history may be larger than memory. Unlike
//! the checkers it takes every history as it is: an end without a begin, or a begin that never
//! ended, is drawn as far as it is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::faults::{FaultSpan, Faults};
use super::format::shortened;
use super::timeline::Timeline;
use crate::edn::Edn;
use crate::history::{History, Op, OpType, ProcessId};
use crate::spool::{MakeSpool, Spool, Table, row};

/// How much of a value is in an operation's text.
const VALUE_CHARACTERS: usize = 160;

/// An operation of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The index of the entry with which it began.
    pub index: usize,
    /// When it began, in nanoseconds since the main phase began.
    pub start: i64,
    /// Whose it is.
    pub process: i64,
    /// What it does: the number of the function's name, see [`Activity::function`].
    pub function: usize,
    /// How it ended, if the history says so.
    pub end: Option<End>,
    text: (u64, u32),
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The index of the entry that says so.
    pub index: usize,
    /// When.
    pub time: i64,
    /// How.
    pub kind: OpType,
}

impl Operation {
    /// How it ended; nobody knows how one without an end did.
    pub fn outcome(&self) -> OpType {
        self.end.map_or(OpType::Info, |end| end.kind)
    }

    /// How long it took, in milliseconds; `None` for one without an end.
    pub fn latency_ms(&self) -> Option<f64> {
        self.end.map(|end| (end.time - self.start).max(0) as f64 / 1e6)
    }
}

row! {
    /// An operation on disk.
    struct OperationRow {
        index: u64,
        start: i64,
        process: i64,
        end_index: u64,
        end_time: i64,
        text_place: u64,
        text_length: u32,
        function: u16,
        /// 0 for one without an end.
        end: u8,
    }
}

const ENDS: [OpType; 3] = [OpType::Ok, OpType::Fail, OpType::Info];

impl OperationRow {
    fn operation(self) -> Operation {
        let kind = usize::from(self.end).checked_sub(1).map(|end| ENDS[end.min(2)]);
        let end = |kind| End { index: self.end_index as usize, time: self.end_time, kind };
        Operation {
            index: self.index as usize,
            start: self.start,
            process: self.process,
            function: self.function.into(),
            end: kind.map(end),
            text: (self.text_place, self.text_length),
        }
    }
}

/// An operation that has begun and not ended.
struct Open {
    number: usize,
    invoke: Op,
}

/// A run's operations and faults.
pub struct Activity {
    operations: Table<OperationRow>,
    texts: Spool,
    functions: Vec<Arc<str>>,
    open: BTreeMap<ProcessId, Open>,
    ended: Ended,
    /// The faults.
    pub(super) faults: Faults,
    /// The first entries, for the timeline.
    pub(super) timeline: Timeline,
    end: i64,
}

/// How many operations ended, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// All that ended.
    pub all: usize,
    /// Those that succeeded.
    pub ok: usize,
    /// Those that failed because of the state that they found: a compare-and-set that does not
    /// match, a key that is not there. That is an answer, and the system did what it should.
    pub answered_no: usize,
    /// Those of which nobody knows.
    pub unknown: usize,
}

impl Ended {
    /// Those that did what they should.
    pub fn did(self) -> usize {
        self.ok + self.answered_no
    }

    /// Those that surely did nothing, and not because of what they found.
    pub fn failed(self) -> usize {
        self.all - self.did() - self.unknown
    }

    fn add(&mut self, op: &Op) {
        self.all += 1;
        match op.kind {
            OpType::Ok => self.ok += 1,
            OpType::Fail if is_answer(op) => self.answered_no += 1,
            OpType::Fail => {}
            OpType::Info | OpType::Invoke => self.unknown += 1,
        }
    }
}

/// The errors that say something of the state, and not of the system.
const ANSWERS: [&str; 3] = ["precondition-failed", "key-does-not-exist", "key-already-exists"];

/// Whether a failure tells what the state is.
fn is_answer(op: &Op) -> bool {
    let error = op.extra("error");
    let name = error.map(|error| match error.as_slice() {
        Some([name, ..]) => name,
        _ => error,
    });
    name.and_then(Edn::as_keyword).is_some_and(|name| ANSWERS.contains(&name))
}

impl Activity {
    /// The operations and faults of this history, in memory.
    pub fn of(history: &History) -> Activity {
        let make = &mut || Ok(Spool::in_memory());
        let mut activity = Activity::spooled(make).expect("memory is there");
        history.ops.iter().for_each(|op| activity.push(op));
        activity.finish();
        activity
    }

    /// Nothing yet; what comes will be in spools that `make` makes.
    ///
    /// # Errors
    /// What `make` answers.
    pub fn spooled(make: &mut MakeSpool) -> anyhow::Result<Activity> {
        Ok(Activity {
            operations: Table::new(make()?),
            texts: make()?,
            functions: Vec::new(),
            open: BTreeMap::new(),
            ended: Ended::default(),
            faults: Faults::default(),
            timeline: Timeline::default(),
            end: 0,
        })
    }

    /// Takes in the next entry.
    pub fn push(&mut self, op: &Op) {
        self.end = self.end.max(op.time);
        self.timeline.push(op);
        let ProcessId::Client(process) = op.process else {
            self.faults.push(op);
            return;
        };
        if op.kind == OpType::Invoke {
            self.begin(process, op);
        } else {
            self.ended.add(op);
            if let Some(open) = self.open.remove(&op.process) {
                self.complete(&open, Some(op));
            }
        }
    }

    fn begin(&mut self, process: i64, op: &Op) {
        let function = match self.functions.iter().position(|name| *name == op.f) {
            Some(function) => function,
            None => {
                self.functions.push(op.f.clone());
                self.functions.len() - 1
            }
        };
        let number = self.operations.push(OperationRow {
            index: op.index as u64,
            start: op.time,
            process,
            end_index: 0,
            end_time: 0,
            text_place: 0,
            text_length: 0,
            function: function.try_into().unwrap_or(u16::MAX),
            end: 0,
        });
        let open = Open { number, invoke: op.clone() };
        if let Some(forgotten) = self.open.insert(op.process, open) {
            self.complete(&forgotten, None);
        }
    }

    fn complete(&mut self, open: &Open, end: Option<&Op>) {
        let mut row = self.operations.get(open.number);
        if let Some(end) = end {
            row.end_index = end.index as u64;
            row.end_time = end.time;
            row.end = ENDS.iter().position(|kind| *kind == end.kind).map_or(0, |at| at as u8 + 1);
        }
        let text = text(&open.invoke, end);
        row.text_place = self.texts.push(text.as_bytes());
        row.text_length = text.len() as u32;
        self.operations.set(open.number, row);
    }

    /// The history is over.
    pub fn finish(&mut self) {
        for open in std::mem::take(&mut self.open).into_values() {
            self.complete(&open, None);
        }
    }

    /// How many operations there are.
    pub fn count(&self) -> usize {
        self.operations.len()
    }

    /// The operations of clients, by order of invocation.
    pub fn operations(&self) -> impl Iterator<Item = Operation> + '_ {
        self.operations.iter().map(OperationRow::operation)
    }

    /// The operation with this number, in that order.
    pub fn operation(&self, number: usize) -> Operation {
        self.operations.get(number).operation()
    }

    /// The operation that began with the entry of this index, in a history in which indices rise.
    pub fn operation_at(&self, index: usize) -> Option<Operation> {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.operation(middle).index < index { low = middle + 1 } else { high = middle }
        }
        (low < self.count()).then(|| self.operation(low)).filter(|found| found.index == index)
    }

    /// What an operation asked, and what it was told if that is something else.
    pub fn text(&self, operation: &Operation) -> String {
        let (place, length) = operation.text;
        self.texts.text(place, length as usize)
    }

    /// The name of an operation's function.
    pub fn function(&self, operation: &Operation) -> &str {
        self.functions.get(operation.function).map_or("", |name| name)
    }

    /// The names of the clients' functions, in order.
    pub fn functions(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.functions.iter().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }

    /// The faults, by name and then by time.
    pub fn faults(&self) -> Vec<FaultSpan> {
        self.faults.spans()
    }

    /// How many operations ended, and how.
    pub fn ended(&self) -> Ended {
        self.ended
    }

    /// The time of the last entry, in nanoseconds; 0 for an empty history.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Why what was kept is not whole, if it is not: a sentence.
    pub fn failure(&self) -> Option<&str> {
        self.operations.failure().or(self.texts.failure())
    }
}

fn text(invoke: &Op, end: Option<&Op>) -> String {
    let asked = &invoke.value;
    let mut text = if asked.is_nil() { String::new() } else { shortened(asked, VALUE_CHARACTERS) };
    if let Some(end) = end {
        if end.value != *asked {
            text += &format!(" → {}", shortened(&end.value, VALUE_CHARACTERS));
        }
        if let Some(error) = end.extra("error") {
            text += &format!(" ({})", shortened(error, VALUE_CHARACTERS));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compare_and_set_that_does_not_match_is_an_answer() {
        let end = |kind: &str, error: &str| {
            format!("{{:process 1, :type :{kind}, :f :cas, :error {error}}}\n")
        };
        let text = [
            end("ok", "nil"),
            end("fail", "[:precondition-failed \"it is 3\"]"),
            end("fail", "[:key-does-not-exist \"\"]"),
            end("fail", ":precondition-failed"),
            end("fail", "[:temporarily-unavailable \"\"]"),
            end("fail", ":net-timeout"),
            end("fail", "[:txn-conflict \"\"]"),
            end("info", ":net-timeout"),
        ];
        let ended = Activity::of(&History::parse(&text.concat()).unwrap()).ended();
        assert_eq!(ended, Ended { all: 8, ok: 1, answered_no: 3, unknown: 1 });
        assert_eq!((ended.did(), ended.failed()), (4, 3));
    }

    #[test]
    fn ends_without_begins_and_begins_without_ends_are_no_trouble() {
        let history = History::parse(
            "{:process 1, :type :ok, :f :read} {:process 1, :type :invoke, :f :read, :time 3}
             {:process 1, :type :invoke, :f :read, :time 4}
             {:process 1, :type :ok, :f :read, :value 7, :time 5000004}",
        )
        .unwrap();
        let activity = Activity::of(&history);
        let operations: Vec<Operation> = activity.operations().collect();
        assert_eq!(operations.len(), 2);
        assert_eq!((operations[0].outcome(), operations[0].latency_ms()), (OpType::Info, None));
        assert_eq!(operations[1].latency_ms(), Some(5.0));
        assert_eq!(activity.text(&operations[1]), " → 7");
        assert_eq!(activity.operation_at(2), Some(operations[1]));
        assert_eq!(activity.operation_at(3), None);
        assert_eq!(activity.ended(), Ended { all: 2, ok: 2, ..Ended::default() });
    }
}
