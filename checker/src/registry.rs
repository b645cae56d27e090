//! Which checker judges which workload: for whoever has a history and the workload's name.

use super::{Judgement, counter, echo, elle, kafka, linear, set_full, unique_ids};
use crate::edn::Edn;
use crate::history::History;

/// What a checker may want to know besides the history. The default asks for nothing special.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckOptions {
    /// The transactional workloads: the models that the history must satisfy; with none, the
    /// workload's own default.
    pub consistency_models: Vec<String>,
    /// lin-kv: the model of a plain history, of one object and not of `[key value]` pairs.
    pub model: Option<String>,
    /// lin-kv: the object's first value, where it is not the model's own.
    pub init: Option<Edn>,
}

/// A checker, as the table below holds it.
type Checker = fn(&History, &CheckOptions) -> Judgement;

/// By name. A further workload is a further line.
const CHECKERS: &[(&str, Checker)] = &[
    ("broadcast", |history, _| set_full::check(history, "broadcast")),
    ("echo", |history, _| echo::check(history)),
    ("g-counter", |history, _| counter::check(history)),
    ("g-set", |history, _| set_full::check(history, "add")),
    ("kafka", |history, _| kafka::check(history)),
    ("lin-kv", |history, options| match &options.model {
        None => linear::check_lin_kv(history),
        Some(model) => linear::check_model(model, options.init.as_ref(), history)
            .unwrap_or_else(Judgement::unknown),
    }),
    ("pn-counter", |history, _| counter::check(history)),
    ("txn-list-append", |history, options| transactions(elle::list_append, history, options)),
    ("txn-rw-register", |history, options| transactions(elle::rw_register, history, options)),
    ("unique-ids", |history, _| unique_ids::check(history)),
];

fn transactions(
    judge: fn(&History, &elle::Options) -> elle::Report,
    history: &History,
    options: &CheckOptions,
) -> Judgement {
    match elle::Options::new(&options.consistency_models) {
        Ok(options) => judge(history, &options).result,
        Err(error) => Judgement::unknown(error),
    }
}

/// Judges a history as the workload's own test would.
///
/// # Errors
/// A sentence, when there is no checker for such a workload.
pub fn check(
    workload: &str,
    history: &History,
    options: &CheckOptions,
) -> Result<Judgement, String> {
    find(workload).map(|checker| checker(history, options))
}

/// Whether [`check`] knows the workload.
///
/// # Errors
/// The sentence that `check` would give.
pub fn require_workload(workload: &str) -> Result<(), String> {
    find(workload).map(drop)
}

fn find(workload: &str) -> Result<Checker, String> {
    let found = CHECKERS.iter().find(|(name, _)| *name == workload);
    found.map(|(_, checker)| *checker).ok_or_else(|| {
        let known: Vec<&str> = CHECKERS.iter().map(|(name, _)| *name).collect();
        format!("There is no checker for a workload {workload}. There are: {}.", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Validity;

    #[test]
    fn every_workload_has_a_checker_that_wants_operations() {
        for (workload, _) in CHECKERS {
            let result = check(workload, &History::default(), &CheckOptions::default()).unwrap();
            assert_eq!(result.verdict, Validity::Unknown, "{workload}");
            assert!(result.to_edn().get("error").is_some(), "{workload}");
        }
    }

    #[test]
    fn an_unknown_workload_is_a_sentence_that_names_the_known_ones() {
        let error = check("ecko", &History::default(), &CheckOptions::default()).unwrap_err();
        assert!(error.contains("ecko") && error.contains("broadcast, echo, "), "{error}");
    }
}
