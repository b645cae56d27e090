//! Storage against crashes: whatever happens, what was synced is there, and what is there is
//! a prefix of what was appended.

mod damage;

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// What a history of appends and snapshots may leave.
#[derive(Clone, Debug, Default)]
struct Model {
    /// All records so far, of all lives.
    records: Vec<Vec<u8>>,
    /// How many of them were synced.
    synced: usize,
    /// Every snapshot that was to be finished: how many records it stands for, and its pieces.
    snapshots: Vec<(usize, Vec<Vec<u8>>)>,
    /// How many records the last one stands for that certainly was finished.
    finished: usize,
}

impl Model {
    /// Whether this may be found after a crash; then it is also what is durable.
    fn accepts(&mut self, found: &Recovered) -> bool {
        let Some(base) = self.base_of(found) else { return false };
        let end = base + found.records.len();
        let accepted = (self.synced..=self.records.len()).contains(&end)
            && found.records == self.records[base..end];
        if accepted {
            self.records.truncate(end);
            self.synced = end;
        }
        accepted
    }

    /// How many records the snapshot stands for that was found.
    fn base_of(&self, found: &Recovered) -> Option<usize> {
        if found.snapshot.is_empty() {
            return Some(0);
        }
        let snapshot = self.snapshots.iter().find(|(_, pieces)| *pieces == found.snapshot);
        snapshot.map(|(base, _)| *base)
    }
}

/// A record that no other is equal to. Many have the same length, so that one may come to
/// stand exactly where another one was.
fn record(rng: &mut impl Rng) -> Vec<u8> {
    let length = match rng.random_range(0..10) {
        0 => rng.random_range(0..5_000),
        1 | 2 => rng.random_range(0..40),
        _ => 8,
    };
    let mut bytes = rng.next_u64().to_le_bytes().to_vec();
    // Zeros in a record must not hide that it was torn.
    bytes.extend((0..length).map(|_| rng.random::<u8>() & 1));
    bytes
}

/// One life of a node: it appends, syncs and writes snapshots, also one over another, until it
/// ends in the middle of that or its disk fails.
fn live(storage: &Storage, model: &mut Model, rng: &mut impl Rng) -> Result<(), Error> {
    let mut writing: Option<(usize, Vec<Vec<u8>>)> = None;
    for _ in 0..rng.random_range(0..40) {
        match (rng.random_range(0..12), &mut writing) {
            (0..=5, _) => {
                model.records.push(record(rng));
                storage.append(model.records.last().expect("it was just pushed"))?;
            }
            (6 | 7, _) => {
                storage.sync()?;
                model.synced = model.records.len();
            }
            (8, _) => {
                writing = Some((model.records.len(), Vec::new()));
                storage.begin_snapshot()?;
                // All that the snapshot stands for is synced before it is begun.
                model.synced = model.records.len();
            }
            (9 | 10, Some((_, pieces))) => {
                pieces.push(record(rng));
                storage.append_to_snapshot(pieces.last().expect("it was just pushed"))?;
            }
            (11, Some((_, pieces))) if !pieces.is_empty() => {
                let snapshot = writing.take().expect("a snapshot is being written");
                let base = snapshot.0;
                model.snapshots.push(snapshot);
                storage.finish_snapshot()?;
                model.finished = base;
            }
            _ => {}
        }
    }
    Ok(())
}

/// One life after another, each on the disk that `next_disk` gives and ended by a crash.
fn live_and_crash(seed: u64, lives: u64, mut next_disk: impl FnMut(u64) -> Box<dyn Disk>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut model = Model::default();
    for life in 0..lives {
        let storage = Storage::new(next_disk(life));
        let found = storage.load().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(model.accepts(&found), "seed {seed} life {life}:\n{model:?}\n{found:?}");
        assert!(model.base_of(&found) >= Some(model.finished), "seed {seed} life {life}");
        live(&storage, &mut model, &mut rng).unwrap();
    }
}

#[test]
fn after_any_crash_the_records_are_a_prefix_with_all_that_was_synced() {
    for seed in 0..3_000 {
        let disk = SimDisk::new();
        live_and_crash(seed, 8, |life| {
            disk.crash_with_seed(seed ^ (life << 32));
            Box::new(disk.clone())
        });
    }
}

#[test]
fn a_recorded_disk_fares_like_one_in_memory() {
    for seed in 0..100 {
        let directory = tempfile::tempdir().unwrap();
        let disk = SimDisk::new();
        live_and_crash(seed, 6, |life| {
            let life_seed = seed ^ (life << 32);
            disk.crash_with_seed(life_seed);
            let recorded = RecordedDisk::open(directory.path(), life_seed).unwrap();
            Box::new(Both(recorded, disk.clone()))
        });
    }
}

/// Lives on a disk that is full, slow or rotten at times: what was synced is there when a node
/// starts, or the start says that it is not; and it is there again when the disk is mended.
fn live_in_trouble(
    seed: u64,
    mut set_trouble: impl FnMut(Option<DiskTrouble>),
    mut next_disk: impl FnMut(u64) -> Box<dyn Disk>,
) -> [u64; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut model = Model::default();
    let (mut is_rotten, mut refused, mut full) = (false, 0, 0);
    for life in 0..10 {
        let storage = Storage::new(next_disk(life));
        match storage.load() {
            Ok(found) => {
                assert!(model.accepts(&found), "seed {seed} life {life}:\n{model:?}\n{found:?}");
                // The disk may fill up in the middle of this life.
                live(&storage, &mut model, &mut rng).unwrap();
                if rng.random() {
                    set_trouble(Some(DiskTrouble::Full));
                    full += u64::from(live(&storage, &mut model, &mut rng).is_err());
                }
            }
            Err(error) => {
                assert!(is_rotten, "seed {seed} life {life}: {error}");
                assert!(error.text.contains("restore it"), "seed {seed} life {life}: {error}");
                refused += 1;
            }
        }
        // While a disk is full, a start may fail as well as anything else. That is tried above all
        // in whole runs.
        is_rotten = rng.random_range(0..3) == 0;
        let rot = DiskTrouble::Rot(rng.random());
        let slow = DiskTrouble::Slow(Duration::from_millis(1));
        set_trouble(if is_rotten { Some(rot) } else { rng.random::<bool>().then_some(slow) });
    }
    [refused, full]
}

#[test]
fn a_disk_in_trouble_keeps_what_was_synced_or_says_that_it_does_not() {
    let (mut refused, mut full) = (0, 0);
    for seed in 0..seeds(300) {
        let disk = SimDisk::new();
        let set_trouble = |trouble| disk.set_trouble(trouble);
        let [refusals, failures] = live_in_trouble(seed, set_trouble, |life| {
            disk.crash_with_seed(seed ^ (life << 32));
            Box::new(disk.clone())
        });
        (refused, full) = (refused + refusals, full + failures);
    }
    assert!(refused > 0 && full > 0, "{refused} refused, {full} full");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the bench says in a file what is wrong")]
fn the_trouble_of_a_recorded_disk_is_that_of_one_in_memory() {
    for seed in 0..100 {
        let directory = tempfile::tempdir().unwrap();
        let disk = SimDisk::new();
        let set_trouble = |trouble: Option<DiskTrouble>| {
            disk.set_trouble(trouble);
            let text = trouble.map(|trouble| trouble.to_string());
            let file = directory.path().join(TROUBLE_FILE);
            match text {
                Some(text) => std::fs::write(file, text).unwrap(),
                None => drop(std::fs::remove_file(file)),
            }
        };
        live_in_trouble(seed, set_trouble, |life| {
            let life_seed = seed ^ (life << 32);
            disk.crash_with_seed(life_seed);
            let recorded = RecordedDisk::open(directory.path(), life_seed).unwrap();
            Box::new(Both(recorded, disk.clone()))
        });
    }
}

#[test]
fn a_slow_disk_says_how_long_it_took() {
    let disk = SimDisk::new();
    let storage = Storage::new(Box::new(disk.clone()));
    storage.append(b"one").unwrap();
    storage.sync().unwrap();
    assert_eq!(disk.take_time(), Duration::ZERO);
    disk.set_trouble(Some(DiskTrouble::Slow(Duration::from_millis(7))));
    for record in [b"two", b"ten"] {
        storage.append(record).unwrap();
        storage.sync().unwrap();
    }
    assert_eq!(disk.take_time(), Duration::from_millis(14));
    assert_eq!(disk.take_time(), Duration::ZERO);
}

#[test]
fn a_file_is_lost_with_its_name_unless_the_folder_was_synced() {
    let left = |syncs_folder: bool| {
        let is_left = |seed: &u64| {
            let mut disk = SimDisk::new();
            disk.append("log", b"synced").unwrap();
            disk.sync("log").unwrap();
            if syncs_folder {
                disk.sync_folder().unwrap();
            }
            disk.crash_with_seed(*seed);
            disk.read("log").unwrap().is_some()
        };
        (0..100).filter(is_left).count()
    };
    assert_eq!(left(true), 100);
    assert!((50..100).contains(&left(false)), "{}", left(false));
}

/// Two disks that must never differ.
struct Both(RecordedDisk, SimDisk);

impl Disk for Both {
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>> {
        let content = self.0.read(file)?;
        assert_eq!(content, self.1.read(file)?);
        Ok(content)
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let (done, also) = (self.0.append(file, bytes), self.1.append(file, bytes));
        assert_eq!(done.is_ok(), also.is_ok());
        done
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.0.sync(file).and_then(|()| self.1.sync(file))
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.0.sync_folder().and_then(|()| self.1.sync_folder())
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        self.0.truncate(file, length).and_then(|()| self.1.truncate(file, length))
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.0.remove(file).and_then(|()| self.1.remove(file))
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        let names = self.0.list()?;
        assert_eq!(names, self.1.list()?);
        Ok(names)
    }
}

/// A disk on which the power fails after so many operations: that one and all later ones
/// return an error.
struct PowerCut {
    disk: SimDisk,
    left: Rc<RefCell<u32>>,
}

impl PowerCut {
    fn spend(&self) -> io::Result<()> {
        let mut left = self.left.borrow_mut();
        *left = left.checked_sub(1).ok_or_else(|| io::Error::other("no power"))?;
        Ok(())
    }
}

impl Disk for PowerCut {
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>> {
        self.disk.read(file)
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.spend().and_then(|()| self.disk.append(file, bytes))
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.spend().and_then(|()| self.disk.sync(file))
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.spend().and_then(|()| self.disk.sync_folder())
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        self.spend().and_then(|()| self.disk.truncate(file, length))
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.spend().and_then(|()| self.disk.remove(file))
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
}

/// The power is cut at each operation on the disk, also in the middle of a snapshot.
#[test]
fn whenever_the_power_is_cut_what_was_synced_is_there() {
    for seed in 0..seeds(2_000) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (disk, mut model) = (SimDisk::new(), Model::default());
        for life in 0..6 {
            let left = Rc::new(RefCell::new(rng.random_range(0..100)));
            let storage = Storage::new(Box::new(PowerCut { disk: disk.clone(), left }));
            if let Ok(found) = storage.load() {
                assert!(model.accepts(&found), "seed {seed} life {life}:\n{model:?}\n{found:?}");
                let _ = live(&storage, &mut model, &mut rng);
            }
            disk.crash(&mut rng);
        }
        // What a node has once found it has acted on, so it is there to stay.
        let found = Storage::new(Box::new(disk.clone())).load().unwrap();
        assert!(model.accepts(&found), "seed {seed}:\n{model:?}\n{found:?}");
        assert!(model.base_of(&found) >= Some(model.finished), "seed {seed}");
        disk.crash(&mut rng);
        assert_eq!(Storage::new(Box::new(disk)).load().unwrap(), found, "seed {seed}");
    }
}

/// How many seeds a fuzz runs: so many, or what the environment says.
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests may ask for more seeds")]
fn seeds(usual: u64) -> u64 {
    std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(usual)
}

/// Appends records of which all matter, or each takes the place of another, and takes snapshots
/// when it is time. Gives the bytes written for each byte appended, and the most that lay there.
fn bytes_written(records: u64, is_state_growing: bool) -> (f64, f64) {
    let disk = Counting::default();
    let storage = Storage::new(Box::new(disk.clone()));
    let record = [b'x'; 100];
    let (mut appended, mut most) = (0, 0.0_f64);
    for number in 0..records {
        storage.append(&record).unwrap();
        appended += record.len() as u64;
        if number % 10 == 9 {
            storage.sync().unwrap();
        }
        let state = if is_state_growing { appended } else { appended.min(100_000) };
        if storage.is_log_long() {
            storage.begin_snapshot().unwrap();
            for _ in 0..state / 1_000 {
                storage.append_to_snapshot(&[b'x'; 1_000]).unwrap();
            }
            storage.finish_snapshot().unwrap();
        }
        most = most.max(disk.present() as f64 / (state + LOG_SLACK) as f64);
    }
    (disk.written.get() as f64 / appended as f64, most)
}

#[test]
fn what_is_written_is_a_small_multiple_of_what_is_appended() {
    for is_state_growing in [true, false] {
        let (written, present) = bytes_written(100_000, is_state_growing);
        println!("state grows: {is_state_growing}; written {written:.2}, present {present:.2}");
        assert!(written < 3.5, "{written} bytes were written for each that was appended");
        assert!(present < 4.0, "{present} times the state lay on the disk");
    }
}

/// A disk in memory that counts.
#[derive(Clone, Default)]
struct Counting {
    disk: Rc<RefCell<MemoryDisk>>,
    written: Rc<Cell<u64>>,
    sizes: Rc<RefCell<std::collections::BTreeMap<String, u64>>>,
}

impl Counting {
    fn present(&self) -> u64 {
        self.sizes.borrow().values().sum()
    }
}

impl Disk for Counting {
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>> {
        self.disk.borrow_mut().read(file)
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.written.update(|written| written + bytes.len() as u64);
        *self.sizes.borrow_mut().entry(file.to_owned()).or_default() += bytes.len() as u64;
        self.disk.borrow_mut().append(file, bytes)
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.disk.borrow_mut().sync(file)
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.disk.borrow_mut().sync_folder()
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        self.disk.borrow_mut().truncate(file, length)
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.sizes.borrow_mut().remove(file);
        self.disk.borrow_mut().remove(file)
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        self.disk.borrow_mut().list()
    }
}

/// The same calls on every disk leave the same.
#[test]
fn files_keep_what_memory_keeps() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("made/when/needed");
    let open = |path: &Path| Storage::new(Box::new(FileDisk::open(path).unwrap()));
    let memory = Storage::new(Box::new(MemoryDisk::default()));
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..40 {
        // A new life on the files each time.
        let files = open(&inner);
        assert_eq!(files.load().unwrap(), memory.load().unwrap());
        for _ in 0..rng.random_range(0..8) {
            let record = record(&mut rng);
            for storage in [&files, &memory] {
                storage.append(&record).unwrap();
            }
        }
        if rng.random_bool(0.3) {
            let snapshot = record(&mut rng);
            for storage in [&files, &memory] {
                storage.save_snapshot(&snapshot).unwrap();
            }
        }
        files.sync().unwrap();
    }
    assert!(!memory.load().unwrap().records.is_empty());
}
