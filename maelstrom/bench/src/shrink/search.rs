//! The search: tries candidates on all cores, keeps the best, and reduces many things at once.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::{Bench, Case, Kind, Left, Trial, Watch, edit};
use crate::tape::Tape;
use crate::workload::Workload;

/// The state of a search.
pub struct Search<'a> {
    pub workload: &'a dyn Workload,
    bench: &'a dyn Bench,
    watch: &'a dyn Watch,
    kind: Kind,
    /// Whether the case with this digest fails in the way that is searched for.
    known: FxHashMap<u64, bool>,
    best: Option<Position>,
    /// The best of what was reached in other ways.
    other: Option<Position>,
    /// The run as it was recorded.
    origin: Case,
    runs: u64,
    is_over: bool,
    /// Whether [`reduce`](Search::reduce) tries first what happens early.
    pub tries_early_first: bool,
}

/// A case that fails as it should, and what came of its run.
pub type Position = (Case, Trial);

/// How large it is: operations and faults are what a reader has to follow.
fn size((case, trial): &Position) -> usize {
    trial.operations + edit::episodes(&case.tape.tracks).len()
}

/// What came of a candidate.
struct Tried {
    digest: u64,
    /// The case and what came of it, when it fails as it should.
    failing: Option<Position>,
    is_new: bool,
}

impl<'a> Search<'a> {
    pub fn new(
        workload: &'a dyn Workload,
        bench: &'a dyn Bench,
        watch: &'a dyn Watch,
        kind: Kind,
        origin: Case,
    ) -> Search<'a> {
        let known = FxHashMap::default();
        Search {
            workload,
            bench,
            watch,
            kind,
            known,
            best: None,
            other: None,
            origin,
            runs: 2,
            is_over: false,
            tries_early_first: false,
        }
    }

    /// The run as it was recorded.
    pub fn origin(&self) -> &Case {
        &self.origin
    }

    /// Whether the run is another with other draws of chance. Programs in other languages may
    /// well not ask for any.
    pub fn depends_on_chance(&self, redrawn: &(dyn Fn(u64) -> Case + Sync)) -> bool {
        let runs: Vec<Trial> = (0..3u64)
            .into_par_iter()
            .map(|seed| {
                let case = redrawn(seed);
                self.bench.run(&case.options, Tape::from(case.tape), true)
            })
            .collect();
        runs.windows(2).any(|pair| pair[0].transcript != pair[1].transcript)
    }

    /// The best case with everything that chance decided in it on its tape; `None` when somebody
    /// ended the search.
    pub fn recorded(&self) -> Option<Case> {
        let mut case = self.best().clone();
        let tape = Tape::from(case.tape.clone()).recorded();
        let trial = self.bench.run(&case.options, tape, false);
        case.tape.tracks = trial.tracks.filter(|_| trial.bench_failure.is_none())?;
        Some(case)
    }

    /// Begins with the first of these cases that fails; says whether one does.
    pub fn begin(&mut self, cases: &[Case]) -> bool {
        self.first(cases.len(), &|number| cases.get(number).cloned()).is_some()
    }

    /// The smallest case so far.
    pub fn best(&self) -> &Case {
        &self.best.as_ref().expect("the search has begun").0
    }

    /// What came of running it.
    pub fn trial(&self) -> &Trial {
        &self.best.as_ref().expect("the search has begun").1
    }

    /// The kind's place among those of the best run's.
    pub fn place(&self) -> Option<usize> {
        self.trial().place(&self.kind)
    }

    /// Where the search is.
    pub fn position(&self) -> Position {
        self.best.clone().expect("the search has begun")
    }

    /// Goes back to an earlier position, for another way from there. What was found is kept.
    pub fn begin_anew(&mut self, start: Position) {
        self.other = self.best.replace(start);
    }

    /// Takes the smaller of what was found now and what was found before.
    pub fn choose(&mut self) {
        let found = self.other.take().into_iter().chain(self.best.take());
        self.best = found.min_by_key(size);
    }

    /// The smallest case.
    pub fn into_best(self) -> Case {
        self.best.expect("the search has begun").0
    }

    /// What is left.
    pub fn left(&self) -> Left {
        Left::of(self.best(), self.trial(), self.runs)
    }

    /// Whether somebody ended the search.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The first of `count` candidates that fails as it should; it is the best from now on.
    /// `build` makes the candidate with a number, or none.
    pub fn first(
        &mut self,
        count: usize,
        build: &(dyn Fn(usize) -> Option<Case> + Sync),
    ) -> Option<usize> {
        let at_once = 2 * rayon::current_num_threads().max(1);
        let best = self.best.as_ref().map(|(case, _)| case.digest());
        for start in (0..count).step_by(at_once) {
            self.is_over |= self.watch.is_over();
            if self.is_over {
                return None;
            }
            let numbers: Vec<usize> = (start..count.min(start + at_once)).collect();
            let tried: Vec<Option<Tried>> =
                numbers.par_iter().map(|&number| self.try_out(build(number)?, best)).collect();
            self.is_over |= self.watch.is_over();
            let mut found = None;
            for (number, tried) in numbers.into_iter().zip(tried) {
                let Some(tried) = tried else { continue };
                // A run that was interrupted says nothing.
                if tried.is_new && (tried.failing.is_some() || !self.is_over) {
                    self.runs += 1;
                    self.known.insert(tried.digest, tried.failing.is_some());
                }
                if let (None, Some(failing)) = (found, tried.failing) {
                    found = Some(number);
                    self.best = Some(failing);
                }
            }
            if found.is_some() {
                // Whoever watches has heard of the other way's result.
                let is_smaller = |other| self.best.as_ref().map(size) < Some(size(other));
                if self.other.as_ref().is_none_or(is_smaller) {
                    self.watch.on_progress(&self.left());
                }
                return found;
            }
        }
        None
    }

    /// Runs a candidate, unless it is the best case itself or is known not to fail.
    fn try_out(&self, case: Case, best: Option<u64>) -> Option<Tried> {
        let digest = case.digest();
        if best == Some(digest) || self.known.get(&digest) == Some(&false) {
            return None;
        }
        let trial = self.bench.run(&case.options, Tape::from(case.tape.clone()), false);
        let fails = trial.bench_failure.is_none() && trial.place(&self.kind).is_some();
        let is_new = !self.known.contains_key(&digest);
        Some(Tried { digest, failing: fails.then_some((case, trial)), is_new })
    }

    /// Reduces `count` things to few of them, by delta debugging: `build` makes the candidate
    /// that keeps those with these numbers. Says whether it could take any out.
    ///
    /// The things are numbered in the order in which they happen. What happens late is tried first,
    /// unless the search says otherwise: without it less of the run becomes another.
    ///
    /// Source: the algorithm `ddmin` of Zeller and Hildebrandt, section 3.2; here the parts are
    /// gone through in a circle, and do not begin anew after each success.
    pub fn reduce(
        &mut self,
        count: usize,
        build: &(dyn Fn(&[usize]) -> Option<Case> + Sync),
    ) -> bool {
        let is_as_it_happens = self.tries_early_first;
        let in_order = |numbers: &[usize]| -> Vec<usize> {
            match is_as_it_happens {
                true => numbers.to_vec(),
                false => numbers.iter().rev().map(|number| count - 1 - number).collect(),
            }
        };
        let kept = ddmin(count, &mut |candidates: &[Vec<usize>]| {
            self.first(candidates.len(), &|number| build(&in_order(&candidates[number])))
        });
        kept.len() < count
    }
}

/// Reduces the numbers below `count` to a subset such that no one of them can be left out.
/// `first` gives the place of the first of these subsets that fails, if one does.
pub fn ddmin(count: usize, first: &mut dyn FnMut(&[Vec<usize>]) -> Option<usize>) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..count).collect();
    if count == 0 || first(&[Vec::new()]).is_some() {
        return Vec::new();
    }
    let mut parts = 2;
    let mut begin = 0;
    while kept.len() > 1 {
        parts = parts.min(kept.len());
        let bounds: Vec<usize> = (0..=parts).map(|part| part * kept.len() / parts).collect();
        let part = |number: usize| kept[bounds[number]..bounds[number + 1]].to_vec();
        let without =
            |number: usize| [&kept[..bounds[number]], &kept[bounds[number + 1]..]].concat();
        let order: Vec<usize> = (0..parts).map(|number| (begin + number) % parts).collect();
        let mut candidates: Vec<Vec<usize>> = (0..parts).map(part).collect();
        let subsets = candidates.len();
        if parts > 2 {
            candidates.extend(order.iter().map(|&number| without(number)));
        }
        match first(&candidates) {
            Some(place) if place < subsets => {
                kept = candidates.swap_remove(place);
                (parts, begin) = (2, 0);
            }
            Some(place) => {
                begin = order[place - subsets];
                kept = candidates.swap_remove(place);
                parts = (parts - 1).max(2);
            }
            None if parts == kept.len() => break,
            None => (parts, begin) = (2 * parts, 0),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::options::TestOptions;
    use crate::shrink::Unwatched;
    use crate::tape::TapeFile;
    use crate::workload::by_name;

    fn lost() -> Kind {
        Kind { part: "workload".into(), kind: "lost".into(), object: "nothing" }
    }

    /// Fails, whatever is in the run.
    struct Fails;

    impl Bench for Fails {
        fn run(&self, _: &TestOptions, mut tape: Tape, _: bool) -> Trial {
            Trial {
                kinds: vec![lost()],
                about: vec![BTreeSet::new()],
                shown_by: vec![Duration::ZERO],
                operations: std::iter::from_fn(|| tape.take_operation()).count(),
                ..Trial::default()
            }
        }
    }

    #[test]
    fn the_smallest_of_all_ways_is_kept() {
        let case = |operations: usize| {
            let line = |at| format!("{{:at {at}, :thread 0, :f :read, :value nil}}\n");
            let lines: String = (0..operations).map(line).collect();
            let tape = format!("{{:tape 2, :workload \"g-set\", :seed 1}}\n{lines}");
            Case { options: TestOptions::default(), tape: TapeFile::parse(&tape).unwrap() }
        };
        for (first, second) in [(3, 5), (5, 3), (4, 4)] {
            let workload = by_name("g-set").unwrap();
            let mut search = Search::new(workload, &Fails, &Unwatched, lost(), case(9));
            assert!(search.begin(&[case(9)]));
            let start = search.position();
            search.begin(&[case(first)]);
            search.begin_anew(start);
            assert_eq!(search.left().operations, 9);
            search.begin(&[case(second)]);
            search.choose();
            assert_eq!(search.left().operations, first.min(second));
        }
    }

    /// A small failing run in the abstract: it fails when it has everything of one of these sets.
    fn causes() -> impl Strategy<Value = Vec<BTreeSet<usize>>> {
        let cause = proptest::collection::btree_set(0usize..12, 0..5);
        proptest::collection::vec(cause, 1..4)
    }

    fn fails(causes: &[BTreeSet<usize>], subset: &[usize]) -> bool {
        causes.iter().any(|cause| cause.iter().all(|item| subset.contains(item)))
    }

    fn minimal(fails: impl Fn(&[usize]) -> bool) -> Vec<usize> {
        ddmin(12, &mut |candidates| candidates.iter().position(|subset| fails(subset)))
    }

    proptest! {
        /// What is left is minimal among all of its subsets: with causes, it is one of them.
        #[test]
        fn what_is_left_fails_and_nothing_in_it_is_too_much(causes in causes()) {
            prop_assume!(fails(&causes, &(0..12).collect::<Vec<_>>()));
            let left = minimal(|subset| fails(&causes, subset));
            prop_assert!(fails(&causes, &left));
            let subsets = (0..(1u32 << left.len()) - 1).map(|bits| {
                let is_in = |place: &usize| bits & (1 << place) != 0;
                (0..left.len()).filter(is_in).map(|place| left[place]).collect::<Vec<_>>()
            });
            for subset in subsets {
                prop_assert!(!fails(&causes, &subset), "{:?} of {:?}", subset, left);
            }
            // With one cause there is one optimum, and this is it.
            if let [cause] = &causes[..] {
                prop_assert_eq!(left, cause.iter().copied().collect::<Vec<_>>());
            }
        }

        /// Whether it fails may be as irregular as it likes: nothing of what is left can go.
        #[test]
        fn no_single_thing_can_go(salt in any::<u64>()) {
            let fails = |subset: &[usize]| {
                let bits = subset.iter().fold(0u64, |bits, item| bits | 1 << item);
                subset.len() == 12 || (bits ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62 == 0
            };
            let left = minimal(fails);
            prop_assert!(fails(&left));
            for gone in &left {
                let less: Vec<usize> = left.iter().copied().filter(|item| item != gone).collect();
                prop_assert!(!fails(&less), "{:?} without {}", left, gone);
            }
        }
    }
}
