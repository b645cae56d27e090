//! Edits of a case: what is taken out, and what follows from that for the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gyre::{NodeId, Time};

use super::Case;
use crate::nemesis::{Fault, Victims};
use crate::net::{LatencyDistribution, Verdict};
use crate::options::numbered_nodes;
use crate::tape::{TapedOperation, TapedStrike, Tracks};
use crate::workload::Workload;

/// A fault from its start to its stop, as places among the moves of that fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Episode {
    pub fault: Fault,
    pub start: usize,
    /// `None` when nothing stops it.
    pub stop: Option<usize>,
}

/// The faults of a tape, by kind and time. What comes `:adds true` while its fault is in force is an
/// episode of its own, and so is each change of the members that somebody else asks for.
pub fn episodes(tracks: &Tracks) -> Vec<Episode> {
    let mut episodes: Vec<Episode> = Vec::new();
    for (&fault, strikes) in &tracks.strikes {
        let mut in_force = None;
        for (place, strike) in strikes.iter().enumerate() {
            let alone = Episode { fault, start: place, stop: None };
            let is_besides = in_force.is_some() || fault == Fault::Membership;
            if strike.adds && (is_besides || !strike.starts) {
                episodes.push(alone);
            } else if strike.starts && in_force.is_none() {
                in_force = Some(episodes.len());
                episodes.push(alone);
            } else if !strike.starts
                && let Some(open) = in_force.take()
            {
                episodes[open].stop = Some(place);
            }
        }
    }
    episodes
}

/// The case with these of its episodes only.
pub fn with_episodes(case: &Case, kept: &[Episode]) -> Case {
    let mut case = case.clone();
    let mut places: BTreeMap<Fault, BTreeSet<usize>> = BTreeMap::new();
    for Episode { fault, start, stop } in kept {
        places.entry(*fault).or_default().extend([Some(*start), *stop].into_iter().flatten());
    }
    let all = std::mem::take(&mut case.tape.tracks.strikes);
    let moves = |(fault, places): (Fault, BTreeSet<usize>)| {
        (fault, places.into_iter().map(|place| all[&fault][place].clone()).collect())
    };
    case.tape.tracks.strikes = places.into_iter().map(moves).collect();
    case
}

/// The case without a part of its episodes, for each of so many equal parts.
pub fn without_episodes(case: &Case, parts: usize) -> Vec<Case> {
    let all = episodes(&case.tape.tracks);
    let kept = without_parts(all.len(), parts).into_iter().map(|kept| {
        let kept = kept.into_iter().map(|number| all[number]);
        kept.collect::<Vec<Episode>>()
    });
    kept.map(|kept| with_episodes(case, &kept)).collect()
}

/// The case without a part of its operations, for each of so many equal parts.
pub fn without_operations(case: &Case, parts: usize) -> Vec<Case> {
    let kept = without_parts(case.tape.tracks.operations.len(), parts).into_iter();
    kept.map(|kept| with_operations(case, &kept)).collect()
}

/// The numbers below `count` without a part of them, for each of so many equal parts; none
/// when there are fewer.
fn without_parts(count: usize, parts: usize) -> Vec<Vec<usize>> {
    if count < parts {
        return Vec::new();
    }
    let bound = |part: usize| part * count / parts;
    let without = |part: usize| (0..bound(part)).chain(bound(part + 1)..count).collect();
    (0..parts).map(without).collect()
}

/// The case with one episode from the start of the one to the stop of the next one of its kind: with
/// the victims of the first, of the second, or, where those are links, with all of them.
pub fn with_one_episode(case: &Case, one: Episode, next: Episode) -> Vec<Case> {
    let Some(stop) = one.stop else { return Vec::new() };
    let strikes = &case.tape.tracks.strikes[&one.fault];
    let (first, second) = (&strikes[one.start].victims, &strikes[next.start].victims);
    let mut victims = vec![first.clone(), second.clone()];
    if let (Victims::Links(first), Victims::Links(second)) = (first, second) {
        let all: BTreeSet<_> = first.iter().chain(second).cloned().collect();
        victims.push(Victims::Links(all.into_iter().collect()));
    }
    let with_victims = |victims: Victims| {
        let mut case = case.clone();
        let strikes = case.tape.tracks.strikes.get_mut(&one.fault)?;
        strikes[one.start].victims = victims;
        // The plan says which kind of victims was drawn.
        strikes[one.start].plan = crate::edn::Edn::Nil;
        strikes.remove(next.start);
        strikes.remove(stop);
        Some(case)
    };
    victims.into_iter().filter_map(with_victims).collect()
}

/// The case with these of its operations only, by number.
pub fn with_operations(case: &Case, kept: &[usize]) -> Case {
    let mut case = case.clone();
    let all = &case.tape.tracks.operations;
    case.tape.tracks.operations = kept.iter().map(|&number| all[number].clone()).collect();
    case
}

/// The case in the form that the shrinker works on: what time and shares of loss would decide
/// stands on the tape, message by message and fault by fault.
pub fn normal(case: &Case) -> Case {
    let mut case = explicit(case);
    // Which messages are lost or doubled stands on the tape.
    case.tape.tracks.strikes.remove(&Fault::Loss);
    case.tape.tracks.strikes.remove(&Fault::Duplicate);
    case
}

/// The case with every fault on the tape, and no latency that is drawn but those.
pub fn explicit(case: &Case) -> Case {
    let mut case = case.clone();
    let options = &mut case.options;
    let calm_at = options.time_limit_secs - options.calm_secs;
    let calm_at = (options.calm_secs > 0.0).then(|| Duration::from_secs_f64(calm_at.max(0.0)));
    options.calm_secs = 0.0;
    options.latency_distribution = LatencyDistribution::Constant;
    options.member_count = options.members_at_first(&options.faults);
    options.faults.clear();
    options.administrators = 1;
    let tracks = &mut case.tape.tracks;
    if let Some(calm_at) = calm_at {
        for (&fault, strikes) in &mut tracks.strikes {
            strikes.retain(|strike| strike.at < calm_at);
            if strikes.back().is_some_and(|strike| strike.starts) {
                strikes.push_back(stop(fault, calm_at));
            }
        }
    }
    tracks.strikes.retain(|_, strikes| !strikes.is_empty());
    for strike in tracks.strikes.values_mut().flatten() {
        strike.note.clear();
    }
    without_defaults(&mut case);
    case
}

fn stop(fault: Fault, at: Duration) -> TapedStrike {
    let (plan, victims) = (crate::edn::Edn::Nil, Victims::Nobody);
    TapedStrike { at, fault, starts: false, adds: false, plan, victims, note: String::new() }
}

/// Takes the fates off the tape that messages have anyway.
fn without_defaults(case: &mut Case) {
    let usual = Verdict::Deliver(Duration::from_millis(case.options.latency_ms));
    for fates in case.tape.tracks.fates.values_mut() {
        fates.retain(|(_, fate)| *fate != usual);
    }
    case.tape.tracks.fates.retain(|_, fates| !fates.is_empty());
}

/// The case with this latency for every message that has no fate of its own.
pub fn with_latency(case: &Case, latency_ms: u64) -> Case {
    let mut case = case.clone();
    case.options.latency_ms = latency_ms;
    without_defaults(&mut case);
    case
}

/// The case without fates that do not stand at these places, counted over all links.
pub fn with_fates(case: &Case, kept: &[usize]) -> Case {
    let mut case = case.clone();
    let mut place = 0;
    for fates in case.tape.tracks.fates.values_mut() {
        fates.retain(|_| {
            place += 1;
            kept.binary_search(&(place - 1)).is_ok()
        });
    }
    case.tape.tracks.fates.retain(|_, fates| !fates.is_empty());
    case
}

/// The case without a node. Its operations go to the node `heir`, or nowhere. `None` when it is
/// the last one.
pub fn without_node(case: &Case, gone: usize, heir: Option<usize>) -> Option<Case> {
    let mut case = case.clone();
    let nodes = case.options.nodes.len();
    if nodes == 1 || heir == Some(gone) {
        return None;
    }
    if let Some(members) = &mut case.options.member_count {
        *members -= usize::from(gone < *members);
        if *members == 0 {
            return None;
        }
    }
    let name = case.options.nodes.remove(gone);
    let slots = case.options.concurrency.div_ceil(nodes);
    let mut operations = std::mem::take(&mut case.tape.tracks.operations);
    operations.retain_mut(|operation| {
        let (slot, node) = (operation.thread / nodes, operation.thread % nodes);
        let (slot, node) = match heir {
            // The heir's clients stay who they are; the new ones come after them.
            Some(heir) if node == gone => (slot + slots, heir),
            None if node == gone => return false,
            _ => (slot, node),
        };
        operation.thread = slot * (nodes - 1) + node - usize::from(node > gone);
        true
    });
    case.tape.tracks.operations = operations;
    case.options.concurrency = 2 * slots * (nodes - 1);
    let tracks = &mut case.tape.tracks;
    tracks.fates.retain(|link, _| link.src != name && link.dest != name);
    tracks.node_seeds.remove(&name);
    tracks.draws.retain(|purpose, _| !purpose.ends_with(&format!(" {name}")));
    let mut emptied = Vec::new();
    for (number, episode) in episodes(tracks).into_iter().enumerate() {
        let strike = &mut tracks.strikes.get_mut(&episode.fault)?[episode.start];
        strike.victims = without_victim(&strike.victims, &name);
        if is_nobody(&strike.victims) {
            emptied.push(number);
        }
    }
    let kept: Vec<Episode> = episodes(tracks)
        .into_iter()
        .enumerate()
        .filter(|(number, _)| !emptied.contains(number))
        .map(|(_, episode)| episode)
        .collect();
    Some(with_episodes(&case, &kept))
}

/// The case without a node, for each of them: nobody does its operations, or one of the others does.
pub fn without_one_node(case: &Case, workload: &dyn Workload) -> Vec<Case> {
    let nodes = 0..case.options.nodes.len();
    let heirs = || std::iter::once(None).chain(nodes.clone().map(Some));
    let pairs = nodes.clone().rev().flat_map(|gone| heirs().map(move |heir| (gone, heir)));
    pairs.filter_map(|(gone, heir)| compact(&without_node(case, gone, heir)?, workload)).collect()
}

/// Whether a fault strikes nobody.
pub fn is_nobody(victims: &Victims) -> bool {
    match victims {
        Victims::Nobody | Victims::Messages(0) => true,
        Victims::Links(links) => links.is_empty(),
        Victims::Nodes(nodes) | Victims::Members { wanted: nodes, .. } => nodes.is_empty(),
        Victims::Clocks(clocks) => clocks.is_empty(),
        Victims::Disks(disks) => disks.is_empty(),
        Victims::Messages(_) => false,
    }
}

fn without_victim(victims: &Victims, name: &NodeId) -> Victims {
    let mut victims = victims.clone();
    match &mut victims {
        Victims::Links(links) => links.retain(|(from, to)| from != name && to != name),
        Victims::Nodes(nodes) | Victims::Members { wanted: nodes, .. } => {
            nodes.retain(|node| node != name);
        }
        Victims::Clocks(clocks) => clocks.retain(|clock| clock.node != *name),
        Victims::Disks(disks) => disks.retain(|(node, _)| node != name),
        Victims::Nobody | Victims::Messages(_) => {}
    }
    victims
}

/// Victims with one fewer, for each that there is; not without any.
pub fn fewer_victims(victims: &Victims) -> Vec<Victims> {
    match victims {
        Victims::Links(links) if links.len() > 1 => {
            let without = |gone| links.iter().filter(move |link| *link != gone).cloned();
            links.iter().map(|gone| Victims::Links(without(gone).collect())).collect()
        }
        Victims::Nodes(nodes) if nodes.len() > 1 => {
            let without = |gone| nodes.iter().filter(move |node| *node != gone).cloned();
            nodes.iter().map(|gone| Victims::Nodes(without(gone).collect())).collect()
        }
        Victims::Members { wanted, ends } if wanted.len() > 1 => {
            let without = |gone| wanted.iter().filter(move |node| *node != gone).cloned();
            let fewer = |gone| Victims::Members { wanted: without(gone).collect(), ends: *ends };
            wanted.iter().map(fewer).collect()
        }
        Victims::Clocks(clocks) if clocks.len() > 1 => {
            let without = |gone| clocks.iter().filter(move |clock| *clock != gone).cloned();
            clocks.iter().map(|gone| Victims::Clocks(without(gone).collect())).collect()
        }
        Victims::Disks(disks) if disks.len() > 1 => {
            let without = |gone| disks.iter().filter(move |disk| *disk != gone).cloned();
            disks.iter().map(|gone| Victims::Disks(without(gone).collect())).collect()
        }
        _ => Vec::new(),
    }
}

/// The case with nodes called n0, n1, … as `--node-count` calls them.
pub fn renamed(case: &Case) -> Case {
    let mut case = case.clone();
    let names = numbered_nodes(case.options.nodes.len());
    let old = std::mem::replace(&mut case.options.nodes, names.clone());
    let new = |name: &NodeId| {
        let place = old.iter().position(|node| node == name);
        place.map_or_else(|| name.clone(), |place| names[place].clone())
    };
    let tracks = &mut case.tape.tracks;
    let fates = std::mem::take(&mut tracks.fates).into_iter().map(|(mut link, fates)| {
        (link.src, link.dest) = (new(&link.src), new(&link.dest));
        (link, fates)
    });
    tracks.fates = fates.collect();
    let seeds = std::mem::take(&mut tracks.node_seeds);
    tracks.node_seeds = seeds.into_iter().map(|(node, seeds)| (new(&node), seeds)).collect();
    let draws = std::mem::take(&mut tracks.draws).into_iter().map(|(purpose, draws)| match purpose
        .rsplit_once(' ')
    {
        Some(("service seq-kv" | "service lin-kv" | "service lww-kv", _)) => {
            let (service, node) = purpose.rsplit_once(' ').expect("there is a space");
            (format!("{service} {}", new(&NodeId::from(node))), draws)
        }
        _ => (purpose, draws),
    });
    tracks.draws = draws.collect();
    for strike in tracks.strikes.values_mut().flatten() {
        match &mut strike.victims {
            Victims::Links(links) => {
                *links = links.iter().map(|(from, to)| (new(from), new(to))).collect();
            }
            Victims::Nodes(nodes) | Victims::Members { wanted: nodes, .. } => {
                nodes.iter_mut().for_each(|node| *node = new(node));
            }
            Victims::Clocks(clocks) => {
                clocks.iter_mut().for_each(|clock| clock.node = new(&clock.node));
            }
            Victims::Disks(disks) => disks.iter_mut().for_each(|(node, _)| *node = new(node)),
            Victims::Nobody | Victims::Messages(_) => {}
        }
    }
    case
}

/// The threads that do something.
pub fn threads(case: &Case) -> BTreeSet<usize> {
    case.tape.tracks.operations.iter().map(|operation| operation.thread).collect()
}

/// The case with as few clients as its operations and its workload allow.
pub fn compact(case: &Case, workload: &dyn Workload) -> Option<Case> {
    let mut case = case.clone();
    let nodes = case.options.nodes.len();
    let mut next = vec![0; nodes];
    let mut new = BTreeMap::new();
    for thread in threads(&case) {
        let node = thread % nodes;
        new.insert(thread, next[node] * nodes + node);
        next[node] += 1;
    }
    for operation in &mut case.tape.tracks.operations {
        operation.thread = new[&operation.thread];
    }
    let least = next.into_iter().max().unwrap_or(0).max(1);
    for slots in least..least + 4 {
        case.options.concurrency = slots * nodes;
        if workload.validate(&case.options).is_ok() {
            return Some(case);
        }
    }
    None
}

/// The case with the operations of one thread done by another.
pub fn merged(case: &Case, gone: usize, heir: usize) -> Case {
    let mut case = case.clone();
    for operation in &mut case.tape.tracks.operations {
        if operation.thread == gone {
            operation.thread = heir;
        }
    }
    case
}

/// When anything begins that stands on the tape with a time: operations and faults.
pub fn moments(case: &Case) -> BTreeSet<Duration> {
    let tracks = &case.tape.tracks;
    let operations = tracks.operations.iter().map(|operation| operation.at);
    operations.chain(tracks.strikes.values().flatten().map(|strike| strike.at)).collect()
}

/// The case with every moment moved to what `new` says. Messages with fates of their own, and the
/// end, move with what goes before them.
pub fn at_moments(case: &Case, new: &BTreeMap<Duration, Duration>) -> Case {
    let mut case = case.clone();
    let shifted = |at: Duration| match new.range(..=at).next_back() {
        Some((old, new)) => *new + (at - *old),
        None => at,
    };
    let tracks = &mut case.tape.tracks;
    for TapedOperation { at, .. } in &mut tracks.operations {
        *at = shifted(*at);
    }
    tracks.operations.make_contiguous().sort_by_key(|operation| operation.at);
    for strike in tracks.strikes.values_mut().flatten() {
        strike.at = shifted(strike.at);
    }
    for (sent, _) in tracks.fates.values_mut().flatten() {
        *sent = Time::ZERO + shifted(sent.since(Time::ZERO));
    }
    let limit = Duration::from_secs_f64(case.options.time_limit_secs);
    case.options.time_limit_secs = shifted(limit).as_secs_f64();
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::TestOptions;
    use crate::tape::TapeFile;

    const TAPE: &str = r#"{:tape 2, :workload "lin-kv", :seed 1}
{:at 10, :thread 0, :f :read, :value [0 nil]}
{:at 20, :thread 4, :f :write, :value [0 1]}
{:at 30, :thread 5, :f :write, :value [0 2]}
{:at 15, :fault :kill, :starts true, :nodes ["n1"]}
{:at 25, :fault :kill, :starts false}
{:at 5, :fault :partition, :starts true, :links [["n0" "n2"] ["n1" "n0"]]}
{:from "n0", :to "n2", :type "vote", :fates [[12 nil]]}
{:from "n0", :to "n1", :type "vote", :fates [[22 0]]}
{:node "n1", :seeds [7]}
"#;

    fn case() -> Case {
        let options = TestOptions {
            nodes: numbered_nodes(3),
            concurrency: 6,
            time_limit_secs: 1.0,
            ..TestOptions::default()
        };
        Case { options, tape: TapeFile::parse(TAPE).unwrap() }
    }

    #[test]
    fn a_node_goes_with_all_that_concerns_it() {
        let less = without_node(&case(), 1, None).unwrap();
        let text = less.tape.to_text();
        assert!(!text.contains("n1"), "{text}");
        // Thread 5 was the second client of n2, which is the second node now.
        assert_eq!(threads(&less), BTreeSet::from([0, 3]));
        assert_eq!(episodes(&less.tape.tracks).len(), 1);
        let moved = without_node(&case(), 1, Some(0)).unwrap();
        assert_eq!(moved.tape.tracks.operations.len(), 3);
        assert!(moved.tape.tracks.operations.iter().all(|operation| operation.thread < 8));
        let renamed = renamed(&less).tape.to_text();
        assert!(renamed.contains(r#"["n0" "n1"]"#) && !renamed.contains("n2"), "{renamed}");
    }

    #[test]
    fn clients_are_as_few_as_the_workload_allows() {
        let workload = crate::workload::by_name("lin-kv").unwrap();
        let mut many = case();
        many.options.concurrency = 60;
        let few = compact(&many, workload).unwrap();
        assert_eq!(few.options.concurrency, 6);
        assert_eq!(threads(&few), BTreeSet::from([0, 1, 2]));
    }

    #[test]
    fn what_follows_a_moment_moves_with_it() {
        let nanos = Duration::from_nanos;
        let moved = at_moments(&case(), &BTreeMap::from([(nanos(15), nanos(11))]));
        let times: Vec<u64> =
            moved.tape.tracks.operations.iter().map(|op| op.at.as_nanos() as u64).collect();
        assert_eq!(times, [10, 16, 26]);
        let text = moved.tape.to_text();
        assert!(text.contains("[[12 nil]]") && text.contains("[[18 0]]"), "{text}");
    }

    #[test]
    fn what_comes_besides_a_fault_can_be_taken_out_alone() {
        let tape = r#"{:tape 2, :workload "lin-kv", :seed 1}
{:at 10, :fault :partition, :starts true, :links [["n0" "n2"]]}
{:at 20, :fault :partition, :starts true, :adds true, :links [["n1" "n0"]]}
{:at 30, :fault :partition, :starts false}
{:at 5, :fault :membership, :starts true, :adds true, :nodes ["n0"], :ends false}
{:at 10, :fault :membership, :starts true, :nodes ["n0" "n1"], :ends false}
{:at 15, :fault :membership, :starts true, :adds true, :nodes ["n2"], :ends false}
"#;
        let case = Case { tape: TapeFile::parse(tape).unwrap(), ..case() };
        let all = episodes(&case.tape.tracks);
        assert_eq!(all.len(), 5);
        assert_eq!(with_episodes(&case, &all).tape.to_text(), case.tape.to_text());
        for (number, line) in [(1, 2), (2, 4), (3, 5), (4, 6)] {
            let kept: Vec<Episode> =
                (0..all.len()).filter(|n| *n != number).map(|n| all[n]).collect();
            let without = tape.lines().enumerate().filter(|(place, _)| *place != line);
            let without: Vec<&str> = without.map(|(_, text)| text).collect();
            let left = with_episodes(&case, &kept).tape;
            let expected = TapeFile::parse(&without.join("\n")).unwrap();
            assert_eq!(left.to_text(), expected.to_text());
        }
    }

    #[test]
    fn two_faults_become_one_that_goes_on() {
        let tape = |strikes: &str| {
            let text = format!("{{:tape 2, :workload \"lin-kv\", :seed 1}}\n{strikes}");
            TapeFile::parse(&text).unwrap()
        };
        let two = r#"{:at 10, :fault :partition, :starts true, :plan :one, :links [["n0" "n2"]]}
{:at 20, :fault :partition, :starts false}
{:at 30, :fault :partition, :starts true, :plan :one, :links [["n1" "n0"]]}
{:at 40, :fault :partition, :starts false}
"#;
        let case = Case { tape: tape(two), ..case() };
        let all = episodes(&case.tape.tracks);
        let merged = with_one_episode(&case, all[0], all[1]);
        let links = [r#"["n0" "n2"]"#, r#"["n1" "n0"]"#, r#"["n0" "n2"] ["n1" "n0"]"#].into_iter();
        let expected = links.map(|links| {
            let start = format!("{{:at 10, :fault :partition, :starts true, :links [{links}]}}");
            tape(&format!("{start}\n{{:at 40, :fault :partition, :starts false}}\n")).to_text()
        });
        let merged = merged.iter().map(|case| case.tape.to_text());
        assert_eq!(merged.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_normal_tape_says_message_by_message_what_is_lost() {
        let mut case = case();
        case.options.calm_secs = 0.9999999;
        case.options.latency_ms = 0;
        let text = normal(&case).tape.to_text();
        // It began before the calm, and ends with it.
        assert!(text.contains("{:at 100, :fault :partition, :starts false}"), "{text}");
        assert!(text.contains("[[12 nil]]") && !text.contains("[[22 0]]"), "{text}");
    }
}
