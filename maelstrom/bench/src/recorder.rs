//! Writes a run down as it goes, and tells whoever watches.

use std::collections::BTreeMap;

use gyre::{Message, NodeId, Time};

use crate::edn::{Edn, Notation, Reader};
use crate::engine::{Direction, Observer, Progress};
use crate::history::{Op, ProcessId};
use crate::store::{Console, HistoryWriter, RunFolder, RunLog, Source, write_shortened};

/// Of what one node writes to stderr, so many bytes may be in the log of the run as well.
const STDERR_BYTES: usize = 8 << 20;

/// What to log besides operations, and what to show of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogOptions {
    /// Whether the log has each operation of a client, and whoever watches the run sees it.
    pub shows_operations: bool,
    /// What nodes write to stderr.
    pub stderr: bool,
    /// Messages as they are sent.
    pub net_send: bool,
    /// Messages as they are received.
    pub net_recv: bool,
    /// Whether the log is written as JSON.
    pub json: bool,
}

/// Shows how far a run is.
pub type ProgressDisplay = Box<dyn FnMut(&Progress)>;

/// An observer that keeps `history.edn`, `history.txt` and `jepsen.log`.
pub struct Recorder {
    history: HistoryWriter,
    log: RunLog,
    options: LogOptions,
    progress: ProgressDisplay,
    last_progress: Progress,
    /// When the last thing happened. The history's own time begins with the main phase; the
    /// log's begins with the run.
    now: Time,
    /// The first thing that could not be written.
    failure: Option<String>,
    line: String,
    /// How much of each node's stderr is in the log.
    stderr_bytes: BTreeMap<NodeId, usize>,
    /// How many client threads there are: a process is of the thread that is its remainder.
    threads: usize,
}

impl Recorder {
    /// A recorder for the run in this folder, of so many client threads.
    ///
    /// # Errors
    /// When its files cannot be created.
    pub fn new(
        folder: &RunFolder,
        console: Option<Console>,
        options: LogOptions,
        progress: ProgressDisplay,
        threads: usize,
    ) -> anyhow::Result<Recorder> {
        Ok(Recorder {
            history: folder.history_writer()?,
            log: folder.log(console, options.json)?,
            options,
            progress,
            last_progress: Progress::default(),
            now: Time::ZERO,
            failure: None,
            line: String::new(),
            stderr_bytes: BTreeMap::new(),
            threads: threads.max(1),
        })
    }

    fn note(&mut self, written: anyhow::Result<()>) {
        if let Err(error) = written {
            self.failure.get_or_insert(format!("{error:#}"));
        }
    }

    /// The operation as it stands in the log: as in `history.txt`.
    fn write_line(&mut self, op: &Op) {
        self.line.clear();
        write_shortened(op, &mut self.line);
    }

    /// Logs a sentence that is no part of the run itself.
    pub fn say(&mut self, sentence: &str) {
        self.say_as(&Source::bench(), sentence);
    }

    fn say_as(&mut self, source: &Source, sentence: &str) {
        let written = self.log.info(self.now, source, sentence);
        self.note(written);
    }

    /// Logs a sentence about something that went wrong.
    pub fn warn(&mut self, sentence: &str) {
        let written = self.log.warn(self.now, &Source::bench(), sentence);
        self.note(written);
    }

    /// Shows what is done after the run: with a long history that takes a while.
    pub fn show_phase(&mut self, phase: &'static str) {
        let progress = Progress { phase, faults: Vec::new(), ..self.last_progress.clone() };
        (self.progress)(&progress);
    }

    /// Writes everything.
    ///
    /// # Errors
    /// When something could not be written, now or before.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        let written = self.history.flush().and(self.log.flush());
        match self.failure.take() {
            Some(sentence) => Err(anyhow::anyhow!(sentence)),
            None => written,
        }
    }
}

impl Observer for Recorder {
    fn operation(&mut self, op: &Op) {
        let written = self.history.append(op);
        self.note(written);
        // The history has the operations of clients: to have them twice is for who asks for it.
        if !self.options.shows_operations && op.process != ProcessId::Nemesis {
            return;
        }
        self.write_line(op);
        let source = match op.process {
            ProcessId::Nemesis => Source::nemesis(),
            ProcessId::Client(process) => {
                Source::worker(process.unsigned_abs() as usize % self.threads)
            }
            // No operation of a run of ours is without a process.
            ProcessId::Unnamed => Source::bench(),
        };
        let written = self.log.info(self.now, &source, &self.line);
        self.note(written);
    }

    fn node_log(&mut self, node: &NodeId, line: &str) {
        if !self.options.stderr {
            return;
        }
        let bytes = self.stderr_bytes.entry(node.clone()).or_default();
        let had_room = *bytes <= STDERR_BYTES;
        *bytes += line.len() + 1;
        match (had_room, *bytes <= STDERR_BYTES) {
            (true, true) => self.say_as(&Source::node_stderr(node), line),
            (true, false) => {
                let sentence = format!(
                    "node {node} has written more than {STDERR_BYTES} bytes on stderr, and the \
                     rest is left out here: see node-logs/{node}.log"
                );
                self.warn(&sentence);
            }
            _ => {}
        }
    }

    fn log(&mut self, now: Time, sentence: &str) {
        self.now = now;
        self.say(sentence);
    }

    fn message(&mut self, now: Time, direction: Direction, id: u64, message: &Message) {
        self.now = now;
        let (verb, who) = match direction {
            Direction::Send if self.options.net_send => ("send", &message.src),
            Direction::Receive if self.options.net_recv => ("recv", &message.dest),
            _ => return,
        };
        self.say_as(&Source::network(who), &format!(":{verb} {}", printed(id, message)));
    }

    fn progress(&mut self, now: Time, progress: &Progress) {
        self.now = now;
        let written = self.history.flush_if_due(now).and(self.log.flush_if_due(now));
        self.note(written);
        self.last_progress = progress.clone();
        (self.progress)(progress);
    }

    fn failure(&mut self) -> Option<String> {
        self.failure.clone()
    }
}

/// A message as the original prints it: a record of Clojure, with the body's keys as keywords.
fn printed(id: u64, message: &Message) -> String {
    let text = message.body.as_json();
    let body = match Reader::new(text).in_notation(Notation::Json).next_value() {
        Ok(Some(body)) => with_keyword_keys(body),
        _ => Edn::from(text),
    };
    let [src, dest] = [&message.src, &message.dest].map(|name| Edn::from(name.as_str()));
    let entries =
        Edn::map([("id", Edn::Int(id as i64)), ("src", src), ("dest", dest), ("body", body)]);
    format!("#maelstrom.net.message.Message{entries}")
}

fn with_keyword_keys(value: Edn) -> Edn {
    let all = |items: Vec<Edn>| items.into_iter().map(with_keyword_keys).collect();
    match value {
        Edn::Vector(items) => Edn::Vector(all(items)),
        Edn::Map(entries) => {
            let entry = |(key, value)| match key {
                Edn::Str(name) => (Edn::Keyword(name), with_keyword_keys(value)),
                key => (key, with_keyword_keys(value)),
            };
            Edn::Map(entries.into_iter().map(entry).collect())
        }
        other => other,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests read what was written")]
mod tests {
    use super::*;
    use crate::store::RunName;

    #[test]
    fn of_a_long_value_only_the_history_for_programs_has_all() {
        let store = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(store.path(), "echo", RunName::Seed(1)).unwrap();
        let options = LogOptions { shows_operations: true, ..LogOptions::default() };
        let mut recorder = Recorder::new(&folder, None, options, Box::new(|_| ()), 1).unwrap();
        let values = ["[1 2]".to_owned(), format!("[{}]", "7 ".repeat(10_000).trim_end())];
        let mut lines = Vec::new();
        for value in &values {
            let text = format!("{{:process 0, :type :fail, :f :read, :value {value}, :error :x}}");
            let op = crate::history::History::parse(&text).unwrap().ops.remove(0);
            let mut line = String::new();
            op.write_text_line(&mut line);
            lines.push(line);
            recorder.operation(&op);
        }
        recorder.finish().unwrap();
        let read = |name| String::from_utf8(std::fs::read(folder.file(name)).unwrap()).unwrap();
        let (log, text) = (read("jepsen.log"), read("history.txt"));
        assert!(text.starts_with(&lines[0]), "{text}");
        assert!(text.ends_with("7 7…\t:x\n") && text.len() < 2500, "{}", text.len());
        assert!(read("history.edn").contains(&values[1]));
        assert!(log.contains(&lines[0]), "{log}");
        assert!(log.ends_with("7 7…\t:x\n") && log.len() < 2500, "{}", log.len());
    }

    #[test]
    fn operations_are_shown_and_logged_only_for_whoever_asks() {
        for (shows_operations, shown_lines) in [(false, 1), (true, 3)] {
            let store = tempfile::tempdir().unwrap();
            let folder = RunFolder::create(store.path(), "echo", RunName::Seed(1)).unwrap();
            let shown = std::rc::Rc::new(std::cell::RefCell::new(0));
            let counted = shown.clone();
            let console: Console = Box::new(move |_| *counted.borrow_mut() += 1);
            let options = LogOptions { shows_operations, ..LogOptions::default() };
            let progress = Box::new(|_: &Progress| ());
            let mut recorder = Recorder::new(&folder, Some(console), options, progress, 1).unwrap();
            let text = "{:process 0, :type :invoke, :f :echo} {:process 0, :type :ok, :f :echo}
                        {:process :nemesis, :type :info, :f :kill}";
            let history = crate::history::History::parse(text).unwrap();
            history.ops.iter().for_each(|op| recorder.operation(op));
            recorder.finish().unwrap();
            assert_eq!(*shown.borrow(), shown_lines);
            let log = std::fs::read_to_string(folder.file("jepsen.log")).unwrap();
            assert_eq!(log.lines().count(), shown_lines);
            let history = std::fs::read_to_string(folder.file("history.edn")).unwrap();
            assert_eq!(history.lines().count(), 3, "the history has all");
        }
    }

    #[test]
    fn what_a_node_says_without_end_ends_in_the_log() {
        let store = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(store.path(), "echo", RunName::Seed(1)).unwrap();
        let options = LogOptions { stderr: true, ..LogOptions::default() };
        let mut recorder = Recorder::new(&folder, None, options, Box::new(|_| ()), 1).unwrap();
        let line = "x".repeat(1 << 20);
        for _ in 0..20 {
            recorder.node_log(&"n1".into(), &line);
        }
        recorder.node_log(&"n2".into(), "here I am");
        recorder.finish().unwrap();
        let log = String::from_utf8(std::fs::read(folder.file("jepsen.log")).unwrap()).unwrap();
        assert!(log.len() < 9 << 20, "{} bytes", log.len());
        assert_eq!(log.matches("the rest is left out here").count(), 1);
        assert!(log.contains("here I am"));
    }

    #[test]
    fn a_message_is_printed_as_the_original_prints_it() {
        let body = r#"{"type":"txn","txn":[["r",{"a":1},null]],"msg_id":2}"#;
        let line = format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#);
        assert_eq!(
            printed(7, &Message::parse(&line).unwrap()),
            "#maelstrom.net.message.Message{:id 7, :src \"c1\", :dest \"n1\", \
             :body {:type \"txn\", :txn [[\"r\" {:a 1} nil]], :msg_id 2}}"
        );
    }
}
