//! What explains a finding: texts and drawings made by the checker that found it.
//!
//! A checker makes them only when it is asked, so a run that is in order costs nothing here,
//! and one that is not is checked once more.

use super::format::shorten;
use super::{Recorded, glossary, register_drawing};
use crate::checker::{Judgement, Validity, elle, linear};
use crate::edn::Edn;

/// An explanation of something that is wrong: a drawing with words, or words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// The file in the run's folder: `elle/G-single/0.svg`, or that of the text.
    pub path: String,
    /// What it shows, in a few words.
    pub title: String,
    /// What that means in general, in a sentence; empty where the title says it.
    pub meaning: String,
    /// The drawing, one `svg` element; `None` for what is explained in words only.
    pub svg: Option<String>,
    /// What it means, for people; may be of several lines.
    pub explanation: String,
    /// The index in the history of the operation to look at first.
    pub at: Option<usize>,
}

/// Everything that explains the findings.
#[derive(Debug, Default)]
pub struct Explanations {
    /// The drawings, which are files too.
    pub drawings: Vec<Drawing>,
    /// Files of text: path in the run's folder and contents.
    pub texts: Vec<(String, String)>,
}

/// Asks the workload's checker for explanations of what is wrong.
pub fn of(recorded: &Recorded) -> Explanations {
    if recorded.results.verdict == Validity::True {
        return Explanations::default();
    }
    let history = recorded.history;
    let options = || elle::Options::new(&recorded.options.consistency_models).ok();
    match recorded.workload {
        "lin-kv" => of_linear(&linear::report_lin_kv(history)),
        "txn-list-append" => options()
            .map(|options| of_elle(elle::list_append(history, &options)))
            .unwrap_or_default(),
        "txn-rw-register" => options()
            .map(|options| of_elle(elle::rw_register(history, &options)))
            .unwrap_or_default(),
        _ => Explanations::default(),
    }
}

/// How much of a text without a drawing is on the page.
const TEXT_CHARACTERS: usize = 6000;

/// The most keys that are drawn.
const KEYS: usize = 20;

fn of_linear(report: &linear::Report) -> Explanations {
    let mut explanations = Explanations::default();
    for (key, failure) in report.failures.iter().take(KEYS) {
        let key = key.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string);
        let title = format!("key {key} is not linearizable");
        let last = failure.operation.complete.unwrap_or(failure.operation.invoke);
        let words = failure.explanation();
        let folder = format!("independent/{}", folder_name(&key));
        explanations.texts.push((format!("{folder}/explanation.txt"), format!("{words}\n")));
        explanations.drawings.push(Drawing {
            path: format!("{folder}/linear.svg"),
            svg: Some(register_drawing::draw(failure, &title)),
            title,
            meaning: String::new(),
            explanation: words,
            at: Some(last.index),
        });
    }
    explanations
}

/// A key as the name of a folder: a key that came from a file may be anything.
fn folder_name(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    key.chars().take(60).map(plain).collect()
}

/// Elle's texts are one for each anomaly, `G-single.txt`, and its drawings lie in a folder for
/// each, `G-single/0.svg`. The first case of each anomaly comes before the second of any.
fn of_elle(report: elle::Report) -> Explanations {
    let mut explanations = Explanations::default();
    let mut numbered = Vec::new();
    for (path, text) in &report.files {
        let Some(anomaly) = path.strip_suffix(".txt") else { continue };
        explanations.texts.push((format!("elle/{path}"), text.clone()));
        let before = numbered.len();
        for (path, svg) in &report.files {
            let inside = path.strip_prefix(anomaly).and_then(|rest| rest.strip_prefix('/'));
            let number = inside.and_then(|file| file.strip_suffix(".svg")?.parse().ok());
            let Some(number) = number else { continue };
            numbered.push((
                number,
                Drawing {
                    path: format!("elle/{path}"),
                    title: anomaly.to_owned(),
                    meaning: glossary::meaning(anomaly),
                    svg: Some(svg.clone()),
                    explanation: case(text, anomaly, number).to_owned(),
                    at: first_operation(&report.result, anomaly, number),
                },
            ));
        }
        if numbered.len() == before {
            numbered.push((
                0,
                Drawing {
                    path: format!("elle/{path}"),
                    title: anomaly.to_owned(),
                    meaning: glossary::meaning(anomaly),
                    svg: None,
                    explanation: shorten(text.trim(), TEXT_CHARACTERS),
                    at: first_operation(&report.result, anomaly, 0),
                },
            ));
        }
    }
    numbered.sort_by_key(|(number, _)| *number);
    explanations.drawings = numbered.into_iter().map(|(_, drawing)| drawing).collect();
    explanations
}

/// The index of the first operation that a case of an anomaly names.
fn first_operation(result: &Judgement, anomaly: &str, number: usize) -> Option<usize> {
    let entry = result.results.iter().find(|(key, _)| key.as_keyword() == Some("anomalies"));
    let cases = entry?.1.get(anomaly)?.as_slice()?;
    index_within(cases.get(number)?)
}

fn index_within(value: &Edn) -> Option<usize> {
    if let Some(index) = value.get("index").and_then(Edn::as_i64) {
        return usize::try_from(index).ok();
    }
    match value {
        Edn::Map(entries) => entries.iter().find_map(|(_, value)| index_within(value)),
        other => other.as_slice()?.iter().find_map(index_within),
    }
}

/// The part of an anomaly's text that is about this case: each begins with its name and number.
fn case<'a>(text: &'a str, anomaly: &str, number: usize) -> &'a str {
    let head = format!("{anomaly} #{number}\n");
    let Some(start) = text.find(&head) else { return text.trim() };
    let rest = &text[start + head.len()..];
    let end = rest.find(&format!("\n{anomaly} #")).unwrap_or(rest.len());
    rest[..end].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_drawing_has_its_own_words() {
        let text = "G1a #0\nfirst\n\n\nG1a #1\nsecond\nline\n";
        assert_eq!(case(text, "G1a", 0), "first");
        assert_eq!(case(text, "G1a", 1), "second\nline");
    }
}
