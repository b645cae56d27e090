//! What comparisons of Jepsen's checkers with their rules have in common.
//!
//! The histories come from systems that mostly work, with operations that fail, crash (and take
//! effect later, or never) and answers that were changed afterwards. Each rule looks at the whole
//! history as often as it likes.

use std::collections::BTreeMap;

use checker::edn::Edn;
use checker::history::{History, Op, OpType};
use checker::{CheckOptions, Judge, Validity};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::oracle::{Kind, nothing, random_history};

/// What a rule says: the verdict, and some of the result.
pub type Said = (Validity, Vec<(&'static str, Edn)>);

/// A checker, histories for it, and its rule.
pub struct Case {
    pub name: &'static str,
    pub options: CheckOptions,
    pub history: fn(&mut ChaCha8Rng) -> History,
    pub rule: fn(&[Op]) -> Said,
}

/// No object is meant here: only what is asked and answered matters.
pub const PLAIN: Kind = Kind {
    model: "",
    init: "",
    step: |_, _, _| None,
    call: |_, _| ("", Edn::Nil),
    answer: |_, _, _, _| None,
    spoil: |_, _, _, answer| answer.clone(),
    unseen: nothing,
    may_doubt: false,
};

/// A random history of such a system, one operation a millisecond.
pub fn history_of(rng: &mut ChaCha8Rng, kind: &Kind) -> History {
    let mut history = History::parse(&random_history(rng, kind, &[])).unwrap();
    for op in &mut history.ops {
        op.time = op.index as i64 * 1_000_000;
    }
    history
}

/// A list of numbers.
pub fn numbers(state: &[i64]) -> Edn {
    Edn::from(state.to_vec())
}

/// The list with one value more.
pub fn with(state: &[i64], value: i64) -> Vec<i64> {
    [state, &[value]].concat()
}

/// What is in a list.
pub fn items(value: &Edn) -> Vec<Edn> {
    value.as_slice().unwrap_or_default().to_vec()
}

/// The operations of this function that began, ended well, and so on.
pub fn of<'a>(ops: &'a [Op], kind: OpType, f: &'a str) -> impl Iterator<Item = &'a Op> {
    ops.iter().filter(move |op| op.kind == kind && &*op.f == f)
}

/// The checker says what the rule says, of 10,000 histories.
pub fn compare(case: &Case) {
    let mut seen: BTreeMap<Validity, usize> = BTreeMap::new();
    for seed in 0..10_000 {
        let history = (case.history)(&mut ChaCha8Rng::seed_from_u64(seed));
        let judge = Judge::named(case.name, None, &case.options).unwrap();
        let found = judge.judge(&history);
        // What nobody did is unknown, whatever the rule says of nothing.
        let (verdict, results) = match found.to_edn().get("error") {
            Some(Edn::Str(error)) if error.starts_with("There is no ") => continue,
            _ => (case.rule)(&history.ops),
        };
        let text = || format!("{} seed {seed}: {found}\n{}", case.name, history.to_edn_text());
        assert_eq!(found.verdict, verdict, "{}", text());
        for (key, expected) in results {
            assert_eq!(found.to_edn().get(key), Some(&expected), "{key}, {}", text());
        }
        let has_words = found.findings.iter().all(|f| !f.operations.is_empty());
        // What is stale, set-full says of a valid history, too.
        let is_silent = found.findings.is_empty();
        let may_speak = verdict == Validity::False || case.name == "set-full";
        assert!(may_speak || is_silent, "{}", text());
        assert!(verdict != Validity::False || !is_silent, "{}", text());
        assert!(has_words, "{}", text());
        *seen.entry(verdict).or_default() += 1;
    }
    let count = |verdict| seen.get(&verdict).copied().unwrap_or(0);
    let enough = count(Validity::True) > 1000 && count(Validity::False) > 100;
    assert!(enough, "{}: {seen:?}", case.name);
}

/// A checker without options.
pub fn plain(
    name: &'static str,
    history: fn(&mut ChaCha8Rng) -> History,
    rule: fn(&[Op]) -> Said,
) -> Case {
    Case { name, options: CheckOptions::default(), history, rule }
}
