//! What the checkers found, and why: each checker's results, and the explanations with their
//! drawings and operations.

use maud::{Markup, PreEscaped, html};

use super::Mark;
use crate::checker::{Mention, Validity};
use crate::edn::{Edn, pretty};
use crate::report::explanations::Explanation;
use crate::report::findings::Pointer;
use crate::report::format::{duration_ms, html_escape, shorten};
use crate::report::involved::{AllInvolved, Involved};
use crate::report::{LINK_FROM_FILE, Recorded};

/// So many operations are framed at once.
const FRAMED: usize = 40;

/// How much of a checker's findings is on the page: `results.edn` has the rest.
const FINDINGS_CHARACTERS: usize = 60_000;

/// How many explanations are on the page.
const EXPLANATIONS: usize = 12;

/// How many operations are named for each reason to look at them.
const POINTED_TO: usize = 12;

/// How many bytes of drawings are on the page; the others are linked.
const DRAWINGS_BYTES: usize = 250_000;

/// What each checker found. It is folded away where it is in order, or where drawings explain
/// it better.
pub fn checkers(recorded: &Recorded, pointers: &[Pointer], is_explained: bool) -> Markup {
    html! {
        section #findings aria-label="What the checkers found" {
            @for (name, part) in &recorded.results.parts {
                @let mark = Mark::of(part.verdict);
                details open[part.verdict != Validity::True && !is_explained] {
                    summary {
                        span.(mark.class) { (mark.symbol) } " "
                        (name)
                    }
                    pre { (PreEscaped(linked(&part.to_edn(), recorded.has_logs()))) }
                }
            }
            @if !pointers.is_empty() {
                p { "Operations to look at: "
                    @for (label, indices) in by_label(pointers) {
                        span.reason {
                            (label) " "
                            @for index in indices.iter().take(POINTED_TO) {
                                a.op href={ "#op-" (index) } { (index) } " "
                            }
                            @if indices.len() > POINTED_TO { "and more" }
                        } " "
                    }
                }
            }
        }
    }
}

/// The operations by why they are of interest, each reason where it first stands.
fn by_label(pointers: &[Pointer]) -> Vec<(&str, Vec<usize>)> {
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    for Pointer { index, label } in pointers {
        match groups.iter_mut().find(|(known, _)| known == label) {
            Some((_, indices)) => indices.push(*index),
            None => groups.push((label, vec![*index])),
        }
    }
    groups
}

/// A result as text in which every operation's index is a link to it. In what is said of logs,
/// the index of a message in its log is called so, too; there only whole operations are linked.
fn linked(part: &Edn, has_logs: bool) -> String {
    let text = pretty(part);
    let text = shorten(&text, FINDINGS_CHARACTERS);
    let mut html = String::with_capacity(text.len() * 2);
    let mut rest = &*text;
    while let Some(place) = rest.find(":index ") {
        let (before, after) = rest.split_at(place + ":index ".len());
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        html.push_str(&html_escape(before));
        let index = &after[..digits];
        let is_operation = !has_logs || before.ends_with("Op{:index ");
        if digits > 0 && is_operation {
            html.push_str(&format!("<a class=\"op\" href=\"#op-{index}\">{index}</a>"));
        } else {
            html.push_str(index);
        }
        rest = &after[digits..];
    }
    html.push_str(&html_escape(rest));
    html
}

/// The explanations: the first is open, so that the run itself is not far below.
pub fn section(explanations: &[Explanation], involved: &AllInvolved) -> Markup {
    let mut left = DRAWINGS_BYTES;
    let mut shown = |explanation: &Explanation| -> Option<String> {
        let svg = explanation.svg.as_ref().filter(|svg| svg.len() <= left)?;
        left -= svg.len();
        Some(svg.replace(LINK_FROM_FILE, "#op-"))
    };
    html! {
        section #drawings aria-label="Explanations" {
            @for (number, explanation) in explanations.iter().take(EXPLANATIONS).enumerate() {
                details open[number == 0] {
                    summary {
                        strong { (explanation.title) } " "
                        span.quiet { (words(explanations, number, involved)) }
                    }
                    p {
                        @if !explanation.operations.is_empty() {
                            a.op href=(moment(explanation, involved)) { "Go to that moment" } " "
                        }
                        a.quiet href=(explanation.path) { "file of its own" }
                    }
                    @if !explanation.words.is_empty() { pre.words { (explanation.words) } }
                    // Made by this program, in which what came from nodes is escaped.
                    @if let Some(svg) = shown(explanation) { div.drawing { (PreEscaped(svg)) } }
                    (operations(explanation, involved))
                }
            }
            @if explanations.len() > EXPLANATIONS {
                @let folder = explanations[0].path.split('/').next().unwrap_or_default();
                p { "There are " (explanations.len() - EXPLANATIONS) " more in the folder "
                    a href={ (folder) "/" } { (folder) } "." }
            }
        }
    }
}

/// What stands beside the title: the meaning, unless it was said before.
fn words(explanations: &[Explanation], number: usize, involved: &AllInvolved) -> String {
    let explanation = &explanations[number];
    let is_known = |other: &Explanation| other.meaning == explanation.meaning;
    let is_same = |other: &Explanation| other.title == explanation.title;
    let before = &explanations[..number];
    match explanation.operations.first() {
        Some(first) if before.iter().any(is_same) => {
            format!("again, at operation {}", involved.number(first.index))
        }
        _ if before.iter().any(is_known) => String::new(),
        _ => explanation.meaning.clone(),
    }
}

/// The link to the moment at which all the operations can be seen.
fn moment(explanation: &Explanation, involved: &AllInvolved) -> String {
    let mut numbers: Vec<usize> = Vec::new();
    for mention in &explanation.operations {
        let number = involved.number(mention.index);
        if numbers.len() < FRAMED && !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
    format!("#ops-{}", numbers.join(","))
}

/// Each operation with its one number, who ran it, what it did and when.
fn operations(explanation: &Explanation, involved: &AllInvolved) -> Markup {
    let mut rows: Vec<(&Involved, Vec<&str>)> = Vec::new();
    for Mention { index, role } in &explanation.operations {
        let Some(operation) = involved.get(*index) else { continue };
        match rows.iter_mut().find(|(known, _)| known.number == operation.number) {
            Some((_, roles)) if roles.contains(&&**role) => {}
            Some((_, roles)) => roles.push(role),
            None => rows.push((operation, vec![role])),
        }
    }
    html! {
        @if !rows.is_empty() {
            div.scroll { table.operations {
                thead { tr {
                    th { "operation" } th { "which" } th { "what" } th { "who" } th { "when" }
                } }
                tbody { @for (operation, roles) in rows.iter().take(POINTED_TO) { tr {
                    td { a.op href={ "#op-" (operation.number) } { (operation.number) } }
                    td { (roles.join(", ")) }
                    td {
                        (operation.what)
                        @if let Some(waited) = &operation.waited { " [" (waited) "]" }
                    }
                    td { (operation.who) }
                    td { (when(operation.time)) }
                } } }
            } }
        }
    }
}

fn when((start, end): (i64, Option<i64>)) -> String {
    let seconds = |time: i64| format!("{:.3} s", time as f64 / 1e9);
    match end {
        Some(end) if end > start => {
            format!("{}, took {}", seconds(start), duration_ms((end - start) as f64 / 1e6))
        }
        Some(_) => seconds(start),
        None => format!("{}, no end", seconds(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edn::read_one;

    #[test]
    fn an_offset_is_no_operation() {
        let text = "{:lost [{:key 0, :index 0, :op #jepsen.history.Op{:index 12, :f :send}}]}";
        let part = read_one(text).unwrap();
        let of_log = linked(&part, true);
        assert!(of_log.contains(":index 0,") && of_log.contains("href=\"#op-12\""), "{of_log}");
        let other = linked(&read_one("{:last-op {:index 7}}").unwrap(), false);
        assert!(other.contains("href=\"#op-7\""), "{other}");
    }
}
