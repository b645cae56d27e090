//! `lin-kv` with a bug: a command that was passed on to two leaders, because the first one fell
//! silent, takes effect twice if both got it into the log.

use std::process::ExitCode;

use bugs::lin_kv::LinKv;
use gyre::replicated::Options;

fn options() -> Options {
    Options { ignores: |_| false, configure: bugs::lin_kv::restless, ..Options::default() }
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
