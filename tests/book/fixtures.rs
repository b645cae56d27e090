//! Small books, each with one thing that does not hold.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::{Mode, hold};

/// The source that the pages quote.
const SOURCE: &str = "\
//! Chapter 1 of the book, `book/01-page.md`, reads this.

fn before() {}

impl Echo {
    // ANCHOR: handle
    fn handle() {
        reply();
    }
    // ANCHOR_END: handle
}
";

/// A page that holds.
const PAGE: &str = "\
# A page

<!-- quote: src/echo.rs#handle -->
```rust
fn handle() {
    reply();
}
```

See [the source](../src/echo.rs) and [above](#a-page).

```console
$ mkdir -p store && printf 'drawing\\n' > store/run.svg
$ printf 'seed 1\\n5 ms\\nvalid\\n'
seed 1
[..] ms
valid
```

<!-- figure: figures/run.svg from store/run.svg -->
![A run](figures/run.svg)
";

/// A repository with one page, which holds.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in [
        ("src/echo.rs", SOURCE),
        ("book/SUMMARY.md", "# Summary\n\n- [A page](01-page.md)\n"),
        ("book/01-page.md", PAGE),
        ("book/figures/run.svg", "drawing\n"),
    ] {
        write(folder.path(), path, text);
    }
    folder
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).expect("a file")
}

/// What does not hold in the repository.
fn failures(root: &Path, mode: Mode) -> Vec<String> {
    let failures = hold(root, mode, "").err().unwrap_or_default();
    failures.iter().map(ToString::to_string).collect()
}

/// Replaces something in a file of a repository that holds, and gives what no longer does.
fn after(path: &str, old: &str, new: &str) -> Vec<String> {
    let folder = repository();
    let text = read(folder.path(), path);
    assert!(text.contains(old), "{old} is in {path}");
    write(folder.path(), path, &text.replacen(old, new, 1));
    failures(folder.path(), Mode::Run)
}

#[track_caller]
fn one(failures: &[String], beginning: &str, part: &str) {
    let [failure] = failures else { panic!("one failure, not {failures:#?}") };
    assert!(failure.starts_with(beginning) && failure.contains(part), "{failure}");
}

#[test]
fn a_page_that_shows_what_there_is_holds() {
    assert_eq!(failures(repository().path(), Mode::Run), [""; 0]);
}

#[test]
fn a_changed_quote_is_seen() {
    let changed = after("src/echo.rs", "reply()", "reply_twice()");
    one(&changed, "book/01-page.md:3: ", "its line 2 is \"    reply();\"");
    let changed = after("book/01-page.md", "    reply();\n", "");
    one(&changed, "book/01-page.md:3: ", "there stands \"    reply();\"");
    let renamed = after("src/echo.rs", "ANCHOR: handle", "ANCHOR: answer");
    one(&renamed, "book/01-page.md:3: ", "has no anchor handle");
    one(&after("book/01-page.md", "src/echo.rs#", "src/no.rs#"), "book/01-page.md:3: ", "no file");
}

#[test]
fn a_changed_output_is_seen() {
    let changed = after("book/01-page.md", "5 ms\\nvalid", "5 ms\\ninvalid");
    one(&changed, "book/01-page.md:17: ", "prints \"invalid\"");
    let more = after("book/01-page.md", "valid\\n'", "valid\\nmore\\n'");
    one(&more, "book/01-page.md:17: ", "prints \"more\"");
    let less = after("book/01-page.md", "\\nvalid\\n'", "\\n'");
    one(&less, "book/01-page.md:17: ", "prints nothing more");
}

#[test]
fn a_changed_figure_is_seen() {
    let changed = after("book/figures/run.svg", "drawing", "picture");
    one(&changed, "book/01-page.md:20: ", "is not what the run left in store/run.svg");
    let moved = after("book/01-page.md", "from store/run.svg", "from store/other.svg");
    one(&moved, "book/01-page.md:20: ", "left no store/other.svg");
}

#[test]
fn a_broken_link_is_seen() {
    let broken = after("book/01-page.md", "../src/echo.rs)", "../src/gone.rs)");
    one(&broken, "book/01-page.md:10: ", "leads nowhere");
    let broken = after("book/01-page.md", "#a-page", "#another");
    one(&broken, "book/01-page.md:10: ", "Its headings: a-page.");
    let folder = repository();
    write(folder.path(), "book/02-page.md", "# Another\n");
    one(&failures(folder.path(), Mode::Check), "book/SUMMARY.md:1: ", "02-page.md is missing");
}

#[test]
fn a_module_that_does_not_name_its_chapter_is_seen() {
    let silent = after("src/echo.rs", "//! Chapter 1 of", "//! Somewhere in");
    one(&silent, "src/echo.rs:1: ", "//! Chapter 1 of the book, `book/01-page.md`, reads this.");
    let wrong = after("src/echo.rs", "01-page.md", "02-page.md");
    one(&wrong, "src/echo.rs:1: ", "there is no book/02-page.md");
}

#[test]
fn wrong_forms_are_told() {
    let no_code = after("book/01-page.md", "```rust\n", "\n```rust\n");
    one(&no_code, "book/01-page.md:3: ", "right below it");
    let no_picture = after("book/01-page.md", "![A run]", "\n![A run]");
    one(&no_picture, "book/01-page.md:20: ", "right below it");
    let no_command = after("book/01-page.md", "$ mkdir", "mkdir");
    one(&no_command[..1], "book/01-page.md:13: ", "begins with a command");
}

#[test]
fn an_update_mends_what_is_stale() {
    let folder = repository();
    let root = folder.path();
    let stale = PAGE.replace("    reply();\n", "").replace("[..] ms\nvalid\n", "nothing\n");
    write(root, "book/01-page.md", &stale);
    write(root, "book/figures/run.svg", "stale");
    assert_eq!(failures(root, Mode::Update), [""; 0]);
    assert_eq!(read(root, "book/01-page.md"), PAGE.replace("[..] ms", "5 ms"));
    assert_eq!(read(root, "book/figures/run.svg"), "drawing\n");
    assert_eq!(failures(root, Mode::Run), [""; 0]);
}

#[test]
fn commands_are_run_only_when_asked() {
    let page = "# A page\n\n[Source](../src/echo.rs)\n\n```console\n$ sleep 100\n```\n";
    let folder = repository();
    write(folder.path(), "book/01-page.md", page);
    assert_eq!(failures(folder.path(), Mode::Check), [""; 0]);
}

#[test]
fn the_glossary_is_in_order() {
    let folder = repository();
    let root = folder.path();
    write(root, "book/SUMMARY.md", "# Summary\n\n- [A](01-page.md)\n- [G](glossary.md)\n");
    let (a, b) = ("**acknowledgement**: a reply.", "**broadcast**: to all,\nin two lines.");
    write(root, "book/glossary.md", &format!("# Glossary\n\nTerms.\n\n{b}\n\n{a}\n"));
    one(&failures(root, Mode::Check), "book/glossary.md:8: ", "order of the alphabet");
    assert_eq!(failures(root, Mode::Update), [""; 0]);
    let sorted = format!("# Glossary\n\nTerms.\n\n{a}\n\n{b}\n");
    assert_eq!(read(root, "book/glossary.md"), sorted);
}
