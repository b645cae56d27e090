//! Reading JSON that nests deeply.
//!
//! serde_json refuses what nests more than 127 levels, lest bad input overflow the stack. That
//! is right for clients. But a node wraps a client's value in what it stores and what it tells
//! other nodes, a few levels more, and must be able to read that again: a record that cannot be
//! read stops the node, and a message that cannot be read stops the cluster. So what nodes write
//! for themselves is read with room to spare.

use serde::Deserialize;

/// How many levels are read of what nodes write. Each takes some hundred bytes of the stack.
const DEPTH_MAX: usize = 1_000;

/// Reads what this node or another one wrote.
///
/// # Errors
/// When it does not fit the type, or nests more than 1000 levels.
pub fn read_own<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, serde_json::Error> {
    match serde_json::from_slice(text) {
        Err(error) if is_too_deep(&error) && depth(text) <= DEPTH_MAX => {
            let mut deserializer = serde_json::Deserializer::from_slice(text);
            deserializer.disable_recursion_limit();
            let value = T::deserialize(&mut deserializer)?;
            deserializer.end().map(|()| value)
        }
        result => result,
    }
}

fn is_too_deep(error: &serde_json::Error) -> bool {
    // There is no other way to tell.
    error.to_string().contains("recursion limit exceeded")
}

/// How many levels a text nests: brackets in strings count too, for this is only a bound.
fn depth(text: &[u8]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for byte in text {
        match byte {
            b'[' | b'{' => now += 1,
            b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn nested(levels: usize) -> Vec<u8> {
        ["[".repeat(levels), "]".repeat(levels)].concat().into_bytes()
    }

    #[test]
    fn what_nests_deeply_is_read_and_what_could_overflow_the_stack_is_not() {
        assert!(serde_json::from_slice::<Value>(&nested(200)).is_err());
        for levels in [1, 200, DEPTH_MAX] {
            assert!(read_own::<Value>(&nested(levels)).is_ok(), "{levels}");
        }
        for levels in [DEPTH_MAX + 1, 1_000_000] {
            assert!(read_own::<Value>(&nested(levels)).is_err(), "{levels}");
        }
    }

    #[test]
    fn what_is_damaged_is_an_error_however_deep() {
        let mut text = nested(200);
        text.push(b']');
        assert!(read_own::<Value>(&text).is_err());
    }
}
