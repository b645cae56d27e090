//! Requests that came to a node while it was down.
//!
//! As under the original, up to ten messages to a node that is down wait for it, and are
//! delivered when it was started again and has answered `init`; any more are lost. So an
//! operation may take as long as its node is down, and then succeed: whoever looks at it should
//! be told why.

use std::collections::BTreeMap;

use super::Recorded;
use super::format::duration_ms;

/// By the index of the entry with which the operation began: what its request had to wait for, as
/// a clause.
#[derive(Debug, Default)]
pub struct Waits(BTreeMap<usize, String>);

/// A request of a client is delivered at once unless its node is down. This much is no wait, in
/// nanoseconds: under the wall clock the bench itself takes a moment.
const AT_ONCE_NANOS: i64 = 5_000_000;

impl Waits {
    /// The requests of this run that had to wait.
    pub fn of(recorded: &Recorded) -> Waits {
        let (journal, mut waits) = (recorded.journal, BTreeMap::new());
        let names = journal.names();
        for flight in journal.flights() {
            let Some(operation) = flight.operation else { continue };
            if !names[flight.src as usize].is_client() || flight.is_duplicate {
                continue;
            }
            let node = &names[flight.dest as usize];
            let waited = flight.received.map(|received| received - flight.sent);
            let words = match waited {
                Some(waited) if waited <= AT_ONCE_NANOS => continue,
                Some(waited) => {
                    let waited = duration_ms(waited as f64 / 1e6);
                    format!("its request waited {waited} for {node}, which was down")
                }
                None => format!(
                    "its request was lost: {node} was down to the end, or ten others waited for \
                     it already"
                ),
            };
            waits.insert(operation, words);
        }
        Waits(waits)
    }

    /// What the request of the operation that began with this entry had to wait for.
    pub fn of_operation(&self, index: usize) -> Option<&str> {
        self.0.get(&index).map(String::as_str)
    }

    /// The text of an operation, with what it had to wait for.
    pub fn add_to(&self, text: String, index: usize) -> String {
        match self.of_operation(index) {
            Some(words) => format!("{text} [{words}]"),
            None => text,
        }
    }
}
