//! Drawings that explain a finding: made by the checker that found it, shown on the page.

use super::Recorded;

/// A drawing of something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Its file in the run's folder: `independent/7/linear.svg`.
    pub path: String,
    /// What it shows, in a few words.
    pub title: String,
    /// The drawing, one `svg` element.
    pub svg: String,
    /// What it means, for people; may be of several lines.
    pub explanation: String,
    /// The index in the history of the operation to look at first.
    pub at: Option<usize>,
}

/// The drawings of everything that the checkers found to be wrong.
pub fn of(_recorded: &Recorded) -> Vec<Drawing> {
    Vec::new()
}
