//! No command takes effect twice, however often it gets into the log (dissertation §6.3).
//!
//! A command that was passed on to a leader may be lost, or be in the log already when the
//! leader falls silent. So it is passed on again, to the next leader, and may be committed
//! twice. The state machine takes it once: each command names the *session* of the node that
//! brought it, and its number within the session.
//!
//! A node begins a new session when it starts, under a random number: what it had passed on
//! before a crash then cannot be mixed up with what it passes on after. A session remembers
//! the numbers that were applied, but for those that its node says are settled: of those it
//! will not hear again, except for copies that the network has delayed, and these it ignores.
//!
//! Unlike the dissertation's, a session keeps no replies: the one who wants the reply is a
//! replica itself, and sees it when it applies the command. And sessions do not expire: one
//! costs a few bytes for each start of a node.
//!
//! Chapter 9 of the book, `book/09-raft-clients.md`, reads this.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A command on its way through the log, with the name by which it is recognized.
///
/// ```
/// use gyre::replicated::Request;
///
/// // The eleventh command of a node; of the first nine it will not speak again.
/// let request = Request { session: 17, number: 11, settled: 10, command: "x = 7" };
/// let text = r#"{"session":17,"number":11,"settled":10,"command":"x = 7"}"#;
/// assert_eq!(serde_json::to_string(&request)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
// ANCHOR: request
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request<C> {
    /// The session of the node that brought it.
    pub session: u64,
    /// Its number in the session.
    pub number: u64,
    /// All lower numbers than this are settled.
    pub settled: u64,
    /// What the state machine is to do.
    pub command: C,
}
// ANCHOR_END: request

/// What has been applied, of all sessions. Part of the replicated state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sessions(BTreeMap<u64, Session>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    settled: u64,
    /// The numbers from `settled` on that were applied.
    applied: BTreeSet<u64>,
}

impl Sessions {
    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this number was applied already, or is to be ignored because it was settled.
    pub fn is_done(&self, session: u64, number: u64) -> bool {
        self.0
            .get(&session)
            .is_some_and(|session| number < session.settled || session.applied.contains(&number))
    }

    // ANCHOR: note
    /// Remembers that a request was applied.
    pub fn note<C>(&mut self, request: &Request<C>) {
        let session = self.0.entry(request.session).or_default();
        session.applied.insert(request.number);
        if session.settled < request.settled {
            session.settled = request.settled;
            session.applied = session.applied.split_off(&request.settled);
        }
    }
    // ANCHOR_END: note
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(session: u64, number: u64, settled: u64) -> Request<()> {
        Request { session, number, settled, command: () }
    }

    #[test]
    fn a_number_is_done_once_and_stays_done_when_settled() {
        let mut sessions = Sessions::default();
        for number in [2, 1, 5] {
            assert!(!sessions.is_done(7, number));
            sessions.note(&request(7, number, 1));
            assert!(sessions.is_done(7, number));
        }
        assert!(!sessions.is_done(7, 3));
        assert!(!sessions.is_done(8, 1), "sessions have nothing to do with each other");
        sessions.note(&request(7, 6, 5));
        for number in 1..=6 {
            assert!(sessions.is_done(7, number), "{number}: 3 and 4 were given up");
        }
        assert_eq!(sessions.0[&7].applied, BTreeSet::from([5, 6]));
    }
}
