//! `lin-kv` with a bug: a command that was passed on to two leaders, because the first one fell
//! silent, takes effect twice if both got it into the log.

mod lin_kv;

use std::process::ExitCode;

use gyre::replicated::Options;
use lin_kv::{Bug, LinKv};

struct AppliesTwice;

impl Bug for AppliesTwice {
    fn options() -> Options {
        Options { ignores: |_| false, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run::<LinKv<AppliesTwice>>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::{AppliesTwice, LinKv};

    #[test]
    fn is_caught() {
        let failure = maelstrom::check::<LinKv<AppliesTwice>>("lin-kv")
            .options(|options| options.concurrency = 10)
            .faults(Fault::ALL)
            .first_failure(0..1_000);
        let failure = failure.expect("the checker must catch it");
        println!("caught by seed {}: {}", failure.seed, failure.sentence);
    }
}
