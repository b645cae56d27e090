//! Histories whose verdicts are known from elsewhere, for the tests that compare ours with them.
//!
//! A table has one history a line: its file, the verdict, and the result map as EDN. There are
//! two collections of tables:
//!
//! - a small one in this folder, with its histories. It is always there.
//! - a large one: the folder that `GYRE_VERDICTS` names or, without that variable,
//!   `../shared/verdicts` beside the checkout, if it is there. It has tables and the programs
//!   that make their histories, the same on every machine (so python3 is needed).

#![expect(clippy::disallowed_methods, reason = "the histories are files")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use checker::edn::{Edn, read_one};
use checker::history::History;

/// A history, and what is known of it.
pub struct Row {
    /// The name of its file.
    pub file: String,
    /// `true`, `false`, `unknown`; from some judges also `hang` and `crash`.
    pub verdict: String,
    /// The rest of what the judge said.
    pub result: Edn,
    /// The history itself.
    pub history: History,
}

/// The rows of a table in this folder.
pub fn corpus(table: &str) -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verdicts");
    read(&folder.join(table), &folder.join("histories"))
}

/// The folder of the large collection; `None`, and a line that says so, when there is none.
///
/// # Panics
/// When `GYRE_VERDICTS` names something else.
pub fn large_collection() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/verdicts");
    match std::env::var_os("GYRE_VERDICTS") {
        Some(named) => {
            let folder = PathBuf::from(named);
            let is_one = folder.join("gen_histories.py").is_file();
            assert!(is_one, "GYRE_VERDICTS names {}, which has no tables", folder.display());
            Some(folder)
        }
        None if beside.is_dir() => Some(beside),
        None => {
            say("neither GYRE_VERDICTS nor ../shared/verdicts: only the corpus is judged");
            None
        }
    }
}

/// The rows of a table of the large collection. `KIND.tsv` has 600 histories, `jepsen/KIND.tsv`
/// and `jepsen/KIND.VARIANT.tsv` have 150, which are made now.
///
/// # Panics
/// When they cannot be made or read.
pub fn large(collection: &Path, table: &str) -> Vec<Row> {
    let (program, name, count) = match table.strip_prefix("jepsen/") {
        Some(name) => ("gen_jepsen.py", name, 150),
        None => ("gen_histories.py", table, 600),
    };
    let kind = name.split('.').next().expect("a table has a name");
    let histories = tempfile::tempdir().expect("a folder for histories");
    let made = Command::new("python3")
        .arg(collection.join(program))
        .args([kind.as_ref(), histories.path().as_os_str()])
        .args([count.to_string(), "1".into()])
        .output()
        .expect("python3 is there");
    let complaint = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{program} {kind}: {complaint}");
    let rows = read(&collection.join(table), histories.path());
    say(&format!("{table}: {} rows", rows.len()));
    rows
}

/// Past the test harness, which shows what is printed only when a test fails: what was compared,
/// or was not, must be seen.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr can be written to");
}

fn read(table: &Path, histories: &Path) -> Vec<Row> {
    let read_file = |path: &Path| {
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let row = |line: &str| {
        let [file, verdict, result] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{} has a line that is not of three columns: {line}", table.display());
        };
        let history = History::parse(&read_file(&histories.join(file)));
        Row {
            file: file.into(),
            verdict: verdict.into(),
            result: read_one(result).unwrap_or_else(|error| panic!("{file}: {error}")),
            history: history.unwrap_or_else(|error| panic!("{file}: {error}")),
        }
    };
    let text = read_file(table);
    assert!(!text.is_empty(), "{} is empty", table.display());
    text.lines().map(row).collect()
}
