//! A run is a function of its tape: what is recorded runs again, and an edited tape is a run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use gyre::{Body, Message, NodeId, Process, Time};
use maelstrom::engine::cluster::{NodeFactory, SimulatedNode, VirtualCluster};
use maelstrom::engine::{Engine, Nobody, Observer, Outcome};
use maelstrom::history::{Op, OpType};
use maelstrom::nemesis::{Fault, Strike};
use maelstrom::net::{LatencyDistribution, Verdict};
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::seeds::Seeds;
use maelstrom::tape::{Link, Tape, TapeFile, Tracks};
use maelstrom::workload;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// A node of a g-set that uses all that chance can decide: it tells one random peer of its
/// elements every now and then, and asks a service before it answers a read.
struct Gossip {
    name: NodeId,
    peers: Vec<NodeId>,
    elements: BTreeSet<i64>,
    rng: ChaCha8Rng,
    next_gossip: Option<Time>,
    reads: BTreeMap<i64, (NodeId, i64)>,
    next_read: i64,
    outbox: VecDeque<Message>,
}

impl Gossip {
    fn send(&mut self, dest: NodeId, body: &Value) {
        let body = Body::new(body).unwrap();
        self.outbox.push_back(Message { src: self.name.clone(), dest, body });
    }

    fn schedule(&mut self, now: Time) {
        let pause = Duration::from_micros(self.rng.random_range(1_000..200_000));
        self.next_gossip = Some(now + pause);
    }
}

impl Process for Gossip {
    fn handle_message(&mut self, now: Time, message: Message) {
        let body: Value = message.body.to().unwrap();
        let in_reply_to = &body["msg_id"];
        match message.body.kind() {
            "init" => {
                self.name = message.dest;
                self.peers = serde_json::from_value(body["node_ids"].clone()).unwrap();
                self.schedule(now);
                self.send(message.src, &json!({"type": "init_ok", "in_reply_to": in_reply_to}));
            }
            "add" => {
                self.elements.insert(body["element"].as_i64().unwrap());
                self.send(message.src, &json!({"type": "add_ok", "in_reply_to": in_reply_to}));
            }
            "read" => {
                self.next_read += 1;
                let read = self.next_read;
                self.reads.insert(read, (message.src, in_reply_to.as_i64().unwrap()));
                let write = json!({"type": "write", "key": 0, "value": read, "msg_id": -read});
                self.send(NodeId::from("lww-kv"), &write);
                let ask = json!({"type": "read", "key": 0, "msg_id": read});
                self.send(NodeId::from("lww-kv"), &ask);
            }
            "read_ok" | "error" => {
                let read = body["in_reply_to"].as_i64().unwrap();
                let Some((client, msg_id)) = self.reads.remove(&read) else { return };
                // What the service chose shows in the history: an element that nobody added.
                let chosen = body["value"].as_i64().unwrap_or(0) + 1_000_000;
                let value: Vec<i64> = self.elements.iter().copied().chain([chosen]).collect();
                let reply = json!({"type": "read_ok", "in_reply_to": msg_id, "value": value});
                self.send(client, &reply);
            }
            "gossip" => {
                let elements: Vec<i64> = serde_json::from_value(body["elements"].clone()).unwrap();
                self.elements.extend(elements);
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        if self.next_gossip.is_some_and(|at| at <= now) {
            let peer = self.peers[self.rng.random_range(0..self.peers.len())].clone();
            let gossip = json!({"type": "gossip", "elements": self.elements});
            self.send(peer, &gossip);
            self.schedule(now);
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.next_gossip
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        self.outbox.pop_front()
    }
}

impl SimulatedNode for Gossip {}

struct Gossips;

impl NodeFactory for Gossips {
    fn start(&mut self, _node: usize, seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        Ok(Box::new(Gossip {
            name: NodeId::from(""),
            peers: Vec::new(),
            elements: BTreeSet::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            next_gossip: None,
            reads: BTreeMap::new(),
            next_read: 0,
            outbox: VecDeque::new(),
        }))
    }
}

fn options() -> TestOptions {
    TestOptions {
        nodes: numbered_nodes(3),
        concurrency: 3,
        rate: 30.0,
        time_limit_secs: 10.0,
        latency_ms: 20,
        latency_distribution: LatencyDistribution::Exponential,
        faults: Fault::COMMON.into(),
        nemesis_interval_secs: 1.0,
        ..TestOptions::default()
    }
}

fn run(tape: Tape) -> Outcome {
    let options = options();
    let workload = workload::by_name("g-set").unwrap();
    let mut cluster = VirtualCluster::new(3, Gossips, || false);
    let mut nobody = Nobody;
    Engine::new(&options, workload, &mut cluster, &mut nobody, tape, 0).run()
}

/// Runs a seed; gives the run and the text of its tape.
fn record(seed: u64) -> (Outcome, String) {
    let outcome = run(Tape::from(Seeds::new(seed)).recorded());
    let tracks = outcome.tape.clone().unwrap();
    let text = TapeFile { workload: "g-set".into(), seed, edits: false, tracks }.to_text();
    (outcome, text)
}

/// Runs a tape; gives the run and the text of the tape that it recorded.
fn replay(text: &str) -> (Outcome, String) {
    let file = TapeFile::parse(text).unwrap();
    let seed = file.seed;
    let outcome = run(Tape::from(file).recorded());
    let tracks = outcome.tape.clone().unwrap();
    (outcome, TapeFile { workload: "g-set".into(), seed, edits: false, tracks }.to_text())
}

#[test]
fn a_recorded_run_is_run_again_to_the_byte() {
    for seed in 0..20 {
        let unrecorded = run(Tape::from(Seeds::new(seed)));
        let (recorded, tape) = record(seed);
        assert_eq!(unrecorded.history, recorded.history, "recording changes nothing");
        assert!(unrecorded.tape.is_none());
        // Under another seed: nothing is drawn from it, because the tape says everything.
        let elsewhere = tape.replacen(&format!(":seed {seed}"), ":seed 99", 1);
        for tape in [&tape, &elsewhere] {
            let (replayed, again) = replay(tape);
            assert_eq!(replayed.failure, None);
            assert_eq!(replayed.history, recorded.history, "seed {seed}");
            assert_eq!(replayed.journal.stats(), recorded.journal.stats());
            assert_eq!(again, *tape);
        }
    }
}

/// The operations of clients, each with when it began.
fn begun(outcome: &Outcome) -> Vec<(i64, String)> {
    let ops = outcome.history.ops.iter().filter(|op| op.is_client() && op.kind == OpType::Invoke);
    ops.filter(|op| op.time < 9_000_000_000).map(|op| (op.time, line(op))).collect()
}

fn line(op: &Op) -> String {
    format!("{} {}", op.f, op.value)
}

#[test]
fn without_one_operation_the_others_are_what_they_were() {
    let (recorded, tape) = record(0);
    let lines: Vec<&str> = tape.lines().collect();
    let operations = (0..lines.len()).filter(|&number| lines[number].contains(":f :"));
    for removed in operations.step_by(37) {
        let mut edited = lines.clone();
        let operation = edited.remove(removed);
        let (replayed, again) = replay(&edited.join("\n"));
        // But for those that waited for a thread, the same begin at the same time.
        let (before, after) = (begun(&recorded), begun(&replayed));
        let same = before.iter().filter(|op| after.contains(op)).count();
        assert!(same * 10 >= before.len() * 9, "{operation}: {same} of {}", before.len());
        // Nothing else on the tape has moved: operations, faults, and what nodes draw.
        let untouched = |text: &str| {
            let lines =
                text.lines().filter(|line| !line.contains(":fates") && !line.contains(":for"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(untouched(&again), untouched(&edited.join("\n")));
        // Gossip does not depend on operations, so each of its messages has its old fate. (The
        // final phase may begin a little earlier or later.)
        assert_eq!(gossip(&tape), gossip(&again));
        assert!(gossip(&tape).len() > 100);
    }
}

/// The fates of gossip in the main phase: on which link, when it was sent, and what became of it.
fn gossip(tape: &str) -> Vec<(Link, Time, Verdict)> {
    let fates = TapeFile::parse(tape).unwrap().tracks.fates.into_iter();
    let gossip = fates.filter(|(link, _)| &*link.kind == "gossip");
    let each = gossip.flat_map(|(link, fates)| {
        fates.into_iter().map(move |(sent, fate)| (link.clone(), sent, fate))
    });
    each.filter(|(_, sent, _)| *sent < Time::from_millis(10_000)).collect()
}

#[test]
fn a_tape_without_faults_has_none_and_without_operations_has_none() {
    let (_, tape) = record(5);
    let calm: Vec<&str> = tape.lines().filter(|line| !line.contains(":fault ")).collect();
    let (outcome, _) = replay(&calm.join("\n"));
    assert!(outcome.history.ops.iter().all(Op::is_client));
    let idle: Vec<&str> = tape.lines().filter(|line| !line.contains(":f :")).collect();
    let (outcome, _) = replay(&idle.join("\n"));
    assert!(begun(&outcome).is_empty());
}

#[test]
fn what_the_tape_says_of_a_message_happens_to_it() {
    let tape = "{:tape 2, :workload \"g-set\", :seed 3}
        {:at 1000000000, :thread 0, :f :add, :value 7}
        {:from \"n0\", :to \"lww-kv\", :type \"write\", :fates [[2000000000 nil]]}
        {:at 2000000000, :thread 0, :f :read, :value nil}
        {:from \"lww-kv\", :to \"n0\", :type \"error\", :fates [[2023000000 77000000]]}
        {:from \"n0\", :to \"lww-kv\", :type \"read\", :fates [[2000000000 23000000]]}";
    let (outcome, _) = replay(tape);
    let read = outcome.history.ops.iter().find(|op| op.time > 2_000_000_000).unwrap();
    assert_eq!(read.time, 2_100_000_000);
    assert_eq!(read.value.to_string(), "[7 1000000]");
}

/// However it is edited, a tape is a run, and always the same one.
#[test]
fn a_tape_with_pieces_missing_or_changed_runs_and_always_the_same_way() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for seed in 0..10 {
        let (_, tape) = record(seed);
        let mut lines: Vec<String> = tape.lines().map(str::to_owned).collect();
        for _ in 0..lines.len() / 3 {
            let place = rng.random_range(1..lines.len());
            let other = rng.random_range(1..lines.len());
            match rng.random_range(0..4) {
                0 => drop(lines.remove(place)),
                1 => lines.swap(place, other),
                2 => lines[place] = lines[other].clone(),
                // A list that ends early.
                _ => {
                    let line = &lines[place];
                    if let (Some(start), Some(end)) = (line.find('['), line.rfind(']')) {
                        let is_nested = line[start + 1..].starts_with('[');
                        let between = if is_nested { "] " } else { " " };
                        let half: Vec<&str> = line[start + 1..end].split(between).collect();
                        let half = half[..half.len() / 2].join(between);
                        let close = if is_nested && !half.is_empty() { "]" } else { "" };
                        let edited = format!("{}{half}{close}{}", &line[..=start], &line[end..]);
                        if TapeFile::parse(&format!("{}\n{edited}", lines[0])).is_ok() {
                            lines[place] = edited;
                        }
                    }
                }
            }
        }
        let edited = lines.join("\n");
        let (first, recorded) = replay(&edited);
        let (second, _) = replay(&edited);
        assert_eq!(first.failure, None);
        assert_eq!(first.history, second.history);
        // What it came to is a whole tape of its own.
        assert!(replay(&recorded).0.history == first.history, "seed {seed}");
    }
}

#[test]
fn an_operation_of_another_workload_is_refused() {
    let tape = "{:tape 2, :workload \"g-set\", :seed 3}\n{:at 5, :thread 0, :f :cas, :value [1 2]}";
    let sentence = replay(tape).0.failure.unwrap();
    assert!(sentence.contains("does not know: cas [1 2]"), "{sentence}");
}

/// A tape with these changes to the run of a seed.
fn edits(seed: u64, lines: &str) -> String {
    format!("{{:tape 2, :workload \"g-set\", :seed {seed}, :edits true}}\n{lines}")
}

fn until(outcome: &Outcome, nanos: i64) -> Vec<&Op> {
    outcome.history.ops.iter().filter(|op| op.time < nanos).collect()
}

#[test]
fn edits_change_the_run_of_a_seed_and_nothing_before_them() {
    for seed in 0..10 {
        let (recorded, tape) = record(seed);
        let (replayed, again) = replay(&edits(seed, ""));
        assert_eq!(replayed.history, recorded.history, "without edits it is the run of the seed");
        assert_eq!(again, tape);
        let kill = "{:at 5000000000, :fault :kill, :starts true, :adds true, :nodes [\"n1\"]}";
        let (edited, again) = replay(&edits(seed, kill));
        assert_eq!(until(&edited, 5_000_000_000), until(&recorded, 5_000_000_000));
        let kills: Vec<_> =
            edited.history.ops.iter().filter(|op| op.time == 5_000_000_000).collect();
        assert_eq!(&*kills[0].f, "kill");
        // What was recorded is a tape like any other.
        assert_eq!(replay(&again).0.history, edited.history, "seed {seed}");
    }
}

#[test]
fn one_message_less_leaves_the_others_their_fates() {
    let (_, tape) = record(3);
    let tracks = TapeFile::parse(&tape).unwrap().tracks;
    let link = Link { src: "n0".into(), dest: "n1".into(), kind: "gossip".into() };
    let (sent, fate) =
        *tracks.fates[&link].iter().find(|(_, fate)| *fate != Verdict::Drop).unwrap();
    assert!(matches!(fate, Verdict::Deliver(_)), "{fate:?}");
    let nanos = sent.as_nanos();
    let drop = format!("{{:from \"n0\", :to \"n1\", :type \"gossip\", :fates [[{nanos} nil]]}}");
    let (_, edited) = replay(&edits(3, &drop));
    let edited = TapeFile::parse(&edited).unwrap().tracks;
    let dropped = edited.fates[&link].iter().find(|(at, _)| *at == sent).unwrap();
    assert_eq!(dropped.1, Verdict::Drop);
    // What was sent until the next time that n1 might have said something else.
    let soon = sent + Duration::from_millis(5);
    let others = |tracks: &Tracks| -> Vec<_> {
        let all = tracks.fates.iter().flat_map(|(link, fates)| {
            fates.iter().map(move |(at, fate)| (link.clone(), *at, *fate))
        });
        all.filter(|(of, at, _)| *at < soon && (of != &link || *at != sent)).collect()
    };
    assert_eq!(others(&edited), others(&tracks));
}

/// What each of these moves does, as the log of the run says it, without faults by chance.
fn struck(lines: &str) -> Vec<String> {
    struct Sentences(Vec<String>);
    impl Observer for Sentences {
        fn strike(&mut self, _: Time, strike: &Strike) {
            self.0.push(format!("{}: {:?}", strike.f(), strike.effect));
        }
    }
    let options = TestOptions { faults: BTreeSet::new(), ..options() };
    let workload = workload::by_name("g-set").unwrap();
    let mut cluster = VirtualCluster::new(3, Gossips, || false);
    let mut sentences = Sentences(Vec::new());
    let tape = TapeFile::parse(&edits(0, lines)).unwrap();
    let outcome = Engine::new(&options, workload, &mut cluster, &mut sentences, tape, 0).run();
    assert_eq!(outcome.failure, None);
    sentences.0
}

#[test]
fn victims_join_those_already_struck_and_go_free_alone() {
    let kills = struck(
        r#"{:at 1, :fault :kill, :starts true, :adds true, :nodes ["n0"]}
           {:at 2, :fault :kill, :starts true, :adds true, :nodes ["n1" "n0"]}
           {:at 3, :fault :kill, :starts false, :adds true, :nodes ["n0" "n2"]}
           {:at 4, :fault :kill, :starts true, :nodes ["n2"]}"#,
    );
    let expected = ["kill: Kill([0])", "kill: Kill([1])", "start: Start([0])", "start: Start([1])"];
    assert_eq!(kills, expected, "the last is the end of the run: n2 was struck while kill was on");
    let cuts = struck(
        r#"{:at 1, :fault :partition, :starts true, :adds true, :links [["n0" "n1"]]}
           {:at 2, :fault :partition, :starts true, :adds true, :links [["n1" "n0"]]}
           {:at 3, :fault :partition, :starts false, :adds true, :links [["n0" "n1"]]}
           {:at 4, :fault :partition, :starts false, :adds true, :links [["n1" "n0"]]}
           {:at 5, :fault :partition, :starts false, :adds true, :links [["n1" "n0"]]}"#,
    );
    assert_eq!(
        cuts,
        [
            "start-partition: Cut({(0, 1)})",
            "start-partition: Cut({(0, 1), (1, 0)})",
            "stop-partition: Cut({(1, 0)})",
            "stop-partition: Mend",
            "stop-partition: Mend",
            "stop-partition: Mend",
        ]
    );
}

#[test]
fn an_operation_may_be_added_to_those_of_a_seed() {
    let add = "{:at 1000000000, :thread 1, :f :add, :value 77777}";
    let (edited, _) = replay(&edits(4, add));
    let (recorded, _) = record(4);
    let added: Vec<_> = edited.history.ops.iter().filter(|op| line(op) == "add 77777").collect();
    assert!(added[0].time >= 1_000_000_000, "{added:?}");
    assert_eq!(until(&edited, 1_000_000_000), until(&recorded, 1_000_000_000));
}
