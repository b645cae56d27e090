//! What explains a finding: texts and drawings made by the checker that found it.
//!
//! A checker makes them only when it is asked, so a run that is in order costs nothing here,
//! and one that is not is checked once more.

use super::Recorded;
use super::findings::Pointer;
use crate::checker::{Validity, elle};

/// A drawing of something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Its file in the run's folder: `elle/G-single/0.svg`.
    pub path: String,
    /// What it shows, in a few words.
    pub title: String,
    /// The drawing, one `svg` element.
    pub svg: String,
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
pub fn of(recorded: &Recorded, pointers: &[Pointer]) -> Explanations {
    if recorded.results.valid == Validity::True {
        return Explanations::default();
    }
    match recorded.workload {
        "txn-list-append" => elle::Options::new(&recorded.options.consistency_models)
            .map(|options| of_elle(elle::list_append(recorded.history, &options), pointers))
            .unwrap_or_default(),
        "txn-rw-register" => elle::Options::new(&recorded.options.consistency_models)
            .map(|options| of_elle(elle::rw_register(recorded.history, &options), pointers))
            .unwrap_or_default(),
        _ => Explanations::default(),
    }
}

/// Elle's drawings lie in a folder for each anomaly, `G-single/0.svg`, beside a text that
/// explains all of them, `G-single.txt`.
fn of_elle(report: elle::Report, pointers: &[Pointer]) -> Explanations {
    let mut explanations = Explanations::default();
    for (path, contents) in &report.files {
        let Some((anomaly, number)) =
            path.strip_suffix(".svg").and_then(|stem| stem.rsplit_once('/'))
        else {
            explanations.texts.push((format!("elle/{path}"), contents.clone()));
            continue;
        };
        let text = report.files.iter().find(|(other, _)| *other == format!("{anomaly}.txt"));
        let at = pointers.iter().find(|pointer| pointer.label == anomaly);
        explanations.drawings.push(Drawing {
            path: format!("elle/{path}"),
            title: anomaly.to_owned(),
            svg: contents.clone(),
            explanation: text.map_or("", |(_, text)| case(text, anomaly, number)).to_owned(),
            at: at.map(|pointer| pointer.index),
        });
    }
    explanations
}

/// The part of an anomaly's text that is about this case: each begins with its name and number.
fn case<'a>(text: &'a str, anomaly: &str, number: &str) -> &'a str {
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
        assert_eq!(case(text, "G1a", "0"), "first");
        assert_eq!(case(text, "G1a", "1"), "second\nline");
    }
}
