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
//!
//! Chapter 12 of the book, `book/12-faults-and-time.md`, reads this.

mod fault;
mod members;
mod partition;

use std::collections::BTreeSet;
use std::time::Duration;

use gyre::NodeId;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use crate::edn::Edn;
use crate::seeds::{Concern, Seeds};

pub use fault::{DiskFault, Fault};

/// Whom a fault strikes, by name, as a tape says it. Names of nodes that there are not strike
/// nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Victims {
    /// Nobody: it stops.
    #[default]
    Nobody,
    /// Partition and one-way: the directed links, (from, to), that are cut.
    Links(BTreeSet<(NodeId, NodeId)>),
    /// Kill and pause: these nodes.
    Nodes(Vec<NodeId>),
    /// Membership.
    Members {
        /// These nodes are to be the members.
        wanted: Vec<NodeId>,
        /// Whether the nodes that leave end for good.
        ends: bool,
    },
    /// Loss and duplicate: this share of the messages between nodes, in thousandths.
    Messages(u32),
    /// Skew: these nodes' clocks.
    Clocks(Vec<Clock>),
    /// Disk: these nodes, and what happens to the disk of each.
    Disks(Vec<(NodeId, DiskFault)>),
}

/// What happens to the clock of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clock {
    /// The node.
    pub node: NodeId,
    /// How fast it runs from now on, in thousandths.
    pub rate_per_mille: u64,
    /// How far it jumps ahead first.
    pub jump: Duration,
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
    /// Make these nodes the members.
    ChangeMembers {
        /// Who is to be a member.
        wanted: Vec<usize>,
        /// Whether the nodes that leave end for good. Otherwise they stay, as members no more.
        ends: bool,
        /// Whether all of it is asked for at once, not one change after another.
        at_once: bool,
    },
    /// Want no more changes. One that was asked for is made.
    KeepMembers,
    /// Do this to these nodes' disks.
    HarmDisks(Vec<(usize, DiskFault)>),
    /// Mend these nodes' disks, and start those of the nodes that ended because of them.
    MendDisks(Vec<usize>),
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
    administrators: ChaCha8Rng,
    nodes: Vec<NodeId>,
    interval_secs: f64,
    /// The faults to inject.
    faults: Vec<Scheduled>,
    /// Who is to be a member.
    members: Vec<usize>,
    /// Who was ever to be one.
    were_members: BTreeSet<usize>,
}

/// A fault, and how far its schedule is.
struct Scheduled {
    fault: Fault,
    has_struck: bool,
    /// Whom it strikes, while it is in force.
    victims: Option<Vec<usize>>,
    /// The directed links that it cuts, while it is in force.
    links: BTreeSet<(usize, usize)>,
}

impl Scheduled {
    fn new(fault: Fault) -> Scheduled {
        Scheduled { fault, has_struck: false, victims: None, links: BTreeSet::new() }
    }
}

impl Nemesis {
    /// A nemesis for these nodes, the first `members` of which are members of the cluster, with
    /// these faults.
    pub fn new(
        nodes: &[NodeId],
        members: usize,
        faults: &BTreeSet<Fault>,
        interval_secs: f64,
        seeds: Seeds,
    ) -> Nemesis {
        Nemesis {
            rng: seeds.stream(Concern::Faults),
            administrators: seeds.stream(Concern::Administrators),
            nodes: nodes.to_vec(),
            interval_secs,
            faults: faults.iter().map(|&fault| Scheduled::new(fault)).collect(),
            members: (0..members).collect(),
            were_members: (0..members).collect(),
        }
    }

    /// The number of a fault, if it is one of those to inject.
    pub fn number(&self, fault: Fault) -> Option<usize> {
        self.faults.iter().position(|it| it.fault == fault)
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

    /// Starts a fault, or stops it if it is in force.
    pub fn flip(&mut self, number: usize) -> Strike {
        let Scheduled { fault, has_struck, victims, .. } = &mut self.faults[number];
        let fault = *fault;
        *has_struck = true;
        if let Some(victims) = victims.take() {
            return self.stop(fault, victims);
        }
        // The stream is taken out, so that the rest of the nemesis can be asked meanwhile.
        let mut rng = self.rng.clone();
        let (strike, victims) = self.start(fault, &mut rng);
        self.rng = rng;
        self.keep(number, &strike, victims);
        strike
    }

    /// Lets a fault that is not in force strike these victims, under the plan that the history
    /// shows.
    pub fn strike(&mut self, number: usize, plan: Edn, victims: &Victims) -> Strike {
        let fault = self.faults[number].fault;
        let (strike, struck) = self.on_victims(fault, plan, victims);
        self.faults[number].has_struck = true;
        self.keep(number, &strike, struck);
        strike
    }

    /// Keeps whom a fault strikes that starts.
    fn keep(&mut self, number: usize, strike: &Strike, victims: Vec<usize>) {
        self.faults[number].victims = Some(victims);
        if let Effect::Cut(links) = &strike.effect {
            self.faults[number].links.clone_from(links);
        }
        self.note_members(strike);
    }

    /// Lets a fault strike these victims besides those whom it strikes already.
    pub fn add(&mut self, number: usize, plan: Edn, victims: &Victims) -> Strike {
        let Scheduled { fault, victims: before, links, .. } = &self.faults[number];
        let (fault, before) = (*fault, before.clone());
        let links = if before.is_some() { links.clone() } else { BTreeSet::new() };
        let mut all = before.unwrap_or_default();
        let (mut strike, mut struck) = self.on_victims(fault, plan, victims);
        struck.retain(|node| !all.contains(node));
        match &mut strike.effect {
            // The network knows only all that a fault cuts.
            Effect::Cut(cut) => cut.extend(links),
            Effect::Kill(nodes) | Effect::Pause(nodes) => {
                nodes.retain(|node| struck.contains(node))
            }
            Effect::ChangeMembers { at_once, .. } => {
                *at_once = true;
                strike.sentence += ", and that is asked for at once";
                // Whether the changes of the first administrator are in force stays as it is.
                self.note_members(&strike);
                return strike;
            }
            _ => {}
        }
        all.extend(struck);
        self.faults[number].has_struck = true;
        self.keep(number, &strike, all);
        strike
    }

    /// Ends a fault for these victims alone; for links and nodes that it has not struck nothing
    /// changes.
    pub fn release(&mut self, number: usize, victims: &Victims) -> Strike {
        let (named, freed) = self.on_victims(self.faults[number].fault, Edn::Nil, victims);
        let Scheduled { fault, victims: struck, links, .. } = &mut self.faults[number];
        let fault = *fault;
        let Some(mut left) = struck.take() else { return self.stop(fault, Vec::new()) };
        if let Effect::Cut(mended) = named.effect {
            links.retain(|link| !mended.contains(link));
            let links = links.clone();
            if links.is_empty() {
                return self.stop(fault, Vec::new());
            }
            self.faults[number].victims = Some(Vec::new());
            let (outcome, sentence) = partition::described(&links, &self.nodes);
            let (plan, effect) = (Edn::Nil, Effect::Cut(links));
            return Strike { fault, starts: false, plan, outcome, sentence, effect };
        }
        let freed: Vec<usize> = freed.into_iter().filter(|node| left.contains(node)).collect();
        left.retain(|node| !freed.contains(node));
        self.faults[number].victims = (!left.is_empty()).then_some(left);
        self.stop(fault, freed)
    }

    /// Whom a move strikes, by name.
    pub fn victims(&self, strike: &Strike) -> Victims {
        let name = |node: &usize| self.nodes[*node].clone();
        match &strike.effect {
            _ if !strike.starts => Victims::Nobody,
            Effect::Cut(links) => {
                Victims::Links(links.iter().map(|(from, to)| (name(from), name(to))).collect())
            }
            Effect::Kill(nodes) | Effect::Pause(nodes) => {
                Victims::Nodes(nodes.iter().map(name).collect())
            }
            Effect::Loss(per_mille) | Effect::Duplicate(per_mille) => Victims::Messages(*per_mille),
            Effect::Skew(changes) => {
                let clock = |(node, rate_per_mille, jump): &(usize, u64, Duration)| Clock {
                    node: name(node),
                    rate_per_mille: *rate_per_mille,
                    jump: *jump,
                };
                Victims::Clocks(changes.iter().map(clock).collect())
            }
            Effect::ChangeMembers { wanted, ends, .. } => {
                Victims::Members { wanted: wanted.iter().map(name).collect(), ends: *ends }
            }
            Effect::HarmDisks(disks) => {
                Victims::Disks(disks.iter().map(|(node, fault)| (name(node), *fault)).collect())
            }
            Effect::Mend
            | Effect::Start(_)
            | Effect::Resume(_)
            | Effect::KeepMembers
            | Effect::MendDisks(_) => Victims::Nobody,
        }
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

    fn start(&self, fault: Fault, rng: &mut impl Rng) -> (Strike, Vec<usize>) {
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
            Fault::Loss | Fault::Duplicate => {
                let per_mille = [10, 100, 300][rng.random_range(0..3usize)];
                (start_rate(fault, per_mille), Vec::new())
            }
            Fault::Kill | Fault::Pause => {
                let (plan, nodes) = self.choose_nodes(rng);
                (self.on_nodes(fault, Edn::keyword(plan), &nodes), nodes)
            }
            Fault::Skew => {
                let (plan, nodes) = self.choose_nodes(rng);
                let mut change = |node: &usize| {
                    let rate_per_mille = [500, 900, 1100, 2000][rng.random_range(0..4usize)];
                    let jump_ms = [0, 100, 2000][rng.random_range(0..3usize)];
                    (*node, rate_per_mille, Duration::from_millis(jump_ms))
                };
                let changes = nodes.iter().map(&mut change).collect();
                (self.on_clocks(Edn::keyword(plan), changes), nodes)
            }
            Fault::Membership => {
                let (plan, wanted) = self.choose_members(rng);
                let ends = ["replace", "replace-all"].contains(&plan);
                (self.on_members(Edn::keyword(plan), wanted, ends), Vec::new())
            }
            Fault::Disk => {
                let (_, nodes) = self.choose_nodes(rng);
                let kind = rng.random_range(0..4u32);
                let slow_ms = [10, 100, 500][rng.random_range(0..3usize)];
                let mut harm = |node: &usize| {
                    let fault = match kind {
                        0 => DiskFault::PowerCut,
                        1 => DiskFault::Full,
                        2 => DiskFault::Slow(Duration::from_millis(slow_ms)),
                        // As on a tape, a number that everybody can read.
                        _ => DiskFault::Rot(rng.random_range(0..1 << 32)),
                    };
                    (*node, fault)
                };
                let disks: Vec<_> = nodes.iter().map(&mut harm).collect();
                let plan = disks.first().map_or("none", |(_, fault)| fault.in_words().0);
                (self.on_disks(Edn::keyword(plan), disks), nodes)
            }
        }
    }

    /// The move that a tape says.
    fn on_victims(&self, fault: Fault, plan: Edn, victims: &Victims) -> (Strike, Vec<usize>) {
        let number = |name: &NodeId| self.nodes.iter().position(|node| node == name);
        match victims {
            Victims::Members { wanted, ends } => {
                let wanted = wanted.iter().filter_map(number).collect();
                (self.on_members(plan, wanted, *ends), Vec::new())
            }
            Victims::Nodes(names) => {
                let nodes: Vec<usize> = names.iter().filter_map(number).collect();
                (self.on_nodes(fault, plan, &nodes), nodes)
            }
            Victims::Clocks(clocks) => {
                let change =
                    |clock: &Clock| Some((number(&clock.node)?, clock.rate_per_mille, clock.jump));
                let changes: Vec<_> = clocks.iter().filter_map(change).collect();
                let nodes = changes.iter().map(|(node, ..)| *node).collect();
                (self.on_clocks(plan, changes), nodes)
            }
            Victims::Disks(disks) => {
                let known = |(name, fault): &(NodeId, DiskFault)| Some((number(name)?, *fault));
                let disks: Vec<_> = disks.iter().filter_map(known).collect();
                let nodes = disks.iter().map(|(node, _)| *node).collect();
                (self.on_disks(plan, disks), nodes)
            }
            Victims::Messages(per_mille) => (start_rate(fault, *per_mille), Vec::new()),
            Victims::Links(_) | Victims::Nobody => {
                let links = match victims {
                    Victims::Links(links) => links.iter().collect(),
                    _ => Vec::new(),
                };
                let known = |(from, to): &(NodeId, NodeId)| Some((number(from)?, number(to)?));
                let links: BTreeSet<_> = links.into_iter().filter_map(known).collect();
                let (outcome, sentence) = partition::described(&links, &self.nodes);
                let effect = Effect::Cut(links);
                (Strike { fault, starts: true, plan, outcome, sentence, effect }, Vec::new())
            }
        }
    }

    /// A fault that strikes these nodes: kill or pause.
    fn on_nodes(&self, fault: Fault, plan: Edn, nodes: &[usize]) -> Strike {
        let names = self.names(nodes);
        let list = if names.is_empty() { "nobody".into() } else { names.join(", ") };
        let (effect, sentence) = match fault {
            Fault::Kill => (Effect::Kill(nodes.to_vec()), format!("killed {list}")),
            _ => (Effect::Pause(nodes.to_vec()), format!("paused {list}")),
        };
        let outcome = Edn::from(names);
        Strike { fault, starts: true, plan, outcome, sentence, effect }
    }

    /// A fault that changes these clocks.
    fn on_clocks(&self, plan: Edn, changes: Vec<(usize, u64, Duration)>) -> Strike {
        let words = changes.iter().map(|(node, rate_per_mille, jump)| {
            let (name, jump_ms) = (&self.nodes[*node], jump.as_millis());
            let rate = *rate_per_mille as f64 / 1000.0;
            format!("{name}'s clock jumps {jump_ms} ms and runs at {rate}x")
        });
        let sentence = words.collect::<Vec<_>>().join(", ");
        let nodes: Vec<usize> = changes.iter().map(|(node, ..)| *node).collect();
        let outcome = Edn::from(self.names(&nodes));
        let effect = Effect::Skew(changes);
        Strike { fault: Fault::Skew, starts: true, plan, outcome, sentence, effect }
    }

    /// A fault that strikes these disks.
    fn on_disks(&self, plan: Edn, disks: Vec<(usize, DiskFault)>) -> Strike {
        let words = disks.iter().map(|(node, fault)| {
            let name = &self.nodes[*node];
            match fault {
                DiskFault::PowerCut => format!("{name} has no power, and loses what is not synced"),
                DiskFault::Full => format!("{name}'s disk is full"),
                DiskFault::Slow(time) => format!("{name}'s disk takes {} ms", time.as_millis()),
                DiskFault::Rot(_) => format!("a bit on {name}'s disk rots, and it starts anew"),
            }
        });
        let sentence = words.collect::<Vec<_>>().join(", ");
        let nodes: Vec<usize> = disks.iter().map(|(node, _)| *node).collect();
        let outcome = Edn::from(self.names(&nodes));
        let effect = Effect::HarmDisks(disks);
        Strike { fault: Fault::Disk, starts: true, plan, outcome, sentence, effect }
    }

    fn names(&self, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|&node| self.nodes[node].to_string()).collect()
    }

    fn choose_nodes(&self, rng: &mut impl Rng) -> (&'static str, Vec<usize>) {
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

    fn stop(&self, fault: Fault, victims: Vec<usize>) -> Strike {
        let names = self.names(&victims);
        let list = if names.is_empty() { "nobody".into() } else { names.join(", ") };
        let normal = victims.iter().map(|&node| (node, 1000, Duration::ZERO)).collect();
        let outcome = match fault {
            Fault::Partition | Fault::OneWay => Edn::keyword("network-healed"),
            Fault::Loss | Fault::Duplicate => Edn::Nil,
            Fault::Membership => Edn::from(self.names(&self.members)),
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
            Fault::Membership => (Effect::KeepMembers, "no more changes of the members".into()),
            Fault::Disk => (Effect::MendDisks(victims), format!("the disks of {list} are mended")),
        };
        Strike { fault, starts: false, plan: Edn::Nil, outcome, sentence, effect }
    }
}

/// A fault that strikes some share of all messages between nodes.
fn start_rate(fault: Fault, per_mille: u32) -> Strike {
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
