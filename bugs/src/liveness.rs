//! Bugs that lose nothing and answer nothing: how they are told from bad luck.
//!
//! That a cluster stands still is no fault by itself: no node answers while a majority is away. So
//! it is asked that it does not stand still for long, `--availability 5s`; and a run would become
//! smaller and smaller until the right node fails in it, too. So a run counts here only if the node
//! with the bug stands still in it and the right one does not, not for half as long, whatever
//! timeouts its elections draw. Half, for the right node may only be quicker to say that it cannot
//! answer.
//!
//! Source of the measure: Howard and Abraham, *Raft does not Guarantee Liveness in the face of
//! Network Faults* (2020): a majority that can talk to each other should be enough.

use maelstrom::checker::availability::Availability;
use maelstrom::options::TestOptions;
use maelstrom::seeds::Seeds;
use maelstrom::shrink::{Bench, Trial};
use maelstrom::simulation::Check;
use maelstrom::tape::Tape;

use crate::exhibit::mended;

/// The checker that must find it.
pub const STANDSTILL: &str = "availability";

/// With so many other draws, too, in a small run the right node must not stand still.
const DRAWS: u64 = 3;

/// With so few operations chance may be to blame.
const SMALL: usize = 60;

/// A bench that runs the right node beside the one with the bug.
pub struct Beside<'a> {
    check: &'a Check,
    compares: bool,
    /// Whether the right node has to do better in large runs, too.
    asks_more: bool,
}

impl<'a> Beside<'a> {
    /// The bench for a bug that fails by this anomaly. Only a standstill needs the right node.
    pub fn of(check: &'a Check, anomaly: Option<&str>) -> Beside<'a> {
        Beside { check, compares: anomaly == Some(STANDSTILL), asks_more: false }
    }

    /// The bench for what is made of the run of this seed. What the right node does in that run, it
    /// has to do in each that is made of it. Else the search leaves the bug at once, for a cut that
    /// lasts about as long as what is asked, and cannot go on when less chance is allowed.
    pub fn from_seed(&self, seed: u64) -> Beside<'a> {
        let options = with_half_the_patience(&self.check.options_for(seed));
        let does_better = || !mended(|| self.stands_still(&options, Seeds::new(seed).into()));
        Beside { asks_more: self.compares && does_better(), ..*self }
    }

    fn stands_still(&self, options: &TestOptions, tape: Tape) -> bool {
        place(&Bench::run(self.check, options, tape, false)).is_some()
    }

    /// Whether it is the bug that stands still, given the tape.
    fn is_the_bug(&self, options: &TestOptions, tape: &Tape, is_small: bool) -> bool {
        // A large run has other faults too, which the right node may wait for.
        let draws = if is_small { DRAWS } else { 0 };
        let options = match is_small || self.asks_more {
            true => &with_half_the_patience(options),
            false => options,
        };
        let mut draws = std::iter::once(None).chain((0..draws).map(Some));
        !mended(|| draws.any(|seed| self.stands_still(options, tape.copy(seed))))
    }
}

impl Bench for Beside<'_> {
    fn run(&self, options: &TestOptions, tape: Tape, listens: bool) -> Trial {
        let again = tape.copy(None);
        let mut trial = Bench::run(self.check, options, tape, listens);
        let is_small = again.is_replayed() && trial.operations <= SMALL;
        if let Some(place) = place(&trial).filter(|_| self.compares)
            && !self.is_the_bug(options, &again, is_small)
        {
            trial.kinds.remove(place);
            trial.about.remove(place);
            trial.shown_by.remove(place);
        }
        trial
    }
}

/// Under these options the right node has to do better.
fn with_half_the_patience(options: &TestOptions) -> TestOptions {
    let availability = options.availability.map(|asked| match asked {
        Availability::Within(seconds) => Availability::Within(seconds / 2.0),
        other => other,
    });
    TestOptions { availability, ..options.clone() }
}

/// Where among the ways in which a run fails it stands that too little was answered.
fn place(trial: &Trial) -> Option<usize> {
    trial.kinds.iter().position(|kind| kind.part == STANDSTILL)
}

/// The bench must find it. The search begins with this seed, for few show it.
///
/// # Panics
/// When it does not.
pub fn is_caught_by(seed: u64, check: Check) {
    let bench = Beside::of(&check, Some(STANDSTILL));
    let fails = |seed: u64| {
        let trial = bench.run(&check.options_for(seed), Seeds::new(seed).into(), false);
        place(&trial).is_some()
    };
    assert!(std::iter::once(seed).chain(0..crate::SEEDS).any(fails), "the bench must catch it");
}
