//! What goes between a test and the simulator: what a core is made from, messages that are under
//! way, and replies.

use rand_chacha::ChaCha8Rng;

use crate::protocols::core::RequestId;
use crate::types::{NodeId, Time};

/// What a core is made from when its node starts.
///
/// The records are what the disk holds; so the second life of a node begins with some:
///
/// ```
/// use gyre::key_value::{Change, Registers};
/// use gyre::protocols::simulator::{Faults, Simulator};
/// use gyre::{Time, single::Single};
/// use std::{cell::RefCell, rc::Rc, time::Duration};
///
/// let starts = Rc::new(RefCell::new(Vec::new()));
/// let noted = Rc::clone(&starts);
/// let mut node = Simulator::new(1, 1, Faults::none(Duration::ZERO), move |start| {
///     noted.borrow_mut().push((start.node.clone(), start.records.len()));
///     Single::<Registers>::new(start.records)
/// });
/// node.request(0, Change::Write("x".into(), 7.into()));
/// node.run_until(Time::from_millis(100));
/// node.crash(0);
/// node.start(0);
/// assert_eq!(*starts.borrow(), [("n0".into(), 0), ("n0".into(), 1)]);
/// ```
pub struct Start<'a, R> {
    /// The node's place in `nodes`.
    pub rank: usize,
    /// The node.
    pub node: &'a NodeId,
    /// All nodes of the cluster.
    pub nodes: &'a [NodeId],
    /// What its disk holds, oldest first.
    pub records: Vec<R>,
    /// The time on its clock.
    pub now: Time,
    /// Its chance, another one in each life.
    pub rng: &'a mut ChaCha8Rng,
}

/// A message under way.
///
/// Messages may be taken off the network, and delivered when and if a test wants it:
///
/// ```
/// use gyre::gossip::{Gossip, Setting};
/// use gyre::protocols::simulator::{Faults, Letter, Simulator, Start};
/// use gyre::{Json, Time};
/// use std::time::Duration;
///
/// let faults = Faults::none(Duration::from_millis(10));
/// let mut cluster = Simulator::new(3, 1, faults, |start| {
///     let Start { rank, node, nodes, records, now, .. } = start;
///     Gossip::new(Setting::LOW_LATENCY, node, nodes, records, rank as u64, now)
/// });
/// cluster.request(0, Json::from("news").into());
/// cluster.run_until(Time::from_millis(40)); // sent, and not there yet
/// for letter in cluster.take_letters(|Letter { from, .. }| *from == 0) {
///     if letter.to == 1 {
///         cluster.deliver(letter);
///     }
/// }
/// assert_eq!([1, 2].map(|rank| cluster.core(rank).unwrap().messages().len()), [1, 0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Letter<M> {
    /// The rank of its sender.
    pub from: usize,
    /// The rank of its receiver.
    pub to: usize,
    /// What it says.
    pub message: M,
}

/// A client that got its reply.
///
/// ```
/// use gyre::key_value::{Change, Registers};
/// use gyre::protocols::simulator::{Faults, Replied, Simulator};
/// use gyre::{Time, single::Single};
/// use std::time::Duration;
///
/// let mut node = Simulator::new(1, 1, Faults::none(Duration::ZERO), |start| {
///     Single::<Registers>::new(start.records)
/// });
/// let id = node.request(0, Change::Write("x".into(), 7.into()));
/// assert!(node.replies.is_empty()); // it is not durable yet
/// node.run_until(Time::from_millis(100));
/// assert_eq!(node.replies, [Replied { rank: 0, id, reply: Ok(()), at: Time::ZERO }]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Replied<P> {
    /// The rank of the node that replied.
    pub rank: usize,
    /// The request, as [`Simulator::request`](super::Simulator::request) numbered it.
    pub id: RequestId,
    /// What the client was told.
    pub reply: P,
    /// When.
    pub at: Time,
}
