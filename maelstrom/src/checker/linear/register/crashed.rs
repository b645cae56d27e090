//! Operations that crashed: they may take effect at any time from now on, or never.
//!
//! There can be thousands of them, and all stay pending to the end, so they have no slots.
//! Those that make the same call form a *class* and are told apart by nothing but the time from
//! which they may be used. So a configuration only counts how many of each class it has used.
//!
//! Counts still differ in many ways that do not matter. Two configurations may explain the past
//! by different classes, and every such choice would double the work for ever. So they may be
//! merged, into one that remembers two counts: how many operations were *used* on the way that
//! it really took, and the *least* that any of the merged ones had used. When the first count
//! runs out and only the second allows one more, what follows is a *ghost*: it shows what might
//! be possible, and proves nothing. The search draws on both: what no ghost can do is
//! impossible, what a real configuration does is possible. Where only ghosts are left, the
//! counts of the class that ran out were merged too freely; the search starts again with a
//! larger *margin*, which is how many operations of a class must be left before a difference in
//! its count may be forgotten. With a large enough margin nothing is merged.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::super::model::{RegisterCall, Value};
use super::super::trace::{Event, Trace};

/// All classes of a trace, and how many of each have been invoked by now.
pub struct Crashed {
    classes: Vec<Class>,
    by_call: FxHashMap<RegisterCall, usize>,
    cas_from: FxHashMap<Value, Vec<usize>>,
    cas_to: FxHashMap<Value, Vec<usize>>,
    /// For each value, how many operations that need it have not returned yet. No class can be
    /// used more often than its result is needed.
    demand: Vec<usize>,
}

/// Crashed operations that make the same call.
struct Class {
    call: RegisterCall,
    /// The value that its operations leave behind.
    result: Value,
    /// The operations, and when each was invoked, in order.
    operations: Vec<(usize, usize)>,
    invoked: usize,
    margin: usize,
}

impl Crashed {
    /// The crashed operations of a trace, none of them invoked yet.
    pub fn new(trace: &Trace<RegisterCall>) -> Crashed {
        let mut crashed = Crashed {
            classes: Vec::new(),
            by_call: FxHashMap::default(),
            cas_from: FxHashMap::default(),
            cas_to: FxHashMap::default(),
            demand: Vec::new(),
        };
        for (now, event) in trace.events.iter().enumerate() {
            if let Event::Invoke(id) = *event
                && trace.operations[id].returned_at.is_none()
            {
                crashed.add(trace.operations[id].call, id, now);
            }
        }
        if !crashed.is_empty() {
            crashed.reset(trace);
        }
        crashed
    }

    fn add(&mut self, call: RegisterCall, operation: usize, now: usize) {
        let result = match call {
            RegisterCall::Write(value) => value,
            RegisterCall::Cas(from, to) if from != to => to,
            // It changes nothing and tells nobody anything.
            RegisterCall::Read(_) | RegisterCall::Cas(..) => return,
        };
        let class = *self.by_call.entry(call).or_insert_with(|| {
            let operations = Vec::new();
            self.classes.push(Class { call, result, operations, invoked: 0, margin: 0 });
            if let RegisterCall::Cas(from, to) = call {
                self.cas_from.entry(from).or_default().push(self.classes.len() - 1);
                self.cas_to.entry(to).or_default().push(self.classes.len() - 1);
            }
            self.classes.len() - 1
        });
        self.classes[class].operations.push((operation, now));
    }

    /// Back to the start of the trace.
    pub fn reset(&mut self, trace: &Trace<RegisterCall>) {
        self.classes.iter_mut().for_each(|class| class.invoked = 0);
        self.demand.clear();
        for operation in &trace.operations {
            self.count_demand(operation.call, |demand| *demand += 1);
        }
    }

    fn count_demand(&mut self, call: RegisterCall, change: impl FnOnce(&mut usize)) {
        if let RegisterCall::Read(value) | RegisterCall::Cas(value, _) = call {
            let value = value as usize;
            if value >= self.demand.len() {
                self.demand.resize(value + 1, 0);
            }
            change(&mut self.demand[value]);
        }
    }

    /// Whether there are none in the whole trace.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// One of them begins.
    pub fn invoke(&mut self, call: RegisterCall) {
        if let Some(&class) = self.by_call.get(&call) {
            self.classes[class].invoked += 1;
        }
    }

    /// An operation that did not crash has returned.
    pub fn returned(&mut self, call: RegisterCall) {
        if !self.is_empty() {
            self.count_demand(call, |demand| *demand -= 1);
        }
    }

    /// The next run is to be more exact about this class.
    ///
    /// Returns whether that makes a difference: once the margin is as large as the class, it was
    /// exact already.
    pub fn raise_margin(&mut self, class: usize) -> bool {
        let Class { operations, margin, .. } = &mut self.classes[class];
        if *margin > operations.len() {
            return false;
        }
        *margin = (*margin * 4).max(1);
        true
    }

    /// The classes of cas that lead from this value, each with the value that it leads to.
    pub fn cas_from(&self, value: Value) -> impl Iterator<Item = (usize, Value)> {
        let classes = self.cas_from.get(&value).into_iter().flatten();
        classes.map(|&class| (class, self.classes[class].result)).filter(|c| self.invoked(c.0) > 0)
    }

    /// The values from which a crashed cas leads to this one.
    pub fn cas_to(&self, value: Value) -> impl Iterator<Item = Value> {
        let classes = self.cas_to.get(&value).into_iter().flatten();
        classes.filter(|&&class| self.invoked(class) > 0).filter_map(|&class| {
            match self.classes[class].call {
                RegisterCall::Cas(from, _) => Some(from),
                RegisterCall::Read(_) | RegisterCall::Write(_) => None,
            }
        })
    }

    /// The class of this call, if there is one.
    pub fn class(&self, call: RegisterCall) -> Option<usize> {
        self.by_call.get(&call).copied()
    }

    /// How many of a class have been invoked by now.
    pub fn invoked(&self, class: usize) -> usize {
        self.classes[class].invoked
    }

    /// How many of a class had been invoked before a moment in the past.
    pub fn invoked_before(&self, class: usize, moment: usize) -> usize {
        self.classes[class].operations.partition_point(|&(_, invoked)| invoked < moment)
    }

    /// Operations that are pending in a configuration that has used so many: as many as are
    /// left of each class, the latest ones, no more than `limit` in all.
    pub fn left(&self, spent: &Spent, limit: usize) -> Vec<usize> {
        let mut left = Vec::new();
        for (index, class) in self.classes.iter().enumerate() {
            let invoked = &class.operations[..class.invoked];
            let used = spent.get(index).used;
            left.extend(invoked[used..].iter().rev().map(|(operation, _)| *operation).take(limit));
        }
        left.sort_unstable_by_key(|&operation| std::cmp::Reverse(operation));
        left.truncate(limit);
        left
    }
}

/// How many operations of each class a configuration has used. Most have used none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent(Option<Rc<Counts>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// By class; a class that is missing here has not been used.
    counts: Vec<Count>,
    /// The class that ran out, in a ghost.
    ghost_of: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    class: usize,
    used: usize,
    /// Whether something that this stands for may have used fewer.
    blurred: bool,
}

/// Whether one configuration can stand for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It can do all that the other can.
    Yes,
    /// It can, once the counts in which they differ are blurred.
    Blurred,
    /// It cannot.
    No,
}

impl Spent {
    fn counts(&self) -> &[Count] {
        self.0.as_ref().map_or(&[], |all| &all.counts)
    }

    fn get(&self, class: usize) -> Count {
        let counts = self.counts();
        match counts.binary_search_by_key(&class, |count| count.class) {
            Ok(place) => counts[place],
            Err(_) => Count { class, used: 0, blurred: false },
        }
    }

    fn get_mut(&mut self, class: usize) -> &mut Count {
        let counts = &mut Rc::make_mut(self.0.get_or_insert_default()).counts;
        let place = counts.binary_search_by_key(&class, |count| count.class);
        let place = place.unwrap_or_else(|place| {
            counts.insert(place, Count { class, used: 0, blurred: false });
            place
        });
        &mut counts[place]
    }

    /// The class that ran out, when this is a ghost's.
    pub fn ghost_of(&self) -> Option<usize> {
        self.0.as_ref()?.ghost_of
    }

    /// Whether an operation of the class is really left, when so many have been invoked.
    pub fn has_left(&self, class: usize, invoked: usize) -> bool {
        self.get(class).used < invoked
    }

    /// The same with one more operation used, of which so many have been invoked; `None` when
    /// not even a ghost has one left.
    pub fn take(&self, class: usize, invoked: usize) -> Option<Spent> {
        let count = self.get(class);
        let mut spent = self.clone();
        if count.used < invoked {
            spent.get_mut(class).used += 1;
        } else if !count.blurred {
            return None;
        } else if self.ghost_of().is_none() {
            Rc::make_mut(spent.0.as_mut()?).ghost_of = Some(class);
        }
        Some(spent)
    }

    /// Whether so many of a class are left that a few more or less do not matter. The count is
    /// blurred then, as the caller is going to make use of this.
    pub fn has_plenty(&mut self, class: usize, crashed: &Crashed) -> bool {
        let count = self.get(class);
        let Class { invoked, margin, .. } = crashed.classes[class];
        let has_plenty =
            invoked - count.used >= margin.max(1) || count.blurred && self.ghost_of().is_some();
        if has_plenty && !count.blurred {
            self.get_mut(class).blurred = true;
        }
        has_plenty
    }

    /// Whether a configuration that has used this may stand for one that has used `other` and
    /// is no better otherwise.
    pub fn stands_for(&self, other: &Spent, crashed: &Crashed) -> Stands {
        let is_ghost = self.ghost_of().is_some();
        let other_is_ghost = other.ghost_of().is_some();
        if is_ghost && !other_is_ghost {
            return Stands::No;
        }
        let mut stands = Stands::Yes;
        for (mine, theirs) in self.differences(other) {
            let class = &crashed.classes[mine.class];
            let left = class.invoked - mine.used;
            // No class can be used more often than its result is needed.
            let demand = crashed.demand.get(class.result as usize).copied().unwrap_or(0);
            if left >= demand {
                continue;
            }
            let is_close = is_ghost || other_is_ghost || left >= class.margin;
            if mine.used > theirs.used && !is_close {
                return Stands::No;
            }
            if !mine.blurred {
                stands = Stands::Blurred;
            }
        }
        stands
    }

    /// The counts in which the other may be better off.
    fn differences(&self, other: &Spent) -> impl Iterator<Item = (Count, Count)> {
        let mine = self.counts().iter().map(|mine| (*mine, other.get(mine.class)));
        // Of the others, only what is blurred can make a difference.
        let theirs = other.counts().iter().filter(|theirs| theirs.blurred);
        let theirs = theirs.map(|theirs| (self.get(theirs.class), *theirs));
        let theirs = theirs.filter(|(mine, _)| mine.used == 0 && !mine.blurred);
        mine.chain(theirs).filter(|(mine, theirs)| mine.used > theirs.used || theirs.blurred)
    }

    /// Forgets how `other` differs.
    pub fn blur(&mut self, other: &Spent) {
        let classes: Vec<usize> = self.differences(other).map(|(mine, _)| mine.class).collect();
        for class in classes {
            self.get_mut(class).blurred = true;
        }
    }
}
