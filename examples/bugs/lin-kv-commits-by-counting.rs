//! `lin-kv` with a bug: a leader takes an entry of an earlier term for committed as soon as a
//! majority stores it. A later leader without that entry may still overwrite it (figure 8 of
//! the paper).

mod lin_kv;

use std::process::ExitCode;

use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use lin_kv::{Bug, LinKv};

struct CommitsByCounting;

impl Bug for CommitsByCounting {
    fn options() -> Options {
        let configure =
            |config| Config { rules: Rules { may_commit: |_, _| true, ..Rules::RAFT }, ..config };
        Options { configure, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run::<LinKv<CommitsByCounting>>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::{CommitsByCounting, LinKv};

    #[test]
    fn is_caught() {
        let failure = maelstrom::check::<LinKv<CommitsByCounting>>("lin-kv")
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .first_failure(0..1_000);
        let failure = failure.expect("the checker must catch it");
        println!("caught by seed {}: {}", failure.seed, failure.sentence);
    }
}
