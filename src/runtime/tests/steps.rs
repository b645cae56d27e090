//! Messages, time, and what is withheld or held back.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rand::Rng;
use serde_json::json;

use super::probe::Driver;
use crate::runtime::{Ctx, Node, Process, Runtime};
use crate::storage::MemoryDisk;
use crate::types::{Error, Message, NodeId, Time};
use async_trait::async_trait;

const NO_MESSAGES: [&str; 0] = [];

/// Source, body, and what is sent then.
#[rustfmt::skip]
#[test]
fn each_message_has_its_answer() {
    for (src, body, expected) in [
        ("c1", json!({"type": "echo", "msg_id": 9, "echo": [1, {"a": null}]}),
         vec![r#"c1 {"in_reply_to":9,"type":"echo_ok","echo":[1,{"a":null}]}"#]),
        ("n2", json!({"type": "echo", "msg_id": 9, "echo": 1}),
         vec![r#"n2 {"in_reply_to":9,"type":"echo_ok","echo":1}"#]),
        ("c1", json!({"type": "echo", "msg_id": -9, "echo": 1}),
         vec![r#"c1 {"in_reply_to":-9,"type":"echo_ok","echo":1}"#]),
        ("c1", json!({"type": "echo", "echo": 1}), vec![]),
        ("c1", json!({"type": "abort", "msg_id": 9}),
         vec![r#"c1 {"in_reply_to":9,"type":"error","code":14,"text":"no"}"#]),
        // Another init.
        ("c1", json!({"type": "init", "msg_id": 9, "node_id": "n1", "node_ids": ["n1"]}),
         vec![r#"c1 {"in_reply_to":9,"type":"init_ok"}"#]),
        // Replies that nobody waits for.
        ("n2", json!({"type": "echo_ok", "in_reply_to": 4, "echo": 1}), vec![]),
        ("n2", json!({"type": "error", "in_reply_to": 4, "code": 11, "text": ""}), vec![]),
        ("n2", json!({"type": "error", "in_reply_to": 4, "msg_id": 5, "code": "?"}), vec![]),
        // What does not fit.
        ("c1", json!({"type": "mix", "msg_id": 9}),
         vec![concat!(
             r#"c1 {"in_reply_to":9,"type":"error","code":10,"text":"unknown type: "#,
             r#"unknown variant `mix`, expected one of `echo`, `pick`, `count`, `sleep`, "#,
             r#"`idle`, `abort`, `reply_nonsense`, `tell`, `tell_later`, `ask`, `ask_both`, "#,
             r#"`insist`, `ask_and_forget`, `read`, `write`, `cas`, `ts`, `store`"}"#,
         )]),
        ("c1", json!({"type": "echo", "msg_id": 9}),
         vec![concat!(
             r#"c1 {"in_reply_to":9,"type":"error","code":12,"text":"malformed echo: "#,
             r#"missing field `echo`"}"#,
         )]),
        ("c1", json!({"type": "sleep", "msg_id": 9, "ms": "1"}),
         vec![concat!(
             r#"c1 {"in_reply_to":9,"type":"error","code":12,"text":"malformed sleep: "#,
             r#"invalid type: string \"1\", expected u64"}"#,
         )]),
        ("c1", json!({"type": "pick", "msg_id": 9, "colour": "pick"}),
         vec![concat!(
             r#"c1 {"in_reply_to":9,"type":"error","code":12,"text":"malformed pick: "#,
             r#"unknown variant `pick`, expected `red` or `green`"}"#,
         )]),
        // What does not become a body.
        ("c1", json!({"type": "reply_nonsense", "msg_id": 9, "how": 0}),
         vec![concat!(
             r#"c1 {"in_reply_to":9,"type":"error","code":13,"text":"this node's reply is "#,
             r#"no body: a body must be a JSON object"}"#,
         )]),
        ("c1", json!({"type": "reply_nonsense", "msg_id": 9, "how": 1}),
         vec![concat!(
             r#"c1 {"in_reply_to":9,"type":"error","code":13,"text":"this node's reply is "#,
             r#"no body: key must be a string"}"#,
         )]),
        // Messages to others.
        ("c1", json!({"type": "tell", "msg_id": 9, "dest": "n9"}),
         vec![concat!(
             r#"c1 {"in_reply_to":9,"type":"error","code":1,"text":"n9 is neither a node "#,
             r#"named in init, nor a service, nor anyone who has sent a message to n1"}"#,
         )]),
        ("c8", json!({"type": "tell", "msg_id": 9, "dest": "c8"}),
         vec![r#"c8 {"type":"hello"}"#, r#"c8 {"in_reply_to":9,"type":"done"}"#]),
        ("c1", json!({"type": "tell", "msg_id": 9, "dest": "lww-kv"}),
         vec![r#"lww-kv {"type":"hello"}"#, r#"c1 {"in_reply_to":9,"type":"done"}"#]),
        ("c1", json!({"type": "tell", "msg_id": 9, "dest": "n1"}),
         vec![r#"n1 {"type":"hello"}"#, r#"c1 {"in_reply_to":9,"type":"done"}"#]),
    ] {
        let mut driver = Driver::settled();
        assert_eq!(driver.receive(src, body.clone()), expected, "{body}");
        assert_eq!(driver.unfinished(), (0, 0, 0), "{body}");
        assert_eq!(driver.log(), NO_MESSAGES, "{body}");
    }
}

/// A node that wraps a client's value in a message to a peer goes deeper than the client did.
#[test]
fn nodes_may_nest_deeper_than_clients() {
    let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    for (src, levels, is_taken) in [("c1", 100, true), ("c1", 130, false), ("n2", 130, true)] {
        let mut driver = Driver::settled();
        let echo = nested(levels);
        let sent = driver.receive(src, json!({"type": "echo", "msg_id": 9, "echo": echo}));
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].contains("echo_ok"), is_taken, "{src} {levels}: {sent:?}");
        assert_eq!(sent[0].contains(r#""code":12"#), !is_taken, "{src} {levels}: {sent:?}");
    }
}

#[test]
fn what_goes_wrong_without_a_msg_id_is_logged() {
    for (body, expected) in [
        (json!({"type": "mix"}), "not-supported (10): unknown type: unknown variant `mix`"),
        (json!({"type": "echo"}), "malformed-request (12): malformed echo: missing field"),
        (json!({"type": "abort"}), "abort from n2 failed: abort (14): no"),
    ] {
        let mut driver = Driver::settled();
        assert_eq!(driver.receive("n2", body), NO_MESSAGES);
        let log = driver.log();
        assert!(log.len() == 1 && log[0].starts_with(expected), "{log:?}");
    }
}

#[test]
fn what_comes_before_init_is_answered_after_it() {
    let mut driver = Driver::new();
    for msg_id in 0..1_002 {
        assert_eq!(driver.receive("n2", json!({"type": "count", "msg_id": msg_id})), NO_MESSAGES);
    }
    let bad_init = json!({"type": "init", "msg_id": 1, "node_id": "n1"});
    let refusal = concat!(
        r#"c0 {"in_reply_to":1,"type":"error","code":12,"text":"malformed init: missing "#,
        r#"field `node_ids`"}"#,
    );
    assert_eq!(driver.receive("c0", bad_init), [refusal]);
    let init = json!({"type": "init", "msg_id": 1, "node_id": "n9", "node_ids": ["n1", "n2"]});
    let refusal = concat!(
        r#"c0 {"in_reply_to":1,"type":"error","code":12,"text":"malformed init: n9 is not "#,
        r#"among the node_ids"}"#,
    );
    assert_eq!(driver.receive("c0", init), [refusal]);
    let sent = driver.init();
    assert_eq!(sent.len(), 1_001);
    let log = ["1000 messages came before init and were kept, 2 more were dropped"];
    assert_eq!(driver.log(), log);
    assert_eq!(sent[0], r#"c0 {"in_reply_to":1,"type":"init_ok"}"#);
    assert_eq!(sent[1], r#"n2 {"in_reply_to":0,"type":"count","count":0}"#);
    assert_eq!(sent[1_000], r#"n2 {"in_reply_to":999,"type":"count","count":999}"#);
}

#[test]
fn a_clients_reply_is_withheld_when_it_comes_too_late() {
    for (src, ms, replies) in [("c1", 4_500, 1), ("c1", 6_000, 0), ("n2", 6_000, 1)] {
        let mut driver = Driver::settled();
        driver.receive(src, json!({"type": "sleep", "msg_id": 2, "ms": ms}));
        assert_eq!(driver.wait(7_000).len(), replies, "{src} after {ms} ms");
        assert_eq!(driver.log().len(), 1 - replies, "what is withheld is logged");
        assert_eq!(driver.unfinished(), (0, 0, 0));
    }
    // A pause of the whole process counts too.
    for (waited_ms, replies) in [(4_500, 1), (4_501, 0)] {
        let mut driver = Driver::settled();
        driver.now = Time::from_millis(10_000);
        driver.receive_late("c1", json!({"type": "count", "msg_id": 2}), waited_ms);
        assert_eq!(driver.log().len(), 1 - replies, "{waited_ms} ms");
    }
    // The wait for init counts too.
    let mut driver = Driver::new();
    driver.receive("c1", json!({"type": "count", "msg_id": 2}));
    driver.wait(5_000);
    assert_eq!(driver.init(), [r#"c0 {"in_reply_to":1,"type":"init_ok"}"#]);
}

#[test]
fn messages_to_others_are_held_back_until_they_are_known_to_exist() {
    let hello = |dest| format!("{dest} {{\"type\":\"hello\"}}");
    // A peer that already runs has us tell three others, right after init.
    let tell_all = |driver: &mut Driver| {
        driver.init();
        let tell = |dest| driver.receive("n2", json!({"type": "tell", "dest": dest}));
        ["n2", "n3", "lin-kv"].into_iter().flat_map(tell).collect::<Vec<_>>()
    };
    let mut driver = Driver::new();
    assert_eq!(tell_all(&mut driver), [hello("n2")], "only n2 was heard from");
    assert_eq!(driver.receive("n3", json!({"type": "count"})), [hello("n3")], "now n3 was, too");
    assert_eq!(driver.wait(99), []);
    assert_eq!(driver.wait(1), [(1, hello("lin-kv"))], "and now all must exist");
    assert_eq!(driver.process.poll_timeout(), None);

    let mut driver = Driver::new();
    tell_all(&mut driver);
    let again = json!({"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ["n1"]});
    assert_eq!(driver.receive("c0", again).len(), 1, "the client of init proves nothing");
    let sent = driver.receive("c7", json!({"type": "count", "msg_id": 1}));
    let reply = r#"c7 {"in_reply_to":1,"type":"count","count":0}"#.to_owned();
    assert_eq!(sent, [hello("n3"), hello("lin-kv"), reply], "clients start when all exist");

    // Replies go out at once, and a message is not late for having been held back.
    let mut driver = Driver::new();
    driver.init();
    assert_eq!(driver.receive("n3", json!({"type": "count", "msg_id": 1})).len(), 1);
    driver.receive("n3", json!({"type": "ask", "msg_id": 2, "dest": "n2", "timeout_ms": 90}));
    assert_eq!(driver.wait(95).len(), 1, "the time of a call runs from the start");
    assert_eq!(driver.unfinished(), (0, 0, 0));
}

#[test]
fn sleepers_wake_in_order_of_time_and_then_of_arrival() {
    let mut driver = Driver::settled();
    for (msg_id, ms) in [(1, 300), (2, 100), (3, 200), (4, 100), (5, 0)] {
        let sleep = json!({"type": "sleep", "msg_id": msg_id, "ms": ms});
        assert_eq!(driver.receive("c1", sleep).len(), usize::from(ms == 0));
    }
    let slept = |msg_id, ms| {
        format!("c1 {{\"in_reply_to\":{msg_id},\"type\":\"slept\",\"now_ms\":{}}}", 1_000 + ms)
    };
    assert_eq!(driver.process.poll_timeout(), Some(Time::from_millis(1_100)));
    let expected =
        [(100, slept(2, 100)), (100, slept(4, 100)), (200, slept(3, 200)), (300, slept(1, 300))];
    assert_eq!(driver.wait(1_000), expected);
    assert_eq!(driver.process.poll_timeout(), None);
}

#[test]
fn what_is_due_comes_before_a_later_message() {
    let mut driver = Driver::settled();
    driver.receive("c1", json!({"type": "sleep", "msg_id": 1, "ms": 100}));
    driver.now = Time::from_millis(1_150);
    let sent = driver.receive("c1", json!({"type": "count", "msg_id": 2}));
    assert!(sent[0].contains("slept") && sent[1].contains("count"), "{sent:?}");
}

#[test]
fn time_never_goes_back() {
    let mut driver = Driver::settled();
    driver.now = Time::from_millis(500);
    let sent = driver.receive("c1", json!({"type": "sleep", "msg_id": 1, "ms": 0}));
    assert_eq!(sent, [r#"c1 {"in_reply_to":1,"type":"slept","now_ms":1000}"#]);
}

#[test]
fn a_spawned_task_outlives_its_handler() {
    let mut driver = Driver::settled();
    let sent = driver.receive("c1", json!({"type": "tell_later", "dest": "n2", "ms": 70}));
    assert_eq!(sent, NO_MESSAGES);
    assert_eq!(driver.wait(100), [(70, "n2 {\"type\":\"hello\"}".to_owned())]);
    assert_eq!(driver.unfinished(), (0, 0, 0));
}

#[test]
fn memory_only_is_said_once_and_only_when_something_is_stored() {
    let mut driver = Driver::settled();
    assert_eq!(driver.log(), NO_MESSAGES);
    for _ in 0..2 {
        driver.receive("c1", json!({"type": "store", "msg_id": 1}));
    }
    let log = driver.log();
    assert!(log.len() == 1 && log[0].contains("memory only"), "{log:?}");
}

/// A node that tells its peers random numbers, for ever.
struct Ticker(Rc<RefCell<u64>>);

#[async_trait(?Send)]
impl Node for Ticker {
    type Request = ();
    type Response = ();

    async fn handle(&self, _: &Ctx, (): (), _: NodeId) -> Result<(), Error> {
        Ok(())
    }

    async fn background(&self, ctx: &Ctx) {
        loop {
            ctx.sleep(Duration::from_millis(200)).await;
            for peer in ctx.peers() {
                let number = ctx.rng().next_u64();
                ctx.send(peer, &json!({"type": "tick", "number": number})).expect("a peer exists");
            }
            let own = ctx.clone();
            let second = ctx.peers()[1].clone();
            ctx.spawn(async move {
                let _ = own.rpc(&second, &json!({"type": "tock"}), Duration::from_secs(9)).await;
            });
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.0.borrow_mut() -= 1;
    }
}

thread_local! {
    /// How many tickers there are.
    static LIVES: Rc<RefCell<u64>> = Rc::default();
}

/// Two seconds of a ticker's life.
fn tick(seed: u64) -> Vec<String> {
    let mut process = Runtime::new(seed, Box::new(MemoryDisk::default()), |_| {
        let lives = LIVES.with(Rc::clone);
        *lives.borrow_mut() += 1;
        Ticker(lives)
    });
    let ids = ["n1", "n2", "n3"];
    let init = json!({"src": "c0", "dest": "n1", "body":
        {"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ids}});
    process.handle_message(Time::ZERO, Message::parse(&init.to_string()).expect("a message"));
    let mut sent = Vec::new();
    while let Some(at) = process.poll_timeout().filter(|&at| at < Time::from_millis(2_000)) {
        sent.extend(std::iter::from_fn(|| process.poll_transmit()).map(|m| m.to_line()));
        process.handle_timeout(at);
    }
    sent
}

#[test]
fn a_seed_decides_everything() {
    assert_eq!(tick(1).len(), 1 + 9 * 3 - 3);
    assert_eq!(tick(1), tick(1));
    assert_ne!(tick(1), tick(2));
}

#[test]
fn dropping_a_process_leaves_nothing() {
    tick(1);
    assert_eq!(LIVES.with(|lives| *lives.borrow()), 0);
}

#[test]
fn what_waits_for_an_idle_moment_takes_all_messages_along_and_no_time() {
    let mut driver = Driver::settled();
    for msg_id in [5, 6] {
        assert_eq!(driver.process.poll_timeout().is_some(), msg_id > 5);
        let sent = driver.receive("c1", json!({"type": "idle", "msg_id": msg_id}));
        assert_eq!(sent, NO_MESSAGES);
    }
    assert_eq!(driver.process.poll_timeout(), Some(driver.now));
    let sent = driver.wait(1_000).into_iter();
    let expected = [5, 6].map(|msg_id| {
        (0, format!(r#"c1 {{"in_reply_to":{msg_id},"type":"slept","now_ms":1000}}"#))
    });
    assert_eq!(sent.collect::<Vec<_>>(), expected);
    assert_eq!(driver.unfinished(), (0, 0, 0));
}
