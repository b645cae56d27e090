//! Exercise 4-laws, solved.
//!
//! The union, the intersection and the greater number obey all three laws, and so does each belong
//! to an order of the states. That is not enough. An addition must also move a state *up* in that
//! order. In the order of the intersection the smaller set is the higher one, so an addition moves
//! down, and the next merge takes the element away again. In the order of numbers an addition
//! moves up, but that order is total: of {0, 1} and {2} only the one with the greater number is
//! kept, and it is no set of both. A join that loses nothing must be an upper bound in the order
//! "has all elements of", and the least such is the union.

use crate::stubs::ch04_laws::{Laws, judge};
use crate::{Task, answer};

const fn laws(associative: bool, commutative: bool, idempotent: bool) -> Laws {
    Laws { associative, commutative, idempotent }
}

/// The answers, in the order of the exercise.
pub const ANSWERS: [Laws; 7] = [
    laws(true, true, true),
    laws(true, true, true),
    laws(true, true, false),
    laws(true, false, true),
    laws(true, false, true),
    laws(true, true, true),
    laws(false, true, true),
];

/// The answers above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(&ANSWERS))
}
