//! A set of configurations that need each other: none stands for another.
//!
//! Whoever joins must be compared with all others, in both directions. Three things make that
//! cheap. One that was offered before is known by its *fingerprint*, and is not compared at all:
//! many ways lead to the same configuration. Each member has a *sign*, two numbers that nearly
//! always show that two members have nothing to do with each other, so that a comparison is a
//! few instructions on memory that is read from front to back. And what is left is counted, for
//! the budget.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashSet, FxHasher};

use super::super::search::memo::random;
use super::configuration::{Configuration, Origin};
use super::crashed::Crashed;
use super::pending::Pending;

/// A set that keeps only configurations for which no other stands, and not too many of them.
pub struct Configurations<const WORDS: usize> {
    /// The configurations.
    pub members: Vec<Configuration<WORDS>>,
    /// How many may be kept of those that are better or worse than each other, if it were not
    /// for the crashed operations that they have used.
    pub limit: usize,
    /// Whether there were more, and some have been dropped.
    pub has_dropped: bool,
    /// The signs of the members, in their order.
    signs: Vec<Sign>,
    /// The fingerprints of all that were offered since there are more than a few.
    offered: FxHashSet<Fingerprint>,
    /// How many comparisons there have been that have not been counted as steps.
    comparisons: u64,
}

/// So many comparisons count as a step.
const COMPARISONS_A_STEP: u64 = 64;

/// Comparing with fewer than so many members is faster than to make a fingerprint.
const FEW: usize = 16;

/// A sum of random numbers, as in [`super::super::search::memo`]; its halves, because a `u128`
/// would need more room.
type Fingerprint = (u64, u64);

/// What shows at a glance that one configuration does not stand for another.
#[derive(Clone, Copy)]
struct Sign {
    /// A hash of what two must have in common: the value, and which cas have taken effect.
    kind: u64,
    /// Which crashed operations were used of those that nothing else can take the place of. One
    /// that has used more does not stand for one that has used less.
    spent: u64,
}

impl Sign {
    fn of<const WORDS: usize>(
        configuration: &Configuration<WORDS>,
        pending: &Pending<WORDS>,
        crashed: &Crashed,
    ) -> Sign {
        let mut hasher = FxHasher::default();
        (configuration.value, configuration.done & pending.cases).hash(&mut hasher);
        Sign { kind: hasher.finish(), spent: crashed.sign(&configuration.spent) }
    }

    /// Whether one with this sign may stand for one with the other.
    fn may_stand_for(self, other: Sign) -> bool {
        self.kind == other.kind && self.spent & !other.spent == 0
    }
}

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
            members: Vec::new(),
            limit,
            has_dropped: false,
            signs: Vec::new(),
            offered: FxHashSet::default(),
            comparisons: 0,
        }
    }

    /// Empties the set, before others are offered.
    pub fn clear(&mut self) {
        self.members.clear();
        self.signs.clear();
        self.offered.clear();
    }

    /// The steps since the last time.
    pub fn take_steps(&mut self) -> u64 {
        let steps = self.comparisons / COMPARISONS_A_STEP;
        self.comparisons %= COMPARISONS_A_STEP;
        steps
    }

    /// How many bytes the set holds, where so many numbers say which crashed operations were
    /// used.
    pub fn bytes(&self, columns: usize) -> usize {
        let member = size_of::<Configuration<WORDS>>() + columns * size_of::<u32>();
        self.members.capacity() * (member + size_of::<Sign>())
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
        if self.members.len() >= FEW && !self.offered.insert(fingerprint(offered)) {
            return false;
        }
        let sign = Sign::of(offered, pending, crashed);
        self.comparisons += self.members.len() as u64;
        let mut ours = self.signs.iter().zip(&self.members);
        let is_known = ours.any(|(known, kept)| {
            known.may_stand_for(sign) && kept.stands_for(offered, pending, crashed)
        });
        if is_known {
            return false;
        }
        self.drop_those(|known, kept| {
            sign.may_stand_for(*known) && offered.stands_for(kept, pending, crashed)
        });
        if !crashed.is_empty() && self.limit < usize::MAX {
            let is_rival = |(known, kept): &(&Sign, &Configuration<WORDS>)| {
                known.kind == sign.kind
                    && (kept.is_no_worse(offered, pending) || offered.is_no_worse(kept, pending))
            };
            let ours = || self.signs.iter().zip(&self.members);
            if ours().filter(is_rival).count() >= self.limit {
                self.has_dropped = true;
                // The thrifty ones have the better prospects.
                let rivals = ours().enumerate().filter(|(_, one)| is_rival(one));
                let totals = rivals.map(|(place, (_, kept))| (kept.spent.total(), place));
                let (total, worst) = totals.max().expect("there are rivals");
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

    fn drop_those(&mut self, is_dropped: impl Fn(&Sign, &Configuration<WORDS>) -> bool) {
        let ours = self.signs.iter().zip(&self.members);
        let Some(first) = ours.into_iter().position(|(sign, kept)| is_dropped(sign, kept)) else {
            return;
        };
        let mut kept = first;
        for place in first + 1..self.members.len() {
            if !is_dropped(&self.signs[place], &self.members[place]) {
                self.signs[kept] = self.signs[place];
                self.members.swap(kept, place);
                kept += 1;
            }
        }
        self.signs.truncate(kept);
        self.members.truncate(kept);
    }
}
