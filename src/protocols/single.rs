//! A state machine on one node. With nobody to agree with, that is easy: a command is carried
//! out at once, and its client hears of it when it is durable. But when its only node is down, so
//! is the state. See [`replicated`](super::replicated) for one that goes on.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record<P, C> {
    /// A part of the state.
    Part(P),
    /// A command that was carried out.
    Command(C),
}

/// What the storage holds of a state machine.
pub type RecordOf<S> = Record<<S as StateMachine>::Part, <S as StateMachine>::Command>;

/// A state that only this node has. What its clients can want is a command.
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
