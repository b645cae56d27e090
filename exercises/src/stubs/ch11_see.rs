//! Exercise 11-see: what a consumer may see.
//!
//! Eight histories of one log. In each, what happens happens one after the other. Which of them are
//! valid, and what is wrong with the others? Answer with `valid`, or with one of these words:
//!
//! | word | what happened |
//! |---|---|
//! | `inconsistent-offsets` | two messages stand at one offset |
//! | `G1a` | a message was polled although its send failed |
//! | `lost-write` | nobody polled an acknowledged message, but somebody a later one |
//! | `unseen` | nobody ever polled an acknowledged message at the end of the log |
//! | `poll-skip` | from one poll to its next a consumer left out messages |
//! | `nonmonotonic-poll` | from one poll to its next a consumer went back, or stayed |

use std::fmt::Write;

use maelstrom::checker::{Judge, kafka};
use maelstrom::history::History;

use crate::{Task, answer};

/// One word for each history.
pub fn words() -> [&'static str; 8] {
    // To do: they are not all valid.
    ["valid", "valid", "valid", "valid", "valid", "valid", "valid", "valid"]
}

/// The answer above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(words()))
}

/// What a client does, and what it is told. The first number is the client.
#[derive(Clone, Copy)]
pub enum Step {
    /// Sends a message, and is told its offset.
    Sends(u64, u64, u64),
    /// Sends a message, and is told that it was not taken.
    SendsInVain(u64, u64),
    /// Sends a message, and is told nothing.
    SendsUnheard(u64, u64),
    /// Polls, and is given these messages, each behind its offset.
    Polls(u64, &'static [(u64, u64)]),
}
use Step::{Polls, Sends, SendsInVain, SendsUnheard};

/// The histories.
pub const HISTORIES: [&[Step]; 8] = [
    // 1.
    &[Sends(0, 1, 0), Sends(0, 2, 1), Polls(1, &[(0, 1), (1, 2)])],
    // 2.
    &[
        Sends(0, 1, 0),
        Sends(0, 2, 1),
        Sends(0, 3, 2),
        Polls(1, &[(0, 1)]),
        Polls(1, &[(2, 3)]),
        Polls(2, &[(0, 1), (1, 2), (2, 3)]),
    ],
    // 3.
    &[Sends(0, 1, 0), Sends(0, 2, 1), Sends(0, 3, 2), Polls(1, &[(0, 1), (2, 3)])],
    // 4.
    &[Sends(0, 1, 0), Sends(2, 2, 0), Polls(1, &[(0, 2)])],
    // 5.
    &[Sends(0, 1, 0), SendsUnheard(2, 2), Polls(1, &[(0, 1), (1, 2)])],
    // 6.
    &[Sends(0, 1, 0), Sends(0, 2, 1), Polls(1, &[(0, 1)]), Polls(1, &[])],
    // 7.
    &[Sends(0, 1, 0), Sends(0, 2, 1), Polls(1, &[(0, 1), (1, 2)]), Polls(1, &[(0, 1), (1, 2)])],
    // 8.
    &[Sends(0, 1, 0), SendsInVain(2, 2), Polls(1, &[(0, 1), (1, 2)])],
];

/// Asks the checker of the kafka workload.
pub fn judge(words: [&str; 8]) -> Result<(), String> {
    for ((number, steps), word) in (1..).zip(HISTORIES).zip(words) {
        let history = History::parse(&text(steps))?;
        let judgement = history.judge(Judge::whole(kafka::check));
        let kinds: Vec<&str> = judgement.findings.iter().map(|finding| finding.kind).collect();
        match (word == "valid", kinds.is_empty()) {
            (true, false) => return Err(format!("history {number} is not valid")),
            (false, true) => return Err(format!("history {number} is valid")),
            (false, false) if !kinds.contains(&word) => {
                return Err(format!("history {number} is not valid, but it has no {word}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A history as Jepsen writes it.
fn text(steps: &[Step]) -> String {
    let mut text = String::new();
    let mut index = 0;
    let mut write = |process: u64, end: &str, f: &str, begun: String, ended: String| {
        for (kind, value) in [("invoke", begun), (end, ended)] {
            writeln!(
                text,
                "{{:process {process}, :type :{kind}, :f :{f}, :value [{value}], :index {index}, \
                 :time {index}}}"
            )
            .expect("text");
            index += 1;
        }
    };
    for step in steps {
        match *step {
            Sends(process, message, offset) => {
                let (begun, ended) = (sent(message), format!("[:send \"x\" [{offset} {message}]]"));
                write(process, "ok", "send", begun, ended);
            }
            SendsInVain(process, message) => {
                write(process, "fail", "send", sent(message), sent(message));
            }
            SendsUnheard(process, message) => {
                write(process, "info", "send", sent(message), sent(message));
            }
            Polls(process, messages) => {
                let mut polled = String::new();
                for (offset, message) in messages {
                    write!(polled, "[{offset} {message}]").expect("text");
                }
                let ended = format!("[:poll {{\"x\" [{polled}]}}]");
                write(process, "ok", "poll", "[:poll]".to_owned(), ended);
            }
        }
    }
    text
}

fn sent(message: u64) -> String {
    format!("[:send \"x\" {message}]")
}
