//! A disk for simulation, which on a crash does the worst that a real one may do.
//!
//! Chapter 12 of the book, `book/12-faults-and-time.md`, reads this.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Disk, DiskTrouble};

/// A disk in memory that outlives its node, and on [`crash`](SimDisk::crash) treats what was
/// not synced as real disks do: loses it, tears it, or keeps later writes without earlier ones.
///
/// A handle: clones are the same disk. The bench keeps one, and gives one to each life of the
/// node.
///
/// ```
/// use gyre::{Disk, SimDisk};
/// use std::collections::BTreeSet;
///
/// let mut left = BTreeSet::new();
/// for seed in 0..100 {
///     let mut disk = SimDisk::new();
///     disk.append("log", b"synced")?;
///     disk.sync("log")?;
///     disk.sync_folder()?; // the name of the file
///     disk.append("log", b", not synced")?;
///     disk.crash_with_seed(seed);
///     left.insert(disk.read("log")?.unwrap());
/// }
/// assert!(left.iter().all(|log| log.starts_with(b"synced")));
/// assert!(left.len() > 10); // the rest is there, or not, or torn, or something else
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, SimFile>,
    /// What is wrong with the disk at present.
    trouble: Option<DiskTrouble>,
    /// The byte that is read wrong: its file, where it is, and its wrong bit.
    rotten: Option<(String, usize, u8)>,
    /// How long syncs have taken that nobody has waited for yet.
    time_taken: Duration,
}

#[derive(Debug, Default)]
struct SimFile {
    /// What the node reads.
    current: Option<Vec<u8>>,
    /// What a crash cannot take.
    durable: Option<Vec<u8>>,
    /// Whether the folder has its name for good. Without, all of it can go.
    is_named: bool,
    /// What was done since, in order.
    unsynced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    /// These bytes at this offset, which was the file's end.
    Write(usize, Vec<u8>),
    Truncate(usize),
    Remove,
}

impl Change {
    fn apply(&self, content: &mut Option<Vec<u8>>) {
        match self {
            Change::Write(offset, bytes) => {
                let content = content.get_or_insert_default();
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
            Change::Truncate(length) => content.get_or_insert_default().truncate(*length),
            Change::Remove => *content = None,
        }
    }
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// What the machine's crash does to the disk. Call it between two lives of the node.
    ///
    /// Synced content is safe. Of what is not, `rng` decides, file by file: all is lost, all
    /// is still there and still not synced, or each write survives, is lost (zeros or stale
    /// bytes where a later one survives) or is torn. A file that was removed may be back; what
    /// was then written to a new one of that name is lost. Where all that was not synced is lost,
    /// so is a file whose name is not, with all that is in it.
    pub fn crash(&self, rng: &mut impl Rng) {
        let mut state = self.0.borrow_mut();
        if matches!(state.trouble, Some(DiskTrouble::Rot(_))) {
            return;
        }
        for file in state.files.values_mut() {
            file.crash(rng);
        }
    }

    /// The crash that comes before the life with this seed: [`crash`](SimDisk::crash), decided
    /// by the seed that the node is then made with.
    ///
    /// A node in lockstep does this to itself when it starts, for only it knows its disk. A
    /// bench that does the same for a node of its own gets the same run from both. Before the
    /// first life it does nothing.
    pub fn crash_with_seed(&self, seed: u64) {
        self.crash(&mut ChaCha8Rng::seed_from_u64(seed));
    }

    /// From now on this is wrong with the disk, or nothing any more: then it is as if it had
    /// never been, but for what could not be written meanwhile.
    pub fn set_trouble(&self, trouble: Option<DiskTrouble>) {
        let mut state = self.0.borrow_mut();
        state.rotten = match trouble {
            Some(DiskTrouble::Rot(number)) => state.synced_bit(number),
            _ => None,
        };
        state.trouble = trouble;
    }

    /// Whether anything was ever kept on it.
    pub fn is_used(&self) -> bool {
        !self.0.borrow().files.is_empty()
    }

    /// How long its syncs have taken since this was last asked. The disk itself lets no time
    /// pass: whoever drives the node lets it wait so long.
    pub fn take_time(&self) -> Duration {
        std::mem::take(&mut self.0.borrow_mut().time_taken)
    }

    /// How many of so many bytes are written when they are appended.
    pub(super) fn accepts(&self, bytes: usize) -> usize {
        match self.0.borrow().trouble {
            Some(DiskTrouble::Full) => bytes / 2,
            _ => bytes,
        }
    }
}

impl State {
    /// The bit with this number, modulo how many there are, of all that was synced.
    fn synced_bit(&self, number: u64) -> Option<(String, usize, u8)> {
        let synced =
            |file: &SimFile| Some(file.durable.as_ref()?.len().min(file.current.as_ref()?.len()));
        let lengths = self.files.iter().map(|(name, file)| (name, synced(file).unwrap_or(0)));
        let all: u64 = lengths.clone().map(|(_, length)| length as u64).sum();
        let number = number.checked_rem(8 * all)?;
        let mut place = (number / 8) as usize;
        for (name, length) in lengths {
            if place < length {
                return Some((name.clone(), place, 1 << (number % 8)));
            }
            place -= length;
        }
        None
    }
}

impl SimFile {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            self.keep(&change);
        }
    }

    /// From now on a crash cannot take this change.
    fn keep(&mut self, change: &Change) {
        change.apply(&mut self.durable);
        // What comes after is another file of that name.
        self.is_named &= !matches!(change, Change::Remove);
    }

    fn crash(&mut self, rng: &mut impl Rng) {
        match rng.random_range(0..4) {
            // The power went before anything was written.
            0 => {
                self.unsynced.clear();
                self.durable.take_if(|_| !self.is_named);
            }
            // Only the process died: all is there, and all is still in danger.
            1 => return,
            // Each write fares for itself.
            _ => {
                let changes = std::mem::take(&mut self.unsynced);
                self.crash_mixed(changes, rng);
            }
        }
        self.current = self.durable.clone();
    }

    fn crash_mixed(&mut self, changes: Vec<Change>, rng: &mut impl Rng) {
        // Removals are made durable in order. After the last that is, the writes to the new file
        // follow. Those to the file after a lost one went nowhere.
        let removals: Vec<usize> =
            (0..changes.len()).filter(|&index| matches!(changes[index], Change::Remove)).collect();
        let survivors = rng.random_range(0..=removals.len());
        let start = survivors.checked_sub(1).map_or(0, |last| removals[last]);
        let end = removals.get(survivors).copied().unwrap_or(changes.len());
        for change in &changes[start..end] {
            match change {
                Change::Remove => self.keep(change),
                Change::Truncate(_) => {
                    if rng.random() {
                        change.apply(&mut self.durable);
                    }
                }
                Change::Write(offset, bytes) => {
                    if let Some(written) = fate(bytes, rng) {
                        Change::Write(*offset, written).apply(&mut self.durable);
                    }
                }
            }
        }
    }
}

/// What of a write reaches the disk, which may be more or less than was meant.
fn fate(bytes: &[u8], rng: &mut impl Rng) -> Option<Vec<u8>> {
    let mut written = bytes.to_vec();
    let torn_at = rng.random_range(0..=bytes.len());
    match rng.random_range(0..6) {
        // Lost, and the file is no longer for it.
        0 | 1 => return None,
        // The first part, or the last, with zeros or something stale for the rest.
        2 => written.truncate(torn_at),
        3 => written[..torn_at].fill(0),
        4 => rng.fill_bytes(&mut written[torn_at..]),
        _ => {}
    }
    Some(written)
}

impl Disk for SimDisk {
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>> {
        let state = self.0.borrow();
        let mut content = state.files.get(file).and_then(|file| file.current.clone());
        if let (Some((rotten, place, bit)), Some(content)) = (&state.rotten, &mut content)
            && rotten == file
            && let Some(byte) = content.get_mut(*place)
        {
            *byte ^= bit;
        }
        Ok(content)
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let written = &bytes[..self.accepts(bytes.len())];
        let mut state = self.0.borrow_mut();
        let file = state.files.entry(file.to_owned()).or_default();
        let end = file.current.as_ref().map_or(0, Vec::len);
        file.change(Change::Write(end, written.to_vec()));
        match state.trouble {
            Some(DiskTrouble::Full) => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        if let Some(DiskTrouble::Slow(time)) = state.trouble {
            state.time_taken += time;
        }
        state.files.entry(file.to_owned()).or_default().sync();
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        for file in self.0.borrow_mut().files.values_mut() {
            file.is_named |= file.current.is_some();
        }
        Ok(())
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let file = state.files.get_mut(file).ok_or(io::ErrorKind::NotFound)?;
        file.change(Change::Truncate(usize::try_from(length).unwrap_or(usize::MAX)));
        Ok(())
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        if let Some(file) = self.0.borrow_mut().files.get_mut(file) {
            file.change(Change::Remove);
        }
        Ok(())
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        let state = self.0.borrow();
        let there = state.files.iter().filter(|(_, file)| file.current.is_some());
        Ok(there.map(|(name, _)| name.clone()).collect())
    }
}
