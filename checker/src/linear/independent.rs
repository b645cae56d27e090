//! Many objects in one history: every value is `[key value]`, and every key is an object.
//!
//! Source: Jepsen's `jepsen.independent`, whose result this has the form of.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::budget::Budget;
use super::failure::{self, Failure};
use super::object::Object;
use super::part::Part;
use crate::edn::Edn;
use crate::history::{Operations, Span};
use crate::{Judgement, Validity};

/// Whether the values of these operations are `[key value]`, as far as one can tell: all of
/// them are pairs, and what stands behind the key of a cas is a pair again.
pub fn is_keyed(operations: &Operations, spans: &[Span]) -> bool {
    let is_pair = |value: &Edn| matches!(value, Edn::Vector(items) if items.len() == 2);
    !spans.is_empty()
        && spans.iter().all(|span| {
            let (head, invoked) = operations.head_and_value(span.invoked_at());
            is_pair(&invoked)
                && match &**head.f {
                    "cas" => is_pair(value(&invoked)),
                    // Two steps of a transaction are a vector of two as well.
                    "txn" => key(&invoked).is_some_and(|key| key.as_slice().is_none()),
                    _ => true,
                }
        })
}

/// The key in `[key value]`.
pub fn key(value: &Edn) -> Option<&Edn> {
    if let Some([key, _]) = value.as_slice() { Some(key) } else { None }
}

/// The value in `[key value]`.
pub fn value(value: &Edn) -> &Edn {
    if let Some([_, value]) = value.as_slice() { value } else { value }
}

/// The operations on each key, by key.
pub type Keys = BTreeMap<Edn, Vec<Span>>;

/// Finds the operations on each key.
///
/// # Errors
/// A sentence, when an operation has no key.
pub fn split(operations: &Operations, spans: &[Span]) -> Result<Keys, String> {
    let mut keys = Keys::new();
    let with_key = |position: usize| {
        let (head, value) = operations.head_and_value(position);
        match key(&value) {
            Some(key) => Ok(key.canonical().into_owned()),
            None => Err(format!(
                "Operation {} has the value {value}, which is not like [key value].",
                head.index
            )),
        }
    };
    for &span in spans {
        let key = with_key(span.invoked_at())?;
        // A completion that succeeded has its key, too.
        with_key(span.result())?;
        keys.entry(key).or_default().push(span);
    }
    Ok(keys)
}

/// The judgement on a key. Jepsen draws the key's timeline as if that were checking.
fn of_key(linearizable: Judgement) -> Judgement {
    let timeline = Judgement::new(Validity::True, []);
    Judgement::of_parts([("linearizable", linearizable), ("timeline", timeline)])
}

/// Judges every key on its own. Gives the keys' failures too, by key.
///
/// # Errors
/// A sentence, when an operation is one that the object does not know.
pub fn check<'a>(
    object: &Object,
    operations: &'a Operations,
    keys: &'a Keys,
    budget: &Budget,
) -> Result<(Judgement, Vec<(Edn, Failure<'a>)>), String> {
    let mut results = Vec::new();
    let mut failures = Vec::new();
    let mut valid = Validity::True;
    let keys: Vec<(&Edn, &[Span])> = keys.iter().map(|(key, spans)| (key, &spans[..])).collect();
    let judge = |&(key, spans): &(&Edn, &'a [Span])| {
        let part = Part { operations, spans, inner: value };
        let verdict = object.judge(part, budget).map_err(|e| format!("Key {key}: {e}"))?;
        Ok(failure::describe(object, &verdict, part))
    };
    // Side by side, but the results are in the order of the keys.
    let judged: Vec<Result<_, String>> = keys.par_iter().map(judge).collect();
    for ((key, _), judged) in keys.iter().zip(judged) {
        let (key, (result, failure)) = (Edn::clone(key), judged?);
        valid = valid.and(result.verdict);
        results.push((key.clone(), of_key(result).to_edn()));
        failures.extend(failure.map(|failure| (key.clone(), failure)));
    }
    let failed = failures.iter().map(|(key, _)| key.clone()).collect();
    let entries = [("results", Edn::Map(results)), ("failures", Edn::Vector(failed))];
    Ok((Judgement::new(valid, entries), failures))
}
