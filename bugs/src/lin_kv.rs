//! The node `lin-kv` with something broken: what, its options say.

use std::time::Duration;

use gyre::key_value::{Change, Registers, Request, Response};
use gyre::raft::{Config, Configuration, Durable};
use gyre::replicated::{Options, RaftRecord};
use gyre::{Ctx, Error, MemberChange, Node, NodeId, Replicated, async_trait};
use maelstrom::checker::availability::Availability;
use maelstrom::simulation::Check;

/// The Raft of the paper, with frequent elections and entries that travel alone.
pub fn restless(config: Config) -> Config {
    Config {
        stable_leadership: false,
        election_timeout: Duration::from_millis(60),
        heartbeat_interval: Duration::from_millis(15),
        max_entries_per_message: 1,
        ..config
    }
}

/// `lin-kv` with a bug.
pub struct LinKv {
    registers: Replicated<Registers>,
}

impl LinKv {
    /// The node that `ctx` is for. The options plant the bug.
    pub fn new(ctx: &Ctx, options: Options) -> LinKv {
        LinKv { registers: Replicated::new(ctx, options) }
    }
}

#[async_trait(?Send)]
impl Node for LinKv {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let (change, response) = match request {
            Request::Read { key } => {
                let value = self.registers.read(|registers| registers.read(&key)).await??;
                return Ok(Response::ReadOk { value });
            }
            Request::Write { key, value } => (Change::Write(key, value), Response::WriteOk {}),
            Request::Cas { key, from, to, .. } => (Change::Cas(key, from, to), Response::CasOk {}),
        };
        self.registers.execute(change).await??;
        Ok(response)
    }

    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        self.registers.reconfigure(ctx, change).await
    }
}

/// How the bench catches it: a seed shows it to clients.
pub fn check(options: fn() -> Options, faults: &[maelstrom::Fault]) -> Check {
    maelstrom::check("lin-kv", move |ctx| LinKv::new(ctx, options()))
        .options(|options| {
            options.concurrency = 10;
            options.calm_secs = 1.0;
        })
        .time_limit_secs(10.0)
        .faults(faults.iter().copied())
}

/// The same with more clients, more operations, and faults as often as this says.
pub fn check_under_load(
    options: fn() -> Options,
    faults: &[maelstrom::Fault],
    nemesis_interval_secs: f64,
) -> Check {
    check(options, faults).options(|options| {
        options.concurrency = 20;
        options.rate = 100.0;
        options.nemesis_interval_secs = nemesis_interval_secs;
    })
}

/// How the bench catches it in a run that was written by hand, for three nodes whose messages take
/// so many milliseconds.
pub fn check_by_hand(options: fn() -> Options, latency_ms: u64) -> Check {
    maelstrom::check("lin-kv", move |ctx| LinKv::new(ctx, options()))
        .nodes(3)
        .fixed_latency()
        .time_limit_secs(4.0)
        .faults([maelstrom::Fault::Kill, maelstrom::Fault::Partition])
        .options(|options| {
            options.concurrency = 6;
            options.latency_ms = latency_ms;
            options.nemesis_interval_secs = 0.5;
            options.calm_secs = 0.0;
        })
}

/// How the bench catches a bug in changes of the members: by what clients see, or by what a node
/// finds in its own log that cannot be.
pub fn check_members(options: fn() -> Options, faults: &[maelstrom::Fault]) -> Check {
    check_members_of(move |ctx| LinKv::new(ctx, options()), faults)
}

/// The same for nodes that start in another way.
pub fn check_members_of(
    make: impl Fn(&Ctx) -> LinKv + Send + Sync + 'static,
    faults: &[maelstrom::Fault],
) -> Check {
    maelstrom::check("lin-kv", make)
        .options(|options| {
            options.concurrency = 10;
            options.nemesis_interval_secs = 0.5;
        })
        .faults(faults.iter().copied().chain([maelstrom::Fault::Membership]))
}

/// How the bench catches a standstill: by operations that nobody answers for five seconds, which is
/// as long as ten elections. See [`liveness`](crate::liveness).
pub fn check_liveness(
    options: impl Fn(&Ctx) -> Options + Send + Sync + 'static,
    nodes: usize,
    faults: &[maelstrom::Fault],
) -> Check {
    maelstrom::check("lin-kv", move |ctx| LinKv::new(ctx, options(ctx)))
        .nodes(nodes)
        .faults(faults.iter().copied())
        .fixed_latency()
        .time_limit_secs(20.0)
        .options(|options| {
            options.latency_ms = 5;
            options.concurrency = 4 * nodes;
            options.nemesis_interval_secs = 5.0;
            options.calm_secs = 0.0;
            options.availability = Some(Availability::Within(5.0));
        })
}

/// Whether this node is a member, as far as what is on its disk says, or else `init`.
///
/// # Panics
/// When the disk cannot be read.
pub fn is_member_by_its_disk(ctx: &Ctx) -> bool {
    let recovered = ctx.storage().load().expect("the disk is well");
    let texts = recovered.snapshot.iter().chain(&recovered.records);
    let records = texts.flat_map(|text| -> Vec<RaftRecord<Registers>> {
        serde_json::from_slice(text).expect("the disk has Raft's records")
    });
    let durable = Durable::read(records).expect("the records fit together");
    let in_log = durable.entries.iter().rev().find_map(|entry| entry.configuration.clone());
    let in_state = || durable.configuration.map(|configured| configured.configuration);
    let at_first = || Configuration::of(ctx.initial_members().iter().cloned());
    in_log.or_else(in_state).unwrap_or_else(at_first).contains(ctx.id())
}

/// Whether nothing is on the disk of this node yet.
///
/// # Panics
/// When the disk cannot be read.
pub fn is_first_life(ctx: &Ctx) -> bool {
    let recovered = ctx.storage().load().expect("the disk is well");
    recovered.snapshot.is_empty() && recovered.records.is_empty()
}

/// The bench must find it.
///
/// # Panics
/// When it does not.
pub fn is_caught(check: Check) {
    is_caught_by(0, check);
}

/// The same for a bug that few seeds show: the search begins with one that does.
///
/// # Panics
/// When no seed shows it.
pub fn is_caught_by(seed: u64, check: Check) {
    let failure = check.first_anomaly(seed..1_000).or_else(|| check.first_anomaly(0..seed));
    let failure = failure.expect("the bench must catch it");
    eprintln!("caught by seed {}: {}", failure.seed, failure.sentence);
}
