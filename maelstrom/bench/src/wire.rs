//! What a node may write on its stdout: the envelope is closed, as it is for the original.

use gyre::{Body, Message, NodeId};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads a line that a node wrote.
///
/// A node of ours passes over keys that it does not know, because the bench adds an `id`. The
/// bench is stricter with what it is sent: the original stops listening to a node whose
/// messages have any key but `src`, `dest`, `body` and an integer `id`.
///
/// # Errors
/// When the line is not such an object, or its body has no `type`.
pub fn parse_line(line: &str) -> Result<Message, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Envelope<'a> {
        src: NodeId,
        dest: NodeId,
        #[serde(borrow)]
        body: &'a RawValue,
        #[serde(default, rename = "id")]
        _id: Option<i64>,
    }
    let Envelope { src, dest, body, .. } = serde_json::from_str(line)?;
    Ok(Message { src, dest, body: Body::parse(body.get())? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_is_closed() {
        let good = r#"{"id": 7, "src": "n1", "dest": "n2", "body": {"type": "hi", "more": 1}}"#;
        assert_eq!(parse_line(good).unwrap(), Message::parse(good).unwrap());
        for bad in [
            r#"{"src": "n1", "dest": "n2", "body": {"type": "hi"}, "time": 1}"#,
            r#"{"id": "7", "src": "n1", "dest": "n2", "body": {"type": "hi"}}"#,
            r#"{"src": "n1", "dest": 2, "body": {"type": "hi"}}"#,
            r#"{"src": "n1", "dest": "n2", "body": {"msg_id": 1}}"#,
            r#"{"src": "n1", "body": {"type": "hi"}}"#,
            r#"["n1", "n2"]"#,
            "",
        ] {
            assert!(parse_line(bad).is_err(), "{bad}");
        }
    }
}
