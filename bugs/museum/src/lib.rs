//! The museum's pages: one a bug, an index, and the table in `bugs/README.md`.
//!
//! `make museum` has a test do this (`tests/bugs.rs`), for the tests' program has all bugs in it. It
//! is a package of its own, so that nobody builds the program of each bug for it.

#![expect(clippy::disallowed_methods, reason = "it writes pages, and copies those of runs")]

use std::fs;
use std::path::Path;

use bugs::exhibit::{Exhibit, folder, mended};
use bugs::recorded::{Facts, RecordedRun};
use bugs::shown;
use maelstrom::simulation::{Check, Failure};

/// On so many seeds the right node must pass.
const SEEDS: u64 = 5;

/// The folder of the page of the run, in that of the bug.
const RUN: &str = "run";

/// A bug that has its page.
pub struct Shelved {
    exhibit: Exhibit,
    run: RecordedRun,
}

/// Checks a bug, and writes its page into the folder.
///
/// # Errors
/// A sentence: the bug is not caught, or the right node is.
pub fn shelve(name: &str, check: &Check, museum: &Path) -> Result<Shelved, String> {
    let exhibit = Exhibit::read(name)?;
    let difference = exhibit.difference()?;
    let (run, smallest) = shown(&exhibit, check)?;
    is_right_when_mended(&run, check, 0..SEEDS)?;
    let folder = museum.join(name);
    let from = smallest.page.parent().unwrap_or(Path::new("."));
    let written = copy_folder(from, &folder.join(RUN)).and_then(|()| {
        fs::write(folder.join("index.html"), page(&exhibit, &run, &difference, &smallest.command))
    });
    written.map_err(|error| format!("the page of {name} cannot be written: {error}"))?;
    Ok(Shelved { exhibit, run })
}

/// Whether the right node passes where the one with the bug fails, and on these seeds.
///
/// # Errors
/// A sentence: it does not.
pub fn is_right_when_mended(
    run: &RecordedRun,
    check: &Check,
    mut seeds: std::ops::Range<u64>,
) -> Result<(), String> {
    mended(|| {
        if run.fails_in(&run.replay(check)) {
            return Err("the right node fails as the one with the bug does".into());
        }
        match seeds.find_map(|seed| check.fails(seed).filter(Failure::is_anomaly)) {
            Some(Failure { seed, sentence, .. }) => {
                Err(format!("the right node fails on seed {seed}: {sentence}"))
            }
            None => Ok(()),
        }
    })
}

/// Writes the index of the museum, and the table for the repository.
///
/// # Errors
/// A sentence, when that cannot be written.
pub fn catalogue(shelved: &[Shelved], museum: &Path) -> Result<(), String> {
    let index = museum.join("index.html");
    let readme = folder().join("README.md");
    fs::write(&index, index_page(shelved))
        .and_then(|()| fs::write(&readme, table(shelved)))
        .map_err(|error| format!("the museum's index cannot be written: {error}"))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

const STYLE: &str = "<meta name=viewport content=\"width=device-width\"><style>\
body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}\
pre{background:#f6f8fa;padding:.8rem;overflow-x:auto;line-height:1.35}\
table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:left;\
border-bottom:1px solid #ddd}td.n,th.n{text-align:right}\
.wrong{background:#ffe3e0}.right{background:#dcf5df}iframe{width:100%;height:40rem;\
border:1px solid #ddd}</style>";

fn page(exhibit: &Exhibit, run: &RecordedRun, difference: &str, command: &str) -> String {
    let Exhibit { name, words, from, found_in, review, .. } = exhibit;
    let sources: String = [("From", from), ("Found in", found_in)]
        .into_iter()
        .filter_map(|(label, fact)| Some((label, prose(fact.as_deref()?))))
        .map(|(label, fact)| format!("<p><b>{label}:</b> {fact}</p>\n"))
        .collect();
    let words: String =
        words.split("\n\n").map(|words| format!("<p>{}</p>\n", prose(words))).collect();
    let lines: String = difference
        .lines()
        .map(|line| {
            let class = match line.chars().next() {
                Some('-') => " class=right",
                Some('+') => " class=wrong",
                _ => "",
            };
            format!("<span{class}>{}</span>\n", escape(line))
        })
        .collect();
    let (facts, seen) = (&run.facts, seen_by(run));
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{name}</title>{STYLE}\n\
         <p><a href=../index.html>The museum of bugs</a></p>\n<h1>{name}</h1>\n{words}\
         {sources}\
         <h2>The difference</h2>\n<p>Lines with − are the right node's, and those with + stand in \
         their place.</p>\n<pre>{lines}</pre>\n\
         <p><b>What would have caught it in review:</b> {review}</p>\n\
         <h2>The smallest run that shows it</h2>\n\
         <p>It fails by <b>{kind}</b>, as {seen} see. It has {left}; the {first}, from which \
         it was made, has {before}.</p>\n\
         <p><a href={RUN}/index.html>The page of this run</a></p>\n\
         <iframe src={RUN}/index.html title=\"the page of the run\"></iframe>\n\
         <p>Again:</p><pre>{command}</pre>\n\
         <h2>Mend it</h2>\n<pre>make bug-{name} MEND=1</pre>\n\
         <p>The first time, this leaves the node in <code>bugs/examples/{name}.rs</code>. Mend it \
         there, and the same command judges it. <code>SOLUTION=1</code> behind it judges the right \
         lines.</p>\n</html>\n",
        review = prose(review),
        kind = escape(&run.fails_by()),
        left = facts.left,
        first = facts.seed.map_or_else(
            || "tape that was written by hand".into(),
            |seed| format!("run of seed {seed}")
        ),
        before = facts.before,
        command = escape(command),
    )
}

fn seen_by(run: &RecordedRun) -> &'static str {
    if run.is_seen_by_clients() { "clients" } else { "only those who look inside the nodes" }
}

fn index_page(shelved: &[Shelved]) -> String {
    let rows: String = shelved
        .iter()
        .map(|Shelved { exhibit, run }| {
            let (name, left) = (&exhibit.name, run.facts.left);
            format!(
                "<tr><td><a href={name}/index.html>{name}</a><td>{}<td>{}<td class=n>{}\
                 <td class=n>{}<td class=n>{}<td class=n>{}\n",
                prose(first_sentence(&exhibit.words)),
                escape(&run.fails_by()),
                left.operations,
                run.facts.messages_shown,
                left.faults,
                left.nodes,
            )
        })
        .collect();
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>The museum of bugs</title>{STYLE}\n\
         <style>body{{max-width:76rem}}td:nth-child(2){{min-width:24rem}}</style>\n\
         <h1>The museum of bugs</h1>\n<p>{} nodes that are wrong in one way each, and the smallest \
         run that shows it.</p>\n<table><tr><th>bug<th>what is wrong<th>fails by\
         <th class=n>operations<th class=n>messages<th class=n>faults<th class=n>nodes\n{rows}\
         </table>\n</html>\n",
        shelved.len()
    )
}

/// The table that is kept in the repository.
fn table(shelved: &[Shelved]) -> String {
    let found = shelved.iter().filter(|bug| bug.exhibit.found_in.is_some()).count();
    let medians = medians(shelved);
    let rows: String = shelved
        .iter()
        .map(|Shelved { exhibit, run }| {
            let (name, facts) = (&exhibit.name, &run.facts);
            format!(
                "| [`{name}`](src/bin/{name}.rs) | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} \
                 | {:.1} |\n",
                run.fails_by().replace('|', "\\|"),
                if run.is_seen_by_clients() { "yes" } else { "no" },
                facts.seed.map_or_else(|| "by hand".into(), |seed| seed.to_string()),
                facts.before.operations,
                facts.left.operations,
                facts.before.messages,
                facts.left.messages,
                facts.messages_shown,
                facts.left.faults,
                facts.left.nodes,
                facts.seconds,
            )
        })
        .collect();
    let sources: String = shelved
        .iter()
        .map(|Shelved { exhibit, .. }| {
            let words = first_sentence(&exhibit.words).replace('\n', " ");
            let Exhibit { name, from, found_in, .. } = exhibit;
            let facts: String = [("From", from), ("Found in", found_in)]
                .into_iter()
                .filter_map(|(label, fact)| Some(format!("  {label}: {}\n", fact.as_ref()?)))
                .collect();
            format!("- **[{name}](src/bin/{name}.rs)**: {words}\n{facts}")
        })
        .collect();
    format!(
        "# The museum of bugs\n\n\
         {} nodes that are wrong in one way each, and how the bench catches them. {found} of these \
         bugs, or\nthe like, were found in programs that people use.\n\n\
         `make bug-<name>` shows one: what it breaks, the difference from the right node, and the \
         smallest run\nthat shows it, with its page. `make bug-<name> MEND=1` lets you mend it. \
         `make museum` checks all of\nthem, writes a page for each into `target/museum/`, and \
         writes this file.\n\n\
         ## How small their runs become\n\n\
         Each run is recorded in [`runs/`](runs). Operations are those that clients begin, final \
         reads\nincluded. Messages are all that are sent, those with which nodes are told their \
         names included;\n*shown* are those that operations cause. Seconds are what it took to \
         make the run small.\n\n{medians}\n\
         | bug | fails by | clients alone see it | seed | operations before | after | messages \
         before | after | shown | faults | nodes | seconds |\n\
         |---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n{rows}\n\
         ## Where they come from\n\n{sources}",
        shelved.len()
    )
}

/// A name, and what of a run it is.
type Column = (&'static str, fn(&Facts) -> f64);

/// The median and the most of each column, as a sentence.
fn medians(shelved: &[Shelved]) -> String {
    let columns: [Column; 5] = [
        ("operations", |facts| facts.left.operations as f64),
        ("messages shown", |facts| facts.messages_shown as f64),
        ("faults", |facts| facts.left.faults as f64),
        ("nodes", |facts| facts.left.nodes as f64),
        ("seconds", |facts| facts.seconds),
    ];
    let words = columns.map(|(name, value)| {
        let mut values: Vec<f64> = shelved.iter().map(|bug| value(&bug.run.facts)).collect();
        values.sort_by(f64::total_cmp);
        let median = values.get(values.len().saturating_sub(1) / 2).unwrap_or(&0.0);
        format!("{name} {median} ({})", values.last().unwrap_or(&0.0))
    });
    format!("Medians, and in brackets the most: {}.\n", words.join(", "))
}

/// Up to the first full stop that ends a sentence.
fn first_sentence(words: &str) -> &str {
    let paragraph = words.split("\n\n").next().unwrap_or(words);
    let stops = [". ", ".\n"].iter().filter_map(|stop| paragraph.find(stop));
    stops.min().map_or(paragraph, |end| &paragraph[..=end])
}

/// Text as HTML, with `code` as such.
fn prose(text: &str) -> String {
    let escaped = escape(text);
    let pieces = escaped.split('`').enumerate();
    pieces
        .map(|(number, piece)| match number % 2 {
            0 => piece.replace('*', ""),
            _ => format!("<code>{piece}</code>"),
        })
        .collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
