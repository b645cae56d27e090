//! Exercise 8-append: what a follower does with entries.
//!
//! A leader sends entries, and the id of the one before them. The follower turns them down unless
//! its log has that one. If it has, its log is to be the leader's as far as the message goes: §5.3
//! and figure 2 ("AppendEntries RPC", receiver implementation). This follower forgets that messages
//! may come late, or twice.
//!
//! A log is here the list of its entries' terms: entry 1 is `log[0]`. Two entries with the same
//! index and term are the same entry.

use gyre::raft::{LogId, Term};

use crate::{Task, answer, attempt};

/// Takes `entries`, which follow `prev`, into the log. Gives whether `prev` was there.
pub fn append(log: &mut Vec<Term>, prev: LogId, entries: &[Term]) -> bool {
    let keep = prev.index as usize;
    let has_prev = keep == 0 || log.get(keep - 1) == Some(&prev.term);
    if has_prev {
        // To do: is all of this rest to go?
        log.truncate(keep);
        log.extend(entries);
    }
    has_prev
}

/// The function above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(append))
}

type Append = fn(&mut Vec<Term>, LogId, &[Term]) -> bool;

/// The logs of followers that a leader with the log `LEADER` may find.
const FOLLOWERS: [&[Term]; 8] =
    [&[1, 1, 3], &[1, 1], &[], &[1], &[1, 2], &[1, 2, 2, 2], &[1, 1, 1, 1], &[1, 1, 2]];

const LEADER: [Term; 3] = [1, 1, 3];

/// Judges a function: every follower, and any two messages of the leader, in any order.
pub fn judge(append: Append) -> Result<(), String> {
    let messages = messages();
    for follower in FOLLOWERS {
        for first in &messages {
            for second in &messages {
                let mut log = follower.to_vec();
                for message in [first, second] {
                    take(append, &mut log, *message)?;
                }
            }
        }
    }
    Ok(())
}

type Message = (LogId, &'static [Term]);

/// All that the leader may say: entries from anywhere in its log, any number of them.
fn messages() -> Vec<Message> {
    static LOG: [Term; 3] = LEADER;
    let mut messages = Vec::new();
    for from in 0..=LOG.len() {
        let term = if from == 0 { 0 } else { LOG[from - 1] };
        let prev = LogId { term, index: from as u64 };
        messages.extend((from..=LOG.len()).map(|to| (prev, &LOG[from..to])));
    }
    messages
}

/// Gives the follower one message, and looks at what it does with it.
fn take(append: Append, log: &mut Vec<Term>, (prev, entries): Message) -> Result<(), String> {
    let before = log.clone();
    let case = format!(
        "a follower with the log {before:?} is sent the entries {entries:?} after entry {} of term {}",
        prev.index, prev.term
    );
    let taken = attempt(|| case.clone(), || append(log, prev, entries))?;
    let (should_take, should_be) = expected(&before, prev, entries);
    if taken != should_take {
        let word = if taken { "takes them" } else { "turns them down" };
        return Err(format!("{case}, and {word}"));
    }
    if *log == should_be {
        return Ok(());
    }
    if before.starts_with(log) && log.len() < should_be.len() {
        return Err(format!(
            "{case}, and cuts its log to {log:?}. Such a message is an old one: the follower has told \
             the leader since that it stores more, and that may be committed"
        ));
    }
    Err(format!("{case}; its log should be {should_be:?} then, but is {log:?}"))
}

/// What should come of it, by comparing whole logs.
fn expected(log: &[Term], prev: LogId, entries: &[Term]) -> (bool, Vec<Term>) {
    let keep = prev.index as usize;
    if keep > 0 && log.get(keep - 1) != Some(&prev.term) {
        return (false, log.to_vec());
    }
    let said = [&log[..keep], entries].concat();
    (true, if log.starts_with(&said) { log.to_vec() } else { said })
}
