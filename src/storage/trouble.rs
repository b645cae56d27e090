//! What may be wrong with a simulated disk for a while: the faults of `--nemesis disk`.
//!
//! The bench gives a disk its trouble, and takes it away again. To the disk of a node in lockstep
//! it speaks by a file beside the disk's record, [`TROUBLE_FILE`], with a line such as `full 0`,
//! `slow 300000000` or `rot 17`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The name of the file in a node's data directory that says what is wrong with its simulated
/// disk. Without the file nothing is. What the file says is a [`DiskTrouble`] as text:
///
/// ```
/// use gyre::{DiskTrouble, TROUBLE_FILE};
///
/// let (file, text) = (TROUBLE_FILE, DiskTrouble::Full.to_string());
/// assert_eq!((file, &*text), ("disk-trouble", "full 0"));
/// ```
pub const TROUBLE_FILE: &str = "disk-trouble";

/// The name of the file in a node's data directory that is its simulated disk: a record of all
/// that was done to it. It lies where a real disk has its files, and is none of them:
///
/// ```
/// use gyre::{Disk, SIMULATED_DISK_FILE, SimDisk};
///
/// let mut disk = SimDisk::new();
/// disk.append("log-1", b"x")?;
/// assert!(!disk.list()?.contains(&SIMULATED_DISK_FILE.to_owned()));
/// # Ok::<(), std::io::Error>(())
/// ```
pub const SIMULATED_DISK_FILE: &str = "simulated-disk";

/// What is wrong with a [`SimDisk`](super::SimDisk).
///
/// ```
/// use gyre::DiskTrouble;
/// use std::time::Duration;
///
/// let slow = DiskTrouble::Slow(Duration::from_millis(300));
/// assert_eq!(slow.to_string(), "slow 300000000");
/// assert_eq!("slow 300000000".parse(), Ok(slow));
/// assert!("wet 1".parse::<DiskTrouble>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskTrouble {
    /// It is full: of what is appended half is written, and then it fails.
    Full,
    /// Each sync of a file takes so long.
    Slow(Duration),
    /// One bit of what was synced is read wrong, in the order of files and bytes the one with
    /// this number, modulo how many there are. A crash takes nothing meanwhile: else nobody could
    /// tell what was lost from what is damaged.
    Rot(u64),
}

impl fmt::Display for DiskTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiskTrouble::Full => f.write_str("full 0"),
            DiskTrouble::Slow(time) => write!(f, "slow {}", time.as_nanos()),
            DiskTrouble::Rot(number) => write!(f, "rot {number}"),
        }
    }
}

impl FromStr for DiskTrouble {
    type Err = String;

    fn from_str(text: &str) -> Result<DiskTrouble, String> {
        let wrong = || format!("a disk has no such trouble: {text}");
        let (name, number) = text.trim_end().split_once(' ').ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        match name {
            "full" => Ok(DiskTrouble::Full),
            "slow" => Ok(DiskTrouble::Slow(Duration::from_nanos(number))),
            "rot" => Ok(DiskTrouble::Rot(number)),
            _ => Err(wrong()),
        }
    }
}
