//! The program of a bug: a node for any bench, or what shows the bug.

#![expect(clippy::disallowed_methods, reason = "it reads its arguments, and measures itself")]

use std::ops::Range;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use gyre::{Ctx, Node};
use maelstrom::shrink::{Shrunk, Watch};
use maelstrom::simulation::Check;

/// The argument that makes the program of a bug show it: `make shrunk-bugs`.
const SHRINK: &str = "--shrink";

/// The argument that makes it show the first of them, with its page: `make bug-…`.
const SHOW: &str = "--show";

/// The argument that makes it say how one run ends: `--seed 7`. Without a number it looks for the
/// first seed that fails.
const SEED: &str = "--seed";

/// How many seeds are shrunk of each bug.
const SHRUNK_SEEDS: usize = 3;

/// The seeds among which they are found.
const SEARCHED: Range<u64> = 0..2_000;

/// How long a search for a smaller run may take.
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// How much of a tape is shown.
const SHOWN_CHARACTERS: usize = 3_000;

/// The program of a bug: a node, as any bench runs it.
///
/// With `--show` it shows the bug instead: a small run, with its page in the store. With `--seed 7`
/// it runs that seed inside the bench, where invariants are checked, and says how it ends. With
/// `--shrink`
/// it finds the first seeds that fail by this kind of anomaly (or, without one, in any way), makes
/// each as small as it can, and prints a row of `book/shrunk-bugs.md` for each; with `--tape`
/// behind that, on stderr, their tapes, too.
pub fn run<N: Node>(
    anomaly: &str,
    check: fn() -> Check<N>,
    make: impl FnOnce(&Ctx) -> N + 'static,
) -> ExitCode {
    let asked = std::env::args().nth(1).unwrap_or_default();
    if ![SHRINK, SHOW, SEED].contains(&asked.as_str()) {
        return gyre::run(make);
    }
    let anomaly = Some(anomaly).filter(|anomaly| !anomaly.is_empty());
    let check = check();
    if asked == SEED {
        return say_how_it_ends(&check, std::env::args().nth(2).as_deref());
    }
    if asked == SHOW {
        let seeds = check.seeds_that_fail(anomaly, SEARCHED, 1);
        seeds.iter().for_each(|seed| check.show(*seed, anomaly));
        return if seeds.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let seeds = check.seeds_that_fail(anomaly, SEARCHED, SHRUNK_SEEDS);
    let mut is_whole = seeds.len() == SHRUNK_SEEDS;
    for seed in seeds {
        match row(&check, seed, anomaly) {
            Ok(row) => print(&row),
            Err(sentence) => {
                eprintln!("seed {seed}: {sentence}");
                is_whole = false;
            }
        }
    }
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one seed, or looks for the first that fails, and says how it ends.
fn say_how_it_ends<N: Node>(check: &Check<N>, seed: Option<&str>) -> ExitCode {
    // What an assertion says is said once, below.
    std::panic::set_hook(Box::new(|_| {}));
    let failure = match seed.map(str::parse) {
        Some(Ok(seed)) => check.fails(seed),
        Some(Err(_)) => {
            eprintln!("{SEED} wants a number behind it, or nothing");
            return ExitCode::from(2);
        }
        None => check.first_anomaly(SEARCHED),
    };
    match failure {
        Some(failure) => print(&format!("seed {}: {}", failure.seed, failure.sentence)),
        None => print("Nothing is wrong."),
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "it prints what it was asked for")]
fn print(row: &str) {
    println!("{row}");
}

/// A seed made small, as a row of the table.
fn row<N: Node>(check: &Check<N>, seed: u64, anomaly: Option<&str>) -> Result<String, String> {
    let started_at = Instant::now();
    let shrunk = check.shrink(seed, anomaly, &Until(started_at + SHRINK_TIME))?;
    let seconds = started_at.elapsed().as_secs_f64();
    let Shrunk { kind, before, left, case, .. } = &shrunk;
    if std::env::args().nth(2).as_deref() == Some("--tape") {
        let tape = case.tape.to_text();
        eprintln!("{}", tape.chars().take(SHOWN_CHARACTERS).collect::<String>());
    }
    let shown = check.messages_shown(&shrunk);
    let seen_by = if kind.part == "run" { "an invariant" } else { "clients" };
    let bug = std::env::current_exe().unwrap_or_default();
    let bug = bug.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(format!(
        "| {bug} | {seed} | {kind} | {seen_by} | {} | {} | {} | {} | {} | {} | {} | {} | {} | \
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
    ))
}

/// Ends a search at a time.
struct Until(Instant);

impl Watch for Until {
    fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }
}
