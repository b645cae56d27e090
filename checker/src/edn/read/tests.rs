//! What is read, and what is refused.

use super::*;

#[test]
fn what_is_printed_is_what_was_read() {
    for text in [
        "nil",
        "-7",
        "0.25",
        "1.0E10",
        "##NaN",
        r#""a \"quoted\" \\ line\n""#,
        ":g-single-item",
        "[[:append 5 3] [:r 5 nil]]",
        "{:type :invoke, :value [1 (2 3) #{4}]}",
        "#jepsen.history.Op {:index 1}",
        "99999999999999999999N",
        "-340282366920938463463374607431768211456N",
        "1/3",
        "\\a",
        "foo/bar",
    ] {
        let value = read_one(text).unwrap();
        let again = read_one(&value.to_string()).unwrap();
        assert_eq!(value, again, "{text}");
    }
}

#[test]
fn integers_keep_their_digits_however_many_they_are() {
    let json = |text| Reader::new(text).in_notation(Notation::Json).next_value().unwrap();
    let large = "340282366920938463463374607431768211455";
    for text in [large, &format!("{large}N"), &format!("+{large}"), &format!("000{large}")] {
        assert_eq!(read_one(text).unwrap().to_string(), format!("{large}N"));
    }
    assert_eq!(json(large), Some(read_one(large).unwrap()));
    assert_ne!(json(large), json("340282366920938463463374607431768211456"));
    assert_eq!(json("9223372036854775807"), Some(Edn::Int(i64::MAX)));
    assert_eq!(json("-9223372036854775809"), Some(read_one("-9223372036854775809N").unwrap()));
}

#[test]
fn integers_of_any_size_are_ordered_by_size() {
    let ordered = "nil -99999999999999999999 -9223372036854775809 -7 9223372036854775807 \
                   9223372036854775808 10000000000000000000 99999999999999999999 0.5 :a";
    let ordered = read_all(ordered).unwrap();
    let mut sorted = ordered.clone();
    sorted.reverse();
    sorted.sort_by(Edn::compare_numbers);
    assert_eq!(sorted, ordered);
}

#[test]
fn json_is_read_as_it_is_meant() {
    let json = |text| Reader::new(text).in_notation(Notation::Json).next_value();
    let value = json(r#"{"a b": [null, true, -0.5, 1e3, "x\/\ud83d\ude00\ud83d!"], "c":{}}"#);
    let expected = "{\"a b\" [nil true -0.5 1000.0 \"x/\u{1f600}\u{fffd}!\"], \"c\" {}}";
    assert_eq!(value.unwrap().unwrap().to_string(), expected);
    for text in ["[nil]", "[:a]", "tru", "[1", "{\"a\":1,\"a\":2}", "0x1", "[#{1}]", "\\a"] {
        assert!(json(text).is_err(), "{text}");
    }
}

#[test]
fn a_key_that_is_there_twice_is_an_error_at_its_place() {
    let many: String = (0..40).chain([7]).map(|n| format!("{n} {n} ")).collect();
    for map in ["{:a 1, :b 2, :a 1}", "{1 1\n 1 1}", "{nil 1, nil 2}", &format!("{{{many}}}")] {
        let error = read_all(&format!("{{:a 1}}\n[{map}]")).unwrap_err();
        assert_eq!(error.place.line, 2, "{map}");
        assert!(error.problem.contains("twice"), "{error}");
    }
}

#[test]
fn tokens_end_where_they_should() {
    let text = "[aübß,12,-7 -0 +5 - 1a 12345678901234567890 999999999999999999 1.]";
    let expected = "[aübß 12 -7 0 5 - 1a 12345678901234567890N 999999999999999999 1.0]";
    assert_eq!(read_one(text).unwrap().to_string(), expected);
    for c in (0..128u8).map(char::from) {
        assert_eq!(DELIMITERS[c as usize], is_delimiter(c), "{c:?}");
    }
}

#[test]
fn comments_commas_and_discards_are_passed_over() {
    let values = read_all("; a comment\n1, #_ 2 [3 #_[4] ; five\n 5]").unwrap();
    assert_eq!(values, [Edn::Int(1), Edn::from(vec![3i64, 5])]);
    assert_eq!(read_all("#_ #_ 1 2 3 #_ 4").unwrap(), [Edn::Int(3)]);
    let many = 1_000_000;
    assert_eq!(read_all(&("#_ ".repeat(many) + &"1 ".repeat(many))).unwrap(), []);
    assert!(read_all(&"#_ ".repeat(many)).is_err());
    assert!(read_all("[1 #_]").is_err());
}

#[test]
fn metadata_is_passed_over() {
    let values = read_all("^:x [1 ^{:line 7, :tag ^a b} 2] ^String ^:y {:a 1}").unwrap();
    assert_eq!(values, read_all("[1 2] {:a 1}").unwrap());
    for text in ["^", "^:x", "[^:x]", &"^a ".repeat(1000)] {
        assert!(read_all(text).is_err(), "{text}");
    }
}

#[test]
fn damage_is_reported_with_its_place() {
    for (text, expected) in [
        ("{:a 1}\n{:b [1 2", "line 2, column 5: the text ends inside a collection"),
        ("{:ü \"ü\" ]", "line 1, column 9: a closing bracket"),
        ("[1\n2 ##x]", "line 2, column 3: ##x is not"),
        ("{:a\n {:b 1 :b 2}}", "line 2, column 2: a map has the key :b twice"),
        ("[1 \"abc", "line 1, column 4: the text ends inside a string"),
    ] {
        let error = read_all(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let error = Reader::new("[1,\n tru]").in_notation(Notation::Json).next_value().unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 2: tru is no value in JSON");
    for text in ["]", "{:a}", "\"abc", "#", "\\", "\"\\q\"", "##x", &"[".repeat(1000)] {
        assert!(read_all(text).is_err(), "{text}");
    }
}
