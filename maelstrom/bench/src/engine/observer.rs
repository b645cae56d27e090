//! Whoever is told what happens in a run.

use std::time::Duration;

use gyre::{Message, NodeId, Time};

use crate::history::Op;
use crate::nemesis::Strike;
use crate::net::Verdict;

/// Who is told what happens, as it happens.
pub trait Observer {
    /// The main phase begins: the times of the history are counted from here.
    fn main_phase(&mut self, _now: Time) {}
    /// The history has a new entry.
    fn operation(&mut self, _op: &Op) {}
    /// A node wrote a line to its log.
    fn node_log(&mut self, _node: &NodeId, _line: &str) {}
    /// The bench has something to say: a sentence.
    fn log(&mut self, _now: Time, _sentence: &str) {}
    /// A message was sent or received, under the number that the network gave it.
    fn message(&mut self, _now: Time, _direction: Direction, _id: u64, _message: &Message) {}
    /// What becomes of the message with this number, which was just sent.
    fn fate(&mut self, _id: u64, _fate: Verdict) {}
    /// Whether [`Observer::state`] is to be called.
    fn watches_states(&self) -> bool {
        false
    }
    /// A node said what it is, the text of a JSON object, and that has changed.
    fn state(&mut self, _now: Time, _node: &NodeId, _state: &str) {}
    /// The nemesis makes a move.
    fn strike(&mut self, _now: Time, _strike: &Strike) {}
    /// A message that was sent does not arrive as it was sent.
    fn mishap(&mut self, _message: &Message, _mishap: Mishap) {}
    /// A node was killed.
    fn killed(&mut self, _node: &NodeId) {}
    /// Called now and then with how far the run is.
    fn progress(&mut self, _now: Time, _progress: &Progress) {}
    /// Why the observer cannot go on, if it cannot (a full disk, say): a sentence.
    fn failure(&mut self) -> Option<String> {
        None
    }
}

/// An observer that is not interested.
pub struct Nobody;

impl Observer for Nobody {}

/// Which end of its way a message is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It was sent.
    Send,
    /// It was received.
    Receive,
}

/// What may happen to a message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The network lost it.
    Lost,
    /// The network brings it twice.
    Doubled,
    /// A link was cut when it was due.
    Cut,
    /// Its receiver was down, and too much was waiting for it already.
    Unheard,
}

/// How far a run is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// What is being done.
    pub phase: &'static str,
    /// Time since the main phase began.
    pub elapsed: Duration,
    /// Operations that happened, that did not, and of which nobody knows.
    pub outcomes: [u64; 3],
    /// Messages sent so far.
    pub messages: u64,
    /// The faults in force.
    pub faults: Vec<&'static str>,
}
