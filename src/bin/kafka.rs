//! Kafka on several nodes: logs that survive the loss of any minority of them, at about one
//! message between servers for each operation.
//!
//! Every node has all logs: they are the state machine of a Raft (`src/protocols/replicated`), and
//! every message sent is a command. With two nodes a majority is both, so both must store a
//! message before it is acknowledged; a cluster of two stands still while either is away, and
//! loses nothing. Offsets are dense, for they are given when a command is applied, in the one
//! order that all nodes share.
//!
//! What makes it cheap:
//!
//! - *Polls cost nothing.* Each node answers from the logs that it has. They may be a little
//!   behind, which the workload allows: a poll says what is there from some offset on, not
//!   that nothing follows. They are never wrong: only what a majority has stored is applied.
//! - *Changes travel together.* The first message to arrive at a node waits [`LINGER`] for
//!   others, and they share one command: Kafka's `linger.ms`. At 1000 operations a second it
//!   pays for itself.
//!
//! Committed offsets are changes like any other, and are read through the leader, so that a
//! consumer that takes a key over starts where the last one said, and they never go back.
//!
//! Deliberately absent: an owner for each key. Where each node has only some of the logs, sends
//! and polls must find the node that has this one, and a hash of the key says which. Here all
//! nodes have all logs, so an owner would only be one more hop: a request for another node's key
//! would cost two messages more, and a poll two instead of none.
//!
//! Chapter 11 of the book, `book/11-kafka.md`, reads this.

use std::cell::RefCell;
use std::process::ExitCode;
use std::time::Duration;

use gyre::kafka_log::{Change, Logs, Offset, Request, Response};
use gyre::replicated::Options;
use gyre::{Ctx, Error, MemberChange, Node, NodeId, Replicated, async_trait};
use tokio::sync::oneshot;

/// How long the first change of a command waits for others.
const LINGER: Duration = Duration::from_millis(5);

/// What became of a change: the offset of a message that was sent.
type Outcome = Result<Option<Offset>, Error>;

pub(crate) struct Kafka {
    logs: Replicated<Logs>,
    /// The changes that wait to become a command, each with who waits for its outcome.
    gathered: RefCell<Vec<(Change, oneshot::Sender<Outcome>)>>,
}

impl Kafka {
    /// Makes a change, together with those that arrive at about the same time.
    async fn change(&self, ctx: &Ctx, change: Change) -> Outcome {
        let (sender, receiver) = oneshot::channel();
        self.gathered.borrow_mut().push((change, sender));
        let is_first = self.gathered.borrow().len() == 1;
        if is_first {
            ctx.sleep(LINGER).await;
            self.execute_gathered().await;
        }
        receiver.await.expect("the first of a command sees it through")
    }

    async fn execute_gathered(&self) {
        let (changes, senders): (Vec<_>, Vec<_>) = self.gathered.take().into_iter().unzip();
        let outcomes: Vec<Outcome> = match self.logs.execute(changes).await {
            Ok(offsets) => offsets.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); senders.len()],
        };
        for (sender, outcome) in senders.into_iter().zip(outcomes) {
            // Nobody listens any more if the handler was dropped.
            let _ = sender.send(outcome);
        }
    }
}

impl Kafka {
    pub(crate) fn new(ctx: &Ctx) -> Kafka {
        // Clients wait for 5 s: long enough for most elections to end.
        let options = Options { patience: Duration::from_secs(3), ..Options::default() };
        Kafka { logs: Replicated::new(ctx, options), gathered: RefCell::default() }
    }
}

#[async_trait(?Send)]
impl Node for Kafka {
    type Request = Request;
    type Response = Response;

    // ANCHOR: handle
    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Send { key, msg } => {
                let offset = self.change(ctx, Change::Send { key, msg }).await?;
                Response::SendOk { offset: offset.expect("a message gets an offset") }
            }
            Request::Poll { offsets } => {
                Response::PollOk { msgs: self.logs.peek(|logs| logs.poll(&offsets)) }
            }
            Request::CommitOffsets { offsets } => {
                // Maelstrom's own client has moved on already, so it must not take the poll
                // for one that never was: an error here says that nobody knows.
                let outcome = self.change(ctx, Change::Commit { offsets }).await;
                outcome.map_err(|error| Error::timeout(error.text))?;
                Response::CommitOffsetsOk {}
            }
            Request::ListCommittedOffsets { keys } => {
                let offsets = self.logs.read(|logs| logs.committed(&keys)).await?;
                Response::ListCommittedOffsetsOk { offsets }
            }
        })
    }
    // ANCHOR_END: handle

    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        self.logs.reconfigure(ctx, change).await
    }
}

fn main() -> ExitCode {
    gyre::run(Kafka::new)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use gyre::replicated::counts_installed;
    use maelstrom::Fault;

    use super::*;

    #[test]
    fn sim() {
        maelstrom::check("kafka", Kafka::new)
            .faults(Fault::COMMON)
            .options(|options| options.concurrency = 10)
            .time_limit_secs(30.0)
            .seeds(0..50);
    }

    /// Members come and go, with every other fault.
    #[test]
    fn sim_membership() {
        maelstrom::check("kafka", Kafka::new)
            .faults(Fault::ALL)
            .options(|options| options.concurrency = 10)
            .time_limit_secs(30.0)
            .seeds(0..50);
    }

    /// Disks that are full, slow or rotten, and power that fails: alone, and with other faults.
    #[test]
    fn sim_disk() {
        for faults in [&[Fault::Disk][..], &[Fault::Disk, Fault::Kill, Fault::Partition]] {
            maelstrom::check("kafka", Kafka::new)
                .options(|options| options.concurrency = 10)
                .faults(faults.iter().copied())
                .time_limit_secs(30.0)
                .seeds(0..25);
        }
    }

    #[test]
    fn sim_with_snapshots() {
        static INSTALLED: AtomicU64 = AtomicU64::new(0);
        let make = |ctx: &Ctx| {
            let options = Options { patience: Duration::from_secs(3), ..Options::with_short_log() };
            let logs = Replicated::watched(ctx, options, counts_installed(&INSTALLED));
            Kafka { logs, gathered: RefCell::default() }
        };
        maelstrom::check("kafka", make)
            .faults(Fault::COMMON)
            .options(|options| options.concurrency = 10)
            .seeds(0..50);
        assert!(INSTALLED.load(Ordering::Relaxed) > 0, "no snapshot was installed");
    }

    /// Kafka lets committed offsets go back. This log promises that they do not.
    #[test]
    fn committed_offsets_never_go_back() {
        maelstrom::check("kafka", Kafka::new)
            .faults(Fault::COMMON)
            .rate(50.0)
            .options(|options| options.monotonic_commits = true)
            .seeds(0..20);
    }

    /// Two nodes stand still while one is away, and lose nothing.
    #[test]
    fn sim_two_nodes() {
        maelstrom::check("kafka", Kafka::new)
            .nodes(2)
            .faults(Fault::COMMON)
            .time_limit_secs(30.0)
            .seeds(0..25);
    }

    /// The challenge: at most 1.3 messages between servers for each operation.
    #[test]
    fn is_cheap() {
        let check = maelstrom::check("kafka", Kafka::new).nodes(2).rate(1000.0).fixed_latency();
        let check = check.options(|options| options.concurrency = 4);
        let (_, results) = check.run(1);
        let results = results.to_edn();
        let net = results.get("net").and_then(|net| net.get("servers")).expect("statistics");
        let per_operation = net.get("msgs-per-op").expect("a number").to_string();
        assert!(per_operation.parse::<f64>().expect("a number") < 1.3, "{per_operation}");
        assert_eq!(results.get("valid?").map(ToString::to_string).as_deref(), Some("true"));
    }
}
