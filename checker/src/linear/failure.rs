//! A history that is not linearizable, told so that one can see why.

use super::object::{Object, Verdict};
use super::part::Part;
use super::trace::{Outcome, Reached, Violation};
use crate::edn::Edn;
use crate::history::{OpType, Span};
use crate::{Judgement, Validity};

/// Where and how a history stops making sense.
pub struct Failure<'a> {
    /// The operation that cannot be linearized. Everything that returned before it can.
    pub operation: Span,
    /// The last operation that returned before it.
    pub previous: Option<Span>,
    /// The operations that no order explains, where these are known, with their roles.
    pub roles: Vec<(Span, &'static str)>,
    violation: Option<Violation>,
    /// What may have been the case just before it returned: the object's state, and the
    /// operations that had begun but perhaps not taken effect.
    pub configurations: Vec<(Edn, Vec<Span>)>,
    /// All operations on the object.
    pub part: Part<'a>,
    object: Object,
}

/// The result map for a verdict, and the failure, if it is one.
pub fn describe<'a>(
    object: &Object,
    verdict: &Verdict,
    part: Part<'a>,
) -> (Judgement, Option<Failure<'a>>) {
    // Operations that failed, or told nothing, are in the history but not in the verdict.
    let span = |operation: usize| {
        let invoked_at = verdict.operations[operation].invoked_at;
        let place = part.spans.binary_search_by_key(&invoked_at, |span| span.invoked_at());
        part.spans[place.expect("an operation comes from the history")]
    };
    let configurations = |reached: &[Reached<Edn>]| -> Vec<(Edn, Vec<Span>)> {
        let reached = reached.iter();
        reached.map(|r| (r.state.clone(), r.pending.iter().map(|&id| span(id)).collect())).collect()
    };
    let stuck = match &verdict.outcome {
        Outcome::Linearizable(reached) => {
            let last = part.spans.iter().filter(|span| span.outcome == OpType::Ok);
            let last = last.max_by_key(|span| span.ended_at()).copied();
            let configs = configs(object, part, &configurations(reached), last);
            let results = [("configs", configs), ("final-paths", Edn::List(Vec::new()))];
            return (Judgement::new(Validity::True, results), None);
        }
        Outcome::GivenUp(reason) => return (Judgement::unknown(reason), None),
        Outcome::Stuck(stuck) => stuck,
    };
    let operation = span(stuck.operation);
    let configurations = configurations(&stuck.configurations);
    let violation = stuck.violation.clone();
    let roles = violation.iter().flat_map(|violation| &violation.operations);
    let roles = roles.map(|(id, role)| (span(*id), *role)).collect();
    let previous = part.last_before(operation);
    let object = object.clone();
    let failure = Failure { operation, previous, roles, violation, configurations, part, object };
    (failure.result(), Some(failure))
}

/// Configurations as Knossos shows them, with the last operation to return before.
fn configs(
    object: &Object,
    part: Part,
    configurations: &[(Edn, Vec<Span>)],
    last: Option<Span>,
) -> Edn {
    let last = last.map(|span| show(part, span.last()));
    let config = |(state, pending): &(Edn, Vec<Span>)| {
        let pending = pending.iter().map(|span| show(part, span.invoked_at())).collect();
        Edn::map([
            ("model", object.record(state)),
            ("last-op", last.clone().into()),
            ("pending", Edn::Vector(pending)),
        ])
    };
    Edn::List(configurations.iter().map(config).collect())
}

/// An operation as Knossos shows it.
fn show(part: Part, position: usize) -> Edn {
    let Edn::Map(mut entries) = part.op(position).to_edn() else {
        unreachable!("an operation is a map")
    };
    let shown = ["process", "type", "f", "value", "index", "time"];
    entries.retain(|(key, _)| key.as_keyword().is_some_and(|key| shown.contains(&key)));
    Edn::Map(entries)
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

    /// The other operations that were under way at that moment, each once.
    pub fn pending(&self) -> Vec<Span> {
        let pending = self.configurations.iter().flat_map(|(_, pending)| pending);
        let mut pending: Vec<Span> = pending.copied().collect();
        pending.sort_by_key(|span| span.invoked_at());
        pending.dedup();
        pending.retain(|span| *span != self.operation);
        pending
    }

    /// The result map, with Knossos's keys.
    fn result(&self) -> Judgement {
        let (completion, previous) = (self.show(self.operation.last()), self.show_previous());
        if let Some(violation) = &self.violation {
            let operations = self.roles.iter().map(|(span, role)| {
                Edn::map([("role", Edn::from(*role)), ("op", self.show(span.result()))])
            });
            return Judgement::new(
                Validity::False,
                [
                    ("op", completion),
                    ("previous-ok", previous),
                    ("violation", Edn::keyword(violation.kind)),
                    ("operations", Edn::Vector(operations.collect())),
                    ("explanation", Edn::from(self.explanation())),
                ],
            );
        }
        let configs = configs(&self.object, self.part, &self.configurations, self.previous);
        Judgement::new(
            Validity::False,
            [
                ("op", completion),
                ("previous-ok", previous),
                ("states", Edn::Vector(self.states())),
                ("configs", configs),
                ("final-paths", self.final_paths()),
                ("explanation", Edn::from(self.explanation())),
            ],
        )
    }

    fn show_previous(&self) -> Edn {
        self.previous.map_or(Edn::Nil, |previous| self.show(previous.last()))
    }

    fn show(&self, position: usize) -> Edn {
        show(self.part, position)
    }

    /// From each state to the operation that finds no place after it.
    fn final_paths(&self) -> Edn {
        let step = |op: Edn, model: Edn| Edn::map([("op", op), ("model", model)]);
        let paths = self.states().into_iter().map(|state| {
            let mut path = Vec::new();
            if let Some(previous) = self.previous {
                path.push(step(self.show(previous.last()), self.object.record(&state)));
            }
            let (op, label) = (self.show(self.operation.last()), self.part.label(self.operation));
            let words = format!("there is no moment for {label} when the object is {state}");
            path.push(step(op, Edn::map([("msg", words.into())])));
            Edn::Vector(path)
        });
        Edn::List(paths.collect())
    }

    /// What went wrong, in words.
    pub fn explanation(&self) -> String {
        let in_words = |span: Span| {
            let process = self.part.operations.head(span.invoked_at()).process;
            format!("{} by process {process}", self.part.label(span))
        };
        let label = self.part.label(self.operation);
        let process = self.part.operations.head(self.operation.invoked_at()).process;
        if let Some(violation) = &self.violation {
            let parts: Vec<String> = self
                .roles
                .iter()
                .map(|(span, role)| format!("{} {role}", in_words(*span)))
                .collect();
            return format!(
                "Process {process} completed {label}, but there is no moment at which that can \
                 have happened. Everything that returned before can be put in order. {} ({}.)",
                violation.sentence,
                parts.join("; ")
            );
        }
        let states: Vec<String> = self.states().iter().map(Edn::to_string).collect();
        let pending: Vec<String> = self.pending().into_iter().map(in_words).collect();
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
