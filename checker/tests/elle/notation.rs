//! Histories in short: a line for each transaction.
//!
//! ```text
//! G1a: a read of what an aborted transaction appended
//!   fail x+1
//!   x[1]
//! finds G1a
//! rules out read-committed
//! allows read-uncommitted
//! ```
//!
//! A transaction is its outcome (`ok` if not given; `open` for one that never ends), its process
//! (`p3`; of its own if not given), when it began and ended (`2-5`; all run at once if not
//! given), and what it did: `x+1` appends to a list, `x[1,2]` reads one, `x:1` writes a register,
//! `x=1` reads one; a read without a value, `x[]` or `x=`, found nothing.

use std::collections::BTreeSet;

use checker::edn::Edn;
use checker::history::{History, Op, OpType, ProcessId};

/// An example: a history, and what is to be said about it.
pub struct Example {
    /// Its first line.
    pub title: String,
    /// The history.
    pub history: History,
    /// The other lines.
    pub claims: Vec<Claim>,
}

/// What is to be said about a history.
pub enum Claim {
    /// `finds …`: these anomalies, under the strongest model.
    Finds(BTreeSet<String>),
    /// `under MODEL finds …`: these anomalies.
    Under(String, BTreeSet<String>),
    /// `rules out …`: the weakest models that cannot hold.
    RulesOut(BTreeSet<String>),
    /// `allows …`: models under which the history is valid.
    Allows(BTreeSet<String>),
}

impl Claim {
    fn read(line: &str) -> Claim {
        let words: Vec<&str> = line.split_whitespace().collect();
        let names = |from: usize| words[from..].iter().map(|name| name.to_string()).collect();
        match words[..] {
            ["finds", ..] => Claim::Finds(names(1)),
            ["under", model, "finds", ..] => Claim::Under(model.into(), names(3)),
            ["rules", "out", ..] => Claim::RulesOut(names(2)),
            ["allows", ..] => Claim::Allows(names(1)),
            _ => panic!("what does {line:?} claim?"),
        }
    }
}

/// Reads examples, with an empty line between any two. Lines that begin with `#` are comments.
pub fn examples(text: &str) -> Vec<Example> {
    let blocks = text
        .split("\n\n")
        .map(|block| block.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>());
    blocks.filter(|block| !block.is_empty()).map(|block| example(&block)).collect()
}

fn example(block: &[&str]) -> Example {
    let transactions = block.iter().filter(|line| line.starts_with(' '));
    let claims = block[1..].iter().filter(|line| !line.starts_with(' '));
    Example {
        title: block[0].to_string(),
        claims: claims.map(|line| Claim::read(line)).collect(),
        history: history(transactions.copied()),
    }
}

/// The history of these transactions.
pub fn history<'a>(lines: impl IntoIterator<Item = &'a str>) -> History {
    // By time; at one time, what begins comes before what ends.
    let mut events = Vec::new();
    for (number, line) in lines.into_iter().enumerate() {
        let mut outcome = "ok";
        let mut process = number as i64 + 100;
        let (mut begin, mut end) = (0, 1_000_000);
        let mut invoked = Vec::new();
        let mut completed = Vec::new();
        for word in line.split_whitespace() {
            if ["ok", "fail", "info", "open"].contains(&word) {
                outcome = word;
            } else if let Some(number) = word.strip_prefix('p').and_then(|n| n.parse().ok()) {
                process = number;
            } else if let Some((from, to)) = interval(word) {
                (begin, end) = (from, to);
            } else {
                let (before, after) = micro_op(word);
                invoked.push(before);
                completed.push(after);
            }
        }
        let kind = match outcome {
            "ok" => Some(OpType::Ok),
            "fail" => Some(OpType::Fail),
            "info" => Some(OpType::Info),
            _ => None,
        };
        let seen = if outcome == "ok" { completed } else { invoked.clone() };
        events.push((begin, 0, number, OpType::Invoke, process, invoked));
        events.extend(kind.map(|kind| (end, 1, number, kind, process, seen)));
    }
    events.sort_by_key(|(time, phase, number, ..)| (*time, *phase, *number));
    let ops = events.into_iter().enumerate();
    let ops = ops.map(|(index, (_, _, _, kind, process, value))| Op {
        index,
        time: index as i64 * 1_000_000,
        kind,
        process: ProcessId::Client(process),
        f: "txn".into(),
        value: Edn::Vector(value),
        extra: Vec::new(),
    });
    History { ops: ops.collect() }
}

fn interval(word: &str) -> Option<(i64, i64)> {
    let (from, to) = word.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// A micro-operation as it is invoked and as it completes.
fn micro_op(word: &str) -> (Edn, Edn) {
    let at = word.find(['+', '[', ':', '=']).unwrap_or_else(|| panic!("what is {word}?"));
    let (key, rest) = word.split_at(at);
    let triple = |f: &str, value: Edn| Edn::Vector(vec![Edn::keyword(f), Edn::keyword(key), value]);
    let number = |text: &str| text.parse::<i64>().map_or_else(|_| Edn::keyword(text), Edn::Int);
    let value = match &rest[1..] {
        "" | "]" => Edn::Nil,
        list if rest.starts_with('[') => {
            Edn::Vector(list.trim_end_matches(']').split(',').map(number).collect())
        }
        value => number(value),
    };
    let write = match rest.as_bytes()[0] {
        b'+' => "append",
        b':' => "w",
        _ => return (triple("r", Edn::Nil), triple("r", value)),
    };
    (triple(write, value.clone()), triple(write, value))
}
