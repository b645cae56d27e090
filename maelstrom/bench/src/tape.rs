//! The tape: everything that chance decides in a run, by name.
//!
//! A run is a function of its tape: which operations there are and when, which faults strike,
//! how long each message takes and whether it is lost, what a service chooses, and the seed of
//! each life of a node. A *seed* is a short way to write a tape: what the tape does not say is
//! drawn from the seed's [streams](crate::seeds). A tape can be recorded, written to a file,
//! edited, and run again; the format is described in `book/tape.md`.
//!
//! Whoever shrinks a failing run takes pieces out of its tape and runs it again, and the rest
//! must stay what it was. So nothing is one long sequence: an operation has its own moment and
//! thread, a fault its own moment and victims, and a message is known by its link, its type and
//! the moment at which it was sent. Without one operation the messages are gone that it caused,
//! and every other message keeps its fate.
//!
//! A tape always fits. Operations and faults are those of the tape and no others. Where it has
//! run out of fates, choices or seeds, they are drawn from its seed: the same ones every time.
//!
//! A tape of *edits* changes the run that its seed draws: its operations and faults come besides
//! those of the seed, and its fates replace what was drawn. It stays as small as what was changed,
//! so a link can hold it, and up to the first change the run is what it was.
//!
//! Absent: the options of the run. They stand on the command line, and a tape is run under the
//! same ones, or deliberately under others.

mod draws;
mod file;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gyre::{NodeId, Time};
use rand_chacha::ChaCha8Rng;

pub use draws::Draws;
pub use file::TapeFile;

use crate::edn::Edn;
use crate::nemesis::{Fault, Victims};
use crate::net::Verdict;
use crate::seeds::{Concern, Seeds};

/// One operation of the main phase.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TapedOperation {
    /// When it is due, counted from the beginning of the main phase. It begins as soon as its
    /// thread is free.
    pub at: Duration,
    /// The thread that does it.
    pub thread: usize,
    /// What is done.
    pub f: String,
    /// The argument.
    pub value: Edn,
}

/// One move of the nemesis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TapedStrike {
    /// When, counted from the beginning of the main phase.
    pub at: Duration,
    /// The fault.
    pub fault: Fault,
    /// Whether it starts.
    pub starts: bool,
    /// Whether it changes the fault that is in force, and does not replace it: as it starts its
    /// victims join those already struck, and as it stops only its victims go free.
    pub adds: bool,
    /// What the history shows as it begins: which kind of victims was chosen.
    pub plan: Edn,
    /// Whom it strikes as it starts; and where it `adds`, whom it lets go as it stops.
    pub victims: Victims,
    /// What it did when it was recorded, for people. Nothing reads it.
    pub note: String,
}

/// Messages that belong together: those of a type on a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The sender.
    pub src: NodeId,
    /// The receiver.
    pub dest: NodeId,
    /// The type of the message.
    pub kind: Box<str>,
}

/// What a tape says, in the order in which it happens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tracks {
    /// The operations of the main phase, by time.
    pub operations: VecDeque<TapedOperation>,
    /// The moves of each fault, by time.
    pub strikes: BTreeMap<Fault, VecDeque<TapedStrike>>,
    /// What becomes of the messages on each link, by when they are sent in the run's time.
    pub fates: BTreeMap<Link, VecDeque<(Time, Verdict)>>,
    /// What is drawn for other purposes, by their name.
    pub draws: BTreeMap<String, VecDeque<u64>>,
    /// The seed of each life of a node.
    pub node_seeds: BTreeMap<NodeId, VecDeque<u64>>,
}

/// Where a run's chance comes from, and what is noted of it.
pub struct Tape {
    seeds: Seeds,
    /// What is replayed.
    replayed: Option<Tracks>,
    /// Whether what is replayed only changes what the seed draws.
    edits: bool,
    /// What is recorded.
    recorded: Option<Tracks>,
    /// A link that is looked up again and again without being made anew.
    link: Link,
}

impl From<Seeds> for Tape {
    /// Everything is drawn from the seed, and nothing is recorded.
    fn from(seeds: Seeds) -> Tape {
        Tape::new(seeds, None, false)
    }
}

impl From<TapeFile> for Tape {
    /// The tape is replayed, and nothing is recorded.
    fn from(file: TapeFile) -> Tape {
        Tape::new(Seeds::new(file.seed), Some(file.tracks), file.edits)
    }
}

impl Tape {
    fn new(seeds: Seeds, replayed: Option<Tracks>, edits: bool) -> Tape {
        let nobody = NodeId::from("");
        let link = Link { src: nobody.clone(), dest: nobody, kind: "".into() };
        Tape { seeds, replayed, edits, recorded: None, link }
    }

    /// The same, recorded.
    pub fn recorded(self) -> Tape {
        Tape { recorded: Some(Tracks::default()), ..self }
    }

    /// A tape that says what this one still has to say, and is not recorded. With a seed, what the
    /// nodes and the services draw is drawn from that.
    pub fn copy(&self, redrawn: Option<u64>) -> Tape {
        let mut replayed = self.replayed.clone();
        if let (Some(_), Some(tracks)) = (redrawn, &mut replayed) {
            tracks.node_seeds.clear();
            tracks.draws.clear();
        }
        Tape::new(redrawn.map_or(self.seeds, Seeds::new), replayed, self.edits)
    }

    /// A tape that says these things, and has the seed of this one for all else.
    pub fn saying(&self, tracks: Tracks) -> Tape {
        Tape::new(self.seeds, Some(tracks), false)
    }

    /// What was recorded, if it was.
    pub fn into_recorded(self) -> Option<Tracks> {
        self.recorded
    }

    /// The streams from which is drawn what no tape says.
    pub fn seeds(&self) -> Seeds {
        self.seeds
    }

    /// Whether the operations and faults of a tape are replayed, and no others.
    pub fn is_replayed(&self) -> bool {
        self.replayed.is_some() && !self.edits
    }

    /// Takes the moves of the nemesis that come besides those of the seed.
    pub fn take_edits(&mut self) -> Vec<TapedStrike> {
        let tracks = self.replayed.as_mut().filter(|_| self.edits);
        let strikes = tracks.map(|tracks| std::mem::take(&mut tracks.strikes));
        strikes.unwrap_or_default().into_values().flatten().collect()
    }

    /// The faults that come besides those of the seed.
    pub fn edited_faults(&self) -> impl Iterator<Item = Fault> {
        let tracks = self.replayed.iter().filter(|_| self.edits);
        tracks.flat_map(|tracks| tracks.strikes.keys().copied())
    }

    /// When the next operation of the tape that is replayed is due.
    pub fn next_operation_at(&self) -> Option<Duration> {
        Some(self.replayed.as_ref()?.operations.front()?.at)
    }

    /// Takes the next operation of the tape that is replayed.
    pub fn take_operation(&mut self) -> Option<TapedOperation> {
        self.replayed.as_mut()?.operations.pop_front()
    }

    /// Notes an operation that begins.
    pub fn note_operation(&mut self, operation: impl FnOnce() -> TapedOperation) {
        if let Some(recorded) = &mut self.recorded {
            recorded.operations.push_back(operation());
        }
    }

    /// The faults of the tape that is replayed; `None` when none is.
    pub fn faults(&self) -> Option<Vec<Fault>> {
        let tracks = self.replayed.as_ref().filter(|_| !self.edits)?;
        Some(tracks.strikes.keys().copied().collect())
    }

    /// When this fault moves next, on the tape that is replayed.
    pub fn next_strike_at(&self, fault: Fault) -> Option<Duration> {
        Some(self.replayed.as_ref()?.strikes.get(&fault)?.front()?.at)
    }

    /// Takes the next move of this fault from the tape that is replayed.
    pub fn take_strike(&mut self, fault: Fault) -> Option<TapedStrike> {
        let tracks = self.replayed.as_mut().filter(|_| !self.edits)?;
        tracks.strikes.get_mut(&fault)?.pop_front()
    }

    /// Notes a move of the nemesis.
    pub fn note_strike(&mut self, strike: impl FnOnce() -> TapedStrike) {
        if let Some(recorded) = &mut self.recorded {
            let strike = strike();
            recorded.strikes.entry(strike.fault).or_default().push_back(strike);
        }
    }

    /// What becomes of the message of this type that is sent on this link now: what the tape
    /// says, or else what is `drawn`.
    pub fn fate(
        &mut self,
        now: Time,
        src: &NodeId,
        dest: &NodeId,
        kind: &str,
        drawn: impl FnOnce() -> Verdict,
    ) -> Verdict {
        if self.replayed.is_none() && self.recorded.is_none() {
            return drawn();
        }
        if (&self.link.src, &self.link.dest, &*self.link.kind) != (src, dest, kind) {
            self.link = Link { src: src.clone(), dest: dest.clone(), kind: kind.into() };
        }
        let replayed = self.replayed.as_mut();
        let taped = replayed.and_then(|tracks| take_at(tracks.fates.get_mut(&self.link)?, now));
        let fate = match taped {
            // The messages after this one keep what the seed has for them.
            Some(taped) if self.edits => {
                drawn();
                taped
            }
            taped => taped.unwrap_or_else(drawn),
        };
        if let Some(recorded) = &mut self.recorded {
            match recorded.fates.get_mut(&self.link) {
                Some(fates) => fates.push_back((now, fate)),
                None => drop(recorded.fates.insert(self.link.clone(), [(now, fate)].into())),
            }
        }
        fate
    }

    /// Draws for the purpose with this name: what the tape says, or else from `rng`.
    pub fn draws<'a>(
        &'a mut self,
        rng: &'a mut ChaCha8Rng,
        name: impl FnOnce() -> String,
    ) -> Draws<'a> {
        if self.replayed.is_none() && self.recorded.is_none() {
            return Draws::new(rng, None, None);
        }
        let name = name();
        let replayed = self.replayed.as_mut().and_then(|tracks| tracks.draws.get_mut(&name));
        let recorded = self.recorded.as_mut();
        let recorded = recorded.map(|tracks| tracks.draws.entry(name).or_default());
        Draws::new(rng, replayed, recorded)
    }

    /// The seed of a node that starts for the first time (0) or again.
    pub fn node_seed(&mut self, name: &NodeId, number: usize, starts: u32) -> u64 {
        let replayed = self.replayed.as_mut();
        let taped = replayed.and_then(|tracks| tracks.node_seeds.get_mut(name)?.pop_front());
        let seed = taped.unwrap_or_else(|| self.seeds.seed(Concern::Node(number, starts)));
        if let Some(recorded) = &mut self.recorded {
            recorded.node_seeds.entry(name.clone()).or_default().push_back(seed);
        }
        seed
    }
}

/// Takes what the tape says of this moment. What it says of moments before concerns messages that
/// were never sent.
fn take_at(fates: &mut VecDeque<(Time, Verdict)>, now: Time) -> Option<Verdict> {
    while fates.front().is_some_and(|(sent, _)| *sent < now) {
        fates.pop_front();
    }
    let (_, fate) = *fates.front().filter(|(sent, _)| *sent == now)?;
    fates.pop_front();
    Some(fate)
}
