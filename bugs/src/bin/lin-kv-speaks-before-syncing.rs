//! `lin-kv` with a bug: a node says that it has stored something before it is on disk. A crash may
//! undo what others rely on.

use std::process::ExitCode;

use bugs::lin_kv::LinKv;
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

fn options() -> Options {
    Options { persists_late: true, configure: bugs::lin_kv::restless, ..Options::default() }
}

/// How the bench catches it.
fn check() -> Check<LinKv> {
    bugs::lin_kv::check(options, &Fault::ALL, 1.0)
}

fn main() -> ExitCode {
    bugs::run("", check, |ctx| LinKv::new(ctx, options()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught(super::check());
    }
}
