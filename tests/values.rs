//! Values of clients are any JSON. Whatever a node accepts it gives back as it was, also after
//! it was killed and started again.
#![expect(clippy::disallowed_methods, reason = "this test is about programs and their files")]

#[allow(dead_code, reason = "of nodes as programs not everything is wanted here")]
#[path = "stdio/running.rs"]
mod running;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use running::{Running, signal};

/// How often a node is asked that has no leader yet, and how long that waits in between.
const ATTEMPTS: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(20);

/// How a value is given to a node, and asked for.
struct Store {
    program: &'static str,
    write: fn(&str, &Value) -> Value,
    read: fn(&str) -> Value,
}

fn write_register(key: &str, value: &Value) -> Value {
    json!({"type": "write", "key": key, "value": value})
}

fn read_register(key: &str) -> Value {
    json!({"type": "read", "key": key})
}

fn send(key: &str, msg: &Value) -> Value {
    json!({"type": "send", "key": key, "msg": msg})
}

fn poll(key: &str) -> Value {
    json!({"type": "poll", "offsets": {key: 0}})
}

fn read_all(_: &str) -> Value {
    json!({"type": "read"})
}

fn read_in_txn(key: &str) -> Value {
    json!({"type": "txn", "txn": [["r", key, null]]})
}

const STORES: [Store; 8] = [
    Store {
        program: env!("CARGO_BIN_EXE_lin-kv-single"),
        write: write_register,
        read: read_register,
    },
    Store { program: env!("CARGO_BIN_EXE_lin-kv"), write: write_register, read: read_register },
    Store { program: env!("CARGO_BIN_EXE_kafka-single"), write: send, read: poll },
    Store { program: env!("CARGO_BIN_EXE_kafka"), write: send, read: poll },
    Store {
        program: env!("CARGO_BIN_EXE_g-set"),
        write: |_, value| json!({"type": "add", "element": value}),
        read: read_all,
    },
    Store {
        program: env!("CARGO_BIN_EXE_broadcast"),
        write: |_, value| json!({"type": "broadcast", "message": value}),
        read: read_all,
    },
    Store {
        program: env!("CARGO_BIN_EXE_txn-list-append"),
        write: |key, value| json!({"type": "txn", "txn": [["append", key, value]]}),
        read: read_in_txn,
    },
    Store {
        program: env!("CARGO_BIN_EXE_txn-rw-register"),
        write: |key, value| json!({"type": "txn", "txn": [["w", key, value]]}),
        read: read_in_txn,
    },
];

fn start(store: &Store, directory: &Path) -> Running {
    Running::init(Command::new(store.program).arg("--data-dir").arg(directory))
}

/// Asks until there is a leader, where one is needed.
fn ask(node: &mut Running, body: &Value) -> String {
    for _ in 0..ATTEMPTS {
        let reply = node.ask(body);
        if !reply.contains(r#""code":11"#) {
            return reply;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("there is no leader for {body}");
}

/// Each of these values is refused, or there to stay.
fn are_refused_or_kept(values: &[Value], accepted_min: usize) {
    for store in &STORES {
        let directory = tempfile::tempdir().expect("a directory");
        let mut node = start(store, directory.path());
        let mut kept = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let key = format!("key {number}");
            let reply = ask(&mut node, &(store.write)(&key, value));
            if reply.contains(r#""type":"error""#) {
                assert!(reply.contains(r#""code":12"#), "{}: {reply}", store.program);
            } else {
                kept.push((key, value));
            }
        }
        assert!(kept.len() >= accepted_min, "{}: only {} kept", store.program, kept.len());
        // Once for the log, and once for what a start makes of it.
        for _ in 0..2 {
            signal(&node.child, "-KILL");
            node.end();
            node = start(store, directory.path());
            for (key, value) in &kept {
                let mut reply = String::new();
                // What Raft has stored is only shown when there is a leader.
                let is_there = (0..ATTEMPTS).any(|attempt| {
                    if attempt > 0 {
                        std::thread::sleep(PAUSE);
                    }
                    reply = ask(&mut node, &(store.read)(key));
                    reply.contains(&value.to_string())
                });
                assert!(is_there, "{}: {value}: {reply}", store.program);
            }
        }
    }
}

#[test]
fn floating_point_numbers_stay_what_they_are() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut number = || f64::from_bits(rng.random());
    let numbers = std::iter::from_fn(|| Some(number())).filter(|number| number.is_finite());
    let numbers: Vec<Value> = numbers.take(60).map(Value::from).collect();
    are_refused_or_kept(&numbers, numbers.len());
}

#[test]
fn what_nests_deeply_is_refused_or_kept() {
    let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let values: Vec<Value> = (100..130).map(nested).collect();
    are_refused_or_kept(&values, 15);
}
