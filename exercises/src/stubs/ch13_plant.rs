//! Exercise 13-plant: a fault that one judge must find, and another must not.
//!
//! Below is a history of transactions over lists, which is valid by every model. Change it so that
//! it is serializable and not strict-serializable: some order of the transactions explains all that
//! they read, but it must contradict real time. One changed line is enough.

use maelstrom::checker::{CheckOptions, History, Validity, Workload};

use crate::{Task, answer};

/// To do: plant the fault.
pub const HISTORY: &str = r#"
{:process 0, :type :invoke, :f :txn, :value [[:append "x" 1]]}
{:process 0, :type :ok, :f :txn, :value [[:append "x" 1]]}
{:process 1, :type :invoke, :f :txn, :value [[:r "x" nil]]}
{:process 1, :type :ok, :f :txn, :value [[:r "x" [1]]]}
{:process 2, :type :invoke, :f :txn, :value [[:r "x" nil]]}
{:process 2, :type :ok, :f :txn, :value [[:r "x" [1]]]}
"#;

/// Judges a history by both models.
///
/// # Errors
/// What is not as asked.
pub fn judge(history: &str) -> Result<(), String> {
    let history = History::parse(history)?;
    let verdict = |model: &str| {
        let consistency_models = vec![model.into()];
        let options = CheckOptions { consistency_models, ..CheckOptions::default() };
        Ok::<_, String>(history.judge(Workload::TxnListAppend.judge(&options)?).verdict)
    };
    if verdict("serializable")? != Validity::True {
        return Err("no order of these transactions explains what they read".into());
    }
    if verdict("strict-serializable")? != Validity::False {
        return Err("it is strict-serializable, too: there is nothing to find".into());
    }
    Ok(())
}

/// The history above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(HISTORY))
}
