//! What a node's log says of its part in the consensus: that it looks for a leader, begins an
//! election, leads, follows, steps down, installs a snapshot. Each is said when it happens, once.
//!
//! A note is made by comparing what a node was before a step with what it is after it. So no
//! decision has to think of it, and none is forgotten.

use serde::Serialize;

use super::{Configured, Index, Raft, Role, Term};

/// So many notes are kept for somebody to take them: nobody has to.
const NOTES_MAX: usize = 64;

/// What there is to compare.
pub(super) struct Standing {
    role: &'static str,
    term: Term,
    /// Whether the leader of the term is known: a term has no other.
    knows_leader: bool,
    /// The end of the snapshot that is arriving or being stored.
    snapshot: Option<Index>,
    /// The entry in which the configuration stands that counts.
    configured_at: Index,
}

impl<C: Clone + Serialize> Raft<C> {
    pub(super) fn standing(&self) -> Standing {
        Standing {
            role: self.role(),
            term: self.state.term,
            knows_leader: self.leader.is_some(),
            snapshot: self.snapshot_end(),
            configured_at: self.configured().index,
        }
    }

    fn snapshot_end(&self) -> Option<Index> {
        let arriving = self.arriving.as_ref().map(|arriving| arriving.last().index);
        arriving.or(self.storing.map(|last| last.index))
    }

    /// What happened since the last call, in clauses of which this node is the subject: `leads in
    /// term 3`.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    pub(super) fn note(&mut self, note: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note);
        }
    }

    pub(super) fn note_change(&mut self, before: Standing) {
        self.note_role(&before);
        self.note_configuration(&before);
        let after = self.snapshot_end();
        match (before.snapshot, after) {
            (before, Some(end)) if before != after => {
                self.note(format!("begins to take in a snapshot up to entry {end}"));
            }
            (Some(end), None) if self.commit >= end => {
                self.note(format!("has installed the snapshot up to entry {end}"));
            }
            (Some(end), None) => {
                self.note(format!("gives up the snapshot up to entry {end}"));
            }
            _ => {}
        }
    }

    /// A leader says so itself when it appends one.
    fn note_configuration(&mut self, before: &Standing) {
        let Configured { index: at, configuration } = self.configured();
        if *at != before.configured_at && !self.is_leader() {
            let voters = configuration.shown();
            self.note(format!("goes by the configuration of entry {at}: {voters}"));
        }
    }

    fn note_role(&mut self, before: &Standing) {
        let (role, term) = (self.role(), self.state.term);
        if before.role == "leader" && role != "leader" {
            let why = match term > before.term {
                true => format!("term {term} has begun"),
                false => "a majority has not answered for an election timeout".into(),
            };
            self.note(format!("steps down as the leader of term {}: {why}", before.term));
        }
        let is_new = (before.role, before.term) != (role, term);
        let note = match &self.role {
            Role::PreCandidate(_) if is_new => {
                format!("hears from no leader, and asks whether it could win term {}", term + 1)
            }
            Role::Candidate(_) if is_new => format!("begins an election in term {term}"),
            Role::Leader(_) if is_new => format!("leads in term {term}"),
            Role::Follower => match &self.leader {
                Some(leader) if before.term != term || !before.knows_leader => {
                    format!("follows {leader} in term {term}")
                }
                _ => return,
            },
            _ => return,
        };
        self.note(note);
    }
}
