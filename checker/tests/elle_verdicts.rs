//! What Elle 0.2.7 says of the same histories: see [`verdicts`].
//!
//! The verdict must be the same; so must the weakest models that cannot hold (`:not`), unless
//! Elle's search ran out of time and says so by `:cycle-search-timeout`. Of each type of anomaly
//! that Elle names ours has it, or one that implies it; but for those that Elle itself names or
//! not, depending on unrelated transactions in front (`:varies`), and those by which it says
//! that there is a cycle that it did not find (`…-cycle-exists`). Each cycle that ours names is
//! checked, step by step, against the history.

use std::collections::BTreeSet;

use crate::elle::verify;
use crate::elle::version_orders::version_orders;
use crate::verdicts::{self, Row};
use checker::Judgement;
use checker::edn::Edn;
use checker::elle::{self, Options};
use checker::history::History;

const TIMEOUT: &str = "cycle-search-timeout";

/// Where Elle is wrong. In one of its three runs it found versions of a register in a circle; the
/// row says that this varies. No two versions of that history precede each other, by any of the
/// sources: [`no_versions_are_in_a_circle_where_elle_saw_one`].
const FALSE_ALARM: &str = "rw-register-v2-1-0107.edn";

type Judge = fn(&History, &Options) -> Judgement;

/// A table, and the options with which its histories were judged.
struct Table {
    name: &'static str,
    judge: Judge,
    model: &'static str,
    /// What a register's versions are ordered by.
    sources: &'static [&'static str],
}

const BY_DEFAULT: &[&str] = &["initial-state", "wfr-keys"];

const fn lists(name: &'static str, model: &'static str) -> Table {
    Table { name, judge: elle::list_append, model, sources: BY_DEFAULT }
}

const fn registers(
    name: &'static str,
    model: &'static str,
    sources: &'static [&'static str],
) -> Table {
    Table { name, judge: elle::rw_register, model, sources }
}

const TABLES: &[Table] = &[
    lists("list-append.tsv", "strict-serializable"),
    registers("rw-register.tsv", "strict-serializable", BY_DEFAULT),
    lists("jepsen/list-append-v2.tsv", "strict-serializable"),
    lists("jepsen/list-append-v2.serializable.tsv", "serializable"),
    lists(
        "jepsen/list-append-v2.strong-session-snapshot-isolation.tsv",
        "strong-session-snapshot-isolation",
    ),
    registers("jepsen/rw-register-v2.tsv", "strict-serializable", BY_DEFAULT),
    registers("jepsen/rw-register-v2.default.tsv", "strict-serializable", &["initial-state"]),
    registers(
        "jepsen/rw-register-v2.linearizable-keys.tsv",
        "strict-serializable",
        &["initial-state", "wfr-keys", "linearizable-keys"],
    ),
    registers(
        "jepsen/rw-register-v2.sequential-keys.tsv",
        "strong-session-serializable",
        &["initial-state", "wfr-keys", "sequential-keys"],
    ),
];

impl Table {
    /// What differs, a line each.
    fn differences(&self, rows: &[Row]) -> Vec<String> {
        let options = Options::new(&[self.model]).unwrap();
        let options = options.with_version_orders(version_orders(self.sources));
        let mut differences = Vec::new();
        for row in rows {
            let found = (self.judge)(&row.history, &options).to_edn();
            self.verify_cycles(&row.history, &found);
            let complaints = compare(row, &found);
            differences
                .extend(complaints.iter().map(|c| format!("{} {}: {c}", self.name, row.file)));
        }
        differences
    }

    fn verify_cycles(&self, history: &History, found: &Edn) {
        let Some(Edn::Map(anomalies)) = found.get("anomalies") else { return };
        let verifier = verify::Verifier::new(history, self.sources);
        for (name, cases) in anomalies {
            for case in cases.as_slice().unwrap_or_default() {
                if case.get("cycle").is_some() {
                    verifier.check(name.as_keyword().unwrap(), case);
                }
            }
        }
    }
}

fn compare(row: &Row, found: &Edn) -> Vec<String> {
    let mut complaints = Vec::new();
    let verdict = found.get("valid?").map(ToString::to_string).unwrap_or_default();
    if verdict.trim_start_matches(':') != row.verdict {
        complaints.push(format!("{verdict} instead of {}", row.verdict));
    }
    let types = names(&row.result, "anomaly-types");
    let ours = names(found, "anomaly-types");
    let (not, our_not) = (names(&row.result, "not"), names(found, "not"));
    let is_false_alarm = row.file == FALSE_ALARM && types.contains("cyclic-versions");
    if not != our_not && !types.contains(TIMEOUT) && !is_false_alarm {
        complaints.push(format!("rules out {our_not:?} instead of {not:?}, by {ours:?}"));
    }
    let varies = names(&row.result, "varies");
    for name in types.difference(&varies) {
        let is_gap = name == TIMEOUT || name.ends_with("-cycle-exists");
        if !is_gap && !ours.iter().any(|by| elle::is_implied(name, by)) {
            complaints.push(format!("no {name} among {ours:?}"));
        }
    }
    complaints
}

fn names(result: &Edn, key: &str) -> BTreeSet<String> {
    let names = result.get(key).and_then(Edn::as_slice).unwrap_or_default();
    names.iter().filter_map(Edn::as_keyword).map(str::to_string).collect()
}

/// The order of versions written down pair by pair, by the definitions.
#[test]
fn no_versions_are_in_a_circle_where_elle_saw_one() {
    let rows = verdicts::corpus("rw-register-v2.linearizable-keys.tsv");
    let row = rows.iter().find(|row| row.file == FALSE_ALARM).expect("it is in the corpus");
    assert!(names(&row.result, "anomaly-types").contains("cyclic-versions"));
    let verifier = verify::Verifier::new(&row.history, &["wfr-keys", "linearizable-keys"]);
    for (key, versions) in verifier.versions() {
        // An order of versions exists when they can be taken away one by one, each the first.
        let mut left: Vec<&Edn> = versions.into_iter().collect();
        while !left.is_empty() {
            let precedes =
                |u: &Edn, v: &Edn| u != v && (u.is_nil() || verifier.was_overwritten(key, u, v));
            let is_first = |v: &&Edn| !left.iter().any(|u| precedes(u, v));
            let first = left.iter().position(is_first);
            left.remove(first.unwrap_or_else(|| panic!("{key}: {left:?}")));
        }
    }
}

fn assert_none(differences: &[String]) {
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_corpus_is_judged_as_by_elle() {
    for table in TABLES {
        let name = table.name.trim_start_matches("jepsen/");
        assert_none(&table.differences(&verdicts::corpus(name)));
    }
}

#[test]
fn the_large_collection_is_judged_as_by_elle() {
    let Some(collection) = verdicts::large_collection() else { return };
    let all =
        TABLES.iter().map(|table| table.differences(&verdicts::large(&collection, table.name)));
    let all: Vec<String> = all.flatten().collect();
    assert_none(&all);
}
