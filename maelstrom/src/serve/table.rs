//! The table of runs.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::pages::{self, encode};
use super::runs::{Run, Status};
use crate::edn::Edn;
use crate::report::{shorten, words};

const PER_PAGE: usize = 50;

/// The files that the table links to, as they are called there.
const LINKS: [(&str, &str); 8] = [
    ("index.html", "report"),
    ("timeline.html", "timeline"),
    ("messages.svg", "messages"),
    ("latency-raw.png", "latency"),
    ("rate.png", "rate"),
    ("history.txt", "history"),
    ("results.edn", "results"),
    ("jepsen.log", "log"),
];

/// What to show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    workload: String,
    verdict: String,
    page: usize,
}

impl Query {
    /// Reads what the form sent; what makes no sense is as if it were not there.
    pub fn from_pairs(pairs: &[(String, String)]) -> Query {
        let mut query = Query::default();
        for (key, value) in pairs {
            match key.as_str() {
                "workload" => query.workload.clone_from(value),
                "verdict" => query.verdict.clone_from(value),
                "page" => query.page = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        query
    }

    fn admits(&self, run: &Run) -> bool {
        let is_any = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        is_any(&self.workload, &run.workload) && is_any(&self.verdict, class(&run.status))
    }

    fn link(&self, page: usize) -> String {
        let mut text = form_urlencoded::Serializer::new(String::from("/?"));
        text.append_pair("workload", &self.workload).append_pair("verdict", &self.verdict);
        text.append_pair("page", &page.to_string());
        text.finish()
    }
}

/// How a status is called in the filter and in the style sheet.
pub fn class(status: &Status) -> &'static str {
    match status {
        Status::Judged(Edn::Bool(true)) => "valid",
        Status::Judged(Edn::Bool(false)) => "invalid",
        Status::Judged(_) => "unknown",
        Status::Running => "running",
        Status::BrokeOff => "broke-off",
        Status::Damaged(_) => "damaged",
    }
}

/// How a run stands, in a word and with a symbol for whoever does not see the colour.
pub fn verdict(status: &Status) -> Markup {
    let (symbol, word) = match class(status) {
        "valid" => ("✓", "valid"),
        "invalid" => ("✗", "not valid"),
        "running" => ("…", "running"),
        "broke-off" => ("–", "broke off"),
        "damaged" => ("!", "damaged"),
        _ => ("?", "unknown"),
    };
    html! { (symbol) " " (word) }
}

/// The page.
pub fn page(runs: &[Run], query: &Query) -> Markup {
    let found: Vec<&Run> = runs.iter().filter(|run| query.admits(run)).collect();
    let page_count = found.len().div_ceil(PER_PAGE).max(1);
    let page = query.page.min(page_count - 1);
    let shown = found.iter().skip(page * PER_PAGE).take(PER_PAGE);
    let is_running = runs.iter().any(|run| run.status == Status::Running);
    let content = html! {
        h1 { "Runs" }
        (filter(runs, query))
        @if found.is_empty() {
            @if runs.is_empty() {
                p.quiet { "No run is here. " code { "make test-echo" } " makes one." }
            } @else {
                p.quiet { "No run is like that. " a href="/" { "All runs" } }
            }
        } @else {
            form action="/compare" {
                div.table { table.runs {
                    thead { tr {
                        th { "" } th { "workload" } th { "what ran" } th { "began" }
                        th { "verdict" }
                        th.number { "operations" }
                        th.number title="a compare-and-set that does not match is not among them" {
                            "succeeded"
                        }
                        th.number { "messages/op" } th { "look at" }
                    } }
                    tbody { @for run in shown { (row(run)) } }
                } }
                p { button { "compare those that are ticked" } }
            }
            @if page_count > 1 {
                p.pages {
                    @for number in 0..page_count {
                        @if number == page { strong { (number + 1) } }
                        @else { a href=(query.link(number)) { (number + 1) } }
                    }
                }
            }
        }
        p { a href="/files/" { "All files" } }
    };
    pages::refreshing("Runs", &content, is_running)
}

fn filter(runs: &[Run], query: &Query) -> Markup {
    let workloads: BTreeSet<&str> = runs.iter().map(|run| run.workload.as_str()).collect();
    html! {
        form.filter {
            label { "workload " select name="workload" {
                option value="" { "all" }
                @for workload in workloads {
                    option value=(workload) selected[query.workload == workload] { (workload) }
                }
            } }
            label { "verdict " select name="verdict" {
                option value="" { "all" }
                @for verdict in ["valid", "invalid", "unknown", "running", "broke-off", "damaged"] {
                    option value=(verdict) selected[query.verdict == verdict] { (verdict) }
                }
            } }
            button { "show" }
        }
    }
}

fn row(run: &Run) -> Markup {
    let base = format!("/files/{}/", encode(&run.path()));
    let time = run.began.to_zoned(TimeZone::system());
    html! {
        tr.(class(&run.status)) {
            td.tick { input type="checkbox" name="run" value=(run.path())
                aria-label={ "compare " (run.path()) }; }
            td.workload { a href={ "/?workload=" (encode(&run.workload)) } { (run.workload) } }
            td.ran { (what_ran(run)) }
            td.began { a href=(base) { (time.strftime("%Y-%m-%d %H:%M:%S")) } }
            td.verdict { (verdict(&run.status)) }
            td.number data-name="operations" {
                @if let Some((all, _)) = run.operations() { (all) }
            }
            td.number data-name="succeeded" {
                @if let Some((all, ok)) = run.operations() { (share(ok, all)) }
            }
            td.number data-name="messages/op" {
                @if let Some(number) = run.number(&["net", "all", "msgs-per-op"]) {
                    (format!("{number:.1}"))
                }
            }
            td {
                @if let Status::Damaged(reason) = &run.status {
                    span.quiet { (shorten(reason, 120)) } br;
                }
                @for (file, name) in LINKS {
                    @if run.files.iter().any(|found| found == file) {
                        a href={ (base) (file) } { (name) } " "
                    }
                }
                a href={ "/zip/" (encode(&run.path())) } { "zip" }
            }
        }
    }
}

/// The program, its arguments, and in small the flags and the seed.
fn what_ran(run: &Run) -> Markup {
    let Some(ran) = &run.ran else { return html! { span.quiet { (run.name) } } };
    let program = run.title();
    let (flags, version) = (ran.flags_line(), &ran.version);
    html! {
        strong title={ (ran.program) ", version " (version) } { (program) }
        @if let Some(seed) = ran.seed { " " span.seed { "seed " (seed) } }
        @if !flags.is_empty() { br; span.flags title=(ran.again) { (words(&flags)) } }
    }
}

/// A share in percent, never rounded up to all.
pub fn share(part: f64, whole: f64) -> String {
    if whole == 0.0 {
        return "–".into();
    }
    if part == whole {
        return "100%".into();
    }
    format!("{:.1}%", (part / whole * 1000.0).floor() / 10.0)
}
