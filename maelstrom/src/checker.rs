//! The checkers: plain functions from a history to a result. They know nothing of the engine.

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

    /// The result map as it stands in `results.edn`, with `:valid?` first.
    pub fn to_edn(&self) -> Edn {
        let mut entries = vec![(Edn::keyword("valid?"), Edn::from(self.valid))];
        entries.extend(self.entries.iter().cloned());
        Edn::Map(entries)
    }
}
