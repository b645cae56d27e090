//! The checkers: plain functions from a history to a result. They know nothing of what made
//! the history, and do nothing but judge it: no file, no clock, no thread, no randomness.

pub mod availability;
pub mod counter;
pub mod drawing;
pub mod echo;
pub mod edn;
pub mod elle;
pub mod exceptions;
pub mod history;
mod judge;
mod judgement;
pub mod kafka;
pub mod linear;
pub mod set_full;
pub mod stats;
pub mod unique_ids;

pub use drawing::Drawing;
pub use judge::{CheckOptions, Gathering, Judge, Model, Workload};
pub use judgement::{Finding, Findings, Judgement, KEPT_OF_A_KIND, Mention, Validity};

use edn::Edn;
use history::Op;

/// A checker that takes a history in entry by entry, so that the whole of it need never be in
/// memory.
pub trait Checker {
    /// Takes in the next entry.
    fn push(&mut self, op: &Op);

    /// The judgement on all that was taken in.
    fn finish(self: Box<Self>) -> Judgement;
}

/// `1 id`, `7 ids`: a count with its noun.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("{number} {noun}") } else { format!("{number} {noun}s") }
}

/// `part / whole` as the original prints it: a 32-bit float, in its shortest decimal form.
pub fn fraction(part: u64, whole: u64) -> Edn {
    let ratio = (part as f64 / whole as f64) as f32;
    Edn::from(ratio.to_string().parse::<f64>().expect("a float is read back"))
}
