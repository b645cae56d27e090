//! A sweep on one page, in the style of a run's. It needs neither network nor program.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::coverage::{Coverage, Fates};
use super::merge::{Case, FailureKind, Merged};
use super::seed::is_undecided;
use super::text::headline;
use crate::report::{STYLE, count, duration_ms, grouped};

/// Besides the style of a run's page: numbers stand below one another, and on a narrow screen a
/// table is moved, not folded.
const TABLES: &str = ".counts { border-collapse: collapse; font-size: 13px; margin: 6px 0; } \
    .counts th { text-align: left; font-weight: normal; color: var(--quiet); } \
    .counts td, .counts th { padding: 2px 16px 2px 0; vertical-align: top; } \
    .counts td { border-top: 1px solid var(--line); } \
    .counts td.number, .counts th.number { text-align: right; \
    font-variant-numeric: tabular-nums; } .never { color: var(--info); } \
    h2 { font-size: 16px; margin: 18px 0 4px; } h3 { font-size: 14px; margin: 12px 0 2px; }";

/// The page.
pub fn page(merged: &Merged) -> String {
    let class = match (merged.failed(), merged.is_whole()) {
        (0, true) => "valid",
        (0, false) => "unknown",
        _ => "invalid",
    };
    let version = merged.cases.first().map_or("", |case| &case.plan.version);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (headline(merged)) }
                style { (PreEscaped(STYLE)) (PreEscaped(TABLES)) }
            }
            body {
                header {
                    p.crumb { "sweep, version " (version) }
                    h1.(class) { (headline(merged)) }
                    p.files {
                        a href="merged.json" { "results" } " " a href="report.txt" { "text" }
                    }
                }
                main {
                    @for note in &merged.notes { p.unknown { (note) } }
                    (cases(merged))
                    @for case in &merged.cases { (of_case(case)) }
                }
            }
        }
    };
    page.into_string()
}

fn cases(merged: &Merged) -> Markup {
    let common = common(&merged.cases);
    html! {
        @if !common.is_empty() { p { "Settings of all: " code { (words(&common)) } } }
        div.scroll { table.counts {
            thead { tr {
                th { "case" } th.number { "seeds" } th.number { "of" } th.number { "failed" }
                th.number { "unknown" } th.number { "run twice" }
                th.number { "seeds a second, on a core" } th { "settings of its own" }
            } }
            tbody {
                @for case in &merged.cases {
                    tr {
                        td { a href={ "#" (case.plan.case) } { (case.plan.case) } }
                        td.number { (grouped(case.tally.seeds)) }
                        td.number { (grouped(case.plan.seeds.count())) }
                        td.number { (grouped(case.tally.failed())) }
                        td.number { (grouped(case.tally.undecided())) }
                        td.number { (grouped(case.tally.compared)) }
                        td.number { (format!("{:.0}", case.seeds_per_core_sec())) }
                        td { (words(&own(case, &common))) }
                    }
                }
            }
        } }
    }
}

/// A flag and its value.
type Setting<'a> = (&'a String, &'a String);

/// The settings that all cases have, where there is more than one.
fn common(cases: &[Case]) -> Vec<Setting<'_>> {
    let [first, others @ ..] = cases else { return Vec::new() };
    let everywhere = |(flag, value): &Setting<'_>| {
        !others.is_empty() && others.iter().all(|it| it.plan.settings.get(*flag) == Some(*value))
    };
    first.plan.settings.iter().filter(everywhere).collect()
}

fn own<'a>(case: &'a Case, common: &[Setting<'_>]) -> Vec<Setting<'a>> {
    case.plan.settings.iter().filter(|setting| !common.contains(setting)).collect()
}

fn words(settings: &[Setting<'_>]) -> String {
    let words = settings.iter().map(|(flag, value)| format!("{flag} {value}"));
    words.collect::<Vec<_>>().join(" ")
}

fn of_case(case: &Case) -> Markup {
    let (never, coverage) = (case.never(), &case.tally.coverage);
    html! {
        section id=(case.plan.case) aria-label=(case.plan.case) {
            h2 { (case.plan.case) }
            p.quiet {
                "program " (case.plan.program) ", build " (case.plan.digest) ", workload "
                (case.plan.workload) ", seeds " (case.plan.seeds)
            }
            @for seeds in &case.missing { p.unknown { "Seeds " (seeds) " have not been run." } }
            @for kind in case.kinds() { (of_kind(case, &kind)) }
            @if !never.is_empty() {
                h3 { "Never exercised" }
                ul.never { @for sentence in &never { li { (sentence) } } }
            }
            (messages(coverage))
            (faults(coverage))
            h3 { "Slowest seeds" }
            p {
                @for (place, (seed, micros)) in case.tally.times.slowest.iter().enumerate() {
                    @if place > 0 { ", " }
                    (seed) " (" (duration_ms(*micros as f64 / 1e3)) ")"
                }
            }
        }
    }
}

fn of_kind(case: &Case, kind: &FailureKind) -> Markup {
    html! {
        h3.(if is_undecided(kind.kind) { "unknown" } else { "invalid" }) {
            (kind.kind) ", in " (count(kind.count as usize, "seed"))
        }
        pre { "seed " (kind.first.seed) ": " (kind.first.sentence) }
        p { code.command { (case.plan.command(kind.first.seed)) } }
        p {
            @if let Some(tape) = &kind.first.tape { a href=(tape) { "tape" } " " }
            @if !kind.others.is_empty() {
                span.quiet { "also seeds " @for seed in &kind.others { (seed) " " } }
            }
        }
    }
}

fn messages(coverage: &Coverage) -> Markup {
    html! {
        @if !coverage.messages.is_empty() {
            h3 { "What became of messages between servers" }
            div.scroll { table.counts {
                thead { tr {
                    th { "type" }
                    @for (name, _) in columns(&Fates::default()) { th.number { (name) } }
                } }
                tbody {
                    @for (kind, fates) in &coverage.messages {
                        tr {
                            td { code { (kind) } }
                            @for (_, count) in columns(fates) { td.number { (grouped(count)) } }
                        }
                    }
                }
            } }
        }
    }
}

fn columns(fates: &Fates) -> [(&'static str, u64); 8] {
    [
        ("sent", fates.sent),
        ("arrived", fates.arrived),
        ("lost", fates.lost),
        ("cut off", fates.cut),
        ("doubled", fates.doubled),
        ("late", fates.late),
        ("in flight during a crash", fates.crossed_crash),
        ("receiver down", fates.unheard),
    ]
}

fn faults(coverage: &Coverage) -> Markup {
    html! {
        div.scroll { table.counts {
            thead { tr { th { "fault" } th.number { "struck" } th.number { "in seeds" } } }
            tbody { @for (fault, strikes) in &coverage.faults {
                tr {
                    td { (fault) } td.number { (grouped(strikes.strikes)) }
                    td.number { (grouped(strikes.seeds)) }
                }
            } }
        } }
        div.scroll { table.counts {
            thead { tr {
                th { "operation" } th.number { "ok" } th.number { "failed" }
                th.number { "nobody knows" }
            } }
            tbody { @for (f, ends) in &coverage.operations {
                tr {
                    td { (f) } td.number { (grouped(ends.ok)) } td.number { (grouped(ends.fail)) }
                    td.number { (grouped(ends.info)) }
                }
            } }
        } }
    }
}
