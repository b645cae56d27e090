//! A disk for simulation, which on a crash does the worst that a real one may do.
//!
//! Chapter 12 of the book, `book/12-faults-and-time.md`, reads this.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Disk;

/// A disk in memory that outlives its node, and on [`crash`](SimDisk::crash) treats what was
/// not synced as real disks do: loses it, tears it, or keeps later writes without earlier ones.
///
/// A handle: clones are the same disk. The bench keeps one, and gives one to each life of the
/// node.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Rc<RefCell<BTreeMap<String, SimFile>>>);

#[derive(Debug, Default)]
struct SimFile {
    /// What the node reads.
    current: Option<Vec<u8>>,
    /// What a crash cannot take.
    durable: Option<Vec<u8>>,
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
    /// was then written to a new one of that name is lost.
    pub fn crash(&self, rng: &mut impl Rng) {
        for file in self.0.borrow_mut().values_mut() {
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
}

impl SimFile {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn crash(&mut self, rng: &mut impl Rng) {
        match rng.random_range(0..4) {
            // The power went before anything was written.
            0 => self.unsynced.clear(),
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
                Change::Remove => change.apply(&mut self.durable),
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
        Ok(self.0.borrow().get(file).and_then(|file| file.current.clone()))
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.borrow_mut();
        let file = files.entry(file.to_owned()).or_default();
        let end = file.current.as_ref().map_or(0, Vec::len);
        file.change(Change::Write(end, bytes.to_vec()));
        Ok(())
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.0.borrow_mut().entry(file.to_owned()).or_default().sync();
        Ok(())
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        let mut files = self.0.borrow_mut();
        let file = files.get_mut(file).ok_or(io::ErrorKind::NotFound)?;
        file.change(Change::Truncate(usize::try_from(length).unwrap_or(usize::MAX)));
        Ok(())
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        if let Some(file) = self.0.borrow_mut().get_mut(file) {
            file.change(Change::Remove);
        }
        Ok(())
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        let files = self.0.borrow();
        let there = files.iter().filter(|(_, file)| file.current.is_some());
        Ok(there.map(|(name, _)| name.clone()).collect())
    }
}
