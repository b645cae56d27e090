//! Many objects in one history: every value is `[key value]`, and every key is an object.
//!
//! Source: Jepsen's `jepsen.independent`, whose result this has the form of.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::prelude::*;

use super::budget::Budget;
use super::failure::{self, Failure};
use super::object::Object;
use crate::edn::Edn;
use crate::history::{History, OpType, Pair};
use crate::{Judgement, Validity};

/// Whether the values of these operations are `[key value]`, as far as one can tell: all of
/// them are pairs, and what stands behind the key of a cas is a pair again.
pub fn is_keyed(pairs: &[Pair]) -> bool {
    let is_pair = |value: &Edn| matches!(value, Edn::Vector(items) if items.len() == 2);
    !pairs.is_empty()
        && pairs.iter().all(|pair| {
            let Pair { invoke, .. } = pair;
            is_pair(&invoke.value)
                && match &*invoke.f {
                    "cas" => is_pair(value(&invoke.value)),
                    // Two steps of a transaction are a vector of two as well.
                    "txn" => key(&invoke.value).is_some_and(|key| key.as_slice().is_none()),
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

/// Judges every key on its own. Gives the keys' failures too, by key.
///
/// # Errors
/// A sentence, when an operation has no key, or one that the object does not know.
pub fn check<'a>(
    object: &Object,
    pairs: &[Pair<'a>],
    budget: &Budget,
) -> Result<(Judgement, Vec<(Edn, Failure<'a>)>), String> {
    let mut results = Vec::new();
    let mut failures = Vec::new();
    let mut valid = Validity::True;
    let keys: Vec<_> = split(pairs)?.into_iter().collect();
    let judge = |(key, pairs): &(Cow<Edn>, Vec<Pair<'a>>)| {
        let verdict = object.judge(pairs, value, budget).map_err(|e| format!("Key {key}: {e}"))?;
        Ok(failure::describe(&verdict, pairs, value))
    };
    // Side by side, but the results are in the order of the keys.
    let judged: Vec<Result<_, String>> = keys.par_iter().map(judge).collect();
    for ((key, _), judged) in keys.iter().zip(judged) {
        let (key, (result, failure)) = (Edn::clone(key), judged?);
        valid = valid.and(result.verdict);
        results.push((key.clone(), Judgement::of_parts([("linearizable", result)]).to_edn()));
        failures.extend(failure.map(|failure| (key.clone(), failure)));
    }
    let failed = failures.iter().map(|(key, _)| key.clone()).collect();
    let entries = [("results", Edn::Map(results)), ("failures", Edn::Vector(failed))];
    Ok((Judgement::new(valid, entries), failures))
}

/// The operations on each key.
fn split<'a>(pairs: &[Pair<'a>]) -> Result<BTreeMap<Cow<'a, Edn>, Vec<Pair<'a>>>, String> {
    let mut keys: BTreeMap<Cow<Edn>, Vec<Pair>> = BTreeMap::new();
    for pair in pairs {
        let completed = pair.complete.filter(|op| op.kind == OpType::Ok);
        let ops = [Some(pair.invoke), completed];
        if let Some(op) = ops.into_iter().flatten().find(|op| key(&op.value).is_none()) {
            return Err(format!(
                "Operation {} has the value {}, which is not like [key value].",
                op.index, op.value
            ));
        }
        let key = key(&pair.invoke.value).expect("just seen");
        keys.entry(key.canonical()).or_default().push(*pair);
    }
    Ok(keys)
}

/// The part of a history that concerns one key, with the plain values, and all that is no
/// client's.
pub fn history_of(history: &History, wanted: &Edn) -> History {
    let mut part = History::default();
    for op in &history.ops {
        if !op.is_client() {
            part.ops.push(op.clone());
        } else if key(&op.value).is_some_and(|key| key.canonical() == wanted.canonical()) {
            let mut op = op.clone();
            op.value = value(&op.value).clone();
            part.ops.push(op);
        }
    }
    part
}
