//! `independent/<key>/`: what a run says of each key on its own, where every operation is on one:
//! its history, its results and its timeline, as Jepsen's `independent` writes them.

use std::collections::BTreeMap;

use super::activity::Activity;
use super::explanations::folder_name;
use super::timeline;
use crate::checker::Judgement;
use crate::checker::linear::independent::{key, value};
use crate::edn::{Edn, pretty};
use crate::history::History;

/// So many keys get a folder. A run that works through more would leave little else on disk.
const KEYS: usize = 1000;

/// Gives each file to `write`, with its path in the run's folder. Does nothing where the results
/// are not by key.
///
/// # Errors
/// What `write` answers.
pub fn write(
    workload: &str,
    history: &History,
    results: &Judgement,
    write: &mut dyn FnMut(&str, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(by_key) = results_by_key(results) else { return Ok(()) };
    let mut places: BTreeMap<Edn, Vec<usize>> = BTreeMap::new();
    let mut common = Vec::new();
    for (place, op) in history.ops.iter().enumerate() {
        match key(&op.value).filter(|_| op.is_client()) {
            Some(key) => places.entry(key.canonical().into_owned()).or_default().push(place),
            None => common.push(place),
        }
    }
    for (key, result) in by_key.iter().take(KEYS) {
        let own = places.get(&*key.canonical()).map_or(&[][..], Vec::as_slice);
        let part = part(history, own, &common);
        let folder = format!("independent/{}", folder_name(&key.to_string()));
        write(&format!("{folder}/history.edn"), part.to_edn_text().as_bytes())?;
        write(&format!("{folder}/results.edn"), format!("{}\n", pretty(result)).as_bytes())?;
        let page = timeline::page(&format!("{workload} {key}"), &Activity::new(&part));
        write(&format!("{folder}/timeline.html"), page.as_bytes())?;
    }
    Ok(())
}

/// The result of each key.
fn results_by_key(results: &Judgement) -> Option<&[(Edn, Edn)]> {
    let workload = results.part("workload")?;
    let has = |name| workload.results.iter().any(|(key, _)| key.as_keyword() == Some(name));
    let entry = workload.results.iter().find(|(key, _)| key.as_keyword() == Some("results"));
    match entry {
        Some((_, Edn::Map(by_key))) if has("failures") => Some(by_key),
        _ => None,
    }
}

/// The entries at these places, with plain values, and those that are on no key, in order.
fn part(history: &History, own: &[usize], common: &[usize]) -> History {
    let mut places = [own, common].concat();
    places.sort_unstable();
    let mut part = History::default();
    for place in places {
        let mut op = history.ops[place].clone();
        if op.is_client() {
            op.value = value(&op.value).clone();
        }
        part.ops.push(op);
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::{Judge, Workload};

    #[test]
    fn each_key_has_its_part_of_the_history_with_plain_values() {
        let history = History::parse(
            "{:process 0, :type :invoke, :f :write, :value [0 3], :index 0, :time 1}
             {:process 1, :type :invoke, :f :read, :value [7 nil], :index 1, :time 2}
             {:process :nemesis, :type :info, :f :start, :value nil, :index 2, :time 3}
             {:process 0, :type :ok, :f :write, :value [0 3], :index 3, :time 4}
             {:process 1, :type :ok, :f :read, :value [7 5], :index 4, :time 5}",
        )
        .unwrap();
        let judgement = Judge::from(Workload::LinKv).judge(&history);
        let results = Judgement::of_parts([("workload", judgement)]);
        let mut files = BTreeMap::new();
        write("lin-kv", &history, &results, &mut |path, bytes| {
            files.insert(path.to_owned(), String::from_utf8(bytes.to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
        let names = ["history.edn", "results.edn", "timeline.html"];
        let expected = ["0", "7"].map(|key| names.map(|name| format!("independent/{key}/{name}")));
        assert!(files.keys().eq(expected.as_flattened()), "{:?}", files.keys());
        assert_eq!(
            files["independent/7/history.edn"],
            "{:process 1, :type :invoke, :f :read, :value nil, :index 1, :time 2}\n\
             {:process :nemesis, :type :info, :f :start, :value nil, :index 2, :time 3}\n\
             {:process 1, :type :ok, :f :read, :value 5, :index 4, :time 5}\n"
        );
        assert!(files["independent/0/results.edn"].contains(":valid? true"));
        assert!(files["independent/7/results.edn"].contains(":valid? false"));
        assert!(files["independent/7/timeline.html"].contains("lin-kv 7"));
    }
}
