//! `lin-kv` with a bug: a node says that it has stored something before it is on disk. A crash may
//! undo what others rely on.

use std::process::ExitCode;

use bugs::lin_kv::LinKv;
use gyre::replicated::Options;

fn options() -> Options {
    Options { persists_late: true, configure: bugs::lin_kv::restless, ..Options::default() }
}

fn main() -> ExitCode {
    gyre::run(|ctx| LinKv::new(ctx, options()))
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught(super::options, &Fault::ALL, 1.0);
    }
}
