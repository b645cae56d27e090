//! How a history is written in a table of planted faults.

pub mod tables;

use checker::history::History;

/// The history that such lines stand for, each `process type f value`; `-` stands for none.
pub fn history(lines: &[&str]) -> History {
    let entry = |line: &&str| {
        let mut words = line.splitn(4, ' ');
        let mut next = || words.next().unwrap_or("nil").to_owned();
        let (process, kind, f, value) = (next(), next(), next(), next());
        format!("{{:process {process} :type :{kind} :f :{f} :value {value}}}\n")
    };
    let text: String = lines.iter().filter(|line| **line != "-").map(entry).collect();
    let mut history = History::parse(&text).unwrap_or_else(|error| panic!("{text}{error}"));
    for op in &mut history.ops {
        op.time = op.index as i64 * 10_000_000;
    }
    history
}
