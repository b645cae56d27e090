//! A state in the order of its changes: what somebody lacks who has it up to a number.
//!
//! A state is the join of its *parts* (Enes et al., 2019, section 4: the irredundant join
//! decomposition): the elements of a set, the entries of a counter. Each change gets the next
//! number, and each part has the number of the change that last changed it. So what somebody
//! lacks who has everything up to a number is the join of the parts with higher numbers. This is
//! a delta interval (Almeida et al., 2018, definition 5), of any length, and no deltas have to be
//! kept for it: there is one entry for each part, however long a peer is away. (CouchDB finds
//! what a replica lacks in the same way, by its index of documents by update sequence.)
//!
//! What is missing is given in [pieces](Changes::piece) of bounded size, in order. The state may
//! change between two pieces. A part that does so moves behind the last piece, so whoever takes
//! pieces to the end has all of the state as it is at the end.
//!
//! Chapter 4 of the book, `book/04-crdts.md`, reads this.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Crdt;
use crate::types::json;

/// How many bytes of JSON a piece has, up to one change more. (It is low in tests, so that tests
/// have many pieces.)
pub(super) const PIECE_BYTES: usize = if cfg!(test) { 64 } else { 32 * 1024 };

/// By which way a change came: see [`Changes::piece`].
pub(super) type Origin = u64;

/// The state, and its parts in the order in which they last changed.
#[derive(Debug)]
pub(super) struct Changes<C: Crdt> {
    state: C,
    /// How many changes there have been.
    number: u64,
    /// The parts by the number of their last change, with the origin of that. (`None` sorts
    /// before all parts of a number.)
    log: BTreeMap<(u64, Option<C::Key>), Origin>,
    /// The number of each part, where parts change.
    numbers: BTreeMap<C::Key, u64>,
}

/// A piece of what somebody lacks.
#[derive(Debug)]
pub(super) struct Piece<C> {
    /// The join of the parts, if there are any.
    pub(super) delta: Option<C>,
    /// Up to which number it goes.
    pub(super) upto: u64,
    /// Whether this is everything.
    pub(super) is_last: bool,
}

impl<C: Crdt> Default for Changes<C> {
    fn default() -> Changes<C> {
        Changes { state: C::default(), number: 0, log: BTreeMap::new(), numbers: BTreeMap::new() }
    }
}

impl<C: Crdt + Serialize> Changes<C> {
    pub(super) fn state(&self) -> &C {
        &self.state
    }

    /// How many changes there have been.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Joins a delta into the state. False when it brings nothing new.
    pub(super) fn take_in(&mut self, delta: &C, origin: Origin) -> bool {
        let new = delta.minus(&self.state);
        if new.is_bottom() {
            return false;
        }
        self.number += 1;
        self.enter(&new, origin);
        true
    }

    /// Takes in what the storage holds: the parts of some changes, the last of which had this
    /// number.
    ///
    /// Every part gets that number, which is not below its own. Whoever has everything up to
    /// some number has so still.
    pub(super) fn recover(&mut self, upto: u64, delta: &C, origin: Origin) {
        self.number = self.number.max(upto);
        self.enter(&delta.minus(&self.state), origin);
    }

    fn enter(&mut self, new: &C, origin: Origin) {
        self.state.join(new);
        for key in new.keys() {
            if C::PARTS_CHANGE {
                let former = self.numbers.insert(key.clone(), self.number);
                former.map(|number| self.log.remove(&(number, Some(key.clone()))));
            }
            self.log.insert((self.number, Some(key)), origin);
        }
    }

    /// The first piece of what somebody lacks who has everything up to `since`, and all that
    /// came by the way `known`. A change is in a piece as a whole or not at all.
    pub(super) fn piece(&self, since: u64, known: Option<Origin>) -> Piece<C> {
        let mut piece = Piece { delta: None, upto: since, is_last: false };
        let mut bytes = 0;
        for ((number, key), origin) in self.log.range((since.saturating_add(1), None)..) {
            if bytes >= PIECE_BYTES as u64 && *number > piece.upto {
                return piece;
            }
            piece.upto = *number;
            if known != Some(*origin) {
                let part = self.state.part(key.as_ref().expect("an entry has a part"));
                bytes += json::bytes_of(&part);
                piece.delta.get_or_insert_default().join(&part);
            }
        }
        Piece { upto: self.number.max(since), is_last: true, ..piece }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crdt::{GCounter, GSet};
    use crate::types::{Incarnation, NodeId};

    fn pieces<C: Crdt + Serialize>(
        changes: &Changes<C>,
        since: u64,
        known: Option<Origin>,
    ) -> Vec<Piece<C>> {
        let mut pieces = vec![changes.piece(since, known)];
        while let Some(Piece { upto, is_last: false, .. }) = pieces.last() {
            pieces.push(changes.piece(*upto, known));
        }
        pieces
    }

    #[test]
    fn a_set_comes_in_small_pieces_and_a_part_that_changes_comes_once() {
        let mut set = Changes::default();
        (0..1_000_u64).for_each(|element| assert!(set.take_in(&GSet::add(element), 0)));
        assert!(!set.take_in(&GSet::add(7), 0));
        let pieces = pieces(&set, 0, None);
        assert!(pieces.len() > 1_000 * "[999]".len() / (PIECE_BYTES + 5));
        for piece in &pieces {
            let length = serde_json::to_vec(piece.delta.as_ref().unwrap()).unwrap().len();
            assert!(length <= PIECE_BYTES + 5, "a piece has {length} bytes");
        }
        let me = Incarnation::new(&NodeId::from("n1"), 1);
        let mut counter = Changes::<GCounter>::default();
        for _ in 0..1_000 {
            let delta = counter.state().add(&me, 1).unwrap();
            counter.take_in(&delta, 0);
        }
        assert_eq!((counter.number(), counter.log.len()), (1_000, 1));
        assert_eq!(counter.piece(999, None).delta.unwrap().value(), 1_000);
        assert!(counter.piece(1_000, None).delta.is_none());
    }

    proptest! {
        /// Against the obvious: the list of all states that there have been.
        #[test]
        fn whoever_takes_the_pieces_since_a_state_has_the_last_one(
            steps in prop::collection::vec((0..3_u64, 1..9_u64, 0..3_u64), 1..60),
            since in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let source = |number| Incarnation::new(&NodeId::from("n1"), number);
            let mut changes = Changes::<GCounter>::default();
            let mut states = vec![GCounter::default()];
            let mut by_way = [GCounter::default(), GCounter::default(), GCounter::default()];
            for (number, amount, origin) in steps {
                let delta = changes.state().add(&source(number), amount).unwrap();
                changes.take_in(&delta, origin);
                by_way[origin as usize].join(&delta);
                states.push(changes.state().clone());
            }
            let since = since.index(states.len());
            for known in [None, Some(0), Some(1)] {
                let mut state = states[since].clone();
                state.join(known.map_or(&GCounter::default(), |way| &by_way[way as usize]));
                for piece in pieces(&changes, since as u64, known) {
                    piece.delta.inspect(|delta| state.join(delta));
                }
                prop_assert_eq!(&state, changes.state());
            }
            // A restart from pieces: whoever had a state before lacks as little as then.
            let mut restarted = Changes::<GCounter>::default();
            for piece in pieces(&changes, 0, None) {
                restarted.recover(piece.upto, &piece.delta.unwrap_or_default(), 9);
            }
            prop_assert_eq!(restarted.number(), changes.number());
            let had = cut.index(states.len());
            let mut state = states[had].clone();
            for piece in pieces(&restarted, had as u64, None) {
                piece.delta.inspect(|delta| state.join(delta));
            }
            prop_assert_eq!(&state, changes.state());
        }
    }
}
