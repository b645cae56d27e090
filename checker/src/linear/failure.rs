//! A history that is not linearizable, told so that one can see why.

use super::object::{Inner, Verdict};
use super::trace::{Outcome, Violation};
use crate::edn::Edn;
use crate::history::{Op, OpType, Pair};
use crate::{Judgement, Validity};

/// Where and how a history stops making sense.
pub struct Failure<'a> {
    /// The operation that cannot be linearized. Everything that returned before it can.
    pub operation: Pair<'a>,
    /// The last operation that returned before it, with its completion.
    pub previous: Option<&'a Op>,
    /// The operations that no order explains, where these are known, with their roles.
    pub roles: Vec<(Pair<'a>, &'static str)>,
    violation: Option<Violation>,
    /// What may have been the case just before it returned: the object's state, and the
    /// operations that had begun but perhaps not taken effect.
    pub configurations: Vec<(Edn, Vec<Pair<'a>>)>,
    /// All operations on the object.
    pub pairs: Vec<Pair<'a>>,
    inner: Inner,
}

/// The result map for a verdict, and the failure, if it is one.
pub fn describe<'a>(
    verdict: &Verdict,
    pairs: &[Pair<'a>],
    inner: Inner,
) -> (Judgement, Option<Failure<'a>>) {
    let stuck = match &verdict.outcome {
        Outcome::Linearizable => return (Judgement::new(Validity::True, []), None),
        Outcome::GivenUp(reason) => return (Judgement::unknown(reason), None),
        Outcome::Stuck(stuck) => stuck,
    };
    // Operations that failed, or told nothing, are among the pairs but not in the verdict.
    let pair = |operation: usize| {
        let invoked_at = verdict.operations[operation].invoked_at;
        let place = pairs.binary_search_by_key(&invoked_at, |pair| pair.invoked_at);
        pairs[place.expect("an operation comes from a pair")]
    };
    let operation = pair(stuck.operation);
    let returned = pairs
        .iter()
        .filter(|other| other.outcome() == OpType::Ok && other.ended_at < operation.ended_at);
    let previous = returned.max_by_key(|other| other.ended_at).and_then(|pair| pair.complete);
    let configurations = stuck
        .configurations
        .iter()
        .map(|reached| {
            (reached.state.clone(), reached.pending.iter().map(|&id| pair(id)).collect())
        })
        .collect();
    let violation = stuck.violation.clone();
    let roles = violation.iter().flat_map(|violation| &violation.operations);
    let roles = roles.map(|(id, role)| (pair(*id), *role)).collect();
    let pairs = pairs.to_vec();
    let failure = Failure { operation, previous, roles, violation, configurations, pairs, inner };
    (failure.result(), Some(failure))
}

impl Failure<'_> {
    /// The states in which the object may have been just before the operation returned.
    pub fn states(&self) -> Vec<Edn> {
        let mut states: Vec<Edn> =
            self.configurations.iter().map(|(state, _)| state.clone()).collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    /// The result map, with Knossos's keys.
    fn result(&self) -> Judgement {
        let completion = self.operation.complete.unwrap_or(self.operation.invoke);
        if let Some(violation) = &self.violation {
            let operations = self.roles.iter().map(|(pair, role)| {
                let op = pair.complete.filter(|op| op.kind == OpType::Ok).unwrap_or(pair.invoke);
                Edn::map([("role", Edn::from(*role)), ("op", self.show(op))])
            });
            return Judgement::new(
                Validity::False,
                [
                    ("op", self.show(completion)),
                    ("previous-ok", self.previous.map_or(Edn::Nil, |op| self.show(op))),
                    ("violation", Edn::keyword(violation.kind)),
                    ("operations", Edn::Vector(operations.collect())),
                    ("explanation", Edn::from(self.explanation())),
                ],
            );
        }
        let configurations = self.configurations.iter().map(|(state, pending)| {
            let pending: Vec<Edn> = pending.iter().map(|pair| self.show(pair.invoke)).collect();
            Edn::map([("model", state.clone()), ("pending", Edn::Vector(pending))])
        });
        Judgement::new(
            Validity::False,
            [
                ("op", self.show(completion)),
                ("previous-ok", self.previous.map_or(Edn::Nil, |op| self.show(op))),
                ("states", Edn::Vector(self.states())),
                ("configs", Edn::Vector(configurations.collect())),
                ("explanation", Edn::from(self.explanation())),
            ],
        )
    }

    /// An operation as Knossos shows it.
    fn show(&self, op: &Op) -> Edn {
        let Edn::Map(mut entries) = op.to_edn() else { unreachable!("an operation is a map") };
        let shown = ["process", "type", "f", "value", "index"];
        entries.retain(|(key, _)| key.as_keyword().is_some_and(|key| shown.contains(&key)));
        for (key, value) in &mut entries {
            if key.as_keyword() == Some("value") {
                *value = (self.inner)(value).clone();
            }
        }
        Edn::Map(entries)
    }

    /// What an operation does, with its result as far as it is known: `read 3`.
    pub fn label(&self, pair: &Pair) -> String {
        let op = pair.complete.filter(|op| op.kind == OpType::Ok).unwrap_or(pair.invoke);
        match (self.inner)(&op.value) {
            Edn::Nil => op.f.to_string(),
            value => format!("{} {value}", op.f),
        }
    }

    /// What went wrong, in words.
    pub fn explanation(&self) -> String {
        let pair = &self.operation;
        let (process, label) = (pair.invoke.process, self.label(pair));
        if let Some(violation) = &self.violation {
            let parts: Vec<String> = self
                .roles
                .iter()
                .map(|(pair, role)| {
                    format!("{} by process {} {role}", self.label(pair), pair.invoke.process)
                })
                .collect();
            return format!(
                "Process {process} completed {label}, but there is no moment at which that can \
                 have happened. Everything that returned before can be put in order. {} ({}.)",
                violation.sentence,
                parts.join("; ")
            );
        }
        let states: Vec<String> = self.states().iter().map(Edn::to_string).collect();
        let mut pending: Vec<&Pair> = Vec::new();
        for other in self.configurations.iter().flat_map(|(_, pending)| pending) {
            let is_new = pending.iter().all(|known| known.invoked_at != other.invoked_at);
            if is_new && other.invoked_at != pair.invoked_at {
                pending.push(other);
            }
        }
        pending.sort_by_key(|pair| pair.invoked_at);
        let in_words =
            |pair: &&Pair| format!("{} by process {}", self.label(pair), pair.invoke.process);
        let pending: Vec<String> = pending.iter().map(in_words).collect();
        let under_way = if pending.is_empty() {
            "and nothing else was under way that could have changed it".into()
        } else {
            format!(
                "and what was under way, in whatever order it took effect, could not change that \
                 ({})",
                pending.join(", ")
            )
        };
        format!(
            "Process {process} completed {label}, but there is no moment at which that can have \
             happened. Everything that returned before can be put in order. After that the \
             object was {}, {under_way}.",
            states.join(" or "),
        )
    }
}
