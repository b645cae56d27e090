//! The tests of every planted bug, in one program: each stands in its bug's own file.
#![allow(dead_code, reason = "a node's main is not called here")]

use std::collections::BTreeSet;
use std::fs;

#[path = "bin/broadcast-forgets-on-restart.rs"]
mod broadcast_forgets_on_restart;
#[path = "bin/broadcast-without-retry.rs"]
mod broadcast_without_retry;
#[path = "bin/counter-counts-duplicates.rs"]
mod counter_counts_duplicates;
#[path = "bin/counter-forgets-on-restart.rs"]
mod counter_forgets_on_restart;
#[path = "bin/counter-trusts-stale-reads.rs"]
mod counter_trusts_stale_reads;
#[path = "bin/echo-mixes-up.rs"]
mod echo_mixes_up;
#[path = "bin/g-set-drops-on-merge.rs"]
mod g_set_drops_on_merge;
#[path = "bin/ids-repeat-after-restart.rs"]
mod ids_repeat_after_restart;
#[path = "bin/ids-repeat-between-nodes.rs"]
mod ids_repeat_between_nodes;
#[path = "bin/kafka-commits-ahead.rs"]
mod kafka_commits_ahead;
#[path = "bin/kafka-loses-with-its-owner.rs"]
mod kafka_loses_with_its_owner;
#[path = "bin/kafka-offsets-go-back.rs"]
mod kafka_offsets_go_back;
#[path = "bin/kafka-poll-skips.rs"]
mod kafka_poll_skips;
#[path = "bin/kafka-repeats-on-retry.rs"]
mod kafka_repeats_on_retry;
#[path = "bin/kafka-two-at-one-offset.rs"]
mod kafka_two_at_one_offset;
#[path = "bin/lin-kv-applies-twice.rs"]
mod lin_kv_applies_twice;
#[path = "bin/lin-kv-commits-by-counting.rs"]
mod lin_kv_commits_by_counting;
#[path = "bin/lin-kv-forgets-its-vote.rs"]
mod lin_kv_forgets_its_vote;
#[path = "bin/lin-kv-installs-old-snapshots.rs"]
mod lin_kv_installs_old_snapshots;
#[path = "bin/lin-kv-keeps-conflicts.rs"]
mod lin_kv_keeps_conflicts;
#[path = "bin/lin-kv-reads-without-asking.rs"]
mod lin_kv_reads_without_asking;
#[path = "bin/lin-kv-speaks-before-syncing.rs"]
mod lin_kv_speaks_before_syncing;
#[path = "bin/txn-circular-information-flow.rs"]
mod txn_circular_information_flow;
#[path = "bin/txn-dirty-read.rs"]
mod txn_dirty_read;
#[path = "bin/txn-intermediate-read.rs"]
mod txn_intermediate_read;
#[path = "bin/txn-list-reorders.rs"]
mod txn_list_reorders;
#[path = "bin/txn-list-repeats.rs"]
mod txn_list_repeats;
#[path = "bin/txn-lost-update.rs"]
mod txn_lost_update;
#[path = "bin/txn-read-skew.rs"]
mod txn_read_skew;
#[path = "bin/txn-stale-read.rs"]
mod txn_stale_read;
#[path = "bin/txn-write-cycle.rs"]
mod txn_write_cycle;
#[path = "bin/txn-write-skew.rs"]
mod txn_write_skew;

#[test]
#[allow(clippy::disallowed_methods, reason = "the test lists a folder")]
fn no_bug_is_left_out() {
    let listed: BTreeSet<&str> = include_str!("tests.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("#[path = \"bin/")?.strip_suffix("\"]"))
        .collect();
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin")).unwrap();
    for file in folder {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(listed.contains(&*name), "bugs/src/bin/{name} has no line in bugs/src/tests.rs");
    }
}
