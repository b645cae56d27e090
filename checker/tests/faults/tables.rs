//! Tables of planted faults: ten for each judge, all of which it must find.

use std::fmt::Debug;

use checker::{Judge, Validity};

use crate::faults::history;

/// A judge by its name, a valid history, and its faults. A line of the history is an entry,
/// `process type f value`.
pub struct Table<N> {
    pub name: N,
    pub history: &'static str,
    pub faults: [Fault; 10],
}

/// Another text for some of the lines, which are counted from 0 (`-` takes a line out), and the
/// kind of finding that must come of it.
pub type Fault = (&'static [(usize, &'static str)], &'static str);

/// Looks for every fault, and says which of them are missed.
///
/// # Panics
/// When a valid history is not, or a fault is missed.
pub fn find_all<N: Copy + Debug>(tables: &[Table<N>], judge: impl Fn(N) -> Judge) {
    let mut missed = Vec::new();
    for &Table { name, history: valid, faults } in tables {
        let lines: Vec<&str> = valid.lines().map(str::trim).collect();
        let found = judge(name).judge(&history(&lines));
        assert_eq!(found.verdict, Validity::True, "{name:?}: {found}");
        for (fault, kind) in faults {
            let mut lines = lines.clone();
            fault.iter().for_each(|(line, text)| lines[*line] = text);
            let found = judge(name).judge(&history(&lines));
            let kinds: Vec<&str> = found.findings.iter().map(|finding| finding.kind).collect();
            let is_found = found.verdict == Validity::False && kinds.contains(&kind);
            if !is_found || found.summary.is_empty() {
                missed.push(format!("{name:?} {fault:?}: {kinds:?}, not {kind}: {found}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
