//! How far the readers of logs lag behind: by thread, by key, and by both.
//!
//! When a poll begins, some message may long have been known to somebody that its process still
//! has not seen when the poll is over. The lag of a key is for how long, at least: from the moment
//! at which it was known that what the process saw last is not the end of the log, until the poll
//! began. Source: `realtime-lag` in Jepsen's `tests/kafka.clj`.
//!
//! Of each group a plot shows the worst lag in each thousandth of the run; more would fall on the
//! same pixels.

use std::collections::BTreeMap;

use super::Entries;
use super::logs::records;
use super::series::{Points, seconds};
use crate::edn::Edn;
use crate::history::{OpType, ProcessId};

/// A lag: the thread that polls, the key, when the poll began in nanoseconds, and by how many.
struct Lag<'a> {
    thread: i64,
    key: &'a Edn,
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
    let mut groups: [BTreeMap<String, Worst>; 3] = Default::default();
    for_each_lag(history, threads, &mut |Lag { thread, key, time, lag }| {
        let names = [
            format!("thread {thread:>3}"),
            format!("key {key}"),
            format!("thread-key [{thread} {key}]"),
        ];
        for (group, name) in groups.iter_mut().zip(names) {
            let worst = group.entry(name).or_default().entry(time / width).or_insert((time, lag));
            if worst.1 < lag {
                *worst = (time, lag);
            }
        }
    })?;
    let [by_thread, by_key, by_thread_and_key] = groups.map(|group| {
        let points = group.into_iter().map(|(name, lags)| {
            let points = lags.values().map(|(time, lag)| (seconds(*time), seconds(*lag)));
            (name, points.collect())
        });
        points.collect()
    });
    Ok(Lags { by_thread, by_key, by_thread_and_key })
}

fn for_each_lag(
    history: &dyn Entries,
    threads: usize,
    take: &mut dyn FnMut(Lag),
) -> anyhow::Result<()> {
    let growth = growth(history)?;
    // Where each process is in each key that is assigned to it, and when it began what it does.
    let mut positions: BTreeMap<i64, BTreeMap<Edn, i64>> = BTreeMap::new();
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
                let keys = op.value.as_slice().unwrap_or_default().iter();
                let last = |key: &Edn| before.get(key).copied().unwrap_or(-1);
                *place = keys.map(|key| (key.clone(), last(key))).collect();
            }
            "poll" | "txn" => {
                for (_, (key, offset, _)) in records(&op.value) {
                    if let Some(last) = place.get_mut(key) {
                        *last = offset.max(*last);
                    }
                }
                let thread = process.rem_euclid(threads.max(1) as i64);
                for (key, last) in place {
                    let offsets = growth.get(key);
                    let next = offsets.and_then(|offsets| offsets.range(*last + 1..).next());
                    let lag = next.map_or(0, |(_, known)| (time - known).max(0));
                    take(Lag { thread, key, time, lag });
                }
            }
            _ => {}
        }
    })
}

/// Of each key, by offset, when it was first known that there is one so high.
fn growth(history: &dyn Entries) -> anyhow::Result<BTreeMap<Edn, BTreeMap<i64, i64>>> {
    let mut growth: BTreeMap<Edn, BTreeMap<i64, i64>> = BTreeMap::new();
    history.for_each(&mut |op| {
        if !op.is_client() || op.kind != OpType::Ok {
            return;
        }
        for (_, (key, offset, _)) in records(&op.value) {
            if !growth.contains_key(key) {
                growth.insert(key.clone(), BTreeMap::new());
            }
            let offsets = growth.get_mut(key).expect("it was put there");
            let time = offsets.entry(offset).or_insert(op.time);
            *time = op.time.min(*time);
        }
    })?;
    for offsets in growth.values_mut() {
        let mut earliest = i64::MAX;
        for time in offsets.values_mut().rev() {
            earliest = earliest.min(*time);
            *time = earliest;
        }
    }
    Ok(growth)
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
