use proptest::prelude::*;
use serde_json::json;

use super::*;

fn nested(levels: usize) -> String {
    ["[".repeat(levels), "]".repeat(levels)].concat()
}

/// Values without numbers that serde_json would change, with strings that are hard to read.
fn values() -> impl Strategy<Value = Value> {
    let text = "([\\[\\]{}\"\\\\/,: \n\u{1}éa-c]|\u{1f600}){0,6}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text, inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Writes a value in one of many ways: with white space, needless escapes, and the keys of
/// objects in any order.
fn scribble(value: &Value, chance: &mut impl FnMut(usize) -> usize, out: &mut String) {
    fn space(chance: &mut impl FnMut(usize) -> usize, out: &mut String) {
        out.push_str(["", "", " ", "\n\t", "\r"][chance(5)]);
    }
    fn string(text: &str, chance: &mut impl FnMut(usize) -> usize, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match chance(3) {
                0 => c
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .for_each(|unit| out.push_str(&format!("\\u{unit:04X}"))),
                1 if c == '/' => out.push_str("\\/"),
                _ => out.push_str(Value::from(c.to_string()).to_string().trim_matches('"')),
            }
        }
        out.push('"');
    }
    space(chance, out);
    match value {
        // Trimming would take the quote of an escape too.
        Value::String(text) if text.contains('"') => out.push_str(&value.to_string()),
        Value::String(text) => string(text, chance, out),
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                scribble(element, chance, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            let turn = chance(entries.len().max(1));
            entries.rotate_left(turn);
            out.push('{');
            for (index, (key, element)) in entries.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                scribble(&Value::from(key.as_str()), chance, out);
                out.push(':');
                scribble(element, chance, out);
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
    space(chance, out);
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

proptest! {
    /// However a value is written, it is the same `Json`, and that is what serde_json makes of
    /// it; its depth is what a walk through the value finds.
    #[test]
    fn one_value_has_one_text(
        value in values(),
        choices in prop::collection::vec(0..60_usize, 1..50),
    ) {
        let mut choices = choices.into_iter().cycle();
        let mut text = String::new();
        scribble(&value, &mut |end| choices.next().unwrap() % end, &mut text);
        let json = Json::parse(&text).unwrap();
        prop_assert_eq!(json.as_str(), value.to_string());
        prop_assert_eq!(depth(text.as_bytes()), depth_of(&value));
        // Also in a greater value, and read again.
        let list: Vec<Json> = serde_json::from_str(&format!("[{text}, {text}]")).unwrap();
        let array = Json::array(&list);
        prop_assert_eq!(array.as_str(), json!([value, value]).to_string());
        prop_assert_eq!(Json::new(&list).unwrap(), array.clone());
        prop_assert_eq!(array.to::<Vec<Json>>().unwrap(), list);
        prop_assert_eq!(json.to::<Value>().unwrap(), value);
        // White space may always go.
        prop_assert_eq!(Json::parse(&compact(&text)).unwrap(), json);
        prop_assert!(!compact(&text).contains(['\n', '\r']));
    }

    /// What is no JSON is not taken, and does no harm.
    #[test]
    fn damage_is_an_error(text in "[\\[\\]{}\",:\\\\u0-9a-e .+-]{0,12}") {
        let is_json = serde_json::from_str::<&RawValue>(&text).is_ok();
        let json = Json::parse(&text);
        prop_assert!(is_json || json.is_err(), "{}", text);
        depth(text.as_bytes());
        compact(&text);
    }
}

#[test]
fn numbers_are_kept_to_the_digit() {
    let numbers = [
        "1208925819614629174706177",
        "1208925819614629174706178",
        "-0",
        "1",
        "1.0",
        "1.00",
        "1.10",
        "1e400",
        "-1E-400",
        "3.14159265358979323846264338327950288",
    ];
    for (index, text) in numbers.iter().enumerate() {
        assert_eq!(Json::parse(text).unwrap().to_string(), *text);
        let in_others = format!(r#"{{"{text}":[{text}]}}"#);
        assert_eq!(Json::parse(&in_others).unwrap().as_str(), in_others);
        for other in &numbers[..index] {
            assert_ne!(Json::parse(text).unwrap(), Json::parse(other).unwrap());
        }
    }
    assert_eq!(Json::from(-7), Json::parse(" -7 ").unwrap());
    assert_eq!(Json::from("a\"b"), Json::parse(r#""a\u0022b""#).unwrap());
    assert!(Json::from(true).to::<bool>().unwrap());
    assert!(Json::default().is_null());
}

#[test]
fn of_equal_keys_the_last_counts() {
    assert_eq!(Json::parse(r#"{"a":1,"b":2,"\u0061":3}"#).unwrap().as_str(), r#"{"a":3,"b":2}"#);
}

#[test]
fn half_a_character_is_refused() {
    for text in [r#""\ud800""#, r#"["\ud800"]"#, r#"{"\udc00x":1}"#] {
        assert!(Json::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_nests_deeply_is_read_and_what_could_overflow_the_stack_is_not() {
    assert!(serde_json::from_str::<Value>(&nested(200)).is_err());
    for levels in [1, 130, OWN_DEPTH_MAX] {
        assert!(read_own::<Value>(nested(levels).as_bytes()).is_ok(), "{levels}");
        assert!(Json::parse(&nested(levels)).is_ok(), "{levels}");
    }
    for levels in [OWN_DEPTH_MAX + 1, 1_000_000] {
        assert!(read_own::<Value>(nested(levels).as_bytes()).is_err(), "{levels}");
        assert!(Json::parse(&nested(levels)).is_err(), "{levels}");
    }
}

/// Brackets in strings once counted as levels, so that this was not readable.
#[test]
fn brackets_in_strings_are_no_levels() {
    let brackets = "[".repeat(1_100);
    let text = format!(r#"["{brackets}",{}]"#, nested(124));
    assert_eq!(depth(text.as_bytes()), 125);
    let wrapped = format!(r#"{{"write":["key",{text}]}}"#);
    assert!(serde_json::from_str::<Value>(&wrapped).is_ok());
    let deeper = format!("[[[{wrapped}]]]");
    assert!(read_own::<Value>(deeper.as_bytes()).is_ok());
}

#[test]
fn what_is_damaged_is_an_error_however_deep() {
    assert!(read_own::<Value>(format!("{}]", nested(150)).as_bytes()).is_err());
}

#[test]
fn in_a_buffer_of_serde_it_says_what_to_do() {
    #[derive(Debug, Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Tagged {
        Echo {
            #[allow(dead_code, reason = "it is never read")]
            echo: Json,
        },
    }
    let error = serde_json::from_str::<Tagged>(r#"{"type":"echo","echo":1}"#).unwrap_err();
    assert!(error.to_string().contains("leave the attribute out"), "{error}");
}
