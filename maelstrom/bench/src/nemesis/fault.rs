//! The kinds of faults, with the names that command lines, tapes and histories have for them.

use std::time::Duration;

use gyre::DiskTrouble;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
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
    /// Has the cluster take in new members and let old ones go (nodes that answer add_member and
    /// remove_member only).
    Membership,
    /// Cuts the power of nodes, which lose what they have not synced; fills their disks, makes
    /// them slow, or lets a bit of what was synced rot (nodes on gyre's storage only).
    Disk,
}

impl Fault {
    /// The faults that can strike any node. A node has to know of the others.
    pub const COMMON: [Fault; 7] = [
        Fault::Partition,
        Fault::Kill,
        Fault::Pause,
        Fault::Loss,
        Fault::Duplicate,
        Fault::OneWay,
        Fault::Skew,
    ];

    /// Every fault that there is.
    pub const ALL: [Fault; 9] = [
        Fault::Partition,
        Fault::Kill,
        Fault::Pause,
        Fault::Loss,
        Fault::Duplicate,
        Fault::OneWay,
        Fault::Skew,
        Fault::Membership,
        Fault::Disk,
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
            Fault::Membership => "membership",
            Fault::Disk => "disk",
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
            Fault::Membership => ("change-members", "keep-members"),
            Fault::Disk => ("start-disk", "stop-disk"),
        }
    }
}

/// What happens to the disk of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiskFault {
    /// The node's power fails: what it has not synced is lost or torn. It is started again when
    /// the fault stops.
    PowerCut,
    /// Nothing can be written.
    Full,
    /// Each sync takes so long.
    Slow(Duration),
    /// One bit of what was synced is read wrong, that with this number. The node is started
    /// anew, for it reads its disk as it starts. When the fault stops the bit is right again: the
    /// disk was restored from elsewhere.
    Rot(u64),
}

impl DiskFault {
    /// Its name on a tape, and its number there.
    pub fn in_words(self) -> (&'static str, Option<u64>) {
        match self {
            DiskFault::PowerCut => ("power-cut", None),
            DiskFault::Full => ("full", None),
            DiskFault::Slow(time) => ("slow", Some(time.as_millis() as u64)),
            DiskFault::Rot(number) => ("rot", Some(number)),
        }
    }

    /// The one that a tape says so.
    pub fn from_words(name: &str, number: Option<u64>) -> Option<DiskFault> {
        Some(match (name, number) {
            ("power-cut", None) => DiskFault::PowerCut,
            ("full", None) => DiskFault::Full,
            ("slow", Some(ms @ 0..=SLOWEST_MS)) => DiskFault::Slow(Duration::from_millis(ms)),
            ("rot", Some(number)) => DiskFault::Rot(number),
            _ => return None,
        })
    }

    /// What is wrong with the disk, for whoever simulates it. A power cut is no state.
    pub fn trouble(self) -> Option<DiskTrouble> {
        match self {
            DiskFault::PowerCut => None,
            DiskFault::Full => Some(DiskTrouble::Full),
            DiskFault::Slow(time) => Some(DiskTrouble::Slow(time)),
            DiskFault::Rot(number) => Some(DiskTrouble::Rot(number)),
        }
    }
}

/// The longest time that a sync may take.
const SLOWEST_MS: u64 = 1_000_000;
