//! The file of a shard: lines of JSON, written as the work goes on.
//!
//! ```text
//! {"sweep":{"version":"0.1.0","case":"lin-kv.sim",…,"seeds":{…},"shard":{…}}}
//! {"failure":{"seed":8412,"kind":"nonlinearizable","sentence":"…","tape":"lin-kv.sim.seed-8412.edn"}}
//! {"done":{"from":0,"to":2304,"tally":{…}}}
//! ```
//!
//! A failure is a line of its own as soon as it is known. Every second, and at the latest after a
//! block of seeds, a line says what came of all seeds since the one before. A process that is
//! killed leaves at worst half a line at the end: whoever goes on cuts that off, and begins where
//! the last `done` ends. When the shard is whole the file is written once more, in short.
//!
//! A lock keeps two processes from writing one shard at the same time, as a scheduler may have it
//! that believes the first to be lost.
#![expect(clippy::disallowed_methods, reason = "a shard is a file, and says how long it took")]

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::coverage::Coverage;
use super::plan::Plan;
use super::seed::{Seed, is_undecided};
use super::{KEPT_FAILURES, KEPT_TAPES, SLOWEST};

/// So often it is written down how far the work is.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// What came of some seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many there were.
    pub seeds: u64,
    /// How many of them were run twice to compare the runs.
    pub compared: u64,
    /// How many failed, by the kind of failure.
    pub failures: BTreeMap<String, u64>,
    /// What happened in them.
    pub coverage: Coverage,
    /// How long it took.
    pub times: Times,
}

/// How long some seeds took: the only part of a result that is not the same every time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// All seeds together, each on its core, in microseconds.
    pub core_micros: u64,
    /// From begin to end, in microseconds.
    pub wall_micros: u64,
    /// The slowest seeds, and what each took in microseconds.
    pub slowest: Vec<(u64, u64)>,
}

impl Tally {
    /// Counts other seeds, too.
    pub fn add(&mut self, other: &Tally) {
        self.seeds += other.seeds;
        self.compared += other.compared;
        for (kind, count) in &other.failures {
            *self.failures.entry(kind.clone()).or_default() += count;
        }
        self.coverage.add(&other.coverage);
        self.times.core_micros += other.times.core_micros;
        self.times.wall_micros += other.times.wall_micros;
        other.times.slowest.iter().for_each(|slow| self.times.note(*slow));
    }

    /// How many seeds failed.
    pub fn failed(&self) -> u64 {
        self.count(|kind| !is_undecided(kind))
    }

    /// Of how many seeds nobody can say whether they failed: too little happened, or it was too
    /// much to judge.
    pub fn undecided(&self) -> u64 {
        self.count(is_undecided)
    }

    fn count(&self, is_counted: impl Fn(&str) -> bool) -> u64 {
        let counted = self.failures.iter().filter(|(kind, _)| is_counted(kind));
        counted.map(|(_, count)| count).sum()
    }

    /// Counts a seed.
    pub fn push(&mut self, seed: &Seed) {
        self.seeds += 1;
        self.compared += u64::from(seed.is_compared);
        if let Some(failure) = &seed.failure {
            *self.failures.entry(failure.kind.clone()).or_default() += 1;
        }
        self.coverage.add(&seed.coverage);
        self.times.core_micros += seed.micros;
        self.times.note((seed.seed, seed.micros));
    }
}

impl Times {
    fn note(&mut self, (seed, micros): (u64, u64)) {
        let is_slow = |last: &(u64, u64)| (micros, last.0) > (last.1, seed);
        if self.slowest.len() == SLOWEST && !self.slowest.last().is_some_and(is_slow) {
            return;
        }
        self.slowest.push((seed, micros));
        self.slowest.sort_by_key(|&(seed, micros)| (std::cmp::Reverse(micros), seed));
        self.slowest.truncate(SLOWEST);
    }
}

/// A failure as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The kind of failure.
    pub kind: String,
    /// What is wrong, in a sentence.
    pub sentence: String,
    /// The file beside this one that has its tape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tape: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    Sweep(Plan),
    Failure(Failure),
    Done { from: u64, to: u64, tally: Tally },
}

/// What is in a shard's file.
#[derive(Debug)]
pub struct Contents {
    /// What it is a shard of.
    pub plan: Plan,
    /// What came of its seeds so far.
    pub tally: Tally,
    /// The first seed that is not done.
    pub next: u64,
    /// The failures that are kept, by their seed.
    pub failures: BTreeMap<u64, Failure>,
    /// How many bytes of it are whole lines up to the last `done`.
    whole_bytes: u64,
}

impl Contents {
    /// Whether all its seeds are done.
    pub fn is_whole(&self) -> bool {
        self.next == self.plan.range().end
    }
}

/// Reads a shard's file; `None` if it has not even its first line.
///
/// # Errors
/// A sentence, when it cannot be read or is damaged. Half a line at the end is no damage: whoever
/// wrote it was killed.
pub fn read(path: &Path) -> Result<Option<Contents>, String> {
    let shown = path.display();
    let cannot = |error| format!("{shown} cannot be read: {error}");
    let mut lines = BufReader::new(File::open(path).map_err(cannot)?);
    let mut contents: Option<Contents> = None;
    let (mut number, mut bytes, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        let length = lines.read_until(b'\n', &mut line).map_err(cannot)?;
        if length == 0 || line.last() != Some(&b'\n') {
            return Ok(contents);
        }
        number += 1;
        bytes += length as u64;
        let damaged = |what: &str| {
            format!(
                "{shown} is damaged: line {number} {what}. Remove the file and run the shard \
                 again: all others are as good as before"
            )
        };
        let parsed = serde_json::from_slice(&line).map_err(|_| damaged("is none of a shard"))?;
        match (parsed, &mut contents) {
            (Line::Sweep(plan), None) => {
                if plan.seeds.from >= plan.seeds.to || plan.shard.index >= plan.shard.count {
                    return Err(damaged("names no range of seeds"));
                }
                let next = plan.range().start;
                let (tally, failures) = (Tally::default(), BTreeMap::new());
                contents = Some(Contents { plan, tally, next, failures, whole_bytes: bytes });
            }
            (Line::Failure(failure), Some(contents)) => {
                contents.failures.insert(failure.seed, failure);
            }
            (Line::Done { from, to, tally }, Some(contents)) => {
                let is_next = from == contents.next && to > from && to - from == tally.seeds;
                if !is_next || to > contents.plan.range().end {
                    let what = format!("says that seeds {from}..{to} are done, and");
                    return Err(damaged(&format!("{what} {} is next", contents.next)));
                }
                contents.next = to;
                contents.tally.add(&tally);
                contents.whole_bytes = bytes;
            }
            _ => return Err(damaged("is in the wrong place")),
        }
    }
}

/// A shard that is being worked on.
pub struct ShardFile {
    path: PathBuf,
    file: File,
    contents: Contents,
    /// Of the seeds that no line says to be done.
    pending: Tally,
    checkpoint_at: Instant,
}

impl ShardFile {
    /// Opens the shard's file in this folder, and finds out where to go on.
    ///
    /// # Errors
    /// A sentence: the file cannot be made or read, is damaged, belongs to another sweep, or
    /// somebody else writes it.
    pub fn open(folder: &Path, plan: &Plan) -> Result<ShardFile, String> {
        let path = folder.join(plan.file_name());
        let shown = path.display();
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("the folder {} cannot be made: {error}", folder.display()))?;
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false);
        let mut file = open.open(&path).map_err(|error| unwritable(&path, &error))?;
        match file.try_lock() {
            // On some network file systems there are no locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!("another process works on {shown}: it needs no second one"));
            }
        }
        let contents = match read(&path)? {
            Some(contents) => {
                if let Some(difference) = plan.difference(&contents.plan) {
                    return Err(format!(
                        "{shown} is of another sweep: {difference}. Give another --out, or \
                         remove it"
                    ));
                }
                contents
            }
            None => Contents {
                plan: plan.clone(),
                tally: Tally::default(),
                next: plan.range().start,
                failures: BTreeMap::new(),
                whole_bytes: 0,
            },
        };
        let is_new = contents.whole_bytes == 0;
        let cut = file.set_len(contents.whole_bytes).and_then(|()| file.seek(SeekFrom::End(0)));
        cut.map_err(|error| unwritable(&path, &error))?;
        let next = contents.next;
        let mut contents = contents;
        contents.failures.retain(|&seed, _| seed < next);
        let (pending, checkpoint_at) = (Tally::default(), Instant::now());
        let mut shard = ShardFile { path, file, contents, pending, checkpoint_at };
        if is_new {
            shard.write(&Line::Sweep(plan.clone()))?;
        }
        Ok(shard)
    }

    /// What is done, by what the file says.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Takes in what came of the next seed.
    ///
    /// # Errors
    /// A sentence, when it cannot be written.
    pub fn push(&mut self, seed: Seed) -> Result<(), String> {
        self.pending.push(&seed);
        if let Some(failed) = seed.failure {
            let of_kind = |tally: &Tally| tally.failures.get(&failed.kind).copied();
            let count =
                of_kind(&self.contents.tally).unwrap_or(0) + of_kind(&self.pending).unwrap_or(0);
            if count <= KEPT_FAILURES as u64 {
                let tape = failed.tape.filter(|_| count <= KEPT_TAPES as u64);
                let tape = tape.map(|tape| self.write_tape(seed.seed, &tape.to_text()));
                let tape = tape.transpose()?;
                let (kind, sentence) = (failed.kind, failed.sentence);
                let failure = Failure { seed: seed.seed, kind, sentence, tape };
                self.write(&Line::Failure(failure.clone()))?;
                self.contents.failures.insert(failure.seed, failure);
            }
        }
        let is_block = self.pending.seeds >= super::work::BLOCK;
        if is_block || self.checkpoint_at.elapsed() >= CHECKPOINT_EVERY {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Writes down what is done. If that is all, the file is written once more, in short.
    ///
    /// # Errors
    /// A sentence, when it cannot be written. What was written before is still there.
    pub fn checkpoint(&mut self) -> Result<(), String> {
        if self.pending.seeds > 0 {
            let mut tally = std::mem::take(&mut self.pending);
            tally.times.wall_micros = self.checkpoint_at.elapsed().as_micros() as u64;
            let from = self.contents.next;
            let to = from + tally.seeds;
            self.contents.tally.add(&tally);
            self.contents.next = to;
            self.write(&Line::Done { from, to, tally })?;
            if self.contents.is_whole() {
                self.write_in_short()?;
            }
        }
        self.checkpoint_at = Instant::now();
        Ok(())
    }

    fn write_tape(&self, seed: u64, text: &str) -> Result<String, String> {
        let name = format!("{}.seed-{seed}.edn", self.contents.plan.case);
        let path = self.path.with_file_name(&name);
        std::fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
        Ok(name)
    }

    fn write(&mut self, line: &Line) -> Result<(), String> {
        let text = format!("{}\n", serde_json::to_string(line).expect("it is plain data"));
        self.file.write_all(text.as_bytes()).map_err(|error| unwritable(&self.path, &error))
    }

    /// The same contents, in as few lines as possible.
    fn write_in_short(&mut self) -> Result<(), String> {
        let Contents { plan, tally, failures, .. } = &self.contents;
        let range = plan.range();
        let mut lines = vec![Line::Sweep(plan.clone())];
        lines.extend(failures.values().cloned().map(Line::Failure));
        lines.push(Line::Done { from: range.start, to: range.end, tally: tally.clone() });
        let mut text = String::new();
        for line in &lines {
            text += &serde_json::to_string(line).expect("it is plain data");
            text.push('\n');
        }
        let new = self.path.with_extension("jsonl.new");
        let written = File::create(&new)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&new, &self.path));
        written.map_err(|error| {
            std::fs::remove_file(&new).ok();
            unwritable(&self.path, &error)
        })
    }
}

/// Why a file cannot be written, and what is still there.
pub fn unwritable(path: &Path, error: &std::io::Error) -> String {
    let kept = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            ". What is in it is kept: make room, and start the same command again"
        }
        _ => "",
    };
    format!("{} cannot be written: {error}{kept}", path.display())
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Seeds, Shard};
    use super::super::seed::Failed;
    use super::*;

    pub fn plan() -> Plan {
        Plan {
            version: "1".into(),
            case: "echo.sim".into(),
            program: "echo".into(),
            digest: "0".into(),
            workload: "echo".into(),
            faults: vec!["loss".into()],
            settings: [("--rate".to_owned(), "5".to_owned())].into(),
            replay: "make sim-echo SEED={seed}".into(),
            seeds: Seeds { from: 0, to: 10 },
            shard: Shard { index: 1, count: 2 },
        }
    }

    fn seed(seed: u64) -> Seed {
        let failure = (seed == 6).then(|| Failed::from_outside("lost", "6 is lost".into()));
        Seed { seed, micros: seed, is_compared: false, coverage: Coverage::default(), failure }
    }

    fn text(folder: &Path) -> String {
        std::fs::read_to_string(folder.join("echo.sim.1-of-2.jsonl")).unwrap()
    }

    #[test]
    fn a_shard_that_was_cut_off_goes_on_where_it_was() {
        let whole = tempfile::tempdir().unwrap();
        let mut shard = ShardFile::open(whole.path(), &plan()).unwrap();
        (5..10).for_each(|number| shard.push(seed(number)).unwrap());
        shard.checkpoint().unwrap();
        assert_eq!(text(whole.path()).lines().count(), 3, "{}", text(whole.path()));

        let folder = tempfile::tempdir().unwrap();
        let mut shard = ShardFile::open(folder.path(), &plan()).unwrap();
        shard.push(seed(5)).unwrap();
        shard.checkpoint().unwrap();
        // This failure is written at once, though no line says that its seed is done.
        shard.push(seed(6)).unwrap();
        assert!(text(folder.path()).ends_with("\"sentence\":\"6 is lost\"}}\n"));
        drop(shard);
        let path = folder.path().join(plan().file_name());
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"done\":{\"fr").unwrap();
        let mut shard = ShardFile::open(folder.path(), &plan()).unwrap();
        assert_eq!((shard.contents().next, shard.contents().failures.len()), (6, 0));
        (6..10).for_each(|number| shard.push(seed(number)).unwrap());
        shard.checkpoint().unwrap();
        let read = |folder: &Path| {
            let mut contents = read(&folder.join(plan().file_name())).unwrap().unwrap();
            contents.tally.times.wall_micros = 0;
            assert!(contents.is_whole());
            (contents.tally, contents.failures)
        };
        assert_eq!(read(folder.path()), read(whole.path()));
        assert_eq!(read(folder.path()).0.failures, [("lost".to_owned(), 1)].into());
    }

    #[test]
    fn a_file_that_is_damaged_or_anothers_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut shard = ShardFile::open(folder.path(), &plan()).unwrap();
        let again = ShardFile::open(folder.path(), &plan()).err().unwrap();
        assert!(again.contains("another process works on"), "{again}");
        for number in 5..9 {
            shard.push(seed(number)).unwrap();
            shard.checkpoint().unwrap();
        }
        drop(shard);
        let path = folder.path().join(plan().file_name());
        let good = std::fs::read_to_string(&path).unwrap();
        let other = Plan { settings: [("--rate".into(), "6".into())].into(), ..plan() };
        let refused = ShardFile::open(folder.path(), &other).err().unwrap();
        assert!(refused.contains("--rate is 6 in one and 5 in the other"), "{refused}");
        let lines: Vec<&str> = good.lines().collect();
        let without_the_second = [&lines[..1], &lines[2..]].concat().join("\n") + "\n";
        for bad in [good.replacen("\"done\"", "\"dine\"", 1), without_the_second, "x\n".into()] {
            std::fs::write(&path, &bad).unwrap();
            let refused = ShardFile::open(folder.path(), &plan()).err().unwrap();
            assert!(refused.contains("is damaged: line"), "{refused}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), bad);
        }
    }

    #[test]
    fn of_many_failures_the_first_are_kept_and_all_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { seeds: Seeds { from: 0, to: 3000 }, shard: Shard::WHOLE, ..plan() };
        let mut shard = ShardFile::open(folder.path(), &plan).unwrap();
        for number in 0..3000 {
            let failure = Some(Failed::from_outside("lost", "lost".into()));
            shard.push(Seed { failure, ..seed(number) }).unwrap();
        }
        shard.checkpoint().unwrap();
        let contents = read(&folder.path().join(plan.file_name())).unwrap().unwrap();
        assert_eq!(contents.failures.len(), KEPT_FAILURES);
        assert_eq!(contents.tally.failed(), 3000);
    }

    #[test]
    fn the_slowest_seeds_are_named() {
        let mut times = Times::default();
        (0..100).for_each(|number| times.note((number, number % 50)));
        assert_eq!(times.slowest[..3], [(49, 49), (99, 49), (48, 48)]);
        assert_eq!(times.slowest.len(), SLOWEST);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_a_sentence() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let error = File::create(full).and_then(|mut file| file.write_all(b"x")).unwrap_err();
        let sentence = unwritable(Path::new("out/x.jsonl"), &error);
        assert!(sentence.starts_with("out/x.jsonl cannot be written: No space left"), "{sentence}");
        assert!(sentence.ends_with("make room, and start the same command again"), "{sentence}");
    }
}
