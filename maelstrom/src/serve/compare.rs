//! Runs side by side: what differs in what ran, then the figures, then the plots, one over the
//! other on the same axes, and a column of each run's own.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::files::resolve_run;
use super::overlay::{Overlay, key};
use super::pages::{self, encode};
use super::runs::{Library, Run};
use super::samples::{self, Samples};
use super::table::{class, share, verdict};
use crate::ran::Ran;
use crate::report::duration_ms;

/// So many runs are compared at most.
const RUNS: usize = 6;

/// Into so many windows of time a run is divided for its plots.
const WINDOWS: usize = 60;

const QUANTILES: [(f64, &str); 4] =
    [(0.5, "median"), (0.95, "95%"), (0.99, "99%"), (1.0, "slowest")];

/// A line of the comparison: its name, and the value of each run as text and as a number.
type Line = (String, Vec<Option<(String, f64)>>);

/// The page for these runs.
pub fn page(library: &Library, names: &[String]) -> Markup {
    let mut runs = Vec::new();
    for name in names.iter().take(RUNS) {
        let known = resolve_run(library.store(), name);
        match (name.split_once('/'), known) {
            (Some((workload, run)), Some(folder)) => {
                runs.push((library.run(workload, run), samples::of(&folder)));
            }
            _ => return pages::problem(&format!("There is no run {name} in this store.")),
        }
    }
    if runs.len() < 2 {
        return pages::problem("Tick two runs or more in the table to compare them.");
    }
    let content = html! {
        h1 { a href="/" { "runs" } " / compare" }
        (what_differs(&runs))
        h2 { "Figures" }
        div.table { (table(&runs)) }
        h2 { "In one plot" }
        (overlays(&runs))
        h2 { "Each by itself" }
        @for file in ["latency-raw.png", "latency-quantiles.png", "rate.png"] {
            div.pair {
                @for (run, _) in &runs {
                    @let path = format!("/files/{}/{file}", encode(&run.path()));
                    @if run.files.iter().any(|found| found == file) {
                        a href=(path) {
                            img loading="lazy" alt={ (file) " of " (run.path()) } src=(path);
                        }
                    } @else { p.quiet { "no " (file) } }
                }
            }
        }
    };
    pages::page("Compare", &content)
}

/// What ran: first what is not the same in all, then, in small, what is.
fn what_differs(runs: &[(Run, Samples)]) -> Markup {
    let nothing = Ran::default();
    let all: Vec<&Ran> = runs.iter().map(|(run, _)| run.ran.as_ref().unwrap_or(&nothing)).collect();
    let mut rows: Vec<(String, Vec<String>)> = vec![
        ("workload".into(), runs.iter().map(|(run, _)| run.workload.clone()).collect()),
        ("program".into(), all.iter().map(|ran| ran.program.clone()).collect()),
        ("arguments".into(), all.iter().map(|ran| ran.arguments.join(" ")).collect()),
    ];
    let mut flags: Vec<&String> =
        all.iter().flat_map(|ran| &ran.flags).map(|(flag, _)| flag).collect();
    flags.sort_unstable();
    flags.dedup();
    for flag in flags {
        let value = |ran: &&Ran| {
            let found = ran.flags.iter().find(|(known, _)| known == flag);
            match found {
                None => "default".to_owned(),
                Some((_, value)) if value.is_empty() => "yes".to_owned(),
                Some((_, value)) => value.clone(),
            }
        };
        rows.push((flag.clone(), all.iter().map(value).collect()));
    }
    let seed = |ran: &&Ran| ran.seed.map_or("real time".to_owned(), |seed| seed.to_string());
    rows.push(("seed".into(), all.iter().map(seed).collect()));
    rows.push(("version".into(), all.iter().map(|ran| ran.version.clone()).collect()));
    let is_same = |(_, values): &(String, Vec<String>)| values.iter().all(|v| *v == values[0]);
    let (same, differing): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_same);
    let same: Vec<String> = same
        .into_iter()
        .filter(|(_, values)| !values[0].is_empty())
        .map(|(name, mut values)| format!("{name} {}", values.swap_remove(0)))
        .collect();
    html! {
        h2 { "What differs" }
        div.table { table.compare {
            thead { (heads(runs)) }
            tbody {
                @for (name, values) in &differing {
                    tr { td { (name) } @for value in values {
                        td { @if value.is_empty() { "–" } @else { code { (value) } } }
                    } }
                }
                @if differing.is_empty() {
                    tr { td colspan=(runs.len() + 1) { "nothing: the same was run" } }
                }
                tr { td { "verdict" } @for (run, _) in runs {
                    td.(class(&run.status)) { (verdict(&run.status)) }
                } }
            }
        } }
        @if !same.is_empty() { p.same { "The same in all: " (same.join(", ")) } }
    }
}

fn heads(runs: &[(Run, Samples)]) -> Markup {
    html! {
        tr {
            th { "" }
            @for (number, (run, _)) in runs.iter().enumerate() {
                th {
                    (key(number))
                    a href={ "/files/" (encode(&run.path())) "/index.html" } { (run.title()) }
                    br; span.quiet { (run.path()) }
                }
            }
        }
    }
}

fn table(runs: &[(Run, Samples)]) -> Markup {
    html! {
        table.compare {
            thead { (heads(runs)) }
            tbody {
                @for (name, values) in lines(runs) {
                    tr {
                        td { (name) }
                        @for (number, value) in values.iter().enumerate() {
                            td {
                                @if let Some((text, _)) = value { (text) } @else { "–" }
                                @if number > 0 { " " span.quiet { (ratio(&values[0], value)) } }
                            }
                        }
                    }
                }
                @for (run, samples) in runs { @if let Err(reason) = samples {
                    tr { td colspan=(runs.len() + 1) { (run.path()) ": " (reason) } }
                } }
            }
        }
    }
}

/// How much more it is than in the first run.
fn ratio(first: &Option<(String, f64)>, value: &Option<(String, f64)>) -> String {
    match (first, value) {
        (Some((_, first)), Some((_, value))) if *first > 0.0 => {
            format!("× {:.2}", value / first)
        }
        _ => String::new(),
    }
}

fn lines(runs: &[(Run, Samples)]) -> Vec<Line> {
    let each = |value: &dyn Fn(&Run) -> Option<(String, f64)>| {
        runs.iter().map(|(run, _)| value(run)).collect()
    };
    let mut lines: Vec<Line> = vec![
        ("operations".into(), each(&|run| run.operations().map(|(all, _)| (all.to_string(), all)))),
        (
            "succeeded".into(),
            each(&|run| run.operations().map(|(all, ok)| (share(ok, all), ok / all.max(1.0)))),
        ),
    ];
    for (group, name) in [("all", "messages per operation"), ("servers", "of them between servers")]
    {
        let number = |run: &Run| run.number(&["net", group, "msgs-per-op"]);
        let value = |run: &Run| number(run).map(|number| (format!("{number:.2}"), number));
        lines.push((name.into(), each(&value)));
    }
    for (quantile, name) in
        [("0.5", "seen by all after, median"), ("1", "seen by all after, at most")]
    {
        let number = |run: &Run| run.quantile(&["workload", "stable-latencies"], quantile);
        let value = |run: &Run| number(run).map(|ms| (format!("{ms} ms"), ms));
        let values: Vec<Option<(String, f64)>> = each(&value);
        if values.iter().any(Option::is_some) {
            lines.push((name.into(), values));
        }
    }
    for function in functions(runs) {
        for (quantile, name) in QUANTILES {
            let value = |samples: &Samples| {
                let sample = samples.as_ref().ok()?.get(function)?;
                let place = (sample.len() as f64 * quantile) as usize;
                let (_, latency_ms) = *sample.get(place.min(sample.len().checked_sub(1)?))?;
                Some((duration_ms(latency_ms), latency_ms))
            };
            let values = runs.iter().map(|(_, samples)| value(samples)).collect();
            lines.push((format!("{function}, {name}"), values));
        }
    }
    lines
}

/// The functions of all runs, in order.
fn functions(runs: &[(Run, Samples)]) -> Vec<&String> {
    let known = runs.iter().filter_map(|(_, samples)| samples.as_ref().ok());
    let mut functions: Vec<&String> = known.flat_map(BTreeMap::keys).collect();
    functions.sort_unstable();
    functions.dedup();
    functions
}

/// The latencies of each function as a distribution, and over time; and how much was done a
/// second.
fn overlays(runs: &[(Run, Samples)]) -> Markup {
    let of = |samples: &Samples, function: &str| -> Vec<(f64, f64)> {
        samples.as_ref().ok().and_then(|all| all.get(function)).cloned().unwrap_or_default()
    };
    let all_secs = runs.iter().filter_map(|(_, samples)| samples.as_ref().ok());
    let end_secs = all_secs.flat_map(BTreeMap::values).flatten().map(|point| point.0);
    let window_secs = (end_secs.fold(0.0, f64::max) / WINDOWS as f64).max(0.001);
    let rate = |samples: &Samples| {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        let known = samples.iter().flat_map(BTreeMap::values).flatten();
        known
            .for_each(|(ended, _)| *counts.entry((ended / window_secs) as usize).or_default() += 1);
        let last = counts.keys().next_back().copied().unwrap_or(0);
        let count = |window: usize| counts.get(&window).copied().unwrap_or(0) as f64;
        let point =
            |window: usize| ((window as f64 + 0.5) * window_secs, count(window) / window_secs);
        if counts.is_empty() { Vec::new() } else { (0..=last).map(point).collect() }
    };
    html! {
        div.overlays {
            @for function in functions(runs) {
                (Overlay {
                    title: &format!("{function}: so many percent took no longer"),
                    x_name: "%",
                    is_latency: true,
                    lines: runs.iter().map(|(_, s)| distribution(&of(s, function))).collect(),
                }.draw())
                (Overlay {
                    title: &format!("{function}: median latency over time"),
                    x_name: "seconds",
                    is_latency: true,
                    lines: runs.iter().map(|(_, s)| medians(of(s, function), window_secs)).collect(),
                }.draw())
            }
            (Overlay {
                title: "operations that succeeded, a second",
                x_name: "seconds",
                is_latency: false,
                lines: runs.iter().map(|(_, samples)| rate(samples)).collect(),
            }.draw())
        }
    }
}

/// At each percent, the latency within which so many were done.
fn distribution(sorted: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let Some(last) = sorted.len().checked_sub(1) else { return Vec::new() };
    let at = |percent: usize| sorted[(sorted.len() * percent / 100).min(last)].1;
    (0..=100).map(|percent| (percent as f64, at(percent))).collect()
}

/// The median of each window of time in which something ended.
fn medians(points: Vec<(f64, f64)>, window_secs: f64) -> Vec<(f64, f64)> {
    let mut windows: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (ended_secs, latency_ms) in points {
        windows.entry((ended_secs / window_secs) as usize).or_default().push(latency_ms);
    }
    let median = |(window, mut latencies): (usize, Vec<f64>)| {
        latencies.sort_unstable_by(f64::total_cmp);
        ((window as f64 + 0.5) * window_secs, latencies[latencies.len() / 2])
    };
    windows.into_iter().map(median).collect()
}
