//! The test bench's command line.

#![expect(clippy::disallowed_methods, reason = "the command line is read here")]

use std::process::ExitCode;

use maelstrom::child::{WATCHDOG_ARGUMENT, watchdog_main};

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == WATCHDOG_ARGUMENT) {
        return watchdog_main();
    }
    ExitCode::SUCCESS
}
