//! The tests of every planted bug, in one program: each stands in its bug's own file. And the
//! museum, for which a program is needed that has all of them.
#![allow(dead_code, reason = "a node's main is not called here")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bugs::exhibit::Exhibit;
use bugs::recorded::RecordedRun;
use maelstrom::simulation::Check;

/// The bugs: each file is a module here, and has its simulated test in the list.
macro_rules! bugs {
    ($($module:ident $file:literal)*) => {
        $(
            #[path = $file]
            mod $module;
        )*

        /// Every bug, with its simulated test.
        fn all() -> Vec<(&'static str, Check)> {
            let name = |file: &'static str| -> &'static str {
                file.trim_start_matches("../../src/bin/").trim_end_matches(".rs")
            };
            vec![$((name($file), $module::shown())),*]
        }
    };
}

bugs! {
    broadcast_asks_above_the_highest "../../src/bin/broadcast-asks-above-the-highest.rs"
    broadcast_compares_counts "../../src/bin/broadcast-compares-counts.rs"
    broadcast_forgets_on_restart "../../src/bin/broadcast-forgets-on-restart.rs"
    broadcast_numbers_from_the_start "../../src/bin/broadcast-numbers-from-the-start.rs"
    broadcast_without_retry "../../src/bin/broadcast-without-retry.rs"
    counter_counts_duplicates "../../src/bin/counter-counts-duplicates.rs"
    counter_forgets_on_restart "../../src/bin/counter-forgets-on-restart.rs"
    counter_gossips_before_syncing "../../src/bin/counter-gossips-before-syncing.rs"
    counter_keeps_the_greater_vector "../../src/bin/counter-keeps-the-greater-vector.rs"
    counter_trusts_stale_reads "../../src/bin/counter-trusts-stale-reads.rs"
    echo_mixes_up "../../src/bin/echo-mixes-up.rs"
    g_set_drops_on_merge "../../src/bin/g-set-drops-on-merge.rs"
    g_set_forgets_who_has_left "../../src/bin/g-set-forgets-who-has-left.rs"
    g_set_leaves_without_handing_over "../../src/bin/g-set-leaves-without-handing-over.rs"
    g_set_serves_rotten_records "../../src/bin/g-set-serves-rotten-records.rs"
    g_set_stops_at_a_torn_record "../../src/bin/g-set-stops-at-a-torn-record.rs"
    g_set_syncs_the_file_alone "../../src/bin/g-set-syncs-the-file-alone.rs"
    ids_repeat_after_restart "../../src/bin/ids-repeat-after-restart.rs"
    ids_repeat_between_nodes "../../src/bin/ids-repeat-between-nodes.rs"
    ids_repeat_within_a_millisecond "../../src/bin/ids-repeat-within-a-millisecond.rs"
    kafka_commits_ahead "../../src/bin/kafka-commits-ahead.rs"
    kafka_commits_go_back "../../src/bin/kafka-commits-go-back.rs"
    kafka_loses_with_its_owner "../../src/bin/kafka-loses-with-its-owner.rs"
    kafka_offsets_go_back "../../src/bin/kafka-offsets-go-back.rs"
    kafka_poll_passes_a_hole "../../src/bin/kafka-poll-passes-a-hole.rs"
    kafka_poll_skips "../../src/bin/kafka-poll-skips.rs"
    kafka_repeats_on_retry "../../src/bin/kafka-repeats-on-retry.rs"
    kafka_reuses_offsets "../../src/bin/kafka-reuses-offsets.rs"
    kafka_two_at_one_offset "../../src/bin/kafka-two-at-one-offset.rs"
    lin_kv_answers_before_syncing "../../src/bin/lin-kv-answers-before-syncing.rs"
    lin_kv_applies_twice "../../src/bin/lin-kv-applies-twice.rs"
    lin_kv_asks_a_sequential_store "../../src/bin/lin-kv-asks-a-sequential-store.rs"
    lin_kv_breaks_no_ties "../../src/bin/lin-kv-breaks-no-ties.rs"
    lin_kv_caches_reads "../../src/bin/lin-kv-caches-reads.rs"
    lin_kv_changes_members_early "../../src/bin/lin-kv-changes-members-early.rs"
    lin_kv_commits_by_counting "../../src/bin/lin-kv-commits-by-counting.rs"
    lin_kv_counts_learners "../../src/bin/lin-kv-counts-learners.rs"
    lin_kv_deposes_its_leaders "../../src/bin/lin-kv-deposes-its-leaders.rs"
    lin_kv_forgets_its_vote "../../src/bin/lin-kv-forgets-its-vote.rs"
    lin_kv_forgets_sessions_at_a_snapshot "../../src/bin/lin-kv-forgets-sessions-at-a-snapshot.rs"
    lin_kv_gives_up_when_removed "../../src/bin/lin-kv-gives-up-when-removed.rs"
    lin_kv_heeds_removed_nodes "../../src/bin/lin-kv-heeds-removed-nodes.rs"
    lin_kv_ignores_late_pre_votes "../../src/bin/lin-kv-ignores-late-pre-votes.rs"
    lin_kv_installs_old_snapshots "../../src/bin/lin-kv-installs-old-snapshots.rs"
    lin_kv_keeps_conflicts "../../src/bin/lin-kv-keeps-conflicts.rs"
    lin_kv_leads_unheard "../../src/bin/lin-kv-leads-unheard.rs"
    lin_kv_reads_without_asking "../../src/bin/lin-kv-reads-without-asking.rs"
    lin_kv_reads_without_writing_back "../../src/bin/lin-kv-reads-without-writing-back.rs"
    lin_kv_rejoins_empty "../../src/bin/lin-kv-rejoins-empty.rs"
    lin_kv_snapshots_without_members "../../src/bin/lin-kv-snapshots-without-members.rs"
    lin_kv_speaks_before_syncing "../../src/bin/lin-kv-speaks-before-syncing.rs"
    lin_kv_takes_half_for_a_majority "../../src/bin/lin-kv-takes-half-for-a-majority.rs"
    lin_kv_waits_to_change_members "../../src/bin/lin-kv-waits-to-change-members.rs"
    lin_kv_wipes_removed_nodes "../../src/bin/lin-kv-wipes-removed-nodes.rs"
    lin_kv_writes_without_asking "../../src/bin/lin-kv-writes-without-asking.rs"
    pn_counter_merges_by_maximum "../../src/bin/pn-counter-merges-by-maximum.rs"
    txn_circular_information_flow "../../src/bin/txn-circular-information-flow.rs"
    txn_dirty_read "../../src/bin/txn-dirty-read.rs"
    txn_intermediate_read "../../src/bin/txn-intermediate-read.rs"
    txn_list_reorders "../../src/bin/txn-list-reorders.rs"
    txn_list_repeats "../../src/bin/txn-list-repeats.rs"
    txn_long_fork "../../src/bin/txn-long-fork.rs"
    txn_lost_update "../../src/bin/txn-lost-update.rs"
    txn_read_skew "../../src/bin/txn-read-skew.rs"
    txn_releases_locks_early "../../src/bin/txn-releases-locks-early.rs"
    txn_retries_without_reading_again "../../src/bin/txn-retries-without-reading-again.rs"
    txn_stale_read "../../src/bin/txn-stale-read.rs"
    txn_write_cycle "../../src/bin/txn-write-cycle.rs"
    txn_write_skew "../../src/bin/txn-write-skew.rs"
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test lists a folder")]
fn no_bug_is_left_out() {
    let listed: BTreeSet<&str> = all().into_iter().map(|(name, _)| name).collect();
    let folder = fs::read_dir(bugs::exhibit::folder().join("src/bin")).unwrap();
    for file in folder {
        let file = file.unwrap().file_name().into_string().unwrap();
        let name = file.trim_end_matches(".rs");
        assert!(
            listed.contains(name),
            "bugs/src/bin/{file} has no line in bugs/museum/tests/bugs.rs"
        );
    }
}

/// Every bug says what it is, and its recorded run shows it; and the lines that are said to be right
/// are.
///
/// Runs of Raft are not replayed here: each change to its messages makes them other runs. `make
/// museum` does, and records those anew that do not fail any more.
#[test]
fn every_exhibit_is_whole() {
    for (name, check) in all() {
        let exhibit = Exhibit::read(name).unwrap();
        exhibit.difference().unwrap();
        if exhibit.runs_raft() {
            continue;
        }
        let run = RecordedRun::read(name).unwrap();
        assert!(run.fails_in(&run.replay(&check)), "the recorded run of {name} does not fail");
        museum::is_right_when_mended(&run, &check, 0..0)
            .unwrap_or_else(|sentence| panic!("{name}: {sentence}"));
    }
}

/// `make museum`: checks all of it and writes the pages, where `MUSEUM` says.
#[test]
#[allow(clippy::disallowed_methods, reason = "the environment says where the museum is wanted")]
fn museum() {
    let Some(folder) = std::env::var("MUSEUM").ok().filter(|folder| !folder.is_empty()) else {
        return;
    };
    // Runs leave their files in `store/`, at the root of the repository.
    std::env::set_current_dir(bugs::exhibit::folder().join("..")).unwrap();
    let folder = Path::new(&folder);
    let (mut shelved, mut wrong) = (Vec::new(), Vec::new());
    for (name, check) in all() {
        match museum::shelve(name, &check, folder) {
            Ok(bug) => shelved.push(bug),
            Err(sentence) => {
                eprintln!("{name}: {sentence}");
                wrong.push(name);
            }
        }
    }
    museum::catalogue(&shelved, folder).unwrap();
    assert!(wrong.is_empty(), "{} bugs are not as they should be: {wrong:?}", wrong.len());
    println!("{} bugs: {}", shelved.len(), folder.join("index.html").display());
}
