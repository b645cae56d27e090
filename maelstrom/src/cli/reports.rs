//! What `check` says of its files to other programs: JSON, JUnit's XML, a summary on GitHub.
//!
//! All are made from the same judgements as the lines on the terminal. A file whose verdict is
//! unknown is an error in JUnit's sense, not a failure: nobody knows, and it must be looked at.

#![expect(clippy::disallowed_methods, reason = "the reports are files that the user names")]

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde_json::{Value, json};

use crate::checker::{Finding, Judgement, Validity};

/// So many findings of a file are in a summary.
const SUMMED_UP: usize = 5;

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct Reports {
    /// Print a line of JSON for each file instead: its verdict, result and findings.
    #[arg(long, help_heading = "Reports")]
    json: bool,

    /// Write JUnit's XML into this file, a test case for each history.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Reports")]
    junit: Option<PathBuf>,

    /// Append a summary in Markdown to this file, as a step of a GitHub action may.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        env = "GITHUB_STEP_SUMMARY",
        hide_env_values = true,
        help_heading = "Reports"
    )]
    summary: Option<PathBuf>,
}

impl Reports {
    /// The line for a file, without its end.
    pub fn line(&self, file: &Path, judgement: &Judgement) -> String {
        let file = file.display();
        if !self.json {
            return format!("{file}\t{}\t{}", judgement.verdict, judgement.to_edn());
        }
        let findings: Vec<Value> = judgement.all_findings().into_iter().map(in_json).collect();
        let line = json!({
            "file": file.to_string(),
            "verdict": judgement.verdict.to_string(),
            "summary": judgement.summary,
            "findings": findings,
            "omitted": judgement.omitted,
        });
        let mut line = line.to_string();
        // With all digits of every number.
        let result = judgement.to_edn().to_json_text();
        line.truncate(line.len() - 1);
        line + ",\"result\":" + &result + "}"
    }

    /// The reports to write, of histories of this model or workload.
    pub fn begin<'a>(&'a self, model: &'a str) -> Written<'a> {
        Written { flags: self, model, cases: Vec::new() }
    }
}

fn in_json(finding: &Finding) -> Value {
    let operations = finding.operations.iter();
    let operations: Vec<Value> =
        operations.map(|mention| json!({ "index": mention.index, "role": mention.role })).collect();
    json!({
        "kind": finding.kind,
        "subject": finding.subject.as_ref().map(ToString::to_string),
        "operations": operations,
        "words": finding.words,
    })
}

/// What is known of a file.
struct Case {
    file: String,
    verdict: Validity,
    summary: String,
    findings: Vec<(&'static str, String)>,
}

/// Reports that are being gathered.
pub struct Written<'a> {
    flags: &'a Reports,
    model: &'a str,
    cases: Vec<Case>,
}

impl Written<'_> {
    /// Takes in the judgement on a file.
    pub fn add(&mut self, file: &Path, judgement: &Judgement) {
        if self.flags.junit.is_none() && self.flags.summary.is_none() {
            return;
        }
        let findings = judgement.all_findings().into_iter();
        self.cases.push(Case {
            file: file.display().to_string(),
            verdict: judgement.verdict,
            summary: judgement.summary.clone(),
            findings: findings.map(|f| (f.kind, f.words.clone())).collect(),
        });
    }

    /// Writes them.
    ///
    /// # Errors
    /// When a file cannot be written; its name is in the error.
    pub fn write(self) -> io::Result<()> {
        let named = |path: &Path, error| {
            io::Error::other(format!("{} cannot be written: {error}", path.display()))
        };
        if let Some(path) = &self.flags.junit {
            fs::write(path, self.junit()).map_err(|error| named(path, error))?;
        }
        if let Some(path) = &self.flags.summary {
            let file = OpenOptions::new().append(true).create(true).open(path);
            let written = file.and_then(|mut file| file.write_all(self.markdown().as_bytes()));
            written.map_err(|error| named(path, error))?;
        }
        Ok(())
    }

    fn count(&self, verdict: Validity) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    fn junit(&self) -> String {
        let model = escape(self.model);
        let (tests, failures) = (self.cases.len(), self.count(Validity::False));
        let errors = self.count(Validity::Unknown);
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
        let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
        writeln!(xml, "  <testsuite name=\"maelstrom check {model}\" {counts}>").expect("text");
        for case in &self.cases {
            let (file, message) = (escape(&case.file), escape(&case.summary));
            write!(xml, "    <testcase classname=\"{model}\" name=\"{file}\"").expect("text");
            let element = match case.verdict {
                Validity::True => {
                    xml.push_str("/>\n");
                    continue;
                }
                Validity::False => "failure",
                Validity::Unknown => "error",
            };
            let kind = case.findings.first().map_or("unknown", |(kind, _)| kind);
            let kind = escape(kind);
            let words: Vec<String> =
                case.findings.iter().map(|(kind, words)| format!("{kind}: {words}")).collect();
            let words = escape(&words.join("\n"));
            writeln!(
                xml,
                ">\n      <{element} message=\"{message}\" type=\"{kind}\">{words}</{element}>\n    \
                 </testcase>"
            )
            .expect("text");
        }
        xml.push_str("  </testsuite>\n</testsuites>\n");
        xml
    }

    fn markdown(&self) -> String {
        let (tests, valid) = (self.cases.len(), self.count(Validity::True));
        let mut text = format!("### {}: {valid} of {tests} histories are valid\n\n", self.model);
        text.push_str("| history | verdict | |\n|---|---|---|\n");
        for Case { file, verdict, summary, .. } in &self.cases {
            writeln!(text, "| {} | {verdict} | {} |", cell(file), cell(summary)).expect("text");
        }
        for case in self.cases.iter().filter(|case| !case.findings.is_empty()) {
            write!(text, "\n<details><summary>{}</summary>\n\n", escape(&case.file)).expect("text");
            for (kind, words) in case.findings.iter().take(SUMMED_UP) {
                let words = words.replace('\n', "\n  ");
                writeln!(text, "- **{}**: {}", escape(kind), escape(&words)).expect("text");
            }
            let more = case.findings.len().saturating_sub(SUMMED_UP);
            if more > 0 {
                writeln!(text, "- and {more} more").expect("text");
            }
            text.push_str("\n</details>\n");
        }
        text.push('\n');
        text
    }
}

/// A text as XML and HTML have it. What XML cannot say at all is left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// A text in one cell of a table.
fn cell(text: &str) -> String {
    escape(text).replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::Findings;

    /// A valid, an invalid and an unknown history.
    fn judgements() -> [Judgement; 3] {
        let mut findings = Findings::default();
        for number in 0..7 {
            findings.add("lost", || {
                Finding::new(format!("<{number}> & \"more\" | less")).about(number, "added")
            });
        }
        let invalid = Judgement::new(Validity::False, []).summed_up("7 lost").with(findings);
        [Judgement::new(Validity::True, []), invalid, Judgement::unknown("It is empty.")]
    }

    #[test]
    fn reports_say_what_the_lines_say() {
        let folder = tempfile::tempdir().unwrap();
        let (junit, summary) = (folder.path().join("j.xml"), folder.path().join("s.md"));
        fs::write(&summary, "before\n").unwrap();
        let flags =
            Reports { json: true, junit: Some(junit.clone()), summary: Some(summary.clone()) };
        let mut written = flags.begin("bank");
        for (number, judgement) in judgements().iter().enumerate() {
            written.add(Path::new(&format!("{number}.edn")), judgement);
        }
        written.write().unwrap();
        let xml = fs::read_to_string(junit).unwrap();
        assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"1\""), "{xml}");
        assert!(xml.contains("<testcase classname=\"bank\" name=\"0.edn\"/>"), "{xml}");
        assert!(
            xml.contains("message=\"7 lost\" type=\"lost\">lost: &lt;0&gt; &amp; &quot;"),
            "{xml}"
        );
        assert!(xml.contains("<error message=\"It is empty\" type=\"unknown\">"), "{xml}");
        assert_eq!(xml.matches("</testcase>").count(), 2);
        let text = fs::read_to_string(summary).unwrap();
        assert!(text.starts_with("before\n### bank: 1 of 3 histories are valid"), "{text}");
        assert!(
            text.contains("| 1.edn | false | 7 lost |") && text.contains("and 2 more"),
            "{text}"
        );
    }

    #[test]
    fn a_line_of_json_has_the_result_and_the_findings() {
        let flags = Reports { json: true, junit: None, summary: None };
        let line = flags.line(Path::new("a \"b\".edn"), &judgements()[1]);
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["file"], "a \"b\".edn");
        assert_eq!((&line["verdict"], &line["result"]["valid?"]), (&json!("false"), &json!(false)));
        assert_eq!(line["findings"][6]["operations"][0], json!({ "index": 6, "role": "added" }));
    }

    #[test]
    fn a_report_that_cannot_be_written_is_an_error_with_its_name() {
        let junit = Some(PathBuf::from("/nonexistent/j.xml"));
        let flags = Reports { json: false, junit, summary: None };
        let error = flags.begin("bank").write().unwrap_err().to_string();
        assert!(error.contains("/nonexistent/j.xml"), "{error}");
    }
}
