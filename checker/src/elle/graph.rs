//! A graph of dependencies between transactions, in flat arrays.
//!
//! Some relations are far too large to write down edge by edge: that every transaction which
//! ended before another began precedes it, or that everyone who saw a key empty precedes
//! everyone who wrote it. So a graph has, beside its transactions, *helpers*: vertices that
//! stand for a point in between. A hundred readers and a hundred writers are two hundred edges
//! by way of a helper, not ten thousand. An edge into a helper carries the relation, the edges
//! out of it carry none ([`Relation::Onward`]); a path from one transaction to the next, by way
//! of any number of helpers, is one step.

use super::components::Walk;
use super::tables::number;

/// Why one transaction precedes another. Adya, *Weak Consistency* (1999), section 3.1, for those
/// by data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Relation {
    /// Out of a helper: the relation is that of the edge that led there.
    Onward,
    /// The second overwrote a version that the first wrote.
    WriteWrite,
    /// The second read a version that the first wrote.
    WriteRead,
    /// The second overwrote a version that the first read.
    ReadWrite,
    /// The second changed whether an object matches a predicate by which the first had read.
    PredicateReadWrite,
    /// One process ran the first and then the second.
    Process,
    /// The first had ended when the second began.
    Realtime,
}

impl Relation {
    /// All of them. Of the several that hold between two transactions, one is told: the first.
    pub const ALL: [Relation; 7] = [
        Relation::Onward,
        Relation::WriteWrite,
        Relation::WriteRead,
        Relation::ReadWrite,
        Relation::PredicateReadWrite,
        Relation::Process,
        Relation::Realtime,
    ];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        ["onward", "ww", "wr", "rw", "rwp", "process", "realtime"][self as usize]
    }

    /// The set that has just this relation.
    pub const fn only(self) -> Relations {
        Relations(1 << self as u8)
    }
}

/// A set of relations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relations(u8);

impl Relations {
    /// Both sets together.
    pub const fn and(self, other: Relations) -> Relations {
        Relations(self.0 | other.0)
    }

    /// Whether the relation is in the set.
    pub const fn has(self, relation: Relation) -> bool {
        self.0 & relation.only().0 != 0
    }
}

/// The end of an edge and its relation, in four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head(u32);

const RELATION_SHIFT: u32 = 29;

impl Head {
    fn new(to: u32, relation: Relation) -> Head {
        assert!(to < 1 << RELATION_SHIFT, "a graph has fewer than 2^29 vertices");
        Head(to | (relation as u32) << RELATION_SHIFT)
    }

    fn to(self) -> u32 {
        self.0 & ((1 << RELATION_SHIFT) - 1)
    }

    fn relation(self) -> Relation {
        Relation::ALL[(self.0 >> RELATION_SHIFT) as usize]
    }
}

/// The edges of a graph while it grows.
pub struct Edges {
    transactions: u32,
    vertices: u32,
    list: Vec<(u32, Head)>,
    has_loop: bool,
}

impl Edges {
    /// No edges yet, between so many transactions.
    pub fn new(transactions: usize) -> Edges {
        let transactions = number(transactions);
        Edges { transactions, vertices: transactions, list: Vec::new(), has_loop: false }
    }

    /// Whether there are any, those of a transaction to itself included.
    pub fn has_any(&self) -> bool {
        self.has_loop || !self.list.is_empty()
    }

    /// Notes that a transaction depends on itself, as one does that reads and then writes a
    /// key. That makes no cycle, but it is a dependency.
    pub fn note_loop(&mut self) {
        self.has_loop = true;
    }

    /// A new helper.
    pub fn add_helper(&mut self) -> u32 {
        self.vertices += 1;
        self.vertices - 1
    }

    /// Adds an edge, unless it would lead back to where it starts.
    pub fn add(&mut self, from: u32, to: u32, relation: Relation) {
        if from != to {
            self.list.push((from, Head::new(to, relation)));
        }
    }

    /// Adds an edge from each of the first to each of the second.
    pub fn add_all(&mut self, from: &[u32], to: &[u32], relation: Relation) {
        // A few edges are cheaper than a helper, and show which other relations run beside them.
        if from.len() * to.len() <= 4 * (from.len() + to.len()) {
            for &a in from {
                to.iter().for_each(|&b| self.add(a, b, relation));
            }
        } else {
            let helper = self.add_helper();
            from.iter().for_each(|&a| self.add(a, helper, relation));
            to.iter().for_each(|&b| self.add(helper, b, Relation::Onward));
        }
    }

    /// The graph with these edges.
    pub fn into_graph(self) -> Graph {
        Graph::new(self.transactions, self.vertices, &self.list)
    }
}

/// A graph whose edges lie in one array, ordered by where they start.
pub struct Graph {
    transactions: u32,
    /// Where the edges of each vertex start in `heads`; one more at the end.
    starts: Vec<u32>,
    heads: Vec<Head>,
}

impl Graph {
    fn new(transactions: u32, vertices: u32, edges: &[(u32, Head)]) -> Graph {
        let mut starts = vec![0u32; vertices as usize + 1];
        for (from, _) in edges {
            starts[*from as usize + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        number(edges.len());
        let mut heads = vec![Head(0); edges.len()];
        // Each start moves on while edges are put there, to where the next vertex starts.
        for (from, head) in edges {
            let next = &mut starts[*from as usize];
            heads[*next as usize] = *head;
            *next += 1;
        }
        starts.rotate_right(1);
        starts[0] = 0;
        Graph { transactions, starts, heads }
    }

    /// How many vertices there are, helpers included.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether a vertex is a helper.
    pub fn is_helper(&self, vertex: u32) -> bool {
        vertex >= self.transactions
    }

    /// The edges that start at a vertex: where they lead, and why.
    pub fn edges(&self, vertex: u32) -> impl Iterator<Item = (u32, Relation)> + '_ {
        let start = self.starts[vertex as usize] as usize;
        let end = self.starts[vertex as usize + 1] as usize;
        self.heads[start..end].iter().map(|head| (head.to(), head.relation()))
    }

    /// One of them, counted from 0.
    pub fn nth_edge(&self, vertex: u32, nth: u32) -> Option<(u32, Relation)> {
        let place = self.starts[vertex as usize] + nth;
        let is_there = place < self.starts[vertex as usize + 1];
        is_there.then(|| {
            let head = self.heads[place as usize];
            (head.to(), head.relation())
        })
    }

    /// The graph of some vertices, in ascending order, and of the edges between them. `places`
    /// has room for all vertices; it comes and goes with [`u32::MAX`] in every place. Of several
    /// edges that say the same, one is kept.
    pub fn restricted_to(&self, vertices: &[u32], places: &mut [u32]) -> Graph {
        for (place, &vertex) in vertices.iter().enumerate() {
            places[vertex as usize] = number(place);
        }
        let mut edges = Vec::new();
        for (place, &vertex) in vertices.iter().enumerate() {
            let inside = self.edges(vertex).filter(|(to, _)| places[*to as usize] != u32::MAX);
            edges.extend(
                inside.map(|(to, relation)| {
                    (number(place), Head::new(places[to as usize], relation))
                }),
            );
        }
        vertices.iter().for_each(|&vertex| places[vertex as usize] = u32::MAX);
        edges.sort_unstable();
        edges.dedup();
        let transactions = vertices.iter().filter(|&&vertex| !self.is_helper(vertex)).count();
        Graph::new(number(transactions), number(vertices.len()), &edges)
    }

    /// The same without edges that say `rw` beside one that says `ww` or `wr`: a cycle that takes
    /// it is, by way of the other, a worse one. So it is with `rwp` beside any of these. Only for a
    /// graph whose edges are in order, as those of [`restricted_to`](Graph::restricted_to) are.
    pub fn without_milder(&self) -> Graph {
        let has = |from: usize, head: Head| {
            let heads = &self.heads[self.starts[from] as usize..self.starts[from + 1] as usize];
            heads.binary_search(&head).is_ok()
        };
        let mut kept = Vec::with_capacity(self.heads.len());
        for from in 0..self.len() {
            for (to, relation) in self.edges(number(from)) {
                let is_worse = |relation| has(from, Head::new(to, relation));
                let is_beside_flow =
                    || is_worse(Relation::WriteWrite) || is_worse(Relation::WriteRead);
                let is_milder = match relation {
                    Relation::ReadWrite => is_beside_flow(),
                    Relation::PredicateReadWrite => {
                        is_worse(Relation::ReadWrite) || is_beside_flow()
                    }
                    _ => false,
                };
                if !is_milder {
                    kept.push((number(from), Head::new(to, relation)));
                }
            }
        }
        Graph::new(self.transactions, number(self.len()), &kept)
    }
}

/// The whole graph, for the search for components.
impl Walk for Graph {
    fn vertices(&self) -> usize {
        self.len()
    }

    fn edge(&self, vertex: u32, nth: u32) -> Option<u32> {
        self.nth_edge(vertex, nth).map(|(to, _)| to)
    }
}
