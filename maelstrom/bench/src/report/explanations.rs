//! What explains a judgement: a text for each kind of finding, and drawings of them.
//!
//! | file | what it explains |
//! |---|---|
//! | `independent/<key>/explanation.txt`, `linear.svg` | a key that is not linearizable |
//! | `elle/<anomaly>.txt`, `elle/<anomaly>/0.svg` | an anomaly of transactions |
//! | `findings/<kind>.txt` | whatever else was found |
//!
//! The first two are where the original has them. All are made from the findings alone.

use super::format::{shorten, shortened};
use super::illustrate::Illustrations;
use super::{drawings, glossary};
use crate::checker::{Finding, Judgement, Mention, Validity, linear};

/// An explanation of something that is wrong: a drawing with words, or words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The file in the run's folder: `elle/G-single/0.svg`, or that of the text.
    pub path: String,
    /// What it shows, in a few words.
    pub title: String,
    /// What that means in general, in a sentence; empty where the title says it.
    pub meaning: String,
    /// The drawing, one `svg` element; `None` for what is explained in words only.
    pub svg: Option<String>,
    /// What it means, for people; may be of several lines.
    pub words: String,
    /// The operations that it is about, the one to look at first in front.
    pub operations: Vec<Mention>,
}

/// Everything that explains a judgement.
#[derive(Debug, Default)]
pub struct Explanations {
    /// Those to show, the most instructive first.
    pub shown: Vec<Explanation>,
    /// Files of text: path in the run's folder and contents.
    pub texts: Vec<(String, String)>,
}

/// Where things are explained for which the original has no folder.
pub const OTHER_FOLDER: &str = "findings";

/// How much of a text without a drawing is on the page.
const TEXT_CHARACTERS: usize = 6000;

/// How much of a subject is in a title.
const SUBJECT_CHARACTERS: usize = 40;

/// The most keys that are drawn.
const KEYS: usize = 20;

/// Explains what is wrong in a judgement, or in one of its parts. What the workload's own checker
/// found goes to `folder`.
pub fn of(judgement: &Judgement, folder: &str) -> Explanations {
    illustrated(judgement, folder, &Illustrations::default())
}

/// The same, with drawings of findings that have none of their own.
pub fn illustrated(
    judgement: &Judgement,
    folder: &str,
    illustrations: &Illustrations,
) -> Explanations {
    let mut explanations = Explanations::default();
    let mut numbered = Vec::new();
    for (folder, findings) in kinds(judgement, folder) {
        if findings[0].kind == linear::NOT_LINEARIZABLE {
            for finding in findings.iter().take(KEYS) {
                let (text, explanation) = of_key(finding);
                explanations.texts.push(text);
                numbered.push((0, explanation));
            }
        } else {
            explanations.texts.push(text_of_kind(folder, &findings));
            numbered.extend(of_kind(folder, &findings, illustrations));
        }
    }
    // The first case of each kind comes before the second of any.
    numbered.sort_by_key(|(number, _)| *number);
    explanations.shown = numbered.into_iter().map(|(_, explanation)| explanation).collect();
    explanations
}

impl Explanations {
    /// The drawings, each with its path.
    pub fn drawings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shown.iter().filter_map(|shown| Some((&*shown.path, shown.svg.as_deref()?)))
    }

    /// Gives each file to `write`, with its path.
    ///
    /// # Errors
    /// What `write` answers.
    pub fn write(
        &self,
        write: &mut dyn FnMut(&str, &[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.drawings().try_for_each(|(path, svg)| write(path, svg.as_bytes()))?;
        self.texts.iter().try_for_each(|(path, text)| write(path, text.as_bytes()))
    }
}

/// The findings of a judgement and of its parts that are not in order, by kind, each with the
/// folder for it.
fn kinds<'a>(judgement: &'a Judgement, folder: &'a str) -> Vec<(&'a str, Vec<&'a Finding>)> {
    if judgement.verdict == Validity::True {
        return Vec::new();
    }
    let own: Vec<&Finding> = judgement.findings.iter().collect();
    let by_kind = own.chunk_by(|a, b| a.kind == b.kind);
    let mut kinds: Vec<_> = by_kind.map(|findings| (folder, findings.to_vec())).collect();
    for (name, part) in &judgement.parts {
        let folder = if *name == "workload" { folder } else { OTHER_FOLDER };
        kinds.extend(self::kinds(part, folder));
    }
    kinds
}

fn of_key(finding: &Finding) -> ((String, String), Explanation) {
    let key = finding.subject.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string);
    let title = match finding.subject {
        Some(_) => format!("key {key} is not linearizable"),
        None => "the history is not linearizable".to_owned(),
    };
    let folder = format!("independent/{}", folder_name(&key));
    let text = format!("{folder}/explanation.txt");
    let svg = finding.drawing.as_ref().map(|drawing| drawings::draw(drawing, &title));
    let explanation = Explanation {
        path: if svg.is_some() { format!("{folder}/linear.svg") } else { text.clone() },
        title,
        meaning: String::new(),
        svg,
        words: finding.words.clone(),
        operations: finding.operations.clone(),
    };
    ((text, format!("{}\n", finding.words)), explanation)
}

/// A key as the name of a folder: a key that came from a file may be anything.
pub(super) fn folder_name(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    key.chars().take(60).map(plain).collect()
}

/// All cases of one kind, one below the other.
fn text_of_kind(folder: &str, findings: &[&Finding]) -> (String, String) {
    let kind = findings[0].kind;
    let case =
        |(number, finding): (usize, &&Finding)| format!("{kind} #{number}\n{}\n", finding.words);
    let cases: Vec<String> = findings.iter().enumerate().map(case).collect();
    (format!("{folder}/{kind}.txt"), cases.join("\n\n"))
}

/// Each case that has a drawing, with its number; all cases at once, if none has.
fn of_kind(
    folder: &str,
    findings: &[&Finding],
    illustrations: &Illustrations,
) -> Vec<(usize, Explanation)> {
    let kind = findings[0].kind;
    let explanation = |path: String, svg: Option<String>, words: String, finding: &Finding| {
        let (title, meaning) = (kind.to_owned(), glossary::meaning(kind));
        Explanation { path, title, meaning, svg, words, operations: finding.operations.clone() }
    };
    let mut drawn = Vec::new();
    for (number, finding) in findings.iter().enumerate() {
        let path = format!("{folder}/{kind}/{number}.svg");
        let of_checker = finding.drawing.as_ref().map(|drawing| drawings::draw(drawing, kind));
        let illustration = illustrations.get(finding);
        let words = match illustration.map(|illustration| &*illustration.words) {
            None | Some("") => finding.words.clone(),
            Some(more) => format!("{}\n{more}", finding.words),
        };
        let svg = of_checker.or_else(|| Some(illustration?.svg.clone()));
        let title = match (illustration, &finding.subject) {
            (Some(_), Some(subject)) => {
                format!("{kind} {}", shortened(subject, SUBJECT_CHARACTERS))
            }
            _ => kind.to_owned(),
        };
        let explained = |svg| Explanation { title, ..explanation(path, Some(svg), words, finding) };
        drawn.extend(svg.map(|svg| (number, explained(svg))));
    }
    let (path, text) = text_of_kind(folder, findings);
    let all_words = shorten(text.trim(), TEXT_CHARACTERS);
    match &mut drawn[..] {
        [] => vec![(0, explanation(path, None, all_words, findings[0]))],
        // One drawing of all that was found of its kind.
        [(_, only)] if findings.len() > 1 => {
            let words: Vec<&str> = findings.iter().map(|finding| &*finding.words).collect();
            only.words = shorten(&words.join("\n"), TEXT_CHARACTERS);
            only.operations = findings.iter().flat_map(|f| f.operations.clone()).collect();
            drawn
        }
        _ => drawn,
    }
}
