//! A map as a tree of pages that never change.
//!
//! To change a key is to make a new page for it, and new pages for those on the way to it from
//! the root; all other pages are shared with the tree as it was (Driscoll et al., "Making data
//! structures persistent", 1989). So the name of the root is the name of a whole state, that
//! state is there as long as its pages are, and pages can be cached for ever.
//!
//! The shape is a hash trie (Bagwell, "Ideal hash trees", 2001): a branch has a child for each
//! value of the next four bits of the key's hash, and a leaf that has got too long becomes a
//! branch. With a million keys a key is five branches deep.
//!
//! Pages are kept elsewhere. Before a [`Draft`] is worked on, all pages that it will touch must
//! be in the [`Cache`]: [`missing`] names those that are not.
//!
//! Deliberately absent: removing keys, and old pages.
//!
//! An old root is the name of an old state, for as long as its pages are kept:
//!
//! ```
//! use gyre::Json;
//! use gyre::transactions::optimistic::execute;
//! use gyre::transactions::tree::Cache;
//! use gyre::transactions::{Registers, Txn};
//!
//! let txn = |text| serde_json::from_str::<Txn<Registers>>(text).unwrap();
//! let mut cache = Cache::default();
//! let mut roots = vec![None];
//! for (page, write) in [("a", txn(r#"[["w", 7, 1]]"#)), ("b", txn(r#"[["w", 7, 2]]"#))] {
//!     let (_, commit) = execute(roots.last().unwrap().as_ref(), [&write], &cache, || page.into());
//!     let commit = commit.unwrap();
//!     commit.pages.into_iter().for_each(|(id, page)| cache.insert(id, page));
//!     roots.push(Some(commit.root));
//! }
//! let read = txn(r#"[["r", 7, null]]"#);
//! let seen: Vec<_> = roots
//!     .iter()
//!     .map(|root| execute(root.as_ref(), [&read], &cache, || unreachable!()).0[0][0].2.clone())
//!     .collect();
//! assert_eq!(seen, [Json::null(), 1.into(), 2.into()]);
//! ```
//!
//! Chapter 10 of the book, `book/10-transactions.md`, reads this.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

/// The most keys on a page, before it is split.
const LEAF_KEYS_MAX: usize = 8;
/// How many bits of the hash a branch decides by, and how many children it so has.
const BITS: u32 = 4;
const CHILDREN: usize = 1 << BITS;
/// At this depth no bits are left, and a leaf is never split.
const DEPTH_MAX: u32 = u32::BITS / BITS;
/// How many pages are cached.
const CACHED_PAGES_MAX: usize = 10_000;

/// The name of a page.
///
/// ```
/// use gyre::transactions::tree::{Page, PageId};
///
/// // A name is given once in the life of a store: say, that of a node's incarnation and a number.
/// let id: PageId = format!("{}-{}", gyre::Incarnation::new(&"n1".into(), 17), 3);
/// let branch: Page<u64> = serde_json::from_str(&format!(r#"{{"branch": {{"0": "{id}"}}}}"#))?;
/// assert_eq!(branch, Page::Branch([(0, id)].into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub type PageId = String;

/// A page, as it is stored.
///
/// ```
/// use gyre::transactions::tree::Page;
///
/// let page = Page::Leaf([("7".to_owned(), vec![1, 2])].into());
/// assert_eq!(serde_json::to_string(&page)?, r#"{"leaf":{"7":[1,2]}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Page<V> {
    /// Some keys, and what they hold.
    Leaf(BTreeMap<String, V>),
    /// The pages below, by the next bits of a key's hash. Where there is none, no key is.
    Branch(BTreeMap<usize, PageId>),
}

/// The next bits of a key's hash at this depth. Any hash will do that is the same everywhere.
fn child_of(key: &str, depth: u32) -> usize {
    let hash = crc32fast::hash(key.as_bytes());
    (hash >> (depth * BITS)) as usize % CHILDREN
}

/// Pages that are at hand.
///
/// ```
/// use gyre::transactions::optimistic::needed;
/// use gyre::transactions::tree::{Cache, Page};
/// use gyre::transactions::{MicroOp, Registers};
///
/// let txn = vec![MicroOp(Registers::Read, 7.into(), 0.into())];
/// let root = "old".to_owned();
/// let mut cache = Cache::default();
/// cache.insert(root.clone(), Page::Leaf([].into()));
/// assert!(needed(Some(&root), [&txn], &cache).is_empty());
/// (0..10_000).for_each(|page| cache.insert(format!("new-{page}"), Page::Leaf([].into())));
/// cache.trim();
/// assert_eq!(needed(Some(&root), [&txn], &cache).len(), 1); // it must be fetched again
/// ```
#[derive(Debug)]
pub struct Cache<V> {
    pages: BTreeMap<PageId, Page<V>>,
    /// The same pages, the oldest first.
    ages: VecDeque<PageId>,
}

impl<V> Default for Cache<V> {
    fn default() -> Cache<V> {
        Cache { pages: BTreeMap::new(), ages: VecDeque::new() }
    }
}

impl<V> Cache<V> {
    /// Adds a page.
    pub fn insert(&mut self, id: PageId, page: Page<V>) {
        if self.pages.insert(id.clone(), page).is_none() {
            self.ages.push_back(id);
        }
    }

    /// Forgets the oldest pages when there are too many. Not to be done between [`missing`] and
    /// the draft it is for.
    pub fn trim(&mut self) {
        while self.pages.len() > CACHED_PAGES_MAX {
            let oldest = self.ages.pop_front().expect("every page has an age");
            self.pages.remove(&oldest);
        }
    }

    fn page(&self, id: &PageId) -> &Page<V> {
        self.pages.get(id).expect("every page that is needed was fetched before")
    }
}

/// The next pages to fetch on the ways from the root to these keys: none when all are there.
///
/// What is below a page that is missing is only known when it is there, so ask again then.
pub(super) fn missing<'a, V>(
    root: Option<&PageId>,
    keys: impl IntoIterator<Item = &'a str>,
    cache: &Cache<V>,
) -> BTreeSet<PageId> {
    keys.into_iter().filter_map(|key| first_missing(root, key, cache)).cloned().collect()
}

fn first_missing<'a, V>(
    root: Option<&'a PageId>,
    key: &str,
    cache: &'a Cache<V>,
) -> Option<&'a PageId> {
    let mut next = root;
    for depth in 0.. {
        let id = next?;
        match cache.pages.get(id) {
            None => return Some(id),
            Some(Page::Leaf(_)) => return None,
            Some(Page::Branch(children)) => next = children.get(&child_of(key, depth)),
        }
    }
    unreachable!("a tree ends");
}

/// A tree with changes that are not stored yet.
pub(super) struct Draft<'a, V> {
    cache: &'a Cache<V>,
    root: Option<Node<V>>,
}

/// A part of a draft.
enum Node<V> {
    /// As it is stored.
    Stored(PageId),
    /// Changed.
    Leaf(BTreeMap<String, V>),
    /// Changed, somewhere below.
    Branch(BTreeMap<usize, Node<V>>),
}

impl<V: Clone + Default> Node<V> {
    /// What is stored, made ready for a change.
    fn open(page: &Page<V>) -> Node<V> {
        match page {
            Page::Leaf(held) => Node::Leaf(held.clone()),
            Page::Branch(children) => {
                let child = |(bits, id): (&usize, &PageId)| (*bits, Node::Stored(id.clone()));
                Node::Branch(children.iter().map(child).collect())
            }
        }
    }

    fn write(&mut self, depth: u32, key: String, change: impl FnOnce(&mut V), cache: &Cache<V>) {
        if let Node::Stored(id) = self {
            *self = Node::open(cache.page(id));
        }
        match self {
            Node::Stored(_) => unreachable!("it was just opened"),
            Node::Leaf(held) => {
                change(held.entry(key).or_default());
                if held.len() > LEAF_KEYS_MAX && depth < DEPTH_MAX {
                    let held = std::mem::take(held);
                    *self = Node::split(held, depth);
                }
            }
            Node::Branch(children) => children
                .entry(child_of(&key, depth))
                .or_insert_with(|| Node::Leaf(BTreeMap::new()))
                .write(depth + 1, key, change, cache),
        }
    }

    fn split(held: BTreeMap<String, V>, depth: u32) -> Node<V> {
        let mut parts = BTreeMap::<usize, BTreeMap<String, V>>::new();
        for (key, value) in held {
            parts.entry(child_of(&key, depth)).or_default().insert(key, value);
        }
        // A part that is still too long is split at its next write.
        Node::Branch(parts.into_iter().map(|(bits, held)| (bits, Node::Leaf(held))).collect())
    }

    fn store(
        self,
        new_id: &mut impl FnMut() -> PageId,
        pages: &mut BTreeMap<PageId, Page<V>>,
    ) -> PageId {
        let page = match self {
            Node::Stored(id) => return id,
            Node::Leaf(held) => Page::Leaf(held),
            Node::Branch(children) => {
                let child = |(bits, node): (usize, Node<V>)| (bits, node.store(new_id, pages));
                Page::Branch(children.into_iter().map(child).collect())
            }
        };
        let id = new_id();
        pages.insert(id.clone(), page);
        id
    }
}

impl<'a, V: Clone + Default> Draft<'a, V> {
    /// The tree with this root; without one, it is empty.
    pub fn new(root: Option<&PageId>, cache: &'a Cache<V>) -> Draft<'a, V> {
        Draft { cache, root: root.cloned().map(Node::Stored) }
    }

    /// What a key holds, if it exists.
    ///
    /// # Panics
    /// When a page on the way to the key is not in the cache.
    pub fn read(&self, key: &str) -> Option<&V> {
        let mut node = self.root.as_ref();
        for depth in 0.. {
            node = match node {
                None => return None,
                Some(Node::Stored(id)) => return self.read_stored(id, depth, key),
                Some(Node::Leaf(held)) => return held.get(key),
                Some(Node::Branch(children)) => children.get(&child_of(key, depth)),
            };
        }
        unreachable!("a tree ends");
    }

    fn read_stored<'s>(&'s self, mut id: &'s PageId, first_depth: u32, key: &str) -> Option<&'s V> {
        for depth in first_depth.. {
            match self.cache.page(id) {
                Page::Leaf(held) => return held.get(key),
                Page::Branch(children) => id = children.get(&child_of(key, depth))?,
            }
        }
        unreachable!("a tree ends");
    }

    /// Changes what a key holds. A key that does not exist holds the default before.
    ///
    /// # Panics
    /// When a page on the way to the key is not in the cache.
    pub fn write(&mut self, key: String, change: impl FnOnce(&mut V)) {
        let root = self.root.get_or_insert_with(|| Node::Leaf(BTreeMap::new()));
        root.write(0, key, change, self.cache);
    }

    /// The new root, and the pages that are to be stored before anybody is told of it; `None`
    /// when nothing was written. `new_id` gives names that no page ever had.
    pub fn finish(
        self,
        mut new_id: impl FnMut() -> PageId,
    ) -> Option<(PageId, BTreeMap<PageId, Page<V>>)> {
        let mut pages = BTreeMap::new();
        match self.root? {
            Node::Stored(_) => None,
            changed => Some((changed.store(&mut new_id, &mut pages), pages)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Fetches pages until none is missing, and says how often that was.
    fn fetch(
        stored: &BTreeMap<PageId, Page<u32>>,
        root: Option<&PageId>,
        keys: &[String],
        cache: &mut Cache<u32>,
    ) -> usize {
        for round in 0.. {
            let ids = missing(root, keys.iter().map(String::as_str), cache);
            if ids.is_empty() {
                return round;
            }
            ids.into_iter().for_each(|id| cache.insert(id.clone(), stored[&id].clone()));
        }
        unreachable!()
    }

    #[test]
    fn every_state_is_a_map_and_stays_what_it_was() {
        for seed in 0..20 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut stored = BTreeMap::new();
            let mut states = vec![(None::<PageId>, BTreeMap::<String, u32>::new())];
            let mut ids = 0;
            for _ in 0..60 {
                // Mostly goes on from the newest state.
                let back = rng.random_range(0..4) / 3 * rng.random_range(0..states.len());
                let (root, mut map) = states[states.len() - 1 - back].clone();
                let keys: Vec<String> =
                    (0..8).map(|_| rng.random_range(0..300).to_string()).collect();
                let mut cache = Cache::default();
                fetch(&stored, root.as_ref(), &keys, &mut cache);
                let mut draft = Draft::new(root.as_ref(), &cache);
                for key in keys {
                    assert_eq!(draft.read(&key), map.get(&key));
                    if rng.random() {
                        let value = rng.random();
                        draft.write(key.clone(), |held| *held = value);
                        assert_eq!(draft.read(&key), Some(&value));
                        map.insert(key, value);
                    }
                }
                let new_id = || {
                    ids += 1;
                    format!("p{ids}")
                };
                if let Some((root, pages)) = draft.finish(new_id) {
                    stored.extend(pages);
                    states.push((Some(root), map));
                }
            }
            let all: Vec<String> = (0..300).map(|key| key.to_string()).collect();
            for (root, map) in states {
                let mut cache = Cache::default();
                assert!(fetch(&stored, root.as_ref(), &all, &mut cache) < 5);
                let draft = Draft::new(root.as_ref(), &cache);
                for key in &all {
                    assert_eq!(draft.read(key), map.get(key));
                }
            }
        }
    }

    #[test]
    fn a_change_makes_new_pages_on_the_way_to_its_key_only() {
        let mut ids = 0;
        let mut new_id = || {
            ids += 1;
            format!("p{ids}")
        };
        let mut cache = Cache::default();
        let mut draft = Draft::new(None, &cache);
        (0..1000).for_each(|key| draft.write(key.to_string(), |held| *held = key));
        let (root, pages) = draft.finish(&mut new_id).unwrap();
        let count = pages.len();
        assert!(count > 200);
        pages.into_iter().for_each(|(id, page)| cache.insert(id, page));
        let mut draft = Draft::new(Some(&root), &cache);
        draft.write("7".into(), |held| *held = 1_000);
        let (_, pages) = draft.finish(&mut new_id).unwrap();
        assert!(pages.len() <= 4, "{} of {count} pages were made anew", pages.len());
    }

    #[test]
    fn reading_stores_nothing() {
        let cache = Cache::<u32>::default();
        let draft = Draft::new(None, &cache);
        assert_eq!(draft.read("7"), None);
        assert!(draft.finish(|| unreachable!()).is_none());
    }

    #[test]
    fn a_cache_forgets_the_oldest() {
        let mut cache = Cache::<u32>::default();
        for number in 0..CACHED_PAGES_MAX + 5 {
            cache.insert(format!("{number}"), Page::Leaf(BTreeMap::new()));
        }
        cache.trim();
        assert_eq!(cache.pages.len(), CACHED_PAGES_MAX);
        assert!(!cache.pages.contains_key("4") && cache.pages.contains_key("5"));
    }
}
