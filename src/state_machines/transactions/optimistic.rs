//! Transactions on a tree of pages, under optimistic concurrency control.
//!
//! A batch of transactions is done on the state that a root names, without a lock, and gives
//! new pages and a new root. If the root is then still the old one, a compare-and-set puts the
//! new one in its place, and the batch has taken place at that moment; otherwise nothing has
//! happened, and it is done again on the new state (Kung and Robinson, "On optimistic methods
//! for concurrency control", 1981; with the root as the one thing that is validated).
//!
//! Two batches begin on the same root. The one whose compare-and-set comes second has done nothing:
//!
//! ```
//! use gyre::transactions::optimistic::{Commit, execute};
//! use gyre::transactions::tree::Cache;
//! use gyre::transactions::{Lists, Txn};
//!
//! let txn = |text| serde_json::from_str::<Txn<Lists>>(text).unwrap();
//! let cache = Cache::default();
//! let mut root = None;
//! let mut is_set = Vec::new();
//! for (page, txn) in [("a", txn(r#"[["append", 7, 1]]"#)), ("b", txn(r#"[["append", 7, 2]]"#))] {
//!     let (_, commit) = execute(None, [&txn], &cache, || page.to_owned());
//!     let Commit { root: new, .. } = commit.unwrap();
//!     is_set.push(root.is_none()); // compare with the root that the batch began on …
//!     root.get_or_insert(new); // … and set
//! }
//! assert_eq!(is_set, [true, false]);
//! assert_eq!(root.as_deref(), Some("a"));
//! ```
//!
//! Chapter 10 of the book, `book/10-transactions.md`, reads this.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Cache, Draft, Page, PageId, missing};
use super::{Kind, MicroOp, Txn, place};
use crate::types::Json;

/// A new state.
///
/// ```
/// use gyre::transactions::optimistic::{Commit, execute};
/// use gyre::transactions::tree::{Cache, Page};
/// use gyre::transactions::{Lists, Txn};
///
/// let txn: Txn<Lists> = serde_json::from_str(r#"[["append", 7, 1]]"#)?;
/// let (_, commit) = execute(None, [&txn], &Cache::default(), || "page-1".into());
/// let Commit { root, pages } = commit.unwrap();
/// assert_eq!(root, "page-1");
/// assert!(matches!(&pages[&root], Page::Leaf(keys) if keys["7"] == [1.into()].into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, PartialEq)]
pub struct Commit<H> {
    /// Its root.
    pub root: PageId,
    /// Its pages that are new. They are to be stored before the root is.
    pub pages: BTreeMap<PageId, Page<H>>,
}

/// The next pages that these transactions need and the cache lacks; none when it has them all.
/// What is below a missing page is only known when it is there, so ask again then.
///
/// ```
/// use gyre::transactions::optimistic::needed;
/// use gyre::transactions::tree::{Cache, Page};
/// use gyre::transactions::{Lists, Txn};
///
/// let txn: Txn<Lists> = serde_json::from_str(r#"[["r", 7, null]]"#)?;
/// let root = "page-1".to_owned();
/// let mut cache = Cache::default();
/// assert!(needed(Some(&root), [&txn], &cache).contains(&root));
/// cache.insert(root.clone(), serde_json::from_str(r#"{"leaf": {"7": [1]}}"#)?);
/// assert!(needed(Some(&root), [&txn], &cache).is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn needed<'t, K: Kind>(
    root: Option<&PageId>,
    txns: impl IntoIterator<Item = &'t Txn<K>>,
    cache: &Cache<K::Held>,
) -> BTreeSet<PageId> {
    let keys = txns.into_iter().flatten().map(|MicroOp(_, key, _)| key.as_str());
    let places: BTreeSet<&str> = keys.collect();
    missing(root, places, cache)
}

/// Does transactions one after another, on the state that `root` names; without a root there
/// are no keys. Gives them with their reads filled in, and what is to be committed, unless they
/// have only read. `new_id` gives names that no page ever had.
///
/// # Panics
/// When a page is [`needed`].
///
/// ```
/// use gyre::transactions::optimistic::execute;
/// use gyre::transactions::tree::Cache;
/// use gyre::transactions::{Lists, Txn};
///
/// let txn = |text| serde_json::from_str::<Txn<Lists>>(text).unwrap();
/// let [append, read] = [txn(r#"[["append", 7, 1]]"#), txn(r#"[["r", 7, null]]"#)];
/// let new_id = || "page-1".to_owned();
/// let (done, commit) = execute(None, [&append, &read], &Cache::default(), new_id);
/// assert_eq!(done[1], txn(r#"[["r", 7, [1]]]"#));
/// assert!(commit.is_some());
/// let (_, commit) = execute(None, [&read], &Cache::default(), new_id);
/// assert!(commit.is_none()); // nothing has changed
/// ```
pub fn execute<'t, K: Kind>(
    root: Option<&PageId>,
    txns: impl IntoIterator<Item = &'t Txn<K>>,
    cache: &Cache<K::Held>,
    new_id: impl FnMut() -> PageId,
) -> (Vec<Txn<K>>, Option<Commit<K::Held>>) {
    // ANCHOR: execute
    let mut draft = Draft::new(root, cache);
    let done = txns.into_iter().map(|txn| execute_one(&mut draft, txn)).collect();
    let commit = draft.finish(new_id).map(|(root, pages)| Commit { root, pages });
    (done, commit)
    // ANCHOR_END: execute
}

fn execute_one<K: Kind>(draft: &mut Draft<K::Held>, txn: &Txn<K>) -> Txn<K> {
    let mut done = Vec::with_capacity(txn.len());
    for MicroOp(kind, key, argument) in txn {
        let value = if kind.writes() {
            draft.write(place(key), |held| K::write(held, argument));
            argument.clone()
        } else {
            draft.read(key.as_str()).map_or_else(Json::null, K::read)
        };
        done.push(MicroOp(*kind, key.clone(), value));
    }
    done
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::state_machines::transactions::{Lists, Store};

    fn random_txn(rng: &mut ChaCha8Rng) -> Txn<Lists> {
        let micro_op = |rng: &mut ChaCha8Rng| {
            let key = Json::from(rng.random_range(0..40));
            match rng.random() {
                true => MicroOp(Lists::Read, key, Json::null()),
                false => MicroOp(Lists::Append, key, Json::from(rng.random_range(0..1 << 16))),
            }
        };
        (0..rng.random_range(0..5)).map(|_| micro_op(rng)).collect()
    }

    /// Batches on pages, against the store that simply does one transaction after another.
    #[test]
    fn batches_do_what_a_plain_store_does() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut store = Store::<Lists>::default();
        let mut stored = BTreeMap::<PageId, Page<<Lists as Kind>::Held>>::new();
        let mut root = None;
        for round in 0..400 {
            let batch: Vec<Txn<Lists>> =
                (0..rng.random_range(1..4)).map(|_| random_txn(&mut rng)).collect();
            let mut cache = Cache::default();
            let mut pages = 0;
            let new_id = || {
                pages += 1;
                format!("{round}-{pages}")
            };
            loop {
                let ids = needed(root.as_ref(), &batch, &cache);
                if ids.is_empty() {
                    break;
                }
                ids.into_iter().for_each(|id| cache.insert(id.clone(), stored[&id].clone()));
            }
            let (txns, commit) = execute(root.as_ref(), &batch, &cache, new_id);
            let expected: Vec<Txn<Lists>> = batch.iter().map(|txn| store.execute(txn)).collect();
            assert_eq!(txns, expected);
            let writes =
                batch.iter().any(|txn| !crate::state_machines::transactions::is_read_only(txn));
            assert_eq!(commit.is_some(), writes);
            if let Some(commit) = commit {
                stored.extend(commit.pages);
                root = Some(commit.root);
            }
        }
    }
}
