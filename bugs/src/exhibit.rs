//! What is known of a bug, read from the one place where it stands: the bug's own file.
//!
//! - The file's `//!` header says what the bug breaks, in its first sentences. Below them stand
//!   facts: `- **From**: ` the paper that it comes from, `- **Found in**: ` the program that had
//!   it, or the like, and the report that says so (one of these two may be missing),
//!   `- **Review**: ` what would have caught it in review, and `- **Fails by**: ` the kind of
//!   anomaly that the checker finds, such as `lost`.
//! - `if bugs::planted() { wrong } else { right }` is the bug, or `if !bugs::planted() { right }`.
//!   Both sides are compiled and run, so the difference that is shown is the one that there is.
//! - `bugs/runs/` has the smallest run that shows it: see [`recorded`](crate::recorded).

#![expect(clippy::disallowed_methods, reason = "it reads the sources of the bugs")]

use std::cell::Cell;
use std::path::{Path, PathBuf};

/// How many lines around a change are shown.
const CONTEXT: usize = 3;

/// What switches a bug on, and what switches the right lines on where the bug is to have none.
const SWITCHES: [&str; 2] = ["if bugs::planted() {", "if !bugs::planted() {"];

thread_local! {
    static IS_MENDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the nodes on this thread have their bugs. They do, but inside of [`mended`].
pub fn planted() -> bool {
    !IS_MENDED.get()
}

/// Runs something with the right nodes in the place of those with a bug, on this thread.
pub fn mended<T>(run: impl FnOnce() -> T) -> T {
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            IS_MENDED.set(false);
        }
    }
    IS_MENDED.set(true);
    let _back = Back;
    run()
}

/// A bug, as its file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhibit {
    /// The name of its program.
    pub name: String,
    /// What is wrong and what that breaks: paragraphs.
    pub words: String,
    /// The paper that it comes from.
    pub from: Option<String>,
    /// Where it was found: the program that had it, or the like, and the report.
    pub found_in: Option<String>,
    /// What would have caught it in review.
    pub review: String,
    /// The kind of anomaly.
    pub anomaly: String,
    /// The file without its tests.
    code: String,
}

impl Exhibit {
    /// The bug of this name.
    ///
    /// # Errors
    /// A sentence: its file cannot be read, or lacks something.
    pub fn read(name: &str) -> Result<Exhibit, String> {
        let path = folder().join(format!("src/bin/{name}.rs"));
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        Exhibit::parse(name, &text).map_err(|sentence| format!("bugs/src/bin/{name}.rs {sentence}"))
    }

    fn parse(name: &str, text: &str) -> Result<Exhibit, String> {
        let header: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        let words = header.iter().take_while(|line| !line.starts_with("- **"));
        let words = words.copied().collect::<Vec<_>>().join("\n").trim().to_owned();
        if words.is_empty() {
            return Err("has no words in its header".into());
        }
        let fact = |label: &str| {
            let start = format!("- **{label}**: ");
            let from = header.iter().position(|line| line.starts_with(&start));
            let lines =
                &header[from.ok_or_else(|| format!("has no line `{start}` in its header"))?..];
            let first = &lines[0][start.len()..];
            let rest = lines[1..].iter().take_while(|line| line.starts_with("  "));
            let lines = std::iter::once(first).chain(rest.map(|line| line.trim()));
            Ok::<String, String>(lines.collect::<Vec<_>>().join(" "))
        };
        let (from, found_in) = (fact("From"), fact("Found in").ok());
        if found_in.is_none() {
            from.as_ref().map_err(String::clone)?;
        }
        let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
        Ok(Exhibit {
            name: name.into(),
            words,
            from: from.ok(),
            found_in,
            review: fact("Review")?,
            anomaly: fact("Fails by")?,
            code: format!("{}\n", code.trim_end()),
        })
    }

    /// Whether its node runs Raft. Each change to what Raft sends makes its runs other ones.
    pub fn runs_raft(&self) -> bool {
        self.code.contains("use bugs::lin_kv::")
    }

    /// The difference between the right node and the one with the bug: lines that begin with `-`
    /// are right, and those with `+` are in their place.
    ///
    /// # Errors
    /// A sentence, when the file has no bug that is marked, or the mark cannot be read.
    pub fn difference(&self) -> Result<String, String> {
        let pieces = self.pieces()?;
        let mut text = String::new();
        for (place, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Same(lines) => {
                    let after = if place > 0 { CONTEXT.min(lines.len()) } else { 0 };
                    let is_last = place + 1 == pieces.len();
                    let before = if is_last { 0 } else { CONTEXT.min(lines.len() - after) };
                    let skipped = lines.len() - after - before;
                    add_lines(&mut text, ' ', &lines[..after]);
                    if skipped > 0 && place > 0 && !is_last {
                        text.push_str("...\n");
                    }
                    add_lines(&mut text, ' ', &lines[after + skipped..]);
                }
                Piece::Bug { right, wrong } => {
                    let right: Vec<String> = right.iter().map(|line| with_rule(line)).collect();
                    add_lines(&mut text, '-', &right);
                    add_lines(&mut text, '+', wrong);
                }
            }
        }
        Ok(text)
    }

    /// The file with the bug alone, for whoever wants to mend it.
    ///
    /// # Errors
    /// As [`difference`](Exhibit::difference).
    pub fn to_mend(&self) -> Result<String, String> {
        let pieces = self.pieces()?;
        let lines = pieces.into_iter().flat_map(|piece| match piece {
            Piece::Same(lines) | Piece::Bug { wrong: lines, .. } => lines,
        });
        Ok(lines.map(|line| line + "\n").collect())
    }

    fn pieces(&self) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        let mut rest = &*self.code;
        while let Some((start, sign)) = first_switch(rest) {
            let unreadable = || format!("bugs/src/bin/{}.rs has a bug without an end", self.name);
            let switch = Switch::read(rest, start, sign).ok_or_else(unreadable)?;
            let line_start = rest[..start].rfind('\n').map_or(0, |place| place + 1);
            let line_end = rest[switch.end..].find('\n').map_or(rest.len(), |at| switch.end + at);
            let (prefix, suffix) = (&rest[line_start..start], &rest[switch.end..line_end]);
            pieces.push(Piece::Same(lines_of(&rest[..line_start])));
            pieces.push(Piece::Bug {
                right: in_place(prefix, switch.right, suffix),
                wrong: in_place(prefix, switch.wrong, suffix),
            });
            rest = rest.get(line_end + 1..).unwrap_or_default();
        }
        if pieces.is_empty() {
            return Err(format!("bugs/src/bin/{}.rs has no `{}`", self.name, SWITCHES[0]));
        }
        pieces.push(Piece::Same(lines_of(rest)));
        Ok(pieces)
    }
}

/// The folder of this package.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Lines of a bug's file.
enum Piece {
    /// The same in the right node.
    Same(Vec<String>),
    Bug {
        right: Vec<String>,
        wrong: Vec<String>,
    },
}

/// Both sides of a bug, and where in the text it ends.
struct Switch<'a> {
    wrong: &'a str,
    right: &'a str,
    end: usize,
}

impl<'a> Switch<'a> {
    /// The one that begins here, with this sign.
    fn read(text: &'a str, start: usize, sign: &str) -> Option<Switch<'a>> {
        let from = start + sign.len();
        let to = from + block_end(&text[from..])?;
        let (first, after) = (&text[from..to], &text[to + 1..]);
        let Some(second) = after.strip_prefix(" else {") else {
            let (wrong, right) = if sign == SWITCHES[0] { (first, "") } else { ("", first) };
            return Some(Switch { wrong, right, end: to + 1 });
        };
        let second_to = block_end(second)?;
        let end = to + 1 + " else {".len() + second_to + 1;
        Some(Switch { wrong: first, right: &second[..second_to], end })
    }
}

/// Where the next switch is, and which.
fn first_switch(text: &str) -> Option<(usize, &'static str)> {
    SWITCHES.into_iter().filter_map(|sign| Some((text.find(sign)?, sign))).min()
}

/// Where the brace is that ends the block whose inside this text begins with. Braces in texts come
/// in pairs.
fn block_end(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(place, letter)| {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(place),
            '}' => depth -= 1,
            _ => {}
        }
        None
    })
}

/// A block's inside as it stands in the code without the switch.
fn in_place(prefix: &str, block: &str, suffix: &str) -> Vec<String> {
    let is_statement = prefix.trim().is_empty() && suffix.trim().is_empty();
    if is_statement && block.trim().is_empty() {
        return Vec::new();
    }
    let inside = lines_of(block.trim());
    let dedented = inside.iter().enumerate().map(|(number, line)| {
        let indented = if number > 0 { line.strip_prefix("    ") } else { None };
        indented.unwrap_or(line).to_owned()
    });
    let inside = dedented.collect::<Vec<_>>().join("\n");
    // Several statements where a value is wanted.
    let is_row = !is_statement && block.contains(";\n");
    let inside = if is_row { format!("{{{block}}}") } else { inside };
    lines_of(&format!("{prefix}{inside}{suffix}"))
}

/// Without the marks of what the book quotes.
fn lines_of(text: &str) -> Vec<String> {
    let is_mark = |line: &&str| line.trim_start().starts_with("// ANCHOR");
    text.lines().filter(|line| !is_mark(line)).map(str::to_owned).collect()
}

fn add_lines(text: &mut String, sign: char, lines: &[String]) {
    for line in lines {
        text.push_str(format!("{sign} {line}").trim_end());
        text.push('\n');
    }
}

/// A line of the right node in which a rule of Raft is named, with that rule itself.
fn with_rule(line: &str) -> String {
    const RULES: &str = include_str!("../../src/protocols/raft/rules.rs");
    let Some((before, named)) = line.split_once("Rules::RAFT.") else { return line.to_owned() };
    let name: String =
        named.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let table = RULES.split("const RAFT").nth(1).unwrap_or_default();
    let start = format!("{name}: ");
    let rule = table.lines().find_map(|line| line.trim().strip_prefix(&start));
    rule.map_or_else(|| line.to_owned(), |rule| format!("{before}{rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
//! It forgets.
//!
//! More.
//!
//! - **From**: a paper,
//!   of 1990.
//! - **Review**: read it.
//! - **Fails by**: lost

// ANCHOR: a
fn a() {
    one();
    if bugs::planted() {
        if x {
            two();
        }
    } else {
        three();
    }
    let b = if bugs::planted() { c } else { d };
    if bugs::planted() {
        four();
    }
    if !bugs::planted() {
        five();
    }
    end();
}

#[cfg(test)]
mod tests {}
";

    #[test]
    fn a_file_is_read_as_data() {
        let exhibit = Exhibit::parse("it", FILE).unwrap();
        assert_eq!(exhibit.words, "It forgets.\n\nMore.");
        assert_eq!(exhibit.from.as_deref(), Some("a paper, of 1990."));
        assert_eq!(exhibit.found_in, None);
        assert_eq!(exhibit.anomaly, "lost");
        assert_eq!(
            exhibit.difference().unwrap(),
            "\n  fn a() {\n      one();\n-     three();\n+     if x {\n+         two();\n+     }\n\
             -     let b = d;\n+     let b = c;\n+     four();\n-     five();\n      end();\n  }\n"
        );
        let to_mend = exhibit.to_mend().unwrap();
        assert!(to_mend.ends_with("    let b = c;\n    four();\n    end();\n}\n"), "{to_mend}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let without = FILE.replace("- **Review**: ", "- Review: ");
        let sentence = Exhibit::parse("it", &without).unwrap_err();
        assert_eq!(sentence, "has no line `- **Review**: ` in its header");
        let without = FILE.replace("- **From**: ", "- From: ");
        let sentence = Exhibit::parse("it", &without).unwrap_err();
        assert_eq!(sentence, "has no line `- **From**: ` in its header");
        let found = FILE.replace("- **From**: ", "- **Found in**: ");
        let exhibit = Exhibit::parse("it", &found).unwrap();
        assert_eq!(exhibit.from, None);
        assert_eq!(exhibit.found_in.as_deref(), Some("a paper, of 1990."));
        let exhibit = Exhibit::parse("it", &FILE.replace("bugs::planted()", "x")).unwrap();
        let sentence = exhibit.difference().unwrap_err();
        assert_eq!(sentence, "bugs/src/bin/it.rs has no `if bugs::planted() {`");
    }

    #[test]
    fn a_rule_of_raft_is_quoted() {
        let line = "may_read: Rules::RAFT.may_read,";
        assert_eq!(with_rule(line), "may_read: |acknowledged| acknowledged,");
    }

    #[test]
    fn nodes_are_right_only_while_they_are_mended() {
        assert!(planted());
        assert!(!mended(planted));
        assert!(planted());
    }
}
