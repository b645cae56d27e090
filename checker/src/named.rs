//! What judges a history, by the name that Jepsen, Knossos or elle-cli has for it.

use crate::edn::Edn;
use crate::history::Common;
use crate::jepsen::{self, ENTRIES};
use crate::linear::written::Definition;
use crate::{CheckOptions, Judge, Model, elle, linear};

/// The models of Elle.
const ELLE: [&str; 3] = ["closed-predicate", "list-append", "rw-register"];

impl Judge {
    /// The judge of this name: a checker of Jepsen's tests ([`jepsen`](crate::jepsen)), a model of
    /// Elle (`list-append`, `rw-register`, `closed-predicate`), or an object that must be
    /// linearizable ([`Model`]), which may begin as `init`.
    ///
    /// ```
    /// use checker::{CheckOptions, History, Judge, Validity};
    ///
    /// let history = History::parse(
    ///     "{:process 0, :type :invoke, :f :read, :value nil}
    ///      {:process 0, :type :ok, :f :read, :value {:alice 4, :bob 5}}",
    /// )?;
    /// let mut options = CheckOptions::default();
    /// options.jepsen.bank.total = Some(10);
    /// let judgement = history.judge(Judge::named("bank", None, &options)?);
    /// assert_eq!(judgement.verdict, Validity::False);
    /// assert_eq!(judgement.findings[0].kind, "wrong-total");
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// A sentence, when there is none, with the names that there are; or when the options ask
    /// for what there is not.
    pub fn named(name: &str, init: Option<Edn>, options: &CheckOptions) -> Result<Judge, String> {
        let has_no_init = || match &init {
            None => Ok(()),
            Some(_) => Err(format!("--init: a history of {name} has no first value.")),
        };
        if let Some(entry) = jepsen::Entry::named(name) {
            has_no_init()?;
            let judge = entry.judge(&options.jepsen)?;
            let common = if entry.needs_processes { Common::Nothing } else { Common::Unnamed };
            return Ok(judge.of_pairs_with(common).expecting(entry.name, entry.functions));
        }
        if let Some(name) = ELLE.iter().find(|known| **known == name) {
            has_no_init()?;
            let options = options.elle()?;
            let (judge, common) = match *name {
                "list-append" => (elle::ListAppend::new(options).into(), Common::MicroOps),
                "rw-register" => (elle::RwRegister::new(options).into(), Common::MicroOps),
                // It compares them itself.
                _ => (Judge::from(elle::ClosedPredicate::new(options)), Common::Nothing),
            };
            return Ok(judge.of_pairs_with(common).expecting(name, &[]));
        }
        let Some(name) = linear::models().find(|known| *known == name) else {
            return Err(format!("There is no model {name}. There are: {}.", names().join(", ")));
        };
        Ok(Judge::from(with(Model::new(name, init)?, options)).expecting(name, &[]))
    }

    /// The names of all judges, in alphabetical order.
    pub fn names() -> Vec<&'static str> {
        names()
    }

    /// The judge of an object of one's own, which may begin as `init`.
    ///
    /// # Errors
    /// A sentence, when it cannot begin so.
    pub fn written(
        definition: Definition,
        init: Option<Edn>,
        options: &CheckOptions,
    ) -> Result<Judge, String> {
        Ok(with(Model::defined(definition, init)?, options).into())
    }
}

/// The model, as the options ask for it.
fn with(model: Model, options: &CheckOptions) -> Model {
    let model = model.within(options.budget.clone());
    match options.per_key {
        Some(per_key) => model.per_key(per_key),
        None => model,
    }
}

/// All names, in alphabetical order.
fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();
    names.extend(ELLE);
    names.extend(linear::models());
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Validity;
    use crate::history::History;

    #[test]
    fn every_name_is_that_of_one_judge() {
        let names = names();
        for name in &names {
            let judge = Judge::named(name, None, &CheckOptions::default()).unwrap();
            assert_eq!(judge.judge(&History::default()).verdict, Validity::Unknown, "{name}");
            assert_eq!(names.iter().filter(|other| other == &name).count(), 1, "{name}");
        }
        assert!(names.len() > 20);
    }

    #[test]
    fn an_unknown_name_is_a_sentence_that_lists_the_known_ones() {
        let error = Judge::named("abacus", None, &CheckOptions::default()).err().unwrap();
        assert!(error.contains("abacus") && error.contains("bank, "), "{error}");
        let init = Some(Edn::Int(1));
        let error = Judge::named("bank", init, &CheckOptions::default()).err().unwrap();
        assert!(error.contains("--init"), "{error}");
    }
}
