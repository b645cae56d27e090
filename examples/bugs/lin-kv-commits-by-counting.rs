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
        let configure = |config| Config {
            rules: Rules { may_commit: |_, _| true, ..Rules::RAFT },
            ..lin_kv::restless(config)
        };
        Options { configure, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run(LinKv::<CommitsByCounting>::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    #[test]
    fn is_caught() {
        super::lin_kv::is_caught::<super::CommitsByCounting>(&Fault::ALL, 1.0);
    }
}
