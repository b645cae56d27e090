//! A sweep of nodes that are in the same process: inside a node's test program.
//!
//! The bench knows no node, and a node's program knows no bench; only a node's *test program* has
//! both. So `maelstrom sweep --in-process` starts that program with an order in its environment.
//! A simulated test that finds one ([`Check::seeds`](crate::simulation::Check::seeds)) carries it
//! out instead of being a test: it writes the shard's file itself, and says on stdout, a line of
//! JSON each time, how far it is.
//!
//! A node in the same process can take that process with it: by never giving back, by growing, by
//! overflowing its stack. Then the bench starts the program again, which goes on where the file
//! ends, and runs the next seeds one at a time to find the one that did it. That one is then
//! [given up](Order::given_up): a failure like any other.
//!
//! The process ends when its stdin does. So no worker outlives its bench, whatever ends that.
#![expect(clippy::disallowed_methods, reason = "it is a process of its own, and watches itself")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::plan::{Plan, Seeds, Shard, fault_names, file_name, settings};
use super::seed::{Failed, Runner};
use super::shard::ShardFile;
use super::work::{Care, Control, Stop, run};
use crate::child::resident_bytes;
use crate::options::TestOptions;

/// The variable of the environment that holds an order.
pub const ORDER_VARIABLE: &str = "MAELSTROM_SWEEP";

/// So often a worker says how far it is.
const SAID_EVERY: Duration = Duration::from_millis(200);

/// So often a worker looks at itself.
const WATCHED_EVERY: Duration = Duration::from_millis(100);

/// What to sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The name of the node's program.
    pub program: String,
    /// A digest of the test program.
    pub digest: String,
    /// The name of the simulated test.
    pub simulation: String,
    /// What tells this case from others of the same simulation.
    pub variant: Option<String>,
    /// Flags instead of the simulation's own options.
    pub flags: Vec<(String, String)>,
    /// Kinds of failure that are none here.
    pub allowed: Vec<String>,
    /// All seeds.
    pub seeds: Seeds,
    /// Which of them.
    pub shard: Shard,
    /// The folder of the shard's file.
    pub out: PathBuf,
    /// How much real time a seed may take.
    pub seed_limit_secs: f64,
    /// How much memory the process may hold.
    pub memory_bytes: u64,
    /// Seeds below this one are run one at a time.
    pub alone_until: u64,
    /// Seeds that have ended this process before.
    pub given_up: Vec<GivenUp>,
}

/// A seed that ends the process in which it is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GivenUp {
    /// The seed.
    pub seed: u64,
    /// The kind of failure.
    pub kind: String,
    /// What happened, in a sentence.
    pub sentence: String,
}

/// What a worker says on its stdout, each time a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// How far it is.
    Progress(Progress),
    /// It begins this seed, and nothing else beside it; without one, many side by side.
    Begins(Option<u64>),
    /// This seed takes too long. The process ends itself.
    Hangs(u64),
    /// The process holds too much memory, and ends itself.
    Grew,
    /// It cannot go on: a sentence.
    Broken(String),
    /// It has ended in order. Whether every seed is done.
    Over(bool),
}

/// How far a shard is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The case.
    pub case: String,
    /// The first seed that is not done.
    pub next: u64,
    /// How many are done, those of earlier processes included.
    pub done: u64,
    /// Of how many.
    pub count: u64,
    /// How many failed, by kind.
    pub failures: BTreeMap<String, u64>,
}

impl Progress {
    /// How far this shard is.
    pub fn of(shard: &ShardFile) -> Progress {
        let contents = shard.contents();
        let range = contents.plan.range();
        Progress {
            case: contents.plan.case.clone(),
            next: contents.next,
            done: contents.next - range.start,
            count: range.end - range.start,
            failures: contents.tally.failures.clone(),
        }
    }
}

/// The order in the environment, if this process was started with one.
///
/// # Panics
/// When it cannot be read: nobody but the bench gives one.
pub fn order() -> Option<Order> {
    let text = std::env::var(ORDER_VARIABLE).ok()?;
    Some(serde_json::from_str(&text).expect("the order is of the same version of the bench"))
}

/// Whose test this is: `lin_kv::tests::sim`, in a program that has the tests of many nodes, and
/// `tests::sim`, in `lin_kv-0123456789abcdef` as Cargo names it, are of `lin-kv`. `None` where
/// neither says it.
pub fn tested_node(program: &Path, test: &str) -> Option<String> {
    if let Some((module, _)) = test.split_once("::tests::") {
        return Some(module.replace('_', "-"));
    }
    let (name, digits) = program.file_name()?.to_str()?.rsplit_once('-')?;
    let is_hash = digits.len() == 16 && u64::from_str_radix(digits, 16).is_ok();
    is_hash.then(|| name.replace('_', "-"))
}

impl Order {
    /// What is swept, of a simulation whose options these are; `draws_latency` says that each seed
    /// draws its own.
    pub fn plan(&self, workload: &str, options: &TestOptions, draws_latency: bool) -> Plan {
        let mut settings = settings(options, &self.allowed);
        if draws_latency {
            settings.insert("--latency".into(), "drawn".into());
            settings.insert("--latency-dist".into(), "drawn".into());
        }
        let words = self.flags.iter().map(|(flag, value)| format!("{flag} {value}"));
        let words = words.collect::<Vec<_>>().join(" ");
        let arguments = if words.is_empty() { words } else { format!(" ARGS=\"{words}\"") };
        let variant = self.variant.as_ref().map(|variant| format!(".{variant}"));
        let name = format!("{}.{}", self.program, self.simulation);
        let parts = name.split('.').map(file_name).collect::<Vec<_>>();
        Plan {
            version: env!("CARGO_PKG_VERSION").into(),
            case: parts.join(".") + &variant.unwrap_or_default(),
            program: self.program.clone(),
            digest: self.digest.clone(),
            workload: workload.into(),
            faults: fault_names(options),
            settings,
            replay: format!("make sim-{} SEED={{seed}}{arguments}", self.program),
            seeds: self.seeds,
            shard: self.shard,
        }
    }

    /// Carries it out and ends the process.
    pub fn carry_out(&self, runner: &dyn Runner, plan: &Plan, options: &TestOptions) -> ! {
        if let Err(sentence) = runner.workload().validate(options) {
            say(&Said::Broken(sentence));
            std::process::exit(1);
        }
        let control = Arc::new(Control::default());
        self.watch(&control);
        let worked = self.work(runner, plan, &control);
        let said = match worked {
            Ok(()) => Said::Over(true),
            Err(Stop::Ended) => Said::Over(false),
            Err(Stop::Broken(sentence)) => Said::Broken(sentence),
        };
        say(&said);
        std::process::exit(0)
    }

    fn work(&self, runner: &dyn Runner, plan: &Plan, control: &Control) -> Result<(), Stop> {
        let mut shard = ShardFile::open(&self.out, plan).map_err(Stop::Broken)?;
        let seeds = shard.contents().next..plan.range().end;
        say(&Said::Progress(Progress::of(&shard)));
        let failed = |it: &GivenUp| (it.seed, Failed::from_outside(&it.kind, it.sentence.clone()));
        let given_up = self.given_up.iter().map(failed).collect();
        let care = Care { given_up, alone_until: self.alone_until };
        let mut said_at = Instant::now();
        let worked =
            run(seeds, runner, control, &care, &mut |seed| say(&Said::Begins(seed)), &mut |seed| {
                shard.push(seed).map_err(Stop::Broken)?;
                if said_at.elapsed() >= SAID_EVERY {
                    said_at = Instant::now();
                    say(&Said::Progress(Progress::of(&shard)));
                }
                Ok(())
            });
        if !matches!(worked, Err(Stop::Broken(_))) {
            shard.checkpoint().map_err(Stop::Broken)?;
        }
        say(&Said::Progress(Progress::of(&shard)));
        worked
    }

    /// Ends the work when stdin ends, and the process when a seed hangs or memory runs out.
    fn watch(&self, control: &Arc<Control>) {
        let ends = control.clone();
        std::thread::spawn(move || {
            std::io::stdin().read_to_end(&mut Vec::new()).ok();
            ends.end();
        });
        let control = control.clone();
        let limit = Duration::from_secs_f64(self.seed_limit_secs);
        let memory_bytes = self.memory_bytes;
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(WATCHED_EVERY);
                let hangs = control.running().into_iter().find(|(_, time)| *time > limit);
                if let Some((seed, _)) = hangs {
                    say(&Said::Hangs(seed));
                    std::process::exit(1);
                }
                if resident_bytes("self") > memory_bytes {
                    say(&Said::Grew);
                    std::process::exit(1);
                }
            }
        });
    }
}

/// Says something in one write: the name of the test may stand before it on the same line.
fn say(said: &Said) {
    let line = format!("\n{}\n", serde_json::to_string(said).expect("it is plain data"));
    // If nobody listens any more, stdin has ended as well.
    let mut output = std::io::stdout().lock();
    output.write_all(line.as_bytes()).and_then(|()| output.flush()).ok();
}
