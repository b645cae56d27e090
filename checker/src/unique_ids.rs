//! Unique ids: no two requests are given the same one.
//!
//! An id may be any JSON value. Ids that EDN calls equal are the same id, however their maps
//! were written.
//!
//! Source: `unique-ids` in Jepsen's `checker.clj`. Unlike there, ids of different types are
//! comparable, and no id at all is unknown, not valid.
//!
//! Chapter 14 of the book, `book/14-your-own.md`, reads this.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Checker, Finding, Findings, Judgement, Validity, count};
use crate::edn::Edn;
use crate::history::{History, Op, OpType};

/// This many of the most frequent duplicates are shown.
const DUPLICATES_SHOWN: usize = 48;

/// Looks for an id that was given out twice.
pub fn check(history: &History) -> Judgement {
    history.judge(UniqueIds::default())
}

/// The ids that were given out.
#[derive(Default)]
pub struct UniqueIds {
    attempted_count: usize,
    /// Each with the index of the reply that gave it out.
    ids: Vec<(Edn, usize)>,
    /// Whether a history in which no id was given out is valid.
    may_be_none: bool,
}

impl UniqueIds {
    /// The same as in Jepsen, where a history in which no id was given out is valid.
    pub fn of_any_number() -> UniqueIds {
        UniqueIds { may_be_none: true, ..UniqueIds::default() }
    }
}

impl Checker for UniqueIds {
    // ANCHOR: push
    fn push(&mut self, op: &Op) {
        if op.is_client() && &*op.f == "generate" {
            match op.kind {
                OpType::Invoke => self.attempted_count += 1,
                OpType::Ok => self.ids.push((op.value.canonical().into_owned(), op.index)),
                OpType::Fail | OpType::Info => {}
            }
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        let UniqueIds { attempted_count, mut ids, may_be_none } = *self;
        ids.sort_unstable_by(|a, b| a.0.compare_numbers(&b.0).then(a.1.cmp(&b.1)));
        let mut duplicates: Vec<&[(Edn, usize)]> =
            ids.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1).collect();
        let duplicated_count = duplicates.len();
        duplicates.sort_unstable_by_key(|run| Reverse((run.len(), &run[0].0)));
        duplicates.truncate(DUPLICATES_SHOWN);
        let duplicated: BTreeMap<Edn, Edn> =
            duplicates.iter().map(|run| (run[0].0.clone(), Edn::from(run.len()))).collect();

        let mut findings = Findings::default();
        duplicates.iter().for_each(|run| findings.add("duplicated", || finding(run)));
        findings.omit("duplicated", duplicated_count - duplicates.len());
        let end = |id: Option<&(Edn, usize)>| id.map_or(Edn::Nil, |(id, _)| id.clone());
        let verdict = match (ids.is_empty() && !may_be_none, duplicated_count) {
            (true, _) => Validity::Unknown,
            (false, duplicates) => Validity::from(duplicates == 0),
        };
        let judgement = Judgement::new(
            verdict,
            [
                ("attempted-count", attempted_count.into()),
                ("acknowledged-count", ids.len().into()),
                ("duplicated-count", duplicated_count.into()),
                ("duplicated", duplicated.into()),
                ("range", Edn::Vector(vec![end(ids.first()), end(ids.last())])),
            ],
        );
        match verdict {
            Validity::Unknown => {
                judgement.because("No node gave out an id, so nothing was checked.")
            }
            Validity::False => judgement
                .summed_up(format!("{} given out more than once", count(duplicated_count, "id")))
                .with(findings),
            Validity::True => judgement,
        }
    }
    // ANCHOR_END: push
}

/// An id that was given out by all of these replies; a few of them are enough to see it.
fn finding(run: &[(Edn, usize)]) -> Finding {
    let words = format!("The id {} was given out {} times.", run[0].0, run.len());
    let finding = Finding::new(words).on(run[0].0.clone());
    run.iter().take(4).fold(finding, |finding, (_, index)| finding.about(*index, "given out by"))
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
    fn ids_of_any_size_are_compared_to_the_digit() {
        let result = check_ids([
            "340282366920938463463374607431768211455",
            "7",
            "340282366920938463463374607431768211454",
        ]);
        assert!(result.starts_with("{:valid? true"), "{result}");
        assert!(
            result.ends_with(":range [7 340282366920938463463374607431768211455N]}"),
            "{result}"
        );
        // With and without the suffix it is the same number.
        let large = "340282366920938463463374607431768211455";
        let result = check_ids([large, &format!("{large}N")]);
        assert!(result.starts_with("{:valid? false"), "{result}");
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
