//! The laws of every CRDT, on random states: any states that random changes and joins of
//! three replicas can lead to.
//!
//! Chapter 4 of the book, `book/04-crdts.md`, reads this.

use std::fmt::Debug;

use proptest::prelude::*;

use super::{Crdt, GCounter, GSet, PnCounter};
use crate::types::{Incarnation, Json, NodeId};

/// A change by one of three replicas, as any of the types understands it.
type Change = (usize, i8);

/// A type under test: how a change makes a delta, and what a reader sees.
trait Subject: Crdt + Debug + PartialEq {
    type Value: Debug + PartialEq;

    fn change(&self, change: Change) -> Self;
    fn value(&self) -> Self::Value;
    /// What a reader sees after these changes, whoever made them in whatever order.
    fn expected(changes: &[Change]) -> Self::Value;
}

fn replica(number: usize) -> Incarnation {
    Incarnation::new(&NodeId::from("n1"), number as u64)
}

impl Subject for GSet<Json> {
    type Value = Vec<Json>;

    fn change(&self, (_, amount): Change) -> Self {
        GSet::add(Json::from(i64::from(amount)))
    }

    fn value(&self) -> Vec<Json> {
        self.iter().cloned().collect()
    }

    fn expected(changes: &[Change]) -> Vec<Json> {
        let mut elements: Vec<_> =
            changes.iter().map(|change| Json::from(i64::from(change.1))).collect();
        elements.sort();
        elements.dedup();
        elements
    }
}

impl Subject for GCounter {
    type Value = u128;

    fn change(&self, (number, amount): Change) -> Self {
        self.add(&replica(number), amount.unsigned_abs().into()).unwrap()
    }

    fn value(&self) -> u128 {
        GCounter::value(self)
    }

    fn expected(changes: &[Change]) -> u128 {
        changes.iter().map(|change| u128::from(change.1.unsigned_abs())).sum()
    }
}

impl Subject for PnCounter {
    type Value = i128;

    fn change(&self, (number, amount): Change) -> Self {
        self.add(&replica(number), amount.into()).unwrap()
    }

    fn value(&self) -> i128 {
        PnCounter::value(self)
    }

    fn expected(changes: &[Change]) -> i128 {
        changes.iter().map(|change| i128::from(change.1)).sum()
    }
}

fn joined<C: Crdt>(a: &C, b: &C) -> C {
    let mut joined = a.clone();
    joined.join(b);
    joined
}

/// Three replicas make their changes, and join each other's states now and then (a negative
/// second number is no change but a join). Returns the replicas and all changes.
fn replicas<C: Subject>(steps: &[(usize, Option<usize>, i8)]) -> ([C; 3], Vec<Change>) {
    let mut states = [C::default(), C::default(), C::default()];
    let mut changes = Vec::new();
    for (number, joins, amount) in steps {
        let delta = match joins {
            Some(other) => states[*other].clone(),
            None => {
                changes.push((*number, *amount));
                states[*number].change((*number, *amount))
            }
        };
        states[*number].join(&delta);
    }
    (states, changes)
}

fn obeys_the_laws<C: Subject>(steps: &[(usize, Option<usize>, i8)]) -> Result<(), TestCaseError> {
    let ([a, b, c], changes) = replicas::<C>(steps);

    prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)), "associative");
    prop_assert_eq!(joined(&a, &b), joined(&b, &a), "commutative");
    prop_assert_eq!(joined(&a, &a), a.clone(), "idempotent");
    prop_assert_eq!(joined(&a, &C::default()), a.clone(), "the default is the least");
    prop_assert_eq!(a.is_bottom(), a == C::default());

    // What is missing is enough, and not too much.
    let missing = a.minus(&b);
    prop_assert_eq!(joined(&b, &missing), joined(&b, &a));
    prop_assert_eq!(missing.is_bottom(), joined(&b, &a) == b.clone());
    prop_assert!(a.minus(&a).is_bottom());

    // A state is the join of its parts.
    let parts = a.keys().into_iter().map(|key| a.part(&key));
    let from_parts = parts.fold(C::default(), |state, part| {
        assert!(!part.is_bottom() && part.keys().len() == 1);
        joined(&state, &part)
    });
    prop_assert_eq!(&from_parts, &a);

    // No change is lost and none is counted twice.
    prop_assert_eq!(joined(&joined(&a, &b), &c).value(), C::expected(&changes));
    Ok(())
}

/// The deltas alone, joined in any order and as often as one likes, make the state.
fn deltas_make_the_state<C: Subject>(
    changes: &[Change],
    order: &[prop::sample::Index],
) -> Result<(), TestCaseError> {
    let mut state = C::default();
    let mut deltas = Vec::new();
    for change in changes {
        let delta = state.change(*change);
        state.join(&delta);
        deltas.push(delta);
    }
    let mut from_deltas = C::default();
    for index in order.iter().filter(|_| !deltas.is_empty()) {
        from_deltas.join(index.get(&deltas));
    }
    deltas.iter().rev().for_each(|delta| from_deltas.join(delta));
    prop_assert_eq!(from_deltas, state);
    Ok(())
}

proptest! {
    #[test]
    fn every_type_obeys_the_laws(
        steps in prop::collection::vec((0..3_usize, prop::option::of(0..3_usize), -5..5_i8), 0..30),
    ) {
        obeys_the_laws::<GSet<Json>>(&steps)?;
        obeys_the_laws::<GCounter>(&steps)?;
        obeys_the_laws::<PnCounter>(&steps)?;
    }

    #[test]
    fn deltas_make_the_state_of_every_type(
        changes in prop::collection::vec((0..3_usize, -5..5_i8), 0..20),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        deltas_make_the_state::<GSet<Json>>(&changes, &order)?;
        deltas_make_the_state::<GCounter>(&changes, &order)?;
        deltas_make_the_state::<PnCounter>(&changes, &order)?;
    }
}
