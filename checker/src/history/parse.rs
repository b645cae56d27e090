//! A history as text, taken in piece by piece.
//!
//! A history may be larger than memory, and most checkers need no more of it than one operation
//! at a time. So a [`Parser`] is fed the text in pieces, wherever they are cut, and hands on each
//! operation as soon as it is complete. What it holds is the piece that is not read yet.
//!
//! It reads EDN, as Jepsen writes it, and JSON, as elle-cli does: a map for each operation, one
//! after the other, or all of them in a vector. Which of the two it is, the first key of the
//! first operation says: it is a string in JSON, and a keyword in EDN.

use super::{Op, OpType, ProcessId};
use crate::edn::{Edn, Notation, Place, ReadError, Reader};

/// What is done with an operation, which begins at this place. An error says, as a clause, what
/// is wrong with it.
pub type Take<'a> = &'a mut dyn FnMut(Place, Op) -> Result<(), String>;

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
        }
    }
}

impl Parser {
    /// Takes in the next piece, and hands on the operations that are complete.
    ///
    /// # Errors
    /// A sentence that names the place, when the text is not a history, or `take` answers with an
    /// error.
    pub fn feed(&mut self, piece: &[u8], take: Take) -> Result<(), String> {
        self.rest.extend_from_slice(piece);
        if self.begins_as_no_history() {
            return self.read(self.rest.len(), true, take);
        }
        if self.rest.len() > MOST_BYTES {
            return Err(format!("{}: a value of more than {} MiB", self.place, MOST_BYTES >> 20));
        }
        // No value is cut here, unless it is in a string or has not ended anyway.
        let end = self.rest.iter().rposition(|byte| matches!(byte, b'\n' | b'}'));
        match end {
            Some(end) if end >= self.needed => self.read(end + 1, false, take),
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

    /// Hands on what is left when the text has come to its end.
    ///
    /// # Errors
    /// As [`feed`](Parser::feed), and when the text ends too early.
    pub fn finish(mut self, take: Take) -> Result<(), String> {
        self.read(self.rest.len(), true, take)?;
        match self.closing {
            None => Ok(()),
            Some(_) => Err(format!("{}: the text ends inside the history", self.place)),
        }
    }

    /// Reads what stands in so many bytes.
    fn read(&mut self, length: usize, is_all: bool, take: Take) -> Result<(), String> {
        let rest = std::mem::take(&mut self.rest);
        let bytes = &rest[..length];
        let text = str::from_utf8(bytes).map_err(|error| {
            let valid = str::from_utf8(&bytes[..error.valid_up_to()]).expect("it was checked");
            let (place, byte) = (self.place.after(valid), bytes[valid.len()]);
            format!("{place}: the byte 0x{byte:02x} is no text in UTF-8")
        })?;
        let read = self.read_text(text, is_all, take)?;
        // What cannot be read yet is tried again when it has grown to twice its size.
        self.needed = if read == 0 { 2 * length } else { 0 };
        self.rest = rest;
        self.rest.drain(..read);
        Ok(())
    }

    /// Hands on the operations in a text; how much of it was read.
    fn read_text(&mut self, text: &str, is_all: bool, take: Take) -> Result<usize, String> {
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
            match self.next(&mut reader) {
                Ok(Next::Bracket) => {}
                Ok(Next::Op(op)) => {
                    // Only here, as it takes time: from one beginning to the next.
                    let begins = read + blank_length(&unmarked[read..reader.position()]);
                    self.place = self.place.after(&unmarked[placed..begins]);
                    placed = begins;
                    op.and_then(|op| take(self.place, op))
                        .map_err(|problem| format!("{}: {problem}", self.place))?;
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

    fn next(&mut self, reader: &mut Reader) -> Result<Next, ReadError> {
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
        if let Some(op) = plain_op(reader, self.operations) {
            return Ok(Next::Op(Ok(op)));
        }
        let value = reader.next_value()?;
        Ok(value.map_or(Next::End, |value| Next::Op(Op::from_edn(value, self.operations))))
    }
}

/// The operation that comes next, if it is written as nearly all are: a map of a few known
/// keywords, each once. It is read without making a map of it first. In any other case that is
/// `None`, and nothing is read.
fn plain_op(reader: &mut Reader, position: usize) -> Option<Op> {
    let start = reader.position();
    let op = read_plain_op(reader, position);
    if op.is_none() {
        reader.return_to(start);
    }
    op
}

fn read_plain_op(reader: &mut Reader, position: usize) -> Option<Op> {
    if !reader.skip(b'{').ok()? {
        return None;
    }
    let mut op = Op::at(position);
    let (mut kind, mut process) = (None, None);
    let mut seen = 0u8;
    while !reader.skip(b'}').ok()? {
        let (bit, name) = match reader.next_keyword()? {
            "type" => (1, "type"),
            "process" => (2, "process"),
            "f" => (4, "f"),
            "value" => (8, "value"),
            "index" => (16, "index"),
            "time" => (32, "time"),
            "final?" => (64, "final?"),
            "error" => (128, "error"),
            _ => return None,
        };
        if seen & bit != 0 {
            return None;
        }
        seen |= bit;
        if name == "type" {
            kind = Some(OpType::from_name(reader.next_keyword()?)?);
            continue;
        }
        match (name, reader.next_value().ok()??) {
            ("process", Edn::Int(number)) => process = Some(ProcessId::Client(number)),
            ("f", Edn::Keyword(f)) => op.f = f,
            ("value", value) => op.value = value,
            ("index", Edn::Int(index)) => op.index = usize::try_from(index).ok()?,
            ("time", Edn::Int(time)) => op.time = time,
            ("final?" | "error", value) => op.extra.push((name, value)),
            _ => return None,
        }
    }
    Some(Op { kind: kind?, process: process?, ..op })
}

/// What comes next in a history.
enum Next {
    /// A bracket around all operations.
    Bracket,
    /// An operation, or what is wrong with the value that stands in its place.
    Op(Result<Op, String>),
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
        let mut ops = Vec::new();
        let mut take = |_, op: Op| {
            ops.push(op);
            Ok(())
        };
        let mut parser = Parser::default();
        for piece in text.as_bytes().chunks(size) {
            parser.feed(piece, &mut take)?;
        }
        parser.finish(&mut take)?;
        Ok(ops)
    }

    #[test]
    fn each_operation_has_the_place_at_which_it_begins() {
        let text = "\u{feff}; ü comment\n[ {:type :ok\n :f :ü :process 1}, {:type :ok :process 1}\n\
                    \n; more\n {:type :ok :process 1}\n]\n";
        for size in 1..text.len() {
            let mut places = Vec::new();
            let mut take = |place: Place, _| {
                places.push((place.line, place.column));
                Ok(())
            };
            let mut parser = Parser::default();
            for piece in text.as_bytes().chunks(size) {
                parser.feed(piece, &mut take).unwrap();
            }
            parser.finish(&mut take).unwrap();
            assert_eq!(places, [(2, 3), (3, 21), (6, 2)], "in pieces of {size}");
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
            }
            assert_eq!(History::parse(form).unwrap().ops, whole);
        }
    }

    #[test]
    fn an_operation_is_the_same_whichever_way_it_is_read() {
        let maps = [
            "{:type :invoke, :process 0, :f :read, :value [[:r 1 nil]], :index 7, :time 9}",
            "{:value 1 , :time -1,:f :x/y ;c\n :final? true :process -3 :error :e :type :info}",
            "{:type :ok :process 1}",
        ];
        let odd = [
            "{:type :ok :process 1 :more 2}",
            "{:type :ok :process 1 :f \"read\"}",
            "{:type :ok :process :nemesis :f :kill}",
            "{:type :ok :process 1 :index -1 :time nil}",
            "{:type :ok :process 1 :type :ok}",
            "{:type :odd :process 1}",
            "{:type :ok :process 1 :value}",
            "{:type :ok}",
            "#op {:type :ok :process 1}",
            "{:type :ok :process 1",
        ];
        let plain = |text| plain_op(&mut Reader::new(text), 5);
        for map in maps {
            let value = crate::edn::read_one(map).unwrap();
            assert_eq!(plain(map), Some(Op::from_edn(value, 5).unwrap()), "{map}");
        }
        for map in odd {
            let mut reader = Reader::new(map);
            assert_eq!((plain_op(&mut reader, 5), reader.position()), (None, 0), "{map}");
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
            }
        }
        // Whatever comes behind this, it is no history, and is not waited for.
        for bad in ["\0", "<", "7", " \n:type", "\u{7f}ELF"] {
            let error = Parser::default().feed(bad.as_bytes(), &mut |_, _| Ok(())).unwrap_err();
            assert!(error.contains("expected an operation, a map, but found"), "{bad}: {error}");
        }
        let text = [good.as_bytes(), "ü\u{fffd}".as_bytes(), b"\xff\n"].concat();
        let error = Parser::default().feed(&text, &mut |_, _| Ok(())).unwrap_err();
        assert_eq!(error, "line 2, column 3: the byte 0xff is no text in UTF-8");
        let error = Parser::default().feed(good.as_bytes(), &mut |_, _| Err("no".into()));
        assert_eq!(error, Err("line 1, column 1: no".into()));
    }
}
