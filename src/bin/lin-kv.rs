//! A linearizable key-value store on Raft: it works as long as a majority of its nodes can
//! talk to each other, and loses nothing whatever happens.
//!
//! Any node takes any request. The state is a map of registers, `gyre::key_value`; what can be
//! done to it goes through the log that the nodes agree on, `gyre::raft`; and
//! `gyre::replicated` lets the code below read and change it as if there were only one copy.
//!
//! With `--latency 10`, a write takes one round trip between nodes where the leader is asked,
//! and two where another node is; a read is confirmed by one round of heartbeats and takes as
//! long, or less: in a cluster of three it takes one round trip anywhere.
//!
//! Its members may change while it works, by the requests of Maelstrom's pull request 101: `init`
//! says with `initial_member_ids` who is one in the beginning, `add_member` and `remove_member`,
//! each with a `node_id`, change that, and a node that is none answers error 40, not-a-member.
//! With `--joint` each change goes through joint consensus. All nodes of a cluster must be started
//! in the same way.
//!
//! Chapter 9 of the book, `book/09-raft-clients.md`, reads this.

use std::process::ExitCode;

use gyre::key_value::{Change, Registers, Request, Response};
use gyre::raft::{Changes, Config};
use gyre::replicated::Options;
use gyre::{Ctx, Error, MemberChange, Node, NodeId, Replicated, async_trait};

pub(crate) struct LinKv {
    registers: Replicated<Registers>,
}

impl LinKv {
    pub(crate) fn new(ctx: &Ctx) -> LinKv {
        LinKv { registers: Replicated::new(ctx, Options::default()) }
    }

    /// The same, and its members change by joint consensus.
    fn joint(ctx: &Ctx) -> LinKv {
        let configure = |config| Config { changes: Changes::Joint, ..config };
        let options = Options { configure, ..Options::default() };
        LinKv { registers: Replicated::new(ctx, options) }
    }
}

#[async_trait(?Send)]
impl Node for LinKv {
    type Request = Request;
    type Response = Response;

    // ANCHOR: handle
    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        // Of the two `?` the first is about the cluster, the second about the key.
        let (change, response) = match request {
            Request::Read { key } => {
                let value = self.registers.read(|registers| registers.read(&key)).await??;
                return Ok(Response::ReadOk { value });
            }
            Request::Write { key, value } => (Change::Write(key, value), Response::WriteOk {}),
            Request::Cas { key, from, to, create_if_not_exists: false } => {
                (Change::Cas(key, from, to), Response::CasOk {})
            }
            Request::Cas { key, from, to, create_if_not_exists: true } => {
                (Change::CasOrCreate(key, from, to), Response::CasOk {})
            }
        };
        self.registers.execute(change).await??;
        Ok(response)
    }
    // ANCHOR_END: handle

    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        self.registers.reconfigure(ctx, change).await
    }
}

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "a program's arguments are read in main")]
    let is_joint = std::env::args_os().any(|argument| argument == "--joint");
    gyre::run(if is_joint { LinKv::joint } else { LinKv::new })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use gyre::replicated::counts_installed;
    use maelstrom::Fault;
    use maelstrom::checker::Validity;
    use maelstrom::edn::Edn;
    use maelstrom::history::{Op, OpType};

    use super::*;

    #[test]
    fn sim() {
        maelstrom::check("lin-kv", LinKv::new)
            .options(|options| options.concurrency = 10)
            .faults(Fault::COMMON)
            .time_limit_secs(60.0)
            .seeds(0..100);
    }

    /// Members come and go, alone and with every other fault.
    #[test]
    fn sim_membership() {
        for faults in [&[Fault::Membership][..], &Fault::ALL] {
            maelstrom::check("lin-kv", LinKv::new)
                .options(|options| options.concurrency = 10)
                .faults(faults.iter().copied())
                .time_limit_secs(30.0)
                .seeds(0..50);
        }
    }

    /// The same by joint consensus.
    #[test]
    fn sim_membership_joint() {
        maelstrom::check("lin-kv", LinKv::joint)
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .seeds(0..25);
    }

    #[test]
    fn sim_membership_with_snapshots() {
        let make = |ctx: &Ctx| LinKv { registers: Replicated::new(ctx, Options::with_short_log()) };
        maelstrom::check("lin-kv", make)
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .seeds(0..50);
    }

    /// Three members are replaced one by one, again and again, by nodes that were never there.
    #[test]
    fn sim_everybody_is_replaced_ten_times() {
        let check = maelstrom::check("lin-kv", LinKv::new).nodes(40).options(|options| {
            options.member_count = Some(3);
            options.concurrency = 80;
            options.faults = [Fault::Membership].into();
            options.nemesis_interval_secs = 1.0;
            options.time_limit_secs = 120.0;
        });
        let (outcome, results) = check.run(1);
        assert_eq!(outcome.failure, None);
        assert_eq!(results.verdict, Validity::True);
        let moves = outcome.history.ops.iter().filter(|op| &*op.f == "change-members");
        let lists: Vec<Vec<&str>> = moves
            .filter_map(|op| op.value.as_slice())
            .map(|names| names.iter().filter_map(Edn::as_str).collect())
            .collect();
        let joined =
            |pair: &[Vec<&str>]| pair[1].iter().filter(|name| !pair[0].contains(name)).count();
        let joined: usize = lists.windows(2).map(joined).sum();
        assert!(joined >= 30, "only {joined} joined");
    }

    /// Disks that are full, slow or rotten, and power that fails: alone, and with other faults.
    #[test]
    fn sim_disk() {
        for faults in [&[Fault::Disk][..], &[Fault::Disk, Fault::Kill, Fault::Partition]] {
            maelstrom::check("lin-kv", LinKv::new)
                .options(|options| options.concurrency = 10)
                .faults(faults.iter().copied())
                .time_limit_secs(30.0)
                .seeds(0..25);
        }
    }

    /// Members are replaced, and the others go on: nobody waits for longer than an election takes
    /// when a leader is killed, which is two election timeouts and a few messages.
    #[test]
    fn sim_a_replacement_takes_no_longer_than_an_election() {
        const LATENCY_MS: u64 = 10;
        let patience = Config::new("n0".into(), Vec::new()).election_timeout;
        let election = 2 * patience + Duration::from_millis(6 * LATENCY_MS);
        let (mut longest, mut changes) = (Duration::ZERO, 0);
        for seed in 0..5 {
            let check = maelstrom::check("lin-kv", LinKv::new).fixed_latency().options(|options| {
                options.faults = [Fault::Membership].into();
                options.concurrency = 20;
                options.rate = 100.0;
                options.latency_ms = LATENCY_MS;
                options.nemesis_interval_secs = 1.0;
            });
            let (outcome, results) = check.run(seed);
            assert_eq!((outcome.failure, results.verdict), (None, Validity::True), "seed {seed}");
            let ops = &outcome.history.ops;
            let is_change = |op: &&Op| &*op.f == "change-members" && op.value.as_slice().is_some();
            changes += ops.iter().filter(is_change).count();
            let ended = ops.iter().filter(|op| op.is_client() && op.kind == OpType::Ok);
            let times: Vec<u64> = ended.map(|op| op.time.unsigned_abs()).collect();
            let waits = times.windows(2).map(|pair| Duration::from_nanos(pair[1] - pair[0]));
            longest = longest.max(waits.max().unwrap_or_default());
        }
        eprintln!("{changes} changes: no operation ended for {longest:?} at most");
        assert!(changes > 20, "only {changes} changes");
        assert!(longest <= election, "no operation ended for {longest:?}");
    }

    #[test]
    fn sim_with_snapshots() {
        static INSTALLED: AtomicU64 = AtomicU64::new(0);
        let make = |ctx: &Ctx| {
            let options = Options::with_short_log();
            LinKv { registers: Replicated::watched(ctx, options, counts_installed(&INSTALLED)) }
        };
        maelstrom::check("lin-kv", make)
            .options(|options| options.concurrency = 10)
            .faults(Fault::COMMON)
            .seeds(0..100);
        assert!(INSTALLED.load(Ordering::Relaxed) > 0, "no snapshot was installed");
    }
}
