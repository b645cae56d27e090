//! `independent/<key>/`: what a run says of each key on its own, where every operation is on one:
//! its history, its results and its timeline, as Jepsen's `independent` writes them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Entries;
use super::explanations::folder_name;
use super::timeline::Timeline;
use crate::checker::Judgement;
use crate::checker::linear::independent::{key, value};
use crate::edn::{Edn, pretty};
use crate::history::Op;

/// So many keys get a folder. A run that works through more would leave little else on disk.
const KEYS: usize = 1000;

/// The histories of so many bytes together are made at once, each time from the whole history.
/// The history of a key that has more by itself is not written: it would be that of the run once
/// more.
const BYTES_AT_ONCE: usize = 32 << 20;

/// Gives each file to `write`, with its path in the run's folder. Does nothing where the results
/// are not by key.
///
/// # Errors
/// What `write` answers, or that the history cannot be read.
pub fn write(
    workload: &str,
    history: &dyn Entries,
    results: &Judgement,
    write: &mut dyn FnMut(&str, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(by_key) = results_by_key(results) else { return Ok(()) };
    let by_key = &by_key[..by_key.len().min(KEYS)];
    let keys: Vec<Edn> = by_key.iter().map(|(key, _)| key.canonical().into_owned()).collect();
    let bytes = bytes(history, &keys)?;
    let mut start = 0;
    while start < keys.len() {
        let mut end = start + 1;
        while end < keys.len() && bytes[start..=end].iter().sum::<usize>() <= BYTES_AT_ONCE {
            end += 1;
        }
        let is_whole = bytes[start] <= BYTES_AT_ONCE;
        let parts = parts(history, &keys[start..end], is_whole)?;
        for (part, (key, result)) in parts.into_iter().zip(&by_key[start..end]) {
            let folder = format!("independent/{}", folder_name(&key.to_string()));
            if is_whole {
                write(&format!("{folder}/history.edn"), part.text.as_bytes())?;
            }
            write(&format!("{folder}/results.edn"), format!("{}\n", pretty(result)).as_bytes())?;
            let page = part.timeline.page(&format!("{workload} {key}"));
            write(&format!("{folder}/timeline.html"), page.as_bytes())?;
        }
        start = end;
    }
    Ok(())
}

/// Which of these keys, in order, an entry is of; `None` for one that is of none at all.
fn place(keys: &BTreeMap<&Edn, usize>, op: &Op) -> Option<Option<usize>> {
    let key = key(&op.value).filter(|_| op.is_client())?;
    Some(keys.get(&*key.canonical()).copied())
}

fn places(keys: &[Edn]) -> BTreeMap<&Edn, usize> {
    keys.iter().zip(0..).collect()
}

/// How many bytes the history of each key has, about.
fn bytes(history: &dyn Entries, keys: &[Edn]) -> anyhow::Result<Vec<usize>> {
    let places = places(keys);
    let mut bytes = vec![0; keys.len()];
    let mut line = String::new();
    history.for_each(&mut |op| {
        if let Some(Some(place)) = place(&places, op) {
            line.clear();
            op.write_edn_line(&mut line);
            bytes[place] += line.len();
        }
    })?;
    Ok(bytes)
}

/// What concerns a key.
#[derive(Default)]
struct Part {
    text: String,
    timeline: Timeline,
}

/// For each of these keys, its entries with plain values, and those that are on no key.
fn parts(history: &dyn Entries, keys: &[Edn], has_text: bool) -> anyhow::Result<Vec<Part>> {
    let places = places(keys);
    let mut parts: Vec<Part> = keys.iter().map(|_| Part::default()).collect();
    history.for_each(&mut |op| {
        let mut op = Cow::Borrowed(op);
        let wanted = match place(&places, &op) {
            None => 0..keys.len(),
            Some(None) => 0..0,
            Some(Some(place)) => place..place + 1,
        };
        if op.is_client() && !wanted.is_empty() {
            let plain = value(&op.value).clone();
            op.to_mut().value = plain;
        }
        for part in &mut parts[wanted] {
            part.timeline.push(&op);
            if has_text {
                op.write_edn_line(&mut part.text);
            }
        }
    })?;
    Ok(parts)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::{Judge, Workload};
    use crate::history::History;

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
