//! `maelstrom doc`: what each workload asks of a node, and the protocol that they share, as
//! Markdown for whoever writes a node.
//!
//! Requests are the clients' own, replies are the types that clients read, errors are the table
//! of codes: none of it is written down a second time.

#![expect(clippy::disallowed_methods, reason = "it writes two files")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use gyre::{Body, ErrorCode, Json};

use super::{crashed, terminal};
use crate::protocol::Rpc;
use crate::workload::{self, Workload};

const WORKLOADS_FILE: &str = "workloads.md";

const PROTOCOL_FILE: &str = "protocol.md";

/// What the protocol is, but for its errors.
const PROTOCOL: &str = include_str!("doc/protocol.md");

/// The flags of `maelstrom doc`.
#[derive(Args, Clone, Debug)]
pub struct DocFlags {
    /// The folder for the documents; it is made if it is missing.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, default_value = "doc")]
    out: PathBuf,
}

/// Writes the documents; returns the exit status.
pub(super) fn doc(flags: &DocFlags) -> u8 {
    let files = [(WORKLOADS_FILE, workloads()), (PROTOCOL_FILE, protocol())];
    for (name, text) in files {
        if let Err(sentence) = write(&flags.out, name, &text) {
            return crashed(&sentence);
        }
    }
    0
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    let path = folder.join(name);
    let shown = path.display();
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| format!("{shown} cannot be written: {error}"))?;
    terminal::print(&shown.to_string()).map_err(|error| format!("nothing can be printed: {error}"))
}

/// The document of all workloads.
fn workloads() -> String {
    let mut text = format!(
        "# Workloads\n\n\
         What clients ask of a node, and what it answers, for each workload. `maelstrom doc` \
         writes this from the bench itself. How messages are framed, and which errors a node may \
         answer with instead, stands in [{PROTOCOL_FILE}]({PROTOCOL_FILE}).\n\n\
         A reply may have a `msg_id`, must have `in_reply_to`, and has no other keys than its \
         own: with one more the operation counts as indeterminate.\n\n"
    );
    for workload in workload::ALL {
        let name = workload.name();
        writeln!(text, "- [{name}](#workload-{name})").expect("text");
    }
    for workload in workload::ALL {
        text += &of_workload(*workload);
    }
    text
}

fn of_workload(workload: &dyn Workload) -> String {
    let mut text = format!("\n## Workload: {}\n\n{}\n", workload.name(), workload.about());
    for rpc in workload.rpcs() {
        text += &of_rpc(&rpc);
    }
    text
}

fn of_rpc(rpc: &Rpc) -> String {
    let request = type_first(&rpc.request);
    let own = rpc.fields.iter().map(|(name, form)| format!(" \"{name}\": {form},"));
    format!(
        "\n### RPC: {}\n\n{}\n\nRequest, for example:\n\n```json\n{request}\n```\n\n\
         Response: {}\n\n```\n{{\"type\": \"{}\",{} \"in_reply_to\": integer}}\n```\n",
        rpc.request.kind(),
        rpc.about,
        rpc.reply_about,
        rpc.reply,
        own.collect::<String>(),
    )
}

/// The request as a client sends it, its type in front and its number at the end.
fn type_first(request: &Body) -> String {
    let mut keys: BTreeMap<String, Json> = request.to().expect("a body is an object");
    keys.remove("type");
    let others = keys.iter().map(|(key, value)| format!(" \"{key}\": {},", value.as_str()));
    let (kind, others) = (request.kind(), others.collect::<String>());
    format!("{{\"type\": \"{kind}\",{others} \"msg_id\": 1}}")
}

/// The document of the protocol.
fn protocol() -> String {
    let mut text = format!(
        "{PROTOCOL}\n| Code | Name | Definite | Meaning |\n| ---: | :--- | :------: | :------ |\n"
    );
    for code in ErrorCode::named() {
        let definite = if code.is_definite() { "✓" } else { "" };
        let (number, name, meaning) = (code.number(), code.name(), code.meaning());
        writeln!(text, "| {number} | {name} | {definite} | {meaning} |").expect("text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_answers_its_request() {
        for workload in workload::ALL {
            let rpcs = workload.rpcs();
            assert!(!rpcs.is_empty() && !workload.about().is_empty(), "{}", workload.name());
            for rpc in rpcs {
                assert_eq!(rpc.reply, format!("{}_ok", rpc.request.kind()));
                assert!(!rpc.about.is_empty() && !rpc.reply_about.is_empty(), "{}", rpc.reply);
                assert!(rpc.request.msg_id().is_none(), "{}", rpc.reply);
            }
        }
    }

    /// What stands in the original's documents of these two.
    #[test]
    fn the_documents_say_requests_replies_and_errors() {
        let text = workloads();
        for expected in [
            r#"{"type": "cas", "from": 3, "key": 0, "to": 4, "msg_id": 1}"#,
            r#"{"type": "cas_ok", "in_reply_to": integer}"#,
            r#"{"type": "poll", "offsets": {"k1":1000,"k2":2000}, "msg_id": 1}"#,
            r#"{"type": "txn_ok", "txn": [[string, any, any], ...], "in_reply_to": integer}"#,
            r#"{"type": "send_ok", "offset": integer, "in_reply_to": integer}"#,
        ] {
            assert!(text.contains(expected), "{expected} is not in:\n{text}");
        }
        let text = protocol();
        assert!(text.contains("| 30 | txn-conflict | ✓ | the transaction"), "{text}");
        assert!(text.contains("| 13 | crash |  | "), "{text}");
    }
}
