//! What all pages of the server share.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const STYLE: &str = include_str!("style.css");

/// Three lanes, as a run is drawn.
const ICON: &str = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' \
    viewBox='0 0 16 16'><path d='M1 3h9M4 8h11M2 13h8' stroke='%230072b2' stroke-width='3'/></svg>";

/// What stands for itself in a path.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A path as it stands in an address.
pub fn encode(path: &str) -> String {
    utf8_percent_encode(path, PLAIN).to_string()
}

/// A page with this title and content.
pub fn page(title: &str, content: &Markup) -> Markup {
    refreshing(title, content, false)
}

/// A page that loads itself again every few seconds if something on it may change.
pub fn refreshing(title: &str, content: &Markup, changes: bool) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                @if changes { meta http-equiv="refresh" content="3"; }
                title { (title) }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    }
}

/// A page that says what is wrong.
pub fn problem(sentence: &str) -> Markup {
    page("Maelstrom", &html! { h1 { (sentence) } p { a href="/" { "All runs" } } })
}
