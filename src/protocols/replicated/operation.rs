//! What a client of a replica can want, and how that ends.

use crate::types::MemberChange;

/// What a client of a replica can want.
///
/// A read is not in the log, so it changes nothing there:
///
/// ```
/// use gyre::key_value::{Change, Registers};
/// use gyre::protocols::simulator::{Faults, Simulator, Start};
/// use gyre::raft::Config;
/// use gyre::replicated::{Operation, Options, Replica};
/// use gyre::Time;
/// use std::time::Duration;
///
/// let mut node = Simulator::new(1, 1, Faults::none(Duration::ZERO), |start| {
///     let Start { node, records, now, rng, .. } = start;
///     let config = Config::new(node.clone(), Vec::new());
///     Replica::<Registers>::new(Options::default(), config, records, now, rng).unwrap()
/// });
/// node.run_until(Time::from_millis(2_000));
/// let mut ends = Vec::new();
/// for operation in [Operation::Command(Change::Write("x".into(), 7.into())), Operation::Read] {
///     node.request(0, operation);
///     node.run_until(node.now + Duration::from_millis(100));
///     ends.push(node.core(0).unwrap().raft().last().index);
/// }
/// assert_eq!(ends, [2, 2]); // the leader's own entry, and the write
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation<C> {
    /// A state to look at that holds everything that was done before.
    Read,
    /// A change of the state.
    Command(C),
    /// A change of the voters. It ends at once when they are as wanted already, as far as this
    /// node knows: have it [read](Operation::Read) first.
    Reconfigure(MemberChange),
}

/// How a request ended.
///
/// Of three nodes one is cut off. It never had anybody to pass its command on to, so it knows that
/// nothing was done:
///
/// ```
/// use gyre::key_value::{Change, Registers};
/// use gyre::protocols::simulator::{Faults, Simulator, Start};
/// use gyre::raft::Config;
/// use gyre::replicated::{Operation, Options, Outcome, Replica};
/// use gyre::Time;
/// use std::time::Duration;
///
/// let faults = Faults::none(Duration::from_millis(10));
/// let mut cluster = Simulator::new(3, 1, faults, |start| {
///     let Start { node, nodes, records, now, rng, .. } = start;
///     let peers = nodes.iter().filter(|other| *other != node).cloned().collect();
///     let config = Config::new(node.clone(), peers);
///     Replica::<Registers>::new(Options::default(), config, records, now, rng).unwrap()
/// });
/// cluster.partition(&[0]);
/// for rank in [0, 1] {
///     cluster.request(rank, Operation::Command(Change::Write("x".into(), 7.into())));
/// }
/// cluster.run_until(Time::from_millis(5_000));
/// let of = |rank| cluster.replies.iter().find(|replied| replied.rank == rank).unwrap();
/// assert_eq!(of(0).reply, Outcome::NoLeader);
/// assert_eq!(of(1).reply, Outcome::Applied(Ok(())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<R> {
    /// The command was applied, and this is the state machine's reply.
    Applied(R),
    /// The state is now recent enough for the read.
    Readable,
    /// There was no leader for it in time. A command has not been applied, and never will be.
    NoLeader,
    /// The voters are as they were to be, and that is committed.
    Reconfigured,
    /// This node has no vote in the cluster, and has not begun the request.
    NotMember,
    /// Too much waits here. The request has not been begun.
    Overloaded,
    /// The command was applied, or will be, or not: nobody here will ever know.
    Unknown,
}
