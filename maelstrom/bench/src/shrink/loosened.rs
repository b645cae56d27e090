//! A case with more time for everything: larger in one way, so that it can become smaller in
//! another.
//!
//! A run whose pauses are as short as can be hangs together by chance: an operation fewer, and a
//! vote comes too late. Where a cluster may come to rest after each fault, and a fault lasts, the
//! operations and faults that mattered for their timing alone can go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::search::Search;
use super::{Case, chance, edit};
use crate::nemesis::Fault;

/// After this long a cluster has come to rest.
const REST: Duration = Duration::from_secs(1);

/// How many draws are tried of each candidate.
const DRAWS: usize = 12;

/// Of all operations and faults a part is taken out, and then a smaller one.
const PARTS: [usize; 4] = [1, 2, 4, 8];

/// Takes something out, with more time for all else. Says whether that goes.
pub fn take_out(search: &mut Search) -> bool {
    let case = search.best();
    let episodes = edit::episodes(&case.tape.tracks).len();
    let operations = case.tape.tracks.operations.len();
    let mut less = Vec::new();
    for parts in PARTS.into_iter().chain([episodes]) {
        less.extend(edit::without_episodes(case, parts));
    }
    less.extend(edit::without_one_node(case, search.workload));
    for parts in PARTS.into_iter().chain([operations]) {
        less.extend(edit::without_operations(case, parts));
    }
    let less: Vec<Case> = less.into_iter().flat_map(all).collect();
    chance::goes_with_one_of(search, DRAWS, &less)
}

/// The case as it is, and with more time in each way.
pub fn all(case: Case) -> [Case; 4] {
    let (with_rest, lasting) = (with_rest(&case), lasting(&case));
    let both = self::lasting(&with_rest);
    [case, lasting, with_rest, both]
}

/// The case in which each fault lasts until the next of its kind, or to the end. Changes of the
/// members stay as they are: they do not last, they happen.
fn lasting(case: &Case) -> Case {
    let mut case = case.clone();
    let end = Duration::from_secs_f64(case.options.time_limit_secs);
    for (&fault, strikes) in &mut case.tape.tracks.strikes {
        for place in 0..strikes.len() {
            let next = strikes.get(place + 1).map_or(end, |next| next.at);
            let strike = &mut strikes[place];
            if fault != Fault::Membership && !strike.starts && !strike.adds {
                strike.at = strike.at.max(next);
            }
        }
    }
    case
}

/// The case in which some time passes after each start and stop of a fault.
fn with_rest(case: &Case) -> Case {
    let strikes = case.tape.tracks.strikes.values().flatten();
    let strikes: BTreeSet<Duration> = strikes.map(|strike| strike.at).collect();
    let mut new = BTreeMap::new();
    let (mut last, mut last_new) = (Duration::ZERO, Duration::ZERO);
    for at in edit::moments(case) {
        let pause = at - last;
        last_new += if strikes.contains(&last) { pause.max(REST) } else { pause };
        new.insert(at, last_new);
        last = at;
    }
    edit::at_moments(case, &new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{TestOptions, numbered_nodes};
    use crate::tape::TapeFile;

    const TAPE: &str = r#"{:tape 2, :workload "lin-kv", :seed 1}
{:at 10000000, :thread 0, :f :read, :value [0 nil]}
{:at 45000000, :thread 0, :f :read, :value [0 nil]}
{:at 20000000, :fault :partition, :starts true, :links [["n0" "n1"]]}
{:at 30000000, :fault :partition, :starts false}
{:at 40000000, :fault :partition, :starts true, :links [["n1" "n0"]]}
{:at 50000000, :fault :partition, :starts false}
{:at 20000000, :fault :membership, :starts true, :nodes ["n0"], :ends true}
{:at 30000000, :fault :membership, :starts false}
"#;

    fn case() -> Case {
        let options = TestOptions {
            nodes: numbered_nodes(2),
            time_limit_secs: 0.1,
            ..TestOptions::default()
        };
        Case { options, tape: TapeFile::parse(TAPE).unwrap() }
    }

    /// In milliseconds, when each operation begins, and when each partition starts or stops.
    fn times_ms(case: &Case) -> (Vec<u128>, Vec<u128>) {
        let tracks = &case.tape.tracks;
        let strikes = tracks.strikes[&Fault::Partition].iter();
        (
            tracks.operations.iter().map(|operation| operation.at.as_millis()).collect(),
            strikes.map(|strike| strike.at.as_millis()).collect(),
        )
    }

    #[test]
    fn a_fault_lasts_until_the_next_one_of_its_kind() {
        let lasting = lasting(&case());
        assert_eq!(times_ms(&lasting), (vec![10, 45], vec![20, 40, 40, 100]));
        let membership = |case: &Case| case.tape.tracks.strikes[&Fault::Membership].clone();
        assert_eq!(membership(&lasting), membership(&case()));
    }

    #[test]
    fn a_cluster_rests_after_what_strikes_it() {
        let with_rest = with_rest(&case());
        assert_eq!(times_ms(&with_rest), (vec![10, 3020], vec![20, 1020, 2020, 3025]));
        assert_eq!(with_rest.options.time_limit_secs, 3.075);
    }
}
