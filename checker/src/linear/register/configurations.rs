//! A set of configurations that need each other: none stands for another.
//!
//! Whoever joins must be compared with the others, in both directions. Three things make that
//! cheap. One that was offered before is known by its *fingerprint*, and is not compared at all:
//! many ways lead to the same configuration. Only those of one *kind* are compared, which have
//! in common what two must have in common if one is to stand for the other. And each of these
//! has a *sign*, a number that nearly always shows that it does not, so that a comparison is an
//! instruction or two on memory that is read from front to back. What is left is counted, for
//! the budget.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::model::Value;
use super::super::search::memo::random;
use super::super::slots::Slots;
use super::configuration::{Configuration, Origin};
use super::crashed::Crashed;
use super::pending::Pending;

/// A set that keeps only configurations for which no other stands, and not too many of them.
pub struct Configurations<const WORDS: usize> {
    /// How many may be kept of those that are better or worse than each other, if it were not
    /// for the crashed operations that they have used.
    pub limit: usize,
    /// Whether there were more, and some have been dropped.
    pub has_dropped: bool,
    /// The members, as long as they are few.
    few: Group<WORDS>,
    /// The members of each kind, in the order in which the kinds came up, once they are many.
    groups: Vec<Group<WORDS>>,
    /// Where the groups are, by kind.
    places: FxHashMap<Kind<WORDS>, usize>,
    /// How many members there are.
    count: usize,
    /// The fingerprints of all that were offered since there are many.
    offered: FxHashSet<Fingerprint>,
    /// How many comparisons there have been that have not been counted as steps.
    comparisons: u64,
}

/// What two configurations have in common if one stands for the other: the value, and which cas
/// have taken effect.
type Kind<const WORDS: usize> = (Value, Slots<WORDS>);

/// Members that are compared with each other.
#[derive(Default)]
struct Group<const WORDS: usize> {
    members: Vec<Configuration<WORDS>>,
    /// For each member a sign of which crashed operations it has used: see [`Crashed::sign`].
    /// Among few it is 0, which says nothing.
    signs: Vec<u64>,
}

/// So many comparisons count as a step.
const COMPARISONS_A_STEP: u64 = 64;

/// Fewer members than this are compared faster one by one.
const FEW: usize = 16;

/// A sum of random numbers, as in [`super::super::search::memo`]; its halves, because a `u128`
/// would need more room.
type Fingerprint = (u64, u64);

fn fingerprint<const WORDS: usize>(configuration: &Configuration<WORDS>) -> Fingerprint {
    let Configuration { value, origin, done, early, age, spent } = configuration;
    let origin = match origin {
        Origin::Settled => 0,
        Origin::Write => 1,
        Origin::CrashedWrite => 2,
        Origin::CrashedCas(from) => 3 + u64::from(*from),
    };
    let mut sum = random(10, u64::from(*value))
        .wrapping_add(random(11, origin))
        .wrapping_add(random(12, u64::from(*age)));
    for (kind, slots) in [(13, done), (14, early)] {
        for (word, place) in slots.words().zip(0u64..).filter(|(word, _)| *word != 0) {
            // Each of the halves is far from all words and places.
            let part = random(kind, place);
            sum = sum.wrapping_add(random(part as u64, word));
        }
    }
    for (column, count) in spent.counts() {
        sum = sum.wrapping_add(random(15, (column as u64) << 32 | u64::from(count)));
    }
    ((sum >> 64) as u64, sum as u64)
}

impl<const WORDS: usize> Configurations<WORDS> {
    /// An empty set.
    pub fn new(limit: usize) -> Configurations<WORDS> {
        Configurations {
            limit,
            has_dropped: false,
            few: Group::default(),
            groups: Vec::new(),
            places: FxHashMap::default(),
            count: 0,
            offered: FxHashSet::default(),
            comparisons: 0,
        }
    }

    /// Empties the set, before others are offered.
    pub fn clear(&mut self) {
        self.few.members.clear();
        self.few.signs.clear();
        self.count = 0;
        if !self.groups.is_empty() {
            self.groups.clear();
            self.places.clear();
            self.offered.clear();
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Puts the members here, and is empty then.
    pub fn move_to(&mut self, members: &mut Vec<Configuration<WORDS>>) {
        members.clear();
        members.append(&mut self.few.members);
        self.groups.iter_mut().for_each(|group| members.append(&mut group.members));
        self.clear();
    }

    /// The steps since the last time.
    pub fn take_steps(&mut self) -> u64 {
        let steps = self.comparisons / COMPARISONS_A_STEP;
        self.comparisons %= COMPARISONS_A_STEP;
        steps
    }

    /// How many bytes the set holds, where so many numbers say which crashed operations were
    /// used. A few members are not worth counting.
    pub fn bytes(&self, columns: usize) -> usize {
        if self.groups.is_empty() {
            return 0;
        }
        let member = size_of::<Configuration<WORDS>>() + columns * size_of::<u32>();
        // A list has room for up to twice as many.
        2 * self.count * (member + size_of::<u64>())
            + self.offered.capacity() * (size_of::<Fingerprint>() * 8 / 7 + 1)
    }

    /// Adds a configuration, unless it was offered before, there is one that stands for it, or
    /// there are too many. Returns whether it was added.
    pub fn offer(
        &mut self,
        offered: &Configuration<WORDS>,
        pending: &Pending<WORDS>,
        crashed: &Crashed,
    ) -> bool {
        let is_many = !self.groups.is_empty();
        let limit = Some(self.limit).filter(|_| !crashed.is_empty());
        if is_many && !self.offered.insert(fingerprint(offered)) {
            return false;
        }
        let (group, sign) = if is_many {
            (self.group(offered, pending), crashed.sign(&offered.spent))
        } else {
            (&mut self.few, 0)
        };
        let before = group.members.len();
        let mut has_dropped = false;
        let is_added = group.offer(offered, sign, pending, crashed, limit, &mut has_dropped);
        let after = group.members.len();
        self.comparisons += before as u64;
        self.has_dropped |= has_dropped;
        self.count = self.count - before + after;
        if !is_many && after == FEW {
            let Group { members, .. } = std::mem::take(&mut self.few);
            for member in members {
                let sign = crashed.sign(&member.spent);
                let group = self.group(&member, pending);
                group.members.push(member);
                group.signs.push(sign);
            }
        }
        is_added
    }

    /// The members of the same kind.
    fn group(
        &mut self,
        offered: &Configuration<WORDS>,
        pending: &Pending<WORDS>,
    ) -> &mut Group<WORDS> {
        let kind = (offered.value, offered.done & pending.cases);
        let place = *self.places.entry(kind).or_insert_with(|| {
            self.groups.push(Group::default());
            self.groups.len() - 1
        });
        &mut self.groups[place]
    }
}

impl<const WORDS: usize> Group<WORDS> {
    fn offer(
        &mut self,
        offered: &Configuration<WORDS>,
        sign: u64,
        pending: &Pending<WORDS>,
        crashed: &Crashed,
        limit: Option<usize>,
        has_dropped: &mut bool,
    ) -> bool {
        let mut ours = self.signs.iter().zip(&self.members);
        let is_known = ours
            .any(|(known, kept)| known & !sign == 0 && kept.stands_for(offered, pending, crashed));
        if is_known {
            return false;
        }
        self.drop_those(|known, kept| {
            sign & !known == 0 && offered.stands_for(kept, pending, crashed)
        });
        if let Some(limit) = limit.filter(|limit| self.members.len() >= *limit) {
            let is_rival = |kept: &Configuration<WORDS>| {
                kept.is_no_worse(offered, pending) || offered.is_no_worse(kept, pending)
            };
            let rivals = self.members.iter().enumerate().filter(|(_, kept)| is_rival(kept));
            let mut count = 0;
            let totals = rivals.inspect(|_| count += 1);
            // The thrifty ones have the better prospects.
            let worst = totals.map(|(place, kept)| (kept.spent.total(), place)).max();
            if let Some((total, worst)) = worst.filter(|_| count >= limit) {
                *has_dropped = true;
                let is_better = offered.spent.total() < total;
                if is_better {
                    (self.signs[worst], self.members[worst]) = (sign, offered.clone());
                }
                return is_better;
            }
        }
        self.signs.push(sign);
        self.members.push(offered.clone());
        true
    }

    fn drop_those(&mut self, is_dropped: impl Fn(u64, &Configuration<WORDS>) -> bool) {
        let mut ours = self.signs.iter().zip(&self.members);
        let Some(first) = ours.position(|(sign, kept)| is_dropped(*sign, kept)) else { return };
        let mut kept = first;
        for place in first + 1..self.members.len() {
            if !is_dropped(self.signs[place], &self.members[place]) {
                self.signs[kept] = self.signs[place];
                self.members.swap(kept, place);
                kept += 1;
            }
        }
        self.signs.truncate(kept);
        self.members.truncate(kept);
    }
}
