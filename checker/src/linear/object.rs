//! The models by name, and the search for each.

use super::bounded_counter::BoundedCounter;
use super::budget::Budget;
use super::collections::{MultiRegister, Queue, QueueCall, Set};
use super::locks::{Lock, ReadWriteLock};
use super::model::{Model, Mutex, Register, RegisterCall, Value};
use super::part::Part;
use super::patterns::{self, Found};
use super::search::registers::Registers;
use super::stack::{PriorityQueue, Stack};
use super::steps::{self, Steps, Tried};
use super::trace::{Operation, Outcome, Stuck, Trace};
use super::written::Definition;
use super::{register, search};
use crate::edn::Edn;
use crate::history::Operations;

/// Judges the operations of one object.
type Judge = fn(&Edn, Part, &Budget) -> Result<Verdict, String>;

/// By name, each with its first value where none is given.
const MODELS: &[(&str, &str, Judge)] = &[
    ("register", "nil", |init, part, budget| register(Register::new(init, false), part, budget)),
    ("cas-register", "nil", |init, part, budget| register(Register::new(init, true), part, budget)),
    ("mutex", ":free", |init, part, budget| register(Mutex::new(init)?, part, budget)),
    ("linear-set", "#{}", |init, part, _| set(Set::new(init)?, part)),
    ("fifo-queue", "[]", |init, part, budget| queue(Queue::new(init, true)?, part, budget)),
    ("unordered-queue", "[]", |init, part, budget| queue(Queue::new(init, false)?, part, budget)),
    ("multi-register", "{}", |init, part, budget| {
        multi_register(MultiRegister::new(init)?, part, budget)
    }),
    ("stack", "[]", |init, part, budget| stack(Stack::new(init)?, part, budget)),
    ("priority-queue", "[]", |init, part, budget| stepped(PriorityQueue::new(init)?, part, budget)),
    ("bounded-counter", "0", |init, part, budget| {
        stepped(BoundedCounter::new(init)?, part, budget)
    }),
    ("owner-mutex", ":free", |init, part, budget| stepped(Lock::owned(init)?, part, budget)),
    ("reentrant-mutex", ":free", |init, part, budget| {
        stepped(Lock::reentrant(init)?, part, budget)
    }),
    ("fenced-mutex", ":free", |init, part, budget| stepped(Lock::fenced(init)?, part, budget)),
    ("reentrant-fenced-mutex", ":free", |init, part, budget| {
        stepped(Lock::reentrant_fenced(init)?, part, budget)
    }),
    ("read-write-lock", ":free", |init, part, budget| {
        stepped(ReadWriteLock::new(init)?, part, budget)
    }),
];

/// The names of all models.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(name, ..)| *name)
}

/// A kind of object, with the value it has at first.
#[derive(Clone)]
pub struct Object {
    /// The model's name.
    name: &'static str,
    init: Edn,
    by: By,
}

/// What judges its operations.
#[derive(Clone)]
enum By {
    /// A model of ours.
    Model(Judge),
    /// Somebody's own.
    Definition(Definition),
}

/// What was found out about one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The outcome, with states as people read them.
    pub outcome: Outcome<Edn>,
    /// The operations that may have taken effect; the outcome refers to them.
    pub operations: Vec<Operation<()>>,
}

impl Object {
    /// The object of this model, which starts with `init`, or as the model does.
    ///
    /// # Errors
    /// A sentence, when there is no such model or it cannot start so.
    pub fn new(name: &str, init: Option<&Edn>) -> Result<Object, String> {
        let Some((name, default, judge)) = MODELS.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<&str> = names().collect();
            return Err(format!("There is no model {name}. There are: {}.", known.join(", ")));
        };
        let default = crate::edn::read_one(default).expect("the table holds EDN");
        let init = init.unwrap_or(&default).canonical().into_owned();
        Object { name, init, by: By::Model(*judge) }.tried()
    }

    /// An object that is defined like this, and starts with `init`, or as the definition says.
    ///
    /// # Errors
    /// A sentence, when it cannot start so.
    pub fn written(definition: Definition, init: Option<&Edn>) -> Result<Object, String> {
        let init = init.unwrap_or(&Edn::Nil).canonical().into_owned();
        Object { name: "", init, by: By::Definition(definition) }.tried()
    }

    /// The same, if it can start so.
    fn tried(self) -> Result<Object, String> {
        let (operations, spans) = (Operations::default(), &[]);
        let nothing = Part { operations: &operations, spans, inner: |value| value };
        self.judge(nothing, &Budget::default()).map_err(|problem| format!("--init: {problem}."))?;
        Ok(self)
    }

    /// A state as the model's record in Knossos, where it has that model.
    pub fn record(&self, state: &Edn) -> Edn {
        let of_value = |field: &str| Edn::map([(field, state.clone())]);
        let (name, fields) = match self.name {
            "register" => ("Register", of_value("value")),
            "cas-register" => ("CASRegister", of_value("value")),
            "mutex" => {
                let is_held = state.as_keyword() != Some("free");
                ("Mutex", Edn::map([("locked?", is_held.into())]))
            }
            "fifo-queue" => ("FIFOQueue", of_value("q")),
            "unordered-queue" => ("UnorderedQueue", of_value("pending")),
            "linear-set" => ("Set", of_value("s")),
            "multi-register" => ("MultiRegister", state.clone()),
            // Knossos has no such model, and so no record for it.
            _ => return state.clone(),
        };
        Edn::Tagged(format!("knossos.model.{name}").into(), Box::new(fields))
    }

    /// Judges the operations of one such object, within this budget.
    ///
    /// # Errors
    /// A sentence, when it does not have such operations.
    pub fn judge(&self, part: Part, budget: &Budget) -> Result<Verdict, String> {
        match &self.by {
            By::Model(judge) => judge(&self.init, part, budget),
            By::Definition(definition) => {
                let (trace, outcome) = definition.check(&self.init, part, budget)?;
                Ok(verdict(&trace, outcome))
            }
        }
    }
}

fn register<M>(mut model: M, part: Part, budget: &Budget) -> Result<Verdict, String>
where
    M: Model<Call = RegisterCall, State = Value>,
{
    let trace = read(&mut model, part)?;
    let outcome = register::check(&trace, model.initial(), budget);
    Ok(verdict(&trace, outcome.map(|state| model.show(&state))))
}

fn multi_register(
    mut model: MultiRegister,
    part: Part,
    budget: &Budget,
) -> Result<Verdict, String> {
    let trace = read(&mut model, part)?;
    let outcome = search::check(
        &trace,
        &|trace| Box::new(Registers::new(trace, model.initial(), model.versions())),
        budget,
    );
    Ok(verdict(&trace, outcome.map(|state| model.show(&state))))
}

fn stack(mut object: Stack, part: Part, budget: &Budget) -> Result<Verdict, String> {
    let trace = steps::read(&mut object, part)?;
    match patterns::lifo::check(&trace, object.at_first(), object.values()) {
        Some(found) => Ok(found_verdict(&trace, found)),
        None => Ok(searched(&object, &trace, budget)),
    }
}

fn stepped<S: Steps>(mut object: S, part: Part, budget: &Budget) -> Result<Verdict, String> {
    let trace = steps::read(&mut object, part)?;
    Ok(searched(&object, &trace, budget))
}

fn searched<S: Steps>(object: &S, trace: &Trace<S::Call>, budget: &Budget) -> Verdict {
    let initial = object.initial(trace);
    let outcome =
        search::check(trace, &|trace| Box::new(Tried::new(trace, initial.clone())), budget);
    let outcome = match (outcome, object.in_doubt(trace)) {
        (Outcome::Stuck(_), Some(reason)) => Outcome::GivenUp(reason),
        (outcome, _) => outcome,
    };
    verdict(trace, outcome.map(|held| object.show(&held)))
}

fn read<M: Model>(model: &mut M, part: Part) -> Result<Trace<M::Call>, String> {
    Trace::read(part, |f, value, completed| model.call(f, value, completed))
}

fn set(mut model: Set, part: Part) -> Result<Verdict, String> {
    let trace = Trace::read(part, |f, value, completed| model.call(f, value, completed))?;
    let found = patterns::set::check(&trace, &model.initial, model.values.count());
    Ok(found_verdict(&trace, found))
}

fn queue(mut model: Queue, part: Part, budget: &Budget) -> Result<Verdict, String> {
    let mut trace = read(&mut model, part)?;
    let is_nil = |o: &Operation<QueueCall>| o.call == QueueCall::Enqueue(Queue::NIL);
    if !model.initial.contains(&Queue::NIL) && !trace.operations.iter().any(is_nil) {
        for operation in &mut trace.operations {
            if operation.call == QueueCall::Dequeue(Queue::NIL) {
                operation.call = QueueCall::FindEmpty;
            }
        }
    }
    let decide = if model.is_fifo { patterns::fifo::check } else { patterns::bag::check };
    if let Some(found) = decide(&trace, &model.initial, model.values.count()) {
        return Ok(found_verdict(&trace, found));
    }
    let (initial, values, is_fifo) = (&model.initial, model.values.count(), model.is_fifo);
    let outcome = search::check(
        &trace,
        &|trace| Box::new(search::queue::Queue::new(trace, initial, values, is_fifo)),
        budget,
    );
    Ok(verdict(&trace, outcome.map(|state| model.show(&state))))
}

fn found_verdict<C>(trace: &Trace<C>, found: Found) -> Verdict {
    match found {
        None => {
            let outcome = Outcome::Linearizable(Vec::new());
            Verdict { outcome, operations: Vec::new() }
        }
        Some((operation, violation)) => {
            let stuck = Stuck { operation, violation: Some(violation), configurations: Vec::new() };
            Verdict { outcome: Outcome::Stuck(stuck), operations: without_calls(trace) }
        }
    }
}

fn without_calls<C>(trace: &Trace<C>) -> Vec<Operation<()>> {
    let without_call = |o: &Operation<C>| Operation {
        call: (),
        invoked_at: o.invoked_at,
        returned_at: o.returned_at,
    };
    trace.operations.iter().map(without_call).collect()
}

/// The verdict, with the operations where the outcome refers to any.
fn verdict<C>(trace: &Trace<C>, outcome: Outcome<Edn>) -> Verdict {
    let is_told = match &outcome {
        Outcome::Linearizable(reached) => reached.iter().any(|r| !r.pending.is_empty()),
        Outcome::Stuck(_) => true,
        Outcome::GivenUp(_) => false,
    };
    let operations = if is_told { without_calls(trace) } else { Vec::new() };
    Verdict { outcome, operations }
}
