//! Raft as a conversation: the transcripts in `tests/raft/*.txt`.
//!
//! A transcript is a list of commands, each followed by `----` and what happened: what nodes
//! saved, said and committed. It is test and documentation at once. The idea is that of
//! etcd's `raft/testdata`. After every step the invariants of Raft are checked.
//!
//! `UPDATE=1 cargo test --release --test raft` writes down what happens now; read the
//! difference before you commit it.
//!
//! | command | what it does |
//! |---|---|
//! | `cluster n1 n2 n3` | begins with these nodes, freshly installed |
//! | `cluster n1 n2 n3 entries=1` | the same, with as many entries in a message; otherwise 3 |
//! | `cluster n1 n2 n3 spare=n4 changes=joint` | with `n4`, which is no voter, and joint consensus |
//! | `disk n1 term=3 vote=n2 log=1,1,3` | what is on a node's disk before it starts: terms of entries |
//! | `timeout n1` | lets time pass until `n1` has something to do, and only `n1` notices |
//! | `pass 100` | lets milliseconds pass, and nobody notices yet |
//! | `deliver n1 n2` | delivers what is under way to these nodes, but not what they answer |
//! | `stabilize n1 n2` | delivers among these nodes, or all, until nothing is under way |
//! | `lose n3` | loses what is under way to and from these nodes |
//! | `lose-rest n1 n2` | loses what is under way from `n1` to `n2`, but for the first message |
//! | `delay n1 n2` | sets aside what is under way from `n1` to `n2`, until `replay` |
//! | `copy n1 n2` | the same, but a copy |
//! | `run 900 n1 n2` | lets time pass with these nodes at work, cut off from others; not shown |
//! | `busy n1`, `done n1` | what `n1` does between the two it does in one go |
//! | `propose n1 x`, `read n1 7` | a client's command, a client's read number 7 |
//! | `add n1 n4`, `remove n1 n2`, `replace n1 n2 n4` | `n1` is asked for a change of the voters |
//! | `transfer n1 n2`, `compact n1 5` | leadership passes on; the log up to 5 goes |
//! | `crash n1`, `restart n1` | as it says |
//! | `renew n4` | an empty disk; start it with `restart` |
//! | `status` | each node: role, term, commit index, log |
//! | `voters` | each node: the configuration that it goes by, and the committed one |

#![expect(clippy::disallowed_methods, reason = "the transcripts are files, updated on demand")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use gyre::raft::{
    Changes, Checkpoint, Config, Configuration, Durable, Entry, Frozen, HardState, Index, Input,
    Invariants, LogId, Message, Piece, Raft, Record,
};
use gyre::{MemberChange, NodeId, Time};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// From, to, what.
type Letter = (NodeId, NodeId, Message<String>);

struct Member {
    /// None while it is down.
    raft: Option<Raft<String>>,
    durable: Durable<String>,
    lives: u64,
    /// The entry after which the state is as it would be sent.
    applied: Index,
    /// What has arrived of another state.
    arriving: String,
}

/// The state after an entry, six characters at a time.
fn freeze(index: Index, state: &str) -> Frozen {
    let chars: Vec<char> = state.chars().collect();
    let pieces = chars.chunks(6).map(|piece| piece.iter().collect::<String>());
    let piece = |text| Piece::new(serde_json::to_string(&text).unwrap()).unwrap();
    Frozen { index, pieces: Box::new(pieces.map(piece).collect::<Vec<_>>().into_iter()) }
}

#[derive(Default)]
struct Cluster {
    members: BTreeMap<NodeId, Member>,
    now: Time,
    under_way: Vec<Letter>,
    kept: Vec<Letter>,
    invariants: Invariants<String>,
    /// Nodes whose steps pile up.
    busy: BTreeSet<NodeId>,
    max_entries_per_message: usize,
    voters: BTreeSet<NodeId>,
    changes: Changes,
    /// What has happened since the last command.
    happened: String,
}

impl Cluster {
    fn command(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (&verb, arguments) = words.split_first().expect("a command has a first word");
        let nodes: Vec<NodeId> = arguments.iter().map(|&word| NodeId::from(word)).collect();
        match (verb, arguments) {
            ("cluster", words) => self.begin(words),
            ("disk", [node, fields @ ..]) => self.set_disk(&NodeId::from(*node), fields),
            ("timeout", [_]) => self.time_out(&nodes[0]),
            ("pass", [ms]) => self.now = self.now + Duration::from_millis(ms.parse().unwrap()),
            ("deliver", _) => self.deliver(&nodes),
            ("stabilize", _) => self.stabilize(&nodes),
            ("lose", _) => {
                self.under_way.retain(|(from, to, _)| !nodes.contains(from) && !nodes.contains(to))
            }
            ("lose-rest", [_, _]) => {
                let (mut chosen, rest) = self.take_under_way(&nodes[0], &nodes[1]);
                chosen.truncate(1);
                self.under_way = [chosen, rest].concat();
            }
            ("delay", [_, _]) => {
                (self.kept, self.under_way) = self.take_under_way(&nodes[0], &nodes[1]);
            }
            ("copy", [_, _]) => {
                let under_way = self.under_way.clone();
                (self.kept, _) = self.take_under_way(&nodes[0], &nodes[1]);
                self.under_way = under_way;
            }
            ("run", [ms, _, ..]) => self.run(ms.parse().unwrap(), &nodes[1..]),
            ("busy", [_]) => {
                self.busy.insert(nodes[0].clone());
            }
            ("done", [_]) => {
                self.busy.remove(&nodes[0]);
                let commit = self.members[&nodes[0]].raft.as_ref().map_or(0, Raft::commit);
                self.carry_out(&nodes[0], commit);
            }
            ("replay", []) => self.under_way.append(&mut self.kept),
            ("propose", [_, command]) => {
                self.step(&nodes[0], Input::Propose { command: (*command).into() });
            }
            ("read", [_, number]) => {
                self.step(&nodes[0], Input::Read { request: number.parse().unwrap() });
            }
            ("add", [_, _]) => {
                let change = MemberChange::add(nodes[1].clone());
                self.step(&nodes[0], Input::Reconfigure { change });
            }
            ("remove", [_, _]) => {
                let change = MemberChange::remove(nodes[1].clone());
                self.step(&nodes[0], Input::Reconfigure { change });
            }
            ("replace", [_, _, _]) => {
                let [remove, add] = [1, 2].map(|place| BTreeSet::from([nodes[place].clone()]));
                let change = MemberChange { add, remove };
                self.step(&nodes[0], Input::Reconfigure { change });
            }
            ("transfer", [_, _]) => self.step(&nodes[0], Input::Transfer { to: nodes[1].clone() }),
            ("compact", [_, index]) => {
                let index = index.parse().unwrap();
                self.store(&nodes[0], freeze(index, &format!("state after {index}")));
                self.step(&nodes[0], Input::Applied { index });
            }
            ("crash", [_]) => self.members.get_mut(&nodes[0]).unwrap().raft = None,
            ("restart", [_]) => self.start(&nodes[0]),
            ("renew", [_]) => self.install(&nodes[0]),
            ("status", []) => self.status(),
            ("voters", []) => self.show_voters(),
            _ => panic!("there is no such command: {line}"),
        }
        let happened = std::mem::take(&mut self.happened);
        if happened.is_empty() { "ok\n".into() } else { happened }
    }

    fn begin(&mut self, words: &[&str]) {
        *self = Cluster { max_entries_per_message: 3, ..Cluster::default() };
        let mut nodes = Vec::new();
        for word in words {
            match word.split_once('=') {
                Some(("entries", count)) => self.max_entries_per_message = count.parse().unwrap(),
                Some(("changes", "joint")) => self.changes = Changes::Joint,
                Some(("spare", names)) => nodes.extend(names.split(',').map(NodeId::from)),
                Some(_) => panic!("there is no such setting: {word}"),
                None => {
                    self.voters.insert(NodeId::from(*word));
                    nodes.push(NodeId::from(*word));
                }
            }
        }
        nodes.iter().for_each(|id| self.install(id));
        nodes.iter().for_each(|id| self.start(id));
    }

    /// Puts a node there with an empty disk.
    fn install(&mut self, id: &NodeId) {
        let lives = self.members.get(id).map_or(0, |member| member.lives);
        let durable = Durable::default();
        let member = Member { raft: None, durable, lives, applied: 0, arriving: String::new() };
        self.members.insert(id.clone(), member);
    }

    fn start(&mut self, id: &NodeId) {
        let peers = self.members.keys().filter(|peer| *peer != id).cloned().collect();
        let mut config = Config::new(id.clone(), peers);
        config.bootstrap = Configuration::of(self.voters.clone());
        config.changes = self.changes;
        config.max_entries_per_message = self.max_entries_per_message;
        config.log_kept_bytes = 0;
        let member = self.members.get_mut(id).expect("a known node");
        member.lives += 1;
        let number: u64 = id.as_str()[1..].parse().expect("a node is called n and a number");
        let rng = ChaCha8Rng::seed_from_u64(100 * member.lives + number);
        member.applied = member.durable.base.index;
        member.raft = Some(Raft::new(config, member.durable.clone(), rng, self.now));
        self.invariants.on_restart(id);
    }

    fn set_disk(&mut self, id: &NodeId, fields: &[&str]) {
        let durable = &mut self.members.get_mut(id).expect("a known node").durable;
        for field in fields {
            match field.split_once('=').expect("a field is name=value") {
                ("term", term) => durable.state.term = term.parse().unwrap(),
                ("vote", vote) => durable.state.vote = Some(NodeId::from(vote)),
                ("log", terms) => {
                    let entry = |(place, term): (usize, &str)| {
                        let command = Some(format!("{term}.{}", place + 1));
                        Entry::new(term.parse().unwrap(), command)
                    };
                    durable.entries = terms.split(',').enumerate().map(entry).collect();
                }
                _ => panic!("there is no such field: {field}"),
            }
        }
        self.start(id);
    }

    /// What is under way from one node to another, and the rest.
    fn take_under_way(&mut self, from: &NodeId, to: &NodeId) -> (Vec<Letter>, Vec<Letter>) {
        let under_way = std::mem::take(&mut self.under_way);
        under_way.into_iter().partition(|letter| letter.0 == *from && letter.1 == *to)
    }

    fn run(&mut self, ms: u64, nodes: &[NodeId]) {
        let end = self.now + Duration::from_millis(ms);
        loop {
            let up = nodes.iter().filter_map(|id| self.members[id].raft.as_ref());
            let next = up.map(|raft| (raft.deadline(), raft.id().clone())).min();
            let Some((_, id)) = next.filter(|(due, _)| *due <= end) else { break };
            self.time_out(&id);
            self.stabilize(nodes);
            self.under_way.clear();
        }
        self.now = end;
        self.happened.clear();
    }

    fn time_out(&mut self, id: &NodeId) {
        let raft = self.members[id].raft.as_ref().expect("it is up");
        self.now = self.now.max(raft.deadline());
        self.step(id, Input::Timeout);
    }

    fn deliver(&mut self, nodes: &[NodeId]) {
        let under_way = std::mem::take(&mut self.under_way);
        let (due, rest): (Vec<_>, Vec<_>) =
            under_way.into_iter().partition(|(_, to, _)| nodes.contains(to));
        self.under_way = rest;
        for (from, to, message) in due {
            self.step(&to, Input::Message { from, message });
        }
    }

    fn stabilize(&mut self, nodes: &[NodeId]) {
        let all: Vec<NodeId> = self.members.keys().cloned().collect();
        let nodes = if nodes.is_empty() { &all } else { nodes };
        let within = |(from, to, _): &Letter| nodes.contains(from) && nodes.contains(to);
        while let Some(place) = self.under_way.iter().position(within) {
            let (from, to, message) = self.under_way.remove(place);
            self.step(&to, Input::Message { from, message });
        }
    }

    /// One step of one node, and its output unless the node is busy.
    fn step(&mut self, id: &NodeId, input: Input<String>) {
        let member = self.members.get_mut(id).expect("a known node");
        let Some(raft) = &mut member.raft else { return };
        let (role, term, commit) = (raft.role(), raft.term(), raft.commit());
        raft.step(self.now, input);
        if (raft.role(), raft.term()) != (role, term) {
            writeln!(self.happened, "{id} is {} in term {}", raft.role(), raft.term()).unwrap();
        }
        if self.busy.contains(id) {
            self.check(id);
        } else {
            self.carry_out(id, commit);
        }
    }

    /// What a node wants done, when it had committed up to `commit` before.
    fn carry_out(&mut self, id: &NodeId, commit: Index) {
        let member = self.members.get_mut(id).expect("a known node");
        let Some(raft) = &mut member.raft else { return };
        let applied = member.applied;
        let output = raft.output(&|| freeze(applied, &format!("state after {applied}")));
        let happened = &mut self.happened;
        if let Some(persist) = output.persist {
            writeln!(happened, "{id} saves {}", show_record(&persist)).unwrap();
            member.durable.apply(persist).unwrap();
        }
        let mut stored = None;
        for arrived in output.arrived {
            if arrived.piece.number == 0 {
                member.arriving.clear();
            }
            let text: String = serde_json::from_str(arrived.piece.piece.as_str()).unwrap();
            member.arriving.push_str(&text);
            stored = arrived.piece.done.then_some(arrived.last.index);
        }
        if raft.commit() > commit {
            writeln!(happened, "{id} commits {}", raft.commit()).unwrap();
        }
        for (to, message) in output.messages {
            writeln!(happened, "{id} -> {to} {}", show_message(&message)).unwrap();
            self.under_way.push((id.clone(), to, message));
        }
        for read in output.readable {
            writeln!(happened, "{id} answers read {read}").unwrap();
        }
        self.check(id);
        if let Some(index) = stored {
            let state = self.members[id].arriving.clone();
            self.store(id, freeze(index, &state));
            writeln!(self.happened, "{id} restores {state:?}").unwrap();
            self.step(id, Input::SnapshotStored);
        }
    }

    /// Writes a checkpoint to a node's disk.
    fn store(&mut self, id: &NodeId, state: Frozen) {
        let member = self.members.get_mut(id).expect("a known node");
        let Some(raft) = &member.raft else { return };
        member.applied = state.index;
        for record in raft.checkpoint(state) {
            if !matches!(record, Record::Piece(_)) {
                writeln!(self.happened, "{id} saves {}", show_record(&record)).unwrap();
            }
            member.durable.apply(record).unwrap();
        }
    }

    fn check(&mut self, id: &NodeId) {
        let up = || self.members.values().filter_map(|member| member.raft.as_ref());
        let raft = self.members[id].raft.as_ref().expect("it took a step");
        let others = up().filter(|other| other.id() != id);
        self.invariants.check(raft, others).unwrap_or_else(|broken| panic!("{broken}"));
    }

    fn show_voters(&mut self) {
        for raft in self.members.values().filter_map(|member| member.raft.as_ref()) {
            let by = show_voters(raft.configuration());
            let committed = show_voters(raft.committed_configuration());
            writeln!(self.happened, "{} goes by {by}, committed {committed}", raft.id()).unwrap();
        }
    }

    fn status(&mut self) {
        for (id, member) in &self.members {
            let Some(raft) = &member.raft else {
                writeln!(self.happened, "{id} is down").unwrap();
                continue;
            };
            let indexes = raft.base().index + 1..=raft.last().index;
            let log: Vec<String> =
                indexes.map(|index| show_entry(raft.entry(index).expect("in range"))).collect();
            let (role, term, commit) = (raft.role(), raft.term(), raft.commit());
            let base = raft.base().index;
            let base = if base > 0 { format!("..{base} ") } else { String::new() };
            let log = log.join(" ");
            writeln!(self.happened, "{id} {role} term={term} commit={commit} log={base}[{log}]")
                .unwrap();
        }
    }
}

fn show_entry(entry: &Entry<String>) -> String {
    match &entry.configuration {
        Some(configuration) => format!("{}/{}", entry.term, show_voters(configuration)),
        None => format!("{}/{}", entry.term, entry.command.as_deref().unwrap_or("-")),
    }
}

/// `{n1,n2}`, in joint consensus `{n1,n2}+{n2,n3}`: the old voters and the new ones.
fn show_voters(configuration: &Configuration) -> String {
    let names = |set: &BTreeSet<NodeId>| {
        format!("{{{}}}", set.iter().map(NodeId::as_str).collect::<Vec<_>>().join(","))
    };
    let Configuration { voters, outgoing } = configuration;
    match outgoing.is_empty() {
        true => names(voters),
        false => format!("{}+{}", names(outgoing), names(voters)),
    }
}

fn show_entries(entries: &[Entry<String>]) -> String {
    entries.iter().map(show_entry).collect::<Vec<_>>().join(" ")
}

fn show_state(state: &HardState) -> String {
    let vote = state.vote.as_ref().map_or("-", |vote| vote.as_str());
    format!("term={} vote={vote}", state.term)
}

fn show_record(record: &Record<String>) -> String {
    match record {
        Record::Change(record) => {
            let state = record.state.iter().map(show_state);
            let entries = (!record.entries.is_empty())
                .then(|| format!("from {}: {}", record.first, show_entries(&record.entries)));
            state.chain(entries).collect::<Vec<_>>().join(", ")
        }
        Record::Checkpoint(Checkpoint { state, base, configuration, entries }) => {
            let LogId { term, index } = base;
            let (state, entries) = (show_state(state), show_entries(entries));
            let voters = configuration.as_ref().map(|some| show_voters(&some.configuration));
            let voters = voters.map_or_else(String::new, |voters| format!(" {voters}"));
            format!("{state}, snapshot {index}@{term}{voters}, log [{entries}]")
        }
        Record::Piece(piece) => format!("piece {}", piece.as_str()),
    }
}

/// A message as its type and fields, in the order and under the names that it has on the wire.
fn show_message(message: &Message<String>) -> String {
    let Ok(Value::Object(message)) = serde_json::to_value(message) else {
        panic!("a message is an object")
    };
    let (kind, fields) = message.into_iter().next().expect("it has one field, its type");
    let mut text = kind;
    for (name, value) in fields.as_object().expect("a message has fields") {
        write!(text, " {name}={}", show_value(value)).unwrap();
    }
    text
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            format!("[{}]", values.iter().map(show_value).collect::<Vec<_>>().join(" "))
        }
        Value::Object(fields) if fields.contains_key("voters") => {
            show_voters(&serde_json::from_value(value.clone()).expect("it is a configuration"))
        }
        Value::Object(fields) => match (fields.get("term"), fields.get("index")) {
            (Some(term), Some(index)) => format!("{index}@{term}"),
            (Some(term), None) if fields.contains_key("configuration") => {
                format!("{term}/{}", show_value(&fields["configuration"]))
            }
            (Some(term), None) => {
                let command = fields.get("command").map_or("-".into(), show_value);
                format!("{term}/{command}")
            }
            _ => {
                let show = |(name, value)| format!("{name}:{}", show_value(value));
                fields.iter().map(show).collect::<Vec<_>>().join(",")
            }
        },
        Value::String(text) if !text.contains(' ') => text.clone(),
        other => other.to_string(),
    }
}

/// Runs a transcript's commands, and gives the transcript as it should be.
fn run(transcript: &str) -> String {
    let mut cluster = Cluster::default();
    let mut actual = String::new();
    let mut in_output = false;
    for line in transcript.lines() {
        if line.is_empty() {
            in_output = false;
            actual.push('\n');
        } else if line == "----" {
            in_output = true;
        } else if line.starts_with('#') {
            writeln!(actual, "{line}").unwrap();
        } else if !in_output {
            writeln!(actual, "{line}\n----\n{}", cluster.command(line).trim_end()).unwrap();
        }
    }
    actual
}

#[test]
fn transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/raft");
    let files = std::fs::read_dir(&folder).expect("there are transcripts");
    let mut paths: Vec<_> = files.map(|file| file.expect("it can be read").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let expected = std::fs::read_to_string(&path).expect("a transcript is text");
        let actual = run(&expected);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, actual).expect("a transcript can be written");
            continue;
        }
        for (number, (is, should)) in actual.lines().zip(expected.lines()).enumerate() {
            let place = format!("{}:{}", path.display(), number + 1);
            assert_eq!(is, should, "{place} differs; UPDATE=1 takes what happens now for right");
        }
        assert_eq!(actual.lines().count(), expected.lines().count(), "{}", path.display());
    }
}
