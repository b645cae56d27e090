//! Strongly connected components: Tarjan, *Depth-First Search and Linear Graph Algorithms*
//! (1972), without recursion, so that a path through a million transactions is no problem.

const UNSEEN: u32 = u32::MAX;

/// The components of a graph.
pub struct Components {
    /// The component of each vertex. An edge from one component to another leads to a smaller
    /// number, so that the numbers are a topological order, backwards.
    pub of: Vec<u32>,
    /// How many components there are.
    pub count: u32,
}

impl Components {
    /// Whether two vertices are in one component.
    pub fn are_together(&self, a: u32, b: u32) -> bool {
        self.of[a as usize] == self.of[b as usize]
    }

    /// The vertices of each component that has at least two, in ascending order.
    pub fn of_several(&self) -> Vec<Vec<u32>> {
        let mut sizes = vec![0u32; self.count as usize];
        self.of.iter().for_each(|&component| sizes[component as usize] += 1);
        let mut places = vec![UNSEEN; self.count as usize];
        let mut all: Vec<Vec<u32>> = Vec::new();
        for (vertex, &component) in self.of.iter().enumerate() {
            if sizes[component as usize] < 2 {
                continue;
            }
            let place = &mut places[component as usize];
            if *place == UNSEEN {
                *place = all.len() as u32;
                all.push(Vec::with_capacity(sizes[component as usize] as usize));
            }
            all[*place as usize].push(vertex as u32);
        }
        all
    }
}

/// A graph whose edges can be taken one at a time.
pub trait Walk {
    /// How many vertices there are.
    fn vertices(&self) -> usize;

    /// Where the nth edge of a vertex leads, counted from 0; `None` when it has fewer. An edge
    /// that is there but not to be taken leads back to the vertex itself.
    fn edge(&self, vertex: u32, nth: u32) -> Option<u32>;
}

/// The components of a graph.
pub fn components(graph: &impl Walk) -> Components {
    let vertices = graph.vertices();
    let mut search = Search {
        found: vec![UNSEEN; vertices],
        lowest: vec![0; vertices],
        stack: Vec::new(),
        components: Components { of: vec![UNSEEN; vertices], count: 0 },
        next: 0,
    };
    let mut path: Vec<(u32, u32)> = Vec::new();
    for root in 0..vertices as u32 {
        if search.found[root as usize] != UNSEEN {
            continue;
        }
        search.enter(root);
        path.push((root, 0));
        while let Some((vertex, nth)) = path.last_mut() {
            let vertex = *vertex;
            let Some(to) = graph.edge(vertex, *nth) else {
                path.pop();
                search.leave(vertex);
                if let Some(&(parent, _)) = path.last() {
                    search.lower(parent, search.lowest[vertex as usize]);
                }
                continue;
            };
            *nth += 1;
            if search.found[to as usize] == UNSEEN {
                search.enter(to);
                path.push((to, 0));
            } else if search.components.of[to as usize] == UNSEEN {
                search.lower(vertex, search.found[to as usize]);
            }
        }
    }
    search.components
}

struct Search {
    /// When each vertex was first seen.
    found: Vec<u32>,
    /// The first-seen vertex of its component that each is known to reach.
    lowest: Vec<u32>,
    /// The vertices whose components are still open.
    stack: Vec<u32>,
    components: Components,
    next: u32,
}

impl Search {
    fn enter(&mut self, vertex: u32) {
        self.found[vertex as usize] = self.next;
        self.lowest[vertex as usize] = self.next;
        self.next += 1;
        self.stack.push(vertex);
    }

    fn lower(&mut self, vertex: u32, to: u32) {
        let lowest = &mut self.lowest[vertex as usize];
        *lowest = to.min(*lowest);
    }

    fn leave(&mut self, vertex: u32) {
        // An open vertex of which `lowest` is not itself belongs to one found before it; once
        // its component is closed, `of` says so, and nobody looks at `lowest` again.
        if self.lowest[vertex as usize] != self.found[vertex as usize] {
            return;
        }
        loop {
            let member = self.stack.pop().expect("the vertex itself is on the stack");
            self.components.of[member as usize] = self.components.count;
            if member == vertex {
                break;
            }
        }
        self.components.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    struct Lists(Vec<Vec<u32>>);

    impl Walk for Lists {
        fn vertices(&self) -> usize {
            self.0.len()
        }

        fn edge(&self, vertex: u32, nth: u32) -> Option<u32> {
            self.0[vertex as usize].get(nth as usize).copied()
        }
    }

    /// Which vertices reach which, by way of any others in turn.
    fn reachable(graph: &Lists) -> Vec<Vec<bool>> {
        let n = graph.0.len();
        let mut reaches = vec![vec![false; n]; n];
        for (from, to) in graph.0.iter().enumerate() {
            reaches[from][from] = true;
            to.iter().for_each(|&to| reaches[from][to as usize] = true);
        }
        for via in 0..n {
            for from in 0..n {
                for to in 0..n {
                    reaches[from][to] |= reaches[from][via] && reaches[via][to];
                }
            }
        }
        reaches
    }

    #[test]
    fn vertices_are_together_when_each_reaches_the_other_and_numbers_run_backwards() {
        for seed in 0..1000 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let n = rng.random_range(1..9u32);
            let mut lists = vec![Vec::new(); n as usize];
            for _ in 0..rng.random_range(0..2 * n) {
                lists[rng.random_range(0..n) as usize].push(rng.random_range(0..n));
            }
            let graph = Lists(lists);
            let (found, reaches) = (components(&graph), reachable(&graph));
            for a in 0..n {
                for b in 0..n {
                    let both = reaches[a as usize][b as usize] && reaches[b as usize][a as usize];
                    assert_eq!(found.are_together(a, b), both, "seed {seed}: {:?}", graph.0);
                    if reaches[a as usize][b as usize] {
                        assert!(found.of[a as usize] >= found.of[b as usize], "seed {seed}");
                    }
                }
            }
            let mut several: Vec<u32> = found.of_several().into_iter().flatten().collect();
            several.sort_unstable();
            let is_alone = |&v: &u32| (0..n).all(|w| w == v || !found.are_together(v, w));
            let expected: Vec<u32> = (0..n).filter(|v| !is_alone(v)).collect();
            assert_eq!(several, expected, "seed {seed}");
        }
    }

    #[test]
    fn a_long_path_does_not_overflow_the_stack() {
        let n = 1_000_000;
        let mut lists: Vec<Vec<u32>> = (1..n).map(|next| vec![next]).collect();
        lists.push(vec![0]);
        assert_eq!(components(&Lists(lists)).count, 1);
    }
}
