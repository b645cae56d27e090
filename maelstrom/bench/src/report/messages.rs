//! `messages.svg`: the first messages, one event a row, an arrow from where each was sent to
//! where it arrived.
//!
//! The limit of 10,000 events, the colours and the omission of `init` are the original's. A
//! message that was lost is a dotted line that ends on the way; the original does not show it.

use std::collections::BTreeMap;
use std::fmt::Write;

use gyre::{Message, NodeId};
use rustc_hash::FxHashMap;

use super::format::{html_escape, shorten};
use crate::journal::{FirstEvent, Journal, JournalKind, said_to_peer};

const WIDTH: f64 = 1200.0;
const ROW: f64 = 20.0;
const LABEL_CHARACTERS: usize = 48;
const HINT_CHARACTERS: usize = 1000;

const STYLE: &str = "\
svg{font:11px Helvetica,Arial,sans-serif;background:#fff}
.lane{stroke:#ccc}.name{text-anchor:middle;fill:#888}.name.first{fill:#000;font-weight:bold}
.message line{stroke-width:3}.message text{text-anchor:middle;paint-order:stroke;stroke:#fff;\
stroke-width:4px;stroke-linejoin:round}
.server line{stroke:#333}.client line{stroke:#81BFFC}.error line{stroke:#FF1E90}
.lost line{stroke-dasharray:2 4}.message:hover line{stroke-width:6}
.note{text-anchor:middle;fill:#D96918}\
@media(prefers-color-scheme:dark){svg{background:#14171b}.lane{stroke:#333a44}.name{fill:#a0a9b5}\
.name.first,.message text{fill:#e6e9ee}.message text{stroke:#14171b}.server line{stroke:#aab3bf}\
.note{fill:#ff9a4d}marker path{fill:#aab3bf}}";

/// The diagram.
pub fn diagram(journal: &Journal) -> String {
    let events = journal.first();
    let sent: Vec<Option<Message>> = events.iter().map(|event| journal.message(event)).collect();
    let is_truncated = journal.is_first_truncated();
    let lanes = lanes(&sent);
    let height = (events.len() as f64 + 7.0) * ROW;
    let mut svg = String::with_capacity(400 * events.len() + 4096);
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\">\
         <style>{STYLE}</style><defs><marker id=\"head\" viewBox=\"0 0 12 8\" refX=\"11\" \
         refY=\"4\" markerWidth=\"12\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" \
         orient=\"auto\"><path d=\"M0 0L12 4L0 8z\"/></marker></defs>",
        WIDTH + 50.0
    )
    .expect("text");
    write_lanes(&mut svg, &lanes, events.len());
    write_messages(&mut svg, &lanes, events, &sent);
    if events.is_empty() {
        note(&mut svg, 1.0, "No message was sent.");
    }
    if is_truncated {
        note(&mut svg, events.len() as f64 + 3.0, "There were more messages; these are the first.");
    }
    svg.push_str("</svg>\n");
    svg
}

fn note(svg: &mut String, row: f64, text: &str) {
    let (x, y) = (WIDTH / 2.0, y_of(row));
    writeln!(svg, "<text class=\"note\" x=\"{x}\" y=\"{y}\">{text}</text>").expect("text");
}

/// A lane's position, for everyone who takes part: clients, then nodes, then services.
fn lanes(sent: &[Option<Message>]) -> BTreeMap<NodeId, f64> {
    let mut names: Vec<&NodeId> =
        sent.iter().flatten().flat_map(|message| [&message.src, &message.dest]).collect();
    names.sort_by_key(|name| sort_key(name));
    names.dedup();
    let count = names.len() as f64;
    let place = |lane: usize| (lane as f64 + 0.5) / count * WIDTH;
    names.into_iter().enumerate().map(|(lane, name)| (name.clone(), place(lane))).collect()
}

/// Sorts names with numbers as people do: n2 before n10.
pub fn sort_key(name: &NodeId) -> (u8, String, u64, String) {
    let text = name.as_str();
    let digits = text.len() - text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = text.split_at(text.len() - digits);
    let group = match text {
        _ if name.is_client() => 0,
        _ if crate::service::NAMES.contains(&text) => 2,
        _ => 1,
    };
    (group, stem.into(), number.parse().unwrap_or(0), text.into())
}

fn y_of(row: f64) -> f64 {
    ROW * (1.5 + row)
}

fn write_lanes(svg: &mut String, lanes: &BTreeMap<NodeId, f64>, rows: usize) {
    for (name, x) in lanes {
        let name = html_escape(name.as_str());
        let (top, bottom) = (y_of(0.0), y_of(rows as f64 + 1.0));
        writeln!(
            svg,
            "<line class=\"lane\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>"
        )
        .expect("text");
        for row in (0..rows.max(1)).step_by(50) {
            let class = if row == 0 { "name first" } else { "name" };
            let y = y_of(row as f64 - 0.5);
            writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y}\">{name}</text>")
                .expect("text");
        }
    }
}

fn write_messages(
    svg: &mut String,
    lanes: &BTreeMap<NodeId, f64>,
    events: &[FirstEvent],
    messages: &[Option<Message>],
) {
    let mut sent: FxHashMap<u64, usize> = FxHashMap::default();
    let mut arrived = vec![false; events.len()];
    for (row, event) in events.iter().enumerate() {
        if event.kind == JournalKind::Send {
            sent.insert(event.id, row);
        } else if let Some(&from) = sent.get(&event.id) {
            arrived[from] = true;
            if let Some(message) = &messages[from] {
                write_message(svg, lanes, message, from, Some(row));
            }
        }
    }
    for (row, message) in messages.iter().enumerate() {
        if let Some(message) = message.as_ref().filter(|_| !arrived[row]) {
            write_message(svg, lanes, message, row, None);
        }
    }
}

fn write_message(
    svg: &mut String,
    lanes: &BTreeMap<NodeId, f64>,
    message: &Message,
    sent: usize,
    received: Option<usize>,
) {
    let (x0, y0) = (lanes[&message.src], y_of(sent as f64));
    let full = (lanes[&message.dest], y_of(received.unwrap_or(sent + 1) as f64));
    let (x1, y1) = match received {
        Some(_) => full,
        None => (x0 + (full.0 - x0) * 0.4, full.1),
    };
    let kind = match message {
        m if m.body.kind() == "error" => "error",
        m if m.src.is_client() || m.dest.is_client() => "client",
        _ => "server",
    };
    let lost = if received.is_some() { "" } else { " lost" };
    let marker = if received.is_some() { " marker-end=\"url(#head)\"" } else { "" };
    // The label lies along the line, and never upside down.
    let degrees = (y1 - y0).atan2(x1 - x0).to_degrees();
    let degrees = if degrees.abs() > 90.0 { degrees - 180.0 } else { degrees };
    let (x, y) = ((x0 + x1) / 2.0, (y0 + y1) / 2.0);
    let label = html_escape(&shorten(&label(message), LABEL_CHARACTERS));
    let hint = html_escape(&shorten(&message.to_line(), HINT_CHARACTERS));
    writeln!(
        svg,
        "<g class=\"message {kind}{lost}\"><title>{hint}</title><line x1=\"{x0:.1}\" y1=\"{y0}\" \
         x2=\"{x1:.1}\" y2=\"{y1}\"{marker}/><text transform=\"translate({x:.1} {y}) \
         rotate({degrees:.1}) translate(0 -5)\">{label}</text></g>"
    )
    .expect("text");
}

/// A message's type and what it says besides. What is in the envelope between two nodes is named
/// by its own kind: `append_entries {…}` instead of `peer {"message":{"append_entries":{…}}}`.
fn label(message: &Message) -> String {
    if let Some((kind, says)) = said_to_peer(message) {
        return format!("{kind} {says}");
    }
    let kind = message.body.kind();
    let Ok(mut fields) =
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(message.body.as_json())
    else {
        return kind.to_owned();
    };
    if kind == "error" {
        let text = fields.get("text").and_then(|text| text.as_str()).unwrap_or_default();
        return format!("error {text}");
    }
    fields.retain(|key, _| !matches!(key.as_str(), "type" | "msg_id" | "in_reply_to"));
    if fields.is_empty() {
        return kind.to_owned();
    }
    if kind == gyre::driver::PEER_TYPE
        && let Some(said) = fields.get("message")
    {
        return format!("{kind} {said}");
    }
    format!("{kind} {}", serde_json::Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_what_is_in_the_envelope() {
        for (body, expected) in [
            (r#""type":"read","msg_id":1,"key":3"#, r#"read {"key":3}"#),
            (r#""type":"read","msg_id":1"#, "read"),
            (r#""type":"error","code":11,"text":"busy""#, "error busy"),
            (r#""type":"peer","message":{"commit":{"term":1}}"#, r#"commit {"term":1}"#),
            (r#""type":"peer","message":{"ask":true,"have":{}}"#, r#"peer {"ask":true,"have":{}}"#),
            (r#""type":"tell","message":7"#, r#"tell {"message":7}"#),
        ] {
            let line = format!(r#"{{"src":"n1","dest":"n2","body":{{{body}}}}}"#);
            assert_eq!(label(&Message::parse(&line).expect("a message")), expected, "{body}");
        }
    }
}
