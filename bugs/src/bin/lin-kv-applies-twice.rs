//! `lin-kv` with a bug: a command that was passed on to two leaders, because the first one fell
//! silent, takes effect twice if both got it into the log.

use std::process::ExitCode;

use bugs::lin_kv::LinKv;
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

// ANCHOR: options
fn options() -> Options {
    Options { ignores: |_| false, configure: bugs::lin_kv::restless, ..Options::default() }
}
// ANCHOR_END: options

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
