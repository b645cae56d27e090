//! Objects with many possible states: a set, two queues, and registers that are read and
//! written several at a time.
//!
//! Rules of Knossos kept here: a `dequeue` that crashed took nothing, because it has no value.
//! One rule is ours: a `dequeue` that completed with nil found the queue empty, unless nil is
//! an element of the history. For Knossos no queue is ever so.

use std::collections::BTreeMap;

use super::model::{Model, Value, Values};
use crate::edn::Edn;

/// About how many bytes one more element takes in a state.
const ELEMENT_BYTES: usize = 64;

/// A grow-only set with `add` and `read`.
pub struct Set {
    /// The elements, by number.
    pub values: Values,
    /// What it holds at first, in ascending order.
    pub initial: Vec<Value>,
}

/// A call on a [`Set`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetCall {
    /// The element is in the set from now on.
    Add(Value),
    /// The set has these elements, in ascending order.
    Read(Box<[Value]>),
}

impl Set {
    /// A set of the elements in this collection.
    ///
    /// # Errors
    /// A clause, when it is none.
    pub fn new(elements: &Edn) -> Result<Set, String> {
        let mut values = Values::default();
        let initial = numbers(elements, &mut values)?;
        Ok(Set { values, initial })
    }

    /// The call that an operation makes; `None` when it changes nothing and tells nothing.
    ///
    /// # Errors
    /// A clause, when a set has no such operation.
    pub fn call(
        &mut self,
        f: &str,
        value: &Edn,
        completed: bool,
    ) -> Result<Option<SetCall>, String> {
        match f {
            "add" => Ok(Some(SetCall::Add(self.values.number(value)))),
            "read" if !completed || value.is_nil() => Ok(None),
            "read" => Ok(Some(SetCall::Read(numbers(value, &mut self.values)?.into()))),
            _ => Err(format!("a set has no :{f}; it has :add and :read")),
        }
    }
}

fn numbers(elements: &Edn, values: &mut Values) -> Result<Vec<Value>, String> {
    let elements = elements.as_slice().ok_or_else(|| format!("a set is not {elements}"))?;
    let mut numbers: Vec<Value> = elements.iter().map(|e| values.number(e)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// A call on a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueCall {
    /// The element joins the queue.
    Enqueue(Value),
    /// This element leaves the queue.
    Dequeue(Value),
    /// There is no element in the queue.
    FindEmpty,
}

/// A queue with `enqueue` and `dequeue`.
pub struct Queue {
    /// The elements, by number. That of nil is [`Queue::NIL`].
    pub values: Values,
    /// What it holds at first, in order.
    pub initial: Vec<Value>,
    /// Whether elements leave in the order in which they came; if not, in any order.
    pub is_fifo: bool,
}

impl Queue {
    /// The number of nil.
    pub const NIL: Value = 0;

    /// A queue of the elements in this vector.
    ///
    /// # Errors
    /// A clause, when it is none.
    pub fn new(elements: &Edn, is_fifo: bool) -> Result<Queue, String> {
        let mut values = Values::default();
        values.number(&Edn::Nil);
        let elements = elements
            .as_slice()
            .ok_or_else(|| format!("a queue starts as a vector of elements, not as {elements}"))?;
        let initial = elements.iter().map(|element| values.number(element)).collect();
        Ok(Queue { values, initial, is_fifo })
    }
}

impl Model for Queue {
    type Call = QueueCall;
    type State = Vec<Value>;

    fn call(&mut self, f: &str, value: &Edn, completed: bool) -> Result<Option<QueueCall>, String> {
        match f {
            "enqueue" => Ok(Some(QueueCall::Enqueue(self.values.number(value)))),
            "dequeue" if !completed && value.is_nil() => Ok(None),
            "dequeue" => Ok(Some(QueueCall::Dequeue(self.values.number(value)))),
            _ => Err(format!("a queue has no :{f}; it has :enqueue and :dequeue")),
        }
    }

    fn initial(&self) -> Vec<Value> {
        let mut initial = self.initial.clone();
        if !self.is_fifo {
            initial.sort_unstable();
        }
        initial
    }

    fn step(&self, state: &Vec<Value>, call: &QueueCall) -> Option<Vec<Value>> {
        match call {
            QueueCall::Enqueue(element) => {
                let mut state = state.clone();
                let place = if self.is_fifo {
                    state.len()
                } else {
                    state.partition_point(|other| other < element)
                };
                state.insert(place, *element);
                Some(state)
            }
            QueueCall::Dequeue(element) => {
                let place = state.iter().position(|other| other == element)?;
                let mut state = state.clone();
                state.remove(place);
                (!self.is_fifo || place == 0).then_some(state)
            }
            QueueCall::FindEmpty => state.is_empty().then(|| state.clone()),
        }
    }

    fn show(&self, state: &Vec<Value>) -> Edn {
        Edn::Vector(state.iter().map(|&value| self.values.value(value).clone()).collect())
    }

    fn heap_bytes(&self, state: &Vec<Value>) -> usize {
        state.len() * size_of::<Value>()
    }
}

/// Registers by name. The one operation, `txn`, has a value like `[[:read k v] [:write k v]]`,
/// and all of it happens at once.
pub struct MultiRegister(pub BTreeMap<Edn, Edn>);

/// One step of a transaction on a [`MultiRegister`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The register holds this value.
    Read(Edn, Edn),
    /// From now on the register holds this value.
    Write(Edn, Edn),
}

impl MultiRegister {
    /// Registers with the values of this map.
    ///
    /// # Errors
    /// A clause, when it is none.
    pub fn new(values: &Edn) -> Result<MultiRegister, String> {
        let Edn::Map(values) = values else {
            return Err(format!("a multi-register starts as a map of values, not as {values}"));
        };
        Ok(MultiRegister(values.iter().cloned().collect()))
    }

    fn access(step: &Edn) -> Result<Option<Access>, String> {
        let Some([f, key, value]) = step.as_slice() else {
            return Err(format!("a step of a transaction is like [:read k v], not {step}"));
        };
        let (key, value) = (key.canonical().into_owned(), value.canonical().into_owned());
        match f.as_keyword().or(f.as_str()) {
            Some("read" | "r") if value.is_nil() => Ok(None),
            Some("read" | "r") => Ok(Some(Access::Read(key, value))),
            Some("write" | "w") => Ok(Some(Access::Write(key, value))),
            _ => Err(format!("a step of a transaction is a :read or a :write, not {f}")),
        }
    }
}

impl Model for MultiRegister {
    type Call = Vec<Access>;
    type State = BTreeMap<Edn, Edn>;

    fn call(
        &mut self,
        f: &str,
        value: &Edn,
        completed: bool,
    ) -> Result<Option<Vec<Access>>, String> {
        if f != "txn" {
            return Err(format!("a multi-register has no :{f}; it has :txn"));
        }
        let steps = value.as_slice().ok_or_else(|| format!("a transaction is not {value}"))?;
        let mut accesses = Vec::new();
        for step in steps {
            let access = MultiRegister::access(step)?;
            // What a crashed transaction would have read is not known.
            accesses.extend(access.filter(|a| completed || matches!(a, Access::Write(..))));
        }
        Ok((!accesses.is_empty()).then_some(accesses))
    }

    fn initial(&self) -> BTreeMap<Edn, Edn> {
        self.0.clone()
    }

    fn step(&self, state: &Self::State, call: &Vec<Access>) -> Option<Self::State> {
        let mut state = state.clone();
        for access in call {
            match access {
                Access::Read(key, value) if state.get(key) == Some(value) => {}
                Access::Read(..) => return None,
                Access::Write(key, value) => {
                    state.insert(key.clone(), value.clone());
                }
            }
        }
        Some(state)
    }

    fn show(&self, state: &Self::State) -> Edn {
        Edn::Map(state.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn heap_bytes(&self, state: &Self::State) -> usize {
        state.len() * ELEMENT_BYTES
    }
}
