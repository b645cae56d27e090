//! `lin-kv` with a bug: a follower keeps an entry of its own where the leader has another one, and
//! says that their logs match.

mod lin_kv;

use std::process::ExitCode;

use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use lin_kv::{Bug, LinKv};

struct KeepsConflicts;

impl Bug for KeepsConflicts {
    fn options() -> Options {
        let configure =
            |config| Config { rules: Rules { conflicts: |_, _| false, ..Rules::RAFT }, ..config };
        Options { configure, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run::<LinKv<KeepsConflicts>>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::{KeepsConflicts, LinKv};

    #[test]
    fn is_caught() {
        let failure = maelstrom::check::<LinKv<KeepsConflicts>>("lin-kv")
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .first_failure(0..1_000);
        let failure = failure.expect("the checker must catch it");
        println!("caught by seed {}: {}", failure.seed, failure.sentence);
    }
}
