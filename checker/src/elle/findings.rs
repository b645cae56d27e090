//! What was found, gathered by name, and the verdict that follows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::model::{self, Name};
use super::options::Options;
use super::reason::Explain;
use super::transaction::MicroOp;
use crate::edn::Edn;
use crate::{Drawing, Finding, Judgement, KEPT_OF_A_KIND, Validity};

/// The finding that there is nothing to judge. It has no cases.
const EMPTY_GRAPH: Name = "empty-transaction-graph";

/// A case of an anomaly.
pub struct Case {
    /// As it stands in the results.
    edn: Edn,
    /// The same for people.
    finding: Finding,
}

impl Case {
    /// A case in words, with its results under keyword keys.
    pub fn new(
        entries: impl IntoIterator<Item = (&'static str, Edn)>,
        words: impl Into<String>,
    ) -> Case {
        let entries = entries.into_iter().map(|(key, value)| (Edn::keyword(key), value));
        Case { edn: Edn::Map(entries.collect()), finding: Finding::new(words) }
    }

    /// A case of a transaction whose read is at fault.
    pub fn of_read(
        workload: &impl Explain,
        txn: u32,
        op: &MicroOp,
        more: impl IntoIterator<Item = (&'static str, Edn)>,
        words: String,
    ) -> Case {
        let read = [("op", workload.edn(txn)), ("mop", workload.micro_op_edn(op))];
        Case::new(read.into_iter().chain(more), words).about(workload, txn, "read it")
    }

    /// The same, and it is about this transaction, too.
    pub fn about(
        mut self,
        workload: &impl Explain,
        txn: u32,
        role: impl Into<Cow<'static, str>>,
    ) -> Case {
        self.finding = self.finding.about(workload.transactions().record(txn).indices.1, role);
        self
    }

    /// The same, on a key.
    pub fn on(mut self, key: Edn) -> Case {
        self.finding = self.finding.on(key);
        self
    }

    /// The same with a drawing.
    pub fn drawn(mut self, drawing: Drawing) -> Case {
        self.finding = self.finding.drawn(drawing);
        self
    }
}

/// The cases of all anomalies.
#[derive(Default)]
pub struct Findings {
    by_name: BTreeMap<Name, Cases>,
}

#[derive(Default)]
struct Cases {
    count: usize,
    kept: Vec<Case>,
}

impl Cases {
    fn omitted(&self) -> usize {
        self.count - self.kept.len()
    }
}

impl Findings {
    /// Adds a case. It is only put into words if it is kept.
    pub fn add(&mut self, name: Name, case: impl FnOnce() -> Case) {
        let cases = self.by_name.entry(name).or_default();
        cases.count += 1;
        if cases.kept.len() < KEPT_OF_A_KIND {
            cases.kept.push(case());
        }
    }

    /// Adds the cases of others, after its own.
    pub fn extend(&mut self, others: Findings) {
        for (name, Cases { count, kept }) in others.by_name {
            let cases = self.by_name.entry(name).or_default();
            cases.count += count;
            cases.kept.extend(kept);
            cases.kept.truncate(KEPT_OF_A_KIND);
        }
    }

    /// Notes that no transaction depends on another, so that nothing can be wrong, or right.
    pub fn add_empty_graph(&mut self) {
        let words = "No transaction depends on another, so nothing was checked.";
        self.add(EMPTY_GRAPH, || Case::new([], words));
    }

    /// The verdict. Only what the requested models forbid, or what leaves them undecided, is
    /// reported; but all that was found says which models cannot hold.
    pub fn judgement(self, options: &Options) -> Judgement {
        let forbidden = options.forbidden();
        let found: BTreeSet<Name> = self.by_name.keys().copied().collect();
        let (not, also_not) = model::ruled_out_by(found.iter().copied());
        let reported: Vec<(Name, Cases)> = self
            .by_name
            .into_iter()
            .filter(|(name, _)| forbidden.contains(name) || model::INDEFINITE.contains(name))
            .collect();
        let is_open = |model: &Name| !not.contains(model) && !also_not.contains(model);
        let open: Vec<Name> = options.models.iter().copied().filter(is_open).collect();
        let undecided = model::undecided(&open, &found);
        let verdict = if reported.iter().any(|(name, _)| forbidden.contains(name)) {
            Validity::False
        } else if reported.is_empty() && undecided.is_empty() {
            return Judgement::new(Validity::True, []);
        } else {
            Validity::Unknown
        };
        let mut judgement = Judgement::new(verdict, []).summed_up(summary(&reported, &not));
        if !undecided.is_empty() {
            let kept = (!reported.is_empty()).then(|| judgement.summary.clone());
            judgement = judgement.because(undecided.join(" "));
            // What is wrong is said first.
            judgement.summary = kept.unwrap_or(judgement.summary);
        }
        let keywords =
            |names: BTreeSet<Name>| Edn::Set(names.into_iter().map(Edn::keyword).collect());
        let mut put = |key, value| judgement.results.push((Edn::keyword(key), value));
        if !reported.is_empty() {
            put("anomaly-types", names(&reported));
            put("anomalies", anomalies(&reported));
            let omitted = omitted(&reported);
            if !omitted.is_empty() {
                put("omitted-cases", Edn::Map(omitted));
            }
        }
        put("not", keywords(not));
        put("also-not", keywords(also_not));
        judgement.with(kept(reported))
    }
}

/// What was found and what it rules out, for a headline.
fn summary(reported: &[(Name, Cases)], not: &BTreeSet<Name>) -> String {
    let found: Vec<Name> = reported.iter().map(|(name, _)| *name).collect();
    let not: Vec<Name> = not.iter().copied().collect();
    if not.is_empty() {
        found.join(", ")
    } else {
        format!("{}: not {}", found.join(", "), not.join(", not "))
    }
}

fn names(reported: &[(Name, Cases)]) -> Edn {
    Edn::List(reported.iter().map(|(name, _)| Edn::keyword(name)).collect())
}

fn anomalies(reported: &[(Name, Cases)]) -> Edn {
    let cases = |(name, cases): &(Name, Cases)| {
        let edns = || cases.kept.iter().map(|case| case.edn.clone()).collect();
        let value = if *name == EMPTY_GRAPH { Edn::Bool(true) } else { Edn::Vector(edns()) };
        (Edn::keyword(name), value)
    };
    Edn::Map(reported.iter().map(cases).collect())
}

fn omitted(reported: &[(Name, Cases)]) -> Vec<(Edn, Edn)> {
    let omitted = reported.iter().filter(|(_, cases)| cases.omitted() > 0);
    omitted.map(|(name, cases)| (Edn::keyword(name), Edn::from(cases.omitted()))).collect()
}

fn kept(reported: Vec<(Name, Cases)>) -> crate::Findings {
    let mut findings = crate::Findings::default();
    for (name, cases) in reported {
        let omitted = cases.omitted();
        cases.kept.into_iter().for_each(|case| findings.add(name, || case.finding));
        findings.omit(name, omitted);
    }
    findings
}
