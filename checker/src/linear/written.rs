//! Objects of one's own: what they hold and what operations do to it, written in a small file.
//!
//! ```clojure
//! {:model "bounded-queue"
//!  :state {:items [] :capacity 3}
//!  :operations
//!  {:enqueue {:when (< (count items) capacity)
//!             :then {:items (conj items value)}}
//!   :dequeue {:when (or (not ok?) (= value (first items)))
//!             :then {:items (rest items)}}}}
//! ```
//!
//! The state is a few fields, each with its first value. An operation can happen when `:when`
//! holds (always, if there is none), and then the fields in `:then` have new values, all made from
//! the old ones; one without `:then` only looks. Expressions mention the fields by name, and
//!
//! | name | what it stands for |
//! |---|---|
//! | `value` | what the operation gave; if it crashed, what was asked |
//! | `asked` | what was asked: the value of the invocation |
//! | `ok?` | whether it ended; one that crashed may have happened, and gave nothing |
//! | `client` | who acts: the value's `:client`, or else the process |
//!
//! [`functions`] and [`expression`] are the language. It is *total*: every step comes to an end,
//! and soon, because nothing recurs, loops go through collections, and each step has a limit. So
//! the general search decides about such objects within the same budget as about its own. An
//! expression without a value (the sum of a number and a word) is a mistake of whoever wrote it,
//! and not of whoever is judged: the judgement is `unknown`, and says where.
//!
//! Why a language, and not WebAssembly: a model is ten lines that one reads beside the history,
//! and nobody has to compile them. Absent: operations of which several outcomes are possible.

mod expression;
mod functions;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use self::expression::{Expression, Names, Scope, Work, size};
use super::budget::Budget;
use super::part::Part;
use super::search;
use super::steps::{Held, Tried, hash, read_asked};
use super::trace::{Outcome, Trace};
use crate::edn::{Edn, Reader};

/// The names that stand for something of the operation, in this order behind the fields.
const OF_OPERATION: [&str; 4] = ["value", "asked", "ok?", "client"];

/// A value in memory takes about so many bytes.
const VALUE_BYTES: usize = 40;

/// An object, as it was written.
#[derive(Clone)]
pub struct Definition(Arc<Written>);

struct Written {
    /// Its name.
    name: String,
    text: String,
    fields: Vec<(String, Edn)>,
    operations: Vec<Operation>,
}

/// One of its operations.
struct Operation {
    name: String,
    when: Option<Expression>,
    /// The fields that change, by their places.
    then: Vec<(usize, Expression)>,
    /// Which of [`OF_OPERATION`] are mentioned.
    mentions: [bool; 4],
}

impl PartialEq for Definition {
    fn eq(&self, other: &Definition) -> bool {
        self.0.text == other.0.text
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Definition({})", self.0.name)
    }
}

impl Definition {
    /// Understands a text.
    ///
    /// # Errors
    /// A sentence, when it is no definition: with line and column where it cannot be read, and
    /// otherwise with what is wrong as it is written.
    pub fn parse(text: &str) -> Result<Definition, String> {
        let in_text = |error: crate::edn::ReadError| format!("{error}.");
        let mut reader = Reader::new(text);
        let written = reader.next_value().map_err(in_text)?;
        let written = written.ok_or("There is no model in this text.")?;
        if let Some(more) = reader.next_value().map_err(in_text)? {
            return Err(format!("A model is one map, and {more} comes after it."));
        }
        let parts = known(&written, "A model", &["model", "about", "state", "operations"])?;
        let [name, _, state, operations] = parts[..] else { unreachable!("four were asked for") };
        let name = match name {
            Some(Edn::Str(name) | Edn::Symbol(name) | Edn::Keyword(name)) => name.to_string(),
            _ => return Err("A model has a name: {:model \"name\" …}.".into()),
        };
        let fields = fields(state)?;
        let Some(Edn::Map(operations)) = operations else {
            return Err("A model has :operations, a map of each name to :when and :then.".into());
        };
        let one = |(f, written): &(Edn, Edn)| {
            let f = f.as_keyword().ok_or_else(|| format!("The operation {f} is no keyword."))?;
            operation(f, written, &fields)
        };
        let operations: Result<Vec<Operation>, String> = operations.iter().map(one).collect();
        let (operations, text) = (operations?, text.to_owned());
        if operations.is_empty() {
            return Err("A model has at least one operation.".into());
        }
        Ok(Definition(Arc::new(Written { name, text, fields, operations })))
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it holds at first; `init` has other first values for some of the fields.
    ///
    /// # Errors
    /// A clause, when `init` has other things.
    pub fn first(&self, init: &Edn) -> Result<Vec<Edn>, String> {
        let mut first: Vec<Edn> = self.0.fields.iter().map(|(_, value)| value.clone()).collect();
        let entries = match init {
            Edn::Nil => return Ok(first),
            Edn::Map(entries) => entries,
            other => {
                return Err(format!("{} starts as a map of fields, not as {other}", self.0.name));
            }
        };
        for (key, value) in entries {
            let place = key.as_keyword().and_then(|key| self.place(key));
            first[place.ok_or_else(|| format!("{} has no field {key}", self.0.name))?] =
                value.canonical().into_owned();
        }
        Ok(first)
    }

    fn place(&self, field: &str) -> Option<usize> {
        self.0.fields.iter().position(|(name, _)| name == field)
    }

    /// Decides whether the operations of one object are linearizable.
    ///
    /// # Errors
    /// A sentence, when it does not have such operations, or an expression has no value.
    pub fn check(
        &self,
        init: &Edn,
        part: Part,
        budget: &Budget,
    ) -> Result<(Trace<Call>, Outcome<Edn>), String> {
        let trace = read_asked(part, |asked| {
            let place = self.0.operations.iter().position(|known| known.name == asked.f);
            let Some(place) = place else {
                let names = self.0.operations.iter().map(|known| format!(":{}", known.name));
                let names: Vec<String> = names.collect();
                let name = &self.0.name;
                return Err(format!("{name} has no :{}; it has {}", asked.f, names.join(", ")));
            };
            let operation = &self.0.operations[place];
            let canonical = |value: &Edn| value.canonical().into_owned();
            let all = [
                canonical(asked.value),
                canonical(asked.asked),
                Edn::Bool(asked.completed),
                canonical(&asked.client),
            ];
            // Calls that differ in what nothing depends on are alike.
            let unless_unused = |(value, used)| if used { value } else { Edn::Nil };
            let arguments = all.into_iter().zip(operation.mentions).map(unless_unused).collect();
            let looks = operation.then.is_empty();
            Ok((!looks || operation.when.is_some()).then_some(Call { place, arguments, looks }))
        })?;
        let mistake = Rc::new(Mistake::default());
        let first = State {
            definition: self.clone(),
            fields: self.first(init)?,
            mistake: mistake.clone(),
            undo_bytes: 0,
            most_bytes: budget.bytes,
        };
        let outcome =
            search::check(&trace, &|trace| Box::new(Tried::new(trace, first.clone())), budget);
        if let Some(sentence) = mistake.sentence.take() {
            return Err(sentence);
        }
        let outcome = if mistake.is_too_large.get() {
            let limit = budget.bytes >> 20;
            Outcome::GivenUp(format!("What {} holds takes more than {limit} MiB.", self.0.name))
        } else {
            outcome
        };
        Ok((trace, outcome.map(|state| state.show())))
    }
}

/// The values in a map under these keys.
///
/// # Errors
/// A sentence, when it is no map, or has another key.
fn known<'a>(map: &'a Edn, what: &str, keys: &[&str]) -> Result<Vec<Option<&'a Edn>>, String> {
    let Edn::Map(entries) = map else { return Err(format!("{what} is a map, not {map}.")) };
    let is_known = |key: &Edn| key.as_keyword().is_some_and(|key| keys.contains(&key));
    if let Some((key, _)) = entries.iter().find(|(key, _)| !is_known(key)) {
        return Err(format!("{what} has no {key}; it may have :{}.", keys.join(", :")));
    }
    Ok(keys.iter().map(|key| map.get(key)).collect())
}

fn fields(state: Option<&Edn>) -> Result<Vec<(String, Edn)>, String> {
    let Some(Edn::Map(entries)) = state else {
        return Err("A model has a :state, a map of fields to their first values.".into());
    };
    let field = |(key, value): &(Edn, Edn)| match key.as_keyword() {
        Some(name) if OF_OPERATION.contains(&name) => {
            Err(format!("A field cannot be called {name}: that is the operation's."))
        }
        Some(name) => Ok((name.to_owned(), value.canonical().into_owned())),
        None => Err(format!("The field {key} is no keyword.")),
    };
    entries.iter().map(field).collect()
}

fn operation(f: &str, written: &Edn, fields: &[(String, Edn)]) -> Result<Operation, String> {
    let parts = known(written, &format!("The operation :{f}"), &["when", "then"])?;
    let first = fields.iter().map(|(name, _)| &**name).chain(OF_OPERATION).collect();
    let mut names = Names { scopes: vec![first], mentioned: Vec::new() };
    let when = parts[0].map(|written| names.expression(written)).transpose();
    let when = when.map_err(|problem| format!("The :when of :{f}: {problem}."))?;
    let mut then = Vec::new();
    match parts[1] {
        None => {}
        Some(Edn::Map(entries)) => {
            for (field, written) in entries {
                let place = field.as_keyword();
                let place = place.and_then(|name| fields.iter().position(|(n, _)| n == name));
                let place = place
                    .ok_or_else(|| format!("The :then of :{f}: there is no field {field}."))?;
                let value = names.expression(written);
                then.push((place, value.map_err(|p| format!("The :then of :{f}: {p}."))?));
            }
        }
        Some(other) => return Err(format!("The :then of :{f} is a map of fields, not {other}.")),
    }
    let is_mentioned = |number: usize| names.mentioned.contains(&(fields.len() + number));
    let mentions = std::array::from_fn(is_mentioned);
    Ok(Operation { name: f.to_owned(), when, then, mentions })
}

/// An operation with its arguments and its result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    place: usize,
    /// What [`OF_OPERATION`] stand for.
    arguments: Vec<Edn>,
    looks: bool,
}

/// Why nothing that the search finds is to be believed.
#[derive(Default)]
struct Mistake {
    sentence: RefCell<Option<String>>,
    is_too_large: Cell<bool>,
}

/// What an object holds.
#[derive(Clone)]
pub struct State {
    definition: Definition,
    fields: Vec<Edn>,
    mistake: Rc<Mistake>,
    /// What it takes to take back all that happened.
    undo_bytes: usize,
    most_bytes: usize,
}

impl State {
    fn show(&self) -> Edn {
        let names = self.definition.0.fields.iter().map(|(name, _)| Edn::keyword(name));
        Edn::Map(names.zip(self.fields.iter().cloned()).collect())
    }

    fn operation(&self, call: &Call) -> &Operation {
        &self.definition.0.operations[call.place]
    }

    /// Whether the call can happen, and the fields that it changes.
    fn outcome(&self, call: &Call, only_whether: bool) -> Result<Option<Vec<Edn>>, String> {
        let operation = self.operation(call);
        let values = [&self.fields[..], &call.arguments].concat();
        let (scope, work) = (Scope { values: &values, outer: None }, Work::default());
        let failed = |problem| format!(":{}: {problem}.", operation.name);
        if let Some(when) = &operation.when
            && !when.holds(&scope, &work).map_err(failed)?
        {
            return Ok(None);
        }
        if only_whether {
            return Ok(Some(Vec::new()));
        }
        let new = operation.then.iter();
        let new = new.map(|(_, then)| Ok(then.value(&scope, &work)?.into_owned()));
        new.collect::<Result<_, String>>().map(Some).map_err(failed)
    }

    /// The same; nothing can happen any more once there was a mistake.
    fn tried(&self, call: &Call, only_whether: bool) -> Option<Vec<Edn>> {
        let mistake = &self.mistake;
        if mistake.is_too_large.get() || mistake.sentence.borrow().is_some() {
            return None;
        }
        match self.outcome(call, only_whether) {
            Ok(outcome) => outcome,
            Err(problem) => {
                let used = OF_OPERATION.iter().zip(self.operation(call).mentions);
                let used = used.zip(&call.arguments).filter(|((_, is_used), _)| *is_used);
                let used: String =
                    used.map(|((name, _), value)| format!(", {name} was {value}")).collect();
                let (name, state) = (&self.definition.0.name, self.show());
                *mistake.sentence.borrow_mut() = Some(format!(
                    "The model {name} has a mistake in {problem} The state was {state}{used}."
                ));
                None
            }
        }
    }
}

impl Held for State {
    type Call = Call;
    type Undo = Vec<Edn>;

    fn step(&mut self, call: &Call) -> Option<Vec<Edn>> {
        let mut values = self.tried(call, false)?;
        let definition = self.definition.clone();
        let then = &definition.0.operations[call.place].then;
        for ((place, _), value) in then.iter().zip(&mut values) {
            std::mem::swap(&mut self.fields[*place], value);
        }
        self.undo_bytes += bytes(&values);
        if self.undo_bytes > self.most_bytes {
            self.mistake.is_too_large.set(true);
        }
        Some(values)
    }

    fn can_happen(&self, call: &Call) -> bool {
        self.tried(call, true).is_some()
    }

    fn undo(&mut self, call: &Call, undo: Vec<Edn>) {
        self.undo_bytes -= bytes(&undo);
        let definition = self.definition.clone();
        let then = &definition.0.operations[call.place].then;
        for ((place, _), value) in then.iter().zip(undo) {
            self.fields[*place] = value;
        }
    }

    fn sum(&self) -> u128 {
        hash(&self.fields)
    }

    fn only_looks(call: &Call) -> bool {
        call.looks
    }
}

fn bytes(values: &[Edn]) -> usize {
    values.iter().map(|value| size(value) as usize * VALUE_BYTES).sum()
}

#[cfg(test)]
mod tests;
