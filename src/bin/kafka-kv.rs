//! Kafka on several nodes, with its logs in the `lin-kv` service.
//!
//! Each message has a cell of its own in the store: `["messages", key, offset]`. A cell is
//! created with compare-and-set, by whoever is first, and never changes after that. So
//!
//! - a message has its offset at the same moment at which it is in the log: there is no gap
//!   between "taking a number" and "writing the message" in which a crash could leave a hole,
//!   or a poll could miss it;
//! - what a node has once read of a log stays true, so it may keep it. It reads only what lies
//!   beyond, and tries a new message right behind what it knows.
//!
//! A cell is only tried once the one before it is known to be taken: logs are dense. An
//! attempt whose answer is lost may still take effect, at any later time. So a message carries
//! a unique id, and the node tries the *same* cell again until it is taken, by this message or
//! by another: it never tries the next cell while the last attempt may still succeed. That is
//! why no message is ever in a log twice.
//!
//! Deliberately absent: any talk between the nodes, and any state that a kill could take away.
//! What this costs: a request to the store for each message, and for each key polled.
//!
//! Chapter 11 of the book, `book/11-kafka.md`, reads this.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use gyre::kafka_log::{Batch, Logs, Offset, Request, Response};
use gyre::{Ctx, Error, ErrorCode, Json, Kv, Node, NodeId, Time, async_trait, join_all};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long a request is worked on: a little less than a client waits.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long one answer of the store may take.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// How many cells are read at once, when a log turns out to be longer than was known.
const READ_AHEAD: Offset = 8;

struct KafkaKv {
    /// Of each log, the beginning that this node knows.
    known: RefCell<Logs>,
    /// How many messages that is.
    messages: std::cell::Cell<u64>,
}

/// The most keys whose logs one poll looks after in the store; the others it answers from
/// what is known, and they have their turn another time.
const KEYS_READ_MAX: usize = 256;

/// A message as it is in the store.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Cell {
    /// Names this attempt to send, so that it can be told from an equal message.
    id: String,
    msg: Json,
}

/// The name in the store of the message at an offset.
fn cell_key(key: &str, offset: Offset) -> (&'static str, &str, Offset) {
    ("messages", key, offset)
}

/// The name in the store of a committed offset.
fn committed_key(key: &str) -> (&'static str, &str) {
    ("committed", key)
}

fn store(ctx: &Ctx) -> Kv {
    ctx.lin_kv().with_timeout(STORE_TIMEOUT)
}

/// Nobody knows what became of the request.
fn gave_up(what: &str) -> Error {
    Error::timeout(format!("{what} took longer than {PATIENCE:?}; the lin-kv service is slow"))
}

impl KafkaKv {
    // ANCHOR: send
    async fn send(&self, ctx: &Ctx, key: &str, msg: Json) -> Result<Offset, Error> {
        let cell =
            Some(Cell { id: format!("{}-{:016x}", ctx.id(), ctx.rng().random::<u64>()), msg });
        let deadline = ctx.now() + PATIENCE;
        let mut offset = self.known.borrow().end(key);
        // Whether an attempt at this offset got no answer, and so may have succeeded.
        let mut may_be_there = false;
        while ctx.now() < deadline {
            match store(ctx).cas_or_create(&cell_key(key, offset), &None, &cell).await {
                Ok(()) => return Ok(self.learn(key, offset, cell)),
                Err(error) if error.code == ErrorCode::PreconditionFailed => {
                    if may_be_there {
                        match store(ctx).read_if_exists(&cell_key(key, offset)).await {
                            Ok(taken) if taken == cell => return Ok(self.learn(key, offset, cell)),
                            Ok(_) => may_be_there = false,
                            Err(_) => continue,
                        }
                    }
                    self.read_on(ctx, key, deadline).await;
                    offset = self.known.borrow().end(key).max(offset + 1);
                }
                Err(_) => may_be_there = true,
            }
        }
        Err(gave_up("sending"))
    }
    // ANCHOR_END: send

    /// Takes note of a cell, if it is the next one that was not known.
    fn learn(&self, key: &str, offset: Offset, cell: Option<Cell>) -> Offset {
        let mut known = self.known.borrow_mut();
        if let Some(cell) = cell.filter(|_| offset == known.end(key)) {
            known.append(key, cell.msg);
            self.messages.set(self.messages.get() + 1);
        }
        offset
    }

    /// Reads a log beyond what is known of it, to its end or until the time is over. Says
    /// whether it came to the end.
    async fn read_on(&self, ctx: &Ctx, key: &str, deadline: Time) -> bool {
        // Mostly there is nothing new, or one message.
        let mut count = 1;
        while ctx.now() < deadline {
            let from = self.known.borrow().end(key);
            let store = store(ctx);
            let offsets: Vec<Offset> = (from..from + count).collect();
            let reads = offsets.iter().map(|offset| {
                let (store, offset) = (&store, *offset);
                async move { store.read::<Cell>(&cell_key(key, offset)).await }
            });
            for (offset, cell) in offsets.iter().zip(join_all(reads).await) {
                match cell {
                    Ok(cell) => self.learn(key, *offset, Some(cell)),
                    Err(error) => return error.code == ErrorCode::KeyDoesNotExist,
                };
            }
            count = READ_AHEAD;
        }
        false
    }

    async fn poll(&self, ctx: &Ctx, offsets: &BTreeMap<String, Offset>) -> Batch {
        let deadline = ctx.now() + PATIENCE;
        let is_at_end = |(key, from): &(&String, &Offset)| **from >= self.known.borrow().end(key);
        let mut at_end: Vec<&String> =
            offsets.iter().filter(is_at_end).map(|(key, _)| key).collect();
        if at_end.len() > KEYS_READ_MAX {
            let first = ctx.rng().random_range(0..at_end.len());
            at_end.rotate_left(first);
            at_end.truncate(KEYS_READ_MAX);
        }
        join_all(at_end.into_iter().map(|key| self.read_on(ctx, key, deadline))).await;
        self.known.borrow().poll(offsets)
    }

    /// Raises the committed offset of a key; one that is higher stays. What is beyond the end
    /// of the log cannot have been processed, and is taken for its end.
    async fn commit(&self, ctx: &Ctx, key: &str, offset: Offset) -> Result<(), Error> {
        let deadline = ctx.now() + PATIENCE;
        if offset >= self.known.borrow().end(key) && !self.read_on(ctx, key, deadline).await {
            return Err(gave_up("committing"));
        }
        let offset = offset.min(self.known.borrow().end(key) - 1);
        if offset < 0 {
            return Ok(());
        }
        let mut committed: Option<Offset> = None;
        while ctx.now() < deadline {
            if committed >= Some(offset) {
                return Ok(());
            }
            let key = committed_key(key);
            match store(ctx).cas_or_create(&key, &committed, &Some(offset)).await {
                Ok(()) => return Ok(()),
                // Somebody was faster, or this node was, and its answer was lost.
                Err(_) => committed = store(ctx).read_if_exists(&key).await.unwrap_or(committed),
            }
        }
        Err(gave_up("committing"))
    }

    async fn committed(&self, ctx: &Ctx, key: String) -> Result<Option<(String, Offset)>, Error> {
        let committed = store(ctx).read_if_exists(&committed_key(&key)).await?;
        Ok(committed.map(|offset| (key, offset)))
    }
}

impl KafkaKv {
    fn new(_: &Ctx) -> KafkaKv {
        KafkaKv { known: RefCell::default(), messages: std::cell::Cell::new(0) }
    }
}

#[async_trait(?Send)]
impl Node for KafkaKv {
    type Request = Request;
    type Response = Response;

    fn inspect(&self) -> Option<Value> {
        let (messages, ends) = (self.messages.get(), self.known.borrow().ends());
        Some(json!({ "messages": messages, "ends": ends }))
    }

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Send { key, msg } => {
                Response::SendOk { offset: self.send(ctx, &key, msg).await? }
            }
            Request::Poll { offsets } => Response::PollOk { msgs: self.poll(ctx, &offsets).await },
            Request::CommitOffsets { offsets } => {
                let commits = offsets.iter().map(|(key, offset)| self.commit(ctx, key, *offset));
                join_all(commits).await.into_iter().collect::<Result<(), Error>>()?;
                Response::CommitOffsetsOk {}
            }
            Request::ListCommittedOffsets { keys } => {
                let committed = keys.into_iter().map(|key| self.committed(ctx, key));
                let committed: Result<Vec<_>, Error> =
                    join_all(committed).await.into_iter().collect();
                let offsets = committed?.into_iter().flatten().collect();
                Response::ListCommittedOffsetsOk { offsets }
            }
        })
    }
}

fn main() -> ExitCode {
    gyre::run(KafkaKv::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::KafkaKv;

    #[test]
    fn sim() {
        maelstrom::check("kafka", KafkaKv::new)
            .faults(Fault::COMMON)
            .named("kafka-kv")
            .seeds(0..50);
    }
}
