//! Echo: every request is answered, with the very payload that it carried.
//!
//! A request that failed or timed out was not echoed, so that is an error too, as it is in
//! the original (its `workload/echo.clj`). Of a request that had not ended when the history
//! did, nobody can say anything.

use super::{Checker, Finding, Findings, Judgement, Validity};
use crate::edn::Edn;
use crate::history::{History, Op, OpType, Pairs};

/// Compares each request with its reply: a map, with the payload under `:echo`.
pub fn check(history: &History) -> Judgement {
    history.judge(Echo::default())
}

/// Compares them as they come, and keeps those that differ.
#[derive(Default)]
pub struct Echo {
    pairs: Pairs,
    has_echo: bool,
    wrong: Vec<Wrong>,
}

/// A request that was not echoed, with its place in the history.
struct Wrong {
    position: usize,
    invoke: Op,
    end: Op,
}

impl Checker for Echo {
    fn push(&mut self, op: &Op) {
        self.has_echo |= op.is_client() && op.kind == OpType::Invoke && &*op.f == "echo";
        if let Some((position, invoke)) = self.pairs.push(op)
            && !is_echo(&invoke, op)
        {
            self.wrong.push(Wrong { position, invoke, end: op.clone() });
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        let (requests, unfinished) = match self.pairs.finish() {
            Ok(_) if !self.has_echo => return Judgement::no_operations(),
            Ok((requests, open)) => (requests, open.len()),
            Err(error) => return Judgement::bad_input(error),
        };
        let mut wrong = self.wrong;
        wrong.sort_unstable_by_key(|wrong| wrong.position);
        let mut findings = Findings::default();
        wrong.iter().for_each(|wrong| findings.add("wrong-reply", || finding(wrong)));
        let valid = match (wrong.is_empty(), unfinished) {
            (false, _) => Validity::False,
            (true, 0) => Validity::True,
            (true, _) => Validity::Unknown,
        };
        let errors = Edn::List(wrong.iter().map(error).collect());
        let judgement = Judgement::new(valid, [("errors", errors)]).with(findings);
        match valid {
            Validity::Unknown => judgement.because(format!(
                "The history ends before {unfinished} of its requests have ended."
            )),
            Validity::False => {
                let are = if wrong.len() == 1 { "is" } else { "are" };
                judgement.summed_up(format!("{} of {requests} echoes {are} wrong", wrong.len()))
            }
            Validity::True => judgement,
        }
    }
}

fn is_echo(invoke: &Op, end: &Op) -> bool {
    let echo = end.value.get("echo").unwrap_or(&Edn::Nil);
    echo.canonical() == invoke.value.canonical()
}

fn finding(wrong: &Wrong) -> Finding {
    let Wrong { invoke, end, .. } = wrong;
    let (sent, process) = (&invoke.value, invoke.process);
    let words = match end.kind {
        OpType::Ok => match end.value.get("echo") {
            Some(echo) => format!("Process {process} sent {sent}, and {echo} came back."),
            None => {
                format!("Process {process} sent {sent}, and the reply {} has no echo.", end.value)
            }
        },
        _ => format!("Process {process} sent {sent}, which was not answered."),
    };
    Finding::new(words).about(end.index, "wrong reply")
}

fn error(wrong: &Wrong) -> Edn {
    let Wrong { invoke, end, .. } = wrong;
    let expected = ["Expected a reply with :echo".into(), invoke.value.clone()];
    Edn::Vector([expected, ["but received".into(), end.value.clone()]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str) -> String {
        check(&History::parse(text).unwrap()).to_edn().to_string()
    }

    #[test]
    fn a_reply_carries_the_payload_of_its_request() {
        let invoke = r#"{:type :invoke, :process 0, :f :echo, :value "hi"}"#;
        let reply = |kind: &str, value: &str| {
            format!("{invoke} {{:type :{kind}, :process 0, :f :echo, :value {value}}}")
        };
        let good = reply("ok", r#"{:type "echo_ok", :in_reply_to 1, :echo "hi"}"#);
        assert_eq!(check_text(&good), "{:valid? true, :errors ()}");
        let explained = |received: &str| {
            let error =
                format!(r#"["Expected a reply with :echo" "hi" "but received" {received}]"#);
            format!("{{:valid? false, :errors ({error})}}")
        };
        for (history, received) in [
            (reply("ok", r#"{:echo "ho"}"#), r#"{:echo "ho"}"#),
            (reply("ok", "{}"), "{}"),
            (reply("ok", "7"), "7"),
            (reply("info", r#""hi""#), r#""hi""#),
            (reply("fail", "nil") + invoke, "nil"),
        ] {
            assert_eq!(check_text(&history), explained(received), "{history}");
        }
    }

    #[test]
    fn nothing_sent_or_answered_is_nothing_known() {
        assert!(check_text("").starts_with("{:valid? :unknown, :error"));
        let unfinished = "{:type :invoke, :process 0, :f :echo}";
        assert!(check_text(unfinished).starts_with("{:valid? :unknown, :errors (), :error"));
        let other = "{:type :invoke, :process 0, :f :read} {:type :ok, :process 0, :f :read}";
        assert!(check_text(other).starts_with("{:valid? :unknown, :error"));
        let odd = "{:type :ok, :process 0, :f :echo}";
        assert!(check_text(odd).starts_with("{:valid? :unknown, :error"));
    }
}
