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

use std::marker::PhantomData;
use std::process::ExitCode;
use std::sync::OnceLock;

use gyre::driver::Driver;
use gyre::gossip::{Gossip, Rumor, Setting};
use gyre::{Ctx, Error, Node, NodeId, async_trait};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A broadcast node with the setting that `P` names.
pub(crate) struct Broadcast<P> {
    gossip: Driver<Gossip>,
    preset: PhantomData<P>,
}

/// What clients and other nodes say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Request {
    Topology {},
    Broadcast { message: Value },
    Read {},
    Gossip(Rumor),
}

/// What this node answers.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Response {
    TopologyOk {},
    BroadcastOk {},
    ReadOk {
        messages: Vec<Value>,
    },
    /// Never sent: nobody waits for an answer to gossip.
    Heard {},
}

#[async_trait(?Send)]
impl<P: Preset> Node for Broadcast<P> {
    type Request = Request;
    type Response = Response;

    fn new(ctx: &Ctx) -> Broadcast<P> {
        let gossip = Driver::start(ctx, |records, rng| {
            let (setting, number) = (P::setting(), rng.random());
            Gossip::new(setting, ctx.id(), ctx.nodes(), records, number, ctx.now())
        });
        Broadcast { gossip, preset: PhantomData }
    }

    async fn handle(&self, ctx: &Ctx, request: Request, from: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Topology {} => Response::TopologyOk {},
            Request::Broadcast { message } => {
                self.gossip.act(ctx, message);
                Response::BroadcastOk {}
            }
            Request::Read {} => {
                Response::ReadOk { messages: self.gossip.core().messages().to_vec() }
            }
            Request::Gossip(rumor) => {
                self.gossip.hear(ctx, from, rumor)?;
                Response::Heard {}
            }
        })
    }
}

/// Where a node has its setting from: a type, so that nodes of one process may differ.
pub(crate) trait Preset: 'static {
    /// The setting.
    fn setting() -> Setting;
}

/// The setting that the command line names.
struct CommandLine;

static SETTING: OnceLock<Setting> = OnceLock::new();

impl Preset for CommandLine {
    fn setting() -> Setting {
        *SETTING.get().unwrap_or(&Setting::LOW_LATENCY)
    }
}

/// The value of `--preset`, if it is there.
///
/// # Errors
/// A sentence, when it is no setting.
fn setting_from(mut arguments: impl Iterator<Item = String>) -> Result<Option<Setting>, String> {
    while let Some(argument) = arguments.next() {
        let value = match argument.strip_prefix("--preset") {
            Some("") => arguments.next().ok_or("--preset needs a value")?,
            Some(rest) if rest.starts_with('=') => rest[1..].to_owned(),
            _ => continue,
        };
        return value.parse().map(Some);
    }
    Ok(None)
}

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "a program's arguments are read in main")]
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    match setting_from(arguments) {
        Ok(Some(setting)) => SETTING.set(setting).expect("main sets it once"),
        Ok(None) => {}
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    gyre::run::<Broadcast<CommandLine>>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;
    use maelstrom::edn::Edn;

    use super::*;

    struct LowLatency;

    impl Preset for LowLatency {
        fn setting() -> Setting {
            Setting::LOW_LATENCY
        }
    }

    struct LowTraffic;

    impl Preset for LowTraffic {
        fn setting() -> Setting {
            Setting::LOW_TRAFFIC
        }
    }

    #[test]
    fn sim_low_latency() {
        maelstrom::check::<Broadcast<LowLatency>>("broadcast").faults(Fault::ALL).seeds(0..100);
    }

    #[test]
    fn sim_low_traffic() {
        maelstrom::check::<Broadcast<LowTraffic>>("broadcast").faults(Fault::ALL).seeds(0..100);
    }

    #[test]
    fn sim_low_latency_of_25_nodes() {
        maelstrom::check::<Broadcast<LowLatency>>("broadcast")
            .faults(Fault::ALL)
            .nodes(25)
            .seeds(0..10);
    }

    #[test]
    fn sim_low_traffic_of_25_nodes() {
        maelstrom::check::<Broadcast<LowTraffic>>("broadcast")
            .faults(Fault::ALL)
            .nodes(25)
            .seeds(0..10);
    }

    struct LeastTraffic;

    impl Preset for LeastTraffic {
        fn setting() -> Setting {
            "hub:240".parse().unwrap()
        }
    }

    /// The network of challenges 3d and 3e. For each of ten seeds: messages between servers
    /// per broadcast and per operation, the median latency and the greatest, in ms.
    fn costs<P: Preset>() -> Vec<(f64, f64, i64, i64)> {
        let check = maelstrom::check::<Broadcast<P>>("broadcast")
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
        for cost in costs::<LowLatency>() {
            let (per_broadcast, _, median_ms, greatest_ms) = cost;
            assert!(per_broadcast <= 23.3 && median_ms <= 120 && greatest_ms <= 140, "{cost:?}");
        }
        for cost in costs::<LowTraffic>() {
            let (_, per_operation, median_ms, greatest_ms) = cost;
            assert!(per_operation <= 1.85 && median_ms <= 290 && greatest_ms <= 400, "{cost:?}");
        }
        for cost in costs::<LeastTraffic>() {
            let (_, per_operation, median_ms, greatest_ms) = cost;
            assert!(per_operation <= 1.5 && median_ms <= 320 && greatest_ms <= 450, "{cost:?}");
        }
    }

    #[test]
    fn the_command_line_names_a_preset() {
        let setting = |text: &str| setting_from(text.split(' ').map(str::to_owned));
        assert_eq!(setting("broadcast"), Ok(None));
        assert_eq!(setting("broadcast --preset low-traffic"), Ok(Some(Setting::LOW_TRAFFIC)));
        assert_eq!(setting("broadcast --preset=hub:190"), Ok(Some(Setting::LOW_TRAFFIC)));
        assert!(setting("broadcast --preset").is_err());
        assert!(setting("broadcast --preset fast").is_err());
    }
}
