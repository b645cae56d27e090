//! A sweep in words, for a terminal.

use std::fmt::Write;

use super::merge::{Case, Merged};
use super::seed::is_undecided;
use crate::report::{count, duration_ms, grouped};

/// The report: what was run, what failed and how to see it again, and what was not exercised.
pub fn report(merged: &Merged) -> String {
    let mut text = format!("{}\n\n", headline(merged));
    let width = merged.cases.iter().map(|case| case.plan.case.len()).max().unwrap_or(0).max(4);
    writeln!(
        text,
        "{:width$} {:>14} {:>14} {:>10} {:>10} {:>14}",
        "case", "seeds", "of", "failed", "unknown", "seeds/s core"
    )
    .expect("text");
    for case in &merged.cases {
        writeln!(
            text,
            "{:width$} {:>14} {:>14} {:>10} {:>10} {:>14.0}",
            case.plan.case,
            grouped(case.tally.seeds),
            grouped(case.plan.seeds.count()),
            grouped(case.tally.failed()),
            grouped(case.tally.undecided()),
            case.seeds_per_core_sec()
        )
        .expect("text");
    }
    for case in &merged.cases {
        text += &of_case(case);
    }
    if !merged.notes.is_empty() {
        text += "\nNotes\n";
        merged.notes.iter().for_each(|note| text += &format!("  {note}\n"));
    }
    text
}

/// The whole in a sentence.
pub fn headline(merged: &Merged) -> String {
    let (seeds, cases) = (merged.seeds(), merged.cases.len());
    let of = format!("{} seeds of {}", grouped(seeds), count(cases, "case"));
    let mut text = match merged.failed() {
        0 => format!("No failure in {of}"),
        failed => {
            let kinds = merged.cases.iter().flat_map(|case| case.tally.failures.keys());
            let ways = kinds.filter(|kind| !is_undecided(kind)).count();
            format!("{} of {of} failed, in {}", grouped(failed), count(ways, "way"))
        }
    };
    if merged.undecided() > 0 {
        text += &format!("; {} could not be judged", grouped(merged.undecided()));
    }
    let missing: u64 =
        merged.cases.iter().flat_map(|case| &case.missing).map(|it| it.count()).sum();
    if missing > 0 {
        text += &format!("; {} have not been run", grouped(missing));
    }
    text + "."
}

fn of_case(case: &Case) -> String {
    let mut text = String::new();
    for kind in case.kinds() {
        let (name, seed) = (&case.plan.case, kind.first.seed);
        let verdict = if is_undecided(kind.kind) { "UNKNOWN" } else { "FAIL" };
        let seeds = count(kind.count as usize, "seed");
        text += &format!("\n{verdict} {name}  {}, in {seeds}\n", kind.kind);
        text += &format!("  seed {seed}: {}\n", kind.first.sentence.replace('\n', "\n  "));
        text += &format!("  replay:  {}\n", case.plan.command(seed));
        if let Some(tape) = &kind.first.tape {
            text += &format!("  tape:    {tape}\n");
        }
        if !kind.others.is_empty() {
            let others: Vec<String> = kind.others.iter().map(u64::to_string).collect();
            text += &format!("  also:    {}\n", others.join(" "));
        }
    }
    for seeds in &case.missing {
        text += &format!("\n{}: seeds {seeds} have not been run\n", case.plan.case);
    }
    let never = case.never();
    if !never.is_empty() {
        text += &format!("\n{}: never exercised\n", case.plan.case);
        never.iter().for_each(|sentence| text += &format!("  {sentence}\n"));
    }
    if let Some((seed, micros)) = case.tally.times.slowest.first() {
        let time = duration_ms(*micros as f64 / 1e3);
        text += &format!("\n{}: the slowest seed is {seed}, which took {time}\n", case.plan.case);
    }
    text
}
