//! The driver's checkpoints: written in slices beside the work, and safe at every moment.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::protocols::core::{Core, Input, Outputs, OutputsOf};
use crate::runtime::driver::Driver;
use crate::runtime::{Ctx, Node, Process, Runtime};
use crate::storage::{Disk, MemoryDisk, SimDisk};
use crate::types::{Body, Error, Message, NodeId, Time};

/// A core that holds texts by number.
#[derive(Default)]
struct Texts {
    held: BTreeMap<u64, String>,
    outputs: Outputs<(u64, String), (), ()>,
}

impl Core for Texts {
    type Local = (u64, String);
    type Reply = ();
    type Message = ();
    type Record = (u64, String);

    fn step(&mut self, _: Time, input: Input<(u64, String), ()>, _: &mut ChaCha8Rng) {
        if let Input::Local { id, request } = input {
            self.held.insert(request.0, request.1.clone());
            self.outputs.persist.push(request);
            self.outputs.reply.push((id, ()));
        }
    }

    fn outputs(&mut self) -> OutputsOf<Texts> {
        std::mem::take(&mut self.outputs)
    }

    fn must_persist(&self) -> bool {
        !self.outputs.persist.is_empty()
    }

    fn next_wake(&self) -> Option<Time> {
        None
    }

    fn checkpoint(&self) -> Box<dyn Iterator<Item = (u64, String)>> {
        Box::new(self.held.clone().into_iter())
    }

    fn inspect(&self) -> serde_json::Value {
        json!({ "numbers": self.held.keys().collect::<Vec<_>>() })
    }
}

struct Holder(Driver<Texts>);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Hold { number: u64, text: String },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    HoldOk { number: u64 },
}

impl Holder {
    fn new(ctx: &Ctx) -> Holder {
        Holder(Driver::start(ctx, |records, _, _| Texts {
            held: records.into_iter().collect(),
            ..Texts::default()
        }))
    }
}

#[async_trait(?Send)]
impl Node for Holder {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Hold { number, text } = request;
        self.0.request((number, text)).await;
        Ok(Response::HoldOk { number })
    }
}

/// A node on a disk, and the time there.
struct Life {
    process: Runtime<Holder>,
    now: Time,
    /// The numbers that were acknowledged.
    acknowledged: BTreeSet<u64>,
}

impl Life {
    fn begin(seed: u64, disk: Box<dyn Disk>) -> Life {
        let process = Runtime::new(seed, disk, Holder::new);
        let mut life = Life { process, now: Time::ZERO, acknowledged: BTreeSet::new() };
        let init = json!({"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ["n1"]});
        life.say(init);
        life
    }

    fn say(&mut self, body: serde_json::Value) {
        let body = Body::new(&body).expect("a test's body is one");
        let message = Message { src: "c1".into(), dest: "n1".into(), body };
        self.process.handle_message(self.now, message);
        self.take_replies();
    }

    fn hold(&mut self, number: u64, text: &str) {
        self.say(json!({"type": "hold", "msg_id": 2, "number": number, "text": text}));
    }

    /// Lets so much time pass.
    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.process.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.process.handle_timeout(self.now);
            self.take_replies();
        }
        self.now = end;
    }

    fn take_replies(&mut self) {
        #[derive(Deserialize)]
        struct Held {
            number: u64,
        }
        while let Some(message) = self.process.poll_transmit() {
            if message.body.kind() == "hold_ok" {
                let held: Held = message.body.to().expect("it has a number");
                self.acknowledged.insert(held.number);
            }
        }
    }

    /// What the node has.
    fn held(&self) -> BTreeSet<u64> {
        let state = self.process.inspect().expect("a core can be looked at");
        serde_json::from_value(state["numbers"].clone()).expect("numbers")
    }
}

#[test]
fn what_was_acknowledged_outlives_a_crash_at_any_moment_of_a_checkpoint() {
    let mut in_the_middle = 0;
    for seed in 0..100 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut disk, mut acknowledged, mut number) = (SimDisk::new(), BTreeSet::new(), 0);
        for life in 0..5 {
            let mut node = Life::begin(seed ^ (life << 32), Box::new(disk.clone()));
            assert!(node.held().is_superset(&acknowledged), "seed {seed} life {life}");
            for _ in 0..rng.random_range(0..60) {
                for _ in 0..rng.random_range(1..4) {
                    number += 1;
                    node.hold(number, &"x".repeat(rng.random_range(0..3_000)));
                }
                node.wait(Duration::from_millis(rng.random_range(0..8)));
            }
            acknowledged.extend(node.acknowledged);
            drop(node.process);
            let files = disk.list().unwrap();
            let logs = files.iter().filter(|file| file.starts_with("log-")).count();
            // Two logs are there as long as a checkpoint is under way.
            in_the_middle += logs.saturating_sub(1);
            disk.crash(&mut rng);
        }
    }
    assert!(in_the_middle > 20, "only {in_the_middle} crashes came in the middle of a checkpoint");
}

/// Notes the length of every write, by file.
#[derive(Clone, Default)]
struct Watched {
    disk: Rc<RefCell<MemoryDisk>>,
    writes: Rc<RefCell<Vec<(String, usize)>>>,
}

impl Disk for Watched {
    fn read(&mut self, file: &str) -> io::Result<Option<Vec<u8>>> {
        self.disk.borrow_mut().read(file)
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.writes.borrow_mut().push((file.to_owned(), bytes.len()));
        self.disk.borrow_mut().append(file, bytes)
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.disk.borrow_mut().sync(file)
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.disk.borrow_mut().sync_folder()
    }

    fn truncate(&mut self, file: &str, length: u64) -> io::Result<()> {
        self.disk.borrow_mut().truncate(file, length)
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.disk.borrow_mut().remove(file)
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        self.disk.borrow_mut().list()
    }
}

#[test]
fn a_checkpoint_of_any_size_is_written_in_slices_and_requests_are_answered_meanwhile() {
    let disk = Watched::default();
    let mut node = Life::begin(1, Box::new(disk.clone()));
    let text = "x".repeat(1_000);
    for number in 0..5_000 {
        node.hold(number, &text);
        node.wait(Duration::from_millis(1));
        assert!(node.acknowledged.contains(&number), "{number} is answered within a millisecond");
    }
    node.wait(Duration::from_secs(5));
    let writes = disk.writes.borrow();
    let total: usize = writes.iter().map(|(_, bytes)| bytes).sum();
    assert!(total < 4 * 5_000 * 1_000, "{total} bytes were written for 5 MB of texts");
    let slices: Vec<usize> =
        (0..writes.len()).filter(|&at| writes[at].0.starts_with("snapshot-")).collect();
    let longest = slices.iter().map(|&at| writes[at].1).max().expect("there were checkpoints");
    assert!(longest < 70_000, "a slice of {longest} bytes");
    let beside = slices.windows(2).filter(|pair| {
        let between = &writes[pair[0]..pair[1]];
        writes[pair[0]].0 == writes[pair[1]].0
            && between.iter().any(|(file, _)| file.starts_with("log-"))
    });
    assert!(beside.count() > 20, "records are written between the slices of a checkpoint");
}
