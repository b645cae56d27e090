//! What Jepsen's own checkers and elle-cli's say of the same histories: see [`verdicts`].
//!
//! The verdict must be the same, and every key of their result must be in ours, with an equal
//! value. There are two differences, and the tests below prove ours right:
//!
//! - Where an original threw an exception its `:error` names it; ours is a sentence.
//! - `set-full` never reports copies of an element in one read, for a comparison in it is the
//!   wrong way round; ours counts them.

use std::collections::BTreeMap;

use crate::verdicts::{self, Row};
use checker::edn::Edn;
use checker::history::{History, OpType};
use checker::jepsen::{self, bank};
use checker::{CheckOptions, Judge};

/// The options of Jepsen's bank test.
fn bank(negative_balances: bool) -> jepsen::Options {
    let accounts = Some((0..8).map(Edn::Int).collect());
    let rules = bank::Rules { accounts, total: Some(100), negative_balances };
    jepsen::Options { bank: rules, ..jepsen::Options::default() }
}

/// What elle-cli does without options.
fn inferred_bank(negative_balances: bool) -> jepsen::Options {
    let rules = bank::Rules { negative_balances, ..bank::Rules::default() };
    jepsen::Options { bank: rules, ..jepsen::Options::default() }
}

/// The tables, each with the checker that it is about and its options.
fn tables() -> Vec<(&'static str, &'static str, jepsen::Options)> {
    let plain = |name| (name, name, jepsen::Options::default());
    vec![
        plain("adya-g2"),
        ("bank", "bank", bank(false)),
        ("bank.negative-balances", "bank", bank(true)),
        ("bank.inferred", "bank", inferred_bank(false)),
        ("bank.inferred-negative-balances", "bank", inferred_bank(true)),
        plain("causal"),
        plain("causal-reverse"),
        plain("comments"),
        plain("counter"),
        plain("long-fork"),
        plain("queue"),
        plain("sequential"),
        plain("set"),
        plain("set-full"),
        (
            "set-full.linearizable",
            "set-full",
            jepsen::Options { is_linearizable: true, ..jepsen::Options::default() },
        ),
        plain("total-queue"),
        plain("unique-ids"),
    ]
}

/// What differs, a line each.
fn differences(name: &str, options: &jepsen::Options, rows: &[Row]) -> Vec<String> {
    let options = CheckOptions { jepsen: options.clone(), ..CheckOptions::default() };
    let mut differences = Vec::new();
    for row in rows {
        let found = Judge::named(name, None, &options).unwrap().judge(&row.history);
        let mut say = |what: String| differences.push(format!("{}: {what}", row.file));
        if found.verdict.to_string() != row.verdict {
            say(format!("{found} instead of {}", row.result));
        }
        let found = found.to_edn();
        let Edn::Map(expected) = &row.result else { panic!("{} has no result", row.file) };
        for (key, expected) in expected {
            let key = key.as_keyword().unwrap();
            let has_thrown = key == "error" && matches!(expected, Edn::Symbol(_) | Edn::Keyword(_));
            let ours = found.get(key).unwrap_or(&Edn::Nil);
            let is_equal = match (name, key) {
                _ if has_thrown => matches!(ours, Edn::Str(_)),
                ("set-full", "duplicated-count") => *ours == Edn::from(copied(&row.history)),
                _ => ours.canonical() == expected.canonical(),
            };
            if !is_equal {
                say(format!("{key} is {ours} instead of {expected}"));
            }
        }
    }
    differences
}

/// How many elements some read shows more than once, in the most obvious way.
fn copied(history: &History) -> usize {
    let is_read = |op: &&checker::history::Op| &*op.f == "read" && op.kind == OpType::Ok;
    let reads = history.ops.iter().filter(is_read);
    let mut most: BTreeMap<&Edn, usize> = BTreeMap::new();
    for read in reads.filter_map(|op| op.value.as_slice()) {
        for value in read {
            let copies = read.iter().filter(|other| *other == value).count();
            let most = most.entry(value).or_default();
            *most = copies.max(*most);
        }
    }
    most.values().filter(|copies| **copies > 1).count()
}

#[test]
fn the_corpus_is_judged_as_by_jepsen() {
    for (table, name, options) in tables() {
        let rows = verdicts::corpus(&format!("{table}.tsv"));
        let wrong = differences(name, &options, &rows);
        assert!(wrong.is_empty(), "{table}:\n{}", wrong.join("\n"));
        let has = |verdict: &str| rows.iter().any(|row| row.verdict == verdict);
        assert!(has("true") && has("false"), "{table} has both kinds");
    }
}

#[test]
fn the_large_collection_is_judged_as_by_jepsen() {
    let Some(collection) = verdicts::large_collection() else { return };
    let mut wrong = Vec::new();
    for (table, name, options) in tables() {
        let rows = verdicts::large(&collection, &format!("jepsen/{table}.tsv"));
        let differences = differences(name, &options, &rows);
        wrong.extend(differences.into_iter().map(|line| format!("{table} {line}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
