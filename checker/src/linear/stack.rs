//! A stack and a priority queue.
//!
//! | model | operation | value |
//! |---|---|---|
//! | `stack` | `push` | the element, which is on top from then on |
//! | | `pop` | the element that was on top; nil when there was none |
//! | `priority-queue` | `insert`, or `enqueue`, `add` | the element |
//! | | `delete-min`, or `dequeue`, `poll` | an element before which no other comes; or nil |
//!
//! In a priority queue, smaller elements come first. An element may be a vector, as
//! `[priority name]`: then the first entry is what counts.
//!
//! `--init` is a vector of elements; of a stack, the last is on top. Nil is no element: it says
//! that none was there. A `pop` that crashed may have taken whatever was on top.
//!
//! A `delete-min` that crashed may have taken any of several elements of the same priority, and
//! only one of them is tried. An order that is found so is one; if none is found, the answer is
//! `unknown`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::model::{Value, Values};
use super::search::random;
use super::steps::{Held, Steps, unexplained};
use super::trace::Trace;
use crate::edn::Edn;

/// A call on a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// The element joins.
    Put(Value),
    /// This element leaves.
    Take(Value),
    /// Whatever is next leaves, if there is anything.
    TakeAny,
    /// There is no element.
    FindEmpty,
}

impl Call {
    /// Whether it puts in or takes out, and what.
    fn moves(&self) -> Option<(bool, Value)> {
        match self {
            Call::Put(value) => Some((true, *value)),
            Call::Take(value) => Some((false, *value)),
            Call::TakeAny | Call::FindEmpty => None,
        }
    }
}

/// The elements of a collection, by number, and those that are there at first.
pub struct Elements {
    values: Values,
    initial: Vec<Value>,
}

impl Elements {
    fn new(elements: &Edn, what: &str) -> Result<Elements, String> {
        let mut values = Values::default();
        let elements = elements
            .as_slice()
            .ok_or_else(|| format!("a {what} starts as a vector of elements, not as {elements}"))?;
        if elements.iter().any(Edn::is_nil) {
            return Err(format!("nil is no element of a {what}"));
        }
        let initial = elements.iter().map(|element| values.number(element)).collect();
        Ok(Elements { values, initial })
    }

    /// The element joins.
    fn put(&mut self, value: &Edn) -> Result<Option<Call>, String> {
        if value.is_nil() {
            return Err("nil is no element".into());
        }
        Ok(Some(Call::Put(self.values.number(value))))
    }

    /// An element leaves.
    fn take(&mut self, value: &Edn, completed: bool) -> Call {
        match (value.is_nil(), completed) {
            (false, _) => Call::Take(self.values.number(value)),
            (true, true) => Call::FindEmpty,
            (true, false) => Call::TakeAny,
        }
    }

    fn show(&self, held: impl Iterator<Item = Value>) -> Edn {
        Edn::Vector(held.map(|value| self.values.value(value).clone()).collect())
    }
}

/// Which elements are ever taken: no other need be put in by an operation that crashed.
fn taken(trace: &Trace<Call>, values: usize) -> Rc<[bool]> {
    let mut taken = vec![false; values];
    for operation in &trace.operations {
        if let Call::Take(value) = operation.call {
            taken[value as usize] = true;
        }
    }
    taken.into()
}

/// The last element in is the first out.
pub struct Stack(Elements);

impl Stack {
    /// A stack of the elements in this vector.
    ///
    /// # Errors
    /// A clause, when it is none.
    pub fn new(elements: &Edn) -> Result<Stack, String> {
        Elements::new(elements, "stack").map(Stack)
    }

    /// The elements that are there at first, by number, the top last.
    pub fn at_first(&self) -> &[Value] {
        &self.0.initial
    }

    /// How many different elements there are.
    pub fn values(&self) -> usize {
        self.0.values.count()
    }
}

/// What a stack holds, the top last, each element with the sum of all up to it.
#[derive(Clone)]
pub struct Pile {
    held: Vec<(Value, u128)>,
    at_first: Rc<[Value]>,
    taken: Rc<[bool]>,
}

/// What a sum is multiplied by when another element is put on top.
const BASE: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

impl Pile {
    fn put(&mut self, value: Value) {
        let sum = Held::sum(self).wrapping_mul(BASE).wrapping_add(random(1, value.into()));
        self.held.push((value, sum));
    }

    fn top(&self) -> Option<Value> {
        self.held.last().map(|(value, _)| *value)
    }
}

impl Steps for Stack {
    type Call = Call;
    type Held = Pile;

    fn call(&mut self, _: Edn, f: &str, value: &Edn, done: bool) -> Result<Option<Call>, String> {
        match f {
            "push" => self.0.put(value),
            "pop" => Ok(Some(self.0.take(value, done))),
            _ => Err(format!("a stack has no :{f}; it has :push and :pop")),
        }
    }

    fn initial(&self, trace: &Trace<Call>) -> Pile {
        let taken = taken(trace, self.0.values.count());
        let at_first = Rc::from(&*self.0.initial);
        let mut pile = Pile { held: Vec::new(), at_first, taken };
        self.0.initial.iter().for_each(|&value| pile.put(value));
        pile
    }

    fn show(&self, pile: &Pile) -> Edn {
        self.0.show(pile.held.iter().map(|(value, _)| *value))
    }
}

impl Held for Pile {
    type Call = Call;
    type Undo = Option<Value>;

    fn step(&mut self, call: &Call) -> Option<Option<Value>> {
        match call {
            Call::Put(value) => {
                self.put(*value);
                Some(None)
            }
            Call::Take(value) if self.top() != Some(*value) => None,
            Call::Take(_) | Call::TakeAny => Some(self.held.pop().map(|(value, _)| value)),
            Call::FindEmpty => self.held.is_empty().then_some(None),
        }
    }

    fn can_happen(&self, call: &Call) -> bool {
        *call == Call::FindEmpty && self.held.is_empty()
    }

    fn undo(&mut self, call: &Call, taken: Option<Value>) {
        match (call, taken) {
            (Call::Put(_), _) => drop(self.held.pop()),
            (_, Some(value)) => self.put(value),
            (_, None) => {}
        }
    }

    fn sum(&self) -> u128 {
        self.held.last().map_or(0, |(_, sum)| *sum)
    }

    fn only_looks(call: &Call) -> bool {
        *call == Call::FindEmpty
    }

    fn leads_to(&self, call: &Call, goal: &Call) -> bool {
        match (call, goal) {
            (Call::Put(value), Call::Take(wanted)) => value == wanted,
            (Call::Take(value), _) => self.top() == Some(*value),
            _ => false,
        }
    }

    fn is_wanted(&self, crashed: &Call) -> bool {
        match crashed {
            Call::Put(value) => self.taken[*value as usize],
            _ => !self.held.is_empty(),
        }
    }

    fn impossible(&self, trace: &Trace<Call>) -> Option<usize> {
        let at_first = |value| self.at_first.iter().filter(|other| **other == value).count();
        unexplained(trace, Call::moves, at_first)
    }
}

/// The smallest element is the first out.
pub struct PriorityQueue(Elements);

impl PriorityQueue {
    /// A queue of the elements in this vector.
    ///
    /// # Errors
    /// A clause, when it is none.
    pub fn new(elements: &Edn) -> Result<PriorityQueue, String> {
        Elements::new(elements, "priority-queue").map(PriorityQueue)
    }

    /// For each element, the place of its priority among all.
    fn ranks(&self) -> Rc<[u32]> {
        let elements = &self.0.values;
        let priority = |value: u32| {
            let element = elements.value(value);
            element.as_slice().and_then(<[Edn]>::first).unwrap_or(element)
        };
        let mut order: Vec<u32> = (0..elements.count() as u32).collect();
        order.sort_by(|a, b| priority(*a).compare_numbers(priority(*b)));
        let mut ranks = vec![0; order.len()];
        let mut rank = 0;
        for (place, value) in order.iter().enumerate() {
            let is_new = place > 0 && priority(order[place - 1]) != priority(*value);
            rank += u32::from(is_new);
            ranks[*value as usize] = rank;
        }
        ranks.into()
    }
}

/// What a priority queue holds: elements by rank, and how many of each.
#[derive(Clone)]
pub struct Heap {
    held: BTreeMap<(u32, Value), usize>,
    sum: u128,
    ranks: Rc<[u32]>,
    at_first: Rc<[Value]>,
    taken: Rc<[bool]>,
}

impl Heap {
    fn put(&mut self, value: Value) {
        self.sum = self.sum.wrapping_add(random(1, value.into()));
        *self.held.entry((self.ranks[value as usize], value)).or_default() += 1;
    }

    fn remove(&mut self, value: Value) {
        self.sum = self.sum.wrapping_sub(random(1, value.into()));
        let key = (self.ranks[value as usize], value);
        match self.held.get_mut(&key) {
            Some(1) => drop(self.held.remove(&key)),
            Some(copies) => *copies -= 1,
            None => unreachable!("it is there"),
        }
    }

    fn first_rank(&self) -> Option<u32> {
        self.held.first_key_value().map(|((rank, _), _)| *rank)
    }
}

impl Steps for PriorityQueue {
    type Call = Call;
    type Held = Heap;

    fn call(&mut self, _: Edn, f: &str, value: &Edn, done: bool) -> Result<Option<Call>, String> {
        match f {
            "insert" | "enqueue" | "add" => self.0.put(value),
            "delete-min" | "dequeue" | "poll" => Ok(Some(self.0.take(value, done))),
            _ => Err(format!("a priority-queue has no :{f}; it has :insert and :delete-min")),
        }
    }

    fn initial(&self, trace: &Trace<Call>) -> Heap {
        let (ranks, taken) = (self.ranks(), taken(trace, self.0.values.count()));
        let at_first = Rc::from(&*self.0.initial);
        let mut heap = Heap { held: BTreeMap::new(), sum: 0, ranks, at_first, taken };
        self.0.initial.iter().for_each(|&value| heap.put(value));
        heap
    }

    fn in_doubt(&self, trace: &Trace<Call>) -> Option<String> {
        let has_crashed = trace.operations.iter().any(|o| o.call == Call::TakeAny);
        let mut ranks = self.ranks().to_vec();
        ranks.sort_unstable();
        let has_equals = ranks.windows(2).any(|pair| pair[0] == pair[1]);
        (has_crashed && has_equals).then(|| {
            "No order was found, but not every order was tried: a :delete-min crashed, and which \
             of several elements of one priority it took is not known."
                .into()
        })
    }

    fn show(&self, heap: &Heap) -> Edn {
        let copies = |((_, value), copies): (&(u32, Value), &usize)| vec![*value; *copies];
        self.0.show(heap.held.iter().flat_map(copies))
    }
}

impl Held for Heap {
    type Call = Call;
    type Undo = Option<Value>;

    fn step(&mut self, call: &Call) -> Option<Option<Value>> {
        match call {
            Call::Put(value) => {
                self.put(*value);
                Some(None)
            }
            Call::Take(value) => {
                let key = (self.ranks[*value as usize], *value);
                if self.first_rank() != Some(key.0) || !self.held.contains_key(&key) {
                    return None;
                }
                self.remove(*value);
                Some(Some(*value))
            }
            Call::TakeAny => {
                let first = self.first_rank();
                let mut least = self.held.keys().take_while(|(rank, _)| Some(*rank) == first);
                let unused = least.clone().find(|(_, value)| !self.taken[*value as usize]);
                let value = unused.or_else(|| least.next()).map(|(_, value)| *value);
                if let Some(value) = value {
                    self.remove(value);
                }
                Some(value)
            }
            Call::FindEmpty => self.held.is_empty().then_some(None),
        }
    }

    fn can_happen(&self, call: &Call) -> bool {
        *call == Call::FindEmpty && self.held.is_empty()
    }

    fn undo(&mut self, call: &Call, taken: Option<Value>) {
        match (call, taken) {
            (Call::Put(value), _) => self.remove(*value),
            (_, Some(value)) => self.put(value),
            (_, None) => {}
        }
    }

    fn sum(&self) -> u128 {
        self.sum
    }

    fn only_looks(call: &Call) -> bool {
        *call == Call::FindEmpty
    }

    fn leads_to(&self, call: &Call, goal: &Call) -> bool {
        match (call, goal) {
            (Call::Put(value), Call::Take(wanted)) => value == wanted,
            (Call::Take(value), _) => self.first_rank() == Some(self.ranks[*value as usize]),
            _ => false,
        }
    }

    fn is_wanted(&self, crashed: &Call) -> bool {
        match crashed {
            Call::Put(value) => self.taken[*value as usize],
            _ => !self.held.is_empty(),
        }
    }

    fn impossible(&self, trace: &Trace<Call>) -> Option<usize> {
        let at_first = |value| self.at_first.iter().filter(|other| **other == value).count();
        unexplained(trace, Call::moves, at_first)
    }
}
