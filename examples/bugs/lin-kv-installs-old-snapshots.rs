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
        let configure = |config| Config {
            rules: Rules { replaces: |_, _, _| true, ..Rules::RAFT },
            ..lin_kv::restless(config)
        };
        Options { configure, entries_per_snapshot: 10, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run(LinKv::<InstallsOldSnapshots>::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    #[test]
    fn is_caught() {
        super::lin_kv::is_caught::<super::InstallsOldSnapshots>(&Fault::ALL, 1.0);
    }
}
