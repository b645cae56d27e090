//! Values of clients are any JSON. Whatever a node accepts it gives back as it was, on every
//! node, also after it was killed and started again, out of its log and out of its snapshot.
#![expect(clippy::disallowed_methods, reason = "this test is about programs and their files")]

#[path = "values/cluster.rs"]
mod cluster;

use std::time::Duration;

use gyre::Json;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use cluster::Cluster;

/// How often a value is looked for that is still on its way to a node.
const LOOKS: usize = 100;
const PAUSE: Duration = Duration::from_millis(200);

/// A node that takes values: how one is given to it, and asked for. Keys and values are JSON.
struct Store {
    program: &'static str,
    /// The sizes of clusters that it runs in.
    sizes: &'static [usize],
    /// Whether any JSON is a key; otherwise keys are strings.
    has_any_key: bool,
    write: fn(&str, &str) -> String,
    read: fn(&str) -> String,
}

fn write_register(key: &str, value: &str) -> String {
    format!(r#"{{"type":"write","key":{key},"value":{value}}}"#)
}

fn read_register(key: &str) -> String {
    format!(r#"{{"type":"read","key":{key}}}"#)
}

fn send(key: &str, msg: &str) -> String {
    format!(r#"{{"type":"send","key":{key},"msg":{msg}}}"#)
}

fn poll(key: &str) -> String {
    format!(r#"{{"type":"poll","offsets":{{{key}:0}}}}"#)
}

fn read_all(_: &str) -> String {
    r#"{"type":"read"}"#.to_owned()
}

fn append(key: &str, value: &str) -> String {
    format!(r#"{{"type":"txn","txn":[["append",{key},{value}]]}}"#)
}

fn write_in_txn(key: &str, value: &str) -> String {
    format!(r#"{{"type":"txn","txn":[["w",{key},{value}]]}}"#)
}

fn read_in_txn(key: &str) -> String {
    format!(r#"{{"type":"txn","txn":[["r",{key},null]]}}"#)
}

/// Every node that takes values. The last three leave the keeping to the bench's services.
const STORES: [Store; 12] = [
    Store {
        program: env!("CARGO_BIN_EXE_lin-kv-single"),
        sizes: &[1],
        has_any_key: true,
        write: write_register,
        read: read_register,
    },
    Store {
        program: env!("CARGO_BIN_EXE_lin-kv"),
        sizes: &[1, 3],
        has_any_key: true,
        write: write_register,
        read: read_register,
    },
    Store {
        program: env!("CARGO_BIN_EXE_kafka-single"),
        sizes: &[1],
        has_any_key: false,
        write: send,
        read: poll,
    },
    Store {
        program: env!("CARGO_BIN_EXE_kafka"),
        sizes: &[1, 3],
        has_any_key: false,
        write: send,
        read: poll,
    },
    Store {
        program: env!("CARGO_BIN_EXE_g-set"),
        sizes: &[1, 3],
        has_any_key: true,
        write: |_, value| format!(r#"{{"type":"add","element":{value}}}"#),
        read: read_all,
    },
    Store {
        program: env!("CARGO_BIN_EXE_broadcast"),
        sizes: &[1, 3],
        has_any_key: true,
        write: |_, value| format!(r#"{{"type":"broadcast","message":{value}}}"#),
        read: read_all,
    },
    Store {
        program: env!("CARGO_BIN_EXE_txn-list-append"),
        sizes: &[1, 3],
        has_any_key: true,
        write: append,
        read: read_in_txn,
    },
    Store {
        program: env!("CARGO_BIN_EXE_txn-rw-register-raft"),
        sizes: &[3],
        has_any_key: true,
        write: write_in_txn,
        read: read_in_txn,
    },
    Store {
        program: env!("CARGO_BIN_EXE_txn-rw-register"),
        sizes: &[1, 3],
        has_any_key: true,
        write: write_in_txn,
        read: read_in_txn,
    },
    Store {
        program: env!("CARGO_BIN_EXE_lin-kv-proxy"),
        sizes: &[3],
        has_any_key: true,
        write: write_register,
        read: read_register,
    },
    Store {
        program: env!("CARGO_BIN_EXE_kafka-kv"),
        sizes: &[3],
        has_any_key: false,
        write: send,
        read: poll,
    },
    Store {
        program: env!("CARGO_BIN_EXE_txn-list-append-datomic"),
        sizes: &[3],
        has_any_key: true,
        write: append,
        read: read_in_txn,
    },
];

/// The key and the value of a write, as JSON.
type Entry = (String, String);

/// Every value that is read under its key is there, on this node, sooner or later. What Raft has
/// stored is only shown when there is a leader, and other nodes learn with time.
fn assert_are_there(store: &Store, cluster: &mut Cluster, node: usize, entries: &[Entry]) {
    // What was asked last, and the reply: some nodes show all values at once.
    let (mut asked, mut reply) = (String::new(), String::new());
    for (key, value) in entries {
        let expected = Json::parse(value).expect("it was accepted");
        let question = (store.read)(key);
        let is_there = (0..LOOKS).any(|look| {
            if look > 0 {
                cluster.run_for(PAUSE);
            }
            if look > 0 || asked != question {
                asked.clone_from(&question);
                reply = cluster.ask(node, &question);
            }
            reply.contains(expected.as_str())
        });
        assert!(is_there, "{} n{node}: {value} under {key}: {reply}", store.program);
    }
}

/// Each of these entries is refused as malformed, or there to stay, on each node.
fn are_refused_or_kept(entries: &[Entry], accepted_min: usize) {
    for store in &STORES {
        let is_string = |key: &str| key.starts_with('"');
        for &size in store.sizes {
            let mut cluster = Cluster::start(store.program, size);
            // The last node learns it all when it is back, from the others.
            if size > 1 {
                cluster.kill(size - 1);
            }
            let mut kept = Vec::new();
            for (number, (key, value)) in entries.iter().enumerate() {
                let is_key = store.has_any_key || is_string(key);
                let key = if is_key { key.clone() } else { Json::from(key.as_str()).to_string() };
                let node = number % size.saturating_sub(1).max(1);
                let reply = cluster.ask(node, &(store.write)(&key, value));
                if reply.contains(r#""type":"error""#) {
                    assert!(reply.contains(r#""code":12"#), "{}: {reply}", store.program);
                } else {
                    kept.push((key, value.clone()));
                }
            }
            assert!(kept.len() >= accepted_min, "{}: only {} kept", store.program, kept.len());
            if size > 1 {
                cluster.spawn(size - 1);
            }
            // Once for the log, and once for what a start makes of it.
            for _ in 0..2 {
                (0..size).for_each(|node| assert_are_there(store, &mut cluster, node, &kept));
                (0..size).for_each(|node| cluster.kill(node));
                (0..size).for_each(|node| cluster.spawn(node));
            }
        }
    }
}

/// What is hard to read in a string, to put between quotes.
const HOSTILE: [&str; 14] = [
    "[",
    "]",
    "{",
    "}",
    r#"\""#,
    r"\\",
    r#"\\\\\""#,
    ",",
    r":\n",
    r"\u0000",
    r"\ud83d\ude00",
    "é😀\u{2028}",
    r#"\"type\":\"init\""#,
    r"\/ \u005b",
];

const NUMBERS: [&str; 12] = [
    "0",
    "-0",
    "1.10",
    "1.0",
    "1e400",
    "-1E-400",
    "18446744073709551616",
    "1208925819614629174706177",
    "1208925819614629174706178",
    "-9223372036854775809",
    "3.14159265358979323846264338327950288",
    "2.5e-7",
];

fn hostile_string(rng: &mut ChaCha8Rng) -> String {
    let count = rng.random_range(0..8);
    let parts = (0..count).map(|_| HOSTILE[rng.random_range(0..HOSTILE.len())]);
    format!("\"{}\"", parts.collect::<String>())
}

/// A value that nests so deeply, with hostile strings and great numbers on its way.
fn hostile_value(rng: &mut ChaCha8Rng, depth: usize) -> String {
    let leaf = |rng: &mut ChaCha8Rng| match rng.random_range(0..3) {
        0 => hostile_string(rng),
        1 => NUMBERS[rng.random_range(0..NUMBERS.len())].to_owned(),
        _ => ["null", "true", "[]", "{}"][rng.random_range(0..4)].to_owned(),
    };
    (0..depth).fold(leaf(rng), |inner, _| match rng.random_range(0..4) {
        0 => format!("{{{}: {inner} }}", hostile_string(rng)),
        1 => format!("[{},{inner}]", leaf(rng)),
        2 => format!("[ {inner} , {}]", leaf(rng)),
        _ => format!("[{inner}]"),
    })
}

/// Nesting, hostile strings and great numbers, as values and as keys; and enough of it to have
/// every node take a snapshot.
#[test]
fn hostile_values_are_refused_or_kept() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut entries: Vec<Entry> = Vec::new();
    for number in 0..24 {
        let depth =
            if number % 2 == 0 { rng.random_range(0..5) } else { rng.random_range(90..135) };
        let value = hostile_value(&mut rng, depth);
        // The number makes the key one of its own.
        let key = match number % 3 {
            0 => format!("[{number},{}]", hostile_value(&mut rng, 3)),
            1 => format!("\"{number}{}", &hostile_string(&mut rng)[1..]),
            _ => format!("{number}{}", "0".repeat(30)),
        };
        entries.push((key, value));
    }
    let filler = "[\\\"".repeat(2_000);
    entries.extend((0..14).map(|n| (format!("\"filler {n}\""), format!("[{n},\"{filler}\"]"))));
    are_refused_or_kept(&entries, 26);
}

/// Brackets in strings were once counted as levels, when what a node had written was read: this
/// was acknowledged, and then the node could not start, and followers could not read their log.
#[test]
fn brackets_in_strings_are_no_levels() {
    let nested = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
    let value = |levels| format!("[\"{}\",{}]", "[".repeat(1_100), nested(levels));
    let entries: Vec<Entry> =
        (110..128).map(|levels| (format!("\"key {levels}\""), value(levels))).collect();
    are_refused_or_kept(&entries, 5);
}

/// Keys that floating-point numbers would take for one are two.
#[test]
fn a_key_is_its_digits() {
    let keys = ["1208925819614629174706177", "1208925819614629174706178", "1", "1.0", "1.10"];
    for store in STORES.iter().filter(|store| store.has_any_key && (store.read)("") != read_all(""))
    {
        let mut cluster = Cluster::start(store.program, store.sizes[0]);
        for key in keys {
            cluster.ask(0, &(store.write)(key, &format!("\"of {key}\"")));
        }
        for key in keys {
            let reply = cluster.ask(0, &(store.read)(key));
            assert!(reply.contains(&format!("\"of {key}\"")), "{}: {reply}", store.program);
            assert_eq!(reply.matches("\"of ").count(), 1, "{}: {reply}", store.program);
        }
    }
}

#[test]
fn floating_point_numbers_stay_what_they_are() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut number = || f64::from_bits(rng.random());
    let numbers = std::iter::from_fn(|| Some(number())).filter(|number| number.is_finite());
    let entries: Vec<Entry> = (numbers.take(40).enumerate())
        .map(|(index, number)| (format!("\"key {index}\""), serde_json::json!(number).to_string()))
        .collect();
    are_refused_or_kept(&entries, entries.len());
}

/// Echo has no store, and changes nothing.
#[test]
fn an_echo_is_what_was_said() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut cluster = Cluster::start(env!("CARGO_BIN_EXE_echo"), 1);
    for depth in 0..130 {
        let value = hostile_value(&mut rng, depth);
        let reply = cluster.ask(0, &format!(r#"{{"type":"echo","echo":{value}}}"#));
        let echo = Json::parse(&value).unwrap();
        // The body is a level too.
        match depth < 119 {
            true => assert!(reply.ends_with(&format!("\"echo\":{echo}}}")), "{value}: {reply}"),
            false => assert!(depth == 119 || reply.contains(r#""code":12"#), "{reply}"),
        }
    }
}
