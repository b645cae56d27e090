//! How a log stays short (§7): a snapshot of the state machine takes the place of the entries
//! before it, and a follower that needs those entries is sent the snapshot, piece by piece.

use std::sync::Arc;

use super::progress::View;
use super::{Index, Message, Outcome, Position, Raft, Role, Snapshot};
use crate::types::NodeId;

/// A snapshot on its way to a follower. It stays the same one to the end, even if a newer one
/// is made meanwhile: starting over each time might never end.
pub(super) struct Sending {
    snapshot: Arc<Snapshot>,
    offset: usize,
    /// Whether the piece at `offset` was sent and not answered.
    asked: bool,
}

impl Sending {
    pub fn new(snapshot: &Arc<Snapshot>) -> Sending {
        Sending { snapshot: Arc::clone(snapshot), offset: 0, asked: false }
    }

    /// The last position that it covers.
    pub fn last(&self) -> Position {
        self.snapshot.last
    }

    /// The next piece; when `due`, the last one again, which is a heartbeat at the same time.
    pub fn next_chunk<C>(&mut self, view: &View<'_, C>, due: bool) -> Option<Message<C>> {
        if self.asked && !due {
            return None;
        }
        self.asked = true;
        let rest = &self.snapshot.data[self.offset..];
        let chunk = prefix(rest, view.config.snapshot_chunk_bytes);
        Some(Message::InstallSnapshot {
            term: view.term,
            last: self.snapshot.last,
            offset: self.offset as u64,
            data: chunk.to_owned(),
            done: chunk.len() == rest.len(),
        })
    }

    /// The follower has `offset` bytes of the snapshot up to `last`: fewer than before, if it
    /// was restarted.
    pub fn on_stored(&mut self, last: Position, offset: u64) {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if last == self.snapshot.last
            && offset != self.offset
            && self.snapshot.data.is_char_boundary(offset)
        {
            self.offset = offset;
            self.asked = false;
        }
    }
}

/// The longest beginning of `text` of at most `bytes` bytes, but at least one character.
fn prefix(text: &str, bytes: usize) -> &str {
    let first = text.chars().next().map_or(0, char::len_utf8);
    let mut end = bytes.clamp(first, text.len().max(first));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A snapshot of which not all pieces have arrived.
pub(super) struct Arriving {
    last: Position,
    data: String,
}

impl<C: Clone> Raft<C> {
    /// Forgets the log up to `index`, after which the state machine's state was `data`.
    pub(super) fn compact(&mut self, index: Index, data: String) {
        assert!(index <= self.commit, "only what is committed can be compacted");
        if index <= self.log.base().index {
            return;
        }
        let last = self.log.position(index).expect("a committed entry is in the log");
        self.log.compact(last);
        self.snapshot = Some(Arc::new(Snapshot { last, data }));
        self.checkpoint_due = true;
    }

    pub(super) fn on_install_snapshot(
        &mut self,
        from: NodeId,
        last: Position,
        offset: u64,
        data: &str,
        done: bool,
    ) {
        self.hear_leader(&from);
        let term = self.state.term;
        let contains = self.log.contains(last);
        if !(self.config.rules.replaces)(last.index, self.commit, contains) {
            self.arriving = None;
            if contains {
                // The log has got there by itself, and what a snapshot covers is committed.
                self.verified = self.verified.max(last.index);
                self.learn_commit(last.index);
            }
            // What is committed here is a prefix of every leader's log (§5.4.3).
            let outcome = Outcome::Matched(self.commit);
            return self.send(from, Message::AppendEntriesReply { term, outcome, round: 0 });
        }
        let arriving = match &mut self.arriving {
            Some(arriving) if arriving.last == last => arriving,
            other => other.insert(Arriving { last, data: String::new() }),
        };
        let fits = arriving.data.len() as u64 == offset;
        if fits {
            arriving.data.push_str(data);
        }
        if fits && done {
            let data = std::mem::take(&mut arriving.data);
            self.arriving = None;
            self.install(Snapshot { last, data });
            let outcome = Outcome::Matched(last.index);
            return self.send(from, Message::AppendEntriesReply { term, outcome, round: 0 });
        }
        let offset = arriving.data.len() as u64;
        self.send(from, Message::InstallSnapshotReply { term, last, offset });
    }

    /// Takes over a snapshot from the leader of this term.
    fn install(&mut self, snapshot: Snapshot) {
        let last = snapshot.last;
        self.log.reset(last);
        self.verified = last.index;
        self.leader_commit = self.leader_commit.max(last.index);
        self.commit = last.index;
        let snapshot = Arc::new(snapshot);
        self.output.restore = Some(Arc::clone(&snapshot));
        self.snapshot = Some(snapshot);
        self.checkpoint_due = true;
    }

    pub(super) fn on_install_snapshot_reply(&mut self, from: &NodeId, last: Position, offset: u64) {
        self.note_heard(from);
        if let Role::Leader(leader) = &mut self.role
            && let Some(follower) = leader.progress.get_mut(from)
        {
            follower.on_chunk_stored(last, offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_between_characters() {
        assert_eq!(prefix("", 4), "");
        assert_eq!(prefix("abc", 2), "ab");
        assert_eq!(prefix("abc", 9), "abc");
        assert_eq!(prefix("aéb", 2), "a");
        assert_eq!(prefix("éb", 1), "é");
    }
}
