//! The files of shards, put together.
//!
//! Nothing is merged that does not belong together: another version, another build of the node,
//! another setting, and shards that overlap without being the same one are refused, and named.
//! A shard that was run twice counts once. What is missing is said.
#![expect(clippy::disallowed_methods, reason = "shards are files in a folder")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::plan::{Plan, Seeds, Shard};
use super::shard::{Contents, Failure, Tally, read};
use super::{KEPT_FAILURES, KEPT_TAPES};

/// All shards of a folder.
#[derive(Debug, Default)]
pub struct Merged {
    /// The cases, by their names.
    pub cases: Vec<Case>,
    /// What is wrong with files that were left out, and what else is to be known: a sentence each.
    pub notes: Vec<String>,
}

/// A case: a node, a workload and settings.
#[derive(Debug)]
pub struct Case {
    /// What it is. Its shard is the whole.
    pub plan: Plan,
    /// What came of its seeds.
    pub tally: Tally,
    /// Failures, of each kind those of the lowest seeds, in the order of seeds.
    pub failures: Vec<Failure>,
    /// The seeds that nobody has run.
    pub missing: Vec<Seeds>,
}

/// How a case failed.
#[derive(Debug)]
pub struct FailureKind<'a> {
    /// The kind.
    pub kind: &'a str,
    /// In how many seeds.
    pub count: u64,
    /// The first of them.
    pub first: &'a Failure,
    /// Others, the lowest first.
    pub others: Vec<u64>,
}

impl Case {
    /// The failures by kind, the most frequent first.
    pub fn kinds(&self) -> Vec<FailureKind<'_>> {
        let mut kinds = Vec::new();
        for (kind, &count) in &self.tally.failures {
            let mut of_kind = self.failures.iter().filter(|failure| failure.kind == *kind);
            let Some(first) = of_kind.next() else { continue };
            let others = of_kind.take(9).map(|failure| failure.seed).collect();
            kinds.push(FailureKind { kind, count, first, others });
        }
        kinds.sort_by_key(|kind| (std::cmp::Reverse(kind.count), kind.kind));
        kinds
    }

    /// What no seed exercised: a sentence each.
    pub fn never(&self) -> Vec<String> {
        let asked = crate::Fault::ALL.iter().copied();
        let is_asked = |fault: &crate::Fault| self.plan.faults.iter().any(|it| it == fault.name());
        self.tally.coverage.never(&asked.filter(is_asked).collect::<Vec<_>>())
    }

    /// Seeds a second, on one core.
    pub fn seeds_per_core_sec(&self) -> f64 {
        let seconds = self.tally.times.core_micros as f64 / 1e6;
        if seconds > 0.0 { self.tally.seeds as f64 / seconds } else { 0.0 }
    }
}

impl Merged {
    /// How many seeds were run, over all cases.
    pub fn seeds(&self) -> u64 {
        self.cases.iter().map(|case| case.tally.seeds).sum()
    }

    /// How many of them failed.
    pub fn failed(&self) -> u64 {
        self.cases.iter().map(|case| case.tally.failed()).sum()
    }

    /// How many of them could not be judged.
    pub fn undecided(&self) -> u64 {
        self.cases.iter().map(|case| case.tally.undecided()).sum()
    }

    /// Whether every seed was run and could be judged, and every file could be used.
    pub fn is_whole(&self) -> bool {
        let is_whole = |case: &Case| case.missing.is_empty() && case.tally.undecided() == 0;
        self.notes.is_empty() && self.cases.iter().all(is_whole)
    }

    /// Everything but the times, which alone differ from one sweep to the next: JSON.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Shown<'a> {
            plan: Value,
            tally: Value,
            never: Vec<String>,
            missing: &'a [Seeds],
            failures: &'a [Failure],
        }
        let shown = |case: &Case| {
            let mut plan = json!(case.plan);
            plan.as_object_mut().map(|plan| plan.remove("shard"));
            let mut tally = json!(case.tally);
            tally.as_object_mut().map(|tally| tally.remove("times"));
            let (missing, failures) = (&case.missing[..], &case.failures[..]);
            json!(Shown { plan, tally, never: case.never(), missing, failures })
        };
        let cases: Vec<Value> = self.cases.iter().map(shown).collect();
        let text = serde_json::to_string_pretty(&json!({"cases": cases, "notes": self.notes}));
        text.expect("it is plain data") + "\n"
    }
}

/// Reads and merges all shards in this folder.
///
/// # Errors
/// Sentences: there is no shard, or some do not belong together.
pub fn merge(folder: &Path) -> Result<Merged, Vec<String>> {
    let mut merged = Merged::default();
    let mut cases: BTreeMap<String, Vec<(PathBuf, Contents)>> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut first: Option<(PathBuf, String)> = None;
    for path in files(folder).map_err(|sentence| vec![sentence])? {
        match read(&path) {
            Ok(None) => merged.notes.push(format!("{} is empty.", path.display())),
            Err(sentence) => merged.notes.push(format!("{sentence}.")),
            Ok(Some(contents)) => {
                let version = contents.plan.version.clone();
                let (other, known) = first.get_or_insert_with(|| (path.clone(), version.clone()));
                if *known != version {
                    problems.push(different(
                        other,
                        &path,
                        &format!("the version is {known} in one and {version} in the other"),
                    ));
                }
                cases.entry(contents.plan.case.clone()).or_default().push((path, contents));
            }
        }
    }
    if cases.is_empty() {
        let mut sentences = merged.notes;
        sentences.push(format!(
            "there is no shard of a sweep in {}: files NAME.jsonl that \
                                maelstrom sweep --out leaves",
            folder.display()
        ));
        return Err(sentences);
    }
    for shards in cases.into_values() {
        match merge_case(shards, &mut merged.notes) {
            Ok(case) => merged.cases.push(case),
            Err(sentences) => problems.extend(sentences),
        }
    }
    problems.dedup();
    if problems.is_empty() { Ok(merged) } else { Err(problems) }
}

/// The files of shards, sorted by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let cannot = |error| format!("the folder {} cannot be read: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn different(one: &Path, other: &Path, difference: &str) -> String {
    format!("{} and {} are not parts of one sweep: {difference}", one.display(), other.display())
}

fn merge_case(
    mut shards: Vec<(PathBuf, Contents)>,
    notes: &mut Vec<String>,
) -> Result<Case, Vec<String>> {
    // Of the same shard, the file that is further along counts.
    shards.sort_by_key(|(path, contents)| {
        let range = contents.plan.range();
        (range.start, range.end, std::cmp::Reverse(contents.next), path.clone())
    });
    let mut problems = Vec::new();
    let (first_path, first) = &shards[0];
    for (path, contents) in &shards[1..] {
        if let Some(difference) = first.plan.difference(&contents.plan) {
            problems.push(different(first_path, path, &difference));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let plan = Plan { shard: Shard::WHOLE, ..first.plan.clone() };
    let (mut tally, mut failures, mut missing) = (Tally::default(), Vec::new(), Vec::new());
    let mut next = plan.seeds.from;
    let mut before: Option<&(PathBuf, Contents)> = None;
    for shard in &shards {
        let (path, contents) = shard;
        let range = contents.plan.range();
        if let Some((other_path, other)) = before {
            if other.plan.range() == range {
                notes.extend(twice((other_path, other), (path, contents)));
                continue;
            }
            if range.start < other.plan.range().end {
                let (one, two) = (other_path.display(), path.display());
                problems.push(format!(
                    "{one} and {two} overlap: one has seeds {}..{}, the other {}..{}. Keep the \
                     shards of one division only",
                    other.plan.range().start,
                    other.plan.range().end,
                    range.start,
                    range.end
                ));
                continue;
            }
        }
        if next < range.start {
            missing.push(Seeds { from: next, to: range.start });
        }
        next = contents.next;
        tally.add(&contents.tally);
        failures.extend(contents.failures.values().cloned());
        before = Some(shard);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if next < plan.seeds.to {
        missing.push(Seeds { from: next, to: plan.seeds.to });
    }
    keep_first(&mut failures);
    Ok(Case { plan, tally, failures, missing })
}

/// What is to be said of two files of one shard: nothing, when they agree.
fn twice(counted: (&Path, &Contents), other: (&Path, &Contents)) -> Option<String> {
    let result = |contents: &Contents| {
        let mut tally = contents.tally.clone();
        tally.times = Default::default();
        (tally, contents.failures.clone())
    };
    let is_comparable = counted.1.next == other.1.next;
    (is_comparable && result(counted.1) != result(other.1)).then(|| {
        format!(
            "{} and {} are the same shard with different results, so something in it depends on \
             more than the seed: the first one counts.",
            counted.0.display(),
            other.0.display()
        )
    })
}

/// Of each kind, keeps as many failures and tapes as one process would have kept.
fn keep_first(failures: &mut Vec<Failure>) {
    failures.sort_by_key(|failure| failure.seed);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    failures.retain_mut(|failure| {
        let count = counts.entry(failure.kind.clone()).or_default();
        *count += 1;
        if *count > KEPT_TAPES {
            failure.tape = None;
        }
        *count <= KEPT_FAILURES
    });
}

#[cfg(test)]
mod tests {
    use super::super::coverage::Coverage;
    use super::super::seed::{Failed, Seed};
    use super::super::shard::ShardFile;
    use super::*;

    fn plan(shard: &str) -> Plan {
        Plan {
            version: "1".into(),
            case: "echo.sim".into(),
            program: "echo".into(),
            digest: "0".into(),
            workload: "echo".into(),
            faults: vec!["loss".into()],
            settings: BTreeMap::new(),
            replay: "make sim-echo SEED={seed}".into(),
            seeds: "0..7000".parse().unwrap(),
            shard: shard.parse().unwrap(),
        }
    }

    /// Every third seed fails.
    fn run(folder: &Path, plan: &Plan, upto: u64) {
        let mut shard = ShardFile::open(folder, plan).unwrap();
        for seed in shard.contents().next..plan.range().end.min(upto) {
            let failure = (seed % 3 == 0).then(|| Failed::from_outside("lost", seed.to_string()));
            let coverage = Coverage::default();
            let seed = Seed { seed, micros: seed, is_compared: false, coverage, failure };
            shard.push(seed).unwrap();
        }
        shard.checkpoint().unwrap();
    }

    #[test]
    fn shards_together_are_the_sweep_in_one_piece() {
        let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        run(whole.path(), &plan("0/1"), u64::MAX);
        for index in (0..50).rev() {
            run(parts.path(), &plan(&format!("{index}/50")), u64::MAX);
        }
        // One of them was run twice, and its first file is still there.
        let name = plan("7/50").file_name();
        let copy = parts.path().join("copy.jsonl");
        std::fs::copy(parts.path().join(name), copy).unwrap();
        let (whole, parts) = (merge(whole.path()).unwrap(), merge(parts.path()).unwrap());
        assert_eq!(parts.to_json(), whole.to_json());
        assert!(parts.is_whole());
        assert_eq!((parts.seeds(), parts.failed()), (7000, 2334));
        assert_eq!(parts.cases[0].failures.len(), KEPT_FAILURES);
        assert_eq!(parts.cases[0].kinds()[0].others[..2], [3, 6]);
    }

    #[test]
    fn what_does_not_belong_together_is_refused_and_named() {
        for (other, part) in [
            (Plan { version: "2".into(), ..plan("1/2") }, "the version is 1 in one and 2"),
            (Plan { digest: "f".into(), ..plan("1/2") }, "the build of the program is 0 in one"),
            (
                Plan { settings: [("--rate".into(), "9".into())].into(), ..plan("1/2") },
                "--rate is the default in one and 9 in the other",
            ),
            (plan("0/3"), "overlap: one has seeds 0..2333, the other 0..3500"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            run(folder.path(), &plan("0/2"), u64::MAX);
            run(folder.path(), &other, u64::MAX);
            let problems = merge(folder.path()).unwrap_err();
            assert!(problems[0].contains(part), "{problems:?}");
            assert!(problems[0].contains(&plan("0/2").file_name()), "{problems:?}");
            assert!(problems[0].contains(&other.file_name()), "{problems:?}");
        }
    }

    #[test]
    fn what_is_missing_or_damaged_is_said_and_the_rest_is_merged() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &plan("0/7"), u64::MAX);
        run(folder.path(), &plan("3/7"), 3500);
        std::fs::write(folder.path().join("damaged.jsonl"), "{\"sweep\":\n").unwrap();
        let merged = merge(folder.path()).unwrap();
        let missing: Vec<String> = merged.cases[0].missing.iter().map(Seeds::to_string).collect();
        assert_eq!(missing, ["1000..3000", "3500..7000"]);
        assert!(merged.notes[0].contains("damaged.jsonl is damaged: line 1"), "{:?}", merged.notes);
        assert!(!merged.is_whole());
        let empty = tempfile::tempdir().unwrap();
        assert!(merge(empty.path()).unwrap_err()[0].contains("there is no shard"));
    }
}
