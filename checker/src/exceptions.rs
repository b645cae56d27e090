//! Operations that ended in a way their client did not foresee.
//!
//! An operation that crashed is `info`, and the other checkers treat it so; the history is
//! none the worse for it. But a node that answers with a key too many makes every operation
//! crash, and then this is the first place to look. One kind of exception is the node's fault
//! and makes the history invalid: a reply that does not answer its request. Nothing can be
//! judged of what was not answered, and a database that stores nothing must not pass.
//!
//! Source: `unhandled-exceptions` in Jepsen's `checker.clj`, where all are valid.

use super::{Checker, Finding, Findings, Judgement, Validity};
use crate::edn::Edn;
use crate::history::{History, Op, OpType};

/// The class of the exception of an operation whose reply did not answer its request.
pub const WRONG_REPLY: &str = "wrong-reply";

/// Groups crashed operations by the class of their exception, the most frequent first, each
/// with its first operation as an example.
pub fn check(history: &History) -> Judgement {
    history.judge(Exceptions::default())
}

/// The exceptions of a history.
#[derive(Default)]
pub struct Exceptions {
    /// Each class with its first operation and how many there are, in order of first
    /// appearance. A run has a handful of them.
    groups: Vec<(Edn, Op, usize)>,
    wrong_replies: Findings,
    /// How many there are, and what was said of the first.
    wrong_count: usize,
    first_wrong: String,
}

impl Checker for Exceptions {
    fn push(&mut self, op: &Op) {
        let exception = op.extra("exception").filter(|exception| !exception.is_nil());
        let Some(exception) = exception.filter(|_| op.kind == OpType::Info) else { return };
        let class = part(exception, "type");
        if class.as_keyword() == Some(WRONG_REPLY) {
            let message = part(exception, "message");
            let message = message.as_str().unwrap_or("no reason is given");
            if self.wrong_count == 0 {
                self.first_wrong = message.to_owned();
            }
            self.wrong_count += 1;
            self.wrong_replies
                .add(WRONG_REPLY, || Finding::new(message).about(op.index, "not answered"));
        }
        match self.groups.iter_mut().find(|(known, ..)| *known == class) {
            Some((_, _, count)) => *count += 1,
            None => self.groups.push((class, op.clone(), 1)),
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        let Exceptions { mut groups, wrong_replies, wrong_count, first_wrong } = *self;
        if groups.is_empty() {
            return Judgement::new(Validity::True, []);
        }
        groups.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        let groups = groups.into_iter().map(|(class, example, count)| {
            Edn::map([("count", count.into()), ("class", class), ("example", example.to_record())])
        });
        let groups = [("exceptions", Edn::List(groups.collect()))];
        let summary = match wrong_count {
            0 => String::new(),
            1 => format!("a reply does not answer its request: {first_wrong}"),
            count => {
                format!("{count} replies do not answer their request, the first: {first_wrong}")
            }
        };
        Judgement::new(Validity::from(wrong_count == 0), groups)
            .summed_up(summary)
            .with(wrong_replies)
    }
}

/// A part of the outermost exception, as Clojure's `datafy` lays one out:
/// `{:via [{:type …, :message …} …]}`.
fn part(exception: &Edn, name: &str) -> Edn {
    let outermost = exception.get("via").and_then(Edn::as_slice).and_then(<[Edn]>::first);
    outermost.unwrap_or(exception).get(name).cloned().unwrap_or(Edn::Nil)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CheckOptions, Workload};

    #[test]
    fn crashes_are_grouped_by_class() {
        let crash = |class: &str| {
            format!(
                "{{:type :info, :process 0, :f :read, :exception {{:via [{{:type {class}}}]}}}}\n"
            )
        };
        let text = [crash(":timeout"), crash(":malformed"), crash(":malformed")].concat();
        let result = check(&History::parse(&text).unwrap()).to_edn();
        let groups = result.get("exceptions").unwrap().as_slice().unwrap();
        let summary: Vec<String> = groups
            .iter()
            .map(|group| format!("{} {}", group.get("count").unwrap(), group.get("class").unwrap()))
            .collect();
        assert_eq!(summary, ["2 :malformed", "1 :timeout"]);
        assert_eq!(groups[0].get("example").unwrap().get("index"), Some(&Edn::Int(1)));
        assert_eq!(result.get("valid?"), Some(&Edn::Bool(true)));
    }

    #[test]
    fn a_reply_that_does_not_answer_its_request_is_invalid() {
        let text = "{:type :info, :process 0, :f :txn, :exception {:via [{:type :wrong-reply}]}}";
        let judgement = check(&History::parse(text).unwrap());
        assert_eq!(judgement.verdict, Validity::False);
        assert_eq!(judgement.findings[0].operations[0].index, 0);
        let message = "node n1 did not answer read: `read_ok` lacks the field `value`";
        let crash = format!(
            "{{:type :info, :process 0, :f :read, :exception {{:via [{{:type :wrong-reply, \
             :message \"{message}\"}}]}}}}"
        );
        let judgement = check(&History::parse(&crash.repeat(3)).unwrap());
        let summary = format!("3 replies do not answer their request, the first: {message}");
        assert_eq!(judgement.summary, summary);
        // Also where the history is judged as that of a workload, from a file.
        let text = [
            "{:type :invoke, :process 0, :f :read, :value nil}",
            "{:type :ok, :process 0, :f :read, :value 0, :final? true}",
            "{:type :invoke, :process 0, :f :read, :value nil}",
            "{:type :info, :process 0, :f :read, :exception {:via [{:type :wrong-reply}]}}",
        ];
        for (entries, verdict) in [(2, Validity::True), (4, Validity::False)] {
            let judge = Workload::GCounter.judge(&CheckOptions::default()).unwrap();
            let mut gathering = judge.gather();
            let history = History::parse(&text[..entries].concat()).unwrap();
            history.ops.iter().for_each(|op| gathering.push(op).unwrap());
            assert_eq!(gathering.finish().verdict, verdict);
        }
    }

    #[test]
    fn without_a_crash_there_is_nothing_to_say() {
        let text = "{:type :info, :process 0, :f :read, :error :net-timeout}
                    {:type :ok, :process 0, :f :read, :exception nil}";
        assert_eq!(check(&History::parse(text).unwrap()).to_edn().to_string(), "{:valid? true}");
    }
}
