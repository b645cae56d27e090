//! What the checkers found, in sentences, and which operations they mean.

use crate::checker::{Judgement, Validity};
use crate::edn::Edn;
use crate::history::History;

use super::format::{count, grouped, shorten, shortened};

/// An operation that a finding points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The index of one of its entries in the history.
    pub index: usize,
    /// Why it is of interest: `lost 17`.
    pub label: String,
}

/// The most operations that are pointed to: a reader follows a few, not thousands.
const POINTERS: usize = 200;

/// The verdict in a sentence.
pub fn headline(results: &Judgement, failure: Option<&str>) -> String {
    if let Some(sentence) = failure {
        // What the node said last follows on lines of its own.
        return format!("The run broke off: {}", sentence.lines().next().unwrap_or_default());
    }
    let whole = results.to_edn();
    let number = |name: &str| {
        let value = whole.get("stats").and_then(|stats| stats.get(name)).and_then(Edn::as_i64);
        value.and_then(|value| usize::try_from(value).ok()).unwrap_or(0)
    };
    let (all, ok) = (number("count"), number("ok-count"));
    let share = format!("{} of {} succeeded", grouped(ok), count(all, "operation"));
    match results.verdict {
        Validity::True => format!("Every checker is satisfied; {share}."),
        valid => {
            let problems: Vec<String> = results
                .parts
                .iter()
                .filter(|(_, part)| part.verdict == valid)
                .map(|(name, part)| problem(name, &part.to_edn()))
                .collect();
            let word = if valid == Validity::False { "Not valid" } else { "Nobody knows" };
            match problems.as_slice() {
                [] => format!("{word}; {share}."),
                problems => format!("{word}: {}; {share}.", problems.join("; ")),
            }
        }
    }
}

/// What is wrong with this part of the results, in a few words.
fn problem(name: &str, part: &Edn) -> String {
    let sentence = match name {
        "stats" => never_ok(part),
        "availability" => part.get("ok-fraction").map(|share| format!("only {share} succeeded")),
        _ => None,
    };
    sentence.or_else(|| details(part)).unwrap_or_else(|| format!("{name} is not satisfied"))
}

fn never_ok(stats: &Edn) -> Option<String> {
    let Edn::Map(functions) = stats.get("by-f")? else { return None };
    let names: Vec<String> = functions
        .iter()
        .filter(|(_, counts)| counts.get("ok-count") == Some(&Edn::Int(0)))
        .map(|(name, _)| name.to_string().trim_start_matches(':').to_owned())
        .collect();
    (!names.is_empty()).then(|| format!("no {} ever succeeded", names.join(", no ")))
}

fn details(part: &Edn) -> Option<String> {
    let list = |name: &str| part.get(name).and_then(Edn::as_slice).filter(|list| !list.is_empty());
    let names = |list: &[Edn]| {
        let words: Vec<String> = list.iter().take(5).map(plain).collect();
        let more = if list.len() > 5 { ", …" } else { "" };
        format!("{}{more}", words.join(", "))
    };
    if let Some(anomalies) = list("anomaly-types") {
        return Some(format!("the transactions show {}", names(anomalies)));
    }
    if let Some(keys) = list("failures") {
        let noun = if keys.len() == 1 { "key" } else { "keys" };
        let verb = if keys.len() == 1 { "is" } else { "are" };
        return Some(format!("{noun} {} {verb} not linearizable", names(keys)));
    }
    if let Some(types) = list("bad-error-types") {
        return Some(format!("the log shows {}", names(types)));
    }
    for (key, words) in [
        ("lost", "lost"),
        ("stale", "seen too late"),
        ("duplicated", "given out more than once"),
        ("never-read", "never read"),
    ] {
        let number = part.get(&format!("{key}-count")).and_then(Edn::as_i64).unwrap_or(0);
        if number > 0 {
            return Some(format!("{} {words}", count(number as usize, "element")));
        }
    }
    if let Some(errors) = list("errors") {
        return Some(format!("wrong answers, the first: {}", sentence(&errors[0])));
    }
    let error = part.get("error")?;
    let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    Some(shorten(text.trim_end_matches('.'), 240))
}

/// An error in words. Some are lists of words and values already.
fn sentence(error: &Edn) -> String {
    let words = error.as_slice().unwrap_or_default().iter().map(Edn::as_str);
    match words.collect::<Option<Vec<&str>>>() {
        Some(words) if !words.is_empty() => shorten(&words.join(" "), 120),
        _ => shortened(error, 120),
    }
}

fn plain(value: &Edn) -> String {
    match value {
        Edn::Keyword(text) | Edn::Str(text) => text.to_string(),
        other => shortened(other, 40),
    }
}

/// The operations that the results point to, the most important ones first: those of parts
/// that are not valid, named by their index, and elements that were lost, stale or doubled.
pub fn pointers(results: &Judgement, history: &History) -> Vec<Pointer> {
    let mut pointers = Vec::new();
    for (name, part) in &results.parts {
        if part.verdict != Validity::True {
            collect(&part.to_edn(), name, history, &mut pointers);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    pointers.retain(|pointer| seen.insert(pointer.index));
    pointers.truncate(POINTERS);
    pointers
}

fn collect(value: &Edn, label: &str, history: &History, pointers: &mut Vec<Pointer>) {
    if pointers.len() > 4 * POINTERS {
        return;
    }
    match value {
        Edn::Map(entries) => {
            let index = value.get("index").and_then(Edn::as_i64);
            if let (Some(index), true) = (index, value.get("process").is_some()) {
                let index = usize::try_from(index).unwrap_or(0);
                pointers.push(Pointer { index, label: reason(label).to_owned() });
            }
            for (key, value) in entries {
                match key.as_keyword() {
                    Some("lost" | "stale" | "duplicated" | "never-read") => {
                        elements(value, key.as_keyword().unwrap_or_default(), history, pointers);
                    }
                    // A part that is in order has nothing to point to.
                    _ if value.get("valid?") == Some(&Edn::Bool(true)) => {}
                    Some("valid?" | "results" | "op" | "anomalies" | "cycle") | None => {
                        collect(value, label, history, pointers);
                    }
                    Some(name) => collect(value, name, history, pointers),
                }
            }
        }
        Edn::Vector(items) | Edn::List(items) | Edn::Set(items) => {
            items.iter().for_each(|item| collect(item, label, history, pointers));
        }
        _ => {}
    }
}

/// Why an operation that stands under this key is of interest.
fn reason(key: &str) -> &str {
    match key {
        "linearizable" => "not linearizable",
        "previous-ok" => "last to return before",
        "pending" => "under way",
        name => name,
    }
}

/// Finds the operations that brought these elements into the world.
fn elements(list: &Edn, label: &str, history: &History, pointers: &mut Vec<Pointer>) {
    let wanted: Vec<&Edn> = match list {
        Edn::Map(entries) => entries.iter().map(|(element, _)| element).collect(),
        other => other.as_slice().unwrap_or_default().iter().collect(),
    };
    let wanted: std::collections::BTreeSet<&Edn> = wanted.into_iter().take(POINTERS).collect();
    for op in &history.ops {
        if op.is_client() && wanted.contains(&op.value) {
            pointers
                .push(Pointer { index: op.index, label: format!("{label} {}", plain(&op.value)) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edn::read_one;

    fn results(text: &str) -> Judgement {
        judgement(&read_one(text).unwrap())
    }

    fn judgement(edn: &Edn) -> Judgement {
        let Edn::Map(entries) = edn else { panic!("a map") };
        let verdict = match entries[0].1 {
            Edn::Bool(valid) => valid.into(),
            _ => Validity::Unknown,
        };
        let is_part = |value: &Edn| value.get("valid?").is_some();
        let (parts, results) = entries[1..].iter().cloned().partition(|(_, v)| is_part(v));
        let parts: Vec<(Edn, Edn)> = parts;
        let name = |key: &Edn| &*key.as_keyword().unwrap().to_owned().leak();
        let parts = parts.iter().map(|(key, part)| (name(key), judgement(part))).collect();
        Judgement { results, parts, ..Judgement::new(verdict, []) }
    }

    #[test]
    fn the_headline_says_what_is_wrong() {
        for (text, sentence) in [
            ("{:valid? true :stats {:valid? true :count 5 :ok-count 4}}", "4 of 5 operations"),
            (
                "{:valid? false :stats {:valid? false :by-f {:cas {:ok-count 0}}}}",
                "Not valid: no cas ever succeeded",
            ),
            (
                "{:valid? false :workload {:valid? false :anomaly-types [:G-single :G1a]}}",
                "the transactions show G-single, G1a",
            ),
            (
                "{:valid? false :workload {:valid? false :failures [7]}}",
                "key 7 is not linearizable",
            ),
            ("{:valid? false :workload {:valid? false :lost-count 2}}", "2 elements lost"),
            ("{:valid? false :net {:valid? false}}", "net is not satisfied"),
            (
                "{:valid? false :workload {:valid? false :errors [[\"Expected\" \"7\"]]}}",
                "wrong answers, the first: Expected 7;",
            ),
            (
                "{:valid? false :workload {:valid? false :errors [{:got 7}]}}",
                "wrong answers, the first: {:got 7};",
            ),
            (
                "{:valid? :unknown :workload {:valid? :unknown :error \"Why.\"}}",
                "Nobody knows: Why;",
            ),
        ] {
            let headline = headline(&results(text), None);
            assert!(headline.contains(sentence), "{headline}");
        }
        assert!(headline(&results("{:valid? true}"), Some("n1 died")).contains("n1 died"));
    }

    #[test]
    fn operations_are_pointed_to_by_index_and_by_element() {
        let history = History::parse(
            "{:process 0 :type :invoke :f :broadcast :value 7 :index 3}
             {:process 0 :type :invoke :f :broadcast :value 8 :index 4}",
        )
        .unwrap();
        let text = "{:valid? false
            :stats {:valid? true :x {:index 9 :process 0}}
            :workload {:valid? false :lost [8]
                       :anomalies {:G1a [{:op {:index 12 :process 1}}]
                                   :G0 [{:cycle [{:index 13 :process 1}]}]}}}";
        let found = pointers(&results(text), &history);
        assert_eq!(
            found,
            [
                Pointer { index: 4, label: "lost 8".into() },
                Pointer { index: 12, label: "G1a".into() },
                Pointer { index: 13, label: "G0".into() },
            ]
        );
    }
}
