//! `check --model log-file-pattern`: what a node should never have said.
//!
//! A test that ends well may have left a panic in a log. The files are logs here, not histories,
//! and are judged line by line: each that matches is an error. So one step of a CI job looks at
//! the histories and another at the logs, with the same reports.
//!
//! Source: `log-file-pattern` in Jepsen's `checker.clj`, which looks for the file among those of
//! each node. Here the files are named; so a match has the number of its line instead of a node.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use regex_lite::Regex;

use super::input;
use crate::checker::{Finding, Findings, Judgement, Validity};
use crate::edn::Edn;

/// The model's name.
pub const NAME: &str = "log-file-pattern";

/// So many matches are in the results.
const SHOWN: usize = 32;
/// A line is cut after so many bytes: a damaged log may be one of gigabytes.
const LONGEST_LINE: u64 = 1 << 16;

/// Judges a log: no line may match.
///
/// # Errors
/// A sentence, when the file cannot be read, or is empty: a node that says nothing at all was
/// perhaps never asked.
pub fn judge(path: &Path, pattern: &Regex) -> Result<Judgement, String> {
    let mut log = BufReader::new(input::open(path)?);
    let (mut findings, mut shown) = (Findings::default(), Vec::new());
    let (mut lines, mut count) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = log.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| format!("The file cannot be read beyond line {lines}: {error}."))?
            == 0
        {
            break;
        }
        lines += 1;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !pattern.is_match(text) {
            continue;
        }
        count += 1;
        if shown.len() < SHOWN {
            shown.push(Edn::map([("line-number", Edn::Int(lines)), ("line", Edn::from(text))]));
        }
        findings.add("match", || Finding::new(format!("Line {lines}: {text}")));
    }
    if lines == 0 {
        return Err("The file is empty, so nothing was checked.".into());
    }
    let results = [("count", Edn::from(count)), ("matches", Edn::Vector(shown))];
    let judgement = Judgement::new(Validity::from(count == 0), results).with(findings);
    Ok(match count {
        0 => judgement,
        1 => judgement.summed_up(format!("1 line matches {pattern}")),
        count => judgement.summed_up(format!("{count} lines match {pattern}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_match_are_counted_and_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let judged = |text: &[u8], pattern: &str| {
            #[expect(clippy::disallowed_methods, reason = "the test writes a log")]
            std::fs::write(file.path(), text).unwrap();
            judge(file.path(), &Regex::new(pattern).unwrap())
        };
        let log = b"started\n\xff panic: at the disco\r\nPANIC!\nstopped";
        let judgement = judged(log, "(?i)panic").unwrap();
        assert_eq!(judgement.summary, "2 lines match (?i)panic");
        assert_eq!(
            judgement.to_edn().to_string(),
            "{:valid? false, :count 2, :matches [{:line-number 2, :line \"\u{fffd} panic: at the \
             disco\"} {:line-number 3, :line \"PANIC!\"}]}"
        );
        assert_eq!(judged(log, "^panic").unwrap().verdict, Validity::True);
        assert!(judged(b"", "panic").unwrap_err().contains("empty"));
        let long = [&b"x".repeat(1 << 20)[..], b"\npanic"].concat();
        assert_eq!(judged(&long, "panic").unwrap().verdict, Validity::False);
    }
}
