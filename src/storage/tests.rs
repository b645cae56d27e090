//! Storage against crashes: whatever happens, what was synced is there, and what is there is
//! a prefix of what was appended.

use std::cell::RefCell;
use std::path::Path;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// What a history of appends and snapshots may leave.
#[derive(Clone, Debug, Default)]
struct Model {
    snapshot: Option<Vec<u8>>,
    records: Vec<Vec<u8>>,
    /// How many of the records were synced.
    synced: usize,
}

impl Model {
    /// Whether this may be found after a crash; then it is also what is durable.
    fn accepts(&mut self, found: &Recovered) -> bool {
        let count = found.records.len();
        let accepted = found.snapshot == self.snapshot
            && (self.synced..=self.records.len()).contains(&count)
            && found.records == self.records[..count];
        if accepted {
            self.records.truncate(count);
            self.synced = count;
        }
        accepted
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

/// One life after another, each on the disk that `next_disk` gives and ended by a crash.
fn live_and_crash(seed: u64, lives: u64, mut next_disk: impl FnMut(u64) -> Box<dyn Disk>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut model = Model::default();
    for life in 0..lives {
        let storage = Storage::new(next_disk(life));
        let found = storage.load().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(model.accepts(&found), "seed {seed} life {life}:\n{model:?}\n{found:?}");
        for _ in 0..rng.random_range(0..30) {
            match rng.random_range(0..10) {
                0..=6 => {
                    let record = record(&mut rng);
                    storage.append(&record).unwrap();
                    model.records.push(record);
                }
                7 | 8 => {
                    storage.sync().unwrap();
                    model.synced = model.records.len();
                }
                _ => {
                    let snapshot = record(&mut rng);
                    storage.save_snapshot(&snapshot).unwrap();
                    model = Model { snapshot: Some(snapshot), ..Model::default() };
                }
            }
        }
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

/// Two disks that must never differ.
struct Both(RecordedDisk, SimDisk);

impl Disk for Both {
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>> {
        let content = self.0.read(file)?;
        assert_eq!(content, self.1.read(file)?);
        Ok(content)
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.append(file, bytes).and_then(|()| self.1.append(file, bytes))
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.0.sync(file).and_then(|()| self.1.sync(file))
    }

    fn replace(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.replace(file, bytes).and_then(|()| self.1.replace(file, bytes))
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        self.0.truncate(file, length).and_then(|()| self.1.truncate(file, length))
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

    fn replace(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.spend().and_then(|()| self.disk.replace(file, bytes))
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        self.spend().and_then(|()| self.disk.truncate(file, length))
    }
}

/// Saves two snapshots with records around them, and cuts the power at each operation.
#[test]
fn a_snapshot_is_safe_at_every_point() {
    for operations in 0..20 {
        for seed in 0..200 {
            let disk = SimDisk::new();
            let left = Rc::new(RefCell::new(operations));
            let cut = PowerCut { disk: disk.clone(), left };
            let storage = Storage::new(Box::new(cut));
            // What may be found: all states from the last one that was promised on.
            let mut states = vec![(None, vec![])];
            let script = || -> Result<(), Error> {
                for number in 0..2 {
                    storage.append(&[number])?;
                    states.push((state(number), vec![number]));
                    storage.sync()?;
                    states.drain(..states.len() - 1);
                    states.push((state(number + 1), vec![]));
                    storage.save_snapshot(&[number])?;
                    states.drain(..states.len() - 1);
                }
                Ok(())
            };
            let result = script_result(script);
            assert_eq!(result, operations >= 10, "{operations} operations");
            disk.crash_with_seed(seed);
            let found = Storage::new(Box::new(disk.clone())).load().unwrap();
            // What a node has once found it has acted on, so it is there to stay.
            disk.crash_with_seed(seed + 1_000);
            assert_eq!(Storage::new(Box::new(disk)).load().unwrap(), found, "{operations} {seed}");
            let found = (found.snapshot, found.records.into_iter().flatten().collect::<Vec<u8>>());
            assert!(states.contains(&found), "{operations} {seed}: {found:?} of {states:?}");
        }
    }
}

/// The snapshot after so many were saved.
fn state(saved: u8) -> Option<Vec<u8>> {
    saved.checked_sub(1).map(|last| vec![last])
}

fn script_result(mut script: impl FnMut() -> Result<(), Error>) -> bool {
    script().is_ok()
}

#[test]
fn after_a_failure_nothing_goes() {
    let left = Rc::new(RefCell::new(2));
    let cut = PowerCut { disk: SimDisk::new(), left: Rc::clone(&left) };
    let storage = Storage::new(Box::new(cut));
    storage.append(b"one").unwrap();
    storage.sync().unwrap();
    assert!(storage.append(b"two").unwrap_err().text.contains("no power"));
    // The power comes back, but what the failed write has left is not known.
    *left.borrow_mut() = 100;
    for result in [storage.append(b"three"), storage.sync(), storage.save_snapshot(b"four")] {
        let error = result.unwrap_err();
        assert!(error.text.contains("restart the node") && !error.is_definite(), "{error}");
    }
}

/// A log of three records, each synced, as bytes.
fn synced_log() -> Vec<u8> {
    let mut disk = SimDisk::new();
    let storage = Storage::new(Box::new(disk.clone()));
    for record in [b"first", b"again", b"third"] {
        storage.append(record).unwrap();
        storage.sync().unwrap();
    }
    disk.read(LOG).unwrap().unwrap()
}

/// What is recovered from a disk with this log, and this snapshot.
fn recover(log: &[u8], snapshot: Option<&[u8]>) -> Result<Recovered, Error> {
    let mut disk = SimDisk::new();
    disk.replace(LOG, log).unwrap();
    if let Some(snapshot) = snapshot {
        disk.replace(SNAPSHOT, snapshot).unwrap();
    }
    Storage::new(Box::new(disk)).load()
}

#[test]
fn damage_to_what_was_synced_is_found_and_not_cut_off() {
    let log = synced_log();
    let frame = log.len() / 3;
    for at in 0..log.len() {
        let mut damaged = log.clone();
        damaged[at] ^= 1;
        let found = recover(&damaged, None);
        if at < 2 * frame {
            let error = found.unwrap_err();
            let text = format!("the log is damaged at byte {}, though", at / frame * frame);
            assert!(error.text.starts_with(&text), "at {at}: {error}");
        } else {
            // The last record looks like one that was torn.
            assert_eq!(found.unwrap().records.len(), 2, "at {at}");
        }
    }
}

#[test]
fn what_is_torn_is_cut_off_and_stays_off() {
    let log = synced_log();
    for length in 0..log.len() {
        let mut disk = SimDisk::new();
        disk.replace(LOG, &log[..length]).unwrap();
        disk.sync(LOG).unwrap();
        for life in 0..3 {
            let storage = Storage::new(Box::new(disk.clone()));
            let found = storage.load().unwrap();
            assert_eq!(found.records.len(), length / (log.len() / 3) + life);
            storage.append(b"later").unwrap();
            storage.sync().unwrap();
            disk.crash_with_seed(9);
        }
    }
}

#[test]
fn hostile_bytes_are_an_error_or_nothing_but_never_a_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let log = synced_log();
    for _ in 0..20_000 {
        let mut bytes = log.clone();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        if let Ok(found) = recover(&bytes, None) {
            assert!(found.records.iter().zip([b"first", b"again", b"third"]).all(|(a, b)| a == b));
        }
        assert!(recover(&log, Some(&bytes)).is_err(), "that is no snapshot");
    }
    let snapshot = log::encode_snapshot(b"state", 7);
    for at in 0..snapshot.len() {
        let mut damaged = snapshot.clone();
        damaged[at] ^= 0x10;
        let error = recover(b"", Some(&damaged)).unwrap_err();
        assert!(error.text.starts_with("the snapshot is damaged"), "{error}");
    }
}

#[test]
fn a_log_without_its_snapshot_is_an_error_and_an_older_one_is_dropped() {
    let mut disk = SimDisk::new();
    let storage = Storage::new(Box::new(disk.clone()));
    storage.append(b"before").unwrap();
    storage.sync().unwrap();
    let old_log = disk.read(LOG).unwrap().unwrap();
    storage.save_snapshot(b"state").unwrap();
    storage.append(b"after").unwrap();
    let new_log = disk.read(LOG).unwrap().unwrap();
    let snapshot = disk.read(SNAPSHOT).unwrap().unwrap();

    let error = recover(&new_log, None).unwrap_err();
    assert!(error.text.starts_with("the log comes after snapshot 2, but"), "{error}");
    let found = recover(&old_log, Some(&snapshot)).unwrap();
    assert_eq!(found, Recovered { snapshot: Some(b"state".to_vec()), records: vec![] });
    let found = recover(&new_log, Some(&snapshot)).unwrap();
    assert_eq!(found.records, [b"after"]);
}

#[test]
fn a_record_that_contains_a_log_does_not_become_one() {
    let mut disk = SimDisk::new();
    let storage = Storage::new(Box::new(disk.clone()));
    storage.append(b"small").unwrap();
    storage.sync().unwrap();
    // Its frames say that more was synced than there is before this record.
    storage.append(&synced_log()).unwrap();
    // The record is torn, so that the reader looks for frames in its content.
    let mut log = disk.read(LOG).unwrap().unwrap();
    log.truncate(log.len() - 1);
    assert_eq!(recover(&log, None).unwrap().records, [b"small"]);
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
