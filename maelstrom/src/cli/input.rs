//! A history file as `check` reads it: plain, or packed by gzip or zstd; `-` is standard input.
//! Jepsen's binary `test.jepsen` is read, too ([`jepsen`]).
//!
//! How a file is packed, its first bytes say, whatever its name. It is unpacked as it is read.
//!
//! Several threads read a file: each takes the next part of it, cut between two lines, and reads
//! that as if it began between two operations. Where that was not so, because a line ended amid an
//! operation, the part is read again behind what stands before it. So the number of threads makes
//! no difference to what comes out, nor to what is said of a damaged file.

#![expect(clippy::disallowed_methods, reason = "the command reads the files it is given")]

mod fressian;
mod jepsen;

use std::fs::{self, File};
use std::io::{self, Chain, Cursor, Read, stdin};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, sleep};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use ruzstd::decoding::StreamingDecoder;

use self::jepsen::JepsenFile;
use crate::edn::Place;
use crate::history::{Batch, Context, Entry, Parser, Piece};

/// A file is read in pieces of this size.
const PIECE_BYTES: u64 = 1 << 18;

/// How files of several kinds begin.
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const ZIP: &[u8] = b"PK\x03\x04";

/// The name of standard input.
const STANDARD_INPUT: &str = "-";

/// What stands in a file, with its first bytes put back.
type Bytes = Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>;

/// Opens a file.
///
/// # Errors
/// A sentence, when it is not there, is a folder, or is packed in another way.
pub fn open(path: &Path) -> Result<Box<dyn Read + Send>, String> {
    let unreadable = |error| format!("The file cannot be read: {error}.");
    let mut file: Box<dyn Read + Send> = if path.as_os_str() == STANDARD_INPUT {
        Box::new(stdin())
    } else if path.is_dir() {
        let history = path.join("history.edn");
        return Err(match fs::exists(&history) {
            Ok(true) => format!("This is a folder; its history is {}.", history.display()),
            _ => "This is a folder; name the history file in it.".into(),
        });
    } else {
        open_file(path)?
    };
    let mut first = Vec::new();
    file.by_ref().take(8).read_to_end(&mut first).map_err(unreadable)?;
    let kind = first.clone();
    let bytes: Bytes = Cursor::new(first).chain(file);
    if kind.starts_with(ZIP) {
        return Err("This is a zip archive; unpack it, and name the history file in it.".into());
    }
    if kind.starts_with(jepsen::MAGIC) {
        // Its parts stand anywhere in it.
        let history = File::open(path)
            .map_err(|_| "it can only be read from a file".to_owned())
            .and_then(JepsenFile::open);
        return match history {
            Ok(history) => Ok(Box::new(history)),
            Err(problem) => Err(format!(
                "This is a file in Jepsen's binary form, and {problem}. The history.edn beside it \
                 has the same operations."
            )),
        };
    }
    if kind.starts_with(GZIP) {
        return Ok(Box::new(MultiGzDecoder::new(bytes)));
    }
    if kind.starts_with(ZSTD) {
        let decoder = StreamingDecoder::new(bytes);
        let decoder = decoder.map_err(|error| format!("This is no whole zstd file: {error}."))?;
        return Ok(Box::new(decoder));
    }
    Ok(Box::new(bytes))
}

/// So long a FIFO may be without anybody who writes into it.
const WRITER_COMES: Duration = Duration::from_secs(3);

/// Opens a file; a FIFO, too, but does not wait for a writer who never comes.
fn open_file(path: &Path) -> Result<Box<dyn Read + Send>, String> {
    let unreadable = |error: io::Error| format!("The file cannot be read: {error}.");
    // Without waiting: a FIFO is open at once, and one without a writer is at its end.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty());
    let mut file = File::from(file.map_err(|error| unreadable(error.into()))?);
    let waits = |file: &File| -> io::Result<()> {
        let flags = fcntl_getfl(file)?;
        Ok(fcntl_setfl(file, flags - OFlags::NONBLOCK)?)
    };
    if !file.metadata().map_err(unreadable)?.file_type().is_fifo() {
        waits(&file).map_err(unreadable)?;
        return Ok(Box::new(file));
    }
    let mut first = [0];
    for _ in 0..WRITER_COMES.as_millis() / 10 {
        match file.read(&mut first) {
            Ok(0) => sleep(Duration::from_millis(10)),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                return Err(unreadable(error));
            }
            read => {
                waits(&file).map_err(unreadable)?;
                let read = first[..read.unwrap_or(0)].to_vec();
                return Ok(Box::new(Cursor::new(read).chain(file)));
            }
        }
    }
    Err("This is a FIFO, and nobody writes into it.".into())
}

/// A file on its way to those who read it.
struct Source {
    file: Box<dyn Read + Send>,
    /// What comes before the rest of the file, and was not given out.
    rest: Vec<u8>,
    bytes: u64,
    /// How a part can be read without those before it; that is known from the first.
    context: Option<Context>,
    is_over: bool,
}

impl Source {
    /// The next part; it ends between two lines, if it has several.
    ///
    /// # Errors
    /// A sentence, when it cannot be read.
    fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut text = std::mem::take(&mut self.rest);
        // A single `read` may give less: the bytes that told how the file is packed, what a pipe
        // holds, a block that was unpacked.
        let piece = self.file.by_ref().take(PIECE_BYTES).read_to_end(&mut text);
        let length = piece.map_err(|error| {
            format!("The file cannot be read beyond byte {}: {error}.", self.bytes)
        })?;
        if length == 0 {
            return Ok(Some(text).filter(|text| !text.is_empty()));
        }
        let ends = |byte: u8| text.iter().rposition(|other| *other == byte);
        if let Some(end) = ends(b'\n').or_else(|| ends(b'}')) {
            self.rest = text.split_off(end + 1);
        }
        if self.bytes == 0 {
            let mut parser = Parser::default();
            // What is wrong with it, the one says who reads it in earnest.
            parser.feed(&text, &mut Batch::default()).ok();
            self.context = parser.context();
        }
        self.bytes += length as u64;
        Ok(Some(text))
    }

    /// The same; none behind the end, or an error.
    fn next_part(&mut self) -> Option<Result<Vec<u8>, String>> {
        if self.is_over {
            return None;
        }
        let part = self.next().transpose();
        self.is_over = !matches!(part, Some(Ok(_)));
        part
    }
}

/// A part of a file, and what was read of it without the parts before.
type Part = Result<(Vec<u8>, Option<Piece>), String>;

/// So many parts for each thread may be read, or wait to be taken in.
const PARTS_A_THREAD: usize = 2;

/// Reads a file, in as many threads as there may be, and gives its operations to `take`, on this
/// thread and in order.
///
/// # Errors
/// A sentence, when it cannot be read, or is not a history; or what `take` answers.
pub fn read(
    path: &Path,
    take: impl FnMut(Place, Entry) -> Result<(), String>,
) -> Result<(), String> {
    let (file, threads) = (open(path)?, rayon::current_num_threads());
    let (rest, bytes) = (Vec::new(), 0);
    let source = Mutex::new(Source { file, rest, bytes, context: None, is_over: false });
    // The places of the parts, in order. Each holds one that is there, or will be.
    let (sender, places) = sync_channel(PARTS_A_THREAD * threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(|| read_parts(&source, sender));
        }
        drop(sender);
        take_in(places, take)
    })
}

/// Whether the same can be read from it once more: a pipe is empty then.
pub fn can_be_read_again(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file())
}

/// Reads one part after another, whichever comes next when it is done.
fn read_parts(source: &Mutex<Source>, sender: SyncSender<Receiver<Part>>) {
    // Where another thread panics with the file, its scope panics, too.
    while let Ok(mut locked) = source.lock() {
        let Some(part) = locked.next_part() else { return };
        let (place, receiver) = sync_channel(1);
        // Nobody takes it any more when something was wrong with a part before.
        if sender.send(receiver).is_err() {
            return;
        }
        let context = locked.context;
        drop(locked);
        drop(place.send(part.map(|text| {
            let piece = context.and_then(|context| Piece::read(&text, context));
            (text, piece)
        })));
    }
}

/// Takes in the parts of a file. Whatever could not be read alone is read here.
fn take_in(
    places: Receiver<Receiver<Part>>,
    mut take: impl FnMut(Place, Entry) -> Result<(), String>,
) -> Result<(), String> {
    let mut parser = Parser::default();
    let mut take_all =
        |batch: &Batch| batch.entries().try_for_each(|(place, entry)| take(place, entry));
    let mut is_empty = true;
    for part in places.into_iter().map_while(|place| place.recv().ok()) {
        let (text, piece) = part?;
        is_empty &= text.is_empty();
        if let Some(batch) = piece.and_then(|piece| parser.take(piece)) {
            take_all(&batch)?;
            continue;
        }
        let mut batch = Batch::default();
        let fed = parser.feed(&text, &mut batch);
        take_all(&batch)?;
        fed.map_err(|problem| damaged(&problem))?;
    }
    if is_empty {
        return Err("The file is empty, so there is no history in it.".into());
    }
    let mut batch = Batch::default();
    let finished = parser.finish(&mut batch);
    take_all(&batch)?;
    finished.map_err(|problem| damaged(&problem))
}

/// The sentence for a file in which something, given as a clause, is wrong.
pub fn damaged(problem: &str) -> String {
    format!("The file is damaged, or not a history: {problem}.")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] =
        b"{:type :invoke, :process 0, :f :read}\n{:type :ok, :process 0, :f :read}\n";

    /// How many operations a file with these contents has.
    fn operations(contents: &[u8]) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        fs::write(&path, contents).unwrap();
        let mut operations = 0;
        let read = read(&path, |_, _| {
            operations += 1;
            Ok(())
        });
        read.map(|()| operations)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn a_file_may_be_packed() {
        for contents in [TEXT.to_vec(), gzip(TEXT), zstd(TEXT)] {
            assert_eq!(operations(&contents), Ok(2));
        }
        assert_eq!(operations(&[gzip(TEXT), gzip(TEXT)].concat()), Ok(4));
        assert_eq!(operations(&zstd(&TEXT.repeat(10_000))), Ok(20_000));
    }

    #[test]
    fn each_part_but_the_first_is_read_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, text) = (folder.path().join("history"), TEXT.repeat(10_000));
        for contents in [text.clone(), gzip(&text), zstd(&text)] {
            fs::write(&path, contents).unwrap();
            let (file, rest, bytes) = (open(&path).unwrap(), Vec::new(), 0);
            let mut source = Source { file, rest, bytes, context: None, is_over: false };
            let mut parts = 0;
            while let Some(part) = source.next_part() {
                let context = source.context.expect("it is known from the first part");
                assert!(Piece::read(&part.unwrap(), context).is_some(), "after {parts} parts");
                parts += 1;
            }
            assert!(parts > 2, "{parts} parts");
        }
    }

    #[test]
    fn what_is_cut_or_of_another_kind_is_a_sentence() {
        for packed in [gzip(TEXT), zstd(TEXT)] {
            for length in 5..packed.len() {
                let error = operations(&packed[..length]).expect_err("it is cut");
                assert!(error.starts_with("Th") && error.ends_with('.'), "{length}: {error}");
            }
        }
        for (contents, expected) in [
            (&b""[..], "The file is empty"),
            (b"PK\x03\x04rest", "This is a zip archive"),
            (b"JEPSEN\0\0\0\0", "This is a file in Jepsen's binary form, and it is cut"),
            (b"\xff\xfe\xfd", "The file is damaged, or not a history: line 1"),
        ] {
            let error = operations(contents).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let error = open(folder.path()).err().unwrap();
        assert!(error.starts_with("This is a folder; name"), "{error}");
    }
}
