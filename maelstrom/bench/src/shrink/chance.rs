//! Passes over what chance decides in a case: the timeouts that nodes draw, and whatever else they
//! and the services leave to chance.
//!
//! Without an operation or a fault the rest of a run may fall out in another way: another node is
//! elected, and the failure is gone. So things are taken out together with another draw, or so that
//! nodes draw what they drew before.

use super::Case;
use super::edit;
use super::search::Search;
use crate::nemesis::{Fault, Victims};

/// How many other draws of chance are tried, where nothing goes without.
const SEEDS: u64 = 6;

/// So many operations are left out one by one, each with every draw.
const OPERATIONS_ONE_BY_ONE: usize = 56;

/// Which of a node's lives goes with a kill: the one before it, the one after it, or one later
/// still, for a node that was no member for a while was started again, too.
const LIVES: usize = 3;

/// Draws that stand on the tape give way to those of a small seed.
pub fn fewer(search: &mut Search) {
    let case = search.best().clone();
    let tracks = &case.tape.tracks;
    let seeds: Vec<u64> = (0..SEEDS).filter(|seed| *seed < case.tape.seed).collect();
    if tracks.node_seeds.is_empty() && tracks.draws.is_empty() {
        search.first(seeds.len(), &|number| {
            let mut less = case.clone();
            less.tape.seed = seeds[number];
            Some(less)
        });
        return;
    }
    let found = search.first(SEEDS as usize, &|number| Some(redrawn(&case, number as u64)));
    if found.is_none() {
        search.first(2, &|number| {
            let mut less = case.clone();
            match number {
                0 => less.tape.tracks.draws.clear(),
                _ => less.tape.tracks.node_seeds.clear(),
            }
            Some(less)
        });
    }
}

/// The case with what nodes and services draw drawn anew.
pub fn redrawn(case: &Case, seed: u64) -> Case {
    let mut case = case.clone();
    case.tape.seed = seed;
    case.tape.tracks.node_seeds.clear();
    case.tape.tracks.draws.clear();
    case
}

/// A large step with several draws of chance: half of the faults, two nodes fewer. Says whether one
/// goes.
pub fn leap(search: &mut Search) -> bool {
    let case = search.best();
    if !case.tape.tracks.fates.is_empty() {
        return false;
    }
    let mut less: Vec<Case> = Vec::new();
    for parts in [1, 2, 4] {
        less.extend(edit::without_episodes(case, parts));
    }
    for gone in [2, 1] {
        let mut fewer = Some(case.clone());
        for _ in 0..gone {
            fewer = fewer.and_then(|case| {
                let last = case.options.nodes.len() - 1;
                edit::without_node(&case, last, Some(0))
            });
        }
        less.extend(fewer.and_then(|fewer| edit::compact(&fewer, search.workload)));
    }
    if case.tape.tracks.operations.len() > 4 {
        for parts in [2, 4] {
            less.extend(edit::without_operations(case, parts));
        }
    }
    goes_with_some_draw(search, &less)
}

/// Less of anything, with other luck: another election timeout may do what an operation did.
pub fn with_other_draws(search: &mut Search) {
    loop {
        let case = search.best();
        let mut less = edit::without_episodes(case, edit::episodes(&case.tape.tracks).len());
        for gone in (0..case.options.nodes.len()).rev() {
            let heir = usize::from(gone == 0);
            let left = edit::without_node(case, gone, Some(heir));
            less.extend(left.and_then(|left| edit::compact(&left, search.workload)));
        }
        let operations = case.tape.tracks.operations.len();
        if operations <= OPERATIONS_ONE_BY_ONE {
            less.extend(edit::without_operations(case, operations));
        }
        if !goes_with_some_draw(search, &less) {
            return;
        }
    }
}

/// Whether one of these cases fails with some draw. The first come first: they have least.
fn goes_with_some_draw(search: &mut Search, less: &[Case]) -> bool {
    let draws = draws(search, SEEDS as usize);
    let found = search.first(less.len() * draws, &|number| {
        Some(redrawn(&less[number / draws], (number % draws) as u64))
    });
    found.is_some()
}

/// Whether one of these cases fails with one of so many draws. All of them are tried with one draw
/// before any is tried with another.
pub fn goes_with_one_of(search: &mut Search, at_most: usize, cases: &[Case]) -> bool {
    let draws = draws(search, at_most);
    let found = search.first(cases.len() * draws, &|number| {
        Some(redrawn(&cases[number % cases.len()], (number / cases.len()) as u64))
    });
    found.is_some()
}

/// How many draws of chance are worth trying: one, where all of them give the same run.
fn draws(search: &Search, at_most: usize) -> usize {
    let case = search.best();
    if search.depends_on_chance(&|seed| redrawn(case, seed)) { at_most } else { 1 }
}

/// The case without a kill, where those who were killed draw in all other lives what they drew. Of
/// the life before it, or after it, nothing is left.
pub fn with_same_lives(search: &mut Search) {
    loop {
        let kills = |case: &Case| {
            let episodes = edit::episodes(&case.tape.tracks).into_iter();
            episodes.filter(|episode| episode.fault == Fault::Kill).count()
        };
        if kills(search.best()) == 0 {
            return;
        }
        let Some(recorded) = search.recorded() else { return };
        let case = edit::normal(&recorded);
        let candidates = LIVES * kills(&case);
        let found = search
            .first(candidates, &|number| Some(without_kill(&case, number / LIVES, number % LIVES)));
        if found.is_none() {
            return;
        }
    }
}

/// The case without the kill of this number. Its victims lose what they drew in the life before it,
/// or so many lives later.
fn without_kill(case: &Case, gone: usize, later: usize) -> Case {
    let tracks = &case.tape.tracks;
    let mut episodes = edit::episodes(tracks);
    let is_kill = |&place: &usize| episodes[place].fault == Fault::Kill;
    let kills: Vec<usize> = (0..episodes.len()).filter(is_kill).collect();
    let victims = |place: usize| match &tracks.strikes[&Fault::Kill][episodes[place].start].victims
    {
        Victims::Nodes(nodes) => nodes.as_slice(),
        _ => &[],
    };
    let mut seeds = tracks.node_seeds.clone();
    for victim in victims(kills[gone]) {
        let lives_before =
            kills[..gone].iter().filter(|&&kill| victims(kill).contains(victim)).count();
        let drawn = seeds.get_mut(victim);
        if let Some(drawn) = drawn.filter(|drawn| lives_before + later < drawn.len()) {
            drawn.remove(lives_before + later);
        }
    }
    episodes.remove(kills[gone]);
    let mut less = edit::with_episodes(case, &episodes);
    less.tape.tracks.node_seeds = seeds;
    less
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::TestOptions;
    use crate::tape::TapeFile;

    /// Of n0 the first life ends with the first kill, and the second one with the third.
    const TAPE: &str = r#"{:tape 2, :workload "lin-kv", :seed 1}
{:at 10, :fault :kill, :starts true, :nodes ["n0"]}
{:at 20, :fault :kill, :starts false}
{:at 30, :fault :kill, :starts true, :nodes ["n1"]}
{:at 40, :fault :kill, :starts false}
{:at 50, :fault :kill, :starts true, :nodes ["n0" "n1"]}
{:at 60, :fault :kill, :starts false}
{:node "n0", :seeds [1 2 3]}
{:node "n1", :seeds [4 5 6]}
"#;

    #[test]
    fn without_a_kill_other_lives_stay_as_they_are() {
        let tape = TapeFile::parse(TAPE).unwrap();
        let case = Case { options: TestOptions::default(), tape };
        for (gone, later, n0, n1) in [
            (0, 0, &[2, 3][..], &[4, 5, 6][..]),
            (0, 1, &[1, 3], &[4, 5, 6]),
            (1, 0, &[1, 2, 3], &[5, 6]),
            (2, 0, &[1, 3], &[4, 6]),
            (2, 1, &[1, 2], &[4, 5]),
            (2, 2, &[1, 2, 3], &[4, 5, 6]),
        ] {
            let tracks = without_kill(&case, gone, later).tape.tracks;
            let seeds: Vec<Vec<u64>> =
                tracks.node_seeds.into_values().map(|seeds| seeds.into_iter().collect()).collect();
            assert_eq!(seeds, [n0, n1], "without kill {gone}, {later} lives later");
            assert_eq!(tracks.strikes[&Fault::Kill].len(), 4);
        }
    }
}
