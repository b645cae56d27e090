//! `lin-kv` with a bug: a command that was passed on to two leaders, because the first one fell
//! silent, takes effect twice if both got it into the log.

mod lin_kv;

use std::process::ExitCode;

use gyre::replicated::Options;
use lin_kv::{Bug, LinKv};

struct AppliesTwice;

impl Bug for AppliesTwice {
    fn options() -> Options {
        Options { ignores: |_| false, configure: lin_kv::restless, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run(LinKv::<AppliesTwice>::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    #[test]
    fn is_caught() {
        super::lin_kv::is_caught::<super::AppliesTwice>(&Fault::ALL, 1.0);
    }
}
