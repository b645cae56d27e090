//! Broadcast: what a client tells one node, every node knows soon.
//!
//! The protocol is [`gyre::gossip`], where all of it is explained: who sends what to whom, and
//! what happens when messages are lost, nodes die, or the network falls apart. This file
//! connects it to clients. A message is stored before its client hears `broadcast_ok`, so a
//! node that is killed at once still delivers it when it is back; no peer is waited for.
//!
//! `--preset` trades messages for latency: `low-latency` (the default), `low-traffic`, or a
//! route and a window in milliseconds, such as `hub:240`.
//!
//! The topology that Maelstrom suggests is not used. Nothing there stops a node from talking
//! to any other, and a tree of depth one loses neither time nor messages on the way.
//!
//! Chapter 3 of the book, `book/03-broadcast.md`, reads this.

use std::process::ExitCode;

use gyre::driver::Driver;
use gyre::gossip::{Gossip, Setting};
use gyre::{Ctx, Error, Json, MemberChange, Node, NodeId, async_trait};
use imbl::Vector;
use rand::RngExt;
use serde::{Deserialize, Serialize};

pub(crate) struct Broadcast {
    gossip: Driver<Gossip>,
}

/// What clients and other nodes say.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    Topology {},
    Broadcast { message: Json },
    Read {},
}

/// What this node answers.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Response {
    TopologyOk {},
    BroadcastOk {},
    ReadOk { messages: Vector<Json> },
}

impl Broadcast {
    pub(crate) fn new(ctx: &Ctx, setting: Setting) -> Broadcast {
        let gossip = Driver::start(ctx, |records, now, rng| {
            let (nodes, members, number) = (ctx.nodes(), ctx.initial_members(), rng.random());
            Gossip::with_members(setting, ctx.id(), nodes, members, records, number, now)
        });
        Broadcast { gossip }
    }
}

#[async_trait(?Send)]
impl Node for Broadcast {
    type Request = Request;
    type Response = Response;

    // ANCHOR: handle
    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        if !matches!(request, Request::Topology {}) {
            self.gossip.check_membership()?;
        }
        Ok(match request {
            Request::Topology {} => Response::TopologyOk {},
            Request::Broadcast { message } => {
                self.gossip.request(message.into()).await;
                Response::BroadcastOk {}
            }
            Request::Read {} => Response::ReadOk {
                messages: self.gossip.read(|gossip| gossip.messages().clone()).await,
            },
        })
    }
    // ANCHOR_END: handle

    async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        self.gossip.change_members(ctx, change).await
    }
}

/// The value of `--preset`; without one, low latency.
///
/// # Errors
/// A sentence, when it is no setting.
fn setting_from(mut arguments: impl Iterator<Item = String>) -> Result<Setting, String> {
    while let Some(argument) = arguments.next() {
        let value = match argument.strip_prefix("--preset") {
            Some("") => arguments.next().ok_or("--preset needs a value")?,
            Some(rest) if rest.starts_with('=') => rest[1..].to_owned(),
            _ => continue,
        };
        return value.parse();
    }
    Ok(Setting::LOW_LATENCY)
}

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "a program's arguments are read in main")]
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    match setting_from(arguments) {
        Ok(setting) => gyre::run(move |ctx| Broadcast::new(ctx, setting)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;
    use maelstrom::edn::Edn;

    use super::*;

    fn with(setting: Setting) -> impl Fn(&Ctx) -> Broadcast + Clone + Send + Sync + 'static {
        move |ctx| Broadcast::new(ctx, setting)
    }

    #[test]
    fn sim_low_latency() {
        maelstrom::check("broadcast", with(Setting::LOW_LATENCY))
            .faults(Fault::COMMON)
            .seeds(0..100);
    }

    #[test]
    fn sim_low_traffic() {
        maelstrom::check("broadcast", with(Setting::LOW_TRAFFIC))
            .faults(Fault::COMMON)
            .seeds(0..100);
    }

    /// Nodes join and leave: alone, and with all other faults.
    #[test]
    fn sim_membership() {
        for setting in [Setting::LOW_LATENCY, Setting::LOW_TRAFFIC] {
            for faults in [&[Fault::Membership][..], &Fault::ALL] {
                maelstrom::check("broadcast", with(setting))
                    .faults(faults.iter().copied())
                    .time_limit_secs(30.0)
                    .seeds(0..50);
            }
        }
    }

    #[test]
    fn sim_low_latency_of_25_nodes() {
        maelstrom::check("broadcast", with(Setting::LOW_LATENCY))
            .faults(Fault::COMMON)
            .nodes(25)
            .seeds(0..10);
    }

    #[test]
    fn sim_low_traffic_of_25_nodes() {
        maelstrom::check("broadcast", with(Setting::LOW_TRAFFIC))
            .faults(Fault::COMMON)
            .nodes(25)
            .seeds(0..10);
    }

    /// The network of challenges 3d and 3e. For each of ten seeds: messages between servers
    /// per broadcast and per operation, the median latency and the greatest, in ms.
    fn costs(setting: Setting) -> Vec<(f64, f64, i64, i64)> {
        let check = maelstrom::check("broadcast", with(setting))
            .nodes(25)
            .rate(100.0)
            .time_limit_secs(20.0)
            .options(|options| options.latency_ms = 100)
            .fixed_latency();
        let cost = |seed| {
            let (outcome, results) = check.run(seed);
            let messages = outcome.journal.stats().servers.send_count as f64;
            let pairs = outcome.history.pairs().unwrap();
            let broadcasts = pairs.iter().filter(|pair| &*pair.invoke.f == "broadcast").count();
            let results = results.to_edn();
            let latencies = results.get("workload").and_then(|r| r.get("stable-latencies"));
            let Some(Edn::Map(latencies)) = latencies else { panic!("{results}") };
            let quantile = |index: usize| latencies[index].1.as_i64().unwrap();
            let per_operation = messages / pairs.len() as f64;
            (messages / broadcasts as f64, per_operation, quantile(1), quantile(4))
        };
        (0..10).map(cost).collect()
    }

    #[test]
    fn presets_keep_their_promises() {
        for cost in costs(Setting::LOW_LATENCY) {
            let (per_broadcast, _, median_ms, greatest_ms) = cost;
            assert!(per_broadcast <= 23.9 && median_ms <= 120 && greatest_ms <= 140, "{cost:?}");
        }
        for cost in costs(Setting::LOW_TRAFFIC) {
            let (_, per_operation, median_ms, greatest_ms) = cost;
            assert!(per_operation <= 1.85 && median_ms <= 290 && greatest_ms <= 400, "{cost:?}");
        }
        for cost in costs("hub:240".parse().unwrap()) {
            let (_, per_operation, median_ms, greatest_ms) = cost;
            assert!(per_operation <= 1.5 && median_ms <= 320 && greatest_ms <= 450, "{cost:?}");
        }
    }

    #[test]
    fn the_command_line_names_a_preset() {
        let setting = |text: &str| setting_from(text.split(' ').map(str::to_owned));
        assert_eq!(setting("broadcast"), Ok(Setting::LOW_LATENCY));
        assert_eq!(setting("broadcast --preset low-traffic"), Ok(Setting::LOW_TRAFFIC));
        assert_eq!(setting("broadcast --preset=hub:190"), Ok(Setting::LOW_TRAFFIC));
        assert!(setting("broadcast --preset").is_err());
        assert!(setting("broadcast --preset fast").is_err());
    }
}
