//! Exercise 4-laws: which of these merges obey the laws of a join?
//!
//! A state is a set of some of the numbers 0 to 3, written as four bits: 0b0101 is {0, 2}. Below
//! are seven ways to make one state of two. Say of each whether it is associative, commutative and
//! idempotent. The bench tries all states.
//!
//! Then look at those that obey all three. With two of them a set that only grows would still lose
//! elements. Which, and why? (The answer is in the solution.)

use crate::{Task, answer};

/// Four bits.
pub type State = u8;

/// A way to make one state of two.
pub type Merge = fn(State, State) -> State;

/// The ways, each with its name.
pub const MERGES: [(&str, Merge); 7] = [
    ("the union", |mine, theirs| mine | theirs),
    ("the intersection", |mine, theirs| mine & theirs),
    ("what only one of the two has", |mine, theirs| mine ^ theirs),
    ("theirs", |_, theirs| theirs),
    ("the larger set, and mine if both are as large", larger),
    ("the greater number", |mine, theirs| mine.max(theirs)),
    ("the average, rounded down", |mine, theirs| (mine + theirs) / 2),
];

fn larger(mine: State, theirs: State) -> State {
    if theirs.count_ones() > mine.count_ones() { theirs } else { mine }
}

/// The laws that a merge obeys.
pub struct Laws {
    /// `(a ⊔ b) ⊔ c = a ⊔ (b ⊔ c)`
    pub associative: bool,
    /// `a ⊔ b = b ⊔ a`
    pub commutative: bool,
    /// `a ⊔ a = a`
    pub idempotent: bool,
}

const fn laws(associative: bool, commutative: bool, idempotent: bool) -> Laws {
    Laws { associative, commutative, idempotent }
}

/// Your answers, in the order of [`MERGES`].
pub const ANSWERS: [Laws; 7] = [
    laws(true, true, true),
    // To do: these are not all right.
    laws(true, true, true),
    laws(true, true, true),
    laws(true, true, true),
    laws(true, true, true),
    laws(true, true, true),
    laws(true, true, true),
];

/// Compares answers with what is the case.
///
/// # Errors
/// A sentence about the first that is wrong.
pub fn judge(answers: &[Laws; 7]) -> Result<(), String> {
    for ((name, merge), answer) in MERGES.iter().zip(answers) {
        let said = [answer.associative, answer.commutative, answer.idempotent];
        let is = [not_associative(*merge), not_commutative(*merge), not_idempotent(*merge)];
        for ((law, said), example) in LAWS.iter().zip(said).zip(is) {
            match (said, example) {
                (true, Some(example)) => {
                    return Err(format!("you say that \"{name}\" is {law}, but {example}"));
                }
                (false, None) => {
                    return Err(format!(
                        "you say that \"{name}\" is not {law}, and it is, for all states"
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

const LAWS: [&str; 3] = ["associative", "commutative", "idempotent"];

fn states() -> impl Iterator<Item = State> {
    0..16
}

fn not_associative(merge: Merge) -> Option<String> {
    let all = states().flat_map(|a| states().flat_map(move |b| states().map(move |c| (a, b, c))));
    all.map(|(a, b, c)| (a, b, c, merge(merge(a, b), c), merge(a, merge(b, c))))
        .find(|(_, _, _, left, right)| left != right)
        .map(|(a, b, c, left, right)| {
            format!(
                "({a:04b} ⊔ {b:04b}) ⊔ {c:04b} is {left:04b}, and {a:04b} ⊔ ({b:04b} ⊔ {c:04b}) \
                 is {right:04b}"
            )
        })
}

fn not_commutative(merge: Merge) -> Option<String> {
    let all = states().flat_map(|a| states().map(move |b| (a, b)));
    all.map(|(a, b)| (a, b, merge(a, b), merge(b, a)))
        .find(|(_, _, left, right)| left != right)
        .map(|(a, b, left, right)| {
            format!("{a:04b} ⊔ {b:04b} is {left:04b}, and {b:04b} ⊔ {a:04b} is {right:04b}")
        })
}

fn not_idempotent(merge: Merge) -> Option<String> {
    states()
        .find(|a| merge(*a, *a) != *a)
        .map(|a| format!("{a:04b} ⊔ {a:04b} is {:04b}", merge(a, a)))
}

/// The answers above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(&ANSWERS))
}
