//! The runs in a store, as far as their files tell.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::files;
use crate::edn::{Edn, read_one};
use crate::ran::{RUN_KEY, Ran};
use crate::store::{COMMAND_FILE, RunCommand};

/// A run that has written nothing for so long no longer runs: the bench writes every second,
/// the original's log is quiet for up to ten while it waits for recovery.
const QUIET: Duration = Duration::from_secs(30);

/// Results beyond this size are not read for the table.
const LIMIT_BYTES: u64 = 64 << 20;

/// How a run stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// It ended, and its results say whether it is valid: `:valid?` as it stands there.
    Judged(Edn),
    /// It is going on.
    Running,
    /// It ended without results.
    BrokeOff,
    /// Its results cannot be read, and why.
    Damaged(String),
}

/// What the table shows of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The workload's folder.
    pub workload: String,
    /// The run's folder.
    pub name: String,
    /// When it began, as far as that can be told.
    pub began: Timestamp,
    /// How it stands.
    pub status: Status,
    /// The results, if they could be read.
    pub results: Option<Edn>,
    /// What ran, if its files say so: those of the original do not.
    pub ran: Option<Ran>,
    /// The files in its folder.
    pub files: Vec<String>,
}

impl Run {
    /// The run's path in the store.
    pub fn path(&self) -> String {
        format!("{}/{}", self.workload, self.name)
    }

    /// What ran, in short: the program and its arguments, or else the folder.
    pub fn title(&self) -> String {
        match &self.ran {
            Some(ran) => [&[ran.name().to_owned()], &ran.arguments[..]].concat().join(" "),
            None => self.path(),
        }
    }

    /// A number of the results.
    pub fn number(&self, keys: &[&str]) -> Option<f64> {
        let mut value = self.results.as_ref()?;
        for key in keys {
            value = value.get(key)?;
        }
        match value {
            Edn::Int(number) => Some(*number as f64),
            Edn::Float(number) => Some(number.0),
            _ => None,
        }
    }

    /// A number of the results by path, whose last key may be a number itself: `0.5`.
    pub fn quantile(&self, keys: &[&str], quantile: &str) -> Option<f64> {
        let mut value = self.results.as_ref()?;
        for key in keys {
            value = value.get(key)?;
        }
        let Edn::Map(entries) = value else { return None };
        let found = entries.iter().find(|(key, _)| key.to_string() == quantile);
        found.and_then(|(_, value)| value.as_i64()).map(|number| number as f64)
    }

    /// Operations that ended, and how many of them succeeded.
    pub fn operations(&self) -> Option<(f64, f64)> {
        Some((self.number(&["stats", "count"])?, self.number(&["stats", "ok-count"])?))
    }
}

/// What was read of a results file, and of which version of it.
struct Cached {
    modified: SystemTime,
    length: u64,
    results: Result<Edn, String>,
}

/// The store, and what is remembered of it: results do not change once they are written.
pub struct Library {
    store: PathBuf,
    cache: Mutex<BTreeMap<PathBuf, Cached>>,
}

impl Library {
    /// The library over this store, which need not exist yet.
    pub fn new(store: PathBuf) -> Library {
        Library { store, cache: Mutex::default() }
    }

    /// The store.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// All runs, the newest first. What cannot be read is left out or shown as damaged.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for workload in real_folders(&self.store) {
            for name in real_folders(&self.store.join(&workload)) {
                runs.push(self.run(&workload, &name));
            }
        }
        runs.sort_by(|a, b| b.began.cmp(&a.began).then_with(|| a.path().cmp(&b.path())));
        runs
    }

    /// One run; its folder is known to exist.
    pub fn run(&self, workload: &str, name: &str) -> Run {
        let folder = self.store.join(workload).join(name);
        let results = self.results(&folder.join("results.edn"));
        let (status, results) = match results {
            None if wrote_lately(&folder) => (Status::Running, None),
            None => (Status::BrokeOff, None),
            Some(Err(reason)) => (Status::Damaged(reason), None),
            Some(Ok(results)) => match results.get("valid?").cloned() {
                Some(valid) => (Status::Judged(valid), Some(results)),
                None => (Status::Damaged("results.edn has no :valid?".into()), Some(results)),
            },
        };
        let ran = results.as_ref().and_then(|results| Ran::from_edn(results.get(RUN_KEY)?));
        // A run without results may say it all the same.
        let ran = ran.or_else(|| self.command(&folder));
        Run {
            workload: workload.into(),
            name: name.into(),
            began: began(&folder, name),
            status,
            results,
            ran,
            files: names(&folder),
        }
    }

    /// What ran, as a run notes it when it begins.
    fn command(&self, folder: &Path) -> Option<Ran> {
        let file = files::open_regular(&self.store, &folder.join(COMMAND_FILE)).ok()?;
        let mut text = String::new();
        file.take(LIMIT_BYTES).read_to_string(&mut text).ok()?;
        Some(RunCommand::parse(&text).ok()?.ran).filter(|ran| !ran.program.is_empty())
    }

    fn results(&self, path: &Path) -> Option<Result<Edn, String>> {
        let metadata = fs::metadata(path).ok()?;
        let (modified, length) = (metadata.modified().ok()?, metadata.len());
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = cache.get(path)
            && cached.modified == modified
            && cached.length == length
        {
            return Some(cached.results.clone());
        }
        let results = read_results(&self.store, path);
        cache.insert(path.into(), Cached { modified, length, results: results.clone() });
        Some(results)
    }
}

fn read_results(store: &Path, path: &Path) -> Result<Edn, String> {
    let failed = |error: io::Error| format!("results.edn: {error}");
    let file = files::open_regular(store, path).map_err(failed)?;
    let mut text = String::new();
    // One byte more than the limit shows that there are more.
    let length = file.take(LIMIT_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if length as u64 > LIMIT_BYTES {
        return Err(format!(
            "results.edn is too large to show here: over {} MB",
            LIMIT_BYTES >> 20
        ));
    }
    read_one(&text).map_err(|error| format!("results.edn: {error}"))
}

/// The folders in a folder, by name; links and what is hidden are not among them.
fn real_folders(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort_unstable();
    names
}

/// What is in a run's folder, folders with a slash behind their name.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

fn wrote_lately(folder: &Path) -> bool {
    ["jepsen.log", "history.edn"].iter().any(|file| {
        let modified = fs::metadata(folder.join(file)).and_then(|metadata| metadata.modified());
        modified.is_ok_and(|time| time.elapsed().is_ok_and(|quiet| quiet < QUIET))
    })
}

/// A run's name says when it began: `20260131T235959.123Z`, or with an offset in Z's place. A
/// seeded run's does not; then its folder's age does.
fn began(folder: &Path, name: &str) -> Timestamp {
    parse_name(name).unwrap_or_else(|| {
        let modified = fs::metadata(folder).and_then(|metadata| metadata.modified());
        let modified = modified.ok().and_then(|time| Timestamp::try_from(time).ok());
        modified.unwrap_or(Timestamp::UNIX_EPOCH)
    })
}

fn parse_name(name: &str) -> Option<Timestamp> {
    if let Some(civil) = name.strip_suffix('Z') {
        let time = DateTime::strptime("%Y%m%dT%H%M%S%.f", civil).ok()?;
        return Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp());
    }
    Timestamp::strptime("%Y%m%dT%H%M%S%.f%z", name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_when_a_run_began() {
        let utc = parse_name("20260131T235959.123Z").unwrap();
        assert_eq!(utc.to_string(), "2026-01-31T23:59:59.123Z");
        assert_eq!(parse_name("20260201T005959.123+0100"), Some(utc));
        assert_eq!(parse_name("seed-42"), None);
    }
}
