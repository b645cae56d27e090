//! Two runs side by side: verdicts, messages per operation, latencies, and their plots.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use maud::{Markup, html};

use super::files::{open_regular, resolve_run};
use super::pages::{self, encode};
use super::runs::{Library, Run};
use super::table::{class, share, verdict};
use crate::history::{History, OpType};
use crate::report::duration_ms;

/// Histories beyond this size are not read for a page.
const LIMIT_BYTES: u64 = 256 << 20;

const QUANTILES: [(f64, &str); 4] =
    [(0.5, "median"), (0.95, "95%"), (0.99, "99%"), (1.0, "slowest")];

/// A line of the comparison: its name, and the value of each run as text and as a number.
type Line = (String, Vec<Option<(String, f64)>>);

/// The page for these runs, of which the first two are compared.
pub fn page(library: &Library, names: &[String]) -> Markup {
    let mut runs = Vec::new();
    for name in names.iter().take(2) {
        let known = resolve_run(library.store(), name);
        match (name.split_once('/'), known) {
            (Some((workload, run)), Some(folder)) => {
                runs.push((library.run(workload, run), latencies(&folder)));
            }
            _ => return pages::problem(&format!("There is no run {name} in this store.")),
        }
    }
    if runs.len() < 2 {
        return pages::problem("Tick two runs in the table to compare them.");
    }
    let content = html! {
        h1 { a href="/" { "runs" } " / compare" }
        div.table { (table(&runs)) }
        @for file in ["latency-raw.png", "latency-quantiles.png", "rate.png"] {
            div.pair {
                @for (run, _) in &runs {
                    @let path = format!("/files/{}/{file}", encode(&run.path()));
                    @if run.files.iter().any(|found| found == file) {
                        a href=(path) { img loading="lazy" alt={ (file) " of " (run.path()) } src=(path); }
                    } @else { p.quiet { "no " (file) } }
                }
            }
        }
    };
    pages::page("Compare", &content)
}

/// By function, the latencies of operations that succeeded, in milliseconds, sorted.
type Latencies = Result<BTreeMap<String, Vec<f64>>, String>;

fn latencies(folder: &Path) -> Latencies {
    let path = folder.join("history.edn");
    let failed = |error: io::Error| format!("history.edn: {error}");
    let file = open_regular(folder, &path).map_err(failed)?;
    let mut text = String::new();
    // One byte more than the limit shows that there are more.
    let length = file.take(LIMIT_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if length as u64 > LIMIT_BYTES {
        return Err(format!(
            "the history is too large to read here: over {} MB",
            LIMIT_BYTES >> 20
        ));
    }
    let history = History::parse(&text).map_err(|error| format!("history.edn: {error}"))?;
    let mut latencies: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for pair in history.pairs()? {
        if let (OpType::Ok, Some(end)) = (pair.outcome(), pair.complete) {
            let latency_ms = end.time.saturating_sub(pair.invoke.time).max(0) as f64 / 1e6;
            latencies.entry(pair.invoke.f.to_string()).or_default().push(latency_ms);
        }
    }
    latencies.values_mut().for_each(|sample| sample.sort_unstable_by(f64::total_cmp));
    Ok(latencies)
}

fn table(runs: &[(Run, Latencies)]) -> Markup {
    html! {
        table {
            thead { tr {
                th { "" }
                @for (run, _) in runs {
                    th.number { a href={ "/files/" (encode(&run.path())) "/" } { (run.path()) } }
                }
                th.number { "second / first" }
            } }
            tbody {
                tr { td { "verdict" } @for (run, _) in runs {
                    td.number.(class(&run.status)) { (verdict(&run.status)) }
                } td {} }
                @for (name, values) in lines(runs) {
                    tr {
                        td { (name) }
                        @for value in &values {
                            td.number { @if let Some((text, _)) = value { (text) } @else { "–" } }
                        }
                        td.number { (ratio(&values)) }
                    }
                }
                @for (run, latencies) in runs { @if let Err(reason) = latencies {
                    tr { td colspan="4" { (run.path()) ": " (reason) } }
                } }
            }
        }
    }
}

fn ratio(values: &[Option<(String, f64)>]) -> String {
    match values {
        [Some((_, first)), Some((_, second))] if *first > 0.0 => format!("{:.2}", second / first),
        _ => "–".into(),
    }
}

fn lines(runs: &[(Run, Latencies)]) -> Vec<Line> {
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
    let mut functions: Vec<&String> = runs
        .iter()
        .filter_map(|(_, latencies)| latencies.as_ref().ok())
        .flat_map(BTreeMap::keys)
        .collect();
    functions.sort_unstable();
    functions.dedup();
    for function in functions {
        for (quantile, name) in QUANTILES {
            let value = |latencies: &Latencies| {
                let sample = latencies.as_ref().ok()?.get(function)?;
                let place = (sample.len() as f64 * quantile) as usize;
                let latency_ms = *sample.get(place.min(sample.len().checked_sub(1)?))?;
                Some((duration_ms(latency_ms), latency_ms))
            };
            let values = runs.iter().map(|(_, latencies)| value(latencies)).collect();
            lines.push((format!("{function}, {name}"), values));
        }
    }
    lines
}
