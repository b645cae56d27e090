//! A history as text, taken in piece by piece.
//!
//! A history may be larger than memory, and most checkers need no more of it than one operation
//! at a time. So a [`Parser`] is fed the text in pieces, wherever they are cut, and hands on each
//! operation as soon as it is complete. What it holds is the piece that is not read yet.
//!
//! It reads EDN, as Jepsen writes it, and JSON, as elle-cli does: a map for each operation, one
//! after the other, or all of them in a vector. Which of the two it is, the first key of the
//! first operation says: it is a string in JSON, and a keyword in EDN.
//!
//! Several threads can read one text: each reads a piece as if it began between two operations
//! ([`Piece::read`]), and the parser takes it in if that was so ([`Parser::take`]). If not, it is
//! fed the text of the piece, and nobody can tell the difference.

use super::packed::Packed;
use super::plain::Plain;
use super::{Entry, Op};
use crate::edn::{Notation, Place, ReadError, Reader};

/// Operations as they come out of a text, each with the place at which it begins.
#[derive(Default)]
pub struct Batch {
    entries: Packed,
    places: Vec<Place>,
}

impl Batch {
    /// The operations, in order.
    pub fn entries(&self) -> impl Iterator<Item = (Place, Entry<'_>)> {
        self.places.iter().copied().zip(self.entries.entries())
    }

    /// The same, each put together.
    pub fn ops(&self) -> impl Iterator<Item = Op> {
        self.entries.entries().map(|entry| entry.op())
    }

    /// Makes room for others.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.places.clear();
    }
}

/// An operation is not longer than this.
const MOST_BYTES: usize = 1 << 28;

/// Reads a history piece by piece.
pub struct Parser {
    /// What was fed and is not read yet.
    rest: Vec<u8>,
    /// Where it begins.
    place: Place,
    /// How many operations came before it.
    operations: usize,
    /// The bracket that ends the vector of operations that has begun.
    closing: Option<u8>,
    notation: Option<Notation>,
    /// With fewer bytes than this in `rest`, its first value is known to be incomplete.
    needed: usize,
    plain: Plain,
}

impl Default for Parser {
    fn default() -> Parser {
        Parser {
            rest: Vec::new(),
            place: Place::START,
            operations: 0,
            closing: None,
            notation: None,
            needed: 0,
            plain: Plain::default(),
        }
    }
}

impl Parser {
    /// Takes in the next piece, and adds the operations that are complete to a batch.
    ///
    /// # Errors
    /// A sentence that names the place, when the text is not a history.
    pub fn feed(&mut self, piece: &[u8], batch: &mut Batch) -> Result<(), String> {
        self.rest.extend_from_slice(piece);
        if self.begins_as_no_history() {
            return self.read(self.rest.len(), true, batch);
        }
        if self.rest.len() > MOST_BYTES {
            return Err(format!("{}: a value of more than {} MiB", self.place, MOST_BYTES >> 20));
        }
        // No value is cut here, unless it is in a string or has not ended anyway.
        let end = self.rest.iter().rposition(|byte| matches!(byte, b'\n' | b'}'));
        match end {
            Some(end) if end >= self.needed => self.read(end + 1, false, batch),
            _ => Ok(()),
        }
    }

    /// Whether the first character is one with which no history begins. Then there is no need to
    /// wait for the end of what may be any file, of any size.
    fn begins_as_no_history(&self) -> bool {
        if self.place != Place::START {
            return false;
        }
        let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
        let first = self.rest.iter().find(|byte| !is_blank(byte));
        // The last is the first byte of a byte order mark.
        first.is_some_and(|first| !b"[({#^;\xef".contains(first))
    }

    /// Adds what is left when the text has come to its end.
    ///
    /// # Errors
    /// As [`feed`](Parser::feed), and when the text ends too early.
    pub fn finish(mut self, batch: &mut Batch) -> Result<(), String> {
        self.read(self.rest.len(), true, batch)?;
        match self.closing {
            None => Ok(()),
            Some(_) => Err(format!("{}: the text ends inside the history", self.place)),
        }
    }

    /// Reads what stands in so many bytes.
    fn read(&mut self, length: usize, is_all: bool, batch: &mut Batch) -> Result<(), String> {
        let rest = std::mem::take(&mut self.rest);
        let bytes = &rest[..length];
        let text = str::from_utf8(bytes).map_err(|error| {
            let valid = str::from_utf8(&bytes[..error.valid_up_to()]).expect("it was checked");
            let (place, byte) = (self.place.after(valid), bytes[valid.len()]);
            format!("{place}: the byte 0x{byte:02x} is no text in UTF-8")
        })?;
        let read = self.read_text(text, is_all, batch)?;
        // What cannot be read yet is tried again when it has grown to twice its size.
        self.needed = if read == 0 { 2 * length } else { 0 };
        self.rest = rest;
        self.rest.drain(..read);
        Ok(())
    }

    /// Adds the operations in a text; how much of it was read.
    fn read_text(&mut self, text: &str, is_all: bool, batch: &mut Batch) -> Result<usize, String> {
        let notation = *self.notation.get_or_insert_with(|| notation(text));
        // Some editors begin a file with a byte order mark.
        let is_marked = self.place == Place::START && text.starts_with('\u{feff}');
        let mark = if is_marked { '\u{feff}'.len_utf8() } else { 0 };
        let (start, unmarked) = (self.place, &text[mark..]);
        let mut reader = Reader::new(unmarked).in_notation(notation);
        if !is_all {
            reader = reader.of_beginning();
        }
        // How much was read; and how much of it stands before the place that is known.
        let (mut read, mut placed) = (0, 0);
        loop {
            match self.next(&mut reader, unmarked, batch) {
                Ok(Next::Bracket) => {}
                Ok(Next::Op(added)) => {
                    // Only here, as it takes time: from one beginning to the next.
                    let begins = read + blank_length(&unmarked[read..reader.position()]);
                    self.place = self.place.after(&unmarked[placed..begins]);
                    placed = begins;
                    added.map_err(|problem| format!("{}: {problem}", self.place))?;
                    batch.places.push(self.place);
                    self.operations += 1;
                }
                Ok(Next::End) => {
                    self.place = self.place.after(&unmarked[placed..reader.position()]);
                    return Ok(mark + reader.position());
                }
                Err(error) if error.is_cut && !is_all => {
                    self.place = self.place.after(&unmarked[placed..read]);
                    return Ok(if read == 0 { 0 } else { mark + read });
                }
                Err(error) => {
                    let place = start.after(&unmarked[..error.position]);
                    return Err(format!("{place}: {}", error.problem));
                }
            }
            read = reader.position();
        }
    }

    /// Adds the operation that comes next, unless a bracket does.
    fn next(
        &mut self,
        reader: &mut Reader,
        text: &str,
        batch: &mut Batch,
    ) -> Result<Next, ReadError> {
        let (opened, closed) = match self.closing {
            Some(closing) => (None, reader.skip(closing)?),
            None if reader.skip(b'[')? => (Some(b']'), false),
            None if reader.skip(b'(')? => (Some(b')'), false),
            None => (None, false),
        };
        if opened.is_some() || closed {
            self.closing = opened;
            return Ok(Next::Bracket);
        }
        if self.notation == Some(Notation::Edn) {
            let rest = &text[reader.position()..];
            if let Some(length) = self.plain.pack(rest, self.operations, &mut batch.entries) {
                reader.pass(length);
                return Ok(Next::Op(Ok(())));
            }
        }
        let Some(value) = reader.next_value()? else { return Ok(Next::End) };
        Ok(Next::Op(Op::from_edn(value, self.operations).map(|(op, has_index)| {
            batch.entries.push_read(&op, has_index);
        })))
    }

    /// What must be known to read alone what comes next; `None` if that begins amid an operation.
    pub fn context(&self) -> Option<Context> {
        let notation = self.notation.filter(|_| self.rest.is_empty())?;
        Some(Context { closing: self.closing, notation })
    }

    /// Takes in the next piece, which was read alone, as if its text were fed: its operations.
    /// `None`, and nothing is taken in, when it should have been read in another way.
    pub fn take(&mut self, piece: Piece) -> Option<Batch> {
        let Piece { mut batch, before, after, end } = piece;
        if self.context() != Some(before) {
            return None;
        }
        let start = self.place;
        // In its first line it began where this stands.
        let absolute = |place: Place| match place.line {
            0 => Place { line: start.line, column: start.column + place.column - 1 },
            line => Place { line: start.line + line, ..place },
        };
        batch.places.iter_mut().for_each(|place| *place = absolute(*place));
        batch.entries.count_from(self.operations);
        self.operations += batch.places.len();
        self.place = absolute(end);
        self.closing = after;
        Some(batch)
    }
}

/// What must be known of the text before a piece to read the piece alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The bracket that ends the vector of operations that has begun.
    closing: Option<u8>,
    notation: Notation,
}

/// A piece of a history that was read without what stands before it.
pub struct Piece {
    /// Its operations. Places and positions are counted from its start, lines from 0.
    batch: Batch,
    before: Context,
    /// The bracket that must still come.
    after: Option<u8>,
    end: Place,
}

impl Piece {
    /// Reads a piece as one that begins between two operations. `None` if it does not end there,
    /// or something in it is wrong; what that is, the [`Parser`] says that is fed with it.
    pub fn read(text: &[u8], before: Context) -> Option<Piece> {
        let text = str::from_utf8(text).ok()?;
        let Context { closing, notation } = before;
        let mut parser = Parser {
            place: Place { line: 0, column: 1 },
            closing,
            notation: Some(notation),
            ..Parser::default()
        };
        let mut batch = Batch::default();
        let read = parser.read_text(text, false, &mut batch).ok()?;
        let (after, end) = (parser.closing, parser.place);
        (read == text.len()).then_some(Piece { batch, before, after, end })
    }
}

/// What comes next in a history.
enum Next {
    /// A bracket around all operations.
    Bracket,
    /// An operation, or what is wrong with the value that stands in its place.
    Op(Result<(), String>),
    /// Nothing.
    End,
}

/// How many bytes stand before the value in a text: white space and comments.
fn blank_length(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if !rest.starts_with(';') {
            return text.len() - rest.len();
        }
        rest = rest.find('\n').map_or("", |end| &rest[end..]);
    }
}

/// In JSON the first key is a string.
fn notation(text: &str) -> Notation {
    let mut after_brace = text.split_once('{').map_or("", |(_, rest)| rest).trim_start().chars();
    let is_json = after_brace.next() == Some('"');
    if is_json { Notation::Json } else { Notation::Edn }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{History, ProcessId};

    /// The operations of a text that comes in pieces of this size.
    fn read(text: &str, size: usize) -> Result<Vec<Op>, String> {
        let mut batch = Batch::default();
        let mut parser = Parser::default();
        for piece in text.as_bytes().chunks(size) {
            parser.feed(piece, &mut batch)?;
        }
        parser.finish(&mut batch)?;
        Ok(batch.ops().collect())
    }

    /// The same of pieces that are read alone, as by several threads; with all places.
    fn read_apart(text: &str, size: usize) -> Result<Vec<(Place, Op)>, String> {
        let (mut parser, mut first) = (Parser::default(), Parser::default());
        let (mut all, mut context) = (Vec::new(), None);
        let mut add = |batch: Batch| {
            all.extend(batch.entries().map(|(place, entry)| (place, entry.op())));
        };
        for (number, text) in text.as_bytes().chunks(size).enumerate() {
            let piece = context.and_then(|context| Piece::read(text, context));
            if let Some(batch) = piece.and_then(|piece| parser.take(piece)) {
                add(batch);
                continue;
            }
            let mut batch = Batch::default();
            let fed = parser.feed(text, &mut batch);
            add(batch);
            fed?;
            if number < 3 {
                first.feed(text, &mut Batch::default())?;
                context = first.context().or(context);
            }
        }
        let mut batch = Batch::default();
        parser.finish(&mut batch)?;
        add(batch);
        Ok(all)
    }

    #[test]
    fn each_operation_has_the_place_at_which_it_begins() {
        let text = "\u{feff}; ü comment\n[ {:type :ok\n :f :ü :process 1}, {:type :ok :process 1}\n\
                    \n; more\n {:type :ok :process 1}\n]\n";
        for size in 1..text.len() {
            let mut batch = Batch::default();
            let mut parser = Parser::default();
            for piece in text.as_bytes().chunks(size) {
                parser.feed(piece, &mut batch).unwrap();
            }
            parser.finish(&mut batch).unwrap();
            let places = batch.places.iter().map(|place| (place.line, place.column));
            assert_eq!(places.collect::<Vec<_>>(), [(2, 3), (3, 21), (6, 2)], "in {size}");
        }
    }

    const FORMS: &[&str] = &[
        "{:type :invoke :process 1 :f :write :value \"}\\n{ ü\"} ; a comment with a } and {\n\
         {:type :ok, :process 1, :f :write,\n :value \"}\\n{ ü\"}\n",
        "\u{feff}; first } a comment\n[#op{:type :invoke :process 1 :f :write :value \\}}\n\n\
         #_ {:type :odd} {:type :ok, :process 1, :f :write, :value \\}}] ; the end }",
        "({:type :invoke :process 1 :f :write :value #{1 {2 3}}}{:type :ok, :process 1, :f :write})",
        "[{\"type\":\"invoke\",\"process\":1,\"f\":\"write\",\"value\":{\"}\":[\"{\",null]}},\n \
          {\"type\":\"ok\",\"process\":1,\"f\":\"write\",\"value\":170141183460469231731687303715884105727}]",
        "{\"type\":\"invoke\",\"process\":1,\"f\":\"write\",\"value\":\"\\u007d\"}\n\
         {\"type\":\"ok\",\"process\":1,\"f\":\"write\",\"value\":1.5}\n",
    ];

    #[test]
    fn a_history_is_the_same_however_it_is_cut() {
        for form in FORMS {
            let whole = read(form, form.len()).unwrap_or_else(|error| panic!("{form}: {error}"));
            assert_eq!(whole.len(), 2, "{form}");
            assert_eq!((whole[1].process, whole[1].index), (ProcessId::Client(1), 1));
            assert_eq!(&*whole[1].f, "write");
            for size in 1..form.len() {
                assert_eq!(read(form, size).as_ref(), Ok(&whole), "{form} in pieces of {size}");
                let apart = read_apart(form, size).unwrap();
                let apart: Vec<Op> = apart.into_iter().map(|(_, op)| op).collect();
                assert_eq!(apart, whole, "{form} in pieces of {size}");
            }
            assert_eq!(History::parse(form).unwrap().ops, whole);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_however_it_is_cut() {
        let good = "{:type :invoke :process 1}\n";
        for (bad, expected) in [
            ("  {:type :odd :process 1}", "line 3, column 3: an operation's :type is :odd"),
            ("{:type :ok :process \"a\"}", "line 3, column 1: an operation's :process is \"a\""),
            ("{:type :ok :process 1 :type :ok}", "line 3, column 1: a map has the key :type twice"),
            ("{:type :ok :value ##ü", "line 3, column 19: ##ü is not a number"),
            ("{:type :ok", "line 3, column 1: the text ends inside a collection"),
            ("7", "line 3, column 1: expected an operation"),
            ("]", "line 3, column 1: a closing bracket"),
            ("[{:type :ok :process 1}\n :ü", "line 4, column 2: expected an operation"),
            ("[{:type :ok :process 1}", "line 3, column 24: the text ends inside the history"),
        ] {
            let text = format!("{good}\n{bad}");
            for size in 1..=text.len() {
                let error = read(&text, size).unwrap_err();
                assert!(error.starts_with(expected), "{bad} in pieces of {size}: {error}");
                assert_eq!(read_apart(&text, size), Err(error), "{bad} in pieces of {size}");
            }
        }
        // Whatever comes behind this, it is no history, and is not waited for.
        for bad in ["\0", "<", "7", " \n:type", "\u{7f}ELF"] {
            let fed = Parser::default().feed(bad.as_bytes(), &mut Batch::default());
            let error = fed.unwrap_err();
            assert!(error.contains("expected an operation, a map, but found"), "{bad}: {error}");
        }
        let text = [good.as_bytes(), "ü\u{fffd}".as_bytes(), b"\xff\n"].concat();
        let error = Parser::default().feed(&text, &mut Batch::default()).unwrap_err();
        assert_eq!(error, "line 2, column 3: the byte 0xff is no text in UTF-8");
    }

    /// Lines, with and without indices, of which some are cut amid an operation and in a string.
    #[test]
    fn pieces_that_were_read_alone_are_as_if_they_were_fed() {
        let lines: Vec<String> = (0..60)
            .map(|n| match n % 7 {
                0 => format!("{{:type :invoke, :process {n}, :f :a, :value [{n}]}} "),
                1 => format!("{{:type :ok :process {n} :index {} :value \"\n{{\"}}\n", 2 * n),
                2 => "; a comment }\n".into(),
                3 => format!("{{:type :ok :process {n}\n :value #{{1 {n}}}}}\n\n"),
                4 => {
                    "{:type :info :process :nemesis :f :kill :value \"ü\"}{:type :ok :f :b}".into()
                }
                _ => format!("{{:type :fail, :process {n}, :f :a, :error :e, :time {n}}}\n"),
            })
            .collect();
        for text in [lines.concat(), format!("[{}]", lines.concat())] {
            let whole = read_apart(&text, text.len()).unwrap();
            assert_eq!(whole.len(), 59);
            assert!(whole.iter().any(|(_, op)| op.index == 58));
            for size in 1..text.len() {
                assert_eq!(read_apart(&text, size).unwrap(), whole, "in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_piece_is_only_taken_in_where_it_belongs() {
        let line = "{:type :ok :process 1}\n";
        let mut parser = Parser::default();
        assert!(parser.context().is_none(), "the notation is not known");
        parser.feed(line.as_bytes(), &mut Batch::default()).unwrap();
        let context = parser.context().unwrap();
        let piece = || Piece::read(line.as_bytes(), context).unwrap();
        assert_eq!(parser.take(piece()).unwrap().ops().next().unwrap().index, 1);
        assert!(Piece::read(b"{:type :ok :process", context).is_none());
        assert!(Piece::read(b"{:type :odd :process 1}", context).is_none());
        parser.feed(b"{:type", &mut Batch::default()).unwrap();
        assert!(parser.take(piece()).is_none(), "an operation has begun");
        parser.feed(b" :ok :process 1}[", &mut Batch::default()).unwrap();
        parser.feed(line.as_bytes(), &mut Batch::default()).unwrap();
        assert!(parser.take(piece()).is_none(), "a vector has begun");
    }
}
