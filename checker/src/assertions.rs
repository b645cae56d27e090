//! Assertions for `#[test]`s: a history is right, or the test fails and says what is wrong.

use crate::edn::Edn;
use crate::history::{History, OpType};
use crate::{CheckOptions, Judgement, Workload};

/// Fails unless the operations of a history are linearizable: unless there is an order in which
/// each takes effect between its begin and its end, and a [`Model`](crate::Model) explains every
/// result. The message says which operation finds no place, and what the object was.
///
/// A judgement that is `unknown` fails, too: nothing was shown.
///
/// ```
/// use checker::{History, Model, assert_linearizable};
/// use checker::edn::Edn;
///
/// let mut history = History::new();
/// history.invoke(0, "write", 1);
/// history.invoke(1, "read", Edn::Nil);
/// history.ok(1, 1);                        // the write may have happened already
/// history.ok(0, 1);
/// assert_linearizable!(history, Model::register());
/// ```
///
/// ```should_panic
/// # use checker::{History, Model, assert_linearizable};
/// # use checker::edn::Edn;
/// # let mut history = History::new();
/// # history.invoke(0, "write", 1);
/// # history.ok(0, 1);
/// history.invoke(1, "read", Edn::Nil);
/// history.ok(1, 0);                        // nobody wrote that
/// assert_linearizable!(history, Model::register());
/// ```
#[macro_export]
macro_rules! assert_linearizable {
    ($history:expr, $model:expr $(,)?) => {{
        let model: $crate::Model = $model;
        let judgement = $history.judge(model);
        assert!(judgement.is_valid(), "The history is not linearizable. {judgement}");
    }};
}

/// Fails unless the transactions of a history are serializable: unless one after the other would
/// have given every result. Steps are `append` and `r` of lists, or `w` and `r` of registers: see
/// [`micro_op`](crate::micro_op). The message says which transactions form a cycle, and why.
///
/// Another consistency model is the third argument: `"strict-serializable"` is what one expects of
/// a database that also keeps to real time, `"snapshot-isolation"` what many have.
///
/// ```
/// use checker::{History, assert_serializable, micro_op};
/// use checker::edn::Edn;
///
/// let mut history = History::new();
/// history.invoke(0, "txn", vec![micro_op("append", "x", 1)]);
/// history.ok(0, vec![micro_op("append", "x", 1)]);
/// history.invoke(1, "txn", vec![micro_op("r", "x", Edn::Nil)]);
/// history.ok(1, vec![micro_op("r", "x", vec![1i64])]);
/// assert_serializable!(history);
/// assert_serializable!(history, "strict-serializable");
/// ```
#[macro_export]
macro_rules! assert_serializable {
    ($history:expr $(,)?) => {
        $crate::assert_serializable!($history, "serializable")
    };
    ($history:expr, $model:expr $(,)?) => {{
        let judgement = $history.judge_transactions($model);
        assert!(judgement.is_valid(), "The history is not {}. {judgement}", $model);
    }};
}

impl History {
    /// Judges its transactions by a consistency model: `serializable`, `strict-serializable`,
    /// `snapshot-isolation`, …. If a step appends, they are over lists, and over registers if not.
    pub fn judge_transactions(&self, consistency_model: &str) -> Judgement {
        let options = CheckOptions {
            consistency_models: vec![consistency_model.to_owned()],
            ..CheckOptions::default()
        };
        let is_append = |step: &Edn| match step.as_slice() {
            Some([f, ..]) => f.as_keyword().or(f.as_str()) == Some("append"),
            _ => false,
        };
        let appends = |value: &Edn| value.as_slice().unwrap_or_default().iter().any(is_append);
        let is_of_lists = self.ops.iter().any(|op| op.kind == OpType::Invoke && appends(&op.value));
        let workload = if is_of_lists { Workload::TxnListAppend } else { Workload::TxnRwRegister };
        match workload.judge(&options) {
            Ok(judge) => self.judge(judge),
            Err(sentence) => Judgement::bad_input(sentence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Model, Validity, micro_op};

    /// What a test would print that fails with this.
    fn message(assertion: impl FnOnce() + std::panic::UnwindSafe) -> String {
        *std::panic::catch_unwind(assertion).unwrap_err().downcast::<String>().unwrap()
    }

    /// Two transactions, each of which reads what the other writes, before it does.
    fn write_skew(write: &str) -> History {
        let mut history = History::new();
        let steps = |process: i64, seen: Edn| {
            let (read, written) = if process == 0 { ("x", "y") } else { ("y", "x") };
            vec![micro_op("r", read, seen), micro_op(write, written, process)]
        };
        for process in 0..2 {
            history.invoke(process, "txn", steps(process, Edn::Nil));
        }
        for process in 0..2 {
            history.ok(process, steps(process, Edn::Nil));
        }
        if write == "append" {
            history.invoke(
                2,
                "txn",
                vec![micro_op("r", "x", Edn::Nil), micro_op("r", "y", Edn::Nil)],
            );
            let both = [("x", 1i64), ("y", 0)].map(|(key, seen)| micro_op("r", key, vec![seen]));
            history.ok(2, both.to_vec());
        }
        history
    }

    #[test]
    fn the_message_is_the_explanation() {
        let history = write_skew("append");
        assert_serializable!(&history, "snapshot-isolation");
        let message = message(move || assert_serializable!(history));
        assert!(message.starts_with("The history is not serializable. false: "), "{message}");
        assert!(message.contains("G2-item: ") && message.contains("T1 = "), "{message}");
    }

    #[test]
    fn registers_are_told_from_lists() {
        let judgement = write_skew("w").judge_transactions("serializable");
        assert_eq!(judgement.verdict, Validity::False, "{judgement}");
        let judgement = write_skew("w").judge_transactions("sequentia");
        assert!(judgement.to_string().contains("sequentia"), "{judgement}");
    }

    #[test]
    fn what_nobody_knows_fails_too() {
        let message = message(|| assert_linearizable!(History::new(), Model::mutex()));
        assert!(message.contains("unknown: There is no operation"), "{message}");
    }
}
