//! `timeline.html`: the operations, a column for each process, time downwards.
//!
//! Layout, colours and limit are the original's: a row for each entry of the history, so that
//! what overlaps stands side by side, however long it took.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::format::{EdnLine, count, duration_ms, html_escape, shorten, shortened};
use crate::edn::Edn;
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

/// The first entries of a history, as far as they are drawn: of a value only what is shown.
#[derive(Default)]
pub struct Timeline {
    shown: Vec<Span>,
    /// How many there would be to show.
    all: usize,
    /// How many entries there were.
    rows: usize,
    open: BTreeMap<ProcessId, Open>,
}

/// An operation that has begun and not ended: its number, and what it asked if it is shown.
struct Open {
    number: usize,
    asked: Edn,
}

/// Something that is drawn: where it begins, and where it ends if it does.
struct Span {
    row: usize,
    end: Option<usize>,
    process: ProcessId,
    index: usize,
    kind: OpType,
    f: std::sync::Arc<str>,
    began: i64,
    asked: Label,
    told: Option<Label>,
    hint: String,
}

/// A value as it is written on an operation.
struct Label {
    text: String,
    is_nil: bool,
}

impl Label {
    fn of(value: &Edn) -> Label {
        Label { text: shortened(value, LABEL_CHARACTERS), is_nil: value.is_nil() }
    }
}

impl Timeline {
    /// Takes in the next entry. An end is paired with its begin; what the nemesis does has an end
    /// only as its next entry.
    pub fn push(&mut self, op: &Op) {
        let row = self.rows;
        self.rows += 1;
        match self.open.remove(&op.process) {
            Some(open) if op.kind != OpType::Invoke => self.end(&open, row, op),
            _ => self.begin(row, op),
        }
    }

    fn begin(&mut self, row: usize, op: &Op) {
        let number = self.all;
        self.all += 1;
        let is_shown = number < LIMIT;
        if op.kind == OpType::Invoke {
            let asked = if is_shown { op.value.clone() } else { Edn::Nil };
            self.open.insert(op.process, Open { number, asked });
        }
        if is_shown {
            self.shown.push(Span {
                row,
                end: None,
                process: op.process,
                index: op.index,
                kind: op.kind,
                f: op.f.clone(),
                began: op.time,
                asked: Label::of(&op.value),
                told: None,
                hint: hint(op.time, None, op),
            });
        }
    }

    fn end(&mut self, open: &Open, row: usize, op: &Op) {
        if let Some(span) = self.shown.get_mut(open.number) {
            span.end = Some(row);
            span.index = op.index;
            span.kind = op.kind;
            span.told = (op.value != open.asked).then(|| Label::of(&op.value));
            span.hint = hint(span.began, Some(op.time), op);
        }
    }

    /// The page.
    pub fn page(&self, workload: &str) -> String {
        let columns: BTreeMap<ProcessId, usize> = {
            let mut processes: Vec<ProcessId> =
                self.shown.iter().map(|span| span.process).collect();
            processes.sort_unstable();
            processes.dedup();
            processes.into_iter().enumerate().map(|(column, process)| (process, column)).collect()
        };
        let last_row = self.shown.iter().map(|span| span.end.unwrap_or(span.row)).max();
        let rows = last_row.map_or(0, |row| row + 2);
        let mut html = String::with_capacity(400 * self.shown.len());
        let title = html_escape(workload);
        write!(
            html,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <title>{title}: timeline</title><style>{STYLE}</style></head><body>\
             <p><a href=\"index.html\">{title}</a> / timeline</p>\n"
        )
        .expect("text");
        if self.shown.len() < self.all {
            let all = count(self.all, "operation");
            writeln!(html, "<p>The first {LIMIT} of {all} are shown.</p>").expect("text");
        }
        if self.shown.is_empty() {
            html.push_str("<p>There was no operation.</p>\n");
        }
        html.push_str("<div class=\"head\">");
        for (process, column) in &columns {
            let (left, name) = (column * COLUMN, name(*process));
            write!(html, "<span style=\"left:{}px\">{name}</span>", left + 16).expect("text");
        }
        writeln!(html, "</div>\n<div class=\"ops\" style=\"height:{}px\">", rows * ROW)
            .expect("text");
        for span in &self.shown {
            write_span(&mut html, span, columns[&span.process], rows);
        }
        html.push_str("</div></body></html>\n");
        html
    }
}

fn name(process: ProcessId) -> String {
    process.to_string().trim_start_matches(':').to_owned()
}

/// What is said where the pointer rests: times, and the last entry.
fn hint(began: i64, ended: Option<i64>, last: &Op) -> String {
    let mut hint = String::new();
    if let Some(ended) = ended {
        let took = duration_ms((ended - began).max(0) as f64 / 1e6);
        writeln!(hint, "took {took}").expect("text");
    }
    writeln!(hint, "began at {:.6} s", began.max(0) as f64 / 1e9).expect("text");
    hint += &shortened(&EdnLine(last), HINT_CHARACTERS);
    shorten(&hint, HINT_CHARACTERS)
}

fn write_span(html: &mut String, span: &Span, column: usize, rows: usize) {
    let kind = if span.kind == OpType::Invoke { OpType::Info } else { span.kind };
    let is_client = span.process != ProcessId::Nemesis;
    // An operation of which nobody knows may take effect at any time from its begin on.
    let height = match (kind, span.end) {
        (OpType::Info, _) if is_client => rows - span.row,
        (_, Some(end)) => end - span.row,
        _ => 1,
    };
    let mut label = format!("{} {}", name(span.process), span.f);
    // Where there is room for one line only, what came of it is the better one.
    let has_room = height > 1;
    let told = span.told.as_ref();
    let first = if has_room { &span.asked } else { told.unwrap_or(&span.asked) };
    if !first.is_nil {
        write!(label, " {}", first.text).expect("text");
    }
    let mut label = html_escape(&label);
    if let (true, Some(told)) = (has_room, told) {
        write!(label, "<br>{}", html_escape(&told.text)).expect("text");
    }
    let hint = html_escape(&span.hint);
    writeln!(
        html,
        "<a class=\"op {kind}\" id=\"i{index}\" href=\"#i{index}\" title=\"{hint}\" \
         style=\"left:{left}px;top:{top}px;height:{height}px\">{label}</a>",
        kind = kind.name(),
        index = span.index,
        left = column * COLUMN,
        top = span.row * ROW,
        height = (height * ROW).saturating_sub(4).max(ROW - 4),
    )
    .expect("text");
}
