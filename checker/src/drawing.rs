//! What there is to draw of a finding. Data only: no sizes, no colours, no picture format.

use crate::edn::Edn;
use crate::history::{OpType, ProcessId};

/// A drawing of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drawing {
    /// Transactions that would each have to come before themselves.
    Cycle(Cycle),
    /// Operations on one object, for one of which there is no moment.
    Operations(Operations),
}

/// Transactions in a circle: each comes before the next, and the last before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The transactions.
    pub rows: Vec<Row>,
    /// One for each row: why it comes before the next.
    pub arrows: Vec<Arrow>,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name, and who it is.
    pub title: String,
    /// Its micro-operations.
    pub boxes: Vec<String>,
    /// The index in the history of its invocation.
    pub index: usize,
}

/// A step from one row to the next, or from the last to the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// Why there is one: `ww`, `wr`, `rw`, `process`, `realtime`.
    pub relation: &'static str,
    /// The box that it leads from, and the one that it leads to; the title where there is none.
    pub boxes: [Option<usize>; 2],
    /// What stands beside it.
    pub label: String,
}

/// Operations on one object around the one for which there is no moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operations {
    /// The operations, by when they began.
    pub bars: Vec<Bar>,
    /// What the object may have held when the operation in question returned.
    pub states: Vec<Edn>,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Who ran it.
    pub process: ProcessId,
    /// What it did: `read 3`.
    pub label: String,
    /// How it ended.
    pub outcome: OpType,
    /// The indices in the history of its begin and its end, which is none when nobody knows.
    pub index: (usize, Option<usize>),
    /// Its places in the history, likewise: only their order counts.
    pub place: (usize, Option<usize>),
    /// When it began and ended, in nanoseconds.
    pub time: (i64, Option<i64>),
    /// What it has to do with the finding.
    pub part: Part,
}

/// What an operation has to do with one for which there is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is the one.
    Stuck,
    /// It was the last to return before.
    LastBefore,
    /// It is near.
    Around,
}
