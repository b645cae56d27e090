//! The smallest example of each error, and random histories against the slow definitions.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::notation::{Item, Step, history, parse};
use super::slow;
use crate::edn::Edn;
use crate::history::{History, OpType};
use crate::{CheckOptions, Judgement, Validity, Workload};

/// As it is judged for users.
fn check(history: &History) -> Judgement {
    history.judge(Workload::Kafka)
}

/// How many errors the checker found of each type.
fn counts(result: &Judgement) -> BTreeMap<String, usize> {
    let result = result.to_edn();
    let types = result.get("error-types").and_then(Edn::as_slice).unwrap_or_default();
    let count = |name: &str| {
        let error = result.get(name).expect("each type has its entry");
        match error.get("unseen") {
            Some(Edn::Map(keys)) => keys.iter().filter_map(|(_, count)| count.as_i64()).sum(),
            _ => error.get("count").and_then(Edn::as_i64).expect("each error is counted"),
        }
    };
    let names = types.iter().filter_map(Edn::as_keyword);
    names.map(|name| (name.to_owned(), count(name) as usize)).collect()
}

/// A history, and the types of its errors; all of them are bad unless the verdict says so.
const EXAMPLES: &[(&str, &str)] = &[
    // All is well.
    ("sends x1@0 | sends x2@1 | 1 polls x1@0 x2@1", ""),
    ("sends x1@-5 | sends x2@900719925474099 | 1 polls x1@-5 x2@900719925474099", ""),
    ("sends? x1 | sends! x2 | 1 polls x1@0", ""),
    ("sends x1 | 1 polls x1", ""),
    ("^1 sends x1@0 | 1 polls x1@0", ""),
    ("polls x1@0 | ^1 1 sends x1@0", ""),
    ("sends x1@0 | 1 assigns x | 1 polls x1@0 | 1 assigns y | 1 assigns x@0 | 1 polls x1@0", ""),
    ("sends x1@0 | 1 polls x1@0 | 2 assigns x@0 | 2 polls x1@0", ""),
    // One of each.
    ("sends x1@0 | 1 polls x1@3", "duplicate"),
    ("sends x1@0 | sends x2@0 | 1 polls x1@0 | 2 polls x2@0", "inconsistent-offsets"),
    ("sends! x1 | 1 polls x1@0", "G1a"),
    ("polls x1@0", "no-writer-of-value"),
    ("polls x1@0 | 1 sends x1@0", "G1c-realtime"),
    ("txns +x1@0 x1@0", "precommitted-read"),
    ("sends x1@0 | sends x2@1 | 1 polls x2@1", "lost-write unseen"),
    ("sends? x1 | 1 sends x2@4 | 1 polls x2@4 | polls! x1@1", ""),
    ("txns? +x1@0 +x2@1 | 1 polls x2@1", "lost-write"),
    ("sends x1@0", "unseen"),
    ("sends x1@0 | sends x2@1 | sends x3@2 | 1 polls x1@0 x2@1 | 2 polls x3@2 | 1 polls x3@2", ""),
    (
        "sends x1@0 | sends x2@4 | sends x3@9 | 1 polls x1@0 | 2 polls x2@4 | 1 polls x3@9",
        "poll-skip",
    ),
    ("sends x1@0 | 1 polls x1@0 | 1 polls x1@0", "nonmonotonic-poll"),
    (
        "sends x1@0 | sends x2@4 | sends x3@9 | 2 polls x1@0 x2@4 | 1 polls x1@0 x3@9",
        "int-poll-skip",
    ),
    ("sends x1@0 | sends x2@1 | 1 polls x2@1 x1@0", "int-nonmonotonic-poll"),
    ("sends x1@1 | sends x2@0 | 1 polls x2@0 x1@1", "nonmonotonic-send"),
    ("txns +x1@1 +x2@0 | 1 polls x2@0 x1@1", "int-nonmonotonic-send"),
    ("^2 txns +x1@0 +x3@2 | 1 sends x2@1 | 2 polls x1@0 x2@1 x3@2", "int-send-skip"),
    ("sends x1@0 | sends x2@1 | polls x1@0 | 1 assigns x@1 | polls x2@1", "unprocessed-commit"),
    ("sends x1@0 | polls x1@0 | 1 assigns x", "nonmonotonic-commit"),
    // A poll that failed or is uncertain shows what it shows, but moves nobody on.
    ("sends x1@0 | 1 polls! x1@0 | 1 polls x1@0", ""),
    ("sends x1@0 | sends x2@1 | 1 polls! x1@0 | 2 polls x1@0 x2@1 | 1 polls x2@1", ""),
];

/// The types that leave a history valid.
const ALLOWED: [&str; 2] = ["int-send-skip", "nonmonotonic-commit"];

#[test]
fn each_type_has_its_smallest_example() {
    for (text, expected) in EXAMPLES {
        let result = check(&history(&parse(text)));
        let found: Vec<String> = counts(&result).into_keys().collect();
        assert_eq!(found.join(" "), *expected, "{text}");
        let bad = found.iter().any(|name| !ALLOWED.contains(&name.as_str()));
        assert_eq!(result.verdict, Validity::from(!bad), "{text}");
    }
}

#[test]
fn committed_offsets_must_not_go_back_where_that_is_asked_for() {
    for (text, is_right) in [
        ("sends x1@0 | polls x1@0 | 1 assigns x", false),
        ("sends x1@0 | polls x1@0 | 1 assigns x@0", true),
    ] {
        let options = CheckOptions { monotonic_commits: true, ..CheckOptions::default() };
        let judgement = history(&parse(text)).judge(Workload::Kafka.judge(&options).unwrap());
        assert_eq!(judgement.verdict, Validity::from(is_right), "{text}");
    }
}

#[test]
fn the_slow_definitions_agree_on_the_examples() {
    for (text, _) in EXAMPLES {
        assert_agreement(&parse(text), text);
    }
}

fn assert_agreement(steps: &[Step], name: &str) {
    let result = check(&history(steps));
    let expected: BTreeMap<String, usize> =
        slow::count(steps).into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    assert_eq!(counts(&result), expected, "{name}: {steps:#?}\n{result:#?}");
}

/// Small random histories, right and wrong in every way.
#[test]
fn random_histories_agree_with_the_slow_definitions() {
    let mut types = BTreeMap::new();
    for seed in 0..10_000 {
        let steps = random_steps(&mut ChaCha8Rng::seed_from_u64(seed));
        assert_agreement(&steps, &format!("seed {seed}"));
        for (name, _) in slow::count(&steps) {
            *types.entry(name).or_insert(0) += 1;
        }
    }
    assert_eq!(types.len(), 17, "the random histories must show each type: {types:?}");
}

fn random_steps(rng: &mut ChaCha8Rng) -> Vec<Step> {
    let mut next_message = 0;
    let is_orderly = rng.random_bool(0.5);
    let step = |_| {
        let f = ["send", "send", "poll", "poll", "assign", "txn"][rng.random_range(0..6usize)];
        let outcome = match rng.random_range(0..6) {
            0 => OpType::Info,
            1 => OpType::Fail,
            _ => OpType::Ok,
        };
        let count = if f == "send" { 1 } else { rng.random_range(0..4) };
        let items = (0..count).map(|_| {
            let is_send = f == "send" || f == "txn" && rng.random_bool(0.5);
            let key = ["x", "y"][rng.random_range(0..2usize)].to_owned();
            let message = if is_send {
                next_message += 1;
                next_message
            } else {
                rng.random_range(0..6)
            };
            // Mostly a message's offset is its number: otherwise everything would be wrong.
            let offset =
                if is_orderly || rng.random_bool(0.8) { message } else { rng.random_range(-1..6) };
            let offset = if f == "assign" { rng.random_range(0..6) } else { offset };
            let offset = rng.random_bool(0.9).then_some(offset);
            Item { is_send, key, message, offset }
        });
        let items = items.collect();
        let early = rng.random_range(0..4);
        Step { process: rng.random_range(0..3), f, outcome, early, items }
    };
    // A process does nothing after an uncertain operation, but the checker need not know that.
    let mut steps: Vec<Step> = (0..12).map(step).collect();
    for step in &mut steps {
        if step.f == "assign" {
            step.items.dedup_by(|a, b| a.key == b.key);
            step.items.truncate(2);
            if step.items.len() == 2 && step.items[0].key == step.items[1].key {
                step.items.pop();
            }
        }
    }
    steps
}

fn check_text(text: &str) -> Judgement {
    check(&History::parse(text).unwrap())
}

#[test]
fn nothing_checked_is_unknown() {
    for text in ["", "0 crashs?", "sends! x1", "sends? x1", "polls", "assigns x"] {
        let result = check(&history(&parse(text)));
        assert_eq!(result.verdict, Validity::Unknown, "{text}");
        assert!(result.to_edn().get("error").is_some(), "{text}");
    }
}

#[test]
fn what_is_not_of_this_workload_is_unknown_with_a_sentence() {
    let forms = [
        "7",
        "[7]",
        "[[:send 1]]",
        "[[:send 1 [2]]]",
        "[[:push 1 2]]",
        "[[:poll 7]]",
        "[[:poll {1 7}]]",
        "[[:poll {1 [[1 2 3]]}]]",
        "[[:poll {1 [2]}]]",
        "{}",
    ];
    for value in forms {
        let text = "{:process 0 :type :invoke :f :poll :value nil :index 3}".to_owned()
            + &format!("{{:process 0 :type :ok :f :poll :value {value} :index 4}}");
        let error = check_text(&text).to_edn().get("error").cloned();
        let error = error.unwrap_or_else(|| panic!("{value} is accepted"));
        assert!(error.to_string().contains("operation 4"), "{error}");
    }
}

#[test]
fn offsets_may_be_anything() {
    let offsets = ["nil", "-9223372036854775808", "99999999999999999999999N", "0.5", "\"a\""];
    for offset in offsets {
        let text = "{:process 0 :type :invoke :f :send :value [[:send 1 1]]}".to_owned()
            + &format!("{{:process 0 :type :ok :f :send :value [[:send 1 [{offset} 1]]]}}")
            + "{:process 0 :type :invoke :f :poll :value [[:poll]]}"
            + &format!("{{:process 0 :type :ok :f :poll :value [[:poll {{1 [[{offset} 1]]}}]]}}");
        assert_eq!(check_text(&text).verdict, Validity::True, "{offset}");
    }
}

#[test]
fn the_lag_is_how_long_an_acknowledged_message_stayed_invisible() {
    // Message 2 is acknowledged at 30 ns; the poll that does not show it begins at 55 ns.
    let text = "1 assigns x | sends x1@0 | sends x2@7 | 1 polls x1@0 | polls | 1 polls";
    let steps = parse(text);
    let result = check(&history(&steps)).to_edn();
    let worst = result.get("worst-realtime-lag").unwrap().to_string();
    assert_eq!(worst, "{:time 5.5e-8, :process 1, :key \"x\", :lag 2.5e-8}");
}

#[test]
fn subscribers_should_consume_each_message_once() {
    let text = "sends x1@0 | 1 subscribes x | 1 polls x1@0 | 1 polls x1@0 | 2 polls x1@0";
    let result = check(&history(&parse(text))).to_edn();
    let counts = result.get("consume-counts").unwrap().to_string();
    assert_eq!(counts, "{:distribution {2 1}, :dup-counts {\"x\" {1 2}}}");
}

/// Every message at one offset, every poll repeated, skips over the whole log: much to report,
/// and still no more than linear work.
#[test]
fn long_histories_full_of_errors_are_no_trouble() {
    let mut text = String::new();
    for message in 0..20_000 {
        text += &format!("sends x{message}@{message} | 1 polls x0@0 x{message}@{message} |");
        text += &format!("2 polls y{message}@0 |");
    }
    let counts = counts(&check(&history(&parse(&text))));
    assert_eq!(counts["int-poll-skip"], 19_998);
    assert_eq!(counts["nonmonotonic-poll"], 19_999);
    assert_eq!(counts["no-writer-of-value"], 20_000);
    assert_eq!(counts["inconsistent-offsets"], 1);
}
