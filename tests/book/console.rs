//! Commands, and what they print.

use std::ops::Range;
use std::path::Path;
use std::process::Command;

/// How long a command may take. An update waits longer: who writes may do other things besides.
const LIMIT_SECS: u32 = 20;
const UPDATE_LIMIT_SECS: u32 = 120;

/// A command of a block.
struct Typed {
    /// The index of its first line in the block.
    line: usize,
    /// The command, as bash gets it.
    text: String,
    /// The lines of what it prints.
    shown: Range<usize>,
}

/// Runs the commands of a block one after another, and compares what they print.
/// If `updates`, gives the lines of the block anew where they do not fit.
///
/// # Errors
/// The index of a line, and what is wrong with it.
pub fn hold(
    root: &Path,
    block: &[String],
    updates: bool,
) -> Result<Option<Vec<String>>, (usize, String)> {
    let mut lines = block.to_vec();
    for typed in commands(block)? {
        let limit_secs = if updates { UPDATE_LIMIT_SECS } else { LIMIT_SECS };
        let printed =
            run(root, &typed.text, limit_secs).map_err(|sentence| (typed.line, sentence))?;
        let shown = &block[typed.shown.clone()];
        let Err(difference) = fits(shown, &printed) else { continue };
        if !updates {
            let (offset, sentence) = difference;
            return Err((typed.shown.start + offset, sentence));
        }
        // What stands below is not moved by this: it is counted from the end.
        let from_end = |index: usize| lines.len() - (block.len() - index);
        let range = from_end(typed.shown.start)..from_end(typed.shown.end);
        lines.splice(range, renewed(shown, &printed));
    }
    Ok((lines != block).then_some(lines))
}

/// The commands of a block.
fn commands(block: &[String]) -> Result<Vec<Typed>, (usize, String)> {
    let mut commands: Vec<Typed> = Vec::new();
    for (index, line) in block.iter().enumerate() {
        if let Some(text) = line.strip_prefix("$ ") {
            commands.push(Typed { line: index, text: text.into(), shown: index + 1..index + 1 });
            continue;
        }
        let Some(last) = commands.last_mut() else {
            let sentence = "a console block begins with a command: a line that begins with \"$ \".";
            return Err((index, sentence.to_owned()));
        };
        let goes_on = last.shown.is_empty() && last.shown.start == index;
        if goes_on && (last.text.ends_with('\\') || line.starts_with("> ") || line == ">") {
            let more = line.strip_prefix('>').map(|more| more.strip_prefix(' ').unwrap_or(more));
            last.text = format!("{}\n{}", last.text, more.unwrap_or(line));
            last.shown = index + 1..index + 1;
        } else {
            last.shown.end = index + 1;
        }
    }
    Ok(commands)
}

/// What a command prints on stdout and stderr, by lines.
fn run(root: &Path, text: &str, limit_secs: u32) -> Result<Vec<String>, String> {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=1").arg(limit_secs.to_string());
    command.args(["bash", "-c", &format!("exec 2>&1 < /dev/null\n{text}")]).current_dir(root);
    // A command is typed by a reader: not by this test, and not by the make that runs it.
    for name in ["SEED", "SEEDS", "BOOK", "CHAPTER", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARGS"] {
        command.env_remove(name);
    }
    // `make` would build what is built already, only differently: see `make book-test`.
    command
        .env("CARGO", "true")
        .env("PROFILE", "release")
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "dumb");
    let output = command.output().map_err(|error| format!("timeout cannot be run: {error}."))?;
    // The second of the two is of a command that had to be killed.
    if matches!(output.status.code(), Some(124 | 137)) {
        return Err(format!(
            "{text} takes more than {limit_secs} s. Use a smaller run, or a seed: then it runs in \
             virtual time."
        ));
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<String> = printed.lines().map(|line| line.trim_end().to_owned()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    Ok(lines)
}

/// A line that stands for any lines.
const ANY_LINES: &str = "...";

/// Characters that stand for any characters of a line.
const ANY_CHARACTERS: &str = "[..]";

/// Whether what is shown fits what was printed; else the first line shown that does not, and a
/// sentence.
pub fn fits(shown: &[String], printed: &[String]) -> Result<(), (usize, String)> {
    let shown = without_blank_end(shown);
    let mut pieces = pieces(shown).into_iter().peekable();
    let (mut at, mut is_first) = (0, true);
    while let Some(piece) = pieces.next() {
        let lines = &shown[piece.clone()];
        let is_last = pieces.peek().is_none();
        let latest = printed.len().saturating_sub(lines.len());
        let starts = match (is_first, is_last) {
            (true, _) => 0..1,
            (false, true) => at.max(latest)..at.max(latest) + 1,
            (false, false) => at..latest.max(at) + 1,
        };
        let fits_at = |start: usize| {
            (0..lines.len()).find(|index| {
                printed.get(start + index).is_none_or(|line| !line_fits(&lines[*index], line))
            })
        };
        let Some(start) = starts.clone().find(|start| fits_at(*start).is_none()) else {
            let wrong = fits_at(starts.start).unwrap_or_default();
            let place = starts.start + wrong;
            return Err((
                piece.start + wrong,
                difference(&lines[wrong], printed.get(place), starts.len()),
            ));
        };
        at = start + lines.len();
        if is_last && at < printed.len() {
            let sentence = difference("nothing more", printed.get(at), 1);
            return Err((piece.end.max(1) - 1, sentence));
        }
        is_first = false;
    }
    Ok(())
}

fn without_blank_end(lines: &[String]) -> &[String] {
    let end = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |index| index + 1);
    &lines[..end]
}

/// The ranges between the lines that stand for any lines. There is one more than such lines.
fn pieces(shown: &[String]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (index, line) in shown.iter().enumerate() {
        if line.trim() == ANY_LINES {
            pieces.push(start..index);
            start = index + 1;
        }
    }
    pieces.push(start..shown.len());
    pieces
}

/// Whether a line shown, in which some characters may stand for any, fits one printed.
fn line_fits(shown: &str, printed: &str) -> bool {
    let mut pieces = shown.trim_end().split(ANY_CHARACTERS);
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let mut is_whole = true;
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        is_whole = false;
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    !is_whole || rest.is_empty()
}

fn difference(shown: &str, printed: Option<&String>, places: usize) -> String {
    let printed = match printed {
        _ if places > 1 => "no such line is printed there".to_owned(),
        Some(line) => format!("the command prints \"{line}\""),
        None => "the command prints nothing more".to_owned(),
    };
    format!(
        "the page shows \"{shown}\", and {printed}. Run make book-update, and see whether the \
         words around it still hold."
    )
}

/// What was printed, cut as the page cut it before: the same number of lines at the beginning and
/// at the end, and between them whatever still fits. Where that cannot be, all of it.
fn renewed(shown: &[String], printed: &[String]) -> Vec<String> {
    let shown = without_blank_end(shown);
    let pieces = pieces(shown);
    let (first, last) = (pieces[0].clone(), pieces[pieces.len() - 1].clone());
    if pieces.len() == 1 || first.len() + last.len() > printed.len() {
        return printed.to_vec();
    }
    // A line that fits stays as it is.
    let line = |shown: &String, printed: &String| {
        if line_fits(shown, printed) { shown.clone() } else { printed.clone() }
    };
    let lines = |shown: Range<usize>, printed: &[String], all: &[String]| -> Vec<String> {
        all[shown].iter().zip(printed).map(|(shown, printed)| line(shown, printed)).collect()
    };
    let end = printed.len() - last.len();
    let mut new = lines(first.clone(), printed, shown);
    let (mut kept, mut at) = (vec![ANY_LINES.to_owned()], first.len());
    for piece in &pieces[1..pieces.len() - 1] {
        let middle = &shown[piece.clone()];
        let fits_at = |start: &usize| {
            (0..middle.len()).all(|index| line_fits(&middle[index], &printed[start + index]))
        };
        let Some(start) = (at..(end + 1).saturating_sub(middle.len())).find(fits_at) else {
            return printed.to_vec();
        };
        kept.extend(middle.iter().cloned());
        kept.push(ANY_LINES.to_owned());
        at = start + middle.len();
    }
    new.extend(kept);
    new.extend(lines(last, &printed[end..], shown));
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn fit(shown: &str, printed: &str) -> bool {
        fits(&lines(shown), &lines(printed)).is_ok()
    }

    #[test]
    fn what_stands_for_anything_fits_anything() {
        assert!(fit("a\nb", "a\nb"));
        assert!(!fit("a\nb", "a"));
        assert!(!fit("a", "a\nb"));
        assert!(!fit("", "a"));
        assert!(fit("", ""));
        assert!(fit("...", "") && fit("...", "a\nb"));
        assert!(fit("a\n...", "a") && fit("a\n...", "a\nb\nc") && !fit("a\n...", "b\na"));
        assert!(fit("...\nc", "a\nb\nc") && fit("...\nc", "c") && !fit("...\nc", "c\nd"));
        assert!(fit("...\nb\n...", "a\nb\nc") && !fit("...\nb\n...", "a\nc"));
        assert!(fit("a\n...\nc", "a\nb\nc\nc"));
        assert!(!fit("a\n...\na", "a"));
        assert!(fit("seed [..], [..] s", "seed 5, 3.5 s") && !fit("seed [..]", "a seed 5"));
        assert!(!fit("[..]a[..]b", "ba") && fit("[..]", "a") && fit("a[..]", "abc"));
    }

    #[test]
    fn an_update_cuts_as_before() {
        let new = |shown: &str, printed: &str| renewed(&lines(shown), &lines(printed)).join(" ");
        assert_eq!(new("x\ny", "a\nb\nc"), "a b c");
        assert_eq!(new("x\n...\nz", "a\nb\nc"), "a ... c");
        assert_eq!(new("a[..]\n...\nz", "ab\nb\nc"), "a[..] ... c");
        assert_eq!(new("...\nb\n...\nz", "a\nb\nc"), "... b ... c");
        assert_eq!(new("...\ny\n...\nz", "a\nb\nc"), "a b c");
        assert_eq!(new("x\n...", "a\nb\nc"), "a ...");
    }

    #[test]
    fn commands_go_on_after_a_backslash_and_at_a_prompt() {
        let block = lines("$ one \\\n  two\nout\n$ cat <<EOF\n> a\n>\n> EOF\na");
        let all = commands(&block).expect("it begins with a command");
        let texts: Vec<&str> = all.iter().map(|typed| &*typed.text).collect();
        assert_eq!(texts, ["one \\\n  two", "cat <<EOF\na\n\nEOF"]);
        assert_eq!((all[0].shown.clone(), all[1].shown.clone()), (2..3, 7..8));
        assert!(commands(&lines("out")).is_err());
    }
}
