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
//!
//! Chapter 9 of the book, `book/09-raft-clients.md`, reads this.

use std::process::ExitCode;

use gyre::key_value::{Change, Registers, Request, Response};
use gyre::raft::MemberChange;
use gyre::replicated::Options;
use gyre::{Ctx, Error, Node, NodeId, Replicated, async_trait};

pub(crate) struct LinKv {
    registers: Replicated<Registers>,
}

impl LinKv {
    pub(crate) fn new(ctx: &Ctx) -> LinKv {
        LinKv { registers: Replicated::new(ctx, Options::default()) }
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
    gyre::run(LinKv::new)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use gyre::replicated::counts_installed;
    use maelstrom::Fault;
    use maelstrom::checker::Validity;
    use maelstrom::edn::Edn;

    use super::*;

    #[test]
    fn sim() {
        maelstrom::check("lin-kv", LinKv::new)
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .time_limit_secs(60.0)
            .seeds(0..100);
    }

    /// Members come and go, alone and with every other fault.
    #[test]
    fn sim_membership() {
        for faults in [&[Fault::Membership][..], &Fault::NAMED] {
            maelstrom::check("lin-kv", LinKv::new)
                .options(|options| options.concurrency = 10)
                .faults(faults.iter().copied())
                .time_limit_secs(30.0)
                .seeds(0..50);
        }
    }

    #[test]
    fn sim_membership_with_snapshots() {
        let make = |ctx: &Ctx| LinKv { registers: Replicated::new(ctx, Options::with_short_log()) };
        maelstrom::check("lin-kv", make)
            .options(|options| options.concurrency = 10)
            .faults(Fault::NAMED)
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

    #[test]
    fn sim_with_snapshots() {
        static INSTALLED: AtomicU64 = AtomicU64::new(0);
        let make = |ctx: &Ctx| {
            let options = Options::with_short_log();
            LinKv { registers: Replicated::watched(ctx, options, counts_installed(&INSTALLED)) }
        };
        maelstrom::check("lin-kv", make)
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .seeds(0..100);
        assert!(INSTALLED.load(Ordering::Relaxed) > 0, "no snapshot was installed");
    }
}
