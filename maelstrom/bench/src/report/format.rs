//! Numbers and text for people.

use std::fmt::{self, Display, Write};

use maud::{Markup, html};

use crate::history::Op;

/// A text with what HTML and SVG would misread replaced.
pub fn html_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML has no way to write most control characters.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{fffd}'),
            // Nor these two, which are no characters at all.
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A command in HTML, of which a line ends between words only: a browser would also break
/// `--rate` after its hyphens. The style sheet knows the class.
pub fn words(command: &str) -> Markup {
    html! { @for word in command.split(' ') { span.word { (word) } " " } }
}

/// The first `limit` characters of a text, and an ellipsis where there are more.
pub fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The first `limit` characters of a value as text, as [`shorten`]; no more than that is ever
/// formatted. A read of a long list has a text of megabytes, and a run has many reads.
pub fn shortened(value: &impl Display, limit: usize) -> String {
    let mut start = Start { text: String::new(), left: limit + 1 };
    // It refuses what no longer fits, which is no failure here.
    write!(start, "{value}").ok();
    shorten(&start.text, limit)
}

/// Takes so many characters and refuses the rest.
struct Start {
    text: String,
    left: usize,
}

impl Write for Start {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(character);
        }
        Ok(())
    }
}

/// An entry of the history as in `history.edn`, of which as little is formatted as is shown.
pub struct EdnLine<'a>(pub &'a Op);

impl Display for EdnLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Op { index, time, kind, process, f: function, value, extra } = self.0;
        let kind = kind.name();
        write!(f, "{{:process {process}, :type :{kind}, :f :{function}, :value {value}")?;
        write!(f, ", :index {index}, :time {time}")?;
        extra.iter().try_for_each(|(key, value)| write!(f, ", :{key} {value}"))?;
        f.write_str("}")
    }
}

/// A duration with three digits and a unit that suits it.
pub fn duration_ms(milliseconds: f64) -> String {
    match milliseconds {
        ms if ms >= 1000.0 => format!("{:.2} s", ms / 1000.0),
        ms if ms >= 100.0 => format!("{ms:.0} ms"),
        ms if ms >= 10.0 => format!("{ms:.1} ms"),
        ms if ms >= 1.0 => format!("{ms:.2} ms"),
        0.0 => "0 ms".into(),
        ms => format!("{:.0} µs", ms * 1000.0),
    }
}

/// A count with its noun: `1 message`, `2 messages`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number as u64))
}

/// A number with its thousands apart: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_the_escape() {
        assert_eq!(html_escape("<a b='\"&\u{1}"), "&lt;a b=&#39;&quot;&amp;\u{fffd}");
    }

    #[test]
    fn an_entry_is_shown_as_it_is_written() {
        let text = "{:process 0, :type :fail, :f :read, :value [1 nil], :index 2, :time 20, \
                    :error :net-timeout}\n";
        let history = crate::history::History::parse(text).unwrap();
        assert_eq!(EdnLine(&history.ops[0]).to_string(), text.trim_end());
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(count(1, "key") + &count(1000, "key"), "1 key1,000 keys");
        assert_eq!(
            duration_ms(0.25) + &duration_ms(1.5) + &duration_ms(5000.0),
            "250 µs1.50 ms5.00 s"
        );
        assert_eq!(shorten("äbc", 2), "äb…");
        assert_eq!(shortened(&"äbc", 2), "äb…");
        assert_eq!(shortened(&"äb", 2), "äb");
        assert_eq!(shortened(&123, 0), "…");
    }
}
