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
        let configure = |config| Config {
            rules: Rules { conflicts: |_, _| false, ..Rules::RAFT },
            ..lin_kv::restless(config)
        };
        Options { configure, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run(LinKv::<KeepsConflicts>::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    #[test]
    fn is_caught() {
        super::lin_kv::is_caught::<super::KeepsConflicts>(&Fault::ALL, 1.0);
    }
}
