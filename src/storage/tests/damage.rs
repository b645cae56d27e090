//! Disks that are damaged: what was synced is found, or it is said that it cannot be.

use super::*;

/// Damages one file, as a failing disk or a careless hand would. Gives what was done.
fn damage(disk: &mut SimDisk, rng: &mut impl Rng) -> String {
    let files = disk.list().unwrap();
    let Some(file) = files.get(rng.random_range(0..files.len().max(1))) else {
        return "nothing".into();
    };
    let mut bytes = disk.read(file).unwrap().unwrap();
    let at = rng.random_range(0..=bytes.len());
    let what = match rng.random_range(0..5) {
        0 => {
            bytes.truncate(at);
            format!("{file} is cut at {at}")
        }
        1 => {
            bytes[at..].fill(0);
            format!("{file} is zero from {at}")
        }
        2 => {
            rng.fill_bytes(&mut bytes[at..]);
            format!("{file} is noise from {at}")
        }
        3 if at < bytes.len() => {
            bytes[at] ^= 1 << rng.random_range(0..8);
            format!("one bit of {file} is flipped at {at}")
        }
        _ => {
            disk.remove(file).unwrap();
            disk.sync(file).unwrap();
            return format!("{file} is missing");
        }
    };
    put(disk, file, &bytes);
    what
}

/// Gives a file this content for good.
fn put(disk: &mut SimDisk, file: &str, bytes: &[u8]) {
    disk.remove(file).unwrap();
    disk.append(file, bytes).unwrap();
    disk.sync(file).unwrap();
}

/// Whatever happens to any one file after a kill, all that was synced is there, or the loss is
/// reported: also when the kill came in the middle of a snapshot.
#[test]
fn damage_to_any_one_file_is_harmless_or_reported() {
    let (mut harmless, mut reported) = (0, 0);
    for seed in 0..seeds(20_000) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut disk, mut model) = (SimDisk::new(), Model::default());
        for _ in 0..rng.random_range(1..4) {
            let left = Rc::new(RefCell::new(rng.random_range(0..200)));
            let storage = Storage::new(Box::new(PowerCut { disk: disk.clone(), left }));
            if let Ok(found) = storage.load() {
                assert!(model.accepts(&found), "seed {seed}");
                let _ = live(&storage, &mut model, &mut rng);
            }
        }
        let what = damage(&mut disk, &mut rng);
        match Storage::new(Box::new(disk)).load() {
            Ok(found) => {
                assert!(model.accepts(&found), "seed {seed}, {what}:\n{model:?}\n{found:?}");
                harmless += 1;
            }
            Err(error) => {
                assert!(error.text.contains("restore it"), "seed {seed}, {what}: {error}");
                reported += 1;
            }
        }
    }
    assert!(harmless > 0 && reported > 0, "{harmless} harmless, {reported} reported");
}

/// After a crash of the machine the marks may be gone, so that damage to the end of the log may
/// pass for a torn write. But what is found is still what was appended, in order.
#[test]
fn damage_after_a_crash_never_makes_records_up() {
    for seed in 0..seeds(5_000) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut disk, mut model) = (SimDisk::new(), Model::default());
        for _ in 0..3 {
            let storage = Storage::new(Box::new(disk.clone()));
            assert!(model.accepts(&storage.load().unwrap()), "seed {seed}");
            live(&storage, &mut model, &mut rng).unwrap();
            disk.crash(&mut rng);
        }
        let what = damage(&mut disk, &mut rng);
        model.synced = 0;
        if let Ok(found) = Storage::new(Box::new(disk)).load() {
            assert!(model.accepts(&found), "seed {seed}, {what}:\n{model:?}\n{found:?}");
        }
    }
}

#[test]
fn after_a_failure_nothing_goes() {
    let left = Rc::new(RefCell::new(100));
    let cut = PowerCut { disk: SimDisk::new(), left: Rc::clone(&left) };
    let storage = Storage::new(Box::new(cut));
    storage.append(b"one").unwrap();
    storage.sync().unwrap();
    *left.borrow_mut() = 0;
    assert!(storage.append(b"two").unwrap_err().text.contains("no power"));
    // The power comes back, but what the failed write has left is not known.
    *left.borrow_mut() = 100;
    for result in [storage.append(b"three"), storage.sync(), storage.save_snapshot(b"four")] {
        let error = result.unwrap_err();
        assert!(error.text.contains("restart the node") && !error.is_definite(), "{error}");
    }
}

/// The name of the first log.
const LOG: &str = "log-1";

/// How long the first frame of a log is, which says how long the log before it was.
const OPENING: usize = frames::HEADER + 8;

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

/// What is recovered from a disk with these files.
fn recover(files: &[(&str, &[u8])]) -> Result<Recovered, Error> {
    let mut disk = SimDisk::new();
    for (file, bytes) in files {
        put(&mut disk, file, bytes);
    }
    Storage::new(Box::new(disk)).load()
}

/// Without any marks, too.
#[test]
fn damage_to_what_was_synced_is_found_and_not_cut_off() {
    let log = synced_log();
    let frame = (log.len() - OPENING) / 3;
    for at in 0..log.len() {
        let mut damaged = log.clone();
        damaged[at] ^= 1;
        let found = recover(&[(LOG, &damaged)]);
        if at < OPENING + 2 * frame {
            let valid = if at < OPENING { 0 } else { OPENING + (at - OPENING) / frame * frame };
            let error = found.unwrap_err();
            let text = format!("{LOG} is damaged at byte {valid}, though");
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
        put(&mut disk, LOG, &log[..length]);
        for life in 0..3 {
            let storage = Storage::new(Box::new(disk.clone()));
            let found = storage.load().unwrap();
            let frame = (log.len() - OPENING) / 3;
            assert_eq!(found.records.len(), length.saturating_sub(OPENING) / frame + life);
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
        if let Ok(found) = recover(&[(LOG, &bytes)]) {
            assert!(found.records.iter().zip([b"first", b"again", b"third"]).all(|(a, b)| a == b));
        }
        assert!(recover(&[("snapshot-2", &bytes)]).is_err(), "that is no snapshot");
    }
}

#[test]
fn a_log_without_its_snapshot_is_an_error_and_an_older_one_is_removed() {
    let mut disk = SimDisk::new();
    let storage = Storage::new(Box::new(disk.clone()));
    storage.append(b"before").unwrap();
    storage.sync().unwrap();
    let log_1 = disk.read(LOG).unwrap().unwrap();
    storage.save_snapshot(b"state").unwrap();
    storage.append(b"after").unwrap();
    storage.sync().unwrap();
    assert_eq!(disk.list().unwrap(), ["log-2", "snapshot-2", "synced-2"]);
    let log_2 = disk.read("log-2").unwrap().unwrap();
    let snapshot = disk.read("snapshot-2").unwrap().unwrap();

    let error = recover(&[("log-2", &log_2)]).unwrap_err();
    assert!(error.text.starts_with("log-1 is missing"), "{error}");
    let error = recover(&[("snapshot-2", &snapshot)]).unwrap_err();
    assert!(error.text.starts_with("log-2 is missing"), "{error}");
    for at in 0..snapshot.len() {
        let mut damaged = snapshot.clone();
        damaged[at] ^= 0x10;
        assert!(recover(&[("snapshot-2", &damaged), ("log-2", &log_2)]).is_err());
    }
    let files = [(LOG, &*log_1), ("log-2", &log_2), ("snapshot-2", &snapshot)];
    let found = recover(&files).unwrap();
    assert_eq!(found.snapshot, [b"state"]);
    assert_eq!(found.records, [b"after"]);
    // While the log before it is there, too, nothing is lost with the snapshot.
    let found = recover(&files[..2]).unwrap();
    assert_eq!(found.records, [b"before".to_vec(), b"after".to_vec()]);
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
    assert_eq!(recover(&[(LOG, &log)]).unwrap().records, [b"small"]);
}

#[test]
fn the_same_log_of_another_generation_does_not_count() {
    assert_eq!(recover(&[(LOG, &synced_log())]).unwrap().records.len(), 3);
    let error = recover(&[("log-2", &synced_log())]).unwrap_err();
    assert!(error.text.starts_with("log-1 is missing"), "{error}");
}
