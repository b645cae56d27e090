//! Messages that were acknowledged and that nobody has polled yet: how many of each log, over
//! time. Source: `unseen` in Jepsen's `tests/kafka.clj`.

use std::collections::{BTreeMap, BTreeSet};

use super::activity::Activity;
use super::logs::records;
use super::series::seconds;
use crate::edn::Edn;
use crate::history::OpType;

/// How many messages of each log were unseen.
#[derive(Debug, Default, PartialEq)]
pub struct Unseen {
    /// The keys, in order.
    pub keys: Vec<String>,
    /// Moments in seconds, and how many messages of each key were unseen then.
    pub moments: Vec<(f64, Vec<usize>)>,
}

/// How many moments there are at most.
const MOMENTS: usize = 800;

/// Counts through a history.
pub fn unseen(activity: &Activity) -> Unseen {
    let ops = || activity.history.ops.iter().filter(|op| op.is_client() && op.kind == OpType::Ok);
    let mut keys: BTreeSet<&Edn> = BTreeSet::new();
    let mut count = 0;
    for op in ops() {
        let records = records(&op.value);
        count += usize::from(!records.is_empty());
        keys.extend(records.iter().map(|(_, (key, ..))| *key));
    }
    let places: BTreeMap<&Edn, usize> = keys.iter().enumerate().map(|(i, key)| (*key, i)).collect();
    let mut sent: Vec<BTreeSet<&Edn>> = vec![BTreeSet::new(); keys.len()];
    let mut polled = sent.clone();
    let mut moments = Vec::new();
    let every = count.div_ceil(MOMENTS).max(1);
    let with_records = ops().map(|op| (op, records(&op.value))).filter(|(_, r)| !r.is_empty());
    for (number, (op, records)) in with_records.enumerate() {
        for (is_send, (key, _, value)) in records {
            let place = places[key];
            if !is_send {
                sent[place].remove(value);
                polled[place].insert(value);
            } else if !polled[place].contains(value) {
                sent[place].insert(value);
            }
        }
        // The last one shows what nobody ever polled.
        if number % every == 0 || number + 1 == count {
            moments.push((seconds(op.time), sent.iter().map(BTreeSet::len).collect()));
        }
    }
    Unseen { keys: keys.into_iter().map(Edn::to_string).collect(), moments }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    #[test]
    fn a_message_is_unseen_until_somebody_polls_it() {
        let history = History::parse(
            r#"{:process 0 :type :ok :f :send :value [[:send "a" [0 7]]] :time 1000000000}
            {:process 0 :type :ok :f :send :value [[:send "b" [0 1]]] :time 2000000000}
            {:process 0 :type :fail :f :send :value [[:send "b" 2]] :time 2500000000}
            {:process 1 :type :ok :f :poll :value [[:poll {"a" [[0 7] [1 8]]}]] :time 3000000000}
            {:process 0 :type :ok :f :send :value [[:send "a" [1 8]]] :time 4000000000}"#,
        )
        .unwrap();
        let unseen = unseen(&Activity::new(&history));
        assert_eq!(unseen.keys, ["\"a\"", "\"b\""]);
        let expected = [(1.0, vec![1, 0]), (2.0, vec![1, 1]), (3.0, vec![0, 1]), (4.0, vec![0, 1])];
        assert_eq!(unseen.moments, expected);
    }
}
