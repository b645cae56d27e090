//! A notation for histories, so that tests can be read: one operation a step, steps separated
//! by `|`, in the order in which they end.
//!
//! ```text
//! sends x1@0                 process 0 sends message 1 to x, which gets offset 0
//! 2 polls x1@0 x2@1 y7@0     process 2 polls three messages of two keys
//! sends? x1                  nobody knows whether it happened; `!` is for a failure
//! assigns x y@3              process 0 takes x and y, and is told that y is committed up to 3
//! txns +x1@0 y1@3            a transaction: `+` is a send, the rest was polled
//! ^2 sends x1@0              it began two steps earlier than it would otherwise
//! ```

use crate::edn::Edn;
use crate::history::{History, Op, OpType, ProcessId};

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub process: i64,
    pub f: &'static str,
    pub outcome: OpType,
    /// Before how many steps it began, besides its own.
    pub early: usize,
    pub items: Vec<Item>,
}

/// A message sent or polled, or, in an assign, a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub is_send: bool,
    pub key: String,
    pub message: i64,
    pub offset: Option<i64>,
}

/// Reads the notation.
pub fn parse(text: &str) -> Vec<Step> {
    text.split('|').map(str::trim).filter(|step| !step.is_empty()).map(parse_step).collect()
}

fn parse_step(text: &str) -> Step {
    let mut step = Step { process: 0, f: "", outcome: OpType::Ok, early: 0, items: Vec::new() };
    for word in text.split_whitespace() {
        if let Some(early) = word.strip_prefix('^') {
            step.early = early.parse().expect("a number of steps");
        } else if let Ok(process) = word.parse() {
            step.process = process;
        } else if step.f.is_empty() {
            let verb = word.trim_end_matches(['?', '!']);
            let names = ["send", "poll", "txn", "assign", "subscribe", "crash"];
            let f = names.into_iter().find(|f| verb.strip_suffix('s') == Some(f));
            step.f = f.unwrap_or_else(|| panic!("{verb} is no verb, in {text}"));
            step.outcome = match &word[verb.len()..] {
                "?" => OpType::Info,
                "!" => OpType::Fail,
                _ => OpType::Ok,
            };
        } else {
            step.items.push(parse_item(step.f, word));
        }
    }
    step
}

fn parse_item(f: &str, word: &str) -> Item {
    let (is_send, word) = match word.strip_prefix('+') {
        Some(word) => (true, word),
        None => (f == "send", word),
    };
    let (name, offset) = match word.split_once('@') {
        Some((name, offset)) => (name, Some(offset.parse().expect("an offset"))),
        None => (word, None),
    };
    let digits = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let message = name[digits..].parse().unwrap_or(0);
    Item { is_send, key: name[..digits].into(), message, offset }
}

/// The history of these steps. A step takes 10 ns, and more if it began early; no process
/// begins anything before its last operation has ended.
pub fn history(steps: &[Step]) -> History {
    let mut ops = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let begun = 10 * begins_after(steps, number) as i64 + 5;
        let ended = 10 * (number as i64 + 1);
        ops.push(op(step, OpType::Invoke, begun));
        ops.push(op(step, step.outcome, ended));
    }
    ops.sort_by_key(|op| op.time);
    for (index, op) in ops.iter_mut().enumerate() {
        op.index = index;
    }
    History { ops }
}

/// How many steps have ended when this one begins.
pub fn begins_after(steps: &[Step], number: usize) -> usize {
    let own = |step: &Step| step.process == steps[number].process;
    let last = steps[..number].iter().rposition(own).map_or(0, |last| last + 1);
    number.saturating_sub(steps[number].early).max(last)
}

fn op(step: &Step, kind: OpType, time: i64) -> Op {
    let invoked = kind == OpType::Invoke;
    let committed = step.items.iter().filter_map(|item| {
        item.offset.map(|offset| (Edn::from(item.key.as_str()), Edn::Int(offset)))
    });
    let extra = match step.f {
        "assign" if !invoked => vec![("committed", Edn::Map(committed.collect()))],
        _ => Vec::new(),
    };
    let keys = || step.items.iter().map(|item| Edn::from(item.key.as_str())).collect();
    let value = match step.f {
        "assign" | "subscribe" => Edn::Vector(keys()),
        "crash" => Edn::Nil,
        _ => Edn::Vector(step.items.iter().map(|item| micro_op(item, invoked)).collect()),
    };
    let process = ProcessId::Client(step.process);
    Op { index: 0, time, kind, process, f: step.f.into(), value, extra }
}

fn micro_op(item: &Item, invoked: bool) -> Edn {
    let (key, message) = (Edn::from(item.key.as_str()), Edn::Int(item.message));
    let with_offset = Edn::Vector(vec![item.offset.into(), message.clone()]);
    Edn::Vector(match (item.is_send, invoked) {
        (true, true) => vec![Edn::keyword("send"), key, message],
        (true, false) => vec![Edn::keyword("send"), key, with_offset],
        (false, true) => vec![Edn::keyword("poll")],
        (false, false) => {
            vec![Edn::keyword("poll"), Edn::Map(vec![(key, Edn::Vector(vec![with_offset]))])]
        }
    })
}
