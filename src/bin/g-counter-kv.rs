//! G-counter on a key-value store: nodes do not talk to each other, but all to Maelstrom's
//! `seq-kv` service, which is always within reach and sometimes behind the times.
//!
//! Each node has a key that it alone writes: the sum of what was added at it. The counter is
//! the sum of all keys. Two things need care.
//!
//! **An addition counts once.** The node writes its new sum by compare-and-set from the old
//! one. The sum only grows, so the same compare-and-set cannot succeed twice, and one without
//! an answer may safely be tried again: it either succeeds now, or its key shows that it had
//! succeeded before. That holds across restarts too. What an earlier life of the node still
//! has on the way either comes first, and then the key shows it, or comes too late, and fails.
//!
//! **A read is not behind the times for ever.** `seq-kv` is sequentially consistent: all agree
//! on one order of writes, and a node never goes back in it, but a read may be answered from
//! any point since that node's last contact with the newest one. A write happens at the newest
//! point. So a node that writes something and then reads gets what is at least as new as its
//! write (Lamport 1979 allows the delay; the remedy is in Maelstrom's `doc/services.md`). Every
//! node does so now and then, and answers its clients from what it last read.
//!
//! Deliberately absent: storage of its own. The service survives what the node does not.
//!
//! Chapter 5 of the book, `book/05-consistency.md`, reads this.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use gyre::{Ctx, Error, ErrorCode, Kv, Node, NodeId, async_trait};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc, oneshot};

/// How often a node asks for the others' sums.
const REFRESH_EVERY: Duration = Duration::from_millis(500);
/// The pause before something that did not work is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

struct CounterNode {
    /// Every node's sum, as far as this one knows. Sums only grow.
    sums: Rc<RefCell<BTreeMap<NodeId, u64>>>,
    /// Additions on their way to `background`, which writes all that wait with one request.
    additions: mpsc::UnboundedSender<Addition>,
    queue: Mutex<mpsc::UnboundedReceiver<Addition>>,
}

/// An amount to be added, and whom to tell.
struct Addition {
    amount: u64,
    done: oneshot::Sender<Result<(), Error>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { delta: u64 },
    Read {},
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: u128 },
}

impl CounterNode {
    fn new(_: &Ctx) -> CounterNode {
        let (additions, queue) = mpsc::unbounded_channel();
        CounterNode { sums: Rc::default(), additions, queue: Mutex::new(queue) }
    }
}

#[async_trait(?Send)]
impl Node for CounterNode {
    type Request = Request;
    type Response = Response;

    /// What a read would be told, and of how many nodes that is the sum.
    fn inspect(&self) -> Option<Value> {
        let sums = self.sums.borrow();
        let value = sums.values().fold(0, |all: u64, sum| all.saturating_add(*sum));
        Some(json!({ "value": value, "nodes": sums.len() }))
    }

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        match request {
            Request::Add { delta } => {
                let (done, outcome) = oneshot::channel();
                let addition = Addition { amount: delta, done };
                self.additions.send(addition).expect("the queue lives as long as the node");
                outcome.await.expect("every addition is told its outcome")?;
                Ok(Response::AddOk {})
            }
            Request::Read {} => {
                let sums = self.sums.borrow();
                Ok(Response::ReadOk { value: sums.values().map(|sum| u128::from(*sum)).sum() })
            }
        }
    }

    async fn background(&self, ctx: &Ctx) {
        ctx.spawn(refresh(ctx.clone(), Rc::clone(&self.sums)));
        let mut sum = own_sum(ctx).await;
        let mut queue = self.queue.lock().await;
        while let Some(first) = queue.recv().await {
            let mut batch = vec![first];
            while let Ok(next) = queue.try_recv() {
                batch.push(next);
            }
            let mut accepted = Vec::new();
            let mut target = sum;
            for addition in batch {
                match target.checked_add(addition.amount) {
                    Some(greater) => {
                        target = greater;
                        accepted.push(addition);
                    }
                    None => refuse(addition),
                }
            }
            sum = raise(ctx, sum, target - sum).await;
            learn(&self.sums, ctx.id(), sum);
            for addition in accepted {
                // A client that has gone by now need not be told.
                let _ = addition.done.send(Ok(()));
            }
        }
    }
}

fn refuse(addition: Addition) {
    let error = Error::precondition_failed("this node has counted as far as 64 bits go");
    let _ = addition.done.send(Err(error));
}

fn key_of(node: &NodeId) -> String {
    format!("sum of {node}")
}

/// Adds `amount` to this node's key, which was last seen at `sum`. Returns the new sum.
async fn raise(ctx: &Ctx, mut sum: u64, amount: u64) -> u64 {
    let kv = ctx.seq_kv();
    if amount == 0 {
        // Nothing would change, and then success would prove nothing.
        return sum;
    }
    loop {
        // ANCHOR: raise
        let target = sum.saturating_add(amount);
        match kv.cas_or_create(&key_of(ctx.id()), &sum, &target).await {
            Ok(()) => return target,
            Err(error) if error.code == ErrorCode::PreconditionFailed => {}
            Err(_) => ctx.sleep(RETRY_AFTER).await,
        }
        // Either an earlier attempt has succeeded, or one of this node's former life.
        let seen = own_sum(ctx).await;
        if seen == target {
            return target;
        }
        sum = sum.max(seen);
        // ANCHOR_END: raise
    }
}

/// This node's sum, from the store.
async fn own_sum(ctx: &Ctx) -> u64 {
    loop {
        match read(&ctx.seq_kv(), ctx.id()).await {
            Ok(sum) => return sum,
            Err(error) => {
                ctx.log(format_args!("could not read this node's sum: {error}"));
                ctx.sleep(RETRY_AFTER).await;
            }
        }
    }
}

async fn read(kv: &Kv, node: &NodeId) -> Result<u64, Error> {
    Ok(kv.read_if_exists(&key_of(node)).await?.unwrap_or(0))
}

fn learn(sums: &RefCell<BTreeMap<NodeId, u64>>, node: &NodeId, sum: u64) {
    let mut sums = sums.borrow_mut();
    let known = sums.entry(node.clone()).or_default();
    *known = (*known).max(sum);
}

/// Reads every node's sum again and again, each time after a write that brings this node's
/// view of the store up to date.
async fn refresh(ctx: Ctx, sums: Rc<RefCell<BTreeMap<NodeId, u64>>>) {
    let kv = ctx.seq_kv();
    // A write that changed nothing would be no write to the service.
    let mut mark: u32 = ctx.rng().random();
    loop {
        // ANCHOR: refresh
        mark = mark.wrapping_add(1);
        if kv.write(&format!("mark of {}", ctx.id()), &mark).await.is_ok() {
            for node in ctx.nodes() {
                let (kv, node, sums) = (kv.clone(), node.clone(), Rc::clone(&sums));
                ctx.spawn(async move {
                    // What fails now is read again soon.
                    if let Ok(sum) = read(&kv, &node).await {
                        learn(&sums, &node, sum);
                    }
                });
            }
        }
        ctx.sleep(REFRESH_EVERY).await;
        // ANCHOR_END: refresh
    }
}

fn main() -> ExitCode {
    gyre::run(CounterNode::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::CounterNode;

    #[test]
    fn sim() {
        maelstrom::check("g-counter", CounterNode::new)
            .named("g-counter-kv")
            .faults(Fault::COMMON)
            .seeds(0..100);
    }

    #[test]
    fn sim_of_25_nodes() {
        maelstrom::check("g-counter", CounterNode::new)
            .named("g-counter-kv")
            .faults(Fault::COMMON)
            .nodes(25)
            .seeds(0..5);
    }
}
