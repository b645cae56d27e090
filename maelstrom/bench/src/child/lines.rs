//! Bytes from a pipe, as lines; and the last few of them, for an error to show.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::os::fd::AsFd;

use memchr::memchr;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;

/// What a pipe holds by default on Linux, so that one read empties it.
const READ_BYTES: usize = 64 << 10;

/// A longer line is cut short where it is shown to people.
const LONGEST_SHOWN_BYTES: usize = 4096;

/// Bytes read and not yet handed out as lines.
#[derive(Default)]
pub(super) struct LineBuffer {
    bytes: Vec<u8>,
    /// So many bytes at the front were handed out.
    taken: usize,
    /// So many bytes at the front have no line feed after `taken`: a long line that comes in
    /// many pieces is searched once, not once for each piece.
    searched: usize,
}

impl LineBuffer {
    /// Reads once. Gives what was read; empty is the end of the stream.
    ///
    /// # Errors
    /// As `read(2)`: `AGAIN` when there is nothing now.
    pub(super) fn read_from(&mut self, pipe: impl AsFd) -> Result<&[u8], Errno> {
        self.bytes.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        if self.bytes.is_empty() {
            // Gives back what a very long line took.
            self.bytes.shrink_to(4 * READ_BYTES);
        }
        self.bytes.reserve(READ_BYTES);
        let before = self.bytes.len();
        rustix::io::read(pipe, spare_capacity(&mut self.bytes))?;
        Ok(&self.bytes[before..])
    }

    /// The next complete line, without its line feed. Invalid UTF-8 becomes U+FFFD.
    pub(super) fn next_line(&mut self) -> Option<Cow<'_, str>> {
        match memchr(b'\n', &self.bytes[self.searched..]) {
            Some(offset) => {
                let line = self.taken..self.searched + offset;
                self.taken = line.end + 1;
                self.searched = self.taken;
                Some(String::from_utf8_lossy(&self.bytes[line]))
            }
            None => {
                self.searched = self.bytes.len();
                None
            }
        }
    }

    /// What is left at the end of a stream: a last line without a line feed.
    pub(super) fn take_rest(&mut self) -> Option<String> {
        let rest = String::from_utf8_lossy(&self.bytes[self.taken..]).into_owned();
        self.taken = self.bytes.len();
        self.searched = self.taken;
        (!rest.is_empty()).then_some(rest)
    }

    /// The bytes not yet handed out: after the last complete line, those of the line that has
    /// begun and not ended.
    pub(super) fn left_bytes(&self) -> usize {
        self.bytes.len() - self.taken
    }
}

/// The last lines of a stream, long ones cut short: what an error shows of a dead node.
#[derive(Default)]
pub(super) struct RecentLines(VecDeque<String>);

impl RecentLines {
    /// So many lines are kept, as the original does.
    pub(super) const COUNT: usize = 32;

    pub(super) fn push(&mut self, line: &str) {
        // The oldest string is used again: this is done for every line of a busy node.
        let mut kept =
            if self.0.len() == Self::COUNT { self.0.pop_front() } else { None }.unwrap_or_default();
        kept.clear();
        kept.push_str(&shortened(line));
        self.0.push_back(kept);
    }

    pub(super) fn to_vec(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

/// The line as a person wants to see it: cut short when it is very long.
pub(super) fn shortened(line: &str) -> Cow<'_, str> {
    if line.len() <= LONGEST_SHOWN_BYTES {
        return Cow::Borrowed(line);
    }
    let mut end = LONGEST_SHOWN_BYTES;
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…", &line[..end]))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines_of(buffer: &mut LineBuffer) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = buffer.next_line() {
            lines.push(line.into_owned());
        }
        lines
    }

    #[test]
    fn lines_come_out_whole_however_they_come_in() {
        let text = "one\n\ntwo with ü\nlast";
        for cut in 0..=text.len() {
            let (reader, mut writer) = std::io::pipe().unwrap();
            let mut buffer = LineBuffer::default();
            let mut lines = Vec::new();
            for piece in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                if piece.is_empty() {
                    continue;
                }
                writer.write_all(piece).unwrap();
                assert_eq!(buffer.read_from(&reader).unwrap(), piece);
                lines.extend(lines_of(&mut buffer));
            }
            assert_eq!(lines, ["one", "", "two with ü"], "cut at {cut}");
            assert_eq!(buffer.left_bytes(), 4);
            assert_eq!(buffer.take_rest().as_deref(), Some("last"));
            assert_eq!(buffer.take_rest(), None);
        }
    }

    #[test]
    fn invalid_utf_8_is_replaced() {
        let mut buffer = LineBuffer { bytes: b"a\xffb\n".to_vec(), ..Default::default() };
        assert_eq!(lines_of(&mut buffer), ["a\u{fffd}b"]);
    }

    #[test]
    fn the_last_lines_are_kept_and_cut_between_characters() {
        let mut recent = RecentLines::default();
        for number in 0..40 {
            recent.push(&number.to_string());
        }
        recent.push(&"ü".repeat(4096));
        let lines = recent.to_vec();
        assert_eq!(lines.len(), 32);
        assert_eq!(lines[0], "9");
        assert_eq!(lines[31], format!("{}…", "ü".repeat(2048)));
        recent.push(&format!("x{}", "ü".repeat(4096)));
        assert_eq!(recent.to_vec()[31], format!("x{}…", "ü".repeat(2047)));
    }
}
