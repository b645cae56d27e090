//! `lin-kv` with a bug: a leader answers reads without asking whether it still is the leader.
//! When it was deposed and does not know it, it answers from the past.

mod lin_kv;

use std::process::ExitCode;

use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use lin_kv::{Bug, LinKv};

struct ReadsWithoutAsking;

impl Bug for ReadsWithoutAsking {
    fn options() -> Options {
        let configure =
            |config| Config { rules: Rules { may_read: |_| true, ..Rules::RAFT }, ..config };
        Options { configure, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run::<LinKv<ReadsWithoutAsking>>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::{LinKv, ReadsWithoutAsking};

    #[test]
    fn is_caught() {
        let failure = maelstrom::check::<LinKv<ReadsWithoutAsking>>("lin-kv")
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .first_failure(0..1_000);
        let failure = failure.expect("the checker must catch it");
        println!("caught by seed {}: {}", failure.seed, failure.sentence);
    }
}
