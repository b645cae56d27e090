//! Judges an exercise: `exercise 3-retry`, or its solution: `exercise 3-retry --solution`.
//!
//! With `--node` behind that it is the node of the exercise, for any bench.
#![allow(
    clippy::disallowed_methods,
    reason = "it reads its arguments and, unless it is a node, prints what it was asked for"
)]

use std::io::Write;
use std::process::ExitCode;

use exercises::{ALL, Exercise, Task};
use maelstrom::simulation::Smallest;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let name = arguments.first().map_or("", String::as_str);
    let Some(exercise) = ALL.iter().find(|exercise| exercise.name == name) else {
        let names: Vec<&str> = ALL.iter().map(|exercise| exercise.name).collect();
        eprintln!("There is no exercise {name}. There are: {}.", names.join(", "));
        return ExitCode::from(2);
    };
    let is_solution = has("--solution");
    let task = if is_solution { (exercise.solution)() } else { (exercise.stub)() };
    if !has("--node") {
        return judge(exercise, task, is_solution);
    }
    task.run().unwrap_or_else(|| {
        eprintln!("Exercise {name} is no node.");
        ExitCode::from(2)
    })
}

/// Says whether it is solved and, if it is not, what is wrong and where that can be seen.
fn judge(exercise: &Exercise, task: Box<dyn Task>, is_solution: bool) -> ExitCode {
    let Exercise { name, .. } = exercise;
    let Err(wrong) = task.judge() else {
        say(&format!(
            "Exercise {name} is solved{}.",
            if is_solution { " by its solution" } else { "" }
        ));
        return ExitCode::SUCCESS;
    };
    say(&format!("Exercise {name} is not solved yet: {wrong}\n\n  file:     {}", exercise.file()));
    if let Some(smallest) = task.show(&["target/release/exercise", name, "--node"]) {
        let Smallest { shrunk, page, command, .. } = smallest;
        let (left, page) = (shrunk.left, page.display());
        say(&format!("  smallest: {left}\n  page:     {page}\n  repeat:   {command}"));
    }
    ExitCode::FAILURE
}

/// Prints it. Whoever does not read to the end has seen enough.
fn say(text: &str) {
    drop(writeln!(std::io::stdout(), "{text}"));
}
