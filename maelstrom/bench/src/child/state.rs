//! What a node says of itself while it runs: the lines `state: {…}` on its stderr.
//!
//! A node is asked for them with `MAELSTROM_STATE=1` in its environment. They go to the journal of
//! the run and not to the node's log, which they would fill. A line that begins like one and is no
//! JSON object is a line of the log like any other.

use memchr::memchr_iter;
use serde::de::IgnoredAny;

/// The environment's variable that asks a node for its state.
pub(super) const VARIABLE: &str = "MAELSTROM_STATE";

const PREFIX: &str = "state: ";

/// A longer line is one of the log.
const LONGEST_BYTES: usize = 64 << 10;

/// The state that a line of stderr says, if it says one: the text of a JSON object.
pub(super) fn state_of(line: &str) -> Option<&str> {
    let state = line.strip_prefix(PREFIX)?.trim();
    let is_object = state.starts_with('{') && serde_json::from_str::<IgnoredAny>(state).is_ok();
    is_object.then_some(state)
}

/// Takes the states out of what a node writes on stderr, whatever the pieces in which it comes.
#[derive(Default)]
pub(super) struct StateLines {
    /// What has come of a line that may be a state.
    line: Vec<u8>,
    /// Whether the line that goes on is one of the log.
    is_of_log: bool,
}

impl StateLines {
    /// Adds what stands in these bytes to the log or to the states.
    pub(super) fn split(&mut self, bytes: &[u8], log: &mut Vec<u8>, states: &mut Vec<String>) {
        let mut start = 0;
        for feed in memchr_iter(b'\n', bytes) {
            self.take(&bytes[start..=feed], log, states);
            start = feed + 1;
        }
        self.take(&bytes[start..], log, states);
    }

    /// Takes a part of a line, or what ends it.
    fn take(&mut self, part: &[u8], log: &mut Vec<u8>, states: &mut Vec<String>) {
        let is_end = part.ends_with(b"\n");
        if self.is_of_log {
            log.extend_from_slice(part);
            self.is_of_log = !is_end;
            return;
        }
        self.line.extend_from_slice(part);
        let known = self.line.len().min(PREFIX.len());
        let may_be_state =
            self.line[..known] == PREFIX.as_bytes()[..known] && self.line.len() <= LONGEST_BYTES;
        if may_be_state && !is_end {
            return;
        }
        let state = std::str::from_utf8(&self.line).ok().and_then(state_of);
        match state.filter(|_| may_be_state) {
            Some(state) => states.push(state.to_owned()),
            None => log.extend_from_slice(&self.line),
        }
        self.is_of_log = !is_end && !self.line.is_empty();
        self.line.clear();
    }

    /// At the end: what is left of a line without an end, which is one of the log.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        self.is_of_log = false;
        std::mem::take(&mut self.line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "hello\nstate: {\"a\":1}\nstate: no\nstate: [1]\nstat\n\n  state: {}\n\
                        state: {\"b\":\"é\"} \nstate: {\"cut\"";

    proptest! {
        #[test]
        fn the_pieces_in_which_it_comes_make_no_difference(
            cuts in prop::collection::vec(0..TEXT.len(), 0..8),
        ) {
            let mut cuts = cuts;
            cuts.extend([0, TEXT.len()]);
            cuts.sort_unstable();
            let mut lines = StateLines::default();
            let (mut log, mut states) = (Vec::new(), Vec::new());
            for pair in cuts.windows(2) {
                lines.split(&TEXT.as_bytes()[pair[0]..pair[1]], &mut log, &mut states);
            }
            log.extend(lines.take_rest());
            prop_assert_eq!(states, ["{\"a\":1}", "{\"b\":\"é\"}"]);
            let log = String::from_utf8(log).unwrap();
            prop_assert_eq!(
                log,
                "hello\nstate: no\nstate: [1]\nstat\n\n  state: {}\nstate: {\"cut\""
            );
        }
    }

    #[test]
    fn a_line_without_end_does_not_fill_memory() {
        let mut lines = StateLines::default();
        let (mut log, mut states) = (Vec::new(), Vec::new());
        lines.split(b"state: {", &mut log, &mut states);
        for _ in 0..100 {
            lines.split(&[b'x'; 1 << 10], &mut log, &mut states);
        }
        assert_eq!((log.len(), lines.line.len()), (8 + (100 << 10), 0));
    }
}
