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
        let configure = |config| Config {
            rules: Rules { may_read: |_| true, ..Rules::RAFT },
            ..lin_kv::restless(config)
        };
        Options { configure, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run(LinKv::<ReadsWithoutAsking>::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    #[test]
    fn is_caught() {
        super::lin_kv::is_caught::<super::ReadsWithoutAsking>(&Fault::ALL, 1.0);
    }

    /// The Raft of the paper without a bug.
    struct NoBug;

    impl super::Bug for NoBug {
        fn options() -> super::Options {
            let configure = super::lin_kv::restless;
            super::Options { configure, ..super::Options::default() }
        }
    }

    /// What catches the bugs is the bugs.
    #[test]
    fn nothing_is_caught_without_a_bug() {
        for (faults, interval_secs) in
            [(&Fault::ALL[..], 1.0), (&[Fault::Kill, Fault::Partition], 0.15)]
        {
            let failure = super::lin_kv::first_failure::<NoBug>(faults, interval_secs, 150);
            assert!(failure.is_none(), "{}", failure.unwrap().sentence);
        }
    }
}
