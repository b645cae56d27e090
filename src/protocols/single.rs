//! A state machine on one node. With nobody to agree with, that is easy: a command is carried
//! out at once, and its client hears of it when it is durable. But when its only node is down, so
//! is the state. See [`replicated`](super::replicated) for one that goes on.
//!
//! ```
//! use gyre::key_value::{Change, Registers};
//! use gyre::protocols::simulator::{Faults, Simulator};
//! use gyre::{Time, single::Single};
//! use std::time::Duration;
//!
//! let mut node = Simulator::new(1, 1, Faults::none(Duration::ZERO), |start| {
//!     Single::<Registers>::new(start.records)
//! });
//! node.request(0, Change::Write("x".into(), 7.into()));
//! node.run_until(Time::from_millis(100));
//! node.crash(0);
//! assert!(node.core(0).is_none()); // nobody else has it
//! node.start(0);
//! assert_eq!(node.core(0).unwrap().state().read(&"x".into()), Ok(7.into()));
//! ```
//!
//! Chapter 6 of the book, `book/06-one-leader.md`, reads this.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::core::{Core, Input, Outputs};
use crate::protocols::core::with_state;
use crate::state_machines::StateMachine;
use crate::types::Time;

/// What the storage holds: the parts of a state, and the commands since.
///
/// ```
/// use gyre::key_value::{Change, Registers};
/// use gyre::single::RecordOf;
///
/// let record = RecordOf::<Registers>::Command(Change::Write("x".into(), 7.into()));
/// assert_eq!(serde_json::to_string(&record)?, r#"{"command":{"write":["x",7]}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record<P, C> {
    /// A part of the state.
    Part(P),
    /// A command that was carried out.
    Command(C),
}

/// What the storage holds of a state machine.
///
/// ```
/// use gyre::key_value::Registers;
/// use gyre::single::{Record, RecordOf, Single};
///
/// let part: RecordOf<Registers> = Record::Part((r#""x""#.into(), 7.into()));
/// assert_eq!(Single::<Registers>::new(vec![part]).state().read(&"x".into()), Ok(7.into()));
/// ```
pub type RecordOf<S> = Record<<S as StateMachine>::Part, <S as StateMachine>::Command>;

/// A state that only this node has. What its clients can want is a command.
///
/// A start is to add the parts of the last checkpoint, and to carry out the commands since:
///
/// ```
/// use gyre::key_value::{Change, Registers};
/// use gyre::single::{Record, Single};
///
/// let store = Single::<Registers>::new(vec![
///     Record::Part((r#""x""#.into(), 7.into())),
///     Record::Command(Change::Cas("x".into(), 7.into(), 8.into())),
///     Record::Command(Change::Cas("x".into(), 7.into(), 9.into())), // it failed then, too
/// ]);
/// assert_eq!(store.state().read(&"x".into()), Ok(8.into()));
/// ```
pub struct Single<S: StateMachine> {
    state: S,
    /// How many commands were carried out since the start.
    commands: u64,
    outputs: Outputs<RecordOf<S>, (), S::Reply>,
}

impl<S: StateMachine> Single<S> {
    /// The state that these records make.
    pub fn new(records: Vec<RecordOf<S>>) -> Single<S> {
        let mut state = S::default();
        for record in records {
            match record {
                Record::Part(part) => state.add(part),
                Record::Command(command) => drop(state.apply(&command)),
            }
        }
        Single { state, commands: 0, outputs: Outputs::default() }
    }

    /// The state.
    pub fn state(&self) -> &S {
        &self.state
    }
}

impl<S: StateMachine> Core for Single<S> {
    type Local = S::Command;
    type Reply = S::Reply;
    /// Nobody says anything.
    type Message = ();
    type Record = RecordOf<S>;

    fn step(&mut self, _: Time, input: Input<S::Command, ()>, _: &mut ChaCha8Rng) {
        // ANCHOR: step
        if let Input::Local { id, request } = input {
            self.outputs.reply.push((id, self.state.apply(&request)));
            self.outputs.persist.push(Record::Command(request));
            self.commands += 1;
        }
        // ANCHOR_END: step
    }

    fn outputs(&mut self) -> Outputs<RecordOf<S>, (), S::Reply> {
        std::mem::take(&mut self.outputs)
    }

    fn must_persist(&self) -> bool {
        !self.outputs.persist.is_empty()
    }

    fn next_wake(&self) -> Option<Time> {
        None
    }

    fn checkpoint(&self) -> Box<dyn Iterator<Item = RecordOf<S>>> {
        Box::new(self.state.clone().into_parts().map(Record::Part))
    }

    fn inspect(&self) -> Value {
        with_state(json!({ "commands": self.commands }), self.state.inspect())
    }
}
