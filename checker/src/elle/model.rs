//! Consistency models, the anomalies that each forbids, and what follows from what.
//!
//! Three tables carry all of it. A model implies weaker models; a model forbids anomalies; an
//! anomaly implies other anomalies. From them come the two questions that a checker asks: what
//! may not happen if these models are to hold, and which models are ruled out by what did.
//!
//! Sources, by model: Adya, *Weak Consistency* (1999), for the PL levels; Bailis et al.,
//! *Highly Available Transactions* (2013); Cerone, Bernardi and Gotsman, *A Framework for
//! Transactional Consistency Models with Atomic Visibility* (2015); Daudjee and Salem, *Lazy
//! Database Replication with Snapshot Isolation* (2006); Zuikevičiūtė and Pedone, *Correctness
//! Criteria for Database Replication* (2008). Where the papers leave a choice, Elle's is taken,
//! so that the two name the same boundary.
//!
//! Anomalies over predicates are in the tables, because models are defined by them. Only one
//! workload here has predicates ([`predicates`](super::predicates)), so that others never show any.
//!
//! Chapter 10 of the book, `book/10-transactions.md`, reads this.

use std::collections::BTreeSet;

/// The name of a model or of an anomaly, as it is printed.
pub type Name = &'static str;

type Table = &'static [(Name, &'static [Name])];

/// Other names of models, each with the one that is printed.
const ALIASES: &[(Name, Name)] = &[
    ("PL-1", "read-uncommitted"),
    ("PL-2", "read-committed"),
    ("PL-CS", "cursor-stability"),
    ("PL-2L", "monotonic-view"),
    ("PL-MSR", "monotonic-snapshot-read"),
    ("PL-2+", "consistent-view"),
    ("PL-FCV", "forward-consistent-view"),
    ("PL-2.99", "repeatable-read"),
    ("PL-SI", "snapshot-isolation"),
    ("PL-3U", "update-serializable"),
    ("PL-3", "serializable"),
    ("conflict-serializable", "serializable"),
    ("PL-SS", "strong-serializable"),
    ("strict-serializable", "strong-serializable"),
    ("strong-session-PL-1", "strong-session-read-uncommitted"),
    ("strong-session-PL-2", "strong-session-read-committed"),
    ("strong-PL-1", "strong-read-uncommitted"),
    ("strong-PL-2", "strong-read-committed"),
];

/// A model, and the weaker ones that hold wherever it does.
const MODELS: Table = &[
    ("read-uncommitted", &[]),
    ("read-committed", &["read-uncommitted"]),
    ("cursor-stability", &["read-committed"]),
    ("monotonic-view", &["read-committed"]),
    ("monotonic-snapshot-read", &["read-committed"]),
    ("monotonic-atomic-view", &["read-committed"]),
    ("consistent-view", &["cursor-stability", "monotonic-view"]),
    ("forward-consistent-view", &["consistent-view"]),
    ("update-serializable", &["forward-consistent-view"]),
    ("read-atomic", &["monotonic-atomic-view"]),
    ("causal-cerone", &["read-atomic"]),
    ("update-atomic", &["read-atomic"]),
    ("parallel-snapshot-isolation", &["causal-cerone", "update-atomic"]),
    ("prefix", &["causal-cerone"]),
    ("repeatable-read", &["cursor-stability", "monotonic-atomic-view"]),
    (
        "snapshot-isolation",
        &[
            "forward-consistent-view",
            "monotonic-atomic-view",
            "monotonic-snapshot-read",
            "parallel-snapshot-isolation",
            "prefix",
        ],
    ),
    (
        "serializable",
        &["repeatable-read", "snapshot-isolation", "update-serializable", "view-serializable"],
    ),
    ("strong-session-read-uncommitted", &["read-uncommitted"]),
    ("strong-session-read-committed", &["read-committed", "strong-session-read-uncommitted"]),
    ("strong-session-snapshot-isolation", &["snapshot-isolation", "strong-session-read-committed"]),
    ("strong-session-serializable", &["serializable", "strong-session-snapshot-isolation"]),
    ("strong-read-uncommitted", &["strong-session-read-uncommitted"]),
    ("strong-read-committed", &["strong-session-read-committed", "strong-read-uncommitted"]),
    ("strong-snapshot-isolation", &["strong-session-snapshot-isolation", "strong-read-committed"]),
    (
        "strong-serializable",
        &[
            "linearizable",
            "serializable",
            "session-serializable",
            "snapshot-isolation",
            "strong-session-serializable",
            "strong-snapshot-isolation",
        ],
    ),
    ("session-serializable", &["1SR"]),
    ("linearizable", &["sequential"]),
    ("sequential", &["causal"]),
    ("causal", &["writes-follow-reads", "PRAM"]),
    ("PRAM", &["monotonic-reads", "monotonic-writes", "read-your-writes"]),
    ("view-serializable", &[]),
    ("1SR", &[]),
    ("writes-follow-reads", &[]),
    ("monotonic-reads", &[]),
    ("monotonic-writes", &[]),
    ("read-your-writes", &[]),
];

/// A model, and the anomalies that it forbids beyond what the weaker ones do.
const FORBIDDEN: Table = &[
    // A version order is total, and a list holds an element once, even at Adya's weakest level.
    ("read-uncommitted", &["G0", "cyclic-versions", "duplicate-elements"]),
    ("read-committed", &["G1"]),
    ("cursor-stability", &["G1", "G-cursor", "lost-update"]),
    ("monotonic-view", &["G1", "G-monotonic"]),
    ("monotonic-snapshot-read", &["G1", "G-MSR"]),
    ("consistent-view", &["G1", "G-single"]),
    ("forward-consistent-view", &["G1", "G-SIb"]),
    ("update-serializable", &["G1", "G-update"]),
    ("read-atomic", &["internal", "G1a", "future-read"]),
    ("causal-cerone", &["internal", "G1a"]),
    ("parallel-snapshot-isolation", &["internal", "G1a"]),
    ("prefix", &["internal", "G1a"]),
    ("update-atomic", &["lost-update"]),
    ("repeatable-read", &["G1", "G2-item", "lost-update"]),
    // Generalised snapshot isolation forbids every cycle in which no two anti-dependencies
    // follow each other: Cerone and Gotsman, *Analysing Snapshot Isolation* (2016), Theorem 9.
    ("snapshot-isolation", &["internal", "G1", "G-SI", "G-nonadjacent"]),
    ("serializable", &["internal", "G1", "G2", "predicate-read-miss"]),
    ("strong-session-read-uncommitted", &["G0-process"]),
    ("strong-session-read-committed", &["G1c-process"]),
    ("strong-session-snapshot-isolation", &["internal", "G1-process", "G-nonadjacent-process"]),
    ("strong-session-serializable", &["G1-process", "G2-process"]),
    ("strong-read-uncommitted", &["G0-realtime"]),
    ("strong-read-committed", &["G1c-realtime"]),
    ("strong-snapshot-isolation", &["internal", "G1-realtime", "G-nonadjacent-realtime"]),
    ("strong-serializable", &["G1", "G1c-realtime", "G2-realtime"]),
];

/// An anomaly, and the ones that are present wherever it is.
///
/// Every cycle is also, trivially, one of its kind that could have used process edges; and a
/// process runs one transaction at a time, so that whatever breaks its order breaks real time.
const ANOMALIES: Table = &[
    ("G0", &["G1c", "G0-process"]),
    ("G0-process", &["G1c-process", "G0-realtime"]),
    ("G0-realtime", &["G1c-realtime"]),
    ("G1a", &["G1"]),
    ("G1b", &["G1"]),
    ("G1c", &["G1", "G1c-process"]),
    ("G1c-process", &["G1c-realtime", "G1-process"]),
    ("G1c-realtime", &["G1-realtime"]),
    ("G1", &["G1-process"]),
    ("G1-process", &["G1-realtime"]),
    ("G-single-item", &["G-single", "G-single-item-process", "G-nonadjacent-item"]),
    (
        "G-single-item-process",
        &["G-single-process", "G-single-item-realtime", "G-nonadjacent-item-process"],
    ),
    ("G-single-item-realtime", &["G-single-realtime", "G-nonadjacent-item-realtime"]),
    ("G-single", &["G-nonadjacent", "GSIb", "G-single-process"]),
    ("G-single-process", &["G-nonadjacent-process", "G-single-realtime"]),
    ("G-single-realtime", &["G-nonadjacent-realtime"]),
    ("G-nonadjacent-item", &["G-nonadjacent", "G2-item", "G-nonadjacent-item-process"]),
    (
        "G-nonadjacent-item-process",
        &["G-nonadjacent-process", "G2-item-process", "G-nonadjacent-item-realtime"],
    ),
    ("G-nonadjacent-item-realtime", &["G2-item-realtime", "G-nonadjacent-realtime"]),
    ("G-nonadjacent", &["G2", "G-nonadjacent-process"]),
    ("G-nonadjacent-process", &["G2-process", "G-nonadjacent-realtime"]),
    ("G-nonadjacent-realtime", &["G2-realtime"]),
    ("G2-item", &["G2", "G2-item-process"]),
    ("G2-item-process", &["G2-process", "G2-item-realtime"]),
    ("G2-item-realtime", &["G2-realtime"]),
    ("G2", &["G2-process"]),
    ("G2-process", &["G2-realtime"]),
    ("GSIa", &["GSI"]),
    ("GSIb", &["GSI"]),
    // Two states of a list of which neither is a prefix of the other cannot both be committed.
    ("incompatible-order", &["G1a"]),
    // A transaction that reads what it will only write later depends on itself.
    ("future-read", &["G1c"]),
    // Building on the write of an aborted transaction is no better than reading it.
    ("dirty-update", &["G1a"]),
    ("lost-update", &["write-skew", "G2-item"]),
    ("write-skew", &["G2"]),
];

/// Anomalies that nothing here looks for, each with one that is found wherever it is: the first
/// is a case of the second (Adya, section 4.2, for those with one anti-dependency).
const NOT_LOOKED_FOR: &[(Name, Name)] = &[
    ("G-cursor", "G-single"),
    ("G-monotonic", "G-single"),
    ("G-MSR", "G-single"),
    ("G-update", "G2"),
];

/// What can only be said to be unknown, whatever the models.
pub const INDEFINITE: &[Name] = &["empty-transaction-graph", "unwritten-read"];

/// The printed name of a model.
///
/// # Errors
/// A sentence that lists the known models, when this is none.
pub fn model(name: &str) -> Result<Name, String> {
    let name = name.trim().trim_start_matches(':');
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, model)| *model);
    let known = alias.or_else(|| MODELS.iter().map(|(model, _)| *model).find(|m| *m == name));
    known.ok_or_else(|| {
        let names = MODELS.iter().map(|(model, _)| *model);
        let mut names: Vec<Name> = names.chain(ALIASES.iter().map(|(alias, _)| *alias)).collect();
        names.sort_unstable();
        format!("unknown consistency model {name:?}; the known ones are {}", names.join(", "))
    })
}

/// The printed name of an anomaly that is looked for.
///
/// # Errors
/// A sentence that lists them, when this is none.
pub fn anomaly(name: &str) -> Result<Name, String> {
    let name = name.trim().trim_start_matches(':');
    let mut names: BTreeSet<Name> = BTreeSet::new();
    for (worse, implied) in ANOMALIES {
        names.insert(worse);
        names.extend(implied.iter());
    }
    for (_, forbidden) in FORBIDDEN {
        names.extend(forbidden.iter());
    }
    names.retain(|name| !NOT_LOOKED_FOR.iter().any(|(other, _)| other == name));
    names.get(name).copied().ok_or_else(|| {
        let names: Vec<Name> = names.into_iter().collect();
        format!("unknown anomaly {name:?}; those looked for are {}", names.join(", "))
    })
}

/// These anomalies, and all that imply one of them.
pub fn with_worse(anomalies: &[Name]) -> BTreeSet<Name> {
    implying(ANOMALIES, anomalies.iter().copied())
}

/// The anomalies that must be absent for all of these models to hold.
pub fn forbidden_by(models: &[Name]) -> BTreeSet<Name> {
    let models = implied(MODELS, models.iter().copied());
    let direct = FORBIDDEN.iter().filter(|(model, _)| models.contains(model));
    implying(ANOMALIES, direct.flat_map(|(_, anomalies)| anomalies.iter().copied()))
}

/// Of these models, which are not ruled out, those that are not known to hold either: why, a
/// sentence each.
pub fn undecided(models: &[Name], found: &BTreeSet<Name>) -> Vec<String> {
    let present = implied(ANOMALIES, found.iter().copied());
    let mut sentences = Vec::new();
    for model in models {
        let weaker = implied(MODELS, [*model]);
        let rows: Vec<_> = FORBIDDEN.iter().filter(|(name, _)| weaker.contains(name)).collect();
        if rows.is_empty() {
            sentences.push(format!(
                "There is no check for {model}, so nothing is said about it; serializable and \
                 strict-serializable, for instance, have one."
            ));
        }
        let forbids = |anomaly| rows.iter().any(|(_, anomalies)| anomalies.contains(&anomaly));
        for (anomaly, witness) in NOT_LOOKED_FOR {
            if forbids(*anomaly) && present.contains(witness) {
                sentences.push(format!(
                    "{model} forbids {anomaly}, which is not looked for; a {witness} was found, \
                     which may be one."
                ));
            }
        }
    }
    sentences
}

/// An anomaly together with all that it implies.
pub fn implied_by(anomaly: &str) -> BTreeSet<Name> {
    let row = ANOMALIES.iter().find(|(name, _)| *name == anomaly);
    implied(ANOMALIES, row.map(|(name, _)| *name))
}

/// The models that cannot hold: the weakest of them, and all the others.
pub fn ruled_out_by(anomalies: impl IntoIterator<Item = Name>) -> (BTreeSet<Name>, BTreeSet<Name>) {
    let present = implied(ANOMALIES, anomalies);
    let direct =
        FORBIDDEN.iter().filter(|(_, forbids)| forbids.iter().any(|a| present.contains(a)));
    let impossible = implying(MODELS, direct.map(|(model, _)| *model));
    let is_weakest = |model: &Name| {
        let weaker = implied(MODELS, [*model]);
        !weaker.iter().any(|other| other != model && impossible.contains(other))
    };
    impossible.iter().copied().partition(is_weakest)
}

/// Everything that the table reaches from these names, they included.
fn implied(table: Table, from: impl IntoIterator<Item = Name>) -> BTreeSet<Name> {
    closure(from, |name| {
        let row = table.iter().find(|(key, _)| *key == name);
        row.map_or(Vec::new(), |(_, implied)| implied.to_vec())
    })
}

/// Everything from which the table reaches any of these names, they included.
fn implying(table: Table, from: impl IntoIterator<Item = Name>) -> BTreeSet<Name> {
    closure(from, |name| {
        let rows = table.iter().filter(|(_, implied)| implied.contains(&name));
        rows.map(|(key, _)| *key).collect()
    })
}

fn closure(
    from: impl IntoIterator<Item = Name>,
    next: impl Fn(Name) -> Vec<Name>,
) -> BTreeSet<Name> {
    let mut open: Vec<Name> = from.into_iter().collect();
    let mut closed = BTreeSet::new();
    while let Some(name) = open.pop() {
        if closed.insert(name) {
            open.extend(next(name));
        }
    }
    closed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden(name: &str) -> BTreeSet<Name> {
        forbidden_by(&[model(name).unwrap()])
    }

    #[test]
    fn every_name_in_a_table_is_a_known_one() {
        for (name, weaker) in MODELS {
            assert_eq!(model(name), Ok(*name));
            weaker.iter().for_each(|name| assert_eq!(model(name), Ok(*name)));
        }
        for (alias, name) in ALIASES {
            assert_eq!((model(alias), model(name)), (Ok(*name), Ok(*name)));
        }
        for (name, _) in FORBIDDEN {
            assert_eq!(model(name), Ok(*name));
        }
    }

    #[test]
    fn a_model_that_nobody_knows_is_an_error_with_the_known_ones() {
        let error = model("serialisable").unwrap_err();
        assert!(error.contains("serialisable") && error.contains("strict-serializable"));
        assert_eq!(model(":PL-SS"), model("strict-serializable"));
    }

    #[test]
    fn stronger_models_forbid_more() {
        for (name, weaker) in MODELS {
            for weaker in *weaker {
                assert!(forbidden(name).is_superset(&forbidden(weaker)), "{name} {weaker}");
            }
        }
    }

    /// Each line: a model, what it forbids, what it allows.
    #[test]
    fn models_forbid_what_their_papers_say() {
        for (name, forbids, allows) in [
            ("read-uncommitted", "G0 duplicate-elements cyclic-versions", "G1a G1c internal"),
            ("read-committed", "G1a G1b G1c dirty-update incompatible-order", "internal G-single"),
            ("read-atomic", "internal future-read", "G-single-item lost-update"),
            ("snapshot-isolation", "G-single-item G-nonadjacent-item", "G2-item G0-process"),
            ("repeatable-read", "G2-item lost-update", "G2 internal G-single-item-process"),
            ("serializable", "G2 G2-item internal lost-update", "G0-realtime G2-item-process"),
            ("strong-session-serializable", "G2-item-process", "G0-realtime"),
            ("strict-serializable", "G0-realtime G2-item-realtime G2-item-process", ""),
        ] {
            let set = forbidden(name);
            for anomaly in forbids.split_whitespace() {
                assert!(set.contains(anomaly), "{name} forbids {anomaly}");
            }
            for anomaly in allows.split_whitespace() {
                assert!(!set.contains(anomaly), "{name} allows {anomaly}");
            }
        }
    }

    #[test]
    fn what_is_not_looked_for_is_left_undecided_where_it_may_be() {
        let undecided = |name: &str, found: &[Name]| {
            undecided(&[model(name).unwrap()], &found.iter().copied().collect()).len()
        };
        for name in "linearizable sequential causal PRAM read-your-writes monotonic-reads \
                     monotonic-writes writes-follow-reads view-serializable 1SR \
                     session-serializable"
            .split_whitespace()
        {
            assert_eq!((undecided(name, &[]), undecided(name, &["G1a"])), (1, 1), "{name}");
        }
        for (name, found, expected) in [
            ("serializable", &[][..], 0),
            ("cursor-stability", &["internal"], 0),
            ("cursor-stability", &["G-single-item"], 1),
            ("cursor-stability", &["G-single-item-realtime"], 0),
            ("update-serializable", &["G2-item"], 1),
            ("snapshot-isolation", &["G2-item"], 0),
        ] {
            assert_eq!(undecided(name, found), expected, "{name} {found:?}");
        }
    }

    #[test]
    fn the_boundary_is_the_weakest_models_that_cannot_hold() {
        for (anomalies, weakest) in [
            (&[][..], &[][..]),
            (&["G0"], &["read-uncommitted"]),
            (&["G1a", "dirty-update"], &["read-committed"]),
            (&["G-single-item"], &["consistent-view", "repeatable-read"]),
            (&["G-single-item-realtime"], &["strong-snapshot-isolation"]),
            (&["G2-item"], &["repeatable-read"]),
            (&["lost-update"], &["cursor-stability", "update-atomic"]),
            (&["internal"], &["read-atomic"]),
            (&["G0-realtime"], &["strong-read-uncommitted"]),
            (&["G2-item-realtime"], &["strong-serializable"]),
        ] {
            let (not, also_not) = ruled_out_by(anomalies.iter().copied());
            assert_eq!(not.into_iter().collect::<Vec<_>>(), weakest, "{anomalies:?}");
            let strict = model("strict-serializable").unwrap();
            let strict_too = anomalies.is_empty() || weakest == [strict];
            assert_eq!(also_not.contains(strict), !strict_too, "{anomalies:?}");
        }
    }
}
