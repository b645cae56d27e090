//! Verdicts on linearizability that are known from elsewhere: those of Knossos 0.3.10.
//!
//! Where Knossos had no answer, ours must have one, and it must be the same every time; which
//! one it is, the oracle in `linear_oracle.rs` vouches for on smaller histories.

use crate::verdicts::{self, Row};
use checker::Validity;
use checker::linear::{self, budget::Budget};

/// The tables, each with the model that it is about.
const TABLES: [(&str, &str); 7] = [
    ("cas-register", "cas-register"),
    ("jepsen/register", "register"),
    ("jepsen/multi-register", "multi-register"),
    ("jepsen/mutex", "mutex"),
    ("jepsen/fifo-queue", "fifo-queue"),
    ("jepsen/unordered-queue", "unordered-queue"),
    ("jepsen/linear-set", "linear-set"),
];

/// The rows on which we do not say what Knossos says.
fn disagreements(model: &str, rows: &[Row]) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in rows {
        let found =
            linear::check_model(model, None, &(&row.history).into(), None, &Budget::default())
                .unwrap();
        let agrees = match &*row.verdict {
            "unknown" | "hang" | "crash" => found.verdict != Validity::Unknown,
            known => found.verdict.to_string() == known,
        };
        if !agrees {
            let (ours, theirs) = (found.to_edn(), &row.result);
            wrong.push(format!("{}: {ours} instead of {theirs}", row.file));
        }
    }
    wrong
}

#[test]
fn the_corpus_is_judged_as_knossos_does() {
    for (table, model) in TABLES {
        let name = table.trim_start_matches("jepsen/");
        let rows = verdicts::corpus(&format!("{name}.tsv"));
        let wrong = disagreements(model, &rows);
        assert!(wrong.is_empty(), "{table}:\n{}", wrong.join("\n"));
        let has = |verdict: &str| rows.iter().any(|row| row.verdict == verdict);
        assert!(has("true") && has("false"), "{table} has both kinds");
    }
}

#[test]
fn the_large_collection_is_judged_as_knossos_does() {
    let Some(collection) = verdicts::large_collection() else { return };
    for (table, model) in TABLES {
        let rows = verdicts::large(&collection, &format!("{table}.tsv"));
        let wrong = disagreements(model, &rows);
        assert!(wrong.is_empty(), "{table}:\n{}", wrong.join("\n"));
    }
}
