//! `--nemesis disk`: what befalls a disk, what a node on gyre's storage makes of it, and what is
//! said of a node that has none.

use std::cell::RefCell;
use std::collections::BTreeSet;

use gyre::{Ctx, Error, Failure, Node, NodeId, Storage, Time, async_trait};
use maelstrom::Fault;
use maelstrom::checker::Validity;
use maelstrom::engine::{Observer, Outcome};
use maelstrom::history::{Op, OpType};
use maelstrom::simulation::Check;
use maelstrom::tape::TapeFile;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { element: i64 },
    Read {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: BTreeSet<i64> },
}

/// A set on the storage of one node.
struct Kept {
    storage: Storage,
    elements: RefCell<BTreeSet<i64>>,
}

impl Kept {
    fn new(ctx: &Ctx) -> Kept {
        let storage = ctx.storage();
        let recovered = storage.load().unwrap_or_else(|error| Failure::raise(error));
        let element = |record: Vec<u8>| i64::from_le_bytes(record.try_into().expect("8 bytes"));
        let elements = RefCell::new(recovered.records.into_iter().map(element).collect());
        Kept { storage, elements }
    }
}

#[async_trait(?Send)]
impl Node for Kept {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        match request {
            Request::Add { element } => {
                let appended = self.storage.append(&element.to_le_bytes());
                let kept = appended.and_then(|()| self.storage.sync());
                kept.unwrap_or_else(|error| Failure::raise(error));
                self.elements.borrow_mut().insert(element);
                Ok(Response::AddOk {})
            }
            Request::Read {} => Ok(Response::ReadOk { value: self.elements.borrow().clone() }),
        }
    }
}

/// The same in memory.
#[derive(Default)]
struct Unkept(RefCell<BTreeSet<i64>>);

#[async_trait(?Send)]
impl Node for Unkept {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        match request {
            Request::Add { element } => {
                self.0.borrow_mut().insert(element);
                Ok(Response::AddOk {})
            }
            Request::Read {} => Ok(Response::ReadOk { value: self.0.borrow().clone() }),
        }
    }
}

/// What is said in a run.
#[derive(Default)]
struct Said(Vec<String>);

impl Observer for Said {
    fn log(&mut self, _: Time, sentence: &str) {
        self.0.push(sentence.to_owned());
    }
}

fn one_node<N: Node>(make: impl Fn(&Ctx) -> N + Send + Sync + 'static) -> Check {
    maelstrom::check("g-set", make).nodes(1).time_limit_secs(20.0).fixed_latency().options(
        |options| {
            options.concurrency = 4;
            options.calm_secs = 0.0;
        },
    )
}

/// Four clients add an element each second: while all is well, in trouble twice, and after it.
fn run(fault: &str) -> (Outcome, Vec<String>, Validity) {
    let tape = format!(
        r#"{{:tape 2, :workload "g-set", :seed 1}}
        {{:at 1000000000, :thread 0, :f :add, :value 0}}
        {{:at 3000000000, :thread 1, :f :add, :value 1}}
        {{:at 4000000000, :thread 2, :f :add, :value 2}}
        {{:at 9500000000, :thread 3, :f :add, :value 3}}
        {{:at 2000000000, :fault :disk, :starts true, :disks [["n0" {fault}]]}}
        {{:at 9000000000, :fault :disk, :starts false}}"#
    );
    let mut said = Said::default();
    let check = one_node(Kept::new);
    let (outcome, results) =
        check.replay_observed(TapeFile::parse(&tape).expect("a tape"), &mut said);
    (outcome, said.0, results.verdict)
}

/// How the additions ended, in the order of the elements, and how long each took in ms.
fn additions(outcome: &Outcome) -> Vec<(OpType, i64)> {
    let all = outcome.history.ops.iter().filter(|op| op.is_client() && &*op.f == "add");
    let of = |element: i64| -> Vec<&Op> {
        all.clone().filter(|op| op.value == element.into()).collect()
    };
    let ended = |ops: Vec<&Op>| (ops[1].kind, (ops[1].time - ops[0].time) / 1_000_000);
    (0..4).map(|element| ended(of(element))).collect()
}

/// What the last read to succeed shows.
fn last_read(outcome: &Outcome) -> String {
    let mut reads =
        outcome.history.ops.iter().filter(|op| &*op.f == "read" && op.kind == OpType::Ok);
    reads.next_back().expect("the final reads").value.to_string()
}

#[test]
fn a_node_whose_disk_is_full_ends_and_is_started_again_when_it_is_not() {
    let (outcome, said, verdict) = run(":full");
    assert_eq!((outcome.failure.as_deref(), verdict), (None, Validity::True));
    let kinds: Vec<OpType> = additions(&outcome).into_iter().map(|(kind, _)| kind).collect();
    // The second was never answered. The third found nobody until its client had given up.
    assert_eq!(kinds, [OpType::Ok, OpType::Info, OpType::Info, OpType::Ok]);
    assert!(said.iter().any(|said| said.contains("n0 has ended: a node failed: ")), "{said:?}");
    assert!(last_read(&outcome).contains('3'), "{}", last_read(&outcome));
}

#[test]
fn what_a_node_says_after_a_slow_sync_leaves_it_only_then() {
    let (outcome, _, verdict) = run(":slow 300");
    assert_eq!((outcome.failure.as_deref(), verdict), (None, Validity::True));
    let ended = additions(&outcome);
    let expected = [0, 300, 300, 0].map(|ms| (OpType::Ok, ms));
    assert_eq!(ended, expected);
}

#[test]
fn a_node_refuses_to_start_on_rotten_records_and_has_them_when_they_are_restored() {
    for bit in 0..200 {
        let (outcome, said, verdict) = run(&format!(":rot {bit}"));
        assert_eq!((outcome.failure.as_deref(), verdict), (None, Validity::True), "bit {bit}");
        let refusal = said.iter().any(|said| said.contains("restore it from elsewhere"));
        assert!(refusal, "bit {bit}: {said:?}");
        let kinds: Vec<OpType> = additions(&outcome).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds[0], OpType::Ok);
        assert_eq!(kinds[3], OpType::Ok);
        assert!(last_read(&outcome).contains('0'), "bit {bit}: {}", last_read(&outcome));
    }
}

#[test]
fn a_power_cut_takes_nothing_that_was_synced() {
    let (outcome, _, verdict) = run(":power-cut");
    assert_eq!((outcome.failure.as_deref(), verdict), (None, Validity::True));
    assert!(last_read(&outcome).contains('0'), "{}", last_read(&outcome));
}

#[test]
fn of_a_node_without_storage_it_is_said_that_nothing_can_befall_its_disk() {
    let mut said = Said::default();
    let check = one_node(|_| Unkept::default()).faults([Fault::Disk]);
    let (outcome, _) = check.run_observed(1, &mut said, 0);
    assert_eq!(outcome.failure, None);
    let sentences = said.0.iter().filter(|said| said.contains("written nothing to a disk"));
    assert_eq!(sentences.count(), 1, "{:?}", said.0);
}

#[test]
fn the_same_seed_and_its_tape_give_the_same_history() {
    for seed in 0..10 {
        let check = || maelstrom::check("g-set", Kept::new).faults([Fault::Disk, Fault::Kill]);
        let (outcome, _, tape) = check().record(seed);
        assert_eq!(outcome.failure, None, "seed {seed}");
        assert_eq!(check().run(seed).0.history, outcome.history, "seed {seed}");
        let text = tape.to_text();
        assert!(text.contains(":disks [["), "seed {seed}");
        let (replayed, _) = check().replay(TapeFile::parse(&text).expect("it was just written"));
        assert_eq!(replayed.history, outcome.history, "seed {seed}");
    }
}
