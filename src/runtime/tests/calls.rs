//! Calls to others: replies, timeouts, retries, and the bench's services.

use serde_json::{Value, json};

use super::probe::Driver;
use crate::runtime::Process;

const ASK: &str = r#"n2 {"msg_id":0,"type":"hello"}"#;

fn ask() -> Value {
    json!({"type": "ask", "msg_id": 5, "dest": "n2", "timeout_ms": 1_000})
}

#[test]
fn the_first_reply_from_the_one_asked_ends_a_call() {
    let mut driver = Driver::settled();
    assert_eq!(driver.receive("c1", ask()), [ASK]);
    assert!(driver.answer("n3", 0, json!({"type": "no"})).is_empty(), "n3 was not asked");
    assert_eq!(driver.unfinished(), (1, 1, 1));
    let sent = driver.answer("n2", 0, json!({"type": "yes"}));
    assert!(sent.len() == 1 && sent[0].contains(r#""type":"yes""#), "{sent:?}");
    assert_eq!(driver.unfinished(), (0, 0, 0));
    assert!(driver.answer("n2", 0, json!({"type": "yes"})).is_empty(), "a second reply");
}

#[test]
fn an_error_in_reply_is_an_error() {
    for (body, expected) in [
        (json!({"type": "error", "code": 22, "text": "not so"}), r#""code":22,"text":"not so""#),
        (json!({"type": "error", "code": 999, "text": "?"}), r#""code":999,"text":"?""#),
        (json!({"type": "error", "code": 11}), r#""code":11,"text":"""#),
        (json!({"type": "error"}), r#""code":13,"text":"an error without a code came in"#),
    ] {
        let mut driver = Driver::settled();
        driver.receive("c1", ask());
        let sent = driver.answer("n2", 0, body);
        assert!(sent.len() == 1 && sent[0].contains(expected), "{sent:?}");
    }
}

#[test]
fn a_call_that_times_out_leaves_nothing() {
    let mut driver = Driver::settled();
    driver.receive("c1", ask());
    let text = r#"c1 {"in_reply_to":5,"type":"error","code":0,"text":"no reply from n2 in 1s"}"#;
    assert_eq!(driver.wait(2_000), [(1_000, text.to_owned())]);
    assert_eq!(driver.unfinished(), (0, 0, 0));
    assert!(driver.answer("n2", 0, json!({"type": "late"})).is_empty());
}

#[test]
fn a_call_that_is_dropped_leaves_nothing() {
    let mut driver = Driver::settled();
    let sent = driver.receive("c1", json!({"type": "ask_and_forget", "msg_id": 5, "dest": "n2"}));
    assert_eq!(sent, [ASK, r#"c1 {"in_reply_to":5,"type":"done"}"#]);
    assert_eq!(driver.unfinished(), (0, 0, 0));
    assert!(driver.answer("n2", 0, json!({"type": "late"})).is_empty());
}

#[test]
fn a_call_to_nobody_fails_at_once() {
    let mut driver = Driver::settled();
    let sent =
        driver.receive("c1", json!({"type": "ask", "msg_id": 5, "dest": "n9", "timeout_ms": 9}));
    assert!(sent.len() == 1 && sent[0].contains(r#""code":1,"#), "{sent:?}");
}

#[test]
fn several_calls_go_out_together() {
    let mut driver = Driver::settled();
    let both = json!({"type": "ask_both", "msg_id": 5, "first": "n2", "second": "n3"});
    assert_eq!(driver.receive("c1", both), [ASK, r#"n3 {"msg_id":1,"type":"hello"}"#]);
    assert!(driver.answer("n3", 1, json!({"type": "three"})).is_empty());
    let sent = driver.answer("n2", 0, json!({"type": "two"}));
    assert_eq!(sent.len(), 1, "the replies may come in any order");
    assert_eq!(driver.unfinished(), (0, 0, 0));
}

#[test]
fn each_life_numbers_its_calls_from_somewhere_else() {
    let first_msg_id = |seed| {
        let mut driver = Driver::with_seed(seed);
        driver.init();
        driver.receive("c1", ask());
        driver.msg_ids[0]
    };
    assert_ne!(first_msg_id(1), first_msg_id(2));
}

/// What becomes of a request that is retried for 10 s, when its attempts are answered so.
/// `None` is no answer. Gives how many attempts were made, and the outcome.
fn insist(read_only: bool, answers: &[Option<Value>]) -> (usize, String) {
    let mut driver = Driver::settled();
    // Asked by a node, for a client would have no answer after so long.
    let insist = json!({"type": "insist", "msg_id": 5, "dest": "n2", "deadline_ms": 10_000,
                        "read_only": read_only});
    assert_eq!(driver.receive("n3", insist), [ASK]);
    for (number, answer) in answers.iter().enumerate() {
        while driver.msg_ids.len() == number {
            driver.wait(10);
        }
        if let Some(answer) = answer {
            let sent = driver.answer("n2", number, answer.clone());
            if let Some(outcome) = sent.first() {
                return (driver.msg_ids.len(), outcome.clone());
            }
        }
    }
    let sent = driver.wait(20_000);
    let (_, outcome) = sent.last().expect("there is an outcome in the end").clone();
    assert_eq!(driver.unfinished(), (0, 0, 0));
    (driver.msg_ids.len(), outcome)
}

#[test]
fn a_request_is_retried_until_its_outcome_is_clear() {
    let error = |code: i64| Some(json!({"type": "error", "code": code, "text": "so it is"}));
    let yes = Some(json!({"type": "yes"}));
    for (read_only, answers, attempts, expected) in [
        (false, vec![yes.clone()], 1, r#""type":"yes""#),
        (false, vec![error(11), error(11), yes.clone()], 3, r#""type":"yes""#),
        (false, vec![None, error(13), error(1234), yes.clone()], 4, r#""type":"yes""#),
        (false, vec![error(20)], 1, r#""code":20,"#),
        (false, vec![error(11), error(20)], 2, r#""code":20,"#),
        // What may have happened before is not undone by a later refusal.
        (false, vec![None, error(20)], 2, r#""code":0,"text":"an earlier attempt got no answer"#),
        (false, vec![error(13), error(11), error(22)], 3, r#""code":0,"#),
        (true, vec![None, error(20)], 2, r#""code":20,"#),
        // Pauses of 50 to 1,000 ms and attempts of 1 s, for 10 s.
        (false, vec![], 8, r#""code":0,"text":"no reply from n2 in"#),
    ] {
        let (made, outcome) = insist(read_only, &answers);
        assert!(outcome.starts_with("n3 ") && outcome.contains(expected), "{answers:?}: {outcome}");
        assert_eq!(made, attempts, "{answers:?}");
    }
}

#[test]
fn pauses_grow_but_for_chance() {
    let mut driver = Driver::settled();
    let insist = json!({"type": "insist", "msg_id": 5, "dest": "n2", "deadline_ms": 60_000,
                        "read_only": true});
    driver.receive("n3", insist);
    // Every attempt is told to come back later, at once, so that only the pauses take time.
    let not_now = json!({"type": "error", "code": 11});
    for upper_ms in [50, 100, 200, 400, 800, 1_000, 1_000] {
        let before = driver.now;
        driver.answer("n2", driver.msg_ids.len() - 1, not_now.clone());
        let due = driver.process.poll_timeout().expect("it waits");
        let pause_ms = (due - before).as_millis() as u64;
        assert!((upper_ms / 2..=upper_ms).contains(&pause_ms), "{pause_ms} of {upper_ms} ms");
        driver.wait(pause_ms + 1);
    }
}

/// The request, what goes to the service, what it answers, and the reply.
#[rustfmt::skip]
#[test]
fn the_services_are_spoken_to_in_their_own_words() {
    for (request, asked, answer, reply) in [
        (json!({"type": "read", "key": 3}),
         r#"seq-kv {"msg_id":0,"type":"read","key":3}"#,
         json!({"type": "read_ok", "value": 8}), r#""type":"value","value":8}"#),
        (json!({"type": "read", "key": 3}),
         r#"seq-kv {"msg_id":0,"type":"read","key":3}"#,
         json!({"type": "error", "code": 20, "text": "none"}), r#""type":"value","value":null}"#),
        (json!({"type": "read", "key": 3}),
         r#"seq-kv {"msg_id":0,"type":"read","key":3}"#,
         json!({"type": "read_ok", "value": "eight"}), concat!(
             r#""code":13,"text":"seq-kv read a value of an unexpected type: invalid "#,
             r#"type: string \"eight\", expected u64"#,
         )),
        (json!({"type": "read", "key": 3}),
         r#"seq-kv {"msg_id":0,"type":"read","key":3}"#,
         json!({"type": "write_ok"}), r#""code":13,"text":"seq-kv answered "#),
        (json!({"type": "write", "key": 3, "value": 4}),
         r#"lww-kv {"msg_id":0,"type":"write","key":3,"value":4}"#,
         json!({"type": "write_ok"}), r#""type":"done"}"#),
        (json!({"type": "cas", "key": 3, "from": 4, "to": 5, "create": false}),
         r#"lin-kv {"msg_id":0,"type":"cas","key":3,"from":4,"to":5}"#,
         json!({"type": "error", "code": 22, "text": "no"}), r#""code":22,"text":"no"}"#),
        (json!({"type": "cas", "key": 3, "from": 4, "to": 5, "create": true}),
         r#"lin-kv {"msg_id":0,"type":"cas","key":3,"from":4,"to":5,"create_if_not_exists":true}"#,
         json!({"type": "cas_ok"}), r#""type":"done"}"#),
        (json!({"type": "ts"}),
         r#"lin-tso {"msg_id":0,"type":"ts"}"#,
         json!({"type": "ts_ok", "ts": 12}), r#""type":"value","value":12}"#),
    ] {
        let mut driver = Driver::settled();
        let mut request = request;
        request["msg_id"] = 5.into();
        assert_eq!(driver.receive("c1", request), [asked]);
        let service = asked.split(' ').next().expect("a destination");
        let sent = driver.answer(service, 0, answer);
        assert!(sent.len() == 1 && sent[0].contains(reply), "{sent:?}");
        assert_eq!(driver.unfinished(), (0, 0, 0));
    }
}
