//! What a node writes to stderr, as a file that cannot grow without end.
//!
//! A node that logs in a loop would fill the disk within minutes. So a log keeps its beginning,
//! where a node says what it is and what went wrong first, and its end, where it says why it
//! died. What is between them is left out, and one line in its place says how much that was.
//!
//! The end moves while the node writes. It waits in memory, and is written anew each time that
//! as much has come as it holds: so a bench that is killed leaves an end that is a little old.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

use memchr::{memchr, memrchr};

/// How much of a log is kept: its first bytes, and its last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    first_bytes: usize,
    last_bytes: usize,
}

/// The limit of every log.
const LIMIT: Limit = Limit { first_bytes: 8 << 20, last_bytes: 1 << 20 };

/// The most bytes that a node's log has, but for the line that says what was left out.
pub const MOST_LOG_BYTES: usize = LIMIT.first_bytes + LIMIT.last_bytes;

/// The log of one node, in all its lives: clones of it write to the same file.
#[derive(Clone, Debug)]
pub struct NodeLog(Rc<RefCell<Cut>>);

impl NodeLog {
    /// Opens the log with this path. What is there already counts as its beginning.
    ///
    /// # Errors
    /// As those of opening a file.
    pub fn open(path: &Path) -> io::Result<NodeLog> {
        NodeLog::open_within(path, LIMIT)
    }

    fn open_within(path: &Path, limit: Limit) -> io::Result<NodeLog> {
        let file =
            File::options().write(true).read(true).create(true).truncate(false).open(path)?;
        let first_bytes = file.metadata()?.len();
        let (last, after_first) = (Vec::new(), 0);
        let cut = Cut { file, limit, first_bytes, after_first, last, unwritten_bytes: 0 };
        Ok(NodeLog(Rc::new(RefCell::new(cut))))
    }

    /// Appends what the node wrote.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().write(bytes)
    }

    /// How many bytes the node has written so far, those left out included.
    pub(super) fn written_bytes(&self) -> u64 {
        let cut = self.0.borrow();
        cut.first_bytes + cut.after_first
    }

    /// The last bytes that the node wrote: at most so many, and none of the first `since`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn last_bytes(&self, since: u64, most: usize) -> io::Result<Vec<u8>> {
        let wanted = self.written_bytes().saturating_sub(since).min(most as u64) as usize;
        let cut = self.0.borrow();
        let from_last = wanted.min(cut.last.len());
        let mut bytes = vec![0; wanted - from_last];
        // A log that has been cut has more in memory than anybody shows.
        if cut.after_first <= cut.last.len() as u64 {
            cut.file.read_exact_at(&mut bytes, cut.first_bytes - (wanted - from_last) as u64)?;
        } else {
            bytes.clear();
        }
        bytes.extend_from_slice(&cut.last[cut.last.len() - from_last..]);
        Ok(bytes)
    }
}

#[derive(Debug)]
struct Cut {
    file: File,
    limit: Limit,
    /// So many bytes at the file's beginning stay as they are.
    first_bytes: u64,
    /// So many came after them, of which `last` has the last.
    after_first: u64,
    last: Vec<u8>,
    /// So many of `last` are not in the file yet.
    unwritten_bytes: usize,
}

impl Cut {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.after_first == 0 {
            let room = (self.limit.first_bytes as u64).saturating_sub(self.first_bytes) as usize;
            let first = match bytes.get(..room).filter(|first| first.len() < bytes.len()) {
                // Between two lines, where there are lines.
                Some(first) => match memrchr(b'\n', first) {
                    Some(at) => &first[..=at],
                    None if self.first_bytes > 0 => &[],
                    None => first,
                },
                None => bytes,
            };
            self.file.write_all_at(first, self.first_bytes)?;
            self.first_bytes += first.len() as u64;
            bytes = &bytes[first.len()..];
        }
        self.after_first += bytes.len() as u64;
        self.unwritten_bytes += bytes.len();
        self.last.extend_from_slice(bytes);
        if self.last.len() > 2 * self.limit.last_bytes {
            self.last.drain(..self.last.len() - self.limit.last_bytes);
        }
        if self.unwritten_bytes >= self.limit.last_bytes {
            self.write_last()?;
        }
        Ok(())
    }

    /// Writes the end of the log, with a line before it that says what is missing.
    fn write_last(&mut self) -> io::Result<()> {
        if self.unwritten_bytes == 0 {
            return Ok(());
        }
        let mut last = &self.last[self.last.len().saturating_sub(self.limit.last_bytes)..];
        let mut text = Vec::new();
        if (last.len() as u64) < self.after_first {
            // From the beginning of a line on, where there are lines.
            last = &last[memchr(b'\n', last).map_or(0, |at| at + 1)..];
            let left_out = self.after_first - last.len() as u64;
            let Limit { first_bytes, last_bytes } = self.limit;
            text = format!(
                "\n[{left_out} bytes are left out here: of what a node writes on stderr, the \
                 first {first_bytes} bytes are kept, and the last {last_bytes}]\n"
            )
            .into_bytes();
        }
        text.extend_from_slice(last);
        self.file.write_all_at(&text, self.first_bytes)?;
        self.file.set_len(self.first_bytes + text.len() as u64)?;
        self.unwritten_bytes = 0;
        Ok(())
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        // Where the disk is full the log lacks its end, and the run says elsewhere that it is.
        self.write_last().ok();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Limit = Limit { first_bytes: 40, last_bytes: 20 };

    /// The file after these pieces were written, each by a life of its own.
    fn file_of(pieces: &[Vec<u8>], limit: Limit) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n1.log");
        let log = NodeLog::open_within(&path, limit).unwrap();
        for piece in pieces {
            log.clone().write(piece).unwrap();
        }
        let all = pieces.concat();
        let since = all.len() as u64 / 2;
        let last = log.last_bytes(since, 10).unwrap();
        assert!(all[since as usize..].ends_with(&last));
        assert_eq!(last.len(), (all.len() - since as usize).min(10));
        drop(log);
        std::fs::read(path).unwrap()
    }

    #[test]
    fn the_middle_of_a_long_log_is_left_out_and_counted() {
        let lines: Vec<Vec<u8>> = (100..200).map(|n| format!("line {n}\n").into()).collect();
        let file = String::from_utf8(file_of(&lines, SMALL)).unwrap();
        assert_eq!(
            file,
            "line 100\nline 101\nline 102\nline 103\n\
             \n[846 bytes are left out here: of what a node writes on stderr, the first 40 bytes \
             are kept, and the last 20]\nline 198\nline 199\n"
        );
    }

    #[test]
    fn a_log_without_lines_is_cut_too() {
        let file = String::from_utf8(file_of(&[vec![b'x'; 100]], SMALL)).unwrap();
        let (first, last) = file.split_once("\n[40 bytes are left out").unwrap();
        assert_eq!(first, "x".repeat(40));
        assert!(last.ends_with(&format!("]\n{}", "x".repeat(20))), "{last}");
    }

    #[test]
    fn a_log_that_is_never_closed_has_an_end_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n1.log");
        let log = NodeLog::open_within(&path, SMALL).unwrap();
        for n in 100..=200 {
            log.write(format!("line {n}\n").as_bytes()).unwrap();
        }
        let file = std::fs::read_to_string(&path).unwrap();
        assert!(file.contains("left out") && file.ends_with("line 199\n"), "{file}");
    }

    proptest! {
        #[test]
        fn what_fits_is_kept_to_the_byte_and_what_does_not_is_bounded(
            pieces in prop::collection::vec(prop::collection::vec(b'a'..b'f', 0..30), 0..12),
            feeds in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut pieces = pieces;
            for feed in feeds {
                let bytes = pieces.iter_mut().flatten().count();
                if bytes > 0 {
                    *pieces.iter_mut().flatten().nth(feed.index(bytes)).unwrap() = b'\n';
                }
            }
            let all = pieces.concat();
            let file = file_of(&pieces, SMALL);
            let note = b"bytes are left out".to_vec();
            if all.len() <= SMALL.first_bytes {
                prop_assert_eq!(file, all);
            } else {
                prop_assert!(file.len() <= SMALL.first_bytes + SMALL.last_bytes + 150);
                let is_cut = file.windows(note.len()).any(|part| part == note);
                prop_assert!(is_cut || file == all);
                let end = file.len() - memrchr(b'\n', &file).map_or(0, |at| at + 1);
                prop_assert_eq!(&file[file.len() - end..], &all[all.len() - end..]);
            }
        }
    }
}
