//! The few figures of a run that are looked at first, by workload: how much of what was asked was
//! done, how long that took, how many messages it cost, and what the workload is about.

use super::activity::Activity;
use super::format::{count, duration_ms, grouped, shorten, shortened};
use crate::checker::{Judgement, Validity};
use crate::edn::Edn;
use crate::history::OpType;

/// A figure: what it is of, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it is of, in a word or two.
    pub name: &'static str,
    /// What it is, with its unit.
    pub value: String,
}

/// How much of a value is shown, and how many values.
const VALUE_CHARACTERS: usize = 60;
const VALUES: usize = 10;

/// The figures of a run of this workload.
pub fn figures(workload: &str, results: &Judgement, activity: &Activity) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut add = |name, value: Option<String>| {
        figures.extend(value.map(|value| Figure { name, value }));
    };
    add("availability", availability(activity, results.verdict));
    add("latency", latency(activity));
    add("messages", messages(results));
    for (name, value) in about(workload, results) {
        add(name, value);
    }
    figures
}

/// A number in the results, by the names of parts and keys on the way to it. A key that is a
/// number itself is named as it is printed.
pub fn number(results: &Judgement, path: &[&str]) -> Option<f64> {
    match entry(results, path)? {
        Edn::Int(number) => Some(*number as f64),
        Edn::Float(number) => Some(number.0),
        _ => None,
    }
}

fn entry<'a>(results: &'a Judgement, path: &[&str]) -> Option<&'a Edn> {
    let [name, rest @ ..] = path else { return None };
    if let Some(part) = results.part(name) {
        return entry(part, rest);
    }
    let mut found = value(&results.results, name)?;
    for name in rest {
        let Edn::Map(entries) = found else { return None };
        found = value(entries, name)?;
    }
    Some(found)
}

fn value<'a>(entries: &'a [(Edn, Edn)], name: &str) -> Option<&'a Edn> {
    let is_it = |key: &Edn| key.as_keyword() == Some(name) || key.to_string() == name;
    entries.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
}

fn availability(activity: &Activity, verdict: Validity) -> Option<String> {
    // Where something is wrong with the answers, all that can be said is that they are there.
    let verb = if verdict == Validity::False { "were answered" } else { "did what they should" };
    let ended = activity.ended();
    let share = (ended.did() as f64 / ended.all as f64 * 1000.0).floor() / 10.0;
    let of = format!("{share}% of {}", count(ended.all, "operation"));
    (ended.all > 0).then(|| match ended.answered_no {
        0 => format!("{of} {verb}"),
        no => format!(
            "{of} {verb}; {} of them were told that the value is another, or that \
             there is none",
            grouped(no as u64)
        ),
    })
}

/// Of what succeeded: the median, the slowest hundredth, and the slowest.
fn latency(activity: &Activity) -> Option<String> {
    let ok = activity.operations().filter(|operation| operation.outcome() == OpType::Ok);
    let mut sorted: Vec<f64> = ok.filter_map(|operation| operation.latency_ms()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = |share: f64| duration_ms(sorted[last.min((sorted.len() as f64 * share) as usize)]);
    Some(format!("{} in the median, 99% within {}, at most {}", at(0.5), at(0.99), at(1.0)))
}

fn messages(results: &Judgement) -> Option<String> {
    let servers = number(results, &["net", "servers", "msgs-per-op"])?;
    let all = number(results, &["net", "all", "msgs-per-op"])?;
    Some(format!("{servers:.2} between servers for each operation, {all:.2} with those of clients"))
}

/// What is particular to the workload.
fn about(workload: &str, results: &Judgement) -> Vec<(&'static str, Option<String>)> {
    let of = |name: &str| number(results, &["workload", name]);
    let whole = |name: &str| of(name).map(|number| grouped(number as u64));
    match workload {
        "broadcast" | "g-set" => {
            let latency = |share| number(results, &["workload", "stable-latencies", share]);
            let seen = latency("0.5").zip(latency("1")).map(|(median, greatest)| {
                let [median, greatest] = [median, greatest].map(milliseconds);
                format!("{median} after they were known, in the median; at most {greatest}")
            });
            let kept = whole("stable-count").zip(whole("attempt-count")).map(|(stable, all)| {
                let lost = whole("lost-count").unwrap_or_default();
                let verb = if lost == "1" { "is" } else { "are" };
                format!("{stable} of {all} are there to the end, {lost} {verb} lost")
            });
            vec![("seen by all", seen), ("elements", kept)]
        }
        "unique-ids" => {
            let ids = whole("acknowledged-count").zip(whole("duplicated-count"));
            vec![("ids", ids.map(|(ids, twice)| format!("{ids}, {twice} given out again")))]
        }
        "g-counter" | "pn-counter" => {
            let list = |name: &str| entry(results, &["workload", name]).and_then(Edn::as_slice);
            let reads = list("final-reads").map(|reads| match list("acceptable") {
                Some(sums) => format!("{}; {} was added", listed(reads), sums_in_words(sums)),
                None => listed(reads),
            });
            vec![("final reads", reads)]
        }
        "kafka" => {
            let lag = number(results, &["workload", "worst-realtime-lag", "lag"]);
            let lag = lag.map(|lag| format!("a reader was {} behind", duration_ms(lag * 1000.0)));
            vec![("at worst", lag)]
        }
        "lin-kv" => {
            let keys = match entry(results, &["workload", "results"]) {
                Some(Edn::Map(keys)) => Some(keys.len()),
                _ => None,
            };
            let bad = entry(results, &["workload", "failures"]).and_then(Edn::as_slice);
            let keys = keys.zip(bad).map(|(keys, bad)| {
                format!("{}, {} of them not linearizable", count(keys, "key"), bad.len())
            });
            vec![("objects", keys)]
        }
        name if name.starts_with("txn-") => {
            let names = |name: &str| entry(results, &["workload", name]).map(named);
            let names = |name: &str| names(name).filter(|names| !names.is_empty());
            let kinds = names("anomaly-types").unwrap_or_else(|| "none".into());
            let not = names("not");
            let not = not.map(|not| format!(", so it is not {not}")).unwrap_or_default();
            vec![("anomalies", Some(shorten(&format!("{kinds}{not}"), 2 * VALUE_CHARACTERS)))]
        }
        _ => Vec::new(),
    }
}

/// Some values: `31, 38, 39`.
fn listed(values: &[Edn]) -> String {
    let mut words: Vec<String> =
        values.iter().take(VALUES).map(|value| shortened(value, VALUE_CHARACTERS)).collect();
    if values.len() > VALUES {
        words.push(format!("{} more", values.len() - VALUES));
    }
    words.join(", ")
}

/// Ranges of sums: `129 or 131 to 140`.
fn sums_in_words(ranges: &[Edn]) -> String {
    let range = |range: &Edn| match range.as_slice() {
        Some([low, high]) if low == high => low.to_string(),
        Some([low, high]) => format!("{low} to {high}"),
        _ => range.to_string(),
    };
    let mut words: Vec<String> = ranges.iter().take(VALUES).map(range).collect();
    if ranges.len() > VALUES {
        words.push("more".into());
    }
    words.join(" or ")
}

/// The names in a collection of keywords: `G0, G1a`.
fn named(names: &Edn) -> String {
    let items = match names {
        Edn::Set(items) | Edn::List(items) | Edn::Vector(items) => &items[..],
        _ => &[],
    };
    let names: Vec<&str> = items.iter().filter_map(Edn::as_keyword).collect();
    names.join(", ")
}

/// A latency that is known in whole milliseconds.
fn milliseconds(milliseconds: f64) -> String {
    if milliseconds < 1000.0 { format!("{milliseconds} ms") } else { duration_ms(milliseconds) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edn::read_one;
    use crate::history::History;

    fn part(text: &str) -> Judgement {
        let Ok(Edn::Map(results)) = read_one(text) else { panic!("{text} is no map") };
        Judgement { results, ..Judgement::new(Validity::True, []) }
    }

    /// Each workload has three to five figures, and what is not in the results is in none.
    #[test]
    fn each_workload_has_its_figures() {
        let history = History::parse(
            "{:process 0, :type :invoke, :f :x, :time 0}
             {:process 0, :type :ok, :f :x, :time 2000000}
             {:process 0, :type :invoke, :f :x, :time 3000000}
             {:process 0, :type :fail, :f :x, :time 4000000, :error [:precondition-failed \"\"]}",
        );
        let activity = Activity::of(&history.unwrap());
        let net = "{:all {:msgs-per-op 8.5}, :servers {:msgs-per-op 4.25}}";
        for (workload, text, words) in [
            ("echo", "{}", "100% of 2 operations did what they should; 1 of them were told"),
            (
                "broadcast",
                "{:attempt-count 9, :stable-count 8, :lost-count 1, \
                 :stable-latencies {0 0, 0.5 31, 0.95 40, 1 5291}}",
                "31 ms after they were known, in the median; at most 5.29 s",
            ),
            ("unique-ids", "{:acknowledged-count 1200, :duplicated-count 3}", "1,200, 3 given out"),
            (
                "g-counter",
                "{:final-reads (31 38), :acceptable [[108 108]]}",
                "31, 38; 108 was added",
            ),
            ("kafka", "{:worst-realtime-lag {:time 1.0, :lag 0.25}}", "was 250 ms behind"),
            ("lin-kv", "{:results {0 {}, 1 {}}, :failures [1]}", "2 keys, 1 of them not"),
            (
                "txn-list-append",
                "{:anomaly-types (:G0), :not #{:read-committed}}",
                "G0, so it is not read-committed",
            ),
        ] {
            let results = Judgement::of_parts([("net", part(net)), ("workload", part(text))]);
            let figures = super::figures(workload, &results, &activity);
            assert!((3..=5).contains(&figures.len()), "{workload}: {figures:?}");
            let found = figures.iter().any(|figure| figure.value.contains(words));
            assert!(found, "{workload}: {figures:?}");
            let nothing = super::figures(workload, &part("{}"), &activity);
            assert!(nothing.len() <= 3, "{workload}: {nothing:?}");
        }
    }
}
