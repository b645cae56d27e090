//! `maelstrom test`: runs a node against a workload, once or several times.

use super::flags::TestFlags;
use super::prepared::{Prepared, prepare, print_notes, run_one};
use super::shrink::{How, shrink_run};
use super::{CRASH, bad_arguments, terminal};
use crate::checker::Validity;
use crate::run::Report;
use crate::shrink::Source;

/// Runs the tests that the flags ask for; returns the exit status.
pub(super) fn test(flags: &TestFlags, argv: &[String]) -> u8 {
    let prepared = match prepare(&flags.workload, &flags.run) {
        Ok(prepared) => prepared,
        Err(sentence) => return bad_arguments(&sentence),
    };
    print_notes(&flags.run);
    let mut statuses = (0..flags.run.test_count).map(|number| {
        let report = run_one(&prepared, flags, argv, number);
        let status = report.as_ref().map_or(CRASH, Report::exit_status);
        let has_failed =
            |report: Report| report.failure.is_some() || report.results.verdict == Validity::False;
        if flags.run.shrink && report.is_some_and(has_failed) {
            shrink_one(&prepared, flags, number);
        }
        status
    });
    statuses.find(|status| *status != 0).unwrap_or(0)
}

/// Shrinks the run of this number, which has failed.
fn shrink_one(prepared: &Prepared, flags: &TestFlags, number: usize) {
    let source = match (&prepared.tape, flags.run.seed) {
        (Some(tape), _) => Source::Tape(tape.clone()),
        (None, seed) => Source::Seed(seed.unwrap_or_default().wrapping_add(number as u64)),
    };
    let how = How::default();
    if let Err(sentence) = shrink_run(prepared, flags, &source, &how) {
        terminal::print_note(&format!("the run is as it was: {sentence}"));
    }
}
