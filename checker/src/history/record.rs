//! Making a history in a program: a test that calls its own database writes down each call.

use super::{History, Op, OpType, ProcessId};
use crate::edn::Edn;

impl History {
    /// A history in which nothing has happened yet.
    pub fn new() -> History {
        History::default()
    }

    /// A client, known by its number, begins an operation, with its argument: `nil` for a read.
    /// Until that has ended, it begins no other.
    pub fn invoke(&mut self, process: i64, f: &str, argument: impl Into<Edn>) {
        self.record(process, OpType::Invoke, f.into(), argument.into());
    }

    /// The client's operation happened, and this is its result: what a read saw; for a write,
    /// what it wrote.
    pub fn ok(&mut self, process: i64, result: impl Into<Edn>) {
        let (f, _) = self.open(process);
        self.record(process, OpType::Ok, f, result.into());
    }

    /// The client's operation did not happen, and never will.
    pub fn fail(&mut self, process: i64) {
        let (f, argument) = self.open(process);
        self.record(process, OpType::Fail, f, argument);
    }

    /// Nobody knows whether the client's operation happened, or may yet. Its client goes on under
    /// another number: this one is still busy, perhaps for ever.
    pub fn info(&mut self, process: i64) {
        let (f, argument) = self.open(process);
        self.record(process, OpType::Info, f, argument);
    }

    /// What a client began last. Whoever ends what was never begun is told so by the judge.
    fn open(&self, process: i64) -> (std::sync::Arc<str>, Edn) {
        let last = self.ops.iter().rfind(|op| op.process == ProcessId::Client(process));
        last.map_or_else(|| ("".into(), Edn::Nil), |op| (op.f.clone(), op.value.clone()))
    }

    fn record(&mut self, process: i64, kind: OpType, f: std::sync::Arc<str>, value: Edn) {
        let (index, process) = (self.ops.len(), ProcessId::Client(process));
        self.ops.push(Op { index, time: -1, kind, process, f, value, extra: Vec::new() });
    }
}

/// One step of a transaction: `micro_op("append", 1, 7)`, `micro_op("w", 1, 7)`, and
/// `micro_op("r", 1, Edn::Nil)` for a read that has seen nothing yet.
pub fn micro_op(f: &str, key: impl Into<Edn>, value: impl Into<Edn>) -> Edn {
    Edn::Vector(vec![Edn::keyword(f), key.into(), value.into()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Model, Validity, Workload};

    #[test]
    fn what_was_made_is_what_would_be_read() {
        let mut history = History::new();
        history.invoke(0, "write", 7);
        history.invoke(1, "read", Edn::Nil);
        history.fail(0);
        history.ok(1, 7);
        let text = "{:process 0 :type :invoke :f :write :value 7}
                    {:process 1 :type :invoke :f :read :value nil}
                    {:process 0 :type :fail :f :write :value 7}
                    {:process 1 :type :ok :f :read :value 7}";
        assert_eq!(history, History::parse(text).unwrap());
        assert_eq!(history.judge(Model::register()).verdict, Validity::False);
    }

    #[test]
    fn whoever_ends_what_was_not_begun_is_told() {
        let mut history = History::new();
        history.ok(3, 7);
        let judgement = history.judge(Model::register());
        assert_eq!(judgement.verdict, Validity::Unknown);
        assert!(judgement.to_string().contains("process 3"), "{judgement}");
    }

    #[test]
    fn transactions_are_made_of_steps() {
        let mut history = History::new();
        for (process, appended, seen) in [(0, 1, vec![1i64]), (1, 2, vec![2i64])] {
            let append = micro_op("append", "x", appended);
            history.invoke(process, "txn", vec![append.clone(), micro_op("r", "x", Edn::Nil)]);
            history.ok(process, vec![append, micro_op("r", "x", seen)]);
        }
        let judgement = history.judge(Workload::TxnListAppend);
        assert_eq!(judgement.verdict, Validity::False);
        assert!(judgement.findings.iter().any(|finding| finding.kind == "incompatible-order"));
    }
}
