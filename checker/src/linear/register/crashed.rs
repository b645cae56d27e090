//! Operations that crashed: they may take effect at any time from now on, or never.
//!
//! There can be thousands of them, and all stay pending to the end, so they have no slots.
//! Those that make the same call form a *class* and are told apart by nothing but the time from
//! which they may be used. So a configuration only counts how many of each class it has spent.
//!
//! A class is in a *column* of these counts from the time when its first operation begins until
//! nobody is left who can need its result. So the counts stay short, even where no two
//! operations write the same value.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::super::model::{RegisterCall, Value};
use super::super::trace::Trace;

/// All classes of a trace, and how many of each have been invoked by now.
#[derive(Default)]
pub struct Crashed {
    classes: Vec<Class>,
    by_call: FxHashMap<RegisterCall, usize>,
    /// The classes of cas that need a value, and the classes that leave one behind.
    cas_from: FxHashMap<Value, Vec<usize>>,
    leading_to: FxHashMap<Value, Vec<usize>>,
    /// For each value, how many operations that need it have not returned yet. No class can be
    /// used more often than its result is needed.
    demand: Vec<u32>,
    columns: Vec<Column>,
    vacant: Vec<usize>,
    /// How many operations have crashed by now, of whatever class.
    age: u32,
    /// Whether each may be used again and again.
    is_relaxed: bool,
    /// Whether none may be used for now.
    pub is_withheld: bool,
}

/// Crashed operations that make the same call.
struct Class {
    call: RegisterCall,
    /// The value that its operations leave behind.
    result: Value,
    /// The operations in order, each with the age at which it began.
    operations: Vec<(usize, u32)>,
    invoked: u32,
    column: Option<usize>,
}

/// What a column counts.
struct Column {
    class: usize,
    /// How many operations may be spent while enough are left for all who may need them; less
    /// than none when there are not enough in the first place.
    free: i64,
}

impl Crashed {
    /// The crashed operations of a trace, none of them invoked yet.
    pub fn new(trace: &Trace<RegisterCall>) -> Crashed {
        let mut crashed = Crashed::default();
        for (id, operation) in trace.operations.iter().enumerate() {
            if operation.returned_at.is_none() {
                crashed.add(operation.call, id);
            }
        }
        crashed.age = 0;
        if !crashed.is_empty() {
            for operation in &trace.operations {
                crashed.count_demand(operation.call);
            }
        }
        crashed
    }

    /// The same, but that each may take effect again and again: then nothing is spent.
    pub fn relaxed(trace: &Trace<RegisterCall>) -> Crashed {
        Crashed { is_relaxed: true, ..Crashed::new(trace) }
    }

    fn add(&mut self, call: RegisterCall, operation: usize) {
        let Some(result) = result(call) else { return };
        let class = *self.by_call.entry(call).or_insert_with(|| {
            let (class, operations) = (self.classes.len(), Vec::new());
            self.classes.push(Class { call, result, operations, invoked: 0, column: None });
            self.leading_to.entry(result).or_default().push(class);
            if let RegisterCall::Cas(from, _) = call {
                self.cas_from.entry(from).or_default().push(class);
            }
            class
        });
        self.classes[class].operations.push((operation, self.age));
        self.age += 1;
    }

    fn count_demand(&mut self, call: RegisterCall) {
        if let RegisterCall::Read(value) | RegisterCall::Cas(value, _) = call {
            let value = value as usize;
            if value >= self.demand.len() {
                self.demand.resize(value + 1, 0);
            }
            self.demand[value] += 1;
        }
    }

    fn demand(&self, value: Value) -> u32 {
        self.demand.get(value as usize).copied().unwrap_or(0)
    }

    /// How many columns there are by now.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// One of them begins.
    pub fn invoke(&mut self, call: RegisterCall) {
        let Some(&class) = self.by_call.get(&call) else { return };
        self.age += 1;
        self.classes[class].invoked += 1;
        let Class { result, invoked, column, .. } = self.classes[class];
        let demand = self.demand(result);
        if demand == 0 {
            return;
        }
        let column = column.or_else(|| self.vacant.pop()).unwrap_or(self.columns.len());
        self.classes[class].column = Some(column);
        let free = i64::from(invoked) - i64::from(demand);
        if column == self.columns.len() {
            self.columns.push(Column { class, free });
        }
        self.columns[column] = Column { class, free };
    }

    /// An operation that did not crash has returned. Gives the columns that are not needed any
    /// more: whoever has counts must clear them.
    pub fn returned(&mut self, call: RegisterCall) -> Vec<usize> {
        let (RegisterCall::Read(value) | RegisterCall::Cas(value, _)) = call else {
            return Vec::new();
        };
        let Some(demand) = self.demand.get_mut(value as usize) else { return Vec::new() };
        *demand -= 1;
        let mut cleared = Vec::new();
        for &class in self.leading_to.get(&value).into_iter().flatten() {
            let class = &mut self.classes[class];
            let Some(column) = class.column else { continue };
            self.columns[column].free = i64::from(class.invoked) - i64::from(*demand);
            if *demand == 0 {
                class.column = None;
                cleared.push(column);
            }
        }
        self.vacant.extend(&cleared);
        cleared
    }

    /// How many operations have crashed by now.
    pub fn age(&self) -> u32 {
        self.age
    }

    /// The classes of cas that lead from this value, each with the value that it leads to.
    pub fn cas_from(&self, value: Value) -> impl Iterator<Item = (usize, Value)> {
        let classes = self.cas_from.get(&value).into_iter().flatten();
        classes.map(|&class| (class, self.classes[class].result))
    }

    /// The values from which a crashed cas leads to this one.
    pub fn cas_to(&self, value: Value) -> impl Iterator<Item = Value> {
        let classes = self.leading_to.get(&value).into_iter().flatten();
        classes.filter_map(|&class| match self.classes[class] {
            Class { call: RegisterCall::Cas(from, _), column: Some(_), .. } => Some(from),
            _ => None,
        })
    }

    /// The class of this call, if there is one.
    pub fn class(&self, call: RegisterCall) -> Option<usize> {
        self.by_call.get(&call).copied()
    }

    /// Whether an operation of the class is left when so much is spent.
    pub fn has_left(&self, class: usize, spent: &Spent) -> bool {
        let Class { column, invoked, .. } = self.classes[class];
        column.is_some_and(|column| spent.get(column) < invoked)
    }

    /// Spends one more of a class; `None` when none is left.
    pub fn take(&self, class: usize, spent: &Spent) -> Option<Spent> {
        self.take_of(class, self.classes[class].invoked, spent)
    }

    /// The same at an age in the past.
    pub fn take_at(&self, class: usize, age: u32, spent: &Spent) -> Option<Spent> {
        let operations = &self.classes[class].operations;
        let invoked = operations.partition_point(|&(_, began)| began < age);
        self.take_of(class, invoked as u32, spent)
    }

    fn take_of(&self, class: usize, invoked: u32, spent: &Spent) -> Option<Spent> {
        let column = self.classes[class].column?;
        if self.is_withheld || spent.get(column) >= invoked {
            return None;
        }
        Some(if self.is_relaxed { spent.clone() } else { spent.with_one_more(column) })
    }

    /// How many crashed writes of a value are left when so much is spent.
    pub fn writes_left(&self, value: Value, spent: &Spent) -> usize {
        let Some(class) = self.class(RegisterCall::Write(value)) else { return 0 };
        let Class { column, invoked, .. } = self.classes[class];
        match column {
            None => 0,
            Some(_) if self.is_relaxed => usize::MAX,
            Some(column) => (invoked - spent.get(column)) as usize,
        }
    }

    /// Whether who has spent `one` can still do all that who has spent `other` can: where the
    /// other has more cas to a value left, writes of that value do as well.
    pub fn is_no_more(&self, one: &Spent, other: &Spent) -> bool {
        Rc::ptr_eq(&one.0, &other.0)
            || (0..one.0.len()).all(|column| {
                let missing = self.missing(column, one, other);
                missing == 0 || self.has_writes_for(column, one, other)
            })
    }

    /// A sign of what was spent: a bit for each column, or for several, from which something was
    /// spent that can neither be spared nor replaced by a write. By [`Crashed::is_no_more`], who
    /// has spent no more than another has no bit that the other lacks.
    pub fn sign(&self, spent: &Spent) -> u64 {
        let used = spent.counts().filter(|&(column, _)| self.is_scarce(column));
        used.fold(0, |sign, (column, _)| sign | 1 << (column % 64))
    }

    /// Whether each one that is spent of a column is missing, and nothing takes its place.
    fn is_scarce(&self, column: usize) -> bool {
        let Column { class, free } = self.columns[column];
        let Class { call, result, .. } = self.classes[class];
        let write = RegisterCall::Write(result);
        let has_writes =
            call != write && self.class(write).is_some_and(|w| self.classes[w].column.is_some());
        free <= 0 && !has_writes
    }

    /// How many operations of a column `one` may miss and `other` has.
    fn missing(&self, column: usize, one: &Spent, other: &Spent) -> u32 {
        if self.is_enough_left(column, one) {
            return 0;
        }
        one.get(column).saturating_sub(other.get(column))
    }

    /// Whether so many of a column are left that they never run out.
    fn is_enough_left(&self, column: usize, spent: &Spent) -> bool {
        i64::from(spent.get(column)) <= self.columns[column].free
    }

    /// Whether writes can take the place of all cas that are missing and lead to where those of
    /// the column do.
    fn has_writes_for(&self, column: usize, one: &Spent, other: &Spent) -> bool {
        let result = self.classes[self.columns[column].class].result;
        let Some(writes) = self.class(RegisterCall::Write(result)) else { return false };
        let Some(writes) = self.classes[writes].column else { return false };
        if self.is_enough_left(writes, one) {
            return true;
        }
        let missing = self.leading_to[&result].iter().filter_map(|&class| {
            let column = self.classes[class].column?;
            Some(self.missing(column, one, other))
        });
        one.get(writes) + missing.sum::<u32>() <= other.get(writes)
    }

    /// Operations that are pending where so much is spent: as many as are left of each class,
    /// the latest ones, no more than `limit` in all.
    pub fn left(&self, spent: &Spent, limit: usize) -> Vec<usize> {
        let mut left = Vec::new();
        for class in &self.classes {
            let spent = class.column.map_or(0, |column| spent.get(column));
            let pending = &class.operations[spent as usize..class.invoked as usize];
            left.extend(pending.iter().rev().map(|(operation, _)| *operation).take(limit));
        }
        left.sort_unstable_by_key(|&operation| std::cmp::Reverse(operation));
        left.truncate(limit);
        left
    }
}

/// What a crashed operation changes the register to, if it can change anything.
fn result(call: RegisterCall) -> Option<Value> {
    match call {
        RegisterCall::Write(value) => Some(value),
        RegisterCall::Cas(from, to) => (from != to).then_some(to),
        RegisterCall::Read(_) => None,
    }
}

/// How many operations a configuration has used, by column. Columns at the end in which it has
/// used none may be missing. Most configurations have used what others have, and share the
/// counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent(Rc<[u32]>);

impl Spent {
    fn get(&self, column: usize) -> u32 {
        self.0.get(column).copied().unwrap_or(0)
    }

    fn with_one_more(&self, column: usize) -> Spent {
        let columns = 0..self.0.len().max(column + 1);
        Spent(columns.map(|other| self.get(other) + u32::from(other == column)).collect())
    }

    /// The columns of which some were used, and how many.
    pub fn counts(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.0.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }

    /// Forgets a column.
    pub fn clear(&mut self, column: usize) {
        if self.get(column) > 0 {
            Rc::make_mut(&mut self.0)[column] = 0;
        }
    }

    /// How many have been used in all.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }
}
