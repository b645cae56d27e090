//! Echo: every request is answered, with the very payload that it carried.
//!
//! A request that failed or timed out was not echoed, so that is an error too, as it is in
//! the original (its `workload/echo.clj`).

use super::{CheckResult, Validity, no_operations, unknown};
use crate::edn::Edn;
use crate::history::{History, Pair};

/// Compares each request with its reply: a map, with the payload under `:echo`.
pub fn check(history: &History) -> CheckResult {
    let pairs = match history.pairs() {
        Ok(pairs) if pairs.is_empty() => return no_operations(),
        Ok(pairs) => pairs,
        Err(error) => return unknown(error),
    };
    let errors: Vec<Edn> = pairs.iter().filter(|pair| !is_echoed(pair)).map(explain).collect();
    CheckResult::new(Validity::from(errors.is_empty()), [("errors", Edn::List(errors))])
}

fn is_echoed(pair: &Pair) -> bool {
    let echo = pair.complete.and_then(|complete| complete.value.get("echo"));
    echo.unwrap_or(&Edn::Nil).canonical() == pair.invoke.value.canonical()
}

fn explain(pair: &Pair) -> Edn {
    let received = pair.complete.map_or(Edn::Nil, |complete| complete.value.clone());
    Edn::Vector(vec![
        "Expected a reply with :echo".into(),
        pair.invoke.value.clone(),
        "but received".into(),
        received,
    ])
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
            (invoke.to_string(), "nil"),
        ] {
            assert_eq!(check_text(&history), explained(received), "{history}");
        }
    }

    #[test]
    fn nothing_sent_is_nothing_known() {
        assert!(check_text("").starts_with("{:valid? :unknown, :error"));
        let odd = "{:type :ok, :process 0, :f :echo}";
        assert!(check_text(odd).starts_with("{:valid? :unknown, :error"));
    }
}
