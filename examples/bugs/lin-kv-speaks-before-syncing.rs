//! `lin-kv` with a bug: a node says that it has stored something before it is on disk. A crash may
//! undo what others rely on.

mod lin_kv;

use std::process::ExitCode;

use gyre::replicated::Options;
use lin_kv::{Bug, LinKv};

struct SpeaksBeforeSyncing;

impl Bug for SpeaksBeforeSyncing {
    fn options() -> Options {
        Options { sync: |_| Ok(()), configure: lin_kv::restless, ..Options::default() }
    }
}

fn main() -> ExitCode {
    gyre::run(LinKv::<SpeaksBeforeSyncing>::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    #[test]
    fn is_caught() {
        super::lin_kv::is_caught::<super::SpeaksBeforeSyncing>(&Fault::ALL, 1.0);
    }
}
