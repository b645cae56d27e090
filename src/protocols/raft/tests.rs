//! The log, what a disk holds, and a snapshot on its way, each on its own. (Whole nodes are tested
//! by `tests/raft`, as transcripts, and by `replicated/simulation`, with every fault.)

use std::collections::BTreeSet;

use rand::SeedableRng;

use super::log::Log;
use super::snapshot::Sending;
use super::*;
use crate::types::json;

fn record(first: Index, terms: &[Term]) -> Record<u8> {
    let entries = terms.iter().map(|&term| Entry::new(term, Some(7))).collect();
    Record::Change(Change { state: None, first, entries })
}

fn terms(durable: &Durable<u8>) -> Vec<Term> {
    durable.entries.iter().map(|entry| entry.term).collect()
}

#[test]
fn later_entries_replace_earlier_ones() {
    let records = [record(1, &[1, 1, 1]), record(2, &[2]), record(3, &[2, 3])];
    let durable = Durable::read(records).unwrap();
    assert_eq!(terms(&durable), [1, 2, 2, 3]);
}

#[test]
fn a_checkpoint_voids_what_was_before_and_the_log_goes_on_after_it() {
    let base = LogId { term: 2, index: 9 };
    let (state, entries) = (HardState::default(), Vec::new());
    let checkpoint = Checkpoint { state, base, configuration: None, entries };
    let piece = Piece::new("7".into()).unwrap();
    let records = [
        record(1, &[1, 1]),
        Record::Checkpoint(checkpoint),
        Record::Piece(piece.clone()),
        record(10, &[2, 3]),
    ];
    let durable = Durable::read(records).unwrap();
    assert_eq!((durable.base, &durable.pieces[..]), (base, &[piece][..]));
    assert_eq!(terms(&durable), [2, 3]);
}

#[test]
fn a_gap_and_a_term_that_falls_are_errors() {
    let error = Durable::read([record(3, &[1])]).unwrap_err();
    assert!(error.contains("begins at entry 3, but the log goes from 0 to 0"), "{error}");
    let state = |term| {
        let state = Some(HardState { term, vote: None });
        Record::Change(Change::<u8> { state, first: 1, entries: Vec::new() })
    };
    let error = Durable::read([state(2), state(1)]).unwrap_err();
    assert!(error.contains("term 1 comes after term 2"), "{error}");
}

fn log(base: LogId, terms: &[Term]) -> Log<()> {
    let entries = terms.iter().map(|&term| Entry::new(term, None)).collect();
    Log::new(base, Configured { index: 0, configuration: Configuration::default() }, entries)
}

#[test]
fn back_off_skips_whole_terms_and_agrees_with_a_scan() {
    for base in [LogId::default(), LogId { term: 2, index: 3 }] {
        let log = log(base, &[2, 2, 4, 4, 4, 7]);
        for term in 0..9 {
            for index in 0..12 {
                let slow = (base.index..=index)
                    .rev()
                    .filter_map(|index| log.id(index))
                    .find(|id| id.term <= term);
                assert_eq!(log.last_at_or_before(LogId { term, index }), slow);
            }
        }
    }
}

#[test]
fn what_is_unsaved_begins_at_the_first_change() {
    let mut log = log(LogId { term: 1, index: 10 }, &[1, 1, 1]);
    assert!(!log.has_unsaved());
    log.append(Entry::new(2, None));
    assert_eq!(log.unsaved().0, 14);
    log.truncate(12);
    log.append(Entry::new(3, None));
    let (from, entries) = log.unsaved();
    assert_eq!((from, entries.len()), (12, 1));
    log.mark_saved();
    assert!(!log.has_unsaved());
}

#[test]
fn what_is_forgotten_is_counted_in_bytes_and_ids_stay() {
    let mut log = log(LogId::default(), &[1, 1, 2, 3]);
    let entry_bytes = json::bytes_of(&Entry::<()>::new(1, None));
    log.forget(3, 2 * entry_bytes);
    assert_eq!(log.id(0), None);
    assert_eq!(log.base(), LogId { term: 1, index: 1 });
    log.forget(3, 0);
    assert_eq!(log.base(), LogId { term: 2, index: 3 });
    assert_eq!(log.last(), LogId { term: 3, index: 4 });
    assert_eq!(log.bytes_between(0, 99), entry_bytes);
    assert_eq!(log.entries(4, 9, 0).len(), 1, "one entry at least");
}

#[test]
fn entries_are_as_many_as_fit() {
    let log = log(LogId::default(), &[1; 10]);
    let entry_bytes = json::bytes_of(&Entry::<()>::new(1, None));
    for (count, bytes, expected) in [(3, u64::MAX, 3), (9, 2 * entry_bytes, 2), (9, 0, 1)] {
        assert_eq!(log.entries(2, count, bytes).len(), expected);
    }
    assert!(log.entries(11, 9, u64::MAX).is_empty());
}

fn sending(count: u64) -> Sending {
    let piece = |number: u64| Piece::new(number.to_string()).unwrap();
    Sending::new(LogId { term: 1, index: 9 }, None, Box::new((0..count).map(piece)))
}

fn numbers(sending: &mut Sending, max_in_flight: usize) -> Vec<u64> {
    std::iter::from_fn(|| sending.next_piece(max_in_flight)).map(|sent| sent.number).collect()
}

#[test]
fn a_window_of_pieces_is_under_way() {
    let mut sending = sending(5);
    let last = sending.last();
    assert_eq!(numbers(&mut sending, 3), [0, 1, 2]);
    assert!(sending.on_stored(last, 7, 2));
    assert_eq!(numbers(&mut sending, 3), [3, 4]);
    assert_eq!(sending.first_piece().unwrap().number, 2);
    assert!(sending.on_stored(last, 7, 1), "an answer that was overtaken");
    assert!(sending.on_stored(last, 7, 5));
    let asks = sending.first_piece().unwrap();
    assert!(asks.done, "the last piece stays");
    assert_eq!(asks.number, 4);
}

#[test]
fn a_receiver_that_was_restarted_cannot_go_on() {
    let mut sending = sending(5);
    let last = sending.last();
    numbers(&mut sending, 3);
    assert!(sending.on_stored(last, 7, 2));
    assert!(!sending.on_stored(last, 8, 0));
}

/// It once made the follower forget what it had, so that the transfer began anew.
#[test]
fn a_late_piece_of_an_older_state_does_not_stop_the_one_that_arrives() {
    let [me, leader] = ["n1", "n2"].map(NodeId::from);
    let durable = Durable { base: LogId { term: 1, index: 5 }, ..Durable::<u8>::default() };
    let durable = Durable { state: HardState { term: 1, vote: None }, ..durable };
    let config = Config::new(me, vec![leader.clone()]);
    let mut raft = Raft::new(config, durable, ChaCha8Rng::seed_from_u64(1), Time::ZERO);
    let mut replies = Vec::new();
    for (at, index, number) in [(1, 9, 0), (2, 5, 0), (3, 9, 1)] {
        let piece = Numbered { number, done: false, piece: Piece::new("7".into()).unwrap() };
        let last = LogId { term: 1, index };
        let message =
            Message::InstallSnapshot { term: 1, last, piece, round: 0, configuration: None };
        raft.step(Time::from_millis(at), Input::Message { from: leader.clone(), message });
        let output = raft.output(&|| unreachable!("only a leader sends a state"));
        replies.extend(output.messages.into_iter().map(|(_, message)| message));
    }
    let stored = |stored| Message::InstallSnapshotReply {
        term: 1,
        last: LogId { term: 1, index: 9 },
        since: Time::from_millis(1).as_nanos(),
        stored,
        round: 0,
    };
    let outcome = Outcome::Matched(5);
    let late = Message::AppendEntriesReply { term: 1, outcome, round: 0 };
    assert_eq!(replies, [stored(1), late, stored(2)]);
}

/// An election won and lost again, as the node's log tells it.
#[test]
fn what_happens_to_leadership_is_noted_once() {
    let config = Config::new("n1".into(), vec!["n2".into()]);
    let rng = ChaCha8Rng::seed_from_u64(1);
    let mut raft: Raft<u8> = Raft::new(config, Durable::default(), rng, Time::ZERO);
    let freeze = || Frozen { index: 0, pieces: Box::new(std::iter::empty()) };
    let mut notes = |input: Input<u8>| {
        raft.step(raft.deadline(), input);
        raft.output(&freeze);
        raft.take_notes()
    };
    let from_n2 = |message| Input::Message { from: "n2".into(), message };
    let asks = "hears from no leader, and asks whether it could win term 1";
    assert_eq!(notes(Input::Timeout), [asks]);
    let reply = Message::PreVoteReply { term: 1, granted: true };
    assert_eq!(notes(from_n2(reply)), ["begins an election in term 1"]);
    let reply = Message::RequestVoteReply { term: 1, granted: true };
    assert_eq!(notes(from_n2(reply.clone())), ["leads in term 1"]);
    assert_eq!(notes(from_n2(reply)), [""; 0]);
    let (prev, entries) = (LogId::default(), Vec::new());
    let append = Message::AppendEntries { term: 2, prev, entries, commit: 0, round: 1 };
    assert_eq!(
        notes(from_n2(append.clone())),
        ["steps down as the leader of term 1: term 2 has begun", "follows n2 in term 2"]
    );
    assert_eq!(notes(from_n2(append)), [""; 0]);
    assert_eq!(
        notes(Input::Timeout),
        ["hears from no leader, and asks whether it could win term 3"]
    );
}

/// The five nodes whose bits are set.
fn nodes(bits: u32) -> BTreeSet<NodeId> {
    let is_in = |place: &u32| bits >> place & 1 == 1;
    (0..5).filter(is_in).map(|place| NodeId::from(format!("n{place}"))).collect()
}

fn quorums(configuration: &Configuration) -> Vec<u32> {
    let is_quorum = |bits: &u32| {
        let agree = nodes(*bits);
        configuration.is_quorum(|id| agree.contains(id))
    };
    (0..32).filter(is_quorum).collect()
}

/// Against every pair of quorums there is.
#[test]
fn neighbours_share_a_node_in_any_two_quorums() {
    for (a, b) in (1..32).flat_map(|a| (1..32).map(move |b| (a, b))) {
        let [before, after] = [a, b].map(|bits| Configuration::of(nodes(bits)));
        let of_after = quorums(&after);
        let meet = quorums(&before).iter().all(|one| of_after.iter().all(|other| one & other != 0));
        assert_eq!(before.overlaps(&after), meet, "{before:?} {after:?}");
        assert!(meet || (a ^ b).count_ones() > 1, "one voter more or less");
        let joint = Configuration { voters: nodes(b), outgoing: nodes(a) };
        for neighbour in [&before, &after] {
            let of_joint = quorums(&joint);
            let apart = |one: &u32| of_joint.iter().any(|other| one & other == 0);
            assert!(!quorums(neighbour).iter().any(apart), "{neighbour:?} {joint:?}");
            assert!(neighbour.overlaps(&joint) && joint.overlaps(neighbour));
        }
    }
}

#[test]
fn a_configuration_counts_while_its_entry_is_in_the_log() {
    let mut log = log(LogId::default(), &[1]);
    let configured =
        |index, bits| Configured { index, configuration: Configuration::of(nodes(bits)) };
    for bits in [1, 3] {
        let configuration = Some(Configuration::of(nodes(bits)));
        log.append(Entry { configuration, ..Entry::new(1, None) });
    }
    assert_eq!(log.configured(1), &configured(0, 0));
    assert_eq!(log.configured(2), &configured(2, 1));
    assert_eq!(log.configured(9), &configured(3, 3));
    log.truncate(3);
    assert_eq!(log.configured(9), &configured(2, 1));
    log.append(Entry::new(2, None));
    log.mark_saved();
    log.forget(3, 0);
    assert_eq!(
        log.configured_at(3),
        Some(configured(2, 1)),
        "the entry is forgotten, and it counts"
    );
    log.reset(LogId { term: 3, index: 9 }, configured(9, 7));
    assert_eq!(log.configured(9), &configured(9, 7));
}
