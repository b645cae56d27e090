//! How a node ends that cannot go on, through no fault of its code: its disk is full or damaged,
//! or belongs to another process.
//!
//! The node must fall silent at once, wherever it is, for what it would say next could be untrue.
//! So the failure unwinds the stack, as a panic does, up to whoever runs the node. But it is no
//! panic: nothing is printed on the way. The shell prints the sentence and ends the process with
//! status 1. In a simulation it is the failure of the run.

use std::fmt;
use std::panic;

/// Why a node cannot go on: a sentence that says what happened and what to do.
///
/// ```
/// use gyre::Failure;
/// use std::panic::catch_unwind;
///
/// let node = || -> () { Failure::raise("the disk is full: free some space") };
/// let failure = catch_unwind(node).unwrap_err().downcast::<Failure>().expect("no panic");
/// assert_eq!(failure.to_string(), "the disk is full: free some space");
/// ```
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// Ends the node.
    pub fn raise(sentence: impl fmt::Display) -> ! {
        panic::resume_unwind(Box::new(Failure(sentence.to_string())))
    }

    /// Runs a node, and gives its failure if it ends with one. A panic goes on.
    #[cfg(feature = "stdio")]
    pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Failure> {
        panic::catch_unwind(panic::AssertUnwindSafe(run)).map_err(|payload| {
            let failure = payload.downcast::<Failure>();
            *failure.unwrap_or_else(|panic| panic::resume_unwind(panic))
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}
