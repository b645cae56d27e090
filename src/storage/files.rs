//! The files of the storage: which there are, in which order they are written, and what a start
//! makes of those that it finds. See [`storage`](super) for the plan of it.

use std::collections::BTreeSet;
use std::io;

use super::frames::{self, Kind, Summary};
use super::{Disk, Recovered};
use crate::types::Error;

/// The generation that has no snapshot before it.
const FIRST_GENERATION: u64 = 1;

/// A snapshot is synced whenever so many bytes of it are not. To sync all of it at its end
/// would take long.
const SNAPSHOT_SYNC_BYTES: u64 = 1024 * 1024;

/// The files of one node.
pub(super) struct Files {
    disk: Box<dyn Disk>,
    /// Where the log stands; `None` before it was read for the first time.
    log: Option<Log>,
    /// The snapshot that is being written.
    unfinished: Option<Unfinished>,
    /// Why nothing goes any more.
    failure: Option<Error>,
}

/// The log, and how much a start would have to read.
struct Log {
    generation: u64,
    /// The length of this generation's file, in bytes. With 0, there is none yet.
    length: u64,
    /// How much of it is known to be synced.
    synced: u64,
    /// The length of the older logs that no complete snapshot stands for yet, in bytes.
    older_bytes: u64,
    /// The length of the last complete snapshot, in bytes.
    snapshot_bytes: u64,
}

/// A snapshot of the log's generation that has no end yet.
#[derive(Default)]
struct Unfinished {
    length: u64,
    synced: u64,
    summary: Summary,
}

impl Files {
    pub(super) fn new(disk: Box<dyn Disk>) -> Files {
        Files { disk, log: None, unfinished: None, failure: None }
    }

    /// Does `action`, and remembers if it failed.
    pub(super) fn attempt<T>(
        &mut self,
        action: impl FnOnce(&mut Files) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = action(self);
        if let Err(error) = &result {
            let text = format!("the storage failed, restart the node: {}", error.text);
            self.failure = Some(Error::crash(text));
        }
        result
    }

    pub(super) fn with_disk<T>(
        &mut self,
        action: impl FnOnce(&mut dyn Disk) -> io::Result<T>,
    ) -> Result<T, Error> {
        action(&mut *self.disk)
            .map_err(|error| Error::crash(format!("the node's disk failed: {error}")))
    }

    pub(super) fn is_durable(&self) -> bool {
        self.disk.is_durable()
    }

    pub(super) fn is_writing_snapshot(&self) -> bool {
        self.unfinished.is_some()
    }

    /// The length of all logs that no complete snapshot stands for.
    pub(super) fn log_bytes(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.older_bytes + log.length)
    }

    /// The length of the last complete snapshot.
    pub(super) fn snapshot_bytes(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.snapshot_bytes)
    }

    pub(super) fn append(&mut self, record: &[u8]) -> Result<(), Error> {
        if self.log()?.length == 0 {
            self.open_log(0)?;
        }
        self.append_to_log(Kind::Record, record)
    }

    pub(super) fn sync(&mut self) -> Result<(), Error> {
        let log = self.log()?;
        if log.synced == log.length {
            return Ok(());
        }
        let is_new = log.synced == 0;
        log.synced = log.length;
        let (generation, length) = (log.generation, log.length);
        let (file, marks) = (log_file(generation), marks_file(generation));
        self.disk.sync(&file).map_err(failed("sync", &file))?;
        if is_new {
            self.sync_folder()?;
        }
        let mark = frames::encode_mark(generation, length);
        self.disk.append(&marks, &mark).map_err(failed("append to", &marks))
    }

    /// The log that ends here is synced before the next one begins, and the next one before
    /// there is anything in it or in the snapshot before it.
    pub(super) fn begin_snapshot(&mut self) -> Result<(), Error> {
        if self.log()?.length == 0 {
            self.open_log(0)?;
        }
        self.sync()?;
        let generation = self.log()?.generation;
        if self.unfinished.take().is_some() {
            self.remove(&snapshot_file(generation))?;
        }
        let log = self.log()?;
        let former_length = log.length;
        log.older_bytes += log.length;
        (log.generation, log.length, log.synced) = (generation + 1, 0, 0);
        self.open_log(former_length)?;
        self.sync()?;
        self.unfinished = Some(Unfinished::default());
        Ok(())
    }

    pub(super) fn append_to_snapshot(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.append_frame_to_snapshot(Kind::Piece, piece)?;
        let file = snapshot_file(self.log()?.generation);
        let unfinished = self.unfinished.as_mut().expect("a snapshot was begun");
        unfinished.summary.add(piece);
        if unfinished.length - unfinished.synced >= SNAPSHOT_SYNC_BYTES {
            unfinished.synced = unfinished.length;
            self.disk.sync(&file).map_err(failed("sync", &file))?;
        }
        Ok(())
    }

    pub(super) fn finish_snapshot(&mut self) -> Result<(), Error> {
        let unfinished = self.unfinished.as_ref().expect("a snapshot was begun");
        let end = unfinished.summary.clone().encode();
        self.append_frame_to_snapshot(Kind::End, &end)?;
        let generation = self.log()?.generation;
        let file = snapshot_file(generation);
        // Before the older files go, the snapshot that stands for them must be there to stay.
        self.disk.sync(&file).map_err(failed("sync", &file))?;
        self.sync_folder()?;
        let snapshot_bytes = self.unfinished.take().map_or(0, |unfinished| unfinished.length);
        let log = self.log()?;
        (log.snapshot_bytes, log.older_bytes) = (snapshot_bytes, 0);
        for &older in self.generations()?.range(..generation) {
            self.remove_generation(older)?;
        }
        Ok(())
    }

    /// Writes the first frame of the present log.
    fn open_log(&mut self, former_length: u64) -> Result<(), Error> {
        self.append_to_log(Kind::Opening, &former_length.to_le_bytes())
    }

    fn append_to_log(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Error> {
        let log = self.log()?;
        let frame = frames::encode(kind, payload, log.generation, log.length, log.synced)?;
        log.length += frame.len() as u64;
        let file = log_file(log.generation);
        self.disk.append(&file, &frame).map_err(failed("append to", &file))
    }

    fn append_frame_to_snapshot(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Error> {
        let generation = self.log()?.generation;
        let unfinished = self.unfinished.as_mut().expect("a snapshot was begun");
        let frame = frames::encode(kind, payload, generation, unfinished.length, 0)?;
        unfinished.length += frame.len() as u64;
        let file = snapshot_file(generation);
        self.disk.append(&file, &frame).map_err(failed("append to", &file))
    }

    /// A file whose name is lost is as lost as one without content.
    fn sync_folder(&mut self) -> Result<(), Error> {
        self.disk.sync_folder().map_err(|error| {
            Error::crash(format!("could not sync the node's data directory: {error}"))
        })
    }

    fn remove(&mut self, file: &str) -> Result<(), Error> {
        self.disk.remove(file).map_err(failed("remove", file))
    }

    fn remove_generation(&mut self, generation: u64) -> Result<(), Error> {
        self.remove(&log_file(generation))?;
        self.remove(&snapshot_file(generation))?;
        self.remove(&marks_file(generation))
    }

    /// The generations that there are files of.
    fn generations(&mut self) -> Result<BTreeSet<u64>, Error> {
        let files = self.disk.list().map_err(|error| {
            Error::crash(format!("could not list the node's data directory: {error}"))
        })?;
        Ok(files.iter().filter_map(|file| generation_of(file)).collect())
    }
}

/// What a start does.
impl Files {
    /// Where the log stands, read from the disk if that was not done yet.
    fn log(&mut self) -> Result<&mut Log, Error> {
        if self.log.is_none() {
            self.load()?;
        }
        Ok(self.log.as_mut().expect("loading sets it"))
    }

    /// What is read may be in the system's cache only: if just the process died, a file is
    /// there though it was never synced. The node is about to act on it, so each file is
    /// synced before anything depends on it. Nothing is removed before all has checked out.
    pub(super) fn load(&mut self) -> Result<Recovered, Error> {
        self.unfinished = None;
        let generations = self.generations()?;
        let (base, snapshot, snapshot_bytes) = self.load_snapshot(&generations)?;
        let newest = generations.last().copied().unwrap_or(base);
        let mut log =
            Log { generation: base, length: 0, synced: 0, older_bytes: 0, snapshot_bytes };
        let mut records = Vec::new();
        for generation in base..=newest {
            let Some(next) = self.load_log(generation, newest)? else { break };
            if generation > base && next.former_length != log.length {
                let file = log_file(log.generation);
                return Err(frames::damaged(&file, log.length, next.former_length));
            }
            log.older_bytes += log.length;
            (log.generation, log.length) = (generation, next.length);
            records.extend(next.records);
        }
        // The names, too, may be in the system's cache only.
        self.sync_folder()?;
        self.continue_log(&mut log)?;
        self.clean_up(&generations, base, log.generation)?;
        self.log = Some(log);
        Ok(Recovered { snapshot, records })
    }

    /// The newest complete snapshot: its generation, its pieces and its length.
    fn load_snapshot(
        &mut self,
        generations: &BTreeSet<u64>,
    ) -> Result<(u64, Vec<Vec<u8>>, u64), Error> {
        for &generation in generations.iter().rev() {
            let file = snapshot_file(generation);
            let bytes = self.read(&file)?;
            if let Some(pieces) = frames::read_snapshot(&bytes, generation) {
                self.disk.sync(&file).map_err(failed("sync", &file))?;
                return Ok((generation, pieces, bytes.len() as u64));
            }
        }
        Ok((FIRST_GENERATION, Vec::new(), 0))
    }

    /// The log of a generation, or `None` if the newest was never begun.
    fn load_log(&mut self, generation: u64, newest: u64) -> Result<Option<frames::Log>, Error> {
        let file = log_file(generation);
        let log = frames::read_log(&self.read(&file)?, generation, &file)?;
        let synced = frames::read_marks(&self.read(&marks_file(generation))?, generation);
        if log.length < synced {
            return Err(frames::damaged(&file, log.length, synced));
        }
        if log.length > 0 {
            return Ok(Some(log));
        }
        if generation < newest || !self.read(&snapshot_file(generation))?.is_empty() {
            return Err(Error::crash(format!(
                "{file} is missing or damaged, and there are files that were written after it: \
                 restore it from elsewhere, or empty the node's data directory"
            )));
        }
        Ok(None)
    }

    /// Makes the last log ready for more.
    fn continue_log(&mut self, log: &mut Log) -> Result<(), Error> {
        let (file, marks) = (log_file(log.generation), marks_file(log.generation));
        if log.length == 0 {
            return self.remove(&file);
        }
        // A torn end would come back to life behind records that are appended later.
        self.disk.truncate(&file, log.length).map_err(failed("truncate", &file))?;
        self.disk.sync(&file).map_err(failed("sync", &file))?;
        log.synced = log.length;
        // The former marks stay: a kill may come before the new one.
        let marked = self.read(&marks)?.len();
        let torn = marked % frames::MARK;
        let fill = vec![0; (frames::MARK - torn) % frames::MARK];
        let mark = frames::encode_mark(log.generation, log.length);
        let bytes = [fill, mark.to_vec()].concat();
        self.disk.append(&marks, &bytes).map_err(failed("append to", &marks))?;
        self.disk.sync(&marks).map_err(failed("sync", &marks))?;
        if marked == 0 { self.sync_folder() } else { Ok(()) }
    }

    /// Removes what no start needs any more: what is older than the snapshot, snapshots that
    /// were never completed, and a log that was never begun.
    fn clean_up(&mut self, generations: &BTreeSet<u64>, base: u64, last: u64) -> Result<(), Error> {
        for &generation in generations {
            if generation < base || generation > last {
                self.remove_generation(generation)?;
            } else if generation > base {
                self.remove(&snapshot_file(generation))?;
            }
        }
        Ok(())
    }

    /// The whole of a file; empty if there is none.
    fn read(&mut self, file: &str) -> Result<Vec<u8>, Error> {
        Ok(self.disk.read(file).map_err(failed("read", file))?.unwrap_or_default())
    }
}

fn log_file(generation: u64) -> String {
    format!("log-{generation}")
}

fn snapshot_file(generation: u64) -> String {
    format!("snapshot-{generation}")
}

fn marks_file(generation: u64) -> String {
    format!("synced-{generation}")
}

/// The generation of a file of the storage. Other files are left alone.
fn generation_of(file: &str) -> Option<u64> {
    let (_, number) = file.split_once('-')?;
    let generation = number.parse().ok()?;
    let files = [log_file(generation), snapshot_file(generation), marks_file(generation)];
    files.iter().any(|ours| ours == file).then_some(generation)
}

/// Says what went wrong with which file. What then is on the disk nobody knows, so the error
/// is an indefinite one.
fn failed<'a>(verb: &'static str, file: &'a str) -> impl Fn(io::Error) -> Error + 'a {
    move |error| Error::crash(format!("could not {verb} the node's {file} file: {error}"))
}
