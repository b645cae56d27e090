//! The program of a bug: a node for any bench, or what shows the bug.

#![expect(clippy::disallowed_methods, reason = "it reads its arguments, and measures itself")]

use std::process::ExitCode;
use std::time::Instant;

use gyre::{Ctx, Node};
use maelstrom::history::{Op, OpType};
use maelstrom::shrink::Shrunk;
use maelstrom::simulation::{Check, Failure, Smallest};

use crate::exhibit::{Exhibit, mended};
use crate::liveness::Beside;
use crate::recorded::{RecordedRun, SEARCHED, Until, written_by_hand};

/// How many seeds are shrunk of each bug.
const SHRUNK_SEEDS: usize = 3;

/// How much of a tape is shown.
const SHOWN_CHARACTERS: usize = 3_000;

/// On so many seeds a bug that somebody has mended must not show.
const JUDGED_SEEDS: u64 = 50;

/// What the program does instead of being a node.
const VERBS: [&str; 5] = ["--show", "--seed", "--shrink", "--to-mend", "--judge"];

/// The program of a bug: a node, as any bench runs it.
///
/// - `--show` shows the bug instead: what it is, and the smallest run, with its page in the store.
/// - `--seed 7` runs that seed inside the bench, and says how it ends. Without a number it looks
///   for the first seed that fails.
/// - `--shrink` finds the first seeds that fail by the bug's kind of anomaly, makes each as small as
///   it can, and prints a row of `book/shrunk-bugs.md` for each; with `--tape` behind that, on
///   stderr, their tapes, too.
/// - `--to-mend` prints the file with the bug, without the right lines.
/// - `--judge` says whether the bug is mended; `--judge --solution` judges the right lines.
pub fn run<N: Node>(
    name: &str,
    check: fn() -> Check,
    make: impl FnOnce(&Ctx) -> N + 'static,
) -> ExitCode {
    let asked = std::env::args().nth(1).unwrap_or_default();
    if !VERBS.contains(&asked.as_str()) {
        return gyre::run(make);
    }
    let exhibit = match Exhibit::read(name) {
        Ok(exhibit) => exhibit,
        Err(sentence) => return fail(&sentence),
    };
    let check = check().run_by(&[&format!("target/release/{name}")]);
    let further = std::env::args().nth(2);
    let done = match asked.as_str() {
        "--show" => show(&exhibit, &check),
        "--seed" => say_how_it_ends(&check, further.as_deref()),
        "--to-mend" => exhibit.to_mend().map(|text| print(text.trim_end())),
        "--judge" if further.as_deref() == Some("--solution") => mended(|| judge(name, &check)),
        "--judge" => judge(name, &check),
        _ => shrink(&exhibit, &check),
    };
    done.map_or_else(|sentence| fail(&sentence), |()| ExitCode::SUCCESS)
}

fn fail(sentence: &str) -> ExitCode {
    eprintln!("{sentence}");
    ExitCode::FAILURE
}

#[expect(clippy::print_stdout, reason = "it prints what it was asked for")]
fn print(text: &str) {
    println!("{text}");
}

/// Says what the bug is, and shows the smallest run of it.
fn show(exhibit: &Exhibit, check: &Check) -> Result<(), String> {
    let Exhibit { name, words, from, found_in, review, .. } = exhibit;
    print(&format!("{words}\n"));
    let (run, Smallest { page, command, .. }) = crate::shown(exhibit, check)?;
    let (left, before) = (run.facts.left, run.facts.before);
    for (label, fact) in [("from:    ", from), ("found in:", found_in)] {
        fact.iter().for_each(|fact| print(&format!("  {label} {fact}")));
    }
    print(&format!(
        "  review:   {review}\n\n{}\n  \
         smallest: {left}, and before {before}\n  fails by: {}\n  page:     {}\n  \
         repeat:   {command}\n  mend it:  make bug-{name} MEND=1",
        exhibit.difference()?,
        run.fails_by(),
        page.display(),
    ));
    Ok(())
}

/// Runs one seed, or looks for the first that fails, and says how it ends.
fn say_how_it_ends(check: &Check, seed: Option<&str>) -> Result<(), String> {
    // What an assertion says is said once, below.
    std::panic::set_hook(Box::new(|_| {}));
    let failure = match seed.map(str::parse) {
        Some(Ok(seed)) => check.fails(seed),
        Some(Err(_)) => return Err("--seed wants a number behind it, or nothing".into()),
        None => check.first_anomaly(SEARCHED),
    };
    match failure {
        Some(failure) => print(&format!("seed {}: {}", failure.seed, failure.sentence)),
        None => print("Nothing is wrong."),
    }
    Ok(())
}

/// Whether the node of this program has the bug no more.
fn judge(name: &str, check: &Check) -> Result<(), String> {
    std::panic::set_hook(Box::new(|_| {}));
    let run = RecordedRun::read(name)?;
    if run.fails_in(&run.replay(check)) {
        return Err(format!(
            "The bug is still there: its smallest run fails by {}. `make bug-{name}` shows it.",
            run.fails_by()
        ));
    }
    let (mut begun, mut succeeded) = (0, 0);
    for seed in 0..JUDGED_SEEDS {
        let (more_begun, more_succeeded) = operations_of(check, seed).map_err(|sentence| {
            format!(
                "The recorded run does not fail any more, but the run of seed {seed} does: \
                 {sentence}"
            )
        })?;
        begun += more_begun;
        succeeded += more_succeeded;
    }
    // A node that refuses nearly everything does nothing wrong, and is not mended.
    if succeeded < begun / 10 {
        return Err(format!(
            "The recorded run does not fail any more, but in those of {JUDGED_SEEDS} seeds only \
             {succeeded} of {begun} operations succeed"
        ));
    }
    print(&format!(
        "Mended: neither the recorded run nor any of {JUDGED_SEEDS} seeds fails. \
         `git diff --no-index bugs/src/bin/{name}.rs bugs/examples/{name}.rs` compares it."
    ));
    Ok(())
}

/// How many operations the run of this seed begins, and how many succeed. That of some kind none
/// does is no failure, for some nodes do not support all.
///
/// # Errors
/// A sentence, when the run shows that the node is not right.
fn operations_of(check: &Check, seed: u64) -> Result<(usize, usize), String> {
    if let Some(failure) = check.fails(seed).filter(Failure::is_anomaly) {
        return Err(failure.sentence);
    }
    let (outcome, _) = check.run(seed);
    let count = |kind| {
        let is_one = |op: &&Op| op.is_client() && op.kind == kind;
        outcome.history.ops.iter().filter(is_one).count()
    };
    let counts = (count(OpType::Invoke), count(OpType::Ok));
    outcome.failure.map_or(Ok(counts), Err)
}

/// Makes the first seeds that fail small, or the tape written by hand, and prints a row for each.
fn shrink(exhibit: &Exhibit, check: &Check) -> Result<(), String> {
    let anomaly = Some(exhibit.anomaly.as_str());
    let bench = Beside::of(check, anomaly);
    let started_at = Instant::now();
    if let Some(tape) = written_by_hand(&exhibit.name)? {
        let shrunk = check.shrink_tape_on(&bench, tape, anomaly, &Until::in_a_minute())?;
        print(&row(&exhibit.name, "by hand", check, shrunk, started_at));
        return Ok(());
    }
    let seeds = check.seeds_that_fail_on(&bench, anomaly, SEARCHED, SHRUNK_SEEDS);
    if seeds.len() < SHRUNK_SEEDS {
        eprintln!("{}: of the seeds {SEARCHED:?} only {seeds:?} fail", exhibit.name);
    }
    let mut is_whole = !seeds.is_empty();
    for seed in seeds {
        let started_at = Instant::now();
        match check.shrink_on(&bench, seed, anomaly, &Until::in_a_minute()) {
            Ok(shrunk) => print(&row(&exhibit.name, &seed.to_string(), check, shrunk, started_at)),
            Err(sentence) => {
                eprintln!("seed {seed}: {sentence}");
                is_whole = false;
            }
        }
    }
    if is_whole { Ok(()) } else { Err("not every seed was made small".into()) }
}

/// A run made small since `started_at`, as a row of the table.
fn row(bug: &str, made_from: &str, check: &Check, shrunk: Shrunk, started_at: Instant) -> String {
    let seconds = started_at.elapsed().as_secs_f64();
    let Shrunk { kind, before, left, case, .. } = &shrunk;
    if std::env::args().nth(2).as_deref() == Some("--tape") {
        let tape = case.tape.to_text();
        eprintln!("{}", tape.chars().take(SHOWN_CHARACTERS).collect::<String>());
    }
    let shown = check.messages_shown(&shrunk);
    let seen_by = if kind.part == "run" { "an invariant" } else { "clients" };
    format!(
        "| {bug} | {made_from} | {kind} | {seen_by} | {} | {} | {} | {} | {} | {} | {} | {} | {} | \
         {seconds:.1} |",
        before.operations,
        left.operations,
        left.clients,
        left.nodes,
        left.faults,
        left.lost + left.moved,
        before.messages,
        left.messages,
        shown,
    )
}
