//! What it costs that a peer is dead: `cargo bench --bench dead_peer`.
//!
//! - `g-set`, two nodes: 1,000,000 adds while the other node is dead, a read of all of them, and
//!   then the other node comes. Another run adds 100,000 and is quiet for ten seconds.
//! - `lin-kv`, three nodes: 1,000,000 keys while one is dead. Then it comes and is sent the state.
//!   Then it is cut off until its log ends before the others' begin, and another state takes the
//!   place of the one that it has.
//!
//! The nodes run in virtual time in this process: 10,000 requests a second, 1 ms from node to
//! node. For each part it prints the bytes that the first node has written to its disk, those
//! that all nodes have sent to each other, and the longest step of any node in real time. A node
//! does nothing else while it takes a step. So no step may be long, however large the state is.
//!
//! The nodes are those of `src/bin`, cut down to the requests that are used here.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gyre::crdt::{AntiEntropy, GSet};
use gyre::driver::Driver;
use gyre::key_value::{Change, Registers};
use gyre::replicated::Options;
use gyre::{
    Ctx, Disk, Error, Json, Message, Node, NodeId, Process, Replicated, Runtime, Time, async_trait,
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// How long a message between nodes takes.
const LATENCY: Duration = Duration::from_millis(1);
/// Requests come so many at a time, each time after a pause.
const REQUESTS_TOGETHER: u64 = 10;
const PAUSE: Duration = Duration::from_millis(1);

const QUIET: Duration = Duration::from_secs(10);
const READ: &str = r#"{"type":"read"}"#;

fn main() {
    a_set(1_000_000);
    a_set(100_000);
    a_store(1_000_000);
}

fn a_set(adds: u64) {
    println!("g-set, 2 nodes, one of them dead, {adds} adds");
    let mut cluster = Cluster::new(2, SetNode::new);
    cluster.start(0);
    let add = |number| format!(r#"{{"type":"add","element":{number}}}"#);
    cluster.part("the adds", |cluster| cluster.requests(adds, add));
    cluster.part("10 quiet seconds", |cluster| cluster.run_for(QUIET));
    cluster.part("a read", |cluster| cluster.requests(1, |_| READ.into()));
    cluster.start(1);
    cluster.part("the other one comes", |cluster| cluster.run_for(6 * QUIET));
}

fn a_store(keys: u64) {
    println!("lin-kv, 3 nodes, one of them dead, {keys} keys");
    let mut cluster = Cluster::new(3, StoreNode::new);
    (0..2).for_each(|rank| cluster.start(rank));
    cluster.run_for(QUIET);
    let write = |number| format!(r#"{{"type":"write","key":{number},"value":{number}}}"#);
    cluster.part("the writes", |cluster| cluster.requests(keys, write));
    cluster.part("10 quiet seconds", |cluster| cluster.run_for(QUIET));
    cluster.start(2);
    cluster.part("the third comes", |cluster| cluster.run_for(6 * QUIET));
    cluster.cut_off = Some(2);
    cluster.part("it is cut off", |cluster| cluster.requests(keys / 4, write));
    cluster.cut_off = None;
    cluster.part("it comes back", |cluster| cluster.run_for(6 * QUIET));
}

/// Nodes `n0`, `n1`, … in virtual time, and what is on its way between them.
struct Cluster<N: Node> {
    make: fn(&Ctx) -> N,
    /// `None` is a node that is down.
    nodes: Vec<Option<Runtime<N>>>,
    names: Vec<NodeId>,
    /// A node that nothing reaches, and from which nothing comes.
    cut_off: Option<usize>,
    now: Time,
    /// By the time at which they arrive, and a number that keeps their order.
    on_their_way: BTreeMap<(Time, u64), Message>,
    count: u64,
    replies: u64,
    written_bytes: Rc<Cell<u64>>,
    sent_bytes: u64,
    longest_step: Duration,
}

impl<N: Node> Cluster<N> {
    fn new(size: usize, make: fn(&Ctx) -> N) -> Cluster<N> {
        Cluster {
            make,
            nodes: (0..size).map(|_| None).collect(),
            names: (0..size).map(|rank| NodeId::from(format!("n{rank}"))).collect(),
            cut_off: None,
            now: Time::ZERO,
            on_their_way: BTreeMap::new(),
            count: 0,
            replies: 0,
            written_bytes: Rc::default(),
            sent_bytes: 0,
            longest_step: Duration::ZERO,
        }
    }

    fn start(&mut self, rank: usize) {
        let written_bytes = if rank == 0 { Rc::clone(&self.written_bytes) } else { Rc::default() };
        let disk = Box::new(CountingDisk { written_bytes });
        self.nodes[rank] = Some(Runtime::new(rank as u64, disk, self.make));
        let init = serde_json::json!({
            "type": "init", "node_id": self.names[rank], "node_ids": self.names
        });
        self.request(rank, &init.to_string());
        self.run_for(PAUSE);
    }

    /// Runs a part, and prints what it cost.
    fn part(&mut self, name: &str, part: impl FnOnce(&mut Cluster<N>)) {
        self.written_bytes.set(0);
        (self.sent_bytes, self.longest_step) = (0, Duration::ZERO);
        let start = Instant::now();
        part(self);
        println!(
            "  {name:<20} {:>12} bytes written {:>12} bytes sent   longest step {:>6.1} ms   \
             ({:.1} s)",
            self.written_bytes.get(),
            self.sent_bytes,
            self.longest_step.as_secs_f64() * 1e3,
            start.elapsed().as_secs_f64(),
        );
    }

    /// Clients ask the first node so many things, and get as many replies.
    fn requests(&mut self, count: u64, body: impl Fn(u64) -> String) {
        let replies = self.replies + count;
        for number in 0..count {
            self.request(0, &body(number));
            if number % REQUESTS_TOGETHER == REQUESTS_TOGETHER - 1 {
                self.run_for(PAUSE);
            }
        }
        self.run_for(Duration::from_secs(1));
        assert_eq!(self.replies, replies, "every request is replied to");
    }

    fn request(&mut self, rank: usize, body: &str) {
        self.count += 1;
        let (id, body) = (self.count, &body[1..]);
        let line = format!(r#"{{"src":"c1","dest":"n{rank}","body":{{"msg_id":{id},{body}}}"#);
        let request = Message::parse(&line).expect("a request is a message");
        self.on_their_way.insert((self.now, id), request);
    }

    fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.advance(end) {}
        self.now = end;
    }

    /// Does what is due next, if that is before `end`: messages first.
    fn advance(&mut self, end: Time) -> bool {
        let message = self.on_their_way.first_key_value().map(|((at, _), _)| (*at, 0));
        let due = |(rank, node): (usize, &Option<Runtime<N>>)| {
            Some((node.as_ref()?.poll_timeout()?, rank + 1))
        };
        let wakes = self.nodes.iter().enumerate().filter_map(due);
        let Some((at, what)) = wakes.chain(message).min().filter(|(at, _)| *at < end) else {
            return false;
        };
        self.now = self.now.max(at);
        if what > 0 {
            self.drive(what - 1, None);
            return true;
        }
        let (_, message) = self.on_their_way.pop_first().expect("there is a message");
        match self.names.iter().position(|name| *name == message.dest) {
            Some(rank) => self.drive(rank, Some(message)),
            None => {
                assert_ne!(message.body.kind(), "error", "{}", message.body.as_json());
                self.replies += u64::from(message.body.kind() != "init_ok");
            }
        }
        true
    }

    /// One step of one node, if it is up.
    fn drive(&mut self, rank: usize, message: Option<Message>) {
        let Some(node) = &mut self.nodes[rank] else { return };
        let start = processor_time();
        match message {
            Some(message) => node.handle_message(self.now, message),
            None => node.handle_timeout(self.now),
        }
        self.longest_step = self.longest_step.max(processor_time() - start);
        while let Some(message) = node.poll_transmit() {
            let to = self.names.iter().position(|name| *name == message.dest);
            self.count += 1;
            let Some(to) = to else {
                self.on_their_way.insert((self.now, self.count), message);
                continue;
            };
            self.sent_bytes += message.to_line().len() as u64;
            if ![rank, to].map(Some).contains(&self.cut_off) {
                self.on_their_way.insert((self.now + LATENCY, self.count), message);
            }
        }
    }
}

/// How long the processor has worked for this thread so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("it is not negative")
}

/// A disk that counts what is written to it, and keeps nothing: nobody is started again.
struct CountingDisk {
    written_bytes: Rc<Cell<u64>>,
}

impl Disk for CountingDisk {
    fn read(&mut self, _: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn append(&mut self, _: &str, bytes: &[u8]) -> io::Result<()> {
        self.written_bytes.update(|written| written + bytes.len() as u64);
        Ok(())
    }

    fn sync(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, _: &str, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

struct SetNode(Driver<AntiEntropy<GSet<Json>>>);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SetRequest {
    Add { element: Json },
    Read {},
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum SetResponse {
    AddOk {},
    ReadOk { value: GSet<Json> },
}

impl SetNode {
    fn new(ctx: &Ctx) -> SetNode {
        SetNode(Driver::start(ctx, |records, now, rng| {
            AntiEntropy::new(ctx.id(), ctx.nodes(), records, now, rng)
        }))
    }
}

#[async_trait(?Send)]
impl Node for SetNode {
    type Request = SetRequest;
    type Response = SetResponse;

    async fn handle(&self, _: &Ctx, request: SetRequest, _: NodeId) -> Result<SetResponse, Error> {
        Ok(match request {
            SetRequest::Add { element } => {
                self.0.request(GSet::add(element).into()).await;
                SetResponse::AddOk {}
            }
            SetRequest::Read {} => {
                SetResponse::ReadOk { value: self.0.read(|replica| replica.state().clone()).await }
            }
        })
    }
}

struct StoreNode(Replicated<Registers>);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoreRequest {
    Write { key: Json, value: Json },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum StoreResponse {
    WriteOk {},
}

impl StoreNode {
    fn new(ctx: &Ctx) -> StoreNode {
        StoreNode(Replicated::new(ctx, Options::default()))
    }
}

#[async_trait(?Send)]
impl Node for StoreNode {
    type Request = StoreRequest;
    type Response = StoreResponse;

    async fn handle(
        &self,
        _: &Ctx,
        request: StoreRequest,
        _: NodeId,
    ) -> Result<StoreResponse, Error> {
        let StoreRequest::Write { key, value } = request;
        self.0.execute(Change::Write(key, value)).await??;
        Ok(StoreResponse::WriteOk {})
    }
}
