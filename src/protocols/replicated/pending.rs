//! The requests of this node's clients that wait, and when each of them is looked after.
//!
//! Of every command that waits the table knows whether it may have got into a log anywhere: see
//! `proposed_in`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::operation::Operation;
use crate::protocols::core::RequestId;
use crate::protocols::raft::{Configuration, Term};
use crate::types::{Time, json};

/// What a request that waits takes besides its command, in bytes.
const REQUEST_BYTES: u64 = 128;

/// The requests that wait, by their numbers.
pub(super) struct Pending<C> {
    requests: BTreeMap<RequestId, PendingRequest<C>>,
    /// When to look after which of them.
    checks: BTreeSet<(Time, RequestId)>,
    /// Those among them that are changes of the voters.
    changes: BTreeSet<RequestId>,
    /// How many bytes they take.
    bytes: u64,
}

/// A request that waits.
pub(super) struct PendingRequest<C> {
    /// What the client wants.
    pub operation: Operation<C>,
    bytes: u64,
    /// The last term whose leader may have put the command into its log. With none, it is
    /// certain that nobody has.
    pub proposed_in: Option<Term>,
    /// When it came.
    pub arrived: Time,
    check_at: Time,
    /// How long the next wait for news of it is, before it is proposed again.
    pub patience: Duration,
    /// When that is over.
    pub retry_at: Time,
}

impl<C> PendingRequest<C> {
    /// Whether it asks for a state to look at, and changes nothing.
    pub fn is_read(&self) -> bool {
        matches!(self.operation, Operation::Read)
    }
}

impl<C> Default for Pending<C> {
    fn default() -> Pending<C> {
        Pending {
            requests: BTreeMap::new(),
            checks: BTreeSet::new(),
            changes: BTreeSet::new(),
            bytes: 0,
        }
    }
}

impl<C: Serialize> Pending<C> {
    /// Takes a request that came `now`, unless all together would take more than `bytes_max`. It
    /// is looked after for the first time after `patience`. Whether it was taken.
    ///
    /// A command that alone is more than that is taken when nothing else waits.
    pub fn insert(
        &mut self,
        id: RequestId,
        operation: Operation<C>,
        now: Time,
        patience: Duration,
        bytes_max: u64,
    ) -> bool {
        let bytes = REQUEST_BYTES
            + match &operation {
                Operation::Command(command) => json::bytes_of(command),
                Operation::Read | Operation::Reconfigure(_) => 0,
            };
        if self.bytes + bytes > bytes_max && !self.requests.is_empty() {
            return false;
        }
        if matches!(operation, Operation::Reconfigure(_)) {
            self.changes.insert(id);
        }
        let check_at = now + patience;
        let request = PendingRequest {
            operation,
            bytes,
            proposed_in: None,
            arrived: now,
            check_at,
            patience,
            retry_at: check_at,
        };
        let former = self.requests.insert(id, request);
        assert!(former.is_none(), "request {id} began twice");
        self.checks.insert((check_at, id));
        self.bytes += bytes;
        true
    }
}

impl<C> Pending<C> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Their numbers, in order.
    pub fn ids(&self) -> impl Iterator<Item = RequestId> {
        self.requests.keys().copied()
    }

    /// The request with this number, if it waits.
    pub fn get_mut(&mut self, id: RequestId) -> Option<&mut PendingRequest<C>> {
        self.requests.get_mut(&id)
    }

    /// Keeps nothing of a request any more, and gives what was kept.
    pub fn remove(&mut self, id: RequestId) -> Option<PendingRequest<C>> {
        let request = self.requests.remove(&id)?;
        let was_there = self.checks.remove(&(request.check_at, id));
        assert!(was_there, "whatever waits is looked after");
        self.changes.remove(&id);
        self.bytes -= request.bytes;
        assert!(self.requests.is_empty() == (self.bytes == 0), "waiting bytes are counted");
        Some(request)
    }

    /// When the next one is to be looked after.
    pub fn next_check(&self) -> Option<Time> {
        self.checks.first().map(|(due, _)| *due)
    }

    /// One that is to be looked after now, if there is one: it is to be
    /// [removed](Pending::remove) or [checked later](Pending::check_later).
    pub fn due(&mut self, now: Time) -> Option<(RequestId, &mut PendingRequest<C>)> {
        let &(due, id) = self.checks.first().filter(|(due, _)| *due <= now)?;
        let request = self.requests.get_mut(&id).expect("what is looked after is pending");
        assert!(due == request.check_at, "request {id} is looked after once at a time");
        Some((id, request))
    }

    /// Has a request looked after at this time, and no earlier.
    pub fn check_later(&mut self, id: RequestId, at: Time) {
        let request = self.requests.get_mut(&id).expect("what is looked after is pending");
        self.checks.remove(&(request.check_at, id));
        request.check_at = at;
        self.checks.insert((at, id));
    }

    /// The commands and changes that the leader of this term was not asked for yet.
    pub fn not_proposed_in(&self, term: Term) -> Vec<RequestId> {
        let not_proposed = self
            .requests
            .iter()
            .filter(|(_, request)| !request.is_read() && request.proposed_in != Some(term));
        not_proposed.map(|(&id, _)| id).collect()
    }

    /// The changes of the voters that are made in this configuration.
    pub fn made_in(&self, configuration: &Configuration) -> Vec<RequestId> {
        let is_made = |id: &RequestId| match &self.requests[id].operation {
            Operation::Reconfigure(change) => configuration.has_made(change),
            Operation::Read | Operation::Command(_) => false,
        };
        self.changes.iter().copied().filter(is_made).collect()
    }
}
