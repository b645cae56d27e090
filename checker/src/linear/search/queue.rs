//! Queues to which an element may be added more than once.
//!
//! The search looks ahead. An element in front that nobody takes any more blocks all others. And
//! the element that joins a fifo queue as its tenth, say, is the tenth to leave it: so there must
//! be a dequeue of such an element that can be the tenth.

use std::collections::VecDeque;

use super::memo::random;
use super::object::Searched;
use crate::linear::collections::QueueCall;
use crate::linear::model::Value;
use crate::linear::patterns::{First, bag};
use crate::linear::trace::{Operation, Trace};

/// What every value of the sum is multiplied by when another element joins.
const BASE: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// A queue on which the operations of a trace are tried.
pub struct Queue<'a> {
    trace: &'a Trace<QueueCall>,
    is_fifo: bool,
    /// What it holds: in order, or in ascending order when order is of no importance.
    held: VecDeque<Value>,
    sum: u128,
    powers: Vec<u128>,
    /// For each element, how many dequeues of it have not happened.
    takers: Vec<u32>,
    /// How many operations that have not happened, and must, need an element to leave first.
    left: usize,
    /// How many elements have joined, those that were there at first included.
    joined: usize,
    /// What may be the first element to leave a fifo queue, the second, and so on.
    leavers: Vec<Vec<Value>>,
    at_first: Vec<Value>,
}

/// For each place in the order of all dequeues, which values those have that can take it. The
/// list ends with the last dequeue that must happen. One that crashed can take every place from
/// the first that it can have.
fn leavers(trace: &Trace<QueueCall>) -> Vec<Vec<Value>> {
    let dequeue = |operation: &Operation<QueueCall>| match operation.call {
        QueueCall::Dequeue(value) => Some((value, operation.invoked_at, operation.returned_at)),
        _ => None,
    };
    let dequeues: Vec<_> = trace.operations.iter().filter_map(dequeue).collect();
    let mut begins: Vec<usize> = dequeues.iter().map(|(_, begin, _)| *begin).collect();
    let mut ends: Vec<usize> = dequeues.iter().filter_map(|(.., end)| *end).collect();
    begins.sort_unstable();
    ends.sort_unstable();
    let mut leavers = vec![Vec::new(); ends.len()];
    for (value, begin, end) in dequeues {
        let first = ends.partition_point(|end| *end < begin);
        let last = end.map_or(ends.len(), |end| begins.partition_point(|begin| *begin < end));
        for place in leavers.iter_mut().take(last).skip(first) {
            if !place.contains(&value) {
                place.push(value);
            }
        }
    }
    leavers
}

impl<'a> Queue<'a> {
    /// A queue that holds these elements, of so many different ones that there are.
    pub fn new(
        trace: &'a Trace<QueueCall>,
        held: &[Value],
        values: usize,
        is_fifo: bool,
    ) -> Queue<'a> {
        let mut takers = vec![0; values];
        let mut left = 0;
        for operation in &trace.operations {
            match operation.call {
                QueueCall::Enqueue(_) => continue,
                QueueCall::Dequeue(value) => takers[value as usize] += 1,
                QueueCall::FindEmpty => {}
            }
            left += usize::from(operation.returned_at.is_some());
        }
        let mut queue = Queue {
            trace,
            is_fifo,
            held: VecDeque::new(),
            sum: 0,
            powers: vec![1],
            takers,
            left,
            joined: held.len(),
            leavers: if is_fifo { leavers(trace) } else { Vec::new() },
            at_first: held.to_vec(),
        };
        held.iter().for_each(|&value| queue.join(value));
        queue
    }

    fn join(&mut self, value: Value) {
        if self.is_fifo {
            self.sum = self.sum.wrapping_mul(BASE).wrapping_add(part(value));
            self.held.push_back(value);
            return;
        }
        self.sum = self.sum.wrapping_add(part(value));
        let place = self.held.partition_point(|other| *other < value);
        self.held.insert(place, value);
    }

    /// Takes back that a value joined last.
    fn unjoin(&mut self, value: Value) {
        if self.is_fifo {
            self.held.pop_back();
            // The inverse of an odd number, by Newton's method.
            let inverse =
                (0..7).fold(BASE, |x, _| x.wrapping_mul(2_u128.wrapping_sub(BASE.wrapping_mul(x))));
            self.sum = self.sum.wrapping_sub(part(value)).wrapping_mul(inverse);
            return;
        }
        self.leave(value);
    }

    /// The value leaves, if it can.
    fn leave(&mut self, value: Value) -> bool {
        if self.is_fifo {
            if self.held.front() != Some(&value) {
                return false;
            }
            self.held.pop_front();
            self.sum = self.sum.wrapping_sub(self.weight(value));
            return true;
        }
        let Ok(place) = self.held.binary_search(&value) else { return false };
        self.held.remove(place);
        self.sum = self.sum.wrapping_sub(part(value));
        true
    }

    /// Takes back that a value left.
    fn unleave(&mut self, value: Value) {
        if self.is_fifo {
            self.sum = self.sum.wrapping_add(self.weight(value));
            self.held.push_front(value);
        } else {
            self.join(value);
        }
    }

    /// What a value in front of all that is held contributes to the sum.
    fn weight(&mut self, value: Value) -> u128 {
        while self.powers.len() <= self.held.len() {
            let last = self.powers[self.powers.len() - 1];
            self.powers.push(last.wrapping_mul(BASE));
        }
        part(value).wrapping_mul(self.powers[self.held.len()])
    }

    /// Whether an element in front stays for ever, and somebody needs it to leave.
    fn is_blocked(&self) -> bool {
        let front = self.held.front();
        self.is_fifo
            && self.left > 0
            && front.is_some_and(|front| self.takers[*front as usize] == 0)
    }

    fn is_due(&self, id: usize) -> usize {
        usize::from(self.trace.operations[id].returned_at.is_some())
    }
}

fn part(value: Value) -> u128 {
    random(2, u64::from(value))
}

impl Searched for Queue<'_> {
    type State = Vec<Value>;

    fn apply(&mut self, id: usize, _: &[usize]) -> bool {
        match self.trace.operations[id].call {
            QueueCall::Enqueue(value) => {
                if self.leavers.get(self.joined).is_some_and(|fits| !fits.contains(&value)) {
                    return false;
                }
                self.join(value);
                self.joined += 1;
            }
            QueueCall::Dequeue(value) => {
                if !self.leave(value) {
                    return false;
                }
                self.takers[value as usize] -= 1;
                self.left -= self.is_due(id);
            }
            QueueCall::FindEmpty => {
                if !self.held.is_empty() {
                    return false;
                }
                self.left -= self.is_due(id);
            }
        }
        if self.is_blocked() {
            self.undo(id);
            return false;
        }
        true
    }

    fn undo(&mut self, id: usize) {
        match self.trace.operations[id].call {
            QueueCall::Enqueue(value) => {
                self.unjoin(value);
                self.joined -= 1;
            }
            QueueCall::Dequeue(value) => {
                self.unleave(value);
                self.takers[value as usize] += 1;
                self.left += self.is_due(id);
            }
            QueueCall::FindEmpty => self.left += self.is_due(id),
        }
    }

    fn is_seen(&self, id: usize) -> bool {
        self.trace.operations[id].call == QueueCall::FindEmpty && self.held.is_empty()
    }

    fn changes_nothing(&self, id: usize) -> bool {
        self.trace.operations[id].call == QueueCall::FindEmpty
    }

    fn is_conditional(&self, operation: usize) -> bool {
        matches!(self.trace.operations[operation].call, QueueCall::Dequeue(_))
    }

    fn leads_to(&self, operation: usize, goal: usize) -> bool {
        let (step, goal) =
            (self.trace.operations[operation].call, self.trace.operations[goal].call);
        match (step, goal, self.held.front()) {
            (QueueCall::Enqueue(joins), QueueCall::Dequeue(wanted), _) => {
                joins == wanted && !self.held.contains(&wanted)
            }
            (QueueCall::Dequeue(leaves), _, Some(front)) => leaves == *front,
            _ => false,
        }
    }

    fn is_wanted(&self, crashed: usize, _: &[usize]) -> bool {
        match self.trace.operations[crashed].call {
            QueueCall::Enqueue(value) => self.takers[value as usize] > 0,
            QueueCall::Dequeue(_) => true,
            QueueCall::FindEmpty => false,
        }
    }

    fn matters_to(&self, crashed: usize, next: usize) -> bool {
        let (crashed, next) =
            (self.trace.operations[crashed].call, self.trace.operations[next].call);
        match (crashed, next) {
            (QueueCall::Enqueue(_), QueueCall::Enqueue(_)) => self.is_fifo,
            // What has just joined leaves at once, or else it can as well join after that.
            (QueueCall::Enqueue(one), QueueCall::Dequeue(other)) => one == other,
            _ => true,
        }
    }

    fn sum(&self) -> u128 {
        self.sum
    }

    fn state(&self) -> Vec<Value> {
        self.held.iter().copied().collect()
    }

    fn impossible(&self) -> Option<usize> {
        let mut first = First::default();
        bag::find_unexplained(self.trace, &self.at_first, self.takers.len(), &mut first);
        first.found().map(|(operation, _)| operation)
    }
}
