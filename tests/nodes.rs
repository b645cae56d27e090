//! The tests of every node, in one program: each stands in its node's own file, where it is read.
//!
//! A program for each would be linked with all of the bench and all of Raft again, seventeen
//! times. `make sim-<workload>` builds one node's tests alone.
#![allow(dead_code, reason = "a node's main is not called here")]

use std::collections::BTreeSet;
use std::fs;

#[path = "../src/bin/broadcast.rs"]
mod broadcast;
#[path = "../src/bin/echo.rs"]
mod echo;
#[path = "../src/bin/g-counter.rs"]
mod g_counter;
#[path = "../src/bin/g-counter-kv.rs"]
mod g_counter_kv;
#[path = "../src/bin/g-set.rs"]
mod g_set;
#[path = "../src/bin/kafka.rs"]
mod kafka;
#[path = "../src/bin/kafka-kv.rs"]
mod kafka_kv;
#[path = "../src/bin/kafka-single.rs"]
mod kafka_single;
#[path = "../src/bin/lin-kv.rs"]
mod lin_kv;
#[path = "../src/bin/lin-kv-proxy.rs"]
mod lin_kv_proxy;
#[path = "../src/bin/lin-kv-single.rs"]
mod lin_kv_single;
#[path = "../src/bin/pn-counter.rs"]
mod pn_counter;
#[path = "../src/bin/txn-list-append.rs"]
mod txn_list_append;
#[path = "../src/bin/txn-list-append-datomic.rs"]
mod txn_list_append_datomic;
#[path = "../src/bin/txn-rw-register.rs"]
mod txn_rw_register;
#[path = "../src/bin/txn-rw-register-raft.rs"]
mod txn_rw_register_raft;
#[path = "../src/bin/unique-ids.rs"]
mod unique_ids;

#[test]
#[allow(clippy::disallowed_methods, reason = "the test lists a folder")]
fn no_node_is_left_out() {
    let listed: BTreeSet<&str> = include_str!("nodes.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("#[path = \"../src/bin/")?.strip_suffix("\"]"))
        .collect();
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin")).unwrap();
    for file in folder {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(listed.contains(&*name), "src/bin/{name} has no line in tests/nodes.rs");
    }
}
