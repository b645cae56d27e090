//! How many operations ended how, over all and by function.
//!
//! A function none of whose operations ever succeeded was not really tested, so the run is
//! not valid. The exception are kafka's `crash` and `debug-topic-partitions`, which are not
//! meant to succeed.
//!
//! Source: `stats` in Jepsen's `checker.clj`, `stats-checker` in its `tests/kafka.clj`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Checker, Finding, Findings, Judgement, Validity};
use crate::edn::Edn;
use crate::history::{Entry, Head, History, Op, OpType, ProcessId};

/// Functions that need no success.
const NEVER_OK: [&str; 2] = ["crash", "debug-topic-partitions"];

#[derive(Clone, Copy, Default)]
struct Count {
    ok: usize,
    fail: usize,
    info: usize,
    /// The index of the first completion.
    first: usize,
}

impl Count {
    fn total(self) -> usize {
        self.ok + self.fail + self.info
    }

    fn entries(self) -> [(&'static str, Edn); 4] {
        [
            ("count", self.total().into()),
            ("ok-count", self.ok.into()),
            ("fail-count", self.fail.into()),
            ("info-count", self.info.into()),
        ]
    }
}

/// Counts the completions of clients' operations.
pub fn check(history: &History) -> Judgement {
    history.judge(Stats::default())
}

/// How many operations of a history ended how.
#[derive(Default)]
pub struct Stats {
    all: Count,
    by_f: BTreeMap<Arc<str>, Count>,
}

impl Stats {
    fn count(&mut self, head: &Head) {
        // An operation that was begun and never ended is in no count.
        if head.process == ProcessId::Nemesis || head.kind == OpType::Invoke {
            return;
        }
        if !self.by_f.contains_key(head.f) {
            self.by_f.insert(head.f.clone(), Count::default());
        }
        let by_f = self.by_f.get_mut(head.f).expect("it is there now");
        for count in [&mut self.all, by_f] {
            match head.kind {
                OpType::Invoke => {}
                OpType::Ok => count.ok += 1,
                OpType::Fail => count.fail += 1,
                OpType::Info => count.info += 1,
            }
            if count.total() == 1 {
                count.first = head.index;
            }
        }
    }
}

impl Checker for Stats {
    fn push(&mut self, op: &Op) {
        let Op { kind, process, ref f, index, time, .. } = *op;
        self.count(&Head { kind, process, f, index, time });
    }

    fn push_entry(&mut self, entry: &Entry) {
        self.count(&entry.head);
    }

    fn finish(self: Box<Self>) -> Judgement {
        judge(self.all, &self.by_f)
    }
}

fn judge(all: Count, by_f: &BTreeMap<Arc<str>, Count>) -> Judgement {
    if by_f.is_empty() {
        return Judgement::no_operations();
    }
    let never_ok: Vec<(&str, Count)> = by_f
        .iter()
        .filter(|(f, count)| count.ok == 0 && !NEVER_OK.contains(&&***f))
        .map(|(f, count)| (&**f, *count))
        .collect();
    let by_f = by_f.iter().map(|(f, count)| {
        let result = Judgement::new(Validity::from(count.ok > 0), count.entries());
        (Edn::keyword(f), result.to_edn())
    });
    let by_f = Edn::Map(by_f.collect());
    let mut judgement = Judgement::new(never_ok.is_empty().into(), all.entries());
    judgement.results.push((Edn::keyword("by-f"), by_f));
    if never_ok.is_empty() {
        return judgement;
    }
    let mut findings = Findings::default();
    for (f, count) in &never_ok {
        findings.add("never-ok", || {
            let words = format!("Of {} operations {f}, none succeeded.", count.total());
            Finding::new(words).on(Edn::from(*f)).about(count.first, "the first")
        });
    }
    let names: Vec<&str> = never_ok.iter().map(|(f, _)| *f).collect();
    judgement.summed_up(format!("no {} ever succeeded", names.join(", no "))).with(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str) -> String {
        check(&History::parse(text).unwrap()).to_edn().to_string()
    }

    #[test]
    fn every_function_must_succeed_once() {
        let history = "{:type :invoke, :process 0, :f :read} {:type :ok, :process 0, :f :read}
                       {:type :invoke, :process 0, :f :add} {:type :info, :process 0, :f :add}
                       {:type :invoke, :process 1, :f :add} {:type :fail, :process 1, :f :add}
                       {:type :info, :process :nemesis, :f :start}
                       {:type :invoke, :process 0, :f :unfinished}";
        assert_eq!(
            check_text(history),
            "{:valid? false, :count 3, :ok-count 1, :fail-count 1, :info-count 1, :by-f {\
             :add {:valid? false, :count 2, :ok-count 0, :fail-count 1, :info-count 1}, \
             :read {:valid? true, :count 1, :ok-count 1, :fail-count 0, :info-count 0}}}"
        );
    }

    #[test]
    fn a_crash_need_not_succeed() {
        let read = "{:type :invoke, :process 0, :f :poll} {:type :ok, :process 0, :f :poll}";
        let crash = "{:type :invoke, :process 0, :f :crash} {:type :info, :process 0, :f :crash}";
        assert!(check_text(&format!("{read}{crash}")).starts_with("{:valid? true"));
    }

    #[test]
    fn nothing_done_is_nothing_known() {
        for text in ["", "{:type :info, :process :nemesis, :f :kill}"] {
            assert!(check_text(text).starts_with("{:valid? :unknown, :error"), "{text}");
        }
    }
}
