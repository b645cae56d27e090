//! What the book shows is what there is.
//!
//! A page of the book quotes code from the source, shows what commands print, and has drawings
//! that runs left. All three go stale in silence, so this program holds the pages against what
//! they are made from. It also follows every link, keeps the glossary in order, and sees that a
//! module which names a chapter is named there.
//!
//! In Markdown the three forms are:
//!
//! - `<!-- quote: src/bin/echo.rs#handle -->`, and below it a block of code. The source has
//!   `// ANCHOR: handle` and `// ANCHOR_END: handle` around the lines. Without `#handle`, the whole
//!   file is quoted.
//! - a block of code in the language `console`: lines that begin with `$ ` are commands, the others
//!   are what they print. A line that is only `...` stands for any lines, `[..]` within a line for
//!   any characters. A command goes on in the next line after a `\`, or where that begins with `> `.
//! - `<!-- figure: figures/3-naive.svg from store/latest/messages.svg -->`, and below it the
//!   picture. The file is what the commands before it left.
//!
//! `cargo test --test book` checks all but commands and figures, which need the programs to be
//! built: `make book-test` builds them and runs everything (`BOOK=run`). `make book-update`
//! rewrites the pages instead (`BOOK=update`). `CHAPTER=03` restricts both to one chapter.
//!
//! Deliberately absent: addresses on the web are not fetched.
#![allow(
    clippy::disallowed_methods,
    reason = "it reads the pages, writes them, and runs the commands in them"
)]

mod console;
mod links;
mod modules;
mod page;
mod quote;

#[cfg(test)]
mod fixtures;

use std::fmt;
use std::fs;
use std::path::Path;

use page::{Made, Page};

/// Something that does not hold.
#[derive(Debug)]
struct Failure {
    /// The page, from the root of the repository.
    path: String,
    /// The line in it, from one.
    line: usize,
    /// What is wrong, and what to do.
    sentence: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.sentence)
    }
}

/// What is done with the pages.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Everything is checked but commands and figures.
    Check,
    /// Commands are run, too.
    Run,
    /// What is stale is written anew.
    Update,
}

/// Pages outside of the book whose links are followed, and whose quotes are held against the
/// source.
const OTHER_PAGES: [&str; 3] = ["README.md", "CONTRIBUTING.md", "checker/README.md"];

/// Does it with the book in `root`. Commands run in the pages whose names begin with `chapter`.
///
/// # Errors
/// What does not hold; after an update, what an update cannot mend.
fn hold(root: &Path, mode: Mode, chapter: &str) -> Result<(), Vec<Failure>> {
    let mut failures = Vec::new();
    for mut page in pages(root) {
        let runs = mode != Mode::Check && page.name().starts_with(chapter);
        failures.extend(hold_page(root, &mut page, mode, runs));
        failures.extend(links::hold_glossary(root, &mut page, mode));
    }
    // The pages may have been rewritten.
    let pages = pages(root);
    failures.extend(links::check(root, &pages));
    failures.extend(links::check_summary(&pages));
    failures.extend(modules::check(root, &pages));
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

/// The pages of the book in the order of their names, then the others.
fn pages(root: &Path) -> Vec<Page> {
    let files = fs::read_dir(root.join("book")).expect("the folder book/ can be read");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".md")).collect();
    names.sort();
    let paths = names.iter().map(|name| format!("book/{name}"));
    let others = OTHER_PAGES.iter().map(|path| (*path).to_owned());
    let others = others.filter(|path| root.join(path).exists());
    paths.chain(others).map(|path| Page::read(root, path)).collect()
}

/// Holds one page against what it is made from, from its first line to its last.
fn hold_page(root: &Path, page: &mut Page, mode: Mode, runs: bool) -> Vec<Failure> {
    let (parts, mut failures) = page.parts();
    let mut changes = Vec::new();
    for part in parts {
        let at_line = part.line;
        let result = match part.made {
            Made::Quote { source, anchor, code } => {
                let shown = &page.lines[code.clone()];
                match quote::from(root, &source, anchor.as_deref()) {
                    Ok(lines) if lines == shown => Ok(()),
                    Ok(lines) if mode == Mode::Update => {
                        changes.push((code, lines));
                        Ok(())
                    }
                    Ok(lines) => Err((at_line, quote::difference(&source, shown, &lines))),
                    Err(sentence) => Err((at_line, sentence)),
                }
            }
            Made::Console { body } if runs => {
                let shown = page.lines[body.clone()].to_vec();
                match console::hold(root, &shown, mode == Mode::Update) {
                    Ok(None) => Ok(()),
                    Ok(Some(lines)) => {
                        changes.push((body, lines));
                        Ok(())
                    }
                    Err((offset, sentence)) => Err((body.start + offset, sentence)),
                }
            }
            Made::Figure { file, from } if runs => {
                hold_figure(root, &file, &from, mode).map_err(|sentence| (at_line, sentence))
            }
            Made::Console { .. } | Made::Figure { .. } => Ok(()),
        };
        if let Err((line, sentence)) = result {
            failures.push(page.failure(line, sentence));
        }
    }
    if !changes.is_empty() {
        for (range, lines) in changes.into_iter().rev() {
            page.lines.splice(range, lines);
        }
        page.write(root);
    }
    failures
}

/// Holds a figure of the book against the drawing that a run left.
fn hold_figure(root: &Path, file: &str, from: &str, mode: Mode) -> Result<(), String> {
    let Ok(drawn) = fs::read(root.join(from)) else {
        return Err(format!(
            "the commands above left no {from} for the figure. Look into its folder for what \
             the run drew."
        ));
    };
    let path = root.join("book").join(file);
    if fs::read(&path).ok().as_ref() == Some(&drawn) {
        return Ok(());
    }
    if mode != Mode::Update {
        return Err(format!(
            "the figure book/{file} is not what the run left in {from}. Run make book-update, \
             look at the figure, and see whether the words around it still hold."
        ));
    }
    let folder = path.parent().expect("a file is in a folder");
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, drawn));
    written.map_err(|error| format!("book/{file} cannot be written: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This repository's own book. `BOOK` and `CHAPTER` say what is done with it.
    #[test]
    fn the_book_holds() {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let mode = match variable("BOOK").as_str() {
            "" => Mode::Check,
            "run" => Mode::Run,
            "update" => Mode::Update,
            other => panic!("BOOK={other} is neither run nor update"),
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        if let Err(failures) = hold(root, mode, &variable("CHAPTER")) {
            let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
            panic!("the book does not hold:\n{}", lines.join("\n"));
        }
    }
}
