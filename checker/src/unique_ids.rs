//! Unique ids: no two requests are given the same one.
//!
//! An id may be any JSON value. Ids that EDN calls equal are the same id, however their maps
//! were written.
//!
//! Source: `unique-ids` in Jepsen's `checker.clj`. Unlike there, ids of different types are
//! comparable, and no id at all is unknown, not valid.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Judgement, Validity};
use crate::edn::Edn;
use crate::history::{History, OpType};

/// This many of the most frequent duplicates are shown.
const DUPLICATES_SHOWN: usize = 48;

/// Looks for an id that was given out twice.
pub fn check(history: &History) -> Judgement {
    let generates = || history.ops.iter().filter(|op| op.is_client() && &*op.f == "generate");
    let attempted_count = generates().filter(|op| op.kind == OpType::Invoke).count();
    let acknowledged = generates().filter(|op| op.kind == OpType::Ok);
    let mut ids: Vec<Cow<Edn>> = acknowledged.map(|op| op.value.canonical()).collect();
    ids.sort_unstable();

    let runs = ids.chunk_by(|a, b| a == b).filter(|run| run.len() > 1);
    let mut duplicates: Vec<(usize, &Edn)> = runs.map(|run| (run.len(), &*run[0])).collect();
    let duplicated_count = duplicates.len();
    duplicates.sort_unstable_by_key(|&duplicate| Reverse(duplicate));
    duplicates.truncate(DUPLICATES_SHOWN);
    let duplicated: BTreeMap<Edn, Edn> =
        duplicates.into_iter().map(|(count, id)| (id.clone(), Edn::from(count))).collect();

    let end = |id: Option<&Cow<Edn>>| id.map_or(Edn::Nil, |id| Edn::clone(id));
    let valid = match (ids.is_empty(), duplicated_count) {
        (true, _) => Validity::Unknown,
        (false, duplicates) => Validity::from(duplicates == 0),
    };
    let result = Judgement::new(
        valid,
        [
            ("attempted-count", attempted_count.into()),
            ("acknowledged-count", ids.len().into()),
            ("duplicated-count", duplicated_count.into()),
            ("duplicated", duplicated.into()),
            ("range", Edn::Vector(vec![end(ids.first()), end(ids.last())])),
        ],
    );
    match valid {
        Validity::Unknown => result.because("No node gave out an id, so nothing was checked."),
        _ => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
        let mut text = String::new();
        for id in ids {
            text += "{:type :invoke, :process 0, :f :generate, :value nil}";
            text += &format!("{{:type :ok, :process 0, :f :generate, :value {id}}}\n");
        }
        text += "{:type :invoke, :process 0, :f :generate, :value nil}";
        text += "{:type :info, :process 0, :f :generate, :value nil}";
        check(&History::parse(&text).unwrap()).to_edn().to_string()
    }

    #[test]
    fn ids_are_counted() {
        assert_eq!(
            check_ids(["3", "1", "2"]),
            "{:valid? true, :attempted-count 4, :acknowledged-count 3, :duplicated-count 0, \
             :duplicated {}, :range [1 3]}"
        );
        assert_eq!(
            check_ids(["3", "\"a\"", "3", "{\"x\" 1, \"y\" 2}", "{\"y\" 2, \"x\" 1}", "3"]),
            "{:valid? false, :attempted-count 7, :acknowledged-count 6, :duplicated-count 2, \
             :duplicated {3 3, {\"x\" 1, \"y\" 2} 2}, :range [3 {\"x\" 1, \"y\" 2}]}"
        );
    }

    #[test]
    fn the_most_frequent_duplicates_are_shown() {
        let mut ids: Vec<String> =
            (0..100).flat_map(|id| [id; 2]).map(|id| id.to_string()).collect();
        ids.push("7".into());
        let result = check_ids(ids.iter().map(String::as_str));
        assert!(result.contains(":duplicated-count 100, :duplicated {7 3, 53 2, 54 2, "));
    }

    #[test]
    fn no_id_is_unknown() {
        assert!(check_ids([]).starts_with("{:valid? :unknown, :attempted-count 1"));
    }
}
