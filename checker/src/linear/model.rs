//! What an object does when operations reach it one at a time.
//!
//! A model turns an operation of the history into a *call*, which holds the arguments and the
//! result; whoever decides knows what such calls do.
//! Registers and the mutex share one kind of call, because a mutex is a register that is
//! compared and set; so all of them have the fast search of [`super::register`].
//!
//! Rules of Knossos kept here: the first value of a register is nil unless said otherwise, and
//! a read whose result is unknown (nil) is legal in every state.
//!
//! Chapter 5 of the book, `book/05-consistency.md`, reads this.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::edn::Edn;

/// The behaviour of an object, one operation at a time.
pub trait Model {
    /// An operation with its arguments and its result.
    type Call: Clone;
    /// What the object holds.
    type State: Clone + Eq + Hash;

    /// The call that an operation makes; `None` when it changes nothing and tells nothing.
    /// `completed` says whether `value` is what a completion gave, or only what was asked for.
    ///
    /// # Errors
    /// A clause, when the object has no such operation.
    fn call(&mut self, f: &str, value: &Edn, completed: bool)
    -> Result<Option<Self::Call>, String>;

    /// The state before all operations.
    fn initial(&self) -> Self::State;

    /// The state for people to read.
    fn show(&self, state: &Self::State) -> Edn;
}

/// A value of a register: its number in the order in which values were first seen.
pub type Value = u32;

/// A call on a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisterCall {
    /// The register holds this value.
    Read(Value),
    /// From now on the register holds this value.
    Write(Value),
    /// The register holds the first value, and from now on the second.
    Cas(Value, Value),
}

/// What a call does to a register that holds `value`; `None` when it cannot happen.
// ANCHOR: step
pub fn step_register(value: Value, call: RegisterCall) -> Option<Value> {
    match call {
        RegisterCall::Write(new) => Some(new),
        RegisterCall::Read(seen) => (seen == value).then_some(value),
        RegisterCall::Cas(from, to) => (from == value).then_some(to),
    }
}
// ANCHOR_END: step

/// Numbers for values, so that what decides compares integers.
#[derive(Default)]
pub struct Values {
    numbers: FxHashMap<Edn, Value>,
    values: Vec<Edn>,
}

impl Values {
    /// The number of a value; a new one for a new value.
    pub fn number(&mut self, value: &Edn) -> Value {
        let value = value.canonical();
        if let Some(number) = self.numbers.get(&*value) {
            return *number;
        }
        let number = self.values.len() as Value;
        self.numbers.insert(value.clone().into_owned(), number);
        self.values.push(value.into_owned());
        number
    }

    /// The value with this number.
    pub fn value(&self, number: Value) -> &Edn {
        &self.values[number as usize]
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.values.len()
    }
}

/// A register with `read`, `write` and, if it is a cas-register, `cas`, whose value is
/// `[from to]`.
pub struct Register {
    values: Values,
    has_cas: bool,
}

impl Register {
    /// A register that holds this value at first.
    pub fn new(initial: &Edn, has_cas: bool) -> Register {
        let mut values = Values::default();
        values.number(initial);
        Register { values, has_cas }
    }
}

impl Model for Register {
    type Call = RegisterCall;
    type State = Value;

    fn call(
        &mut self,
        f: &str,
        value: &Edn,
        completed: bool,
    ) -> Result<Option<RegisterCall>, String> {
        let call = match f {
            "read" if !completed || value.is_nil() => return Ok(None),
            "read" => RegisterCall::Read(self.values.number(value)),
            "write" => RegisterCall::Write(self.values.number(value)),
            "cas" if self.has_cas => {
                let Some([from, to]) = value.as_slice() else {
                    return Err(format!("a cas has a value like [from to], not {value}"));
                };
                RegisterCall::Cas(self.values.number(from), self.values.number(to))
            }
            "cas" => return Err("a register has no :cas; a cas-register has".into()),
            _ => return Err(format!("a register has no :{f}; it has :read, :write and :cas")),
        };
        Ok(Some(call))
    }

    fn initial(&self) -> Value {
        0
    }

    fn show(&self, state: &Value) -> Edn {
        self.values.value(*state).clone()
    }
}

/// A lock with `acquire` and `release`.
pub struct Mutex {
    initial: Value,
}

impl Mutex {
    const FREE: Value = 0;
    const LOCKED: Value = 1;

    /// A lock that is `:free` or `:locked` at first.
    ///
    /// # Errors
    /// A clause, when `initial` is neither.
    pub fn new(initial: &Edn) -> Result<Mutex, String> {
        match initial.as_keyword() {
            Some("free") => Ok(Mutex { initial: Mutex::FREE }),
            Some("locked") => Ok(Mutex { initial: Mutex::LOCKED }),
            _ => Err(format!("a mutex starts as :free or :locked, not as {initial}")),
        }
    }
}

impl Model for Mutex {
    type Call = RegisterCall;
    type State = Value;

    fn call(&mut self, f: &str, _: &Edn, _: bool) -> Result<Option<RegisterCall>, String> {
        match f {
            "acquire" => Ok(Some(RegisterCall::Cas(Mutex::FREE, Mutex::LOCKED))),
            "release" => Ok(Some(RegisterCall::Cas(Mutex::LOCKED, Mutex::FREE))),
            _ => Err(format!("a mutex has no :{f}; it has :acquire and :release")),
        }
    }

    fn initial(&self) -> Value {
        self.initial
    }

    fn show(&self, state: &Value) -> Edn {
        Edn::keyword(if *state == Mutex::FREE { "free" } else { "locked" })
    }
}
