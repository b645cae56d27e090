//! The test bench's program. Everything is in the library, so that tests can use it too.

#![expect(clippy::disallowed_methods, reason = "the command line is read here")]

use std::process::ExitCode;

use maelstrom::child::{WATCHDOG_ARGUMENT, watchdog_main};

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == WATCHDOG_ARGUMENT) {
        return watchdog_main();
    }
    maelstrom::cli::main(std::env::args_os())
}
