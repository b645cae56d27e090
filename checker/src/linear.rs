//! Linearizability: is there an order of the operations in which each takes effect at one
//! moment between its invocation and its completion, and every result is explained?
//!
//! Histories are read by the rules of Knossos ([`trace`]). Sets and queues are decided by
//! forbidden patterns ([`patterns`]), which takes no search and always answers; only queues with
//! equal elements need one. Registers and mutexes have a fast search, which always answers for a
//! key of lin-kv ([`register`]). For everything else there is a depth-first search ([`search`]),
//! which gives up when its budget is used up ([`budget`]): so, too, for objects that somebody has
//! written down himself ([`written`]). What is true of each key of a
//! store is true of the store (locality: Herlihy and Wing, *Linearizability*, ACM TOPLAS 12
//! (1990), theorem 1), so every key is judged on its own ([`independent`]).
//!
//! Absent: any proof of a valid history. What the search keeps is enough to know that there is
//! an order, and too little to print it.

mod bounded_counter;
pub mod budget;
pub mod collections;
pub mod failure;
mod finding;
pub mod independent;
mod locks;
pub mod model;
pub mod object;
pub mod part;
pub mod patterns;
pub mod register;
pub mod search;
mod slots;
mod stack;
mod steps;
pub mod trace;
pub mod written;

#[cfg(test)]
mod tests;

use self::budget::Budget;
use self::failure::Failure;
use self::object::Object;
use self::part::Part;
use super::Judgement;
use crate::edn::Edn;
use crate::history::{Operations, Span};

/// How many configurations a result shows, as Jepsen does, and how many crashed operations of each.
const SHOWN: usize = 10;

/// The kind of finding that operations on one object are not linearizable.
pub const NOT_LINEARIZABLE: &str = "not-linearizable";

/// Judges a history of the workload lin-kv: every key is a cas-register that starts as nil,
/// and every operation's value is `[key value]`.
pub fn check_lin_kv(operations: &Operations, budget: &Budget) -> Judgement {
    let object = Object::new("cas-register", None).expect("a model of ours");
    judge(operations, |spans| keyed(&object, operations, spans, budget))
}

/// Judges a history of one object, or of many, when `per_key` says that its values are
/// `[key value]`. If nothing is said and they look like that, there is no judgement: of a register
/// that holds pairs, the values are alike.
///
/// `model` is `register`, `cas-register`, `mutex`, `linear-set`, `fifo-queue`, `unordered-queue` or
/// `multi-register`; `init` is what the object holds at first, if not what the model says.
///
/// # Errors
/// A sentence, when there is no such model or it cannot start so.
pub fn check_model(
    model: &str,
    init: Option<&Edn>,
    operations: &Operations,
    per_key: Option<bool>,
    budget: &Budget,
) -> Result<Judgement, String> {
    Ok(check_object(&Object::new(model, init)?, operations, per_key, budget))
}

/// The same for any object.
pub fn check_object(
    object: &Object,
    operations: &Operations,
    per_key: Option<bool>,
    budget: &Budget,
) -> Judgement {
    let one =
        |spans: &[Span]| single(object, Part { operations, spans, inner: |value| value }, budget);
    judge(operations, |spans| match per_key {
        Some(true) => keyed(object, operations, spans, budget),
        Some(false) => one(spans),
        None if independent::is_keyed(operations, spans) => Err("Every value is like [key \
            value]: --per-key judges each key on its own, and --per-key=false takes the pairs \
            for values of one object."
            .into()),
        None => one(spans),
    })
}

/// The names of the models that [`check_model`] knows.
pub fn models() -> impl Iterator<Item = &'static str> {
    object::names()
}

/// Whether [`check_model`] knows the model, and it can start so.
///
/// # Errors
/// The sentence that `check_model` would give.
pub fn require_model(model: &str, init: Option<&Edn>) -> Result<(), String> {
    Object::new(model, init).map(drop)
}

fn judge(
    operations: &Operations,
    judge: impl FnOnce(&[Span]) -> Result<Judgement, String>,
) -> Judgement {
    match operations.spans() {
        Ok([]) => Judgement::no_operations(),
        Ok(spans) => judge(spans).unwrap_or_else(Judgement::bad_input),
        Err(problem) => Judgement::bad_input(problem),
    }
}

fn keyed(
    object: &Object,
    operations: &Operations,
    spans: &[Span],
    budget: &Budget,
) -> Result<Judgement, String> {
    let keys = independent::split(operations, spans)?;
    let (judgement, failures) = independent::check(object, operations, &keys, budget)?;
    let failures: Vec<(Option<Edn>, Failure)> =
        failures.into_iter().map(|(key, failure)| (Some(key), failure)).collect();
    let summary = match failures.as_slice() {
        [] => return Ok(judgement),
        [(Some(key), _)] => format!("key {key} is not linearizable"),
        failures => {
            let keys = failures.iter().take(5).filter_map(|(key, _)| key.as_ref());
            let keys: Vec<String> = keys.map(Edn::to_string).collect();
            let more = if failures.len() > 5 { ", …" } else { "" };
            format!("keys {}{more} are not linearizable", keys.join(", "))
        }
    };
    Ok(judgement.summed_up(summary).with(finding::findings(&failures)))
}

fn single(object: &Object, part: Part, budget: &Budget) -> Result<Judgement, String> {
    let verdict = object.judge(part, budget)?;
    let (judgement, failure) = failure::describe(object, &verdict, part);
    Ok(match failure {
        None => judgement,
        Some(failure) => judgement
            .summed_up("the operations are not linearizable")
            .with(finding::findings(&[(None, failure)])),
    })
}
