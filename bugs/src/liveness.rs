//! Bugs that lose nothing and answer nothing: how they are told from bad luck.
//!
//! That a cluster stands still is no fault by itself: no node answers while a majority is away. So
//! it is asked that it does not stand still for long, `--availability 5s`; and a run would become
//! smaller and smaller until the right node fails in it, too. So a run counts here only if the node
//! with the bug stands still in it, and the right one for less than half as long, given the same
//! operations and faults. A large run has faults for which the right node waits as well, but a
//! cluster that cannot go on waits much longer. In a small run the right node has to do better
//! whatever timeouts its elections draw. Half, for the right node may only be quicker to say that
//! it cannot answer.
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

/// With so few operations chance may be to blame, and little else.
const SMALL: usize = 60;

/// A bench that runs the right node beside the one with the bug.
pub struct Beside<'a> {
    check: &'a Check,
    compares: bool,
}

impl<'a> Beside<'a> {
    /// The bench for a bug that fails by this anomaly. Only a standstill needs the right node.
    pub fn of(check: &'a Check, anomaly: Option<&str>) -> Beside<'a> {
        Beside { check, compares: anomaly == Some(STANDSTILL) }
    }

    /// Whether it is the bug that stands still for so many seconds, given the tape.
    fn is_the_bug(&self, options: &TestOptions, tape: &Tape, seconds: f64, draws: u64) -> bool {
        let availability = Some(Availability::Within(seconds / 2.0));
        let options = TestOptions { availability, ..options.clone() };
        let stands_still = |redrawn| {
            let trial = Bench::run(self.check, &options, tape.copy(redrawn), false);
            place(&trial).is_some()
        };
        let mut draws = std::iter::once(None).chain((0..draws).map(Some));
        !mended(|| draws.any(stands_still))
    }
}

impl Bench for Beside<'_> {
    fn run(&self, options: &TestOptions, tape: Tape, listens: bool) -> Trial {
        if !self.compares {
            return Bench::run(self.check, options, tape, listens);
        }
        let again = tape.copy(None);
        // Of a seed the right node would be asked for other things, at other times.
        let tape = if again.is_replayed() { tape } else { tape.recorded() };
        let mut trial = Bench::run(self.check, options, tape, listens);
        let Some(place) = place(&trial) else { return trial };
        let again = match &trial.tracks {
            Some(tracks) => again.saying(tracks.clone()),
            None => again,
        };
        let draws = if trial.operations <= SMALL { DRAWS } else { 0 };
        if !self.is_the_bug(options, &again, trial.standstill_secs, draws) {
            trial.kinds.remove(place);
            trial.about.remove(place);
            trial.shown_by.remove(place);
        }
        trial
    }
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

#[cfg(test)]
mod tests {
    use gyre::replicated::Options;
    use maelstrom::Fault;

    use super::*;

    /// Where a node has no bug, it does no better than itself.
    #[test]
    fn a_standstill_that_the_right_node_shares_does_not_count() {
        let faults = [Fault::Partition, Fault::Kill];
        let check = crate::lin_kv::check_liveness(|_| Options::default(), 2, &faults);
        let bench = Beside::of(&check, Some(STANDSTILL));
        let mut standstills = 0;
        for seed in 0..5 {
            let options = check.options_for(seed);
            let alone = Bench::run(&check, &options, Seeds::new(seed).into(), false);
            standstills += usize::from(place(&alone).is_some_and(|_| alone.standstill_secs > 5.0));
            let beside = bench.run(&options, Seeds::new(seed).into(), false);
            assert_eq!(place(&beside), None, "seed {seed}");
        }
        assert!(standstills > 0, "some of these runs have a standstill");
    }
}
