//! Messages that were acknowledged and that nobody has polled yet: how many of each log, over
//! time. Source: `unseen` in Jepsen's `tests/kafka.clj`.

use std::collections::BTreeMap;

use super::Entries;
use super::logs::records;
use super::series::seconds;
use crate::edn::Edn;
use crate::history::{Op, OpType};

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
///
/// # Errors
/// When it cannot be read.
pub fn unseen(history: &dyn Entries) -> anyhow::Result<Unseen> {
    let is_counted = |op: &Op| op.is_client() && op.kind == OpType::Ok;
    let mut places: BTreeMap<Edn, usize> = BTreeMap::new();
    let mut count = 0;
    history.for_each(&mut |op| {
        let records = if is_counted(op) { records(&op.value) } else { Vec::new() };
        count += usize::from(!records.is_empty());
        for (_, (key, ..)) in records {
            if !places.contains_key(key) {
                places.insert(key.clone(), 0);
            }
        }
    })?;
    places.values_mut().zip(0..).for_each(|(place, number)| *place = number);
    // Each message with whether it was polled.
    let mut messages: Vec<BTreeMap<Edn, bool>> = vec![BTreeMap::new(); places.len()];
    let mut unseen = vec![0; places.len()];
    let mut moments = Vec::new();
    let every = count.div_ceil(MOMENTS).max(1);
    let mut number = 0;
    history.for_each(&mut |op| {
        let records = if is_counted(op) { records(&op.value) } else { Vec::new() };
        if records.is_empty() {
            return;
        }
        for (is_send, (key, _, value)) in records {
            let place = places[key];
            let before = messages[place].get(value).copied();
            match (is_send, before) {
                (true, None) => unseen[place] += 1,
                (false, Some(false)) => unseen[place] -= 1,
                _ => {}
            }
            if before.is_none() || !is_send {
                messages[place].insert(value.clone(), !is_send);
            }
        }
        // The last one shows what nobody ever polled.
        if number % every == 0 || number + 1 == count {
            moments.push((seconds(op.time), unseen.clone()));
        }
        number += 1;
    })?;
    Ok(Unseen { keys: places.into_keys().map(|key| key.to_string()).collect(), moments })
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
        let unseen = unseen(&history).unwrap();
        assert_eq!(unseen.keys, ["\"a\"", "\"b\""]);
        let expected = [(1.0, vec![1, 0]), (2.0, vec![1, 1]), (3.0, vec![0, 1]), (4.0, vec![0, 1])];
        assert_eq!(unseen.moments, expected);
    }
}
