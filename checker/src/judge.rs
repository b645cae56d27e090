//! What a history may be judged as: the history of a workload, or of one object.

use std::str::FromStr;

use crate::edn::Edn;
use crate::history::{History, Op};
use crate::{Checker, Judgement, counter, echo, elle, kafka, linear, set_full, unique_ids};

/// What judges a history: see [`Workload`] and [`Model`], which are two ways to have one.
pub enum Judge {
    /// It takes the history in entry by entry, and keeps no more than it needs.
    Stepwise(Box<dyn Checker>),
    /// It wants the whole history.
    Whole(Box<dyn FnOnce(&History) -> Judgement>),
}

impl Judge {
    /// One that wants the whole history.
    pub fn whole(judge: impl FnOnce(&History) -> Judgement + 'static) -> Judge {
        Judge::Whole(Box::new(judge))
    }

    /// Judges a history.
    pub fn judge(self, history: &History) -> Judgement {
        match self {
            Judge::Whole(judge) => judge(history),
            Judge::Stepwise(mut checker) => {
                history.ops.iter().for_each(|op| checker.push(op));
                checker.finish()
            }
        }
    }

    /// To judge a history that is read entry by entry.
    pub fn gather(self) -> Gathering {
        Gathering { judge: self, history: History::default() }
    }
}

impl<C: Checker + 'static> From<C> for Judge {
    fn from(checker: C) -> Judge {
        Judge::Stepwise(Box::new(checker))
    }
}

/// A history on its way to its judge.
pub struct Gathering {
    judge: Judge,
    /// The entries so far, where the judge wants them all.
    history: History,
}

impl Gathering {
    /// Takes in the next entry.
    pub fn push(&mut self, op: Op) {
        match &mut self.judge {
            Judge::Stepwise(checker) => checker.push(&op),
            Judge::Whole(_) => self.history.ops.push(op),
        }
    }

    /// The judgement on all that was taken in.
    pub fn finish(self) -> Judgement {
        match self.judge {
            Judge::Stepwise(checker) => checker.finish(),
            Judge::Whole(judge) => judge(&self.history),
        }
    }
}

/// What may be asked of a history besides what its workload asks. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckOptions {
    /// The transactional workloads: the models that the history must satisfy; with none, the
    /// strongest there is.
    pub consistency_models: Vec<String>,
}

impl CheckOptions {
    /// What they ask of transactions.
    ///
    /// # Errors
    /// A sentence, when they name a model that is none.
    pub fn elle(&self) -> Result<elle::Options, String> {
        elle::Options::new(&self.consistency_models)
    }
}

/// The workloads of Maelstrom, whose histories are known.
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

/// How a workload is judged.
type Row = (Workload, &'static str, fn(&CheckOptions) -> Result<Judge, String>);

/// One row a workload.
const WORKLOADS: [Row; 10] = [
    (Workload::Broadcast, "broadcast", |_| Ok(Judge::whole(|h| set_full::check(h, "broadcast")))),
    (Workload::Echo, "echo", |_| Ok(Judge::whole(echo::check))),
    (Workload::GCounter, "g-counter", |_| Ok(Judge::whole(counter::check))),
    (Workload::GSet, "g-set", |_| Ok(Judge::whole(|h| set_full::check(h, "add")))),
    (Workload::Kafka, "kafka", |_| Ok(Judge::whole(kafka::check))),
    (Workload::LinKv, "lin-kv", |_| Ok(Judge::whole(linear::check_lin_kv))),
    (Workload::PnCounter, "pn-counter", |_| Ok(Judge::whole(counter::check))),
    (Workload::TxnListAppend, "txn-list-append", |options| {
        Ok(elle::ListAppend::new(options.elle()?).into())
    }),
    (Workload::TxnRwRegister, "txn-rw-register", |options| {
        Ok(elle::RwRegister::new(options.elle()?).into())
    }),
    (Workload::UniqueIds, "unique-ids", |_| Ok(unique_ids::UniqueIds::default().into())),
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
        self.row().2(options)
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
/// `[key value]`, and each is judged on its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    name: String,
    init: Option<Edn>,
}

impl Model {
    /// The model of this name: `register`, `cas-register`, `mutex`, `set`, `fifo-queue` and what
    /// else [`linear::check_model`] lists; and what the object holds at first, if that is not
    /// what the model says.
    ///
    /// # Errors
    /// A sentence, when there is no such model, or it cannot begin so.
    pub fn new(name: &str, init: Option<Edn>) -> Result<Model, String> {
        linear::require_model(name, init.as_ref())?;
        Ok(Model { name: name.to_owned(), init })
    }

    /// `read`, `write`. As in Knossos it is nil at first, and a read of nil says nothing.
    pub fn register() -> Model {
        Model { name: "register".into(), init: None }
    }

    /// `read`, `write`, `cas` of `[from to]`.
    pub fn cas_register() -> Model {
        Model { name: "cas-register".into(), init: None }
    }

    /// `acquire`, `release`.
    pub fn mutex() -> Model {
        Model { name: "mutex".into(), init: None }
    }

    /// `add`, `read`.
    pub fn set() -> Model {
        Model { name: "set".into(), init: None }
    }

    /// `enqueue`, `dequeue`.
    pub fn fifo_queue() -> Model {
        Model { name: "fifo-queue".into(), init: None }
    }
}

impl From<Model> for Judge {
    fn from(Model { name, init }: Model) -> Judge {
        Judge::whole(move |history| {
            linear::check_model(&name, init.as_ref(), history).unwrap_or_else(Judgement::unknown)
        })
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
            history.ops.iter().for_each(|op| gathering.push(op.clone()));
            assert_eq!(gathering.finish(), history.judge(workload), "{workload:?}");
        }
    }
}
