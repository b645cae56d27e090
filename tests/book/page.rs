//! A page, read line by line: which parts of it are made from something else.

use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::Failure;

/// A page of Markdown.
pub struct Page {
    /// Its path from the root of the repository.
    pub path: String,
    /// Its lines, without their ends.
    pub lines: Vec<String>,
}

/// A part of a page that is made from something else.
pub struct Part {
    /// The index of its first line.
    pub line: usize,
    /// What it is made from, and where it stands.
    pub made: Made,
}

/// What a part is made from. Ranges are those of lines, by their indices.
pub enum Made {
    /// Code from a file of the repository, or from an anchor in it.
    Quote { source: String, anchor: Option<String>, code: Range<usize> },
    /// Commands, and what they print.
    Console { body: Range<usize> },
    /// A picture in the book, and the file that is copied to it.
    Figure { file: String, from: String },
}

impl Page {
    /// Reads a page.
    pub fn read(root: &Path, path: String) -> Page {
        let text = fs::read_to_string(root.join(&path));
        let text = text.unwrap_or_else(|error| panic!("{path} cannot be read: {error}"));
        Page { path, lines: text.lines().map(str::to_owned).collect() }
    }

    /// Writes it back.
    pub fn write(&self, root: &Path) {
        let written = fs::write(root.join(&self.path), self.lines.join("\n") + "\n");
        written.unwrap_or_else(|error| panic!("{} cannot be written: {error}", self.path));
    }

    /// The name of its file.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// A failure at the line with this index.
    pub fn failure(&self, line: usize, sentence: String) -> Failure {
        Failure { path: self.path.clone(), line: line + 1, sentence }
    }

    /// The parts that are made from something else, in order, and what is wrong with their form.
    pub fn parts(&self) -> (Vec<Part>, Vec<Failure>) {
        let (mut parts, mut failures) = (Vec::new(), Vec::new());
        let mut index = 0;
        while index < self.lines.len() {
            let line = &self.lines[index];
            let made = if let Some(code) = self.fenced(index) {
                let body = code.clone();
                let is_console = line.trim_start().trim_start_matches('`') == "console";
                let part = is_console.then_some(Part { line: index, made: Made::Console { body } });
                parts.extend(part);
                index = code.end + 1;
                continue;
            } else if line.starts_with("<!-- quote:") {
                self.quote(index)
            } else if line.starts_with("<!-- figure:") {
                self.figure(index)
            } else {
                index += 1;
                continue;
            };
            match made {
                Ok(made) => {
                    let end = if let Made::Quote { code, .. } = &made { code.end } else { index };
                    parts.push(Part { line: index, made });
                    index = end + 1;
                }
                Err(sentence) => {
                    failures.push(self.failure(index, sentence.to_owned()));
                    index += 1;
                }
            }
        }
        (parts, failures)
    }

    /// The lines of the code block that begins at this line, if one does.
    fn fenced(&self, index: usize) -> Option<Range<usize>> {
        let opening = self.lines.get(index)?.trim_start();
        let ticks = opening.len() - opening.trim_start_matches('`').len();
        if ticks < 3 || opening[ticks..].contains('`') {
            return None;
        }
        let is_end =
            |line: &String| line.trim().len() >= ticks && line.trim().replace('`', "").is_empty();
        let rest = &self.lines[index + 1..];
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        Some(index + 1..index + 1 + length)
    }

    fn quote(&self, index: usize) -> Result<Made, &'static str> {
        let form = "a quote is written <!-- quote: path/from/the/root.rs#anchor -->.";
        let source = inside(&self.lines[index], "<!-- quote:").ok_or(form)?;
        let code = self.fenced(index + 1);
        let code = code.ok_or(
            "a quote needs a block of code right below it: write ```rust and ```, and run make \
             book-update.",
        )?;
        Ok(match source.split_once('#') {
            Some((source, anchor)) => {
                Made::Quote { source: source.into(), anchor: Some(anchor.into()), code }
            }
            None => Made::Quote { source: source.into(), anchor: None, code },
        })
    }

    fn figure(&self, index: usize) -> Result<Made, &'static str> {
        let form = "a figure is written <!-- figure: figures/name.svg from store/latest/name.svg \
                    -->.";
        let both = inside(&self.lines[index], "<!-- figure:").ok_or(form)?;
        let (file, from) = both.split_once(" from ").ok_or(form)?;
        let picture = self.lines.get(index + 1).map_or("", String::as_str);
        if !picture.starts_with("![") || !picture.contains(&format!("]({file})")) {
            return Err(
                "a figure needs its picture right below it: ![what it shows](the same file).",
            );
        }
        Ok(Made::Figure { file: file.into(), from: from.trim().into() })
    }
}

/// What stands between the beginning of a comment and its end.
fn inside<'a>(line: &'a str, beginning: &str) -> Option<&'a str> {
    Some(line.strip_prefix(beginning)?.trim_end().strip_suffix("-->")?.trim())
}
