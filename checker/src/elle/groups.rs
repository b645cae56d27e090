//! Numbers in groups, in one array.

use super::tables::number;

/// For each group its members, in the order in which they came.
pub struct Groups {
    starts: Vec<u32>,
    members: Vec<u32>,
}

impl Groups {
    /// So many groups, and the members with their groups. `pairs` is asked twice, to count and
    /// to place, and must give the same both times.
    pub fn new<I>(groups: usize, pairs: impl Fn() -> I) -> Groups
    where
        I: Iterator<Item = (usize, u32)>,
    {
        let mut starts = vec![0u32; groups + 1];
        pairs().for_each(|(group, _)| starts[group + 1] += 1);
        let mut total = 0;
        for start in &mut starts {
            total += *start as usize;
            *start = number(total);
        }
        let mut members = vec![0; total];
        let mut next = starts.clone();
        for (group, member) in pairs() {
            members[next[group] as usize] = member;
            next[group] += 1;
        }
        Groups { starts, members }
    }

    /// The members of a group.
    pub fn of(&self, group: usize) -> &[u32] {
        &self.members[self.starts[group] as usize..self.starts[group + 1] as usize]
    }
}
