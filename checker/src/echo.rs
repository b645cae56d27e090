//! Echo: every request is answered, with the very payload that it carried.
//!
//! A request that failed or timed out was not echoed, so that is an error too, as it is in
//! the original (its `workload/echo.clj`). Of a request that had not ended when the history
//! did, nobody can say anything.

use super::{Finding, Findings, Judgement, Validity};
use crate::edn::Edn;
use crate::history::{Op, OpType, Operations};

/// Compares each request with its reply: a map, with the payload under `:echo`.
pub fn check(operations: &Operations) -> Judgement {
    let spans = match operations.spans() {
        Ok(spans)
            if !spans.iter().any(|span| &**operations.head(span.invoked_at()).f == "echo") =>
        {
            return Judgement::no_operations();
        }
        Ok(spans) => spans,
        Err(error) => return Judgement::unknown(error),
    };
    let unfinished = spans.iter().filter(|span| span.ended_at().is_none()).count();
    let mut findings = Findings::default();
    let mut errors = Vec::new();
    for span in spans {
        if let Some(ended_at) = span.ended_at() {
            let (sent, reply) = (operations.value(span.invoked_at()), operations.op(ended_at));
            if let Some(error) = error(&sent, &reply.value) {
                findings.add("wrong-reply", || finding(&sent, &reply));
                errors.push(error);
            }
        }
    }
    let valid = match (errors.is_empty(), unfinished) {
        (false, _) => Validity::False,
        (true, 0) => Validity::True,
        (true, _) => Validity::Unknown,
    };
    let wrong = errors.len();
    let judgement = Judgement::new(valid, [("errors", Edn::List(errors))]).with(findings);
    match valid {
        Validity::Unknown => judgement
            .because(format!("The history ends before {unfinished} of its requests have ended.")),
        Validity::False => {
            judgement.summed_up(format!("{wrong} of {} echoes are wrong", spans.len()))
        }
        Validity::True => judgement,
    }
}

fn finding(sent: &Edn, reply: &Op) -> Finding {
    let process = reply.process;
    let words = match reply.kind {
        OpType::Ok => format!("Process {process} sent {sent} and received {}.", reply.value),
        _ => format!("Process {process} sent {sent}, which was not answered."),
    };
    Finding::new(words).about(reply.index, "wrong reply")
}

/// What is wrong with a request that has ended.
fn error(sent: &Edn, received: &Edn) -> Option<Edn> {
    let echo = received.get("echo").unwrap_or(&Edn::Nil);
    if echo.canonical() == sent.canonical() {
        return None;
    }
    let expected = ["Expected a reply with :echo".into(), sent.clone()];
    Some(Edn::Vector([expected, ["but received".into(), received.clone()]].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    fn check_text(text: &str) -> String {
        check(&(&History::parse(text).unwrap()).into()).to_edn().to_string()
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
