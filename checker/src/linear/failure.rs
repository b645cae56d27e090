//! A history that is not linearizable, told so that one can see why.

use super::object::Verdict;
use super::part::Part;
use super::trace::{Outcome, Violation};
use crate::edn::Edn;
use crate::history::Span;
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
}

/// The result map for a verdict, and the failure, if it is one.
pub fn describe<'a>(verdict: &Verdict, part: Part<'a>) -> (Judgement, Option<Failure<'a>>) {
    let stuck = match &verdict.outcome {
        Outcome::Linearizable => return (Judgement::new(Validity::True, []), None),
        Outcome::GivenUp(reason) => return (Judgement::unknown(reason), None),
        Outcome::Stuck(stuck) => stuck,
    };
    // Operations that failed, or told nothing, are in the history but not in the verdict.
    let span = |operation: usize| {
        let invoked_at = verdict.operations[operation].invoked_at;
        let place = part.spans.binary_search_by_key(&invoked_at, |span| span.invoked_at());
        part.spans[place.expect("an operation comes from the history")]
    };
    let operation = span(stuck.operation);
    let configurations = stuck
        .configurations
        .iter()
        .map(|reached| {
            (reached.state.clone(), reached.pending.iter().map(|&id| span(id)).collect())
        })
        .collect();
    let violation = stuck.violation.clone();
    let roles = violation.iter().flat_map(|violation| &violation.operations);
    let roles = roles.map(|(id, role)| (span(*id), *role)).collect();
    let previous = part.last_before(operation);
    let failure = Failure { operation, previous, roles, violation, configurations, part };
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
        let configurations = self.configurations.iter().map(|(state, pending)| {
            let pending = pending.iter().map(|span| self.show(span.invoked_at())).collect();
            Edn::map([("model", state.clone()), ("pending", Edn::Vector(pending))])
        });
        Judgement::new(
            Validity::False,
            [
                ("op", completion),
                ("previous-ok", previous),
                ("states", Edn::Vector(self.states())),
                ("configs", Edn::Vector(configurations.collect())),
                ("explanation", Edn::from(self.explanation())),
            ],
        )
    }

    fn show_previous(&self) -> Edn {
        self.previous.map_or(Edn::Nil, |previous| self.show(previous.last()))
    }

    /// An operation as Knossos shows it.
    fn show(&self, position: usize) -> Edn {
        let op = self.part.op(position).to_edn();
        let Edn::Map(mut entries) = op else { unreachable!("an operation is a map") };
        let shown = ["process", "type", "f", "value", "index"];
        entries.retain(|(key, _)| key.as_keyword().is_some_and(|key| shown.contains(&key)));
        Edn::Map(entries)
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
