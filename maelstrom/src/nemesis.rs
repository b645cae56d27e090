//! The nemesis: decides which faults strike, when, and whom. It only decides; the engine acts.
//!
//! Each fault has a schedule of its own. It strikes as the main phase begins, and from then on
//! it stops and starts in turn, at intervals drawn evenly from zero to twice the mean. So every
//! fault strikes in every run, however short, and several at once overlap in every way. Before
//! the final operations every fault is told to stop, whether or not it is in force.
//!
//! Source: `jepsen.nemesis.combined`, whose faults are staggered flip-flops, and Maelstrom's
//! `core.clj` for the last stop. Absent: partitions that cut nothing. There, a shape is drawn
//! from four however few nodes there are, so among three nodes every fourth partition is empty,
//! and among two every second.

mod partition;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use gyre::NodeId;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::edn::Edn;
use crate::seeds::{Concern, Seeds};
use crate::tape::Draws;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
pub enum Fault {
    /// Cuts the network between nodes into parts.
    Partition,
    /// Kills nodes, and later starts them again as fresh processes.
    Kill,
    /// Stops nodes in their tracks, and later lets them go on.
    Pause,
    /// Loses some of the messages between nodes.
    Loss,
    /// Delivers some of the messages between nodes twice.
    Duplicate,
    /// Cuts some links between nodes in one direction only.
    OneWay,
    /// Lets nodes' clocks run fast or slow, and jump ahead (in virtual time only).
    Skew,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 7] = [
        Fault::Partition,
        Fault::Kill,
        Fault::Pause,
        Fault::Loss,
        Fault::Duplicate,
        Fault::OneWay,
        Fault::Skew,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Partition => "partition",
            Fault::Kill => "kill",
            Fault::Pause => "pause",
            Fault::Loss => "loss",
            Fault::Duplicate => "duplicate",
            Fault::OneWay => "one-way",
            Fault::Skew => "skew",
        }
    }

    /// The names in the history of its start and its stop.
    pub fn operations(self) -> (&'static str, &'static str) {
        match self {
            Fault::Partition => ("start-partition", "stop-partition"),
            Fault::Kill => ("kill", "start"),
            Fault::Pause => ("pause", "resume"),
            Fault::Loss => ("start-loss", "stop-loss"),
            Fault::Duplicate => ("start-duplicate", "stop-duplicate"),
            Fault::OneWay => ("start-one-way", "stop-one-way"),
            Fault::Skew => ("start-skew", "stop-skew"),
        }
    }
}

/// What the engine has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Cut these directed links, (from, to).
    Cut(BTreeSet<(usize, usize)>),
    /// Mend what this fault has cut.
    Mend,
    /// Kill these nodes.
    Kill(Vec<usize>),
    /// Start those of these nodes that are down.
    Start(Vec<usize>),
    /// Pause these nodes.
    Pause(Vec<usize>),
    /// Resume those of these nodes that are paused.
    Resume(Vec<usize>),
    /// Lose this share of messages, in thousandths.
    Loss(u32),
    /// Double this share of messages, in thousandths.
    Duplicate(u32),
    /// Let these nodes' clocks jump, and from now on run at this rate, in thousandths.
    Skew(Vec<(usize, u64, Duration)>),
}

/// One move of the nemesis.
#[derive(Clone, Debug)]
pub struct Strike {
    /// The fault that starts or stops.
    pub fault: Fault,
    /// Whether it starts.
    pub starts: bool,
    /// What the history shows as it begins: which kind of victims was chosen.
    pub plan: Edn,
    /// What the history shows when it is done: who was struck.
    pub outcome: Edn,
    /// The same for people: who is cut from whom, who was killed.
    pub sentence: String,
    /// What to do.
    pub effect: Effect,
}

impl Strike {
    /// The operation's name in the history.
    pub fn f(&self) -> &'static str {
        let (start, stop) = self.fault.operations();
        if self.starts { start } else { stop }
    }
}

/// The fault injector.
pub struct Nemesis {
    rng: ChaCha8Rng,
    nodes: Vec<NodeId>,
    interval_secs: f64,
    /// The faults to inject.
    faults: Vec<Scheduled>,
}

/// A fault, and how far its schedule is.
struct Scheduled {
    fault: Fault,
    has_struck: bool,
    /// Whom it strikes, while it is in force.
    victims: Option<Vec<usize>>,
}

impl Scheduled {
    fn new(fault: Fault) -> Scheduled {
        Scheduled { fault, has_struck: false, victims: None }
    }
}

impl Nemesis {
    /// A nemesis for these nodes, with these faults.
    pub fn new(
        nodes: &[NodeId],
        faults: &BTreeSet<Fault>,
        interval_secs: f64,
        seeds: Seeds,
    ) -> Nemesis {
        Nemesis {
            rng: seeds.stream(Concern::Faults),
            nodes: nodes.to_vec(),
            interval_secs,
            faults: faults.iter().map(|&fault| Scheduled::new(fault)).collect(),
        }
    }

    /// How many faults there are; they are numbered from 0.
    pub fn fault_count(&self) -> usize {
        self.faults.len()
    }

    /// The names of the faults that are in force.
    pub fn in_force(&self) -> impl Iterator<Item = &'static str> {
        self.faults.iter().filter(|it| it.victims.is_some()).map(|it| it.fault.name())
    }

    /// How long to wait before the next move of the fault with this number. The first comes at
    /// once.
    pub fn delay(&mut self, number: usize) -> Duration {
        if !self.faults[number].has_struck {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(self.rng.random_range(0.0..2.0) * self.interval_secs)
    }

    /// The fault with this number, and whether it is in force.
    pub fn fault(&self, number: usize) -> (Fault, bool) {
        let Scheduled { fault, victims, .. } = &self.faults[number];
        (*fault, victims.is_some())
    }

    /// Starts a fault, or stops it if it is in force. What a start draws is first what is
    /// `taped`; then follows what nobody has taped. Gives everything that it drew.
    pub fn flip(&mut self, number: usize, taped: Vec<u64>) -> (Strike, Vec<u64>) {
        let Scheduled { fault, has_struck, victims } = &mut self.faults[number];
        let fault = *fault;
        *has_struck = true;
        if let Some(victims) = victims.take() {
            return (self.stop(fault, victims), Vec::new());
        }
        let (mut taped, mut drawn) = (VecDeque::from(taped), VecDeque::new());
        // The stream is taken out, so that the rest of the nemesis can be asked meanwhile.
        let mut rng = self.rng.clone();
        let (strike, victims) = self.start(fault, &mut Draws::of(&mut rng, &mut taped, &mut drawn));
        self.rng = rng;
        self.faults[number].victims = Some(victims);
        (strike, drawn.into())
    }

    /// Stops every fault that is in force.
    pub fn heal(&mut self) -> Vec<Strike> {
        let faults = self.faults.iter_mut();
        let ended: Vec<_> = faults.filter_map(|it| Some((it.fault, it.victims.take()?))).collect();
        ended.into_iter().map(|(fault, victims)| self.stop(fault, victims)).collect()
    }

    /// Stops every fault, for good measure those too that are not in force.
    pub fn heal_all(&mut self) -> Vec<Strike> {
        let faults = self.faults.iter_mut();
        let ended: Vec<_> =
            faults.map(|it| (it.fault, it.victims.take().unwrap_or_default())).collect();
        ended.into_iter().map(|(fault, victims)| self.stop(fault, victims)).collect()
    }

    fn start(&self, fault: Fault, rng: &mut Draws) -> (Strike, Vec<usize>) {
        match fault {
            Fault::Partition => {
                let plan = partition::Plan::choose(rng, self.nodes.len());
                let (links, outcome, sentence) = plan.cuts(rng, &self.nodes);
                let plan = Edn::keyword(plan.name());
                let effect = Effect::Cut(links);
                (Strike { fault, starts: true, plan, outcome, sentence, effect }, Vec::new())
            }
            Fault::OneWay => {
                let (links, outcome, sentence) = partition::one_way(rng, &self.nodes);
                let (plan, effect) = (Edn::Nil, Effect::Cut(links));
                (Strike { fault, starts: true, plan, outcome, sentence, effect }, Vec::new())
            }
            Fault::Loss | Fault::Duplicate => (start_rate(fault, rng), Vec::new()),
            Fault::Kill | Fault::Pause | Fault::Skew => self.start_on_nodes(fault, rng),
        }
    }

    /// A fault that strikes one node, a minority, a majority or all.
    fn start_on_nodes(&self, fault: Fault, rng: &mut Draws) -> (Strike, Vec<usize>) {
        let (plan, victims) = self.choose_nodes(rng);
        let names = self.names(&victims);
        let list = names.join(", ");
        let (effect, sentence) = match fault {
            Fault::Kill => (Effect::Kill(victims.clone()), format!("killed {list}")),
            Fault::Pause => (Effect::Pause(victims.clone()), format!("paused {list}")),
            _ => self.skew(&victims, rng),
        };
        let (outcome, plan) = (Edn::from(names), Edn::keyword(plan));
        (Strike { fault, starts: true, plan, outcome, sentence, effect }, victims)
    }

    fn names(&self, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|&node| self.nodes[node].to_string()).collect()
    }

    fn choose_nodes(&self, rng: &mut Draws) -> (&'static str, Vec<usize>) {
        let count = self.nodes.len();
        let majority = count / 2 + 1;
        // A minority of one or two nodes is empty, so it is not among the choices there.
        let mut plans = vec![("one", 1), ("majority", majority), ("all", count)];
        if majority > 1 {
            plans.push(("minority", majority - 1));
        }
        let (plan, size) = plans[rng.random_range(0..plans.len())];
        let mut nodes: Vec<usize> = (0..count).collect();
        nodes.shuffle(rng);
        nodes.truncate(size);
        nodes.sort_unstable();
        (plan, nodes)
    }

    fn skew(&self, victims: &[usize], rng: &mut Draws) -> (Effect, String) {
        let mut changes = Vec::new();
        let mut words = Vec::new();
        for &node in victims {
            let rate_per_mille = [500, 900, 1100, 2000][rng.random_range(0..4usize)];
            let jump_ms = [0, 100, 2000][rng.random_range(0..3usize)];
            changes.push((node, rate_per_mille, Duration::from_millis(jump_ms)));
            let rate = rate_per_mille as f64 / 1000.0;
            let name = &self.nodes[node];
            words.push(format!("{name}'s clock jumps {jump_ms} ms and runs at {rate}x"));
        }
        (Effect::Skew(changes), words.join(", "))
    }

    fn stop(&self, fault: Fault, victims: Vec<usize>) -> Strike {
        let names = self.names(&victims);
        let list = if names.is_empty() { "nobody".into() } else { names.join(", ") };
        let normal = victims.iter().map(|&node| (node, 1000, Duration::ZERO)).collect();
        let outcome = match fault {
            Fault::Partition | Fault::OneWay => Edn::keyword("network-healed"),
            Fault::Loss | Fault::Duplicate => Edn::Nil,
            _ => Edn::from(names),
        };
        let (effect, sentence) = match fault {
            Fault::Partition => (Effect::Mend, "every link is whole again".into()),
            Fault::OneWay => (Effect::Mend, "one-way cuts are mended".into()),
            Fault::Kill => (Effect::Start(victims), format!("started {list} again")),
            Fault::Pause => (Effect::Resume(victims), format!("resumed {list}")),
            Fault::Loss => (Effect::Loss(0), "no more messages are lost".into()),
            Fault::Duplicate => (Effect::Duplicate(0), "no more messages are doubled".into()),
            Fault::Skew => (Effect::Skew(normal), format!("the clocks of {list} run true")),
        };
        Strike { fault, starts: false, plan: Edn::Nil, outcome, sentence, effect }
    }
}

/// A fault that strikes some share of all messages between nodes.
fn start_rate(fault: Fault, rng: &mut Draws) -> Strike {
    let per_mille = [10, 100, 300][rng.random_range(0..3usize)];
    let (what, effect) = match fault {
        Fault::Loss => ("lost", Effect::Loss(per_mille)),
        _ => ("delivered twice", Effect::Duplicate(per_mille)),
    };
    let percent = per_mille / 10;
    Strike {
        fault,
        starts: true,
        plan: Edn::from(f64::from(per_mille) / 1000.0),
        outcome: Edn::from(f64::from(per_mille) / 1000.0),
        sentence: format!("{percent}% of the messages between nodes are {what}"),
        effect,
    }
}
