//! What a history may be judged as: the history of a workload, or of one object.

use std::str::FromStr;

use crate::edn::Edn;
use crate::exceptions::{Exceptions, WRONG_REPLY};
use crate::history::{Common, Entry, History, Op, Operations, Packed, Pairing};
use crate::likeness::{Expected, Likeness};
use crate::linear::budget::Budget;
use crate::linear::object::Object;
use crate::linear::written::Definition;
use crate::{
    Checker, Judgement, Validity, counter, echo, elle, jepsen, kafka, linear, set_full, unique_ids,
};

/// What judges a history: see [`Workload`] and [`Model`], which are two ways to have one.
pub struct Judge {
    by: By,
    /// What an operation's invocation and completion must have in common; `None` if the judge
    /// takes a history as it is.
    common: Option<Common>,
    /// What the history should be of, if that can be told.
    expected: Option<Expected>,
}

enum By {
    /// It takes the history in entry by entry, and keeps no more than it needs.
    Steps(Box<dyn Checker>),
    /// It wants the whole history, in few bytes.
    Whole(Box<Operations>, Box<dyn FnOnce(&Operations) -> Judgement>),
}

impl Judge {
    /// One that wants all operations at once.
    pub fn whole(judge: impl FnOnce(&Operations) -> Judgement + 'static) -> Judge {
        let by = By::Whole(Box::default(), Box::new(judge));
        Judge { by, common: None, expected: None }
    }

    /// The same, but a history is unknown in which a completion does not belong to its
    /// invocation: see [`Pairing`].
    pub(crate) fn of_pairs_with(self, common: Common) -> Judge {
        Judge { common: Some(common), ..self }
    }

    /// The same; and where it has no answer, it says what the history looks like instead.
    pub(crate) fn expecting(self, name: &'static str, functions: &'static [&'static str]) -> Judge {
        Judge { expected: Some(Expected { name, functions }), ..self }
    }

    /// Judges a history.
    pub fn judge(self, history: &History) -> Judgement {
        let mut gathering = self.gather();
        for op in &history.ops {
            if let Err(problem) = gathering.push(op) {
                return Judgement::bad_input(format!("The history cannot be judged: {problem}."));
            }
        }
        gathering.finish_alone()
    }

    /// To judge a history that is read entry by entry.
    pub fn gather(self) -> Gathering {
        let pairing = self.common.map(Pairing::new);
        let likeness = self.expected.map(|expected| (Likeness::default(), expected));
        let asked = Asked { pairing, exceptions: Exceptions::default(), likeness };
        Gathering { by: self.by, asked, packed: Packed::default() }
    }
}

impl<C: Checker + 'static> From<C> for Judge {
    fn from(checker: C) -> Judge {
        Judge { by: By::Steps(Box::new(checker)), common: None, expected: None }
    }
}

/// A history on its way to its judge.
pub struct Gathering {
    by: By,
    asked: Asked,
    /// For the entry that is taken in.
    packed: Packed,
}

/// What is asked of every history, whoever judges it.
struct Asked {
    pairing: Option<Pairing>,
    /// Whatever is asked of a history, a reply that answered nothing makes it invalid.
    exceptions: Exceptions,
    likeness: Option<(Likeness, Expected)>,
}

impl Asked {
    fn push(&mut self, entry: &Entry) -> Result<(), String> {
        if let Some(pairing) = &mut self.pairing {
            pairing.push(entry)?;
        }
        if entry.has_extras {
            self.exceptions.push(&entry.op());
        }
        if let Some((likeness, _)) = &mut self.likeness {
            likeness.push(entry);
        }
        Ok(())
    }
}

impl Gathering {
    /// Takes in the next entry.
    ///
    /// # Errors
    /// A clause, when it does not belong to the entries before it. There is nothing to judge
    /// then.
    pub fn push(&mut self, op: &Op) -> Result<(), String> {
        match &mut self.by {
            By::Whole(operations, _) => {
                let position = operations.push(op);
                self.asked.push(&operations.entry(position))
            }
            By::Steps(checker) => {
                self.packed.clear();
                self.packed.push(op);
                self.asked.push(&self.packed.entry(0))?;
                checker.push(op);
                Ok(())
            }
        }
    }

    /// The same of an entry in packed form.
    ///
    /// # Errors
    /// As [`push`](Gathering::push).
    pub fn push_entry(&mut self, entry: &Entry) -> Result<(), String> {
        self.asked.push(entry)?;
        match &mut self.by {
            By::Steps(checker) => checker.push_entry(entry),
            By::Whole(operations, _) => operations.push_entry(entry),
        }
        Ok(())
    }

    /// Whether its judge can make nothing of an entry that it has taken in. Then the judgement
    /// will be `unknown`, and say why.
    pub fn has_problem(&self) -> bool {
        match &self.by {
            By::Steps(checker) => checker.has_problem(),
            By::Whole(..) => false,
        }
    }

    /// The judgement on all that was taken in.
    pub fn finish(mut self) -> Judgement {
        let exceptions = Box::new(std::mem::take(&mut self.asked.exceptions)).finish();
        let mut judgement = self.finish_alone();
        let is_said = judgement.findings.iter().any(|finding| finding.kind == WRONG_REPLY);
        if exceptions.verdict == Validity::False && !is_said {
            judgement.verdict = Validity::False;
            judgement.parts.push(("exceptions", exceptions));
        }
        judgement
    }

    /// The same, of the judge alone: for whoever looks at exceptions himself.
    pub fn finish_alone(self) -> Judgement {
        let judgement = match self.by {
            By::Steps(checker) => checker.finish(),
            By::Whole(operations, judge) => judge(&operations),
        };
        match self.asked.likeness {
            Some((likeness, expected)) => likeness.correct(judgement, expected),
            None => judgement,
        }
    }
}

/// What may be asked of a history besides what its workload asks. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckOptions {
    /// The transactional workloads: the models that the history must satisfy; with none, the
    /// strongest there is.
    pub consistency_models: Vec<String>,
    /// Anomalies of transactions that must not be, besides those that the models forbid.
    pub anomalies: Vec<String>,
    /// Transactions over registers: what the order of versions may be told from.
    pub version_orders: elle::VersionOrders,
    /// Logs: committed offsets must never go back. Kafka allows that they do.
    pub monotonic_commits: bool,
    /// What the search for a linearization may take: each key of lin-kv has one.
    pub budget: Budget,
    /// Objects that must be linearizable: see [`Model::per_key`].
    pub per_key: Option<bool>,
    /// What the checkers of Jepsen's tests must be told: see [`Judge::named`].
    pub jepsen: jepsen::Options,
}

impl CheckOptions {
    /// What they ask of transactions.
    ///
    /// # Errors
    /// A sentence, when they name a model that is none.
    pub fn elle(&self) -> Result<elle::Options, String> {
        let options = elle::Options::new(&self.consistency_models)?;
        let options = options.with_anomalies(&self.anomalies)?;
        Ok(options.with_version_orders(self.version_orders))
    }
}

/// The workloads of Maelstrom, whose histories are known: sets, counters, ids, logs, transactions.
///
/// ```
/// use checker::edn::{Edn, read_one};
/// use checker::{History, Validity, Workload};
///
/// let mut history = History::new();
/// history.invoke(0, "add", 7);             // a set: what was added stays
/// history.ok(0, 7);
/// history.invoke(1, "read", Edn::Nil);
/// history.ok(1, Vec::<Edn>::new());        // it did not
/// assert_eq!(history.judge(Workload::GSet).findings[0].kind, "lost");
///
/// let mut history = History::new();
/// for process in [0, 1] {                  // a log: no two messages at one place
///     history.invoke(process, "send", read_one("[[:send :key 7]]").unwrap());
///     history.ok(process, read_one(&format!("[[:send :key [0 {process}]]]")).unwrap());
/// }
/// assert_eq!(history.judge(Workload::Kafka).verdict, Validity::False);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// `broadcast` and `read`: what was broadcast stays.
    Broadcast,
    /// `echo`: the reply is the request.
    Echo,
    /// `add` and `read`: after a quiet time the sum is known.
    GCounter,
    /// `add` and `read`: what was added stays.
    GSet,
    /// `send`, `poll`, `assign`: logs in which nothing is lost, doubled or reordered.
    Kafka,
    /// `read`, `write`, `cas` of `[key value]`: linearizable registers.
    LinKv,
    /// As g-counter, with negative additions.
    PnCounter,
    /// `txn` of `[:append k v]` and `[:r k list]`: Elle's lists.
    TxnListAppend,
    /// `txn` of `[:w k v]` and `[:r k v]`: Elle's registers.
    TxnRwRegister,
    /// `generate`: no id is given out twice.
    UniqueIds,
}

/// How a workload is judged: what the two entries of an operation have in common, and by what.
type Row = (Workload, &'static str, Common, fn(&CheckOptions) -> Result<Judge, String>);

/// One row a workload.
const WORKLOADS: [Row; 10] = [
    (Workload::Broadcast, "broadcast", Common::Nothing, |_| {
        Ok(set_full::SetFull::new("broadcast").into())
    }),
    (Workload::Echo, "echo", Common::Nothing, |_| Ok(echo::Echo::default().into())),
    (Workload::GCounter, "g-counter", Common::Nothing, |_| Ok(counter::Counter::default().into())),
    (Workload::GSet, "g-set", Common::Nothing, |_| Ok(set_full::SetFull::new("add").into())),
    (Workload::Kafka, "kafka", Common::Nothing, |options| {
        let monotonic = options.monotonic_commits;
        Ok(Judge::whole(move |all| kafka::check_commits(all, monotonic)))
    }),
    (Workload::LinKv, "lin-kv", Common::Key, |options| {
        let budget = options.budget.clone();
        Ok(Judge::whole(move |all| linear::check_lin_kv(all, &budget)))
    }),
    (
        Workload::PnCounter,
        "pn-counter",
        Common::Nothing,
        |_| Ok(counter::Counter::default().into()),
    ),
    (Workload::TxnListAppend, "txn-list-append", Common::MicroOps, |options| {
        Ok(elle::ListAppend::new(options.elle()?).into())
    }),
    (Workload::TxnRwRegister, "txn-rw-register", Common::MicroOps, |options| {
        Ok(elle::RwRegister::new(options.elle()?).into())
    }),
    (Workload::UniqueIds, "unique-ids", Common::Nothing, |_| {
        Ok(unique_ids::UniqueIds::default().into())
    }),
];

impl Workload {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Workload> {
        WORKLOADS.iter().map(|(workload, ..)| *workload)
    }

    fn row(self) -> &'static Row {
        let found = WORKLOADS.iter().find(|(workload, ..)| *workload == self);
        found.expect("every workload has a row")
    }

    /// Its name on Maelstrom's command line.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// What judges its histories.
    ///
    /// # Errors
    /// A sentence, when the options ask for what there is not.
    pub fn judge(self, options: &CheckOptions) -> Result<Judge, String> {
        let (_, name, common, judge) = self.row();
        Ok(judge(options)?.of_pairs_with(*common).expecting(name, &[]))
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Workload, String> {
        Workload::all().find(|workload| workload.name() == name).ok_or_else(|| {
            let known: Vec<&str> = Workload::all().map(Workload::name).collect();
            format!("There is no checker for a workload {name}. There are: {}.", known.join(", "))
        })
    }
}

impl From<Workload> for Judge {
    fn from(workload: Workload) -> Judge {
        workload.judge(&CheckOptions::default()).expect("the default asks for nothing")
    }
}

/// An object whose operations must be linearizable. A history of many of them has values
/// `[key value]`, and each is judged on its own: see [`Model::per_key`].
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    name: String,
    /// What it does, if it is none of ours.
    definition: Option<Definition>,
    init: Option<Edn>,
    per_key: Option<bool>,
    budget: Budget,
}

impl Model {
    /// The model of this name: `register`, `cas-register`, `mutex`, `linear-set`, `fifo-queue` and
    /// what else [`linear::check_model`] lists; and what the object holds at first, if that is not
    /// what the model says.
    ///
    /// # Errors
    /// A sentence, when there is no such model, or it cannot begin so.
    pub fn new(name: &str, init: Option<Edn>) -> Result<Model, String> {
        linear::require_model(name, init.as_ref())?;
        Ok(Model { init, ..Model::named(name) })
    }

    fn named(name: &str) -> Model {
        Model {
            name: name.to_owned(),
            definition: None,
            init: None,
            per_key: None,
            budget: Budget::default(),
        }
    }

    /// A model of one's own, written in a small language ([`linear::written`]); and other first
    /// values for some of its fields, in a map.
    ///
    /// ```
    /// use checker::{History, Model, Validity};
    /// use checker::edn::Edn;
    ///
    /// let latch = "{:model \"latch\", :state {:left 2}, :operations
    ///     {:count-down {:then {:left (max 0 (- left 1))}}
    ///      :await {:when (= left 0)}}}";
    /// let mut history = History::new();
    /// history.invoke(0, "count-down", Edn::Nil);
    /// history.ok(0, Edn::Nil);
    /// history.invoke(1, "await", Edn::Nil);
    /// history.ok(1, Edn::Nil);                 // too early: one is left
    /// let latch = Model::written(latch, None).unwrap();
    /// assert_eq!(history.judge(latch).verdict, Validity::False);
    /// ```
    ///
    /// # Errors
    /// A sentence, when it is no model, or cannot begin so.
    pub fn written(text: &str, init: Option<Edn>) -> Result<Model, String> {
        Model::defined(Definition::parse(text)?, init)
    }

    /// The same of a text that was understood before.
    ///
    /// # Errors
    /// A sentence, when it cannot begin so.
    pub fn defined(definition: Definition, init: Option<Edn>) -> Result<Model, String> {
        Object::written(definition.clone(), init.as_ref())?;
        let name = definition.name().to_owned();
        Ok(Model { definition: Some(definition), init, ..Model::named(&name) })
    }

    /// The same, judged within this budget.
    pub fn within(self, budget: Budget) -> Model {
        Model { budget, ..self }
    }

    /// The same for many objects in one history, each value `[key value]`; or, if false, for one
    /// object, whatever its values are. If neither is said, values that look like that are not
    /// judged.
    pub fn per_key(self, per_key: bool) -> Model {
        Model { per_key: Some(per_key), ..self }
    }

    /// `read`, `write`. As in Knossos it is nil at first, and a read of nil says nothing.
    pub fn register() -> Model {
        Model::named("register")
    }

    /// `read`, `write`, `cas` of `[from to]`.
    pub fn cas_register() -> Model {
        Model::named("cas-register")
    }

    /// `acquire`, `release`.
    pub fn mutex() -> Model {
        Model::named("mutex")
    }

    /// `add`, `read`.
    pub fn set() -> Model {
        Model::named("linear-set")
    }

    /// `enqueue`, `dequeue`.
    pub fn fifo_queue() -> Model {
        Model::named("fifo-queue")
    }
}

impl From<Model> for Judge {
    fn from(Model { name, definition, init, per_key, budget }: Model) -> Judge {
        let object = match definition {
            Some(definition) => Object::written(definition, init.as_ref()),
            None => Object::new(&name, init.as_ref()),
        };
        let judge = Judge::whole(move |operations| match object {
            Ok(object) => linear::check_object(&object, operations, per_key, &budget),
            Err(sentence) => Judgement::bad_input(sentence),
        });
        // The values of an object may be of any form.
        judge.of_pairs_with(Common::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Validity;

    #[test]
    fn every_workload_has_a_judge_that_wants_operations() {
        for workload in Workload::all() {
            let judgement = History::default().judge(workload);
            assert_eq!(judgement.verdict, Validity::Unknown, "{workload:?}");
            assert!(judgement.to_edn().get("error").is_some(), "{workload:?}");
            assert_eq!(workload.name().parse(), Ok(workload));
        }
    }

    #[test]
    fn what_does_not_belong_is_unknown_for_every_workload() {
        let write = "{:process 0, :type :invoke, :f :write, :value [0 1]}";
        let read = "{:process 0, :type :ok, :f :read, :value [0 1]}";
        let other_key = "{:process 0, :type :ok, :f :write, :value [1 1]}";
        for workload in Workload::all() {
            for text in [&[write, read].concat(), read] {
                let judgement = History::parse(text).unwrap().judge(workload);
                assert_eq!(judgement.verdict, Validity::Unknown, "{workload:?}");
                assert!(judgement.summary.contains("process 0"), "{workload:?}: {judgement}");
            }
        }
        let history = History::parse(&[write, other_key].concat()).unwrap();
        let judgement = history.judge(Workload::LinKv);
        assert!(judgement.summary.contains("begins an operation as [0 1]"), "{judgement}");
        let history = History::parse(&[write, read].concat()).unwrap();
        assert_eq!(history.judge(Model::register()).verdict, Validity::Unknown);
    }

    #[test]
    fn an_unknown_workload_is_a_sentence_that_names_the_known_ones() {
        let error = "ecko".parse::<Workload>().unwrap_err();
        assert!(error.contains("ecko") && error.contains("broadcast, echo, "), "{error}");
    }

    #[test]
    fn the_models_that_have_a_name_here_are_models() {
        for model in [
            Model::register(),
            Model::cas_register(),
            Model::mutex(),
            Model::set(),
            Model::fifo_queue(),
        ] {
            assert_eq!(Model::new(&model.name, None), Ok(model));
        }
        assert!(Model::new("abacus", None).unwrap_err().contains("abacus"));
    }

    #[test]
    fn a_history_that_is_read_entry_by_entry_is_judged_alike() {
        let text = "{:type :invoke, :process 0, :f :generate, :value nil}
                    {:type :ok, :process 0, :f :generate, :value 7}";
        let history = History::parse(text).unwrap();
        for workload in Workload::all() {
            let mut gathering = Judge::from(workload).gather();
            history.ops.iter().for_each(|op| gathering.push(op).unwrap());
            assert_eq!(gathering.finish(), history.judge(workload), "{workload:?}");
        }
    }
}
