//! `timeline.html`: the operations, a column for each process, time downwards.
//!
//! Layout, colours and limit are the original's: a row for each entry of the history, so that
//! what overlaps stands side by side, however long it took.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::activity::Activity;
use super::format::{count, duration_ms, html_escape, shorten, shortened};
use crate::history::{Op, OpType, ProcessId};

/// How many operations are drawn at most.
const LIMIT: usize = 10_000;

const ROW: usize = 16;
const COLUMN: usize = 106;

/// How much of a value is written on an operation, and how much where the pointer rests.
const LABEL_CHARACTERS: usize = 200;
const HINT_CHARACTERS: usize = 2000;

const STYLE: &str = "\
body{font:12px system-ui,sans-serif;margin:16px;background:#fff;color:#111}
.ops{position:relative;margin-top:28px}
.op{position:absolute;width:96px;padding:2px;border-radius:2px;overflow:hidden;color:#111;
text-decoration:none;box-shadow:0 1px 3px #0002,0 1px 2px #0004}
.head{position:sticky;top:0;z-index:2;height:20px;background:inherit;font-weight:600}
.head span{position:absolute;width:100px}
.ok{background:#6DB6FE}.info{background:#FFAA26}.fail{background:#FEB5DA}
.op:target{outline:3px solid currentColor;z-index:1}
.op:hover{z-index:1;min-height:16px;height:auto!important;overflow:visible;width:auto;min-width:96px}
@media (prefers-color-scheme:dark){body{background:#16181c;color:#eee}a{color:#8cf}.op{color:#111}}";

/// An entry that is drawn: where it begins, and where it ends if it does.
struct Span<'a> {
    row: usize,
    invoke: &'a Op,
    complete: Option<(usize, &'a Op)>,
}

/// The page.
pub fn page(workload: &str, activity: &Activity) -> String {
    let ops = &activity.history.ops;
    let spans = spans(ops);
    let shown = &spans[..spans.len().min(LIMIT)];
    let columns: BTreeMap<ProcessId, usize> = {
        let mut processes: Vec<ProcessId> = shown.iter().map(|span| span.invoke.process).collect();
        processes.sort_unstable();
        processes.dedup();
        processes.into_iter().enumerate().map(|(column, process)| (process, column)).collect()
    };
    let last_row = shown.iter().map(|span| span.complete.map_or(span.row, |(row, _)| row)).max();
    let rows = last_row.map_or(0, |row| row + 2);
    let mut html = String::with_capacity(400 * shown.len());
    let title = html_escape(workload);
    write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>{title}: timeline</title><style>{STYLE}</style></head><body>\
         <p><a href=\"index.html\">{title}</a> / timeline</p>\n"
    )
    .expect("text");
    if shown.len() < spans.len() {
        let all = count(spans.len(), "operation");
        writeln!(html, "<p>The first {LIMIT} of {all} are shown.</p>").expect("text");
    }
    if shown.is_empty() {
        html.push_str("<p>There was no operation.</p>\n");
    }
    html.push_str("<div class=\"head\">");
    for (process, column) in &columns {
        let (left, name) = (column * COLUMN, name(*process));
        write!(html, "<span style=\"left:{}px\">{name}</span>", left + 16).expect("text");
    }
    writeln!(html, "</div>\n<div class=\"ops\" style=\"height:{}px\">", rows * ROW).expect("text");
    for span in shown {
        write_span(&mut html, span, columns[&span.invoke.process], rows);
    }
    html.push_str("</div></body></html>\n");
    html
}

fn name(process: ProcessId) -> String {
    process.to_string().trim_start_matches(':').to_owned()
}

/// Pairs begins and ends. What the nemesis does has an end only as its next entry.
fn spans(ops: &[Op]) -> Vec<Span<'_>> {
    let mut spans: Vec<Span> = Vec::new();
    let mut open: BTreeMap<ProcessId, usize> = BTreeMap::new();
    for (row, op) in ops.iter().enumerate() {
        match open.remove(&op.process) {
            Some(span) if op.kind != OpType::Invoke => spans[span].complete = Some((row, op)),
            _ => {
                if op.kind == OpType::Invoke {
                    open.insert(op.process, spans.len());
                }
                spans.push(Span { row, invoke: op, complete: None });
            }
        }
    }
    spans
}

fn write_span(html: &mut String, span: &Span, column: usize, rows: usize) {
    let Span { row, invoke, complete } = span;
    let last = complete.map_or(*invoke, |(_, op)| op);
    let kind = if last.kind == OpType::Invoke { OpType::Info } else { last.kind };
    // An operation of which nobody knows may take effect at any time from its begin on.
    let height = match (kind, complete) {
        (OpType::Info, _) if invoke.is_client() => rows - row,
        (_, Some((end, _))) => end - row,
        _ => 1,
    };
    let mut label = format!("{} {}", name(invoke.process), invoke.f);
    // Where there is room for one line only, what came of it is the better one.
    let has_room = height > 1;
    let first = if has_room { &invoke.value } else { &last.value };
    if !first.is_nil() {
        write!(label, " {}", shortened(first, LABEL_CHARACTERS)).expect("text");
    }
    let mut label = html_escape(&label);
    if has_room && last.value != invoke.value {
        let value = shortened(&last.value, LABEL_CHARACTERS);
        write!(label, "<br>{}", html_escape(&value)).expect("text");
    }
    let mut hint = String::new();
    if complete.is_some() {
        let took = duration_ms((last.time - invoke.time).max(0) as f64 / 1e6);
        writeln!(hint, "took {took}").expect("text");
    }
    writeln!(hint, "began at {:.6} s", invoke.time.max(0) as f64 / 1e9).expect("text");
    last.write_edn_line(&mut hint);
    let hint = html_escape(&shorten(hint.trim_end(), HINT_CHARACTERS));
    writeln!(
        html,
        "<a class=\"op {kind}\" id=\"i{index}\" href=\"#i{index}\" title=\"{hint}\" \
         style=\"left:{left}px;top:{top}px;height:{height}px\">{label}</a>",
        kind = kind.name(),
        index = last.index,
        left = column * COLUMN,
        top = row * ROW,
        height = (height * ROW).saturating_sub(4).max(ROW - 4),
    )
    .expect("text");
}
