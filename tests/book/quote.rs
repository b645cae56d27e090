//! Code quoted from the source.

use std::fs;
use std::path::Path;

/// The lines between `ANCHOR: name` and `ANCHOR_END: name` of a file, or all of its lines; without
/// the lines of anchors, and without the indentation that all lines share.
///
/// # Errors
/// A sentence, when there is no such file or no such anchor.
pub fn from(root: &Path, source: &str, anchor: Option<&str>) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(root.join(source)).map_err(|_| {
        format!("there is no file {source} to quote. Has it been renamed? Paths begin at the root.")
    })?;
    let all: Vec<&str> = text.lines().collect();
    let lines = match anchor {
        None => &all[..],
        Some(name) => between(&all, name).ok_or_else(|| {
            format!(
                "{source} has no anchor {name}. Write // ANCHOR: {name} and // ANCHOR_END: \
                 {name} around the lines to quote."
            )
        })?,
    };
    let is_anchor = |line: &str| line.contains("ANCHOR: ") || line.contains("ANCHOR_END: ");
    let lines: Vec<&str> = lines.iter().copied().filter(|line| !is_anchor(line)).collect();
    let indentations = lines.iter().filter(|line| !line.trim().is_empty());
    let shared = indentations.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let lines = lines.iter().map(|line| line.get(shared..).unwrap_or("").trim_end().to_owned());
    let mut lines: Vec<String> = lines.collect();
    let is_blank = |line: Option<&String>| line.is_some_and(String::is_empty);
    while is_blank(lines.last()) {
        lines.pop();
    }
    while is_blank(lines.first()) {
        lines.remove(0);
    }
    Ok(lines)
}

/// The lines between the two lines that name an anchor.
fn between<'a>(lines: &'a [&'a str], name: &str) -> Option<&'a [&'a str]> {
    let at = |word: &str| {
        lines.iter().position(|line| {
            line.split_once(word)
                .is_some_and(|(_, rest)| rest.split_whitespace().next() == Some(name))
        })
    };
    let (start, end) = (at("ANCHOR: ")?, at("ANCHOR_END: ")?);
    (start < end).then(|| &lines[start + 1..end])
}

/// Says how a quote differs from its source.
pub fn difference(source: &str, shown: &[String], lines: &[String]) -> String {
    let at = (0..).find(|index| shown.get(*index) != lines.get(*index)).unwrap_or_default();
    let line = |lines: &[String]| match lines.get(at) {
        Some(line) => format!("\"{line}\""),
        None => "nothing more".to_owned(),
    };
    format!(
        "the quote is not what stands in {source}: its line {} is {}, and there stands {}. Run \
         make book-update, and see whether the words around it still hold.",
        at + 1,
        line(shown),
        line(lines)
    )
}
