//! What a node says of itself while it runs: a line on stderr whenever that has changed.
//!
//! ```text
//! state: {"role":"leader","term":3,"commit":17}
//! ```
//!
//! The line is written only when the environment asks for it with `MAELSTROM_STATE=1`, as our
//! bench does; under the original Maelstrom a node writes none. What stands in it comes from
//! [`Process::inspect`]. A program in any language may write the same line.
//!
//! It is written before the messages of the same step, so that whoever reads both knows the state
//! in which the messages were sent.

use serde_json::Value;

#[cfg(feature = "stdio")]
use crate::runtime::process::Process;

/// Fields that stand first, in this order: a report colours the lane of a node by its first field.
const FIRST: [&str; 4] = ["role", "clock", "value", "messages"];

/// A state as JSON text, in which the field comes first by which nodes are told apart: the role,
/// the logical clock, the value, or how much a node has. The other fields follow in the order of their names.
///
/// ```
/// use serde_json::json;
///
/// let state = json!({ "commit": 17, "role": "leader", "term": 3 });
/// assert_eq!(gyre::state_text(&state), r#"{"role":"leader","commit":17,"term":3}"#);
/// ```
pub fn state_text(state: &Value) -> String {
    let Value::Object(fields) = state else { return state.to_string() };
    let rank = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
    fields.sort_by_key(|(name, _)| rank(name));
    let field = |(name, value)| format!("{}:{value}", Value::from(String::clone(name)));
    let fields: Vec<String> = fields.into_iter().map(field).collect();
    format!("{{{}}}", fields.join(","))
}

/// Notices when a process has changed.
#[cfg(feature = "stdio")]
pub(crate) struct StateLines {
    is_wanted: bool,
    last: String,
}

#[cfg(feature = "stdio")]
impl StateLines {
    /// Lines that nobody wants are not made.
    pub(crate) fn new(is_wanted: bool) -> StateLines {
        StateLines { is_wanted, last: String::new() }
    }

    /// The line to write, without its line feed, when it is wanted and something has changed.
    pub(crate) fn next(&mut self, process: &impl Process) -> Option<String> {
        if !self.is_wanted {
            return None;
        }
        let text = state_text(&process.inspect()?);
        if text == self.last {
            return None;
        }
        let line = format!("state: {text}");
        self.last = text;
        Some(line)
    }
}

#[cfg(all(test, feature = "stdio"))]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::{Message, Time};

    struct Counts(u64);

    impl Process for Counts {
        fn handle_message(&mut self, _: Time, _: Message) {}
        fn handle_timeout(&mut self, _: Time) {}
        fn poll_timeout(&self) -> Option<Time> {
            None
        }
        fn poll_transmit(&mut self) -> Option<Message> {
            None
        }
        fn inspect(&self) -> Option<Value> {
            Some(json!({ "even": self.0 / 2 * 2, "role": "counter" }))
        }
    }

    #[test]
    fn a_line_comes_when_something_changed_and_the_role_is_first() {
        let mut lines = StateLines::new(true);
        let mut seen = |n| lines.next(&Counts(n));
        assert_eq!(seen(0).as_deref(), Some(r#"state: {"role":"counter","even":0}"#));
        assert_eq!(seen(1), None);
        assert_eq!(seen(2).as_deref(), Some(r#"state: {"role":"counter","even":2}"#));
    }

    #[test]
    fn nobody_who_did_not_ask_sees_a_line() {
        assert_eq!(StateLines::new(false).next(&Counts(0)), None);
    }
}
