//! The states of lists, as trees.
//!
//! Every list that somebody read is a path from the root of its key's tree: the root is the
//! empty list, and each node adds one element. A read is then one number, however long the
//! list; two reads are equal when their nodes are; and one list is a prefix of another when its
//! node is an ancestor. The tree of a healthy key does not branch.
//!
//! So most reads are compared with the *trunk*, the path that was read first, element by
//! element in an array, and only what strays from it takes a look-up for each element.

use rustc_hash::{FxHashMap, FxHashSet};

use super::clojure_hash;
use super::tables::{NONE, Tables, number};
use super::transaction::States;
use crate::atom::Atom;
use crate::edn::Edn;
use crate::history::Cursor;

/// The trees of all keys.
#[derive(Default)]
pub struct Lists {
    nodes: Vec<Node>,
    keys: Vec<KeyTree>,
    /// The children that are not on a trunk, by parent and version.
    branches: FxHashMap<(u32, u32), u32>,
    /// How long the trunk is at the first occurrence of a version; 0 when it is not on it.
    trunk_places: Vec<u32>,
}

struct Node {
    parent: u32,
    /// The last element; of a root, [`NONE`].
    version: u32,
    length: u32,
    has_repeats: bool,
}

struct KeyTree {
    root: u32,
    /// Its elements, each with the node of the list that it ends.
    trunk: Vec<(Atom, u32)>,
    is_branched: bool,
}

impl States for Lists {
    const WRITE: &'static str = "append";
    const HAS_NUMBERS: bool = false;

    fn initial(&mut self, key: u32) -> u32 {
        while self.keys.len() <= key as usize {
            let root = self.add(NONE, NONE, 0, false);
            self.keys.push(KeyTree { root, trunk: Vec::new(), is_branched: false });
        }
        self.keys[key as usize].root
    }

    fn read(&mut self, tables: &mut Tables, key: u32, value: &mut Cursor) -> Result<u32, String> {
        let length = value.sequence().ok_or("a list or nil")?;
        let mut node = self.initial(key);
        let trunk = &self.keys[key as usize].trunk;
        let mut shared = 0;
        while shared < length.min(trunk.len()) {
            let mut behind = *value;
            if !tables.atoms.is_next(trunk[shared].0, &mut behind) {
                break;
            }
            *value = behind;
            shared += 1;
        }
        if shared > 0 {
            node = trunk[shared - 1].1;
        }
        if shared < length {
            let versions = (shared..length).map(|_| {
                let atom = tables.atoms.read(value);
                tables.version(key, atom)
            });
            let versions: Vec<u32> = versions.collect();
            node = if shared == trunk.len() {
                self.extend_trunk(tables, key, node, &versions)
            } else {
                self.branch_off(key, node, &versions)
            };
        }
        Ok(node)
    }

    fn finish(&mut self) {
        self.keys.iter_mut().for_each(|key| key.trunk = Vec::new());
        self.branches = FxHashMap::default();
        self.trunk_places = Vec::new();
    }

    fn edn(&self, tables: &Tables, node: u32) -> Edn {
        let elements = self.elements(node);
        Edn::Vector(elements.into_iter().map(|version| tables.version_edn(version)).collect())
    }
}

impl Lists {
    fn add(&mut self, parent: u32, version: u32, length: u32, has_repeats: bool) -> u32 {
        self.nodes.push(Node { parent, version, length, has_repeats });
        number(self.nodes.len() - 1)
    }

    fn extend_trunk(&mut self, tables: &Tables, key: u32, tip: u32, versions: &[u32]) -> u32 {
        self.trunk_places.resize(tables.versions.len(), 0);
        let mut node = tip;
        for &version in versions {
            let Node { length, has_repeats, .. } = self.nodes[node as usize];
            let place = &mut self.trunk_places[version as usize];
            let is_repeat = *place != 0;
            if !is_repeat {
                *place = length + 1;
            }
            node = self.add(node, version, length + 1, has_repeats || is_repeat);
            let atom = tables.versions[version as usize].atom;
            self.keys[key as usize].trunk.push((atom, node));
        }
        node
    }

    fn branch_off(&mut self, key: u32, from: u32, versions: &[u32]) -> u32 {
        let forks_at = self.nodes[from as usize].length;
        let mut node = from;
        let mut seen = FxHashSet::default();
        for &version in versions {
            let place = self.trunk_places.get(version as usize).copied().unwrap_or(0);
            let is_repeat = !seen.insert(version) || (1..=forks_at).contains(&place);
            let Node { length, has_repeats, .. } = self.nodes[node as usize];
            node = match self.branches.get(&(node, version)) {
                Some(&child) => child,
                None => {
                    let child = self.add(node, version, length + 1, has_repeats || is_repeat);
                    self.branches.insert((node, version), child);
                    child
                }
            };
        }
        self.keys[key as usize].is_branched = true;
        node
    }

    /// The longest list that was read of each key; of several that are as long, the one that
    /// [`clojure_hash`] puts last. `None` for a key that nobody read.
    pub fn longest(&self, tables: &Tables) -> Vec<Option<u32>> {
        let mut hashes = vec![clojure_hash::EMPTY; self.nodes.len()];
        let mut longest: Vec<Option<u32>> =
            (0..tables.keys.len()).map(|key| self.keys.get(key).map(|tree| tree.root)).collect();
        for (node, list) in self.nodes.iter().enumerate().filter(|(_, list)| list.parent != NONE) {
            // Parents come before their children.
            let version = &tables.versions[list.version as usize];
            hashes[node] =
                clojure_hash::extend(hashes[list.parent as usize], version.atom.as_integer());
            let best =
                longest[version.key as usize].as_mut().expect("a key that was read has a root");
            let best_length = self.nodes[*best as usize].length;
            let rank = |node: usize| clojure_hash::rank(hashes[node], list.length);
            let is_better = list.length > best_length
                || list.length == best_length && rank(node) > rank(*best as usize);
            if is_better {
                *best = number(node);
            }
        }
        longest
    }

    /// Whether two lists were read of this key of which neither is a prefix of the other.
    pub fn is_branched(&self, key: u32) -> bool {
        self.keys.get(key as usize).is_some_and(|tree| tree.is_branched)
    }

    /// Whether a list agrees with all others of its key, and has each element once.
    pub fn is_plain(&self, key: u32, node: u32) -> bool {
        !self.is_branched(key) && !self.has_repeats(node)
    }

    /// How many nodes there are; a node's number is greater than its parent's.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The list without its last element; [`NONE`] for an empty list.
    pub fn parent(&self, node: u32) -> u32 {
        self.nodes[node as usize].parent
    }

    /// The last element; [`NONE`] for an empty list.
    pub fn last(&self, node: u32) -> u32 {
        self.nodes[node as usize].version
    }

    /// How many elements the list has.
    pub fn length(&self, node: u32) -> u32 {
        self.nodes[node as usize].length
    }

    /// Whether an element occurs twice in the list.
    pub fn has_repeats(&self, node: u32) -> bool {
        self.nodes[node as usize].has_repeats
    }

    /// The elements, the last one first.
    pub fn backwards(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(Some(node), |&node| Some(self.parent(node)))
            .map(|node| self.last(node))
            .take_while(|&version| version != NONE)
    }

    /// The elements in order.
    pub fn elements(&self, node: u32) -> Vec<u32> {
        let mut elements: Vec<u32> = self.backwards(node).collect();
        elements.reverse();
        elements
    }

    /// Whether one list is a prefix of the other.
    pub fn is_prefix(&self, prefix: u32, list: u32) -> bool {
        let mut node = list;
        while self.length(node) > self.length(prefix) {
            node = self.parent(node);
        }
        node == prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{History, Packed};

    /// Reads of one key, as texts; the nodes that they became.
    fn read_all(lists: &mut Lists, tables: &mut Tables, texts: &[&str]) -> Vec<u32> {
        let atom = tables.atoms.intern(&Edn::Int(0));
        let key = tables.key(atom);
        let read = |text: &&str| {
            let text = format!("{{:type :ok, :process 0, :value {text}}}");
            let mut packed = Packed::default();
            packed.push(&History::parse(&text).unwrap().ops[0]);
            lists.read(tables, key, &mut packed.entry(0).cursor()).unwrap()
        };
        texts.iter().map(read).collect()
    }

    #[test]
    fn lists_come_back_as_they_were_read() {
        let (mut lists, mut tables) = (Lists::default(), Tables::default());
        let texts =
            ["[]", "[1 2]", "[1]", "[1 2 3]", "[1 3]", "[1 3 2]", "[:a]", "[1 2 3]", "[1 3 2 4 5]"];
        let nodes = read_all(&mut lists, &mut tables, &texts);
        for (text, &node) in texts.iter().zip(&nodes) {
            assert_eq!(lists.edn(&tables, node).to_string(), *text);
        }
        assert_eq!(nodes[3], nodes[7]);
        assert_eq!(lists.longest(&tables), [Some(nodes[8])]);
        assert!(lists.is_branched(0));
        for (i, a) in texts.iter().enumerate() {
            for (j, b) in texts.iter().enumerate() {
                let is_prefix = b.starts_with(a.trim_end_matches(']'));
                assert_eq!(lists.is_prefix(nodes[i], nodes[j]), is_prefix, "{a} {b}");
            }
        }
    }

    /// The lists are those of histories that Elle has judged: with each, another choice would
    /// have led to another verdict than the one it gave.
    #[test]
    fn of_the_longest_lists_the_one_that_elle_takes_counts() {
        for (texts, longest) in [
            (&["[]"][..], "[]"),
            (&["[1 2]", "[3]"], "[1 2]"),
            (&["[1]", "[2]"], "[1]"),
            (&["[1 3 4]", "[1 3 4]", "[4 1 3]"], "[4 1 3]"),
            (&["[1 2 3]", "[1 2 3]", "[3 2 1]"], "[3 2 1]"),
            (&["[1 2 4]", "[1 2 3]", "[1 2 3]"], "[1 2 4]"),
        ] {
            for turned in [false, true] {
                let mut texts = texts.to_vec();
                if turned {
                    texts.reverse();
                }
                let (mut lists, mut tables) = (Lists::default(), Tables::default());
                read_all(&mut lists, &mut tables, &texts);
                let found = lists.longest(&tables)[0].unwrap();
                assert_eq!(lists.edn(&tables, found).to_string(), longest, "{texts:?}");
            }
        }
    }

    #[test]
    fn repeats_are_noticed_on_the_trunk_and_off_it() {
        let (mut lists, mut tables) = (Lists::default(), Tables::default());
        let texts =
            ["[1 2 3]", "[1 2 4 5]", "[1 2 4 2]", "[1 2 4 3 4]", "[1 2 3 1 5]", "[1 2 4 3]"];
        let nodes = read_all(&mut lists, &mut tables, &texts);
        let repeats: Vec<bool> = nodes.iter().map(|&node| lists.has_repeats(node)).collect();
        assert_eq!(repeats, [false, false, true, true, true, false]);
    }
}
