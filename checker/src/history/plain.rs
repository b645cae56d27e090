//! Operations that are written as nearly all are, from text to bytes at once.
//!
//! Nearly all of a history is a map of a few known keywords, each once, whose values are integers,
//! keywords, strings without escapes, and collections of these. Such a map is packed as it is
//! read, without a tree of values between. Whatever is written in another way is left to
//! [`Reader`](crate::edn::Reader), which reads everything, and says what is wrong where something
//! is.

use super::packed::{Kind, Packed, Start, Writer};
use super::{OpType, ProcessId};
use crate::edn::{BLANKS, DELIMITERS};

/// What is nested deeper is left to the reader, which has a limit.
const MOST_DEPTH: usize = 64;

/// Packs operations. It is kept for its memory.
#[derive(Default)]
pub struct Plain {
    /// The value of the operation that is being read.
    value: Vec<u8>,
    /// Its further keys: how many, and each with its value.
    extras: Vec<u8>,
    /// Where the keys of maps stand in these bytes, those of the innermost map last.
    keys: Vec<[usize; 2]>,
}

impl Plain {
    /// Packs the operation that comes next in a text in EDN; how many bytes it takes there.
    /// `position` is the index that it gets when it has none. `None`, and nothing is packed, for
    /// one that is written in another way.
    pub fn pack(&mut self, text: &str, position: usize, packed: &mut Packed) -> Option<usize> {
        let Plain { value, extras, keys } = self;
        value.clear();
        extras.clear();
        keys.clear();
        let mut scanner = Scanner { text, at: 0, keys };
        scanner.pass(b'{')?;
        let (mut kind, mut process, mut f, mut index, mut time) = (None, None, None, None, None);
        let mut seen_extras = [false; 2];
        while scanner.next()? != b'}' {
            match scanner.keyword()? {
                "type" => set(&mut kind, OpType::from_name(scanner.keyword()?)?)?,
                "process" => set(&mut process, scanner.integer()?)?,
                "f" => set(&mut f, packed.words().number_of(scanner.keyword()?))?,
                "index" => set(&mut index, usize::try_from(scanner.integer()?).ok()?)?,
                "time" => set(&mut time, scanner.integer()?)?,
                "value" if value.is_empty() => {
                    scanner.value(&mut Writer { bytes: value, words: packed.words() }, 0)?;
                }
                name @ ("error" | "final?") => {
                    let name = if name == "error" { "error" } else { "final?" };
                    let seen = &mut seen_extras[usize::from(name == "error")];
                    if std::mem::replace(seen, true) {
                        return None;
                    }
                    if extras.is_empty() {
                        extras.push(0);
                    }
                    extras[0] += 1;
                    let mut writer = Writer { bytes: extras, words: packed.words() };
                    writer.key(name);
                    scanner.value(&mut writer, 0)?;
                }
                _ => return None,
            }
        }
        let length = scanner.at + 1;
        let start = Start {
            kind: kind?,
            process: ProcessId::Client(process?),
            f: f.unwrap_or_else(|| packed.words().number_of("")),
            index: index.unwrap_or(position),
            has_index: index.is_some(),
            time: time.unwrap_or(-1),
            has_extras: !extras.is_empty(),
        };
        if value.is_empty() {
            Writer { bytes: value, words: packed.words() }.nil();
        }
        packed.push_packed(&start, value, extras);
        Some(length)
    }
}

/// Says something for the first time; `None` when it was said before.
fn set<T>(known: &mut Option<T>, value: T) -> Option<()> {
    known.replace(value).is_none().then_some(())
}

/// Goes through a text; where it is of another form, or ends, that is `None`.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    keys: &'a mut Vec<[usize; 2]>,
}

impl<'a> Scanner<'a> {
    /// Passes over white space; the byte that comes next.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            let byte = *bytes.get(self.at)?;
            if !BLANKS[usize::from(byte)] {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Passes over this byte, which comes next.
    #[inline]
    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    /// All up to the next delimiter.
    #[inline]
    fn token(&mut self) -> Option<&'a str> {
        let rest = &self.text.as_bytes()[self.at..];
        let ends = |byte: &u8| DELIMITERS[usize::from(*byte)] || !byte.is_ascii();
        let length = rest.iter().position(ends)?;
        let is_whole = length > 0 && rest[length].is_ascii();
        let token = is_whole.then(|| &self.text[self.at..self.at + length]);
        self.at += length;
        token
    }

    /// The name of a keyword.
    fn keyword(&mut self) -> Option<&'a str> {
        self.pass(b':')?;
        self.token()
    }

    /// An integer of at most 18 digits: more may be too many.
    #[inline]
    fn integer(&mut self) -> Option<i64> {
        let is_negative = self.next()? == b'-';
        let rest = &self.text.as_bytes()[self.at + usize::from(is_negative)..];
        let (mut number, mut length) = (0, 0);
        let end = loop {
            match *rest.get(length)? {
                digit @ b'0'..=b'9' if length < 18 => {
                    number = 10 * number + i64::from(digit - b'0')
                }
                end => break end,
            }
            length += 1;
        };
        if length == 0 || !DELIMITERS[usize::from(end)] {
            return None;
        }
        self.at += usize::from(is_negative) + length;
        Some(if is_negative { -number } else { number })
    }

    fn string(&mut self) -> Option<&'a str> {
        self.pass(b'"')?;
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if rest.as_bytes()[length] == b'\\' {
            return None;
        }
        self.at += length + 1;
        Some(&rest[..length])
    }

    fn value(&mut self, out: &mut Writer, depth: usize) -> Option<()> {
        match self.next()? {
            b'-' | b'0'..=b'9' => out.integer(self.integer()?),
            b':' => out.keyword(self.keyword()?),
            b'[' => self.items(out, Kind::Vector, b']', depth)?,
            b'(' => self.items(out, Kind::List, b')', depth)?,
            b'{' => self.map(out, depth)?,
            b'"' => out.string(self.string()?),
            _ => match self.token()? {
                "nil" => out.nil(),
                "true" => out.bool(true),
                "false" => out.bool(false),
                _ => return None,
            },
        }
        Some(())
    }

    fn items(&mut self, out: &mut Writer, kind: Kind, close: u8, depth: usize) -> Option<()> {
        if depth == MOST_DEPTH {
            return None;
        }
        self.at += 1;
        let begun = out.begin(kind);
        let mut count = 0;
        while self.next()? != close {
            self.value(out, depth + 1)?;
            count += 1;
        }
        self.at += 1;
        out.end(begun, count);
        Some(())
    }

    fn map(&mut self, out: &mut Writer, depth: usize) -> Option<()> {
        if depth == MOST_DEPTH {
            return None;
        }
        self.at += 1;
        let (begun, first) = (out.begin(Kind::Map), self.keys.len());
        while self.next()? != b'}' {
            let start = out.bytes.len();
            self.value(out, depth + 1)?;
            self.keys.push([start, out.bytes.len()]);
            self.value(out, depth + 1)?;
        }
        self.at += 1;
        // Equal keys are equal bytes.
        let keys = &mut self.keys[first..];
        let key = |&[start, end]: &[usize; 2]| &out.bytes[start..end];
        keys.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        if keys.windows(2).any(|pair| key(&pair[0]) == key(&pair[1])) {
            return None;
        }
        let count = keys.len();
        self.keys.truncate(first);
        out.end(begun, count);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Op;

    #[test]
    fn an_operation_is_the_same_whichever_way_it_is_read() {
        let many = (0..300).map(|n| format!("{n} ")).collect::<String>();
        let keys = (0..300).map(|n| format!("{} :k ", (n * 7) % 300)).collect::<String>();
        let maps = [
            "{:type :invoke, :process 0, :f :read, :value [[:r 1 nil]], :index 7, :time 9}",
            "{:value 1 , :time -1,:f :x/y \n :final? true :process -3 :error :e :type :info}",
            "{:type :ok :process 1}",
            "{:type :ok :process 1 :value ({\"ü\" [], [1 \"a\"] {} ::b false} -0 007 -12 240)}",
            &format!("{{:type :ok :process 1 :value [[{many}] {{{keys}}} ({many})]}}"),
        ];
        let odd = [
            "{:type :ok :process 1 :more 2}",
            "{:type :ok :process 1 :f \"read\"}",
            "{:type :ok :process :nemesis :f :kill}",
            "{:type :ok :process 1 :index -1 :time nil}",
            "{:type :ok :process 1 :index 1 :index 2}",
            "{:type :ok :process 1 :error 1 :error 2}",
            "{:type :ok :process 1 :type :ok}",
            "{:type :odd :process 1}",
            "{:type :ok :process 1 :value}",
            "{:type :ok}",
            "#op {:type :ok :process 1}",
            "{:type :ok :process 1",
            "{:type :ok :process 1 :value 1",
            "{:type :ok :process 1 ; more\n}",
        ];
        let values = [
            "1.5",
            "+1",
            "1N",
            "9999999999999999999",
            "\"\\n\"",
            "\"",
            "\\a",
            "#{1}",
            "#t 1",
            "- 1",
            "#_ 1 2",
            "{1 2 1 3}",
            "{1}",
            "[1",
            "[1)",
            ":ü",
            ":",
            "^{} 1",
            "x",
            "nil?",
            "-",
            "1/2",
            "{(1 :a) 2 (1 :a) 3}",
        ];
        let odd = odd
            .map(str::to_owned)
            .into_iter()
            .chain(values.map(|value| format!("{{:type :ok :process 1 :value {value}}}")));
        let mut plain = Plain::default();
        let mut pack = |text: &str| {
            let mut packed = Packed::default();
            let length = plain.pack(text, 5, &mut packed);
            (length, packed.entries().map(|entry| entry.op()).collect::<Vec<Op>>())
        };
        for map in maps {
            let value = crate::edn::read_one(map).unwrap();
            let read = Op::from_edn(value, 5).unwrap().0;
            assert_eq!(pack(&format!("{map} ü")), (Some(map.len()), vec![read]), "{map}");
        }
        for map in odd {
            assert_eq!(pack(&map), (None, Vec::new()), "{map}");
        }
    }
}
