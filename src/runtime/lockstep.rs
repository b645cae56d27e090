//! Lockstep: a node as a child process, in the virtual time of the bench.
//!
//! The bench says what time it is and, mostly, what message arrives, in one line of JSON. The
//! node does what there is to do then, answers with the messages that it sends, one a line,
//! and ends with a line that says when it next wants waking. In between it does nothing. So a
//! program behind a pipe behaves to the byte as it would inside the bench:
//!
//! ```text
//! in   {"at":1000000,"message":{"src":"c1","dest":"n1","body":{"type":"echo","msg_id":1}}}
//! out  {"src":"n1","dest":"c1","body":{"in_reply_to":1,"type":"echo_ok"}}
//! out  {"idle":251000000}
//! in   {"at":251000000}
//! out  {"idle":null}
//! ```
//!
//! A node whose disk was slow in this step says for how many nanoseconds, as in
//! `{"idle":null,"busy":300000000}`. The bench delivers what it has sent when they are over, and
//! asks it nothing before.
//!
//! `at` and `idle` are nanoseconds since the start of the run. Any language can do it. There
//! is no concurrency here at all, so plain blocking reads and writes are the fastest.
//!
//! Chapter 12 of the book, `book/12-faults-and-time.md`, reads this.

use std::fmt::Write as _;
use std::io::{BufRead, Write};
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

use crate::runtime::Process;
use crate::runtime::state::StateLines;
use crate::types::{Message, Time};

#[derive(Deserialize)]
struct Step {
    at: u64,
    message: Option<Message>,
}

/// Drives a process in lockstep until `input` ends. `log` takes what the process logs, and what
/// it says of itself if `states` are wanted; `time_taken` says how long its disk took in a step.
///
/// # Errors
/// When a line is no step, or reading or writing fails.
pub(crate) fn drive(
    process: &mut impl Process,
    mut input: impl BufRead,
    mut output: impl Write,
    mut log: impl FnMut(String),
    mut states: StateLines,
    mut time_taken: impl FnMut() -> Duration,
) -> anyhow::Result<()> {
    let mut line = String::new();
    let mut answer = String::new();
    while input.read_line(&mut line).context("could not read the next step")? > 0 {
        let step: Step = serde_json::from_str(&line).with_context(|| {
            format!(
                "MAELSTROM_LOCKSTEP is set, so each line must be a step like {{\"at\": 0}} or \
                 {{\"at\": 0, \"message\": {{…}}}}, but this one is: {}",
                line.trim_end()
            )
        })?;
        // ANCHOR: steps
        let at = Time::from_nanos(step.at);
        match step.message {
            Some(message) => process.handle_message(at, message),
            None => process.handle_timeout(at),
        }
        while let Some(text) = process.poll_log() {
            log(text);
        }
        if let Some(line) = states.next(process) {
            log(line);
        }
        while let Some(message) = process.poll_transmit() {
            message.write_line(&mut answer);
            answer.push('\n');
        }
        answer.push_str("{\"idle\":");
        match process.poll_timeout() {
            Some(time) => answer.push_str(&time.as_nanos().to_string()),
            None => answer.push_str("null"),
        }
        match time_taken().as_nanos() {
            0 => answer.push_str("}\n"),
            busy => writeln!(answer, ",\"busy\":{busy}}}").expect("a String takes everything"),
        }
        output.write_all(answer.as_bytes()).context("could not answer a step")?;
        // ANCHOR_END: steps
        answer.clear();
        line.clear();
    }
    Ok(())
}
