//! What must hold at every moment of every run (figure 3), as a checker over all the nodes.
//!
//! Chapter 7 of the book, `book/07-raft-elections.md`, reads this.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;

use super::{Configuration, Entry, Index, LogId, Raft, Role, Term};
use crate::types::NodeId;

/// Remembers what it has seen of a cluster and compares it with what it sees next.
///
/// Two nodes of which each believes that it is alone:
///
/// ```
/// use gyre::raft::{Config, Durable, Input, Invariants, Raft};
/// # use rand::SeedableRng;
///
/// let [n1, n2] = ["n1", "n2"].map(|name| {
///     let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
///     let config = Config::new(name.into(), Vec::new());
///     let mut raft = Raft::<u64>::new(config, Durable::default(), rng, gyre::Time::ZERO);
///     raft.step(raft.deadline(), Input::Timeout);
///     raft
/// });
/// let mut invariants = Invariants::default();
/// assert_eq!(invariants.check(&n1, [&n2]), Ok(()));
/// let error = invariants.check(&n2, [&n1]).unwrap_err();
/// assert_eq!(error, "election safety: n1 and n2 both led term 1");
/// ```
#[derive(Clone, Debug)]
pub struct Invariants<C> {
    leaders: BTreeMap<Term, NodeId>,
    /// The entries that any node has ever committed, from index 1 on, each with the term of
    /// the first node that was seen to have committed it.
    committed: Vec<(Entry<C>, Term)>,
    /// The last configuration among them, with the same term.
    configured: Option<(Configuration, Term)>,
    /// How far each node had committed when it was last seen.
    commit: BTreeMap<NodeId, Index>,
    /// Where each node's log ended when it was last compared with the others.
    compared: BTreeMap<NodeId, LogId>,
}

impl<C> Default for Invariants<C> {
    fn default() -> Invariants<C> {
        Invariants {
            leaders: BTreeMap::new(),
            committed: Vec::new(),
            configured: None,
            commit: BTreeMap::new(),
            compared: BTreeMap::new(),
        }
    }
}

impl<C: Clone + PartialEq + Debug + Serialize> Invariants<C> {
    /// A crash takes away what a node knew of commitment, down to its checkpoint.
    pub fn on_restart(&mut self, node: &NodeId) {
        self.commit.remove(node);
    }

    /// Checks everything that may have changed when `node` took a step. `others` are the
    /// other nodes that are up.
    ///
    /// # Errors
    /// A sentence that says which invariant does not hold, and where.
    pub fn check<'a>(
        &mut self,
        node: &'a Raft<C>,
        others: impl IntoIterator<Item = &'a Raft<C>>,
    ) -> Result<(), String>
    where
        C: 'a,
    {
        let known = (self.leaders.len(), self.committed.len());
        self.election_safety(node)?;
        let before = self.monotonic_commit(node)?;
        self.state_machine_safety(node, before)?;
        self.majorities_meet(node)?;
        let has_news = known != (self.leaders.len(), self.committed.len());
        if has_news {
            self.leader_completeness(node)?;
        }
        let log_is_new = self.compared.get(node.id()) != Some(&node.last());
        for other in others {
            if has_news {
                self.leader_completeness(other)?;
            }
            if log_is_new {
                log_matching(node, other)?;
                self.compared.insert(node.id().clone(), node.last());
            }
        }
        Ok(())
    }

    /// At most one leader can be elected in a given term (§5.2).
    fn election_safety(&mut self, node: &Raft<C>) -> Result<(), String> {
        if !node.is_leader() {
            return Ok(());
        }
        let leader = self.leaders.entry(node.term()).or_insert_with(|| node.id().clone());
        if leader == node.id() {
            return Ok(());
        }
        Err(format!("election safety: {leader} and {} both led term {}", node.id(), node.term()))
    }

    /// No two disjoint majorities can act: every majority by which a leader can act meets every
    /// majority of the last configuration that was committed (dissertation §4.1). One that leads
    /// an earlier term does not know yet that it leads no more.
    fn majorities_meet(&mut self, node: &Raft<C>) -> Result<(), String> {
        let Some((committed, term)) = &self.configured else { return Ok(()) };
        let configuration = node.configuration();
        if !node.is_leader() || node.term() < *term || configuration.overlaps(committed) {
            return Ok(());
        }
        Err(format!(
            "disjoint majorities: {} leads term {} with {}, but {} is committed",
            node.id(),
            node.term(),
            configuration.shown(),
            committed.shown(),
        ))
    }

    /// The commit index of a node never decreases, and never passes the end of its log. Gives
    /// what it was before.
    fn monotonic_commit(&mut self, node: &Raft<C>) -> Result<Index, String> {
        let (id, now, end) = (node.id(), node.commit(), node.last().index);
        let before = self.commit.insert(id.clone(), now).unwrap_or(0);
        if now < before {
            return Err(format!("monotonic commit: {id} went back from {before} to {now}"));
        }
        if now > end {
            return Err(format!(
                "monotonic commit: {id} committed {now}, but its log ends at {end}"
            ));
        }
        Ok(before)
    }

    /// If a node has applied an entry at an index, no other node will ever apply a different
    /// one there (§5.4.3).
    fn state_machine_safety(&mut self, node: &Raft<C>, before: Index) -> Result<(), String> {
        for index in node.base().index.max(before) + 1..=node.commit() {
            let entry = node.entry(index).expect("committed and not forgotten");
            let known = self.committed.len() as u64;
            if index == known + 1 {
                self.committed.push((entry.clone(), node.term()));
                self.note_configured(entry, node)?;
            } else if index > known {
                return Err(format!("a gap: {} has {index}, nobody had {known}", node.id()));
            } else if self.committed(index).0 != *entry {
                let (first, id) = (self.committed(index), node.id());
                return Err(format!(
                    "state machine safety: {first:?} was committed at {index}, {entry:?} at {id}"
                ));
            }
        }
        let base = node.base();
        let known = base.index <= self.committed.len() as u64;
        if base.index > 0 && (!known || self.committed(base.index).0.term != base.term) {
            return Err(format!(
                "state machine safety: what {} has forgotten was not committed",
                node.id()
            ));
        }
        Ok(())
    }

    /// Two configurations that were committed one after the other share a node in any two
    /// majorities (dissertation §4.1, §4.3).
    fn note_configured(&mut self, entry: &Entry<C>, node: &Raft<C>) -> Result<(), String> {
        let Some(next) = &entry.configuration else { return Ok(()) };
        let bootstrap = (node.config.bootstrap.clone(), 0);
        let (last, _) = self.configured.get_or_insert(bootstrap).clone();
        if !next.overlaps(&last) {
            return Err(format!(
                "disjoint majorities: after {} comes {}",
                last.shown(),
                next.shown()
            ));
        }
        self.configured = Some((next.clone(), node.term()));
        Ok(())
    }

    /// An entry that was committed in some term is in the logs of the leaders of all later
    /// terms (§5.4.3).
    fn leader_completeness(&self, node: &Raft<C>) -> Result<(), String> {
        let Role::Leader(_) = node.role else { return Ok(()) };
        for index in node.base().index + 1..=self.committed.len() as u64 {
            let (entry, term) = self.committed(index);
            if *term < node.term() && node.entry(index) != Some(entry) {
                return Err(format!(
                    "leader completeness: {} leads term {} without entry {index}, {entry:?}, \
                     committed in term {term}",
                    node.id(),
                    node.term(),
                ));
            }
        }
        Ok(())
    }

    fn committed(&self, index: Index) -> &(Entry<C>, Term) {
        &self.committed[usize::try_from(index - 1).expect("it fits in memory")]
    }
}

/// If two logs contain an entry with the same index and term, they are the same up to there
/// (§5.3).
fn log_matching<C: Clone + PartialEq + Debug + Serialize>(
    a: &Raft<C>,
    b: &Raft<C>,
) -> Result<(), String> {
    let first = a.base().index.max(b.base().index) + 1;
    let last = a.last().index.min(b.last().index);
    let shared = (first..=last).rev().find(|&index| a.log.id(index) == b.log.id(index));
    for index in first..=shared.unwrap_or(0) {
        if a.entry(index) != b.entry(index) {
            return Err(format!(
                "log matching: {} and {} agree at {}, but not at {index}: {:?} and {:?}",
                a.id(),
                b.id(),
                shared.unwrap_or(0),
                a.entry(index),
                b.entry(index),
            ));
        }
    }
    Ok(())
}
