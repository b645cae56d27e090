//! The models by name, and the search for each.

use super::collections::{FifoQueue, MultiRegister, Set, UnorderedQueue};
use super::model::{Model, Mutex, Register, RegisterCall, Value};
use super::trace::{Operation, Outcome, Reached, Stuck, Trace};
use super::{register, search};
use crate::edn::Edn;
use crate::history::Pair;

/// How much memory the plain search may take for one object.
const BUDGET_BYTES: usize = 2 << 30;

/// Judges the operations of one object.
type Judge = fn(&Edn, &[Pair], Inner) -> Result<Verdict, String>;

/// Takes the part of an operation's value that concerns the object.
pub type Inner = fn(&Edn) -> &Edn;

/// By name, each with its first value where none is given.
const MODELS: &[(&str, &str, Judge)] = &[
    ("register", "nil", |init, pairs, inner| fast(Register::new(init, false), pairs, inner)),
    ("cas-register", "nil", |init, pairs, inner| fast(Register::new(init, true), pairs, inner)),
    ("mutex", ":free", |init, pairs, inner| fast(Mutex::new(init)?, pairs, inner)),
    ("set", "#{}", |init, pairs, inner| plain(Set::new(init)?, pairs, inner)),
    ("fifo-queue", "[]", |init, pairs, inner| plain(FifoQueue(elements(init)?), pairs, inner)),
    ("unordered-queue", "[]", |init, pairs, inner| {
        plain(UnorderedQueue(elements(init)?), pairs, inner)
    }),
    ("multi-register", "{}", |init, pairs, inner| plain(MultiRegister::new(init)?, pairs, inner)),
];

fn elements(init: &Edn) -> Result<Vec<Edn>, String> {
    let elements = init.as_slice().map(<[Edn]>::to_vec);
    elements.ok_or_else(|| format!("a queue starts as a vector of elements, not as {init}"))
}

/// A kind of object, with the value it has at first.
#[derive(Clone)]
pub struct Object {
    /// The model's name.
    pub name: &'static str,
    init: Edn,
    judge: Judge,
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
            let known: Vec<&str> = MODELS.iter().map(|(name, ..)| *name).collect();
            return Err(format!("There is no model {name}. There are: {}.", known.join(", ")));
        };
        let default = crate::edn::read_one(default).expect("the table holds EDN");
        let init = init.unwrap_or(&default).canonical().into_owned();
        let object = Object { name, init, judge: *judge };
        object.judge(&[], |value| value).map_err(|problem| format!("--init: {problem}."))?;
        Ok(object)
    }

    /// Judges the operations of one such object.
    ///
    /// # Errors
    /// A sentence, when it does not have such operations.
    pub fn judge(&self, pairs: &[Pair], inner: Inner) -> Result<Verdict, String> {
        (self.judge)(&self.init, pairs, inner)
    }
}

fn fast<M>(mut model: M, pairs: &[Pair], inner: Inner) -> Result<Verdict, String>
where
    M: Model<Call = RegisterCall, State = Value>,
{
    let trace = Trace::read(&mut model, pairs, inner)?;
    let outcome = register::check(&trace, model.initial());
    Ok(verdict(&model, &trace, outcome))
}

fn plain<M: Model>(mut model: M, pairs: &[Pair], inner: Inner) -> Result<Verdict, String> {
    let trace = Trace::read(&mut model, pairs, inner)?;
    let outcome = search::check(&model, &trace, BUDGET_BYTES);
    Ok(verdict(&model, &trace, outcome))
}

fn verdict<M: Model>(model: &M, trace: &Trace<M::Call>, outcome: Outcome<M::State>) -> Verdict {
    let outcome = match outcome {
        Outcome::Linearizable => Outcome::Linearizable,
        Outcome::GivenUp(reason) => Outcome::GivenUp(reason),
        Outcome::Stuck(stuck) => Outcome::Stuck(Stuck {
            operation: stuck.operation,
            configurations: stuck
                .configurations
                .into_iter()
                .map(|reached| Reached {
                    state: model.show(&reached.state),
                    pending: reached.pending,
                })
                .collect(),
        }),
    };
    let without_call = |o: &Operation<M::Call>| Operation {
        call: (),
        invoked_at: o.invoked_at,
        returned_at: o.returned_at,
    };
    // Only a failure is told in detail.
    let is_stuck = matches!(outcome, Outcome::Stuck(_));
    let operations = trace.operations.iter().filter(|_| is_stuck).map(without_call).collect();
    Verdict { outcome, operations }
}
