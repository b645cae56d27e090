//! Links between pages and to files, the table of contents, and the order of the glossary.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::page::Page;
use crate::{Failure, Mode};

const SUMMARY: &str = "book/SUMMARY.md";
const GLOSSARY: &str = "book/glossary.md";

/// Follows every link of these pages that does not lead into the web.
pub fn check(root: &Path, pages: &[Page]) -> Vec<Failure> {
    let headings: BTreeMap<PathBuf, Vec<String>> =
        pages.iter().map(|page| (PathBuf::from(&page.path), headings(page))).collect();
    let mut failures = Vec::new();
    for page in pages {
        for (line, link) in links(page) {
            if let Err(sentence) = follow(root, page, &link, &headings) {
                failures.push(page.failure(line, sentence));
            }
        }
    }
    failures
}

fn follow(
    root: &Path,
    page: &Page,
    link: &str,
    headings: &BTreeMap<PathBuf, Vec<String>>,
) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
    let here = PathBuf::from(&page.path);
    let target = match file {
        "" => Some(here),
        file => joined(here.parent().unwrap_or(Path::new("")), file),
    };
    let Some(target) = target.filter(|target| root.join(target).exists()) else {
        return Err(format!(
            "the link {link} leads nowhere: there is no such file. A path is relative to the \
             page's own folder."
        ));
    };
    match headings.get(&target) {
        Some(headings) if !fragment.is_empty() && !headings.iter().any(|id| id == fragment) => {
            Err(format!(
                "the link {link} leads to a heading that {} does not have. Its headings: {}.",
                target.display(),
                headings.join(", ")
            ))
        }
        _ => Ok(()),
    }
}

/// A path relative to a folder, from the root, unless it leads out of the root.
fn joined(folder: &Path, relative: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in folder.join(relative).components() {
        match component {
            Component::ParentDir => path.pop().then_some(())?,
            Component::Normal(name) => path.push(name),
            Component::CurDir => (),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

fn events(text: &str) -> impl Iterator<Item = (Event<'_>, std::ops::Range<usize>)> {
    Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter()
}

/// The links and pictures of a page, each with the index of its line.
fn links(page: &Page) -> Vec<(usize, String)> {
    let text = page.lines.join("\n");
    let targets = events(&text).filter_map(|(event, range)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some((text[..range.start].matches('\n').count(), dest_url.into_string()))
        }
        _ => None,
    });
    targets.collect()
}

/// The names by which links call the headings of a page: those that mdBook and others give them.
fn headings(page: &Page) -> Vec<String> {
    let text = page.lines.join("\n");
    let mut ids: Vec<String> = Vec::new();
    let mut heading: Option<String> = None;
    for (event, _) in events(&text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(piece) | Event::Code(piece) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&piece);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let id = id_of(&heading.take().unwrap_or_default());
                let same = ids.iter().filter(|other| **other == id).count();
                ids.push(if same == 0 { id } else { format!("{id}-{same}") });
            }
            _ => (),
        }
    }
    ids
}

fn id_of(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_lowercase().to_string()),
        c if c.is_whitespace() => Some("-".to_owned()),
        _ => None,
    });
    kept.collect()
}

/// Every page of the book is in the table of contents.
pub fn check_summary(pages: &[Page]) -> Vec<Failure> {
    let Some(summary) = pages.iter().find(|page| page.path == SUMMARY) else { return Vec::new() };
    let listed: Vec<String> = links(summary).into_iter().map(|(_, link)| link).collect();
    let of_the_book = pages.iter().filter(|page| page.path.starts_with("book/"));
    let missing = of_the_book
        .filter(|page| page.path != SUMMARY && !listed.iter().any(|link| link == page.name()));
    let sentence = |page: &Page| {
        let name = page.name();
        summary.failure(0, format!("{name} is missing. Add - [Its title]({name})."))
    };
    missing.map(sentence).collect()
}

/// The entries of the glossary are in order. An update sorts them.
pub fn hold_glossary(root: &Path, page: &mut Page, mode: Mode) -> Vec<Failure> {
    if page.path != GLOSSARY {
        return Vec::new();
    }
    let text = page.lines.join("\n");
    let mut blocks: Vec<&str> = text.trim_end().split("\n\n").collect();
    let start = blocks.iter().position(|block| block.starts_with("**")).unwrap_or(blocks.len());
    let entries = &mut blocks[start..];
    let key = |entry: &&str| entry.split("**").nth(1).unwrap_or_default().to_lowercase();
    let Some(at) = (1..entries.len()).find(|at| key(&entries[*at]) < key(&entries[at - 1])) else {
        return Vec::new();
    };
    if mode == Mode::Update {
        entries.sort_by_key(key);
        page.lines = blocks.join("\n\n").lines().map(str::to_owned).collect();
        page.write(root);
        return Vec::new();
    }
    let line = page
        .lines
        .iter()
        .position(|line| entries[at].starts_with(line.as_str()) && !line.is_empty());
    let sentence = "this entry is not in the order of the alphabet. Run make book-update.";
    vec![page.failure(line.unwrap_or_default(), sentence.to_owned())]
}
