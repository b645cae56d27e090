//! Exercise 1-reply: a message by hand.
//!
//! The bench has sent the node `n1` the line below. Write down the line that `n1` answers with.
//!
//! ```json
//! {"src": "c7", "dest": "n1", "body": {"type": "echo", "msg_id": 3, "echo": "Please echo 14"}}
//! ```

use serde_json::{Value, json};

use crate::{Task, answer};

/// To do: the whole line.
const REPLY: &str = r#"{"src": "n1", "dest": "c7", "body": {"type": "echo_ok"}}"#;

/// Judges a reply, from the outside in.
pub fn check(reply: &str) -> Result<(), String> {
    let message: Value =
        serde_json::from_str(reply).map_err(|error| format!("the line is no JSON: {error}"))?;
    let body = &message["body"];
    let about = |what: &str, is: &Value, should: Value, why: &str| {
        if *is == should {
            return Ok(());
        }
        Err(format!("{what} is {is} and should be {should}: {why}"))
    };
    about("src", &message["src"], json!("n1"), "a node speaks in its own name")?;
    about("dest", &message["dest"], json!("c7"), "the answer goes to who has asked")?;
    about("type", &body["type"], json!("echo_ok"), "so a reply to echo is called")?;
    let why = "without it nobody can tell which request this answers";
    about("in_reply_to", &body["in_reply_to"], json!(3), why)?;
    about("echo", &body["echo"], json!("Please echo 14"), "it is what was said")
}

/// The reply above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| check(REPLY))
}
