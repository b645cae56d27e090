//! The node `lin-kv` with something broken: what, says the type parameter.

#[cfg(test)]
use std::cell::RefCell;
use std::marker::PhantomData;
use std::time::Duration;

use gyre::key_value::{Change, Registers, Request, Response};
use gyre::raft::Config;
#[cfg(test)]
use gyre::raft::Invariants;
use gyre::replicated::{Incoming, Options, Replicated};
use gyre::{Ctx, Error, Node, NodeId, async_trait};

/// One planted bug.
pub trait Bug: 'static {
    /// The options of a replica that has it.
    fn options() -> Options;
}

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
pub struct LinKv<B> {
    registers: Replicated<Registers>,
    bug: PhantomData<B>,
}

impl<B: Bug> LinKv<B> {
    pub fn new(ctx: &Ctx) -> LinKv<B> {
        #[cfg(test)]
        INVARIANTS.with_borrow_mut(|invariants| invariants.on_restart(ctx.id()));
        LinKv { registers: Replicated::new(ctx, B::options()), bug: PhantomData }
    }
}

#[async_trait(?Send)]
impl<B: Bug> Node for LinKv<B> {
    type Request = Incoming<Request, Registers>;
    type Response = Option<Response>;

    async fn handle(
        &self,
        _: &Ctx,
        request: Self::Request,
        from: NodeId,
    ) -> Result<Self::Response, Error> {
        let (change, response) = match request {
            Incoming::Raft(message) => {
                self.registers.receive(from, message)?;
                #[cfg(test)]
                self.registers.inspect(|raft| {
                    let held = INVARIANTS.with_borrow_mut(|all| all.check(raft, []));
                    held.unwrap_or_else(|broken| panic!("{broken}"));
                });
                return Ok(None);
            }
            Incoming::Client(Request::Read { key }) => {
                let value = self.registers.read(|registers| registers.read(&key)).await??;
                return Ok(Some(Response::ReadOk { value }));
            }
            Incoming::Client(Request::Write { key, value }) => {
                (Change::Write(key, value), Response::WriteOk {})
            }
            Incoming::Client(Request::Cas { key, from, to, .. }) => {
                (Change::Cas(key, from, to), Response::CasOk {})
            }
        };
        self.registers.execute(change).await??;
        Ok(Some(response))
    }
}

#[cfg(test)]
thread_local! {
    /// What must hold of all nodes of a simulated cluster together.
    static INVARIANTS: RefCell<Invariants<gyre::replicated::Request<Change>>> = RefCell::default();
}

/// The bench must find it: by what clients see, or, where that would take a long coincidence, by
/// an invariant of Raft that does not hold (figure 3).
#[cfg(test)]
pub fn is_caught<B: Bug>(faults: &[maelstrom::Fault], nemesis_interval_secs: f64) {
    let failure = first_failure::<B>(faults, nemesis_interval_secs, 1_000);
    let failure = failure.expect("the bench must catch it");
    println!("caught by seed {}: {}", failure.seed, failure.sentence);
}

/// The first of so many seeds on which something is wrong.
#[cfg(test)]
pub fn first_failure<B: Bug>(
    faults: &[maelstrom::Fault],
    nemesis_interval_secs: f64,
    seeds: u64,
) -> Option<maelstrom::check::Failure> {
    let check = maelstrom::check("lin-kv", LinKv::<B>::new)
        .options(|options| {
            options.concurrency = 20;
            options.rate = 100.0;
            options.nemesis_interval_secs = nemesis_interval_secs;
            options.calm_secs = 1.0;
        })
        .time_limit_secs(10.0)
        .faults(faults.iter().copied());
    (0..seeds).find_map(|seed| {
        INVARIANTS.take();
        check.fails(seed).filter(maelstrom::check::Failure::is_anomaly)
    })
}
