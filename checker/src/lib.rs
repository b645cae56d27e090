//! The checkers: plain functions from a history to a result. They know nothing of what made
//! the history, and do nothing but judge it: no file, no clock, no thread, no randomness.

pub mod availability;
mod compose;
pub mod counter;
pub mod echo;
pub mod edn;
pub mod elle;
pub mod exceptions;
pub mod history;
pub mod kafka;
pub mod linear;
mod registry;
pub mod set_full;
pub mod stats;
pub mod unique_ids;

pub use compose::compose;
pub use registry::{CheckOptions, check, require_workload};

use std::fmt;

use crate::edn::Edn;

/// A verdict. `False` beats `Unknown`, and `Unknown` beats `True`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// Nothing is wrong.
    True,
    /// It could not be decided, or nothing was checked.
    Unknown,
    /// Something is wrong.
    False,
}

impl Validity {
    /// The worse of two verdicts.
    pub fn and(self, other: Validity) -> Validity {
        self.max(other)
    }

    /// The exit status that says so to a shell: 0, 2 or 1, as in the original.
    pub fn exit_status(self) -> u8 {
        match self {
            Validity::True => 0,
            Validity::Unknown => 2,
            Validity::False => 1,
        }
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Validity::True => "true",
            Validity::Unknown => "unknown",
            Validity::False => "false",
        })
    }
}

impl From<bool> for Validity {
    fn from(valid: bool) -> Validity {
        if valid { Validity::True } else { Validity::False }
    }
}

impl From<Validity> for Edn {
    fn from(validity: Validity) -> Edn {
        match validity {
            Validity::True => Edn::Bool(true),
            Validity::Unknown => Edn::keyword("unknown"),
            Validity::False => Edn::Bool(false),
        }
    }
}

/// What a checker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// The verdict.
    pub valid: Validity,
    /// Its findings in order, without `:valid?`.
    pub entries: Vec<(Edn, Edn)>,
}

impl CheckResult {
    /// A verdict with findings under keyword keys.
    pub fn new<const N: usize>(valid: Validity, entries: [(&str, Edn); N]) -> CheckResult {
        let entries = entries.into_iter().map(|(key, value)| (Edn::keyword(key), value)).collect();
        CheckResult { valid, entries }
    }

    /// The same, with a reason in words under `:error`.
    pub fn because(mut self, reason: impl Into<String>) -> CheckResult {
        self.entries.push((Edn::keyword("error"), Edn::from(reason.into())));
        self
    }

    /// The result map as it stands in `results.edn`, with `:valid?` first.
    pub fn to_edn(&self) -> Edn {
        let mut entries = vec![(Edn::keyword("valid?"), Edn::from(self.valid))];
        entries.extend(self.entries.iter().cloned());
        Edn::Map(entries)
    }
}

/// Nothing could be said, and why.
pub fn unknown(reason: impl Into<String>) -> CheckResult {
    CheckResult::new(Validity::Unknown, []).because(reason)
}

/// What is not checked is not valid: a history without an operation of a client.
fn no_operations() -> CheckResult {
    unknown("There is no operation in this history, so nothing was checked.")
}

/// `part / whole` as the original prints it: a 32-bit float, in its shortest decimal form.
pub fn fraction(part: u64, whole: u64) -> Edn {
    let ratio = (part as f64 / whole as f64) as f32;
    Edn::from(ratio.to_string().parse::<f64>().expect("a float is read back"))
}
