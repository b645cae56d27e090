//! Where a token ends, and which tokens are numbers.
//!
//! A text of gigabytes is read byte by byte, so what a byte may be is looked up in a table.

use crate::edn::{Edn, Float};

/// What ends a token, of the characters in ASCII.
pub static DELIMITERS: [bool; 256] = marked([false; 256], b" \t\n\r\x0b\x0c,;\"()[]{}");

/// The same and every byte that is not ASCII, of which one must see what it is.
pub static ENDS: [bool; 256] = {
    let mut ends = DELIMITERS;
    let mut byte = 128;
    while byte < 256 {
        ends[byte] = true;
        byte += 1;
    }
    ends
};

/// The same in JSON, where a colon is a delimiter, too.
pub static ENDS_IN_JSON: [bool; 256] = marked(ENDS, b":");

/// White space.
pub static BLANKS: [bool; 256] = marked([false; 256], b" \t\n\r\x0c,");

/// What may be passed over, or begin something that may.
pub static MAY_BE_BLANK: [bool; 256] = marked(BLANKS, b";#:");

/// The table, and these bytes marked in it.
const fn marked(mut table: [bool; 256], bytes: &[u8]) -> [bool; 256] {
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] = true;
        i += 1;
    }
    table
}

/// Whether a character ends a token.
pub fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '"' | '(' | ')' | '[' | ']' | '{' | '}')
}

/// An integer or a float; `None` for anything else. `5N` and `0.5M` lose their suffix.
pub fn number(token: &str) -> Option<Edn> {
    let digits = token.strip_prefix(['-', '+']).unwrap_or(token);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let plain = token.strip_suffix(['N', 'M']).unwrap_or(token);
    match plain.parse::<i64>() {
        Ok(int) if !token.ends_with('M') => Some(Edn::Int(int)),
        _ => Edn::large_integer(plain)
            .or_else(|| plain.parse().ok().map(|float| Edn::Float(Float(float)))),
    }
}

/// The same of a number as JSON has it.
pub fn json_number(token: &str) -> Option<Edn> {
    let digits = token.strip_prefix('-').unwrap_or(token);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && token.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    is_number.then(|| number(token)).flatten()
}
