//! What kind of message is in the envelope in which nodes on the gyre runtime put all that they say
//! to each other. Without that, everything that Raft says would be of one kind.

use std::collections::BTreeMap;

use gyre::Message;
use serde_json::value::RawValue;

/// What is in the envelope in which nodes on the gyre runtime put all that they say to each other,
/// if that is of a kind of its own: `{"append": {…}}`, say, possibly within another such object.
/// Gives the kind, and the JSON of what is said.
pub fn said_to_peer(message: &Message) -> Option<(String, &str)> {
    if message.body.kind() != gyre::driver::PEER_TYPE {
        return None;
    }
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        message: &'a RawValue,
    }
    let Envelope { message } = serde_json::from_str(message.body.as_json()).ok()?;
    let (mut name, mut inner) = only_entry(message)?;
    // An entry that is no object is what the message says, and not of what kind it is.
    let is_kind =
        |(name, within): &(String, &RawValue)| is_name(name) && within.get().starts_with('{');
    while let Some((deeper, within)) = only_entry(inner).filter(is_kind) {
        (name, inner) = (deeper, within);
    }
    is_name(&name).then(|| (name, inner.get()))
}

/// The key and the value of an object that has one entry.
fn only_entry(object: &RawValue) -> Option<(String, &RawValue)> {
    let entries: BTreeMap<String, &RawValue> = serde_json::from_str(object.get()).ok()?;
    let mut entries = entries.into_iter();
    entries.next().filter(|_| entries.next().is_none())
}

/// Whether this may be the name of a kind of messages, and not a key of data.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_the_only_key_and_no_data() {
        let said = |body: &str| {
            let line = format!(r#"{{"src":"n1","dest":"n2","body":{{{body}}}}}"#);
            let message = Message::parse(&line).unwrap();
            said_to_peer(&message).map(|(kind, says)| format!("{kind} {says}"))
        };
        for (body, expected) in [
            (r#""type":"peer","message":{"commit":{"index":3}}"#, Some(r#"commit {"index":3}"#)),
            (
                r#""type":"peer","message":{"raft":{"vote_reply":{"granted":true}}}"#,
                Some(r#"vote_reply {"granted":true}"#),
            ),
            (r#""type":"peer","message":{"ask":7}"#, Some("ask 7")),
            (r#""type":"peer","message":{"from":1,"have":{}}"#, None),
            (r#""type":"peer","message":{"n1":{}}"#, None),
            (r#""type":"peer","message":[1]"#, None),
            (r#""type":"peer""#, None),
            (r#""type":"gossip","message":{"commit":{}}"#, None),
        ] {
            assert_eq!(said(body).as_deref(), expected, "{body}");
        }
    }
}
