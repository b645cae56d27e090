//! `lin-kv` with a bug: a node says that it has stored something before it is on disk. A crash may
//! undo what others rely on.

mod lin_kv;

use std::process::ExitCode;

use gyre::replicated::Options;
use lin_kv::{Bug, LinKv};

struct SpeaksBeforeSyncing;

impl Bug for SpeaksBeforeSyncing {
    fn options() -> Options {
        Options { sync: |_| Ok(()), ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run::<LinKv<SpeaksBeforeSyncing>>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::{LinKv, SpeaksBeforeSyncing};

    #[test]
    fn is_caught() {
        let failure = maelstrom::check::<LinKv<SpeaksBeforeSyncing>>("lin-kv")
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .first_failure(0..1_000);
        let failure = failure.expect("the checker must catch it");
        println!("caught by seed {}: {}", failure.seed, failure.sentence);
    }
}
