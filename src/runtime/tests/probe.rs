//! A node that can do everything that a node can do, and a driver for its process.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::runtime::{Ctx, Node, Process, RetryPolicy};
use crate::runtime::{Runtime, Stage};
use crate::storage::MemoryDisk;
use crate::types::{Body, Error, Message, NodeId, Time};
use async_trait::async_trait;

pub(super) struct Probe {
    handled: Cell<u64>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Request {
    Echo {
        echo: Value,
    },
    /// Has a field that can only be one of a few things.
    Pick {
        colour: Colour,
    },
    /// Counts, and replies with how many were counted before.
    Count,
    /// Replies with the time, after so long.
    Sleep {
        ms: u64,
    },
    /// Replies with the time, when no message waits.
    Idle,
    /// Fails with an abort.
    Abort,
    /// Replies with what is no body.
    ReplyNonsense {
        how: u64,
    },
    /// Sends to somebody and replies at once.
    Tell {
        dest: NodeId,
    },
    /// Has a task of its own send to somebody after a while, and replies at once.
    TellLater {
        dest: NodeId,
        ms: u64,
    },
    /// Asks somebody and replies with what it said.
    Ask {
        dest: NodeId,
        timeout_ms: u64,
    },
    /// Asks two at once and replies with what both said.
    AskBoth {
        first: NodeId,
        second: NodeId,
    },
    /// Asks somebody again and again for this long.
    Insist {
        dest: NodeId,
        deadline_ms: u64,
        read_only: bool,
    },
    /// Asks, and gives up the call at once.
    AskAndForget {
        dest: NodeId,
    },
    Read {
        key: u64,
    },
    Write {
        key: u64,
        value: u64,
    },
    Cas {
        key: u64,
        from: u64,
        to: u64,
        create: bool,
    },
    Ts,
    /// Stores something twice.
    Store,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Colour {
    Red,
    Green,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Response {
    EchoOk {
        echo: Value,
    },
    Count {
        count: u64,
    },
    Slept {
        now_ms: u64,
    },
    Done,
    Said {
        bodies: Vec<Value>,
    },
    Value {
        value: Option<u64>,
    },
    Nonsense {
        map: BTreeMap<(u64, u64), u64>,
    },
    #[serde(untagged)]
    NoObject(u64),
}

#[async_trait(?Send)]
impl Node for Probe {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let hello = json!({"type": "hello"});
        match request {
            Request::Echo { echo } => Ok(Response::EchoOk { echo }),
            Request::Pick { colour: Colour::Red | Colour::Green } => Ok(Response::Done),
            Request::Count => {
                let count = self.handled.get();
                self.handled.set(count + 1);
                Ok(Response::Count { count })
            }
            Request::Idle => {
                ctx.idle().await;
                Ok(Response::Slept { now_ms: ctx.now().as_nanos() / 1_000_000 })
            }
            Request::Sleep { ms } => {
                ctx.sleep(Duration::from_millis(ms)).await;
                Ok(Response::Slept { now_ms: ctx.now().as_nanos() / 1_000_000 })
            }
            Request::Abort => Err(Error::abort("no")),
            Request::ReplyNonsense { how: 0 } => Ok(Response::NoObject(7)),
            Request::ReplyNonsense { .. } => {
                Ok(Response::Nonsense { map: BTreeMap::from([((1, 2), 3)]) })
            }
            Request::Tell { dest } => ctx.send(&dest, &hello).map(|()| Response::Done),
            Request::TellLater { dest, ms } => {
                let own = ctx.clone();
                ctx.spawn(async move {
                    own.sleep(Duration::from_millis(ms)).await;
                    own.send(&dest, &hello).expect("dest is known");
                });
                Ok(Response::Done)
            }
            Request::Ask { dest, timeout_ms } => {
                said(&[ctx.rpc(&dest, &hello, Duration::from_millis(timeout_ms)).await?])
            }
            Request::AskBoth { first, second } => {
                let [first, second] =
                    [first, second].map(|dest| ctx.rpc(&dest, &hello, Duration::from_secs(1)));
                said(&[first.await?, second.await?])
            }
            Request::Insist { dest, deadline_ms, read_only } => {
                let policy = RetryPolicy::within(Duration::from_millis(deadline_ms));
                let policy = if read_only { policy.read_only() } else { policy };
                said(&[ctx.rpc_retry(&dest, &hello, policy).await?])
            }
            Request::AskAndForget { dest } => {
                drop(ctx.rpc(&dest, &hello, Duration::from_secs(1)));
                Ok(Response::Done)
            }
            Request::Read { key } => {
                Ok(Response::Value { value: ctx.seq_kv().read_if_exists(&key).await? })
            }
            Request::Write { key, value } => {
                ctx.lww_kv().write(&key, &value).await.map(|()| Response::Done)
            }
            Request::Cas { key, from, to, create: false } => {
                ctx.lin_kv().cas(&key, &from, &to).await.map(|()| Response::Done)
            }
            Request::Cas { key, from, to, create: true } => {
                ctx.lin_kv().cas_or_create(&key, &from, &to).await.map(|()| Response::Done)
            }
            Request::Ts => Ok(Response::Value { value: Some(ctx.lin_tso().ts().await?) }),
            Request::Store => {
                ctx.storage().append(b"one")?;
                ctx.storage().sync()?;
                Ok(Response::Done)
            }
        }
    }
}

fn said(bodies: &[Body]) -> Result<Response, Error> {
    let bodies = bodies.iter().map(|body| body.to().expect("a body is JSON"));
    Ok(Response::Said { bodies: bodies.collect() })
}

/// A process, and everything around it that a script needs.
pub(super) struct Driver {
    pub(super) process: Runtime<Probe>,
    pub(super) now: Time,
    /// The node's own `msg_id`s, in the order in which they were sent.
    pub(super) msg_ids: Vec<i64>,
}

impl Driver {
    /// A process at one second, before its init.
    pub(super) fn new() -> Driver {
        Driver::with_seed(7)
    }

    pub(super) fn with_seed(seed: u64) -> Driver {
        Driver {
            process: Runtime::new(seed, Box::new(MemoryDisk::default()), |_| Probe {
                handled: Cell::new(0),
            }),
            now: Time::from_millis(1_000),
            msg_ids: Vec::new(),
        }
    }

    /// A node n1 of n1, n2, n3, after its init and a client's first message: everybody is
    /// known to exist.
    pub(super) fn settled() -> Driver {
        let mut driver = Driver::new();
        driver.init();
        driver.receive("c1", json!({"type": "count"}));
        driver
    }

    /// Delivers the init, and gives what is sent then.
    pub(super) fn init(&mut self) -> Vec<String> {
        let ids = ["n1", "n2", "n3"];
        self.receive("c0", json!({"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ids}))
    }

    /// Delivers a message, and gives what is sent then.
    pub(super) fn receive(&mut self, src: &str, body: Value) -> Vec<String> {
        self.receive_late(src, body, 0)
    }

    /// The same, for a message that has waited for so long.
    pub(super) fn receive_late(&mut self, src: &str, body: Value, waited_ms: u64) -> Vec<String> {
        let body = Body::new(&body).expect("a test's body is one");
        let message = Message { src: src.into(), dest: "n1".into(), body };
        let since = Time::ZERO + self.now.since(Time::from_millis(waited_ms));
        self.process.handle_late_message(self.now, since, message);
        self.sent()
    }

    /// Answers the call of this number, counted from 0.
    pub(super) fn answer(&mut self, src: &str, number: usize, mut body: Value) -> Vec<String> {
        body["in_reply_to"] = self.msg_ids[number].into();
        self.receive(src, body)
    }

    /// What was sent, as `dest body`. The node's own `msg_id`s are random, so each is written
    /// as its number in `msg_ids`.
    fn sent(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        while let Some(message) = self.process.poll_transmit() {
            assert_eq!(message.src, "n1");
            let mut body = message.body.as_json().to_owned();
            if let Some(msg_id) = message.body.msg_id() {
                body = body.replace(&msg_id.to_string(), &self.msg_ids.len().to_string());
                self.msg_ids.push(msg_id);
            }
            sent.push(format!("{} {body}", message.dest));
        }
        sent
    }

    /// Lets time pass, stopping wherever the process wants waking. Gives what is sent, each
    /// with how many milliseconds into the wait.
    pub(super) fn wait(&mut self, ms: u64) -> Vec<(u64, String)> {
        let start = self.now;
        let end = start + Duration::from_millis(ms);
        let mut sent = Vec::new();
        while let Some(at) = self.process.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.process.handle_timeout(self.now);
            let passed_ms = (self.now - start).as_millis() as u64;
            sent.extend(self.sent().into_iter().map(|message| (passed_ms, message)));
        }
        self.now = end;
        sent
    }

    pub(super) fn log(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.process.poll_log()).collect()
    }

    /// How many tasks, calls and timers are unfinished.
    pub(super) fn unfinished(&self) -> (usize, usize, usize) {
        let Stage::Running { ctx, .. } = &self.process.stage else { panic!("not started") };
        (self.process.executor.len(), ctx.network().calls(), ctx.timers().len())
    }
}
