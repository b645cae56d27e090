//! What was found, gathered by name, and the verdict that follows.

use std::collections::{BTreeMap, BTreeSet};

use super::explain::Explain;
use super::model::{self, Name};
use super::transaction::MicroOp;
use super::{Options, Report};
use crate::edn::Edn;
use crate::{Judgement, Validity};

/// Of one anomaly, so many cases are shown in full. A database that gets everything wrong would
/// fill the disk otherwise.
const SHOWN: usize = 32;

/// The finding that there is nothing to judge. It has no cases.
const EMPTY_GRAPH: Name = "empty-transaction-graph";

/// A case of an anomaly.
pub struct Finding {
    /// As it stands in the results.
    pub edn: Edn,
    /// In words.
    pub text: String,
    /// As a drawing in SVG, if it is a cycle.
    pub drawing: Option<String>,
}

impl Finding {
    /// A case with its findings under keyword keys.
    pub fn new(entries: impl IntoIterator<Item = (&'static str, Edn)>, text: String) -> Finding {
        let entries = entries.into_iter().map(|(key, value)| (Edn::keyword(key), value));
        Finding { edn: Edn::Map(entries.collect()), text, drawing: None }
    }

    /// A case of a transaction whose read is at fault.
    pub fn of_read(
        workload: &impl Explain,
        txn: u32,
        op: &MicroOp,
        more: impl IntoIterator<Item = (&'static str, Edn)>,
        text: String,
    ) -> Finding {
        let read = [("op", workload.edn(txn)), ("mop", workload.micro_op_edn(op))];
        Finding::new(read.into_iter().chain(more), text)
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
    shown: Vec<Finding>,
}

impl Findings {
    /// Adds a case. It is only put into words if it will be shown.
    pub fn add(&mut self, name: Name, finding: impl FnOnce() -> Finding) {
        let cases = self.by_name.entry(name).or_default();
        cases.count += 1;
        if cases.shown.len() < SHOWN {
            cases.shown.push(finding());
        }
    }

    /// Notes that no transaction depends on another, so that nothing can be wrong, or right.
    pub fn add_empty_graph(&mut self) {
        let text = "No transaction depends on another, so nothing was checked.".to_string();
        self.add(EMPTY_GRAPH, || Finding::new([], text));
    }

    /// The verdict. Only what the requested models forbid, or what leaves them undecided, is
    /// reported; but all that was found says which models cannot hold.
    pub fn report(self, options: &Options) -> Report {
        let forbidden = options.forbidden();
        let found: BTreeSet<Name> = self.by_name.keys().copied().collect();
        let (not, also_not) = model::ruled_out_by(found.iter().copied());
        let is_reported =
            |name: &Name| forbidden.contains(name) || model::INDEFINITE.contains(name);
        let reported: Vec<(Name, Cases)> =
            self.by_name.into_iter().filter(|(name, _)| is_reported(name)).collect();
        if reported.is_empty() {
            return Report { result: Judgement::new(Validity::True, []), files: Vec::new() };
        }
        let is_bad = reported.iter().any(|(name, _)| forbidden.contains(name));
        let valid = if is_bad { Validity::False } else { Validity::Unknown };
        let names = reported.iter().map(|(name, _)| Edn::keyword(name)).collect();
        let keywords =
            |names: BTreeSet<Name>| Edn::Set(names.into_iter().map(Edn::keyword).collect());
        let mut anomalies = Vec::new();
        let mut files = Vec::new();
        let mut omitted = Vec::new();
        for (name, cases) in reported {
            let key = Edn::keyword(name);
            if cases.count > cases.shown.len() {
                omitted.push((key.clone(), Edn::from(cases.count - cases.shown.len())));
            }
            add_files(&mut files, name, &cases.shown);
            let edns = cases.shown.into_iter().map(|finding| finding.edn).collect();
            let is_case = name != EMPTY_GRAPH;
            anomalies.push((key, if is_case { Edn::Vector(edns) } else { Edn::Bool(true) }));
        }
        let mut result = Judgement::new(
            valid,
            [
                ("anomaly-types", Edn::List(names)),
                ("anomalies", Edn::Map(anomalies)),
                ("not", keywords(not)),
                ("also-not", keywords(also_not)),
            ],
        );
        if !omitted.is_empty() {
            result.results.insert(2, (Edn::keyword("omitted-cases"), Edn::Map(omitted)));
        }
        Report { result, files }
    }
}

/// The texts of one anomaly in one file, and its drawings in a folder of its name.
fn add_files(files: &mut Vec<(String, String)>, name: Name, cases: &[Finding]) {
    let texts = cases.iter().enumerate().map(|(i, case)| format!("{name} #{i}\n{}\n", case.text));
    files.push((format!("{name}.txt"), texts.collect::<Vec<_>>().join("\n\n")));
    for (i, case) in cases.iter().enumerate() {
        if let Some(drawing) = &case.drawing {
            files.push((format!("{name}/{i}.svg"), drawing.clone()));
        }
    }
}
