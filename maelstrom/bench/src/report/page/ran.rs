//! What ran, and the figures to look at first: the part of the page below its headline.

use maud::{Markup, html};

use crate::ran::Ran;
use crate::report::Recorded;
use crate::report::figures::{Figure, figures};
use crate::report::words;

/// Both, one beside the other where there is room.
pub fn section(recorded: &Recorded) -> Markup {
    let figures = figures(recorded.workload, recorded.results, recorded.activity);
    html! {
        section #ran aria-label="What ran" {
            @if !figures.is_empty() { (of_figures(&figures)) }
            // A history from anywhere else does not say.
            @if *recorded.ran != Ran::default() { (what_ran(recorded.ran, recorded.playground)) }
        }
    }
}

fn of_figures(figures: &[Figure]) -> Markup {
    html! {
        dl { @for Figure { name, value } in figures { dt { (name) } dd { (value) } } }
    }
}

/// The program, its arguments, the flags, the seed, the version, and how to repeat it.
fn what_ran(ran: &Ran, playground: Option<&str>) -> Markup {
    let flags = ran.flags_line();
    html! {
        dl {
            @if !ran.program.is_empty() {
                dt { "program" } dd { code { (words(&ran.program)) } }
            }
            @if !ran.arguments.is_empty() {
                dt { "arguments" } dd { code { (words(&ran.arguments.join(" "))) } }
            }
            dt { "flags" }
            dd {
                @if flags.is_empty() {
                    "all have their default values"
                } @else {
                    code { (words(&flags)) }
                }
            }
            dt { "seed" }
            dd {
                @match ran.seed {
                    Some(seed) => { (seed) }
                    None => { "none: this was real time, and no second run is the same" }
                }
            }
            @if !ran.version.is_empty() { dt { "version" } dd { (ran.version) } }
            @if !ran.again.is_empty() {
                dt { "repeat it" } dd { code.command { (words(&ran.again)) } }
            }
            @if let Some(address) = playground {
                dt { "change it" }
                dd { a href=(address) { "open in the playground" } ", which " code { "make playground" }
                    " serves" }
            }
        }
    }
}
