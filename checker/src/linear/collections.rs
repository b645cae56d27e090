//! Objects with many possible states: a set, two queues, and registers that are read and
//! written several at a time.
//!
//! Rules of Knossos kept here: a `dequeue` that crashed took nothing, because it has no value.
//! One rule is ours: a `dequeue` that completed with nil found the queue empty, unless nil is
//! an element of the history. For Knossos no queue is ever so.

use super::model::{Model, Value, Values};
use super::search::registers::{Access, Registers};
use crate::edn::Edn;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
        self.initial.clone()
    }

    fn show(&self, state: &Vec<Value>) -> Edn {
        Edn::Vector(state.iter().map(|&value| self.values.value(value).clone()).collect())
    }
}

/// Registers by name. The one operation, `txn`, has a value like `[[:read k v] [:write k v]]`,
/// and all of it happens at once.
pub struct MultiRegister {
    /// The names of the registers, by number.
    names: Values,
    /// What they hold, by number, together with the register: the versions.
    versions: Values,
    /// The versions at first, each with its register.
    initial: Vec<(u32, u32)>,
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
        let (names, versions) = (Values::default(), Values::default());
        let mut registers = MultiRegister { names, versions, initial: Vec::new() };
        for (name, value) in values {
            let held = registers.version(name, value);
            registers.initial.push(held);
        }
        Ok(registers)
    }

    /// How many versions there are of all registers together.
    pub fn versions(&self) -> usize {
        self.versions.count()
    }

    fn version(&mut self, name: &Edn, value: &Edn) -> (u32, u32) {
        let version = Edn::Vector(vec![name.clone(), value.clone()]);
        (self.names.number(name), self.versions.number(&version))
    }

    /// Adds one step of a transaction.
    fn add_step(&mut self, step: &Edn, completed: bool, access: &mut Access) -> Result<(), String> {
        let Some([f, name, value]) = step.as_slice() else {
            return Err(format!("a step of a transaction is like [:read k v], not {step}"));
        };
        match f.as_keyword().or(f.as_str()) {
            // What a crashed transaction would have read is not known.
            Some("read" | "r") if value.is_nil() || !completed => {}
            Some("read" | "r") => {
                let (register, version) = self.version(name, value);
                match access.last(register) {
                    None => access.reads.push((register, version)),
                    Some(held) => access.is_impossible |= held != version,
                }
            }
            Some("write" | "w") => {
                let (register, version) = self.version(name, value);
                access.writes.retain(|(other, _)| *other != register);
                access.writes.push((register, version));
            }
            _ => return Err(format!("a step of a transaction is a :read or a :write, not {f}")),
        }
        Ok(())
    }
}

impl Model for MultiRegister {
    type Call = Access;
    type State = Vec<u32>;

    fn call(&mut self, f: &str, value: &Edn, completed: bool) -> Result<Option<Access>, String> {
        if f != "txn" {
            return Err(format!("a multi-register has no :{f}; it has :txn"));
        }
        let steps = value.as_slice().ok_or_else(|| format!("a transaction is not {value}"))?;
        let mut access = Access::default();
        for step in steps {
            self.add_step(step, completed, &mut access)?;
        }
        Ok((access != Access::default()).then_some(access))
    }

    fn initial(&self) -> Vec<u32> {
        let mut held = vec![Registers::ABSENT; self.names.count()];
        self.initial.iter().for_each(|&(register, version)| held[register as usize] = version);
        held
    }

    fn show(&self, held: &Vec<u32>) -> Edn {
        let present = held.iter().filter(|version| **version != Registers::ABSENT);
        let entries = present.map(|&version| {
            let Edn::Vector(pair) = self.versions.value(version) else {
                unreachable!("a version is a pair");
            };
            (pair[0].clone(), pair[1].clone())
        });
        let mut entries: Vec<(Edn, Edn)> = entries.collect();
        entries.sort_unstable();
        Edn::Map(entries)
    }
}
