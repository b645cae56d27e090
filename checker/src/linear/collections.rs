//! Objects with many possible states: a set, two queues, and registers that are read and
//! written several at a time. They are decided by the plain search.
//!
//! One rule is not Knossos's: a `dequeue` that crashed may have taken an element, whichever
//! came next. Knossos only ever lets it take a nil.

use std::collections::BTreeMap;

use super::model::Model;
use crate::edn::Edn;

/// About how many bytes one more element takes in a state.
const ELEMENT_BYTES: usize = 64;

/// A grow-only set with `add` and `read`.
pub struct Set(pub Vec<Edn>);

/// A call on a [`Set`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetCall {
    /// The element is in the set from now on.
    Add(Edn),
    /// The set has these elements, in ascending order.
    Read(Vec<Edn>),
}

impl Set {
    /// A set of the elements in this collection.
    ///
    /// # Errors
    /// A clause, when it is none.
    pub fn new(elements: &Edn) -> Result<Set, String> {
        Ok(Set(sorted(elements)?))
    }
}

fn sorted(elements: &Edn) -> Result<Vec<Edn>, String> {
    let elements = elements.as_slice().ok_or_else(|| format!("a set is not {elements}"))?;
    let mut elements: Vec<Edn> = elements.iter().map(|e| e.canonical().into_owned()).collect();
    elements.sort_unstable();
    elements.dedup();
    Ok(elements)
}

impl Model for Set {
    type Call = SetCall;
    type State = Vec<Edn>;

    fn call(&mut self, f: &str, value: &Edn, completed: bool) -> Result<Option<SetCall>, String> {
        match f {
            "add" => Ok(Some(SetCall::Add(value.canonical().into_owned()))),
            "read" if !completed || value.is_nil() => Ok(None),
            "read" => Ok(Some(SetCall::Read(sorted(value)?))),
            _ => Err(format!("a set has no :{f}; it has :add and :read")),
        }
    }

    fn initial(&self) -> Vec<Edn> {
        self.0.clone()
    }

    fn step(&self, state: &Vec<Edn>, call: &SetCall) -> Option<Vec<Edn>> {
        match call {
            SetCall::Read(seen) => (seen == state).then(|| state.clone()),
            SetCall::Add(element) => {
                let mut state = state.clone();
                if let Err(place) = state.binary_search(element) {
                    state.insert(place, element.clone());
                }
                Some(state)
            }
        }
    }

    fn show(&self, state: &Vec<Edn>) -> Edn {
        Edn::Set(state.clone())
    }

    fn heap_bytes(&self, state: &Vec<Edn>) -> usize {
        state.len() * ELEMENT_BYTES
    }
}

/// A call on a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueCall {
    /// The element joins the queue.
    Enqueue(Edn),
    /// This element leaves the queue.
    Dequeue(Edn),
    /// An element leaves the queue, if there is one, and nobody saw which.
    DequeueAny,
}

fn queue_call(f: &str, value: &Edn, completed: bool) -> Result<QueueCall, String> {
    let element = value.canonical().into_owned();
    match f {
        "enqueue" => Ok(QueueCall::Enqueue(element)),
        "dequeue" if !completed && value.is_nil() => Ok(QueueCall::DequeueAny),
        "dequeue" => Ok(QueueCall::Dequeue(element)),
        _ => Err(format!("a queue has no :{f}; it has :enqueue and :dequeue")),
    }
}

/// A queue whose elements leave in the order in which they came.
pub struct FifoQueue(pub Vec<Edn>);

impl Model for FifoQueue {
    type Call = QueueCall;
    type State = Vec<Edn>;

    fn call(&mut self, f: &str, value: &Edn, completed: bool) -> Result<Option<QueueCall>, String> {
        queue_call(f, value, completed).map(Some)
    }

    fn initial(&self) -> Vec<Edn> {
        self.0.clone()
    }

    fn step(&self, state: &Vec<Edn>, call: &QueueCall) -> Option<Vec<Edn>> {
        match call {
            QueueCall::Enqueue(element) => {
                let mut state = state.clone();
                state.push(element.clone());
                Some(state)
            }
            QueueCall::Dequeue(element) => {
                (state.first() == Some(element)).then(|| state[1..].to_vec())
            }
            QueueCall::DequeueAny => Some(state.get(1..).unwrap_or_default().to_vec()),
        }
    }

    fn show(&self, state: &Vec<Edn>) -> Edn {
        Edn::Vector(state.clone())
    }

    fn heap_bytes(&self, state: &Vec<Edn>) -> usize {
        state.len() * ELEMENT_BYTES
    }
}

/// A queue whose elements leave in any order.
pub struct UnorderedQueue(pub Vec<Edn>);

impl Model for UnorderedQueue {
    type Call = QueueCall;
    /// Each element, and how often it is in the queue.
    type State = BTreeMap<Edn, usize>;

    fn call(&mut self, f: &str, value: &Edn, completed: bool) -> Result<Option<QueueCall>, String> {
        // To take just any element never explains anything: one that is left can stay.
        let call = queue_call(f, value, completed)?;
        Ok((call != QueueCall::DequeueAny).then_some(call))
    }

    fn initial(&self) -> BTreeMap<Edn, usize> {
        let mut state = BTreeMap::new();
        self.0.iter().for_each(|element| *state.entry(element.clone()).or_default() += 1);
        state
    }

    fn step(&self, state: &Self::State, call: &QueueCall) -> Option<Self::State> {
        let mut state = state.clone();
        match call {
            QueueCall::Enqueue(element) => *state.entry(element.clone()).or_default() += 1,
            QueueCall::Dequeue(element) => {
                let count = state.get_mut(element)?;
                *count -= 1;
                if *count == 0 {
                    state.remove(element);
                }
            }
            QueueCall::DequeueAny => {}
        }
        Some(state)
    }

    fn show(&self, state: &Self::State) -> Edn {
        let copies = |(element, count): (&Edn, &usize)| vec![element.clone(); *count];
        Edn::Vector(state.iter().flat_map(copies).collect())
    }

    fn heap_bytes(&self, state: &Self::State) -> usize {
        state.len() * ELEMENT_BYTES
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
