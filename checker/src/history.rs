//! A history: what the clients asked, what they were told, and when.
//!
//! It is the only thing that a checker sees. Every operation is two entries: its invocation
//! and its completion. A completion is `ok` (it happened), `fail` (it did not) or `info`
//! (nobody knows); an invocation without one counts as `info`.
//!
//! On disk it is Jepsen's `history.edn`: one map a line. The reader also takes a vector of
//! maps, entries without `:index` or `:time`, comments, and JSON, so that it reads the histories
//! of Knossos and Elle too. Nothing is left out: what is no operation is an error.

mod operations;
mod packed;
mod pairing;
mod parse;
mod plain;
mod record;

use std::fmt;
use std::fmt::Write;

use crate::edn::Edn;
use crate::{Judge, Judgement};

pub use operations::{Operations, Span};
pub(crate) use packed::Cursor;
pub use packed::{Entry, Head, Packed};
pub(crate) use pairing::Pairs;
pub use pairing::{Common, Pairing};
pub use parse::{Batch, Context, Parser, Piece};
pub use record::micro_op;

/// Who acts in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessId {
    /// A client process. After an `info` its thread goes on under a new number.
    Client(i64),
    /// The fault injector.
    Nemesis,
    /// A client, and the history does not say which: some judges need not know.
    Unnamed,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessId::Client(number) => write!(f, "{number}"),
            ProcessId::Nemesis => f.write_str(":nemesis"),
            ProcessId::Unnamed => f.write_str("nil"),
        }
    }
}

/// What an entry of a history says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpType {
    /// The operation begins.
    Invoke,
    /// It happened.
    Ok,
    /// It did not happen, and never will.
    Fail,
    /// It may have happened, or may yet, or never.
    Info,
}

impl OpType {
    /// The keyword's name.
    pub fn name(self) -> &'static str {
        match self {
            OpType::Invoke => "invoke",
            OpType::Ok => "ok",
            OpType::Fail => "fail",
            OpType::Info => "info",
        }
    }

    fn from_name(name: &str) -> Option<OpType> {
        Some(match name {
            "invoke" => OpType::Invoke,
            "ok" => OpType::Ok,
            "fail" => OpType::Fail,
            "info" => OpType::Info,
            _ => return None,
        })
    }
}

/// One entry of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Its place in the history, from 0.
    pub index: usize,
    /// Nanoseconds since the start of the run; -1 when the file had none.
    pub time: i64,
    /// Whether the operation begins or how it ended.
    pub kind: OpType,
    /// Who acts.
    pub process: ProcessId,
    /// What is done: `read`, `txn`, `start-partition`. Never with the colon.
    pub f: std::sync::Arc<str>,
    /// The operation's argument or result.
    pub value: Edn,
    /// Further keys in the order in which they are written: `error`, `exception`, `final?`.
    pub extra: Vec<(&'static str, Edn)>,
}

impl Op {
    /// The value of a further key (`error`, `exception`, `final?`).
    pub fn extra(&self, name: &str) -> Option<&Edn> {
        self.extra.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Whether a client, not the nemesis, acts.
    pub fn is_client(&self) -> bool {
        self.process != ProcessId::Nemesis
    }

    /// The entry as EDN, as Jepsen orders its keys.
    pub fn to_edn(&self) -> Edn {
        let process = match self.process {
            ProcessId::Client(number) => Edn::Int(number),
            ProcessId::Nemesis => Edn::keyword("nemesis"),
            ProcessId::Unnamed => Edn::Nil,
        };
        let mut entries = vec![
            (Edn::keyword("process"), process),
            (Edn::keyword("type"), Edn::keyword(self.kind.name())),
            (Edn::keyword("f"), self.f_in_edn()),
            (Edn::keyword("value"), self.value.clone()),
            (Edn::keyword("index"), Edn::from(self.index)),
            (Edn::keyword("time"), Edn::Int(self.time)),
        ];
        entries.extend(self.extra.iter().map(|(key, value)| (Edn::keyword(key), value.clone())));
        Edn::Map(entries)
    }

    /// What is done, as it can be read again: a keyword, if that can be one.
    fn f_in_edn(&self) -> Edn {
        let is_plain = |c: char| !c.is_whitespace() && !",;\"\\()[]{}".contains(c);
        let is_keyword = !self.f.is_empty() && self.f.chars().all(is_plain);
        let f = self.f.clone();
        if is_keyword { Edn::Keyword(f) } else { Edn::Str(f) }
    }

    /// The entry as results show it: Jepsen's record, which begins with its place and its time.
    pub fn to_record(&self) -> Edn {
        let Edn::Map(mut entries) = self.to_edn() else { unreachable!("an entry is a map") };
        let rank = |key: &Edn| {
            let order = ["index", "time", "type", "process", "f", "value"];
            order.iter().position(|name| key.as_keyword() == Some(name)).unwrap_or(order.len())
        };
        entries.sort_by_key(|(key, _)| rank(key));
        record_of(Edn::Map(entries))
    }

    /// Appends the entry as a line of `history.edn`, line feed included.
    pub fn write_edn_line(&self, out: &mut String) {
        // Nearly the same text as `to_edn`, without building the map for each of a million lines.
        let (kind, f, value) = (self.kind.name(), self.f_in_edn(), &self.value);
        out.push('{');
        // A client without a name is one of which nothing is said.
        if self.process != ProcessId::Unnamed {
            write!(out, ":process {}, ", self.process).expect("text");
        }
        write!(out, ":type :{kind}, :f {f}, :value {value}").expect("text");
        write!(out, ", :index {}, :time {}", self.index, self.time).expect("text");
        for (key, value) in &self.extra {
            write!(out, ", :{key} {value}").expect("text");
        }
        out.push_str("}\n");
    }

    /// Appends the entry as a line of `history.txt`: process, type, f, value and error,
    /// separated by tabs, line feed included.
    pub fn write_text_line(&self, out: &mut String) {
        let (process, kind, f, value) = (self.process, self.kind.name(), &self.f, &self.value);
        write!(out, "{process}\t:{kind}\t:{f}\t{value}").expect("text");
        if let Some(error) = self.extra("error") {
            write!(out, "\t{error}").expect("text");
        }
        out.push('\n');
    }

    /// An entry at this position of which nothing is known yet.
    fn at(position: usize) -> Op {
        let (kind, process) = (OpType::Invoke, ProcessId::Nemesis);
        let (f, value, extra) = (Default::default(), Edn::Nil, Vec::new());
        Op { index: position, time: -1, kind, process, f, value, extra }
    }

    /// Reads one entry; `position` is the index it gets when it has none. Its keys are keywords
    /// or, in JSON, strings. Also, whether it has an index.
    fn from_edn(value: Edn, position: usize) -> Result<(Op, bool), String> {
        // A tagged operation: `#jepsen.history.Op {…}`.
        let value = if let Edn::Tagged(_, inner) = value { *inner } else { value };
        let Edn::Map(entries) = value else {
            return Err(format!("expected an operation, a map, but found {}", shorten(&value)));
        };
        let (mut kind, mut process, mut has_index) = (None, None, false);
        let mut op = Op::at(position);
        if !entries.iter().any(|(key, _)| key.as_keyword().or(key.as_str()) == Some("type")) {
            let keys: Vec<String> = entries.iter().map(|(key, _)| shorten(key)).collect();
            let keys = keys.join(", ");
            return Err(format!("operation {position} has no :type; its keys are {keys}"));
        }
        for (key, value) in entries {
            match key.as_keyword().or(key.as_str()) {
                Some("type") => {
                    let name = value.as_keyword().or(value.as_str());
                    kind = name.and_then(OpType::from_name);
                    if kind.is_none() {
                        let text = shorten(&value);
                        return Err(format!("an operation's :type is {text}, not a known one"));
                    }
                }
                Some("process") => {
                    // JSON has no keywords.
                    let is_nemesis = value.as_keyword() == Some("nemesis")
                        || key.as_str().is_some() && value.as_str() == Some("nemesis");
                    process = match value.as_i64() {
                        Some(number) => Some(ProcessId::Client(number)),
                        None if is_nemesis => Some(ProcessId::Nemesis),
                        None => {
                            return Err(format!(
                                "an operation's :process is {}; a client's is an integer, and \
                                 there is none besides but :nemesis",
                                shorten(&value)
                            ));
                        }
                    };
                }
                Some("f") => op.f = name_of(&value),
                Some("value") => op.value = value,
                Some("index") => {
                    let index = value.as_i64().and_then(|index| usize::try_from(index).ok());
                    op.index = index.unwrap_or(position);
                    has_index = index.is_some();
                }
                Some("time") => op.time = value.as_i64().unwrap_or(-1),
                Some("error") => op.extra.push(("error", value)),
                Some("exception") => op.extra.push(("exception", value)),
                Some("final?") => op.extra.push(("final?", value)),
                Some("committed") => op.extra.push(("committed", value)),
                Some("position") => op.extra.push(("position", value)),
                Some("link") => op.extra.push(("link", value)),
                Some("transaction-order") => op.extra.push(("transaction-order", value)),
                _ => {}
            }
        }
        op.kind = kind.expect("its absence was noted");
        op.process = match process {
            Some(process) => process,
            // Histories that were written by hand may do without.
            None if !op.f.is_empty() => ProcessId::Unnamed,
            None => return Err(format!("operation {position} has neither :process nor :f")),
        };
        Ok((op, has_index))
    }
}

/// An operation, given as a map, as Jepsen's record.
pub fn record_of(op: Edn) -> Edn {
    Edn::Tagged("jepsen.history.Op".into(), Box::new(op))
}

fn name_of(value: &Edn) -> std::sync::Arc<str> {
    match value {
        Edn::Keyword(name) | Edn::Str(name) | Edn::Symbol(name) => name.clone(),
        other => other.to_string().into(),
    }
}

/// The start of a value, for an error message.
fn shorten(value: &Edn) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let text: String = value.to_string().chars().take(100).map(plain).collect();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What happened, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The entries; `ops[i].index` need not be `i` in a history that was read from a file.
    pub ops: Vec<Op>,
}

impl History {
    /// Reads `history.edn`, or any other form that the module's introduction names.
    ///
    /// # Errors
    /// A sentence that names the line, and says what about it is no EDN or no operation.
    pub fn parse(text: &str) -> Result<History, String> {
        let mut batch = Batch::default();
        let mut parser = Parser::default();
        parser.feed(text.as_bytes(), &mut batch)?;
        parser.finish(&mut batch)?;
        Ok(History { ops: batch.ops().collect() })
    }

    /// Judges it as the history of a [`Workload`](crate::Workload), or of an object after a
    /// [`Model`](crate::Model).
    pub fn judge(&self, by: impl Into<Judge>) -> Judgement {
        by.into().judge(self)
    }

    /// The text of `history.edn`.
    pub fn to_edn_text(&self) -> String {
        let mut text = String::new();
        self.ops.iter().for_each(|op| op.write_edn_line(&mut text));
        text
    }

    /// The operations of clients, each invocation with its completion, by order of invocation.
    ///
    /// # Errors
    /// A sentence, when a process completes what it did not begin, or begins a second
    /// operation before the first has ended: no checker could say anything about that.
    pub fn pairs(&self) -> Result<Vec<Pair<'_>>, String> {
        let mut open = std::collections::BTreeMap::new();
        let mut pairs: Vec<Pair> = Vec::with_capacity(self.ops.len() / 2);
        for (position, op) in self.ops.iter().enumerate().filter(|(_, op)| op.is_client()) {
            if op.kind == OpType::Invoke {
                if open.insert(op.process, pairs.len()).is_some() {
                    return Err(format!(
                        "process {} begins operation {} before its last one has ended",
                        op.process, op.index
                    ));
                }
                pairs.push(Pair {
                    invoke: op,
                    complete: None,
                    invoked_at: position,
                    ended_at: None,
                });
            } else {
                let Some(pair) = open.remove(&op.process) else {
                    return Err(format!(
                        "process {} ends operation {} without having begun one",
                        op.process, op.index
                    ));
                };
                pairs[pair].complete = Some(op);
                pairs[pair].ended_at = Some(position);
            }
        }
        Ok(pairs)
    }
}

/// One operation: how it began and how it ended.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// Its invocation.
    pub invoke: &'a Op,
    /// Its completion; `None` when the history ends before it.
    pub complete: Option<&'a Op>,
    /// The invocation's place in [`History::ops`].
    pub invoked_at: usize,
    /// The completion's place in [`History::ops`], when there is one.
    pub ended_at: Option<usize>,
}

impl Pair<'_> {
    /// How the operation ended. Nobody knows how an operation without a completion did.
    pub fn outcome(&self) -> OpType {
        self.complete.map_or(OpType::Info, |op| op.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: &str = "\
        {:process 0, :type :invoke, :f :read, :value nil, :index 0, :time 10}\n\
        {:process :nemesis, :type :info, :f :start-partition, :value nil, :index 1, :time 11}\n\
        {:process 0, :type :fail, :f :read, :value nil, :index 2, :time 20, :error :net-timeout}\n";

    #[test]
    fn what_is_written_is_what_was_read() {
        let history = History::parse(HISTORY).unwrap();
        assert_eq!(history.to_edn_text(), HISTORY);
        let lines: String = history.ops.iter().map(|op| format!("{}\n", op.to_edn())).collect();
        assert_eq!(lines, HISTORY);
    }

    #[test]
    fn a_process_is_a_number_or_the_nemesis() {
        let read = |process: &str| {
            let text = format!("{{:type :invoke, :process {process}, :f :read}}");
            History::parse(&text).map(|history| history.ops[0].process)
        };
        assert_eq!(read(":nemesis"), Ok(ProcessId::Nemesis));
        assert_eq!(read("-3"), Ok(ProcessId::Client(-3)));
        for odd in ["nil", "\"a\"", ":admin", "1.5", "[1]", "\"nemesis\"", "99999999999999999999"] {
            assert!(
                read(odd).unwrap_err().starts_with("line 1, column 1: an operation's :process"),
                "{odd}"
            );
        }
        let json = "{\"type\": \"info\", \"process\": \"nemesis\", \"f\": \"kill\"}";
        assert_eq!(History::parse(json).unwrap().ops[0].process, ProcessId::Nemesis);
    }

    #[test]
    fn other_forms_are_read_too() {
        let vector = "[{:type :invoke :process 1 :f :write :value 3} ; a comment\n
                       #op{:type :ok, :process 1, :f :write, :value 3}]";
        let history = History::parse(vector).unwrap();
        assert_eq!(history.ops[1].index, 1);
        assert_eq!(history.pairs().unwrap()[0].outcome(), OpType::Ok);
    }

    #[test]
    fn what_is_not_a_history_is_an_error() {
        for text in ["7", "{:process 1}", "{:type :ok}", "{:type :odd, :process 1}", "{:type"] {
            assert!(History::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_process_has_one_operation_at_a_time() {
        let invoke = "{:type :invoke :process 1 :f :read}";
        let ok = "{:type :ok :process 1 :f :read}";
        assert!(History::parse(&[invoke, invoke].concat()).unwrap().pairs().is_err());
        assert!(History::parse(&[invoke, ok, ok].concat()).unwrap().pairs().is_err());
        assert_eq!(History::parse(invoke).unwrap().pairs().unwrap()[0].outcome(), OpType::Info);
    }
}
