//! Histories whose verdicts are known from elsewhere.
//!
//! `GYRE_VERDICTS` names a folder with `list-append.tsv` and `rw-register.tsv`, one history a
//! line: its file in the same folder, the verdict, and the result map. Without it there is
//! nothing to compare with, and the test says so.
//!
//! What must agree is the verdict. Each anomaly that is expected must be found. If the search that
//! the expected ones come from ran out of time, as it says by `:cycle-search-timeout`, and so
//! reported whatever it had, another that implies it will do. There may be more; each cycle that
//! is found is checked, step by step, against the history.
#![expect(clippy::disallowed_methods, reason = "the histories are files that the caller names")]

#[path = "elle/verify.rs"]
mod verify;

use std::collections::BTreeSet;
use std::path::Path;

use checker::edn::{Edn, read_one};
use checker::elle::{self, Options, Report};
use checker::history::History;

/// Says of the expected anomalies that they are those that were found in time.
const TIMEOUT: &str = "cycle-search-timeout";

type Judge = fn(&History, &Options) -> Report;

fn names(result: &Edn, key: &str) -> BTreeSet<String> {
    let names = result.get(key).and_then(Edn::as_slice).unwrap_or_default();
    names.iter().filter_map(Edn::as_keyword).map(str::to_string).collect()
}

/// Whether one anomaly is there wherever the other is: of the kinds of cycles, milder ones, and
/// those that need real time.
fn is_implied(mild: &str, by: &str) -> bool {
    const FLOW: &[&str] = &["G0", "G1c"];
    const SKEW: &[&str] = &["G-single-item", "G-nonadjacent-item", "G2-item"];
    let split = |name: &str| {
        let plain = name.trim_end_matches("-realtime").to_string();
        let is_timed = plain != name;
        (plain, is_timed)
    };
    let ((mild, mild_is_timed), (by, by_is_timed)) = (split(mild), split(by));
    let rank = |name: &str, names: &[&str]| names.iter().position(|n| *n == name);
    let is_milder = [FLOW, SKEW]
        .iter()
        .any(|names| rank(&by, names).zip(rank(&mild, names)).is_some_and(|(by, mild)| by <= mild));
    is_milder && (mild_is_timed || !by_is_timed)
}

/// What differs, where something does: what must not, and what may.
fn compare(
    folder: &Path,
    workload: &str,
    check: impl Fn(&History) -> Report,
) -> (Vec<String>, Vec<String>) {
    let (mut wrong, mut notes) = (Vec::new(), Vec::new());
    let table = std::fs::read_to_string(folder.join(format!("{workload}.tsv"))).unwrap();
    for line in table.lines() {
        let [file, _, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{workload}.tsv has a line that is not of three columns: {line}");
        };
        let expected = read_one(expected).unwrap();
        let history = std::fs::read_to_string(folder.join(file)).unwrap();
        let history = History::parse(&history).unwrap();
        let found = check(&history).result.to_edn();
        verify_cycles(&history, &found);
        if found.get("valid?") != expected.get("valid?") {
            wrong.push(format!("{file}: {found} instead of {expected}"));
        }
        let (ours, theirs) = (names(&found, "anomaly-types"), names(&expected, "anomaly-types"));
        let has_timed_out = theirs.contains(TIMEOUT);
        for name in theirs.difference(&ours) {
            let is_gap = name == TIMEOUT || name.ends_with("-cycle-exists");
            let will_do = has_timed_out && ours.iter().any(|by| is_implied(name, by));
            if !is_gap && !will_do {
                wrong.push(format!("{file}: no {name} among {ours:?}"));
            }
        }
        let more: Vec<_> = ours.difference(&theirs).collect();
        let fewer: Vec<_> = theirs.difference(&ours).collect();
        if ours != theirs {
            notes.push(format!("{file}: more {more:?}, fewer {fewer:?}"));
        }
        let (ours, theirs) = (names(&found, "not"), names(&expected, "not"));
        if ours != theirs {
            notes.push(format!("{file}: rules out {ours:?} instead of {theirs:?}"));
        }
    }
    (wrong, notes)
}

fn verify_cycles(history: &History, found: &Edn) {
    let Some(Edn::Map(anomalies)) = found.get("anomalies") else { return };
    let verifier = verify::Verifier::new(history);
    for (name, cases) in anomalies {
        for case in cases.as_slice().unwrap_or_default() {
            if case.get("cycle").is_some() {
                verifier.check(name.as_keyword().unwrap(), case);
            }
        }
    }
}

#[test]
fn verdicts_are_those_that_are_known() {
    let Ok(folder) = std::env::var("GYRE_VERDICTS") else {
        println!("GYRE_VERDICTS names no folder, so no verdicts were compared");
        return;
    };
    let folder = Path::new(&folder);
    let judges: [(&str, Judge); 2] =
        [("list-append", elle::list_append), ("rw-register", elle::rw_register)];
    for (workload, judge) in judges {
        let check = |history: &History| judge(history, &Options::default());
        let (wrong, notes) = compare(folder, workload, check);
        notes.iter().for_each(|note| println!("{note}"));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
