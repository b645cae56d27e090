//! The runtime, driven by scripts: a row per message in and per message out.

use std::cell::Cell;

use serde_json::{Value, json};

use super::*;
use crate::{MemoryDisk, RetryPolicy, async_trait};

/// A node with one request for everything that a node can do.
struct Probe {
    handled: Cell<u64>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Echo {
        echo: Value,
    },
    /// Counts, and replies with how many were counted before.
    Count,
    /// Replies after so long.
    Sleep {
        ms: u64,
    },
    /// Fails with an abort.
    Abort,
    /// Sends to somebody and replies at once.
    Tell {
        dest: NodeId,
    },
    /// Asks somebody and replies with what it said.
    Ask {
        dest: NodeId,
        timeout_ms: u64,
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
    /// Reads a key of `lin-kv`.
    ReadKv {
        key: String,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Response {
    EchoOk { echo: Value },
    CountOk { count: u64 },
    Done,
    Said { body: Value },
    Kv { value: Option<u64> },
}

const SECOND: Duration = Duration::from_secs(1);

#[async_trait(?Send)]
impl Node for Probe {
    type Request = Request;
    type Response = Response;

    fn new(_: &Ctx) -> Probe {
        Probe { handled: Cell::new(0) }
    }

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let hello = json!({"type": "hello"});
        let said = |body: Body| Ok(Response::Said { body: body.to().expect("a body is JSON") });
        match request {
            Request::Echo { echo } => Ok(Response::EchoOk { echo }),
            Request::Count => {
                let count = self.handled.get();
                self.handled.set(count + 1);
                Ok(Response::CountOk { count })
            }
            Request::Sleep { ms } => {
                ctx.sleep(Duration::from_millis(ms)).await;
                Ok(Response::Done)
            }
            Request::Abort => Err(Error::abort("no")),
            Request::Tell { dest } => ctx.send(&dest, &hello).map(|()| Response::Done),
            Request::Ask { dest, timeout_ms } => {
                said(ctx.rpc(&dest, &hello, Duration::from_millis(timeout_ms)).await?)
            }
            Request::Insist { dest, deadline_ms, read_only } => {
                let policy = RetryPolicy::within(Duration::from_millis(deadline_ms));
                let policy = if read_only { policy.read_only() } else { policy };
                said(ctx.rpc_retry(&dest, &hello, policy).await?)
            }
            Request::AskAndForget { dest } => {
                drop(ctx.rpc(&dest, &hello, SECOND));
                Ok(Response::Done)
            }
            Request::ReadKv { key } => {
                Ok(Response::Kv { value: ctx.lin_kv().read_if_exists(&key).await? })
            }
        }
    }
}

/// The runtime with everything around it that a script needs.
struct Driver {
    process: Runtime<Probe>,
    now: Time,
}

fn message(src: &str, dest: &str, body: Value) -> Message {
    Message { src: src.into(), dest: dest.into(), body: Body::new(&body).unwrap() }
}

impl Driver {
    fn new() -> Driver {
        Driver {
            process: Runtime::new(7, Box::new(MemoryDisk::default())),
            now: Time::from_millis(1_000),
        }
    }

    /// A node n1 of n1, n2, n3, after its init.
    fn started() -> Driver {
        let mut driver = Driver::new();
        assert_eq!(driver.init(), ["c0 {\"in_reply_to\":1,\"type\":\"init_ok\"}"]);
        driver
    }

    fn init(&mut self) -> Vec<String> {
        let ids = ["n1", "n2", "n3"];
        self.receive("c0", json!({"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ids}))
    }

    /// Delivers a message, and gives what is sent then.
    fn receive(&mut self, src: &str, body: Value) -> Vec<String> {
        self.process.handle_message(self.now, message(src, "n1", body));
        self.sent()
    }

    /// What was sent, as `dest body`, with the node's own `msg_id`s written as `msg_id:_`.
    fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.process.poll_transmit())
            .map(|message| {
                assert_eq!(message.src, "n1");
                let mut body = message.body.as_json().to_owned();
                if let Some(msg_id) = message.body.msg_id() {
                    body = body.replace(&msg_id.to_string(), "_");
                }
                format!("{} {body}", message.dest)
            })
            .collect()
    }

    /// As `receive`, for a request that is sent on: gives its `msg_id` too.
    fn msg_id_sent(&mut self) -> i64 {
        let message = self.process.poll_transmit().expect("a message was sent");
        message.body.msg_id().expect("it is a request")
    }

    /// Lets time pass, stopping wherever the process wants waking.
    fn wait(&mut self, ms: u64) -> Vec<String> {
        let end = self.now + Duration::from_millis(ms);
        let mut sent = Vec::new();
        while let Some(at) = self.process.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.process.handle_timeout(self.now);
            sent.extend(self.sent());
        }
        self.now = end;
        sent
    }

    fn log(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.process.poll_log()).collect()
    }

    /// How many tasks, calls and timers are unfinished.
    fn unfinished(&self) -> (usize, usize, usize) {
        let Stage::Running { ctx, .. } = &self.process.stage else { panic!("not started") };
        let (calls, timers) = ctx.waiting();
        (self.process.executor.len(), calls, timers)
    }
}

#[test]
fn each_message_has_its_answer() {
    for (src, body, expected) in [
        (
            "c1",
            json!({"type": "echo", "msg_id": 9, "echo": [1, {"a": null}]}),
            vec![r#"c1 {"in_reply_to":9,"type":"echo_ok","echo":[1,{"a":null}]}"#],
        ),
        (
            "n2",
            json!({"type": "echo", "msg_id": 9, "echo": 1}),
            vec![r#"n2 {"in_reply_to":9,"type":"echo_ok","echo":1}"#],
        ),
        ("c1", json!({"type": "echo", "echo": 1}), vec![]),
        (
            "c1",
            json!({"type": "abort", "msg_id": 9}),
            vec![r#"c1 {"in_reply_to":9,"type":"error","code":14,"text":"no"}"#],
        ),
        (
            "c1",
            json!({"type": "init", "msg_id": 9, "node_id": "n1", "node_ids": ["n1"]}),
            vec![r#"c1 {"in_reply_to":9,"type":"init_ok"}"#],
        ),
        (
            "c1",
            json!({"type": "init", "msg_id": 9, "nonsense": true}),
            vec![r#"c1 {"in_reply_to":9,"type":"init_ok"}"#],
        ),
        ("n2", json!({"type": "echo_ok", "in_reply_to": 4, "echo": 1}), vec![]),
        ("n2", json!({"type": "error", "in_reply_to": 4, "code": 11, "text": ""}), vec![]),
        ("n2", json!({"type": "error", "in_reply_to": 4, "msg_id": 5, "code": "?"}), vec![]),
        (
            "c1",
            json!({"type": "tell", "msg_id": 9, "dest": "n9"}),
            vec![
                r#"c1 {"in_reply_to":9,"type":"error","code":1,"text":"n9 is neither a node named in init, nor a service, nor anyone who has sent a message to n1"}"#,
            ],
        ),
        (
            "c1",
            json!({"type": "tell", "msg_id": 9, "dest": "c1"}),
            vec![r#"c1 {"type":"hello"}"#, r#"c1 {"in_reply_to":9,"type":"done"}"#],
        ),
        (
            "c1",
            json!({"type": "tell", "msg_id": 9, "dest": "lww-kv"}),
            vec![r#"lww-kv {"type":"hello"}"#, r#"c1 {"in_reply_to":9,"type":"done"}"#],
        ),
    ] {
        let mut driver = Driver::started();
        assert_eq!(driver.receive(src, body.clone()), expected, "{body}");
        assert_eq!(driver.unfinished(), (0, 0, 0), "{body}");
    }
}

#[test]
fn a_clients_reply_is_withheld_when_it_comes_too_late() {
    for (src, ms, replies) in [("c1", 4_400, 1), ("c1", 6_000, 0), ("n2", 6_000, 1)] {
        let mut driver = Driver::started();
        assert!(driver.receive(src, json!({"type": "sleep", "msg_id": 2, "ms": ms})).is_empty());
        assert_eq!(driver.wait(7_000).len(), replies, "{src} after {ms} ms");
        assert_eq!(driver.log().len(), 1 - replies, "what is withheld is logged");
        assert_eq!(driver.unfinished(), (0, 0, 0));
    }
}

#[test]
fn messages_to_others_are_held_back_until_they_are_known_to_exist() {
    let tell = |dest| json!({"type": "tell", "dest": dest});
    // A peer that already runs has us tell three others, right after init.
    let tell_all = |driver: &mut Driver| -> Vec<String> {
        ["n2", "n3", "lin-kv"]
            .into_iter()
            .flat_map(|dest| driver.receive("n2", tell(dest)))
            .collect()
    };
    let mut driver = Driver::started();
    assert_eq!(tell_all(&mut driver), ["n2 {\"type\":\"hello\"}"], "only n2 was heard from");
    assert_eq!(driver.receive("n3", tell("n2"))[0], "n3 {\"type\":\"hello\"}", "now n3 was, too");
    assert_eq!(driver.wait(99), [""; 0]);
    assert_eq!(driver.wait(1), ["lin-kv {\"type\":\"hello\"}"], "and now all must exist");

    let mut driver = Driver::started();
    tell_all(&mut driver);
    let sent = driver.receive("c7", json!({"type": "count", "msg_id": 1}));
    let expected = [
        "n3 {\"type\":\"hello\"}",
        "lin-kv {\"type\":\"hello\"}",
        "c7 {\"in_reply_to\":1,\"type\":\"count_ok\",\"count\":0}",
    ];
    assert_eq!(sent, expected, "clients start when all exist");
}

#[test]
fn a_reply_from_the_one_asked_ends_a_call() {
    let mut driver = Driver::started();
    let ask = json!({"type": "ask", "msg_id": 5, "dest": "n2", "timeout_ms": 1_000});
    driver.process.handle_message(driver.now, message("c1", "n1", ask));
    let msg_id = driver.msg_id_sent();
    let reply = json!({"type": "hello_ok", "in_reply_to": msg_id});
    assert_eq!(driver.receive("n3", reply.clone()), [""; 0], "n3 was not asked");
    assert_eq!(driver.receive("n2", reply.clone()).len(), 1);
    assert_eq!(driver.receive("n2", reply), [""; 0], "a second reply is ignored");
    assert_eq!(driver.unfinished(), (0, 0, 0));
}
