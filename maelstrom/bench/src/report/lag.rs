//! How far the readers of logs lag behind: by thread, by key, and by both.
//!
//! When a poll begins, some message may long have been known to somebody that its process still
//! has not seen when the poll is over. The lag of a key is for how long, at least: from the moment
//! at which it was known that what the process saw last is not the end of the log, until the poll
//! began. Source: `realtime-lag` in Jepsen's `tests/kafka.clj`.
//!
//! Of each group a plot shows the worst lag in each thousandth of the run; more would fall on the
//! same pixels.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Entries;
use super::logs::records;
use super::series::{Points, seconds};
use crate::edn::Edn;
use crate::history::{OpType, ProcessId};

/// A lag: the thread that polls, the number of the key, when the poll began in nanoseconds, and by
/// how many.
struct Lag {
    thread: i64,
    key: usize,
    time: i64,
    lag: i64,
}

/// Lags in seconds by thread, by key, and by thread and key; each group has a name.
#[derive(Debug, Default)]
pub struct Lags {
    /// By thread: `thread 3`.
    pub by_thread: BTreeMap<String, Points>,
    /// By key: `key "7"`.
    pub by_key: BTreeMap<String, Points>,
    /// By both: `thread-key [3 "7"]`.
    pub by_thread_and_key: BTreeMap<String, Points>,
}

/// How finely the time of a run is divided.
const COLUMNS: i64 = 1000;

/// By part of the time: when the worst lag was, and how far behind.
type Worst = BTreeMap<i64, (i64, i64)>;

/// The lags of a run with so many client threads, whose last entry is of the time `end`.
///
/// # Errors
/// When the history cannot be read.
pub fn lags(history: &dyn Entries, end: i64, threads: usize) -> anyhow::Result<Lags> {
    let width = (end / COLUMNS).max(1);
    // A poll of many keys has many lags, so names are made at the end, once each.
    let mut worst: BTreeMap<(i64, usize), Worst> = BTreeMap::new();
    let keys = for_each_lag(history, threads, &mut |Lag { thread, key, time, lag }| {
        add(worst.entry((thread, key)).or_default(), time / width, (time, lag));
    })?;
    let mut groups: [BTreeMap<String, Worst>; 3] = Default::default();
    for ((thread, key), lags) in &worst {
        let key = &keys[*key];
        let names = [
            format!("thread {thread:>3}"),
            format!("key {key}"),
            format!("thread-key [{thread} {key}]"),
        ];
        for (group, name) in groups.iter_mut().zip(names) {
            let all = group.entry(name).or_default();
            lags.iter().for_each(|(column, found)| add(all, *column, *found));
        }
    }
    let [by_thread, by_key, by_thread_and_key] = groups.map(|group| {
        let points = group.into_iter().map(|(name, lags)| {
            let points = lags.values().map(|(time, lag)| (seconds(*time), seconds(*lag)));
            (name, points.collect())
        });
        points.collect()
    });
    Ok(Lags { by_thread, by_key, by_thread_and_key })
}

/// Keeps the worst lag of a part of the time; of equal ones the first.
fn add(worst: &mut Worst, column: i64, (time, lag): (i64, i64)) {
    let known = worst.entry(column).or_insert((time, lag));
    if (lag, Reverse(time)) > (known.1, Reverse(known.0)) {
        *known = (time, lag);
    }
}

/// Keys, each with a number.
#[derive(Default)]
struct Keys {
    numbers: BTreeMap<Edn, usize>,
    names: Vec<Edn>,
}

impl Keys {
    fn number(&mut self, key: &Edn) -> usize {
        if let Some(&number) = self.numbers.get(key) {
            return number;
        }
        self.numbers.insert(key.clone(), self.names.len());
        self.names.push(key.clone());
        self.names.len() - 1
    }
}

fn for_each_lag(
    history: &dyn Entries,
    threads: usize,
    take: &mut dyn FnMut(Lag),
) -> anyhow::Result<Vec<Edn>> {
    let (mut keys, growth) = growth(history)?;
    // Where each process is in each key that is assigned to it, and when it began what it does.
    let mut positions: BTreeMap<i64, BTreeMap<usize, i64>> = BTreeMap::new();
    let mut began: BTreeMap<i64, i64> = BTreeMap::new();
    history.for_each(&mut |op| {
        let ProcessId::Client(process) = op.process else { return };
        if op.kind == OpType::Invoke {
            began.insert(process, op.time);
            return;
        }
        let Some(time) = began.remove(&process).filter(|_| op.kind == OpType::Ok) else { return };
        let place = positions.entry(process).or_default();
        match &*op.f {
            "assign" => {
                let before = std::mem::take(place);
                let assigned = op.value.as_slice().unwrap_or_default().iter();
                let assigned = assigned.map(|key| keys.number(key));
                *place =
                    assigned.map(|key| (key, before.get(&key).copied().unwrap_or(-1))).collect();
            }
            "poll" | "txn" => {
                for (_, (key, offset, _)) in records(&op.value) {
                    if let Some(last) = place.get_mut(&keys.number(key)) {
                        *last = offset.max(*last);
                    }
                }
                let thread = process.rem_euclid(threads.max(1) as i64);
                for (&key, last) in place {
                    let offsets = growth.get(key);
                    let next = offsets.and_then(|offsets| offsets.range(*last + 1..).next());
                    let lag = next.map_or(0, |(_, known)| (time - known).max(0));
                    take(Lag { thread, key, time, lag });
                }
            }
            _ => {}
        }
    })?;
    Ok(keys.names)
}

/// Of each key, by offset, when it was first known that there is one so high.
fn growth(history: &dyn Entries) -> anyhow::Result<(Keys, Vec<BTreeMap<i64, i64>>)> {
    let mut keys = Keys::default();
    let mut growth: Vec<BTreeMap<i64, i64>> = Vec::new();
    history.for_each(&mut |op| {
        if !op.is_client() || op.kind != OpType::Ok {
            return;
        }
        for (_, (key, offset, _)) in records(&op.value) {
            let number = keys.number(key);
            growth.resize_with(growth.len().max(number + 1), BTreeMap::new);
            let time = growth[number].entry(offset).or_insert(op.time);
            *time = op.time.min(*time);
        }
    })?;
    for offsets in &mut growth {
        let mut earliest = i64::MAX;
        for time in offsets.values_mut().rev() {
            earliest = earliest.min(*time);
            *time = earliest;
        }
    }
    Ok((keys, growth))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    #[test]
    fn a_reader_lags_since_what_it_has_not_seen_was_written() {
        let history = History::parse(
            r#"{:process 0 :type :invoke :f :send :value [[:send "k" 7]] :time 0}
            {:process 0 :type :ok :f :send :value [[:send "k" [0 7]]] :time 1000000}
            {:process 0 :type :invoke :f :send :value [[:send "k" 8]] :time 2000000}
            {:process 0 :type :ok :f :send :value [[:send "k" [1 8]]] :time 3000000}
            {:process 5 :type :invoke :f :assign :value ["k"] :time 4000000}
            {:process 5 :type :ok :f :assign :value ["k"] :time 5000000}
            {:process 5 :type :invoke :f :poll :value [[:poll]] :time 6000000}
            {:process 5 :type :ok :f :poll :value [[:poll {}]] :time 7000000}
            {:process 5 :type :invoke :f :poll :value [[:poll]] :time 9000000}
            {:process 5 :type :ok :f :poll :value [[:poll {"k" [[0 7]]}]] :time 9500000}
            {:process 5 :type :invoke :f :poll :value [[:poll]] :time 10000000}
            {:process 5 :type :ok :f :poll :value [[:poll {"k" [[1 8]]}]] :time 10500000}"#,
        )
        .unwrap();
        let lags = lags(&history, 10_500_000, 4).unwrap();
        let expected = vec![(0.006, 0.005), (0.009, 0.006), (0.01, 0.0)];
        assert_eq!(lags.by_thread, [("thread   1".to_owned(), expected.clone())].into());
        assert_eq!(lags.by_key, [("key \"k\"".to_owned(), expected.clone())].into());
        assert_eq!(lags.by_thread_and_key, [("thread-key [1 \"k\"]".into(), expected)].into());
    }
}
