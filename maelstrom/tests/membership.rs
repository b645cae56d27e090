//! Members that come and go: when nodes start and end, what they are asked, and what becomes of a
//! run whose nodes know nothing of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use gyre::{Body, Ctx, Error, MemberChange, Message, Node, NodeId, Process, Time, async_trait};
use maelstrom::Fault;
use maelstrom::checker::Validity;
use maelstrom::edn::Edn;
use maelstrom::engine::cluster::{NodeFactory, SimulatedNode, VirtualCluster};
use maelstrom::engine::{Direction, Engine, Observer, Outcome};
use maelstrom::options::{TestOptions, numbered_nodes};
use maelstrom::simulation::Check;
use maelstrom::tape::TapeFile;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Answers whatever is asked, and every change is made as soon as it is wanted.
struct Obliging;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Echo { echo: Value },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    EchoOk { echo: Value },
}

#[async_trait(?Send)]
impl Node for Obliging {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Echo { echo } = request;
        Ok(Response::EchoOk { echo })
    }

    async fn change_members(&self, _: &Ctx, _: MemberChange) -> Result<(), Error> {
        Ok(())
    }
}

/// The same, but its members stay the same.
struct Fixed;

#[async_trait(?Send)]
impl Node for Fixed {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, from: NodeId) -> Result<Response, Error> {
        Obliging.handle(ctx, request, from).await
    }
}

/// The same, but it does not answer when it is asked for a change.
struct Silent;

#[async_trait(?Send)]
impl Node for Silent {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, from: NodeId) -> Result<Response, Error> {
        Obliging.handle(ctx, request, from).await
    }

    async fn change_members(&self, ctx: &Ctx, _: MemberChange) -> Result<(), Error> {
        ctx.sleep(Duration::from_secs(1_000)).await;
        Ok(())
    }
}

fn check<N: Node>(make: impl Fn(&Ctx) -> N + Send + Sync + 'static) -> Check {
    maelstrom::check("echo", make).faults([Fault::Membership]).time_limit_secs(40.0)
}

/// What happens to nodes, and who is asked for a change after which others.
#[derive(Default)]
struct Watcher {
    members: BTreeSet<String>,
    started: BTreeMap<String, Time>,
    inits: Vec<Value>,
    killed: Vec<NodeId>,
    said: Vec<String>,
    asked: Option<(String, Value)>,
    changes: usize,
}

impl Observer for Watcher {
    fn message(&mut self, now: Time, direction: Direction, _: u64, message: &Message) {
        if direction != Direction::Receive {
            return;
        }
        let body: Value = serde_json::from_str(message.body.as_json()).expect("a body is JSON");
        match message.body.kind() {
            "init" => {
                self.started.insert(message.dest.to_string(), now);
                self.inits.push(body);
            }
            "add_member" | "remove_member" => {
                assert!(self.members.contains(message.dest.as_str()), "a member is asked");
                assert_eq!(self.asked, None, "one change after the other");
                self.asked = Some((message.body.kind().to_owned(), body["node_id"].clone()));
            }
            kind @ ("add_member_ok" | "remove_member_ok") => {
                let (asked, node) = self.asked.take().expect("it was asked for");
                assert_eq!(kind, format!("{asked}_ok"));
                let node = node.as_str().expect("a name").to_owned();
                assert!(self.started.contains_key(&node), "{node} was there before");
                let is_news = match kind {
                    "add_member_ok" => self.members.insert(node),
                    _ => self.members.remove(&node),
                };
                assert!(is_news, "nothing is asked for that is so");
                self.changes += 1;
            }
            _ => {}
        }
    }

    fn killed(&mut self, node: &NodeId) {
        assert!(!self.members.contains(node.as_str()), "only who has left ends");
        self.killed.push(node.clone());
    }

    fn log(&mut self, _: Time, sentence: &str) {
        self.said.push(sentence.to_owned());
    }
}

fn watcher(members: &[&str]) -> Watcher {
    let members = members.iter().map(|&name| name.to_owned()).collect();
    Watcher { members, ..Watcher::default() }
}

#[test]
fn nodes_start_when_they_join_and_end_when_they_are_replaced() {
    for seed in 0..20 {
        let mut seen = watcher(&["n0", "n1", "n2"]);
        let (outcome, results) = check(|_| Obliging).run_observed(seed, &mut seen, 0);
        assert_eq!(outcome.failure, None, "seed {seed}");
        // Whoever's node is not there is served by another.
        assert_ne!(results.verdict, Validity::False, "seed {seed}");
        let at_first = json!(["n0", "n1", "n2"]);
        assert!(seen.inits.iter().all(|init| init["initial_member_ids"] == at_first));
        assert!(seen.inits.iter().all(|init| init["node_ids"].as_array().unwrap().len() == 5));
        let late = seen.started.iter().filter(|(_, at)| **at > Time::from_millis(100)).count();
        assert!(late > 0 && seen.changes >= 5, "seed {seed}: {late} late, {}", seen.changes);
        assert!(!seen.members.is_empty());
    }
}

#[test]
fn the_same_seed_and_its_tape_give_the_same_history() {
    let check = || check(|_| Obliging).faults(Fault::ALL);
    for seed in 0..5 {
        let (outcome, _, tape) = check().record(seed);
        assert_eq!(outcome.failure, None, "seed {seed}");
        let (again, _) = check().run(seed);
        assert_eq!(outcome.history, again.history, "seed {seed}");
        let text = tape.to_text();
        assert!(text.contains(":fault :membership"), "seed {seed}");
        let tape = TapeFile::parse(&text).expect("it was just written");
        let (replayed, _) = check().replay(tape);
        assert_eq!(outcome.history, replayed.history, "seed {seed}");
    }
}

/// What is done is data of its own. The plan is only a word that the history shows.
#[test]
fn a_tape_without_plans_does_the_same() {
    let mut ended = 0;
    for seed in 0..5 {
        let (outcome, _, mut tape) = check(|_| Obliging).record(seed);
        ended += tape.to_text().matches(":ends true").count();
        for strike in tape.tracks.strikes.values_mut().flatten() {
            strike.plan = Edn::Nil;
        }
        let text = tape.to_text();
        assert!(!text.contains(":plan"), "seed {seed}");
        let (replayed, _) = check(|_| Obliging).replay(TapeFile::parse(&text).unwrap());
        let of_clients = |outcome: &Outcome| -> Vec<_> {
            outcome.history.ops.iter().filter(|op| op.is_client()).cloned().collect()
        };
        assert_eq!(of_clients(&replayed), of_clients(&outcome), "seed {seed}");
        assert_eq!(replayed.journal.stats(), outcome.journal.stats(), "seed {seed}");
    }
    assert!(ended > 0, "somebody was replaced");
}

#[test]
fn nodes_that_know_nothing_of_members_get_a_sentence() {
    let (outcome, _) = check(|_| Fixed).run(1);
    let sentence = outcome.failure.expect("such a run cannot go on");
    assert!(sentence.contains("does not know"), "{sentence}");
    assert!(sentence.contains("maelstrom doc"), "{sentence}");
    // Without the fault nobody asks them.
    let (outcome, results) = check(|_| Fixed).faults([]).run(1);
    assert_eq!((outcome.failure, results.verdict), (None, Validity::True));
}

#[test]
fn nodes_that_do_not_answer_are_asked_again() {
    let mut seen = Watcher::default();
    struct Said<'a>(&'a mut Watcher);
    impl Observer for Said<'_> {
        fn log(&mut self, now: Time, sentence: &str) {
            self.0.log(now, sentence);
        }
    }
    let (outcome, results) = check(|_| Silent).run_observed(1, &mut Said(&mut seen), 0);
    assert_eq!((outcome.failure, results.verdict), (None, Validity::True));
    let hints = seen.said.iter().filter(|said| said.contains("does it know of it?")).count();
    assert!(hints >= 5, "{:?}", seen.said);
}

/// Who is asked for which change.
#[derive(Default)]
struct Asked(Vec<(String, String, Value)>);

impl Observer for Asked {
    fn message(&mut self, _: Time, direction: Direction, _: u64, message: &Message) {
        let kind = message.body.kind();
        if direction == Direction::Receive && ["add_member", "remove_member"].contains(&kind) {
            let body: Value = serde_json::from_str(message.body.as_json()).unwrap();
            let node = body["node_id"].clone();
            self.0.push((message.dest.to_string(), kind.to_owned(), node));
        }
    }
}

/// A change waits for the one before it, unless it is somebody else's.
#[test]
fn a_change_that_adds_is_asked_for_at_once() {
    let asked = |adds: bool| {
        let tape = format!(
            r#"{{:tape 2, :workload "echo", :seed 1}}
            {{:at 0, :fault :membership, :starts true, :nodes ["n0" "n1"], :ends false}}
            {{:at 1000000000, :fault :membership, :starts false}}
            {{:at 1000000000, :fault :membership, :starts true, :adds {adds}, :nodes ["n0" "n3"]}}"#
        );
        let mut seen = Asked::default();
        let tape = TapeFile::parse(&tape).unwrap();
        let check = check(|_| Silent).time_limit_secs(3.0);
        check.options(|options| options.calm_secs = 0.0).replay_observed(tape, &mut seen);
        seen.0
    };
    let asked_for = |of: &str, kind: &str, node: &str| (of.into(), kind.into(), json!(node));
    // n3 is not there, and cannot join before it is started.
    let both = [asked_for("n0", "remove_member", "n2"), asked_for("n1", "remove_member", "n1")];
    assert_eq!(asked(true), both);
    assert_eq!(asked(false), both[..1]);
}

/// A further administrator does not wait for the first, nor for itself, and a tape says what it did.
#[test]
fn a_second_administrator_asks_besides() {
    let check = |administrators| {
        check(|_| Silent).time_limit_secs(4.0).options(move |options| {
            options.administrators = administrators;
            options.nemesis_interval_secs = 0.5;
            options.calm_secs = 0.0;
        })
    };
    let mut seen = Asked::default();
    check(1).run_observed(1, &mut seen, 0);
    assert_eq!(seen.0.len(), 1, "the first one waits for an answer: {:?}", seen.0);
    let mut seen = Asked::default();
    check(2).run_observed(1, &mut seen, 0);
    let steps: BTreeSet<_> = seen.0.iter().map(|(_, kind, node)| (kind, node.as_str())).collect();
    assert!(steps.len() > 2, "the second one does not: {steps:?}");

    let (outcome, _, tape) = check(2).record(1);
    let adds = tape.tracks.strikes[&Fault::Membership].iter().filter(|strike| strike.adds);
    assert!(adds.count() > 2);
    let (replayed, _) = check(2).replay(tape);
    assert_eq!(replayed.history.ops, outcome.history.ops);
}

/// Answers `init` a second late, and all else at once.
#[derive(Default)]
struct Slow {
    init: Option<(Time, Message)>,
    outbox: VecDeque<Message>,
}

impl Slow {
    fn answer(&mut self, message: Message) {
        let body = json!({
            "type": format!("{}_ok", message.body.kind()),
            "in_reply_to": message.body.msg_id(),
        });
        let body = Body::new(&body).unwrap();
        self.outbox.push_back(Message { src: message.dest, dest: message.src, body });
    }
}

impl Process for Slow {
    fn handle_message(&mut self, now: Time, message: Message) {
        match message.body.kind() {
            "init" => self.init = Some((now + Duration::from_secs(1), message)),
            _ => self.answer(message),
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        if let Some((_, init)) = self.init.take_if(|(at, _)| *at <= now) {
            self.answer(init);
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.init.as_ref().map(|(at, _)| *at)
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        self.outbox.pop_front()
    }
}

impl SimulatedNode for Slow {}

struct Slows;

impl NodeFactory for Slows {
    fn start(&mut self, _: usize, _: u64) -> Result<Box<dyn SimulatedNode>, String> {
        Ok(Box::new(Slow::default()))
    }
}

/// Who was told the topology.
#[derive(Default)]
struct Told(Vec<String>);

impl Observer for Told {
    fn message(&mut self, _: Time, direction: Direction, _: u64, message: &Message) {
        if direction == Direction::Receive && message.body.kind() == "topology" {
            self.0.push(message.dest.to_string());
        }
    }
}

#[test]
fn a_late_node_is_set_up_also_if_it_was_killed_before_it_answered() {
    let options = TestOptions {
        nodes: numbered_nodes(3),
        member_count: Some(2),
        time_limit_secs: 5.0,
        ..TestOptions::default()
    };
    let tape = r#"{:tape 2, :workload "broadcast", :seed 1}
        {:at 0, :fault :membership, :starts true, :nodes ["n0" "n1" "n2"], :ends false}
        {:at 500000000, :fault :kill, :starts true, :nodes ["n2"]}
        {:at 600000000, :fault :kill, :starts false}
        {:at 3000000000, :fault :kill, :starts true, :nodes ["n2"]}
        {:at 3100000000, :fault :kill, :starts false}"#;
    let workload = maelstrom::workload::by_name("broadcast").unwrap();
    let mut cluster = VirtualCluster::new(3, Slows, || false);
    let mut told = Told::default();
    let tape = TapeFile::parse(tape).unwrap();
    let outcome = Engine::new(&options, workload, &mut cluster, &mut told, tape, 0).run();
    assert_eq!(outcome.failure, None);
    // Once each, as a node that is started again is under the original, too.
    assert_eq!(told.0, ["n0", "n1", "n2"]);
}

/// Without changes, too, the nodes that are no members are not there, and nobody misses them.
#[test]
fn a_cluster_may_have_spare_nodes() {
    let mut seen = watcher(&["n0", "n1"]);
    let check = check(|_| Obliging).faults([]).options(|options| options.member_count = Some(2));
    let (outcome, results) = check.run_observed(1, &mut seen, 0);
    assert_eq!((outcome.failure, results.verdict), (None, Validity::True));
    assert_eq!(seen.started.keys().collect::<Vec<_>>(), ["n0", "n1"]);
}
