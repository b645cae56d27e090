//! `lin-kv` with a bug: a follower lets a snapshot replace its log even if the snapshot is older
//! than that, because the network delivered it late or twice.

mod lin_kv;

use std::process::ExitCode;

use gyre::raft::{Config, Rules};
use gyre::replicated::Options;
use lin_kv::{Bug, LinKv};

struct InstallsOldSnapshots;

impl Bug for InstallsOldSnapshots {
    fn options() -> Options {
        let configure =
            |config| Config { rules: Rules { replaces: |_, _, _| true, ..Rules::RAFT }, ..config };
        Options { configure, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run::<LinKv<InstallsOldSnapshots>>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::{InstallsOldSnapshots, LinKv};

    #[test]
    fn is_caught() {
        let failure = maelstrom::check::<LinKv<InstallsOldSnapshots>>("lin-kv")
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .first_failure(0..1_000);
        let failure = failure.expect("the checker must catch it");
        println!("caught by seed {}: {}", failure.seed, failure.sentence);
    }
}
