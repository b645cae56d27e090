//! Judges histories of distributed systems: what clients asked, what they were told, and whether
//! a correct system could have told them that.
//!
//! A test of any database can use it. The test writes down what its clients did, and asks:
//!
//! ```
//! use checker::{History, Model, Validity};
//! use checker::edn::Edn;
//!
//! let mut history = History::new();
//! history.invoke(0, "write", 1);           // client 0 writes 1 …
//! history.ok(0, 1);                        // … and is told that it is done
//! history.invoke(0, "write", 2);
//! history.ok(0, 2);
//! history.invoke(1, "read", Edn::Nil);     // client 1 reads …
//! history.ok(1, 1);                        // … and finds 1: a stale read
//! history.invoke(0, "write", 3);
//! history.info(0);                         // a timeout: nobody knows
//!
//! let judgement = history.judge(Model::register());
//! assert_eq!(judgement.verdict, Validity::False);
//! println!("{judgement}");                 // what is wrong, in words
//! let stale = &judgement.findings[0];
//! assert_eq!(stale.kind, "not-linearizable");
//! assert_eq!(stale.operations[0].index, 5); // the end of the read
//! ```
//!
//! | to have | there is |
//! |---|---|
//! | a history | [`History::new`] with `invoke`, `ok`, `fail`, `info`; [`History::parse`] |
//! | a transaction's steps | [`micro_op`] |
//! | a judge | a [`Workload`], a [`Model`], or any [`Checker`] of one's own |
//! | a judgement | [`History::judge`], or entry by entry [`Judge::gather`] |
//! | a test that fails | [`assert_linearizable!`], [`assert_serializable!`] |
//! | an object of one's own | [`Model::written`] |
//! | bounds on a search | [`Budget`], for [`Model::within`] and [`CheckOptions`] |
//! | what it says | [`Judgement`]: its verdict, its findings, `to_edn()`, and words |
//!
//! Everything is a function of the history: nothing here reads a file or a clock, and nothing is
//! random. Whoever draws the [`Drawing`] of a finding or writes files of them stands outside.
//!
//! `True` means that what the judge stands for was checked and holds; whatever could not be
//! checked, or decided, is `Unknown` with the reason.
//!
//! Chapter 14 of the book, `book/14-your-own.md`, reads this.

mod assertions;
mod atom;
pub mod availability;
pub mod counter;
pub mod drawing;
pub mod echo;
pub mod edn;
pub mod elle;
pub mod exceptions;
pub mod history;
pub mod jepsen;
mod judge;
mod judgement;
pub mod kafka;
mod likeness;
pub mod linear;
mod named;
pub mod set_full;
pub mod stats;
pub mod unique_ids;

pub use drawing::Drawing;
pub use history::{History, micro_op};
pub use judge::{CheckOptions, Gathering, Judge, Model, Workload};
pub use judgement::{Finding, Findings, Judgement, KEPT_OF_A_KIND, Mention, Validity};
pub use linear::budget::Budget;

use edn::Edn;
use history::{Entry, Op};

/// A checker that takes a history in entry by entry, so that the whole of it need never be in
/// memory.
pub trait Checker {
    /// Takes in the next entry.
    fn push(&mut self, op: &Op);

    /// The same of an entry in packed form, as it comes from a file: for a checker that needs
    /// not all of it, or not at once.
    fn push_entry(&mut self, entry: &Entry) {
        self.push(&entry.op());
    }

    /// Whether it can make nothing of an entry that it has taken in, and so of the history.
    fn has_problem(&self) -> bool {
        false
    }

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
