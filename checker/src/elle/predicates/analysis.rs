//! What transactions with predicate reads depend on, and what is wrong with them short of cycles.

use std::collections::BTreeMap;

use super::{Asked, Predicate, State, Step, Txn};
use crate::edn::Edn;
use crate::elle::cycles::Step as CycleStep;
use crate::elle::findings::{Case, Findings};
use crate::elle::graph::{Edges, Relation};
use crate::elle::reason::{Explain, Reason};
use crate::elle::transaction::{MicroOp, Problem, Transactions};
use crate::history::{OpType, record_of};

/// So many objects may be compared with predicate reads.
const MOST_COMPARISONS: usize = 100_000_000;

/// A version of an object, and the transaction that made it so; none did before all of them.
struct Version {
    state: State,
    writer: Option<u32>,
}

/// An object: what it was at first, and what it became, if it was ever changed.
struct Object {
    versions: Vec<Version>,
}

impl Object {
    /// The version that a read without a value has seen, if that can be told.
    fn absent(&self) -> Option<usize> {
        let is_absent = |version: &Version| !matches!(version.state, State::Value(_));
        let mut absent = self.versions.iter().enumerate().filter(|(_, v)| is_absent(v));
        match (absent.next(), absent.next()) {
            (Some((place, _)), None) => Some(place),
            _ => None,
        }
    }

    fn place(&self, state: &State) -> Option<usize> {
        self.versions.iter().position(|version| version.state == *state)
    }
}

/// What a read saw of an object.
enum Seen {
    /// This one of its versions.
    Version(usize),
    /// None of them: it was not there, though it was from the first.
    Missing,
    /// A value that is none of them.
    Other,
    /// Nobody can tell.
    Unknown,
}

/// A dependency: its first and its second transaction, and why.
struct Dependency<'a> {
    from: u32,
    to: u32,
    relation: Relation,
    key: &'a Edn,
    /// The version that the first has to do with, and for `ww` and `rw` the one after it.
    versions: (State, Option<State>),
    /// The place of the read, in the transaction that reads.
    read: Option<usize>,
    is_predicate: bool,
}

/// Transactions, and the objects that they are about.
pub struct Analysis {
    txns: Transactions,
    contents: Vec<Txn>,
    objects: BTreeMap<Edn, Object>,
    /// What transactions that failed would have written.
    failed: BTreeMap<(Edn, Edn), u32>,
}

impl Analysis {
    /// Puts together the versions of every object.
    ///
    /// # Errors
    /// When they cannot be told, or there are too many.
    pub fn new(txns: Transactions, contents: Vec<Txn>) -> Result<Analysis, Problem> {
        let mut analysis =
            Analysis { txns, contents, objects: BTreeMap::new(), failed: BTreeMap::new() };
        analysis.add_first()?;
        analysis.add_changes()?;
        analysis.check_predicates()?;
        Ok(analysis)
    }

    /// Whether there is nothing to judge.
    pub fn is_empty(&self) -> bool {
        !self.contents.iter().any(|txn| matches!(txn.asked, Asked::Txn(_)))
    }

    fn steps(&self, txn: u32) -> &[Step] {
        match &self.contents[txn as usize].asked {
            Asked::Init(_) => &[],
            Asked::Txn(steps) => steps,
        }
    }

    fn problem(&self, kind: &'static str, txn: u32, what: &str) -> Problem {
        let index = self.txns.record(txn).indices.1;
        Problem { kind, message: format!("operation {index} {what}") }
    }

    /// The objects that were there at first.
    fn add_first(&mut self) -> Result<(), Problem> {
        let begin = |txn: u32| self.txns.get(txn).begin;
        let first_begin = self.txns.numbers().map(begin).min();
        for txn in self.txns.possible() {
            let Asked::Init(entries) = &self.contents[txn as usize].asked else { continue };
            let is_first = Some(begin(txn)) == first_begin && self.objects.is_empty();
            if !is_first || self.txns.get(txn).outcome != OpType::Ok {
                let what = "is an :init that is not the first operation, or did not surely \
                            succeed; so nobody knows what was there at first";
                return Err(self.problem("malformed-init", txn, what));
            }
            for (key, value) in entries {
                let first = Version { state: State::Value(value.clone()), writer: Some(txn) };
                self.objects.insert(key.clone(), Object { versions: vec![first] });
            }
        }
        Ok(())
    }

    /// What became of objects.
    fn add_changes(&mut self) -> Result<(), Problem> {
        for txn in self.txns.numbers() {
            let steps = match &self.contents[txn as usize].asked {
                Asked::Init(_) => continue,
                Asked::Txn(steps) => steps.clone(),
            };
            for step in steps {
                let Step::Change { key, state } = step else { continue };
                if self.txns.get(txn).outcome == OpType::Fail {
                    if let State::Value(value) = state {
                        self.failed.insert((key, value), txn);
                    }
                    continue;
                }
                let unborn = || Version { state: State::Unborn, writer: None };
                let object = self.objects.entry(key.clone());
                let object = object.or_insert_with(|| Object { versions: vec![unborn()] });
                if object.versions.len() > 1 || object.versions[0].state == state {
                    let what = format!(
                        "changes key {key}, which is changed elsewhere too, or to what it was; \
                         what a predicate read saw can only be told where a key is changed once, to \
                         something else"
                    );
                    return Err(self.problem("duplicate-writes", txn, &what));
                }
                object.versions.push(Version { state, writer: Some(txn) });
            }
        }
        Ok(())
    }

    /// Every predicate must say of every version whether it matches; and there is a limit.
    fn check_predicates(&self) -> Result<(), Problem> {
        let is_integer = |version: &Version| match &version.state {
            State::Value(value) => value.as_i64().is_some(),
            _ => true,
        };
        let all_integers =
            self.objects.values().flat_map(|object| &object.versions).all(is_integer);
        let mut reads = 0;
        for txn in self.txns.committed() {
            for step in self.steps(txn) {
                let Step::Select { predicate, .. } = step else { continue };
                reads += 1;
                if matches!(predicate, Predicate::Modulo { .. }) && !all_integers {
                    let what = "asks for a remainder, and not all values are integers of 64 bits";
                    return Err(self.problem("malformed-predicate", txn, what));
                }
            }
        }
        if reads * self.objects.len() > MOST_COMPARISONS {
            return Err(Problem {
                kind: "too-many-predicate-reads",
                message: format!(
                    "each of {reads} predicate reads speaks of {} keys, and that is more than \
                     {MOST_COMPARISONS} comparisons",
                    self.objects.len()
                ),
            });
        }
        Ok(())
    }

    /// What a plain read saw.
    fn seen(&self, key: &Edn, value: &Edn) -> Seen {
        let Some(object) = self.objects.get(key) else {
            return if value.is_nil() { Seen::Missing } else { Seen::Other };
        };
        if !value.is_nil() {
            let place = object.place(&State::Value(value.clone()));
            return place.map_or(Seen::Other, Seen::Version);
        }
        let is_never_absent =
            object.versions.iter().all(|version| matches!(version.state, State::Value(_)));
        match object.absent() {
            Some(place) => Seen::Version(place),
            None if is_never_absent => Seen::Missing,
            None => Seen::Unknown,
        }
    }

    /// What a predicate read saw of an object, shown or not.
    fn selected(&self, predicate: &Predicate, seen: &BTreeMap<Edn, Edn>, key: &Edn) -> Seen {
        if let Some(value) = seen.get(key) {
            return self.seen(key, value);
        }
        let versions = self.objects[key].versions.iter().enumerate();
        let mut others = versions.filter(|(_, version)| !predicate.matches(&version.state));
        match (others.next(), others.next()) {
            // Whatever it was, it matched: as if it had not been there at all.
            (None, _) => Seen::Missing,
            (Some((place, _)), None) => Seen::Version(place),
            _ => Seen::Unknown,
        }
    }

    /// The dependencies by data.
    pub fn edges(&self) -> Edges {
        let mut edges = Edges::new(self.txns.len());
        let mut add = |dependency: Dependency| {
            if dependency.from == dependency.to {
                edges.note_loop();
            }
            edges.add(dependency.from, dependency.to, dependency.relation);
        };
        self.overwrites(&mut add);
        self.txns.committed().for_each(|txn| self.dependencies_of_reads(txn, &mut add));
        edges
    }

    /// Who overwrote whom.
    fn overwrites<'a>(&'a self, add: &mut impl FnMut(Dependency<'a>)) {
        for (key, object) in &self.objects {
            for pair in object.versions.windows(2) {
                let (Some(from), Some(to)) = (pair[0].writer, pair[1].writer) else { continue };
                let versions = (pair[0].state.clone(), Some(pair[1].state.clone()));
                let (relation, read) = (Relation::WriteWrite, None);
                add(Dependency { from, to, relation, key, versions, read, is_predicate: false });
            }
        }
    }

    /// On whom the reads of a transaction depend, and who depends on them.
    fn dependencies_of_reads<'a>(&'a self, txn: u32, add: &mut impl FnMut(Dependency<'a>)) {
        for (place, step) in self.steps(txn).iter().enumerate() {
            match step {
                Step::Change { .. } => {}
                Step::Read { key, value } => {
                    self.dependencies(txn, place, key, self.seen(key, value), None, add);
                }
                Step::Select { predicate, seen } => {
                    for key in self.objects.keys() {
                        let version = self.selected(predicate, seen, key);
                        // What it shows it has read, as any other read would have.
                        let by = (!seen.contains_key(key)).then_some(predicate);
                        self.dependencies(txn, place, key, version, by, add);
                    }
                }
            }
        }
    }

    /// The same of one read of one object. A predicate read depends on changes only that make a
    /// difference to it.
    fn dependencies<'a>(
        &'a self,
        txn: u32,
        read: usize,
        key: &'a Edn,
        seen: Seen,
        predicate: Option<&Predicate>,
        add: &mut impl FnMut(Dependency<'a>),
    ) {
        let versions = self.objects.get(key).map_or(&[][..], |object| &object.versions);
        let (state, later) = match seen {
            Seen::Version(place) => (versions[place].state.clone(), &versions[place + 1..]),
            Seen::Missing => (State::Unborn, versions),
            Seen::Other | Seen::Unknown => return,
        };
        let (is_predicate, read) = (predicate.is_some(), Some(read));
        if let Seen::Version(place) = seen
            && let Some(writer) = versions[place].writer
        {
            let (relation, versions) = (Relation::WriteRead, (state.clone(), None));
            add(Dependency { from: writer, to: txn, relation, key, versions, read, is_predicate });
        }
        let relation =
            if is_predicate { Relation::PredicateReadWrite } else { Relation::ReadWrite };
        let changes = |version: &&Version| {
            predicate.is_none_or(|p| p.matches(&state) != p.matches(&version.state))
        };
        // Without a predicate, what follows at once.
        let most = if is_predicate { later.len() } else { 1 };
        for version in later.iter().take(most).filter(changes) {
            let Some(writer) = version.writer else { continue };
            let versions = (state.clone(), Some(version.state.clone()));
            add(Dependency { from: txn, to: writer, relation, key, versions, read, is_predicate });
        }
    }

    /// Adds every anomaly that is no cycle.
    pub fn find(&self, findings: &mut Findings) {
        for txn in self.txns.committed() {
            let mut own: BTreeMap<&Edn, State> = BTreeMap::new();
            for step in self.steps(txn) {
                match step {
                    Step::Change { key, state } => drop(own.insert(key, state.clone())),
                    Step::Read { key, value } => {
                        self.odd_value(txn, key, value, findings);
                        let state = match value {
                            Edn::Nil => State::Unborn,
                            value => State::Value(value.clone()),
                        };
                        if own.get(key).is_some_and(|known| visible(known) != visible(&state)) {
                            self.add_internal(txn, key, &own[key], findings);
                        }
                        own.entry(key).or_insert(state);
                    }
                    Step::Select { predicate, seen } => {
                        self.find_in_selection(txn, predicate, seen, &own, findings);
                    }
                }
            }
        }
    }

    fn find_in_selection(
        &self,
        txn: u32,
        predicate: &Predicate,
        seen: &BTreeMap<Edn, Edn>,
        own: &BTreeMap<&Edn, State>,
        findings: &mut Findings,
    ) {
        for (key, value) in seen {
            self.odd_value(txn, key, value, findings);
        }
        for (key, state) in own {
            let shown = if predicate.matches(state) { visible(state) } else { None };
            if seen.get(*key) != shown {
                self.add_internal(txn, key, state, findings);
            }
        }
        for (key, object) in &self.objects {
            let matches = |version: &Version| predicate.matches(&version.state);
            if !seen.contains_key(key) && object.versions.iter().all(matches) {
                findings.add("predicate-read-miss", || {
                    let versions = object.versions.iter().map(|version| version.state.edn());
                    let words = format!(
                        "{}\nread by a predicate that every version of key {key} matches, and does \
                         not show it.",
                        self.edn(txn)
                    );
                    let entries = [
                        ("op", self.edn(txn)),
                        ("key", key.clone()),
                        ("versions", Edn::Vector(versions.collect())),
                    ];
                    Case::new(entries, words).on(key.clone()).about(self, txn, "read it")
                });
            }
        }
    }

    /// A value that no transaction wrote, or only one that failed.
    fn odd_value(&self, txn: u32, key: &Edn, value: &Edn, findings: &mut Findings) {
        if value.is_nil() || !matches!(self.seen(key, value), Seen::Other) {
            return;
        }
        let entries = || [("op", self.edn(txn)), ("key", key.clone()), ("value", value.clone())];
        let case = |words: String| Case::new(entries(), words).on(key.clone());
        match self.failed.get(&(key.clone(), value.clone())) {
            Some(&writer) => findings.add("G1a", || {
                let index = self.txns.record(writer).indices.1;
                case(format!(
                    "{}\nread key {key} as {value}, which operation {index} wrote, and that failed.",
                    self.edn(txn)
                ))
                .about(self, txn, "read it")
                .about(self, writer, "wrote it")
            }),
            None => findings.add("unwritten-read", || {
                case(format!("{}\nread key {key} as {value}, which nobody wrote.", self.edn(txn)))
                    .about(self, txn, "read it")
            }),
        }
    }

    fn add_internal(&self, txn: u32, key: &Edn, expected: &State, findings: &mut Findings) {
        findings.add("internal", || {
            let expected = expected.edn();
            let words = format!(
                "{}\nread key {key} otherwise than its own reads and writes have it, which is \
                 {expected}.",
                self.edn(txn)
            );
            let entries = [("op", self.edn(txn)), ("key", key.clone()), ("expected", expected)];
            Case::new(entries, words).on(key.clone()).about(self, txn, "read it")
        });
    }

    /// The place of the step in which a transaction made an object so.
    fn change(&self, txn: u32, key: &Edn, state: &State) -> Option<usize> {
        let is_it = |step: &Step| match step {
            Step::Change { key: k, state: s } => (k, s) == (key, state),
            _ => false,
        };
        match self.contents[txn as usize].asked {
            Asked::Init(_) => Some(0),
            Asked::Txn(_) => self.steps(txn).iter().position(is_it),
        }
    }

    fn in_words(&self, dependency: &Dependency, [a, b]: [&str; 2]) -> Reason {
        let Dependency { from, to, relation, key, ref versions, read, is_predicate } = *dependency;
        let (state, next) = (versions.0.edn(), versions.1.as_ref().map(State::edn));
        let write = self.change(to, key, versions.1.as_ref().unwrap_or(&versions.0));
        let places = match relation {
            Relation::WriteRead => [self.change(from, key, &versions.0), read],
            Relation::WriteWrite => [self.change(from, key, &versions.0), write],
            _ => [read, write],
        };
        let next_words = next.clone().unwrap_or(Edn::Nil);
        let text = match (relation, is_predicate) {
            (Relation::WriteRead, false) => {
                format!("{a} made key {key} {state}, and {b} read it so")
            }
            (Relation::WriteRead, true) => format!(
                "{a} made key {key} {state}, and {b} read by a predicate and did so after that"
            ),
            (Relation::WriteWrite, _) => {
                format!("{a} made key {key} {state}, and {b} changed that to {next_words}")
            }
            (_, false) => format!("{a} read key {key} as {state}, and {b} made it {next_words}"),
            (_, true) => format!(
                "{a} read by a predicate when key {key} was {state}, and {b} made it {next_words}, \
                 so that it would have been read otherwise"
            ),
        };
        let mut entries = vec![("key", key.clone()), ("value", state)];
        entries.extend(next.map(|next| ("value'", next)));
        if is_predicate {
            entries.push(("predicate?", Edn::Bool(true)));
        }
        Reason { entries, places, text }
    }
}

/// The value of an object, if it is there.
fn visible(state: &State) -> Option<&Edn> {
    match state {
        State::Value(value) => Some(value),
        State::Unborn | State::Dead => None,
    }
}

impl Explain for Analysis {
    fn transactions(&self) -> &Transactions {
        &self.txns
    }

    fn edn(&self, txn: u32) -> Edn {
        let (record, content) = (self.txns.record(txn), &self.contents[txn as usize]);
        let txn = self.txns.get(txn);
        record_of(Edn::map([
            ("index", Edn::from(record.indices.1)),
            ("time", Edn::Int(record.times.1)),
            ("type", Edn::keyword(txn.outcome.name())),
            ("process", Edn::Int(txn.process)),
            ("f", content.f.clone()),
            ("value", content.value.clone()),
        ]))
    }

    fn micro_op_edn(&self, _: &MicroOp) -> Edn {
        unreachable!("these transactions have no steps of keys and values")
    }

    fn boxes(&self, txn: u32) -> Vec<String> {
        let content = &self.contents[txn as usize];
        match &content.asked {
            Asked::Init(_) => vec![content.value.to_string()],
            Asked::Txn(_) => {
                let steps = content.value.as_slice().unwrap_or_default();
                steps.iter().map(Edn::to_string).collect()
            }
        }
    }

    fn reason(&self, step: &CycleStep, names: [&str; 2]) -> Reason {
        let mut found = None;
        let mut add = |dependency: Dependency| {
            let is_it = dependency.from == step.from
                && dependency.to == step.to
                && dependency.relation == step.relation;
            // What is said of items is easier to see than what is said of predicates.
            if is_it && found.as_ref().is_none_or(|(is_predicate, _)| *is_predicate) {
                found = Some((dependency.is_predicate, self.in_words(&dependency, names)));
            }
        };
        match step.relation {
            Relation::WriteWrite => self.overwrites(&mut add),
            Relation::WriteRead => self.dependencies_of_reads(step.to, &mut add),
            _ => self.dependencies_of_reads(step.from, &mut add),
        }
        found.expect("a step comes from what both did to a key").1
    }
}
