//! The node `lin-kv` with something broken: what, its options say.

use std::cell::RefCell;
use std::time::Duration;

use gyre::key_value::{Change, Registers, Request, Response};
use gyre::raft::{Config, Invariants};
use gyre::replicated::Options;
use gyre::{Ctx, Error, Node, NodeId, Replicated, async_trait};
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

    /// The same, in a cluster whose nodes share this thread: what must hold of all of them
    /// together is checked after every batch of steps.
    fn watched(ctx: &Ctx, options: Options) -> LinKv {
        INVARIANTS.with_borrow_mut(|invariants| invariants.on_restart(ctx.id()));
        let registers = Replicated::watched(ctx, options, |raft| {
            let held = INVARIANTS.with_borrow_mut(|all| all.check(raft, []));
            held.unwrap_or_else(|broken| panic!("{broken}"));
        });
        LinKv { registers }
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
}

thread_local! {
    /// What must hold of all nodes of a simulated cluster together.
    static INVARIANTS: RefCell<Invariants<gyre::replicated::Request<Change>>> = RefCell::default();
}

/// How the bench catches it: by what clients see, or, where that would take a long coincidence, by
/// an invariant of Raft that does not hold (figure 3).
pub fn check(
    options: fn() -> Options,
    faults: &[maelstrom::Fault],
    nemesis_interval_secs: f64,
) -> Check<LinKv> {
    maelstrom::check("lin-kv", move |ctx| LinKv::watched(ctx, options()))
        .options(|options| {
            options.concurrency = 20;
            options.rate = 100.0;
            options.nemesis_interval_secs = nemesis_interval_secs;
            options.calm_secs = 1.0;
        })
        .time_limit_secs(10.0)
        .faults(faults.iter().copied())
        .before_run(|| drop(INVARIANTS.take()))
}

/// The bench must find it.
///
/// # Panics
/// When it does not.
pub fn is_caught(check: Check<LinKv>) {
    let failure = check.first_anomaly(0..1_000).expect("the bench must catch it");
    eprintln!("caught by seed {}: {}", failure.seed, failure.sentence);
}
