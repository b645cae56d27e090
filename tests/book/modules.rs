//! Modules that say which chapter reads them: the chapter is there, and leads to the module.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::page::Page;

/// Where modules are.
const SOURCES: [&str; 5] =
    ["src", "maelstrom/src", "maelstrom/bench/src", "checker/src", "bugs/src"];

/// Checks that a module to which a chapter leads has a line
/// `//! Chapter 3 of the book, `book/03-broadcast.md`, reads this.`, and that the chapter which such
/// a line names leads there.
pub fn check(root: &Path, pages: &[Page]) -> Vec<Failure> {
    let mut files = Vec::new();
    SOURCES.iter().for_each(|folder| collect(&root.join(folder), &mut files));
    files.sort();
    files.iter().filter_map(|file| check_file(root, file, pages)).collect()
}

/// The Rust files in a folder and in those below it.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

fn check_file(root: &Path, file: &Path, pages: &[Page]) -> Option<Failure> {
    let text = fs::read_to_string(file).ok()?;
    let path = file.strip_prefix(root).ok()?.to_str()?.to_owned();
    // A folder is known by its name, and `mod.rs` is its first file.
    let name = path.strip_suffix("/mod.rs").unwrap_or(&path);
    let is_named = |line: &str| line.starts_with("//! Chapter ") && line.ends_with(" reads this.");
    let Some((at, line)) = text.lines().enumerate().find(|(_, line)| is_named(line)) else {
        let chapter = pages.iter().find(|page| leads_to(page, name, &path))?;
        let number = chapter.name().split('-').next()?.trim_start_matches('0');
        // What `make bug-…` prints of a bug has no need of it.
        let sentence = format!(
            "{} leads here, and the head of this file does not say so. End it with: \
             //! Chapter {number} of the book, `{}`, reads this.",
            chapter.path, chapter.path
        );
        return (!path.starts_with("bugs/")).then_some(Failure { path, line: 1, sentence });
    };
    let chapter = line.split('`').nth(1)?;
    let sentence = match pages.iter().find(|page| page.path == chapter) {
        None => format!("there is no {chapter}."),
        Some(page) if !page.lines.iter().any(|line| line.contains(name)) => {
            format!("{chapter} does not lead here: it does not name {name}.")
        }
        Some(_) => return None,
    };
    Some(Failure { path, line: at + 1, sentence })
}

/// Whether this is a chapter, and it has a link to the module or quotes it.
fn leads_to(page: &Page, name: &str, path: &str) -> bool {
    let is_chapter = page.path.starts_with("book/") && page.name().starts_with(char::is_numeric);
    let links = [format!("](../{name})"), format!("](../{name}/)"), format!("](../{path})")];
    let quote = format!("<!-- quote: {path}#");
    let leads = |line: &String| {
        line.starts_with(&quote) || links.iter().any(|link| line.contains(link.as_str()))
    };
    is_chapter && page.lines.iter().any(leads)
}
