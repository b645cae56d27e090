//! The passes: each takes one sort of thing out of a case, as much of it as it can.
//!
//! They are gone through again and again until none of them changes anything: with fewer nodes
//! there may be operations too many, and the other way round. What is expensive comes last: pairs
//! of operations, and anything together with another draw of all that chance decides.
//!
//! The order decides where that ends, for no step back is ever taken. So a run that stays large is
//! made small again [in another order](Way), and then with more time for everything (`loosened`).
//! The smallest is the result.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gyre::Time;

use super::chance::{self, redrawn};
use super::edit::{self, Episode};
use super::search::Search;
use super::{Case, Left, loosened, values};
use crate::nemesis::{Fault, Victims};
use crate::net::Verdict;

/// Rounds of all passes, at most. Each takes something out, so few are needed.
const ROUNDS: usize = 12;

/// With so few operations, pairs of them are tried, too.
const PAIRS_OF: usize = 14;

/// So many lost and late messages can be gone through as they are.
const FATES_ONE_BY_ONE: usize = 3_000;

/// How many other draws are tried for a run without lost and late messages.
const CALM_SEEDS: usize = 24;

/// A run with more operations is large: most end with fewer.
const MANY_OPERATIONS: usize = 12;

/// And so is one with more faults.
const MANY_FAULTS: usize = 3;

/// Runs every pass until none changes anything, or somebody ends it.
pub fn run(search: &mut Search) {
    guess(search);
    calm(search);
    let start = search.position();
    descend(search, Way::OperationsFirst);
    for way in [Way::FaultsFirst, Way::TimeLast] {
        if is_large(&search.left()) && !search.is_over() {
            search.begin_anew(start.clone());
            descend(search, way);
            search.choose();
        }
    }
    for _ in 0..ROUNDS {
        if !is_large(&search.left()) || !loosened::take_out(search) {
            break;
        }
        descend(search, Way::TimeLast);
    }
    tidy(search);
}

/// Whether a reader would want less.
fn is_large(left: &Left) -> bool {
    left.operations > MANY_OPERATIONS || left.faults > MANY_FAULTS
}

/// In which order the passes are gone through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Operations, and then faults, of each what happens late. Most runs become small so.
    OperationsFirst,
    /// Faults, and then operations, of each what happens early.
    FaultsFirst,
    /// As long as anything else can go, there is time for it.
    TimeLast,
}

type Pass = fn(&mut Search);

impl Way {
    /// What takes most out of a run.
    fn passes(self) -> &'static [Pass] {
        match self {
            Way::OperationsFirst => &[cut, leaps, name_losses, operations, faults],
            Way::FaultsFirst => &[cut, name_losses, faults, leaps, operations],
            Way::TimeLast => &[cut, name_losses, faults, operations],
        }
    }

    /// What is worth trying once little is left.
    fn further_passes(self) -> &'static [Pass] {
        match self {
            Way::TimeLast => &[messages, nodes, clients, victims, values::simplify, chance::fewer],
            _ => &[messages, nodes, clients, time, victims, values::simplify, chance::fewer],
        }
    }

    /// What is expensive, or makes other steps harder, is tried when nothing else helps.
    fn last_passes(self) -> &'static [Pass] {
        match self {
            Way::TimeLast => &[pairs, chance::with_other_draws, chance::with_same_lives, time],
            _ => &[pairs, chance::with_other_draws, chance::with_same_lives],
        }
    }
}

/// Goes through the passes until none changes anything.
fn descend(search: &mut Search, way: Way) {
    search.tries_early_first = way == Way::FaultsFirst;
    for _ in 0..ROUNDS {
        let before = search.best().clone();
        for pass in [way.passes(), way.further_passes()].concat() {
            pass(search);
        }
        for pass in way.last_passes() {
            if *search.best() == before {
                pass(search);
            }
        }
        if search.is_over() || *search.best() == before {
            return;
        }
    }
}

/// Guesses what matters from what the checker names: large steps that save many small ones.
fn guess(search: &mut Search) {
    let (Some(place), case) = (search.place(), search.best().clone()) else { return };
    let trial = search.trial();
    let (about, shown_by, end) = (&trial.about[place], trial.shown_by[place], trial.end);
    let operations = &case.tape.tracks.operations;
    let named = numbers(&case, about);
    let keys: BTreeSet<_> =
        named.iter().flat_map(|&number| values::keys(&operations[number].value)).collect();
    let of_keys = |number: &usize| {
        values::keys(&operations[*number].value).iter().any(|key| keys.contains(key))
    };
    let until = |limit: Duration| {
        let numbers = 0..operations.len();
        numbers.filter(|&number| operations[number].at <= limit).collect::<Vec<_>>()
    };
    let seen = until(shown_by);
    let mut guesses = vec![
        named.iter().copied().collect(),
        seen.iter().copied().filter(of_keys).collect(),
        until(end).into_iter().filter(of_keys).collect(),
        seen.clone(),
        until(end),
    ];
    guesses.retain(|kept: &Vec<usize>| !kept.is_empty());
    let shortened = |kept: &[usize], limit: Option<Duration>| {
        let mut less = edit::with_operations(&case, kept);
        if let Some(limit) = limit {
            cut_off(&mut less, limit);
        }
        less
    };
    let limit = (shown_by < end).then_some(shown_by);
    let candidates: Vec<Case> = guesses
        .iter()
        .flat_map(|kept| [Some(shortened(kept, limit)), Some(shortened(kept, None))])
        .flatten()
        .collect();
    search.first(candidates.len(), &|number| candidates.get(number).cloned());
}

/// One latency for all messages, and nothing lost: a run in which so little is left to chance
/// changes little when something is taken out. Where the failure does not survive that, other
/// draws of the nodes may bring it back, or messages that are lost by chance.
fn calm(search: &mut Search) {
    let case = search.best().clone();
    if case.tape.tracks.fates.is_empty() {
        return;
    }
    let without_fates = |case: &Case, latency_ms: u64| {
        let mut calm = edit::with_latency(case, latency_ms);
        calm.tape.tracks.fates.clear();
        calm
    };
    let now_ms = case.options.latency_ms;
    let latencies: BTreeSet<u64> =
        [0, 1, 5, 20, now_ms].into_iter().filter(|ms| *ms <= now_ms).collect();
    let latencies: Vec<u64> = latencies.into_iter().collect();
    let found =
        search.first(latencies.len(), &|number| Some(without_fates(&case, latencies[number])));
    if found.is_some() || calm_at_leisure(search, &latencies) {
        return;
    }
    if case.tape.tracks.fates.values().flatten().count() <= FATES_ONE_BY_ONE {
        return;
    }
    // As the run was before its losses were named one by one.
    let mut drawn = edit::explicit(search.origin());
    cut_off(&mut drawn, Duration::from_secs_f64(case.options.time_limit_secs));
    let drawn = [&case, &drawn];
    let each = latencies.len() * drawn.len();
    search.first(each * CALM_SEEDS, &|number| {
        let (seed, rest) = (number / each, number % each);
        let calm = without_fates(drawn[rest % 2], latencies[rest / 2]);
        Some(redrawn(&calm, seed as u64))
    });
}

/// Where messages are late and none is lost, the run may fail by what chance makes of it: so with
/// other draws, and more time for everything, it may fail without them. Says whether it does.
fn calm_at_leisure(search: &mut Search, latencies_ms: &[u64]) -> bool {
    let fates = &search.best().tape.tracks.fates;
    if !fates.values().flatten().all(|(_, fate)| matches!(fate, Verdict::Deliver(_))) {
        return false;
    }
    let mut calm = search.best().clone();
    calm.tape.tracks.fates.clear();
    let at_leisure: Vec<Case> = latencies_ms
        .iter()
        .flat_map(|&latency_ms| loosened::all(edit::with_latency(&calm, latency_ms)))
        .collect();
    chance::goes_with_one_of(search, CALM_SEEDS, &at_leisure)
}

/// What happens after the failure is over does not matter.
fn cut(search: &mut Search) {
    let Some(place) = search.place() else { return };
    let case = search.best().clone();
    let shown_by = search.trial().shown_by[place].min(search.trial().end);
    if shown_by.as_secs_f64() + 0.001 < case.options.time_limit_secs {
        let mut less = case;
        cut_off(&mut less, shown_by);
        search.first(1, &|_| Some(less.clone()));
    }
}

fn leaps(search: &mut Search) {
    while chance::leap(search) {
        cut(search);
    }
}

/// Which messages are lost or doubled is said one by one, in place of a share of all.
fn name_losses(search: &mut Search) {
    let strikes = &search.best().tape.tracks.strikes;
    if !strikes.contains_key(&Fault::Loss) && !strikes.contains_key(&Fault::Duplicate) {
        return;
    }
    let Some(recorded) = search.recorded() else { return };
    let named = edit::normal(&recorded);
    if search.first(1, &|_| Some(named.clone())).is_some() {
        messages(search);
    }
}

/// The numbers on the tape of operations that are known by their thread.
fn numbers(case: &Case, about: &BTreeSet<(usize, usize)>) -> BTreeSet<usize> {
    let mut done: BTreeMap<usize, usize> = BTreeMap::new();
    let mut numbers = BTreeSet::new();
    for (number, operation) in case.tape.tracks.operations.iter().enumerate() {
        let thread = operation.thread % case.options.concurrency;
        let before = done.entry(thread).or_default();
        if about.contains(&(thread, *before)) {
            numbers.insert(number);
        }
        *before += 1;
    }
    numbers
}

/// Ends the main phase soon after this moment, and takes out what would come later.
fn cut_off(case: &mut Case, limit: Duration) {
    let seconds = limit.as_secs_f64() + 0.001;
    case.options.time_limit_secs = seconds.min(case.options.time_limit_secs);
    case.tape.tracks.operations.retain(|operation| operation.at <= limit);
    for strikes in case.tape.tracks.strikes.values_mut() {
        strikes.retain(|strike| strike.at <= limit);
    }
    case.tape.tracks.strikes.retain(|_, strikes| !strikes.is_empty());
}

fn operations(search: &mut Search) {
    let case = search.best().clone();
    let count = case.tape.tracks.operations.len();
    search.reduce(count, &|kept| Some(edit::with_operations(&case, kept)));
}

fn faults(search: &mut Search) {
    let case = search.best().clone();
    let tracks = &case.tape.tracks;
    let mut episodes = edit::episodes(tracks);
    episodes.sort_by_key(|episode| tracks.strikes[&episode.fault][episode.start].at);
    search.reduce(episodes.len(), &|kept| {
        let kept: Vec<Episode> = kept.iter().map(|&number| episodes[number]).collect();
        Some(edit::with_episodes(&case, &kept))
    });
    while fault_that_goes_on(search) {}
}

/// One fault in place of two of its kind, from the start of the first to the stop of the second; and
/// one change of the members in place of two.
/// Says whether there is such a one.
fn fault_that_goes_on(search: &mut Search) -> bool {
    let case = search.best().clone();
    let episodes = edit::episodes(&case.tape.tracks);
    let follows = |pair: &&[Episode]| {
        let is_over = pair[0].stop.is_some_and(|stop| stop < pair[1].start);
        pair[0].fault == pair[1].fault && is_over
    };
    let merged: Vec<Case> = episodes
        .windows(2)
        .filter(follows)
        .flat_map(|pair| edit::with_one_episode(&case, pair[0], pair[1]))
        .collect();
    search.first(merged.len(), &|number| Some(merged[number].clone())).is_some()
}

/// Fewer lost, late and doubled messages, and smaller latencies.
fn messages(search: &mut Search) {
    let case = search.best().clone();
    let mut calm = case.clone();
    calm.tape.tracks.fates.clear();
    let now_ms = case.options.latency_ms;
    let latencies: Vec<u64> =
        [0, 1, 2, 5, 10, 20, 50, now_ms].into_iter().filter(|ms| *ms <= now_ms).collect();
    let is_calm = case.tape.tracks.fates.is_empty();
    let found = search.first(latencies.len(), &|number| {
        let candidate = edit::with_latency(&calm, latencies[number]);
        // The one that there is already is no news.
        (!is_calm || latencies[number] < now_ms).then_some(candidate)
    });
    if found.is_some() || is_calm {
        return;
    }
    search.first(latencies.len(), &|number| {
        (latencies[number] < now_ms).then(|| edit::with_latency(&case, latencies[number]))
    });
    let case = search.best().clone();
    let sent: Vec<Time> =
        case.tape.tracks.fates.values().flatten().map(|(sent, _)| *sent).collect();
    let mut places: Vec<usize> = (0..sent.len()).collect();
    places.sort_by_key(|place| sent[*place]);
    search.reduce(places.len(), &|kept| {
        let mut kept: Vec<usize> = kept.iter().map(|&number| places[number]).collect();
        kept.sort_unstable();
        Some(edit::with_fates(&case, &kept))
    });
}

fn nodes(search: &mut Search) {
    loop {
        let less = edit::without_one_node(search.best(), search.workload);
        if search.first(less.len(), &|number| Some(less[number].clone())).is_none() {
            return;
        }
    }
}

fn clients(search: &mut Search) {
    let workload = search.workload;
    loop {
        let case = search.best().clone();
        let threads: Vec<usize> = edit::threads(&case).into_iter().collect();
        let pairs: Vec<(usize, usize)> = threads
            .iter()
            .flat_map(|&gone| threads.iter().map(move |&heir| (gone, heir)))
            .filter(|(gone, heir)| gone > heir)
            .collect();
        let found = search.first(1 + pairs.len(), &|number| match number.checked_sub(1) {
            None => edit::compact(&case, workload),
            Some(pair) => {
                let (gone, heir) = pairs[pair];
                edit::compact(&edit::merged(&case, gone, heir), workload)
            }
        });
        if found.is_none() {
            return;
        }
    }
}

/// A shorter run: an earlier end, and shorter pauses between what happens.
fn time(search: &mut Search) {
    end_early(search);
    let mut passed = 0;
    loop {
        let case = search.best().clone();
        let moments: Vec<Duration> =
            std::iter::once(Duration::ZERO).chain(edit::moments(&case)).collect();
        let Some(pair) = moments.windows(2).nth(passed) else { break };
        let (before, after) = (pair[0], pair[1]);
        let pause = after - before;
        let millisecond = Duration::from_millis(1);
        let mut shorter = vec![Duration::ZERO, millisecond, pause / 16, pause / 4, pause / 2];
        shorter.extend([pause * 3 / 4, pause * 7 / 8]);
        shorter.retain(|shorter| *shorter + millisecond < pause);
        let found = search.first(shorter.len(), &|number| {
            let new = BTreeMap::from([(after, before + shorter[number])]);
            let mut less = edit::at_moments(&case, &new);
            // What happens at the same moment should do so on purpose.
            less.options.time_limit_secs = less.options.time_limit_secs.max(0.001);
            Some(less)
        });
        passed += usize::from(found.is_none());
        if search.is_over() {
            return;
        }
    }
    end_early(search);
}

/// Ends the main phase as soon as possible after the last operation.
fn end_early(search: &mut Search) {
    let case = search.best().clone();
    let last = edit::moments(&case).last().copied().unwrap_or_default().as_secs_f64();
    let now = case.options.time_limit_secs;
    let limits = [0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0].map(|more| ceil_ms(last + more));
    search.first(limits.len(), &|number| {
        let mut less = case.clone();
        less.options.time_limit_secs = limits[number];
        (limits[number] < now).then_some(less)
    });
}

fn ceil_ms(seconds: f64) -> f64 {
    (seconds * 1000.0).ceil() / 1000.0
}

/// Faults that strike fewer.
fn victims(search: &mut Search) {
    loop {
        let case = search.best().clone();
        let mut candidates: Vec<(Episode, Victims)> = Vec::new();
        for episode in edit::episodes(&case.tape.tracks) {
            let strike = &case.tape.tracks.strikes[&episode.fault][episode.start];
            let fewer = edit::fewer_victims(&strike.victims).into_iter();
            candidates.extend(fewer.map(|victims| (episode, victims)));
        }
        let found = search.first(candidates.len(), &|number| {
            let (Episode { fault, start, .. }, victims) = &candidates[number];
            let mut less = case.clone();
            let strike = &mut less.tape.tracks.strikes.get_mut(fault)?[*start];
            strike.victims = victims.clone();
            // The plan says which kind of victims was drawn. These were not.
            strike.plan = crate::edn::Edn::Nil;
            Some(less)
        });
        if found.is_none() {
            return;
        }
    }
}

/// Two operations that are there for each other's sake only.
fn pairs(search: &mut Search) {
    loop {
        let case = search.best().clone();
        let count = case.tape.tracks.operations.len();
        if count > PAIRS_OF {
            return;
        }
        let pairs: Vec<(usize, usize)> =
            (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect();
        let found = search.first(pairs.len(), &|number| {
            let (a, b) = pairs[number];
            let kept: Vec<usize> = (0..count).filter(|&n| n != a && n != b).collect();
            Some(edit::with_operations(&case, &kept))
        });
        if found.is_none() {
            return;
        }
    }
}

/// Names and times that are easy to read.
fn tidy(search: &mut Search) {
    let case = search.best().clone();
    let grids = [1000u64, 100, 10, 1].map(Duration::from_millis);
    search.first(grids.len(), &|number| {
        let grid = grids[number].as_nanos();
        let round = |at: Duration| {
            let rounded = (at.as_nanos() + grid / 2) / grid * grid;
            Duration::from_nanos(rounded as u64)
        };
        let new: BTreeMap<Duration, Duration> =
            edit::moments(&case).into_iter().map(|at| (at, round(at))).collect();
        let mut tidy = edit::at_moments(&case, &new);
        tidy.options.time_limit_secs = ceil_ms(tidy.options.time_limit_secs);
        let is_longer = tidy.options.time_limit_secs > case.options.time_limit_secs + 0.5;
        (!is_longer).then_some(tidy)
    });
    let case = search.best().clone();
    search.first(1, &|_| Some(edit::renamed(&case)));
}
