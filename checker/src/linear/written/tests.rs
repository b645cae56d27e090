//! What the language says, and what it refuses.

use super::expression::callable;
use super::*;
use crate::edn::read_one;
use crate::{History, Model, Validity};

/// The value of an expression where `a` is 1 and `b` is `[3 1 2]`.
fn value(text: &str) -> Result<String, String> {
    let written = read_one(text).unwrap();
    let mut names = Names { scopes: vec![vec!["a", "b"]], mentioned: Vec::new() };
    let expression = names.expression(&written)?;
    let values = [Edn::Int(1), Edn::from(vec![3i64, 1, 2])];
    let scope = Scope { values: &values, outer: None };
    let value = expression.value(&scope, &Work::default())?;
    assert_eq!(*value, *value.canonical(), "{text} gives a value in another form");
    Ok(value.to_string())
}

#[test]
fn expressions_have_these_values() {
    for (text, expected) in [
        ("a", "1"),
        ("[a {:x b} #{a 1 2}]", "[1 {:x [3 1 2]} #{1 2}]"),
        ("(= b [3 1 2])", "true"),
        ("(not= b #{3 1 2})", "true"),
        ("(< 1 2 3)", "true"),
        ("(<= 1 1 0)", "false"),
        ("(> 99999999999999999999 a)", "true"),
        ("(>= a 2)", "false"),
        ("(not (= a 1))", "false"),
        ("(+ a 2 3)", "6"),
        ("(- a 2 3)", "-4"),
        ("(* 2 3)", "6"),
        ("(mod -1 3)", "2"),
        ("[(min 3 a) (max 3 a)]", "[1 3]"),
        ("(sum b)", "6"),
        ("[(count b) (count nil) (count {:a 1})]", "[3 0 1]"),
        ("[(empty? []) (empty? b)]", "[true false]"),
        ("[(first b) (last b) (first []) (last nil)]", "[3 2 nil nil]"),
        ("[(rest b) (butlast b) (rest []) (butlast nil)]", "[[1 2] [3 1] [] []]"),
        ("[(get b 0) (get b 9) (get b -1) (get b 9 :no)]", "[3 nil nil :no]"),
        ("[(get {:x 1} :x) (get {} :x 7) (get nil :x)]", "[1 7 nil]"),
        ("[(has? b 2) (has? #{1} 2) (has? {:x 1} :x)]", "[true false true]"),
        ("[(keys {:y 1 :x 2}) (vals {:y 1 :x 2})]", "[[:x :y] [2 1]]"),
        (
            "[(conj b 4) (conj #{3 1} 2) (conj #{1} 1) (conj nil 1)]",
            "[[3 1 2 4] #{1 2 3} #{1} [1]]",
        ),
        ("[(without b 1) (without [1 1] 1) (without #{1 2} 1)]", "[[3 2] [1] #{2}]"),
        ("[(assoc {:x 1} :x 2) (assoc nil :y 1) (dissoc {:x 1} :x)]", "[{:x 2} {:y 1} {}]"),
        ("(if (= a 1) :yes (first 7))", ":yes"),
        ("[(and) (or) (and true (= a 2) (first 7)) (or true 7)]", "[true false false true]"),
        ("(let [c (+ a 1)] (let [a 7] [a c]))", "[7 2]"),
        ("(every [x b] (some [y b] (= (+ x a) (+ y a))))", "true"),
        ("[(every [x b] (< x 3)) (some [x b] (= x 9))]", "[false false]"),
        ("(filter [x b] (> x a))", "[3 2]"),
        ("(filter [x #{3 1 2}] (> x a))", "#{2 3}"),
        ("(map [x b] [x (map [y b] (* x y))])", "[[3 [9 3 6]] [1 [3 1 2]] [2 [6 2 4]]]"),
        ("99999999999999999999", "99999999999999999999N"),
    ] {
        assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_has_no_value_is_a_mistake_that_is_shown() {
    for (text, words) in [
        ("c", "nothing is called c; there are a, b"),
        ("(first c)", "in (first c)"),
        ("(frist b)", "there is no frist; there are = not= "),
        ("(first)", "first takes 1 values, not 0"),
        ("(get b)", "get takes 2 to 3 values, not 1"),
        ("(+ 1)", "+ takes 2 or more values, not 1"),
        ("()", "the first word of a list"),
        ("(1 2)", "the first word of a list"),
        ("(if true 1)", "if is like"),
        ("(let [x] x)", "let is like (let [name value] body)"),
        ("(every [x b y b] true)", "every is like"),
        ("#inst \"2020\"", "has a tag"),
        ("(+ 1 :x)", "(+ 1 :x): + wants whole numbers, not :x"),
        ("(+ 1 0.5)", "wants whole numbers, not 0.5"),
        ("(+ 9223372036854775807 a)", "no number of 64 bits"),
        ("(mod a 0)", "no number of 64 bits"),
        ("(< a nil)", "< wants whole numbers, not nil"),
        ("(if 1 2 3)", "wants true or false, and 1 is neither"),
        ("(and a)", "wants true or false"),
        ("(first 7)", "first wants a vector or a set, not 7"),
        ("(get #{1} 1)", "wants a map or a vector"),
        ("(get b :x)", "wants a whole number, not :x"),
        ("(filter [x b] x)", "wants true or false"),
        ("{a 1, 1 2}", "has a key twice"),
        ("(map [x b] (every [y b] (first x)))", "(first x): first wants"),
    ] {
        let problem = value(text).expect_err(text);
        assert!(problem.contains(words), "{text}: {problem}");
    }
}

/// `x` bound to a pair of itself, again and again: each time twice as large.
#[test]
fn no_expression_takes_long() {
    let mut doubling = "x".to_owned();
    for _ in 0..40 {
        doubling = format!("(let [x [x x]] {doubling})");
    }
    let problem = value(&format!("(let [x a] {doubling})")).unwrap_err();
    assert!(problem.contains("takes more than 1000000 values"), "{problem}");
    let mut loops = "true".to_owned();
    for _ in 0..30 {
        loops = format!("(every [x b] {loops})");
    }
    assert!(value(&loops).unwrap_err().contains("takes more than"));
    let mut deep = "true".to_owned();
    for _ in 0..100 {
        deep = format!("(let [x 1] {deep})");
    }
    assert!(value(&deep).unwrap_err().contains("deep"));
}

const LATCH: &str = "{:model latch :state {:left 2}
    :operations {:down {:then {:left (- left 1)}} :wait {:when (<= left 0)}}}";

#[test]
fn what_is_no_definition_is_a_sentence() {
    for (text, words) in [
        ("", "There is no model"),
        ("{:model \"a\"", "line 1, column 1: the text ends inside"),
        ("{:model \"a\"\n :state ]", "line 2, column 9: "),
        ("7", "A model is a map, not 7"),
        ("{} {}", "comes after it"),
        ("{}", "A model has a name"),
        ("{:model a}", "A model has a :state"),
        ("{:model a :state {} :operation {}}", "A model has no :operation; it may have :model"),
        ("{:model a :state {}}", "A model has :operations"),
        ("{:model a :state {} :operations {}}", "at least one operation"),
        ("{:model a :state {value 1} :operations {}}", "The field value is no keyword"),
        ("{:model a :state {:value 1} :operations {}}", "A field cannot be called value"),
        ("{:model a :state {} :operations {read {}}}", "The operation read is no keyword"),
        ("{:model a :state {} :operations {:r {:if 1}}}", "The operation :r has no :if"),
        ("{:model a :state {} :operations {:r {:when x}}}", "The :when of :r: nothing is called x"),
        ("{:model a :state {} :operations {:r {:then {:x 1}}}}", "there is no field :x"),
        ("{:model a :state {:x 1} :operations {:r {:then 1}}}", "is a map of fields"),
    ] {
        let problem = Definition::parse(text).expect_err(text);
        assert!(problem.contains(words) && problem.ends_with('.'), "{text}: {problem}");
    }
    for (init, words) in [("7", "starts as a map"), ("{:right 1}", "latch has no field :right")] {
        let problem = Model::written(LATCH, Some(read_one(init).unwrap())).unwrap_err();
        assert!(problem.starts_with("--init: ") && problem.contains(words), "{problem}");
    }
}

#[test]
fn a_latch_is_a_latch() {
    let judge = |init: Option<&str>, ends: &str| {
        let mut history = History::new();
        for (process, end) in ends.chars().enumerate() {
            let process = process as i64;
            history.invoke(process, if end == 'w' { "wait" } else { "down" }, Edn::Nil);
            match end {
                'i' => history.info(process),
                'f' => history.fail(process),
                _ => history.ok(process, Edn::Nil),
            }
        }
        let init = init.map(|init| read_one(init).unwrap());
        history.judge(Model::written(LATCH, init).unwrap()).verdict
    };
    assert_eq!(judge(None, "ddw"), Validity::True);
    assert_eq!(judge(None, "diw"), Validity::True);
    assert_eq!(judge(None, "dfw"), Validity::False);
    assert_eq!(judge(None, "dw"), Validity::False);
    assert_eq!(judge(Some("{:left 1}"), "dw"), Validity::True);
    assert_eq!(judge(Some("{:left 0}"), "w"), Validity::True);
}

#[test]
fn a_mistake_in_a_model_says_where_it_is_and_judges_nothing() {
    let judge = |operations: &str, f: &str| {
        let text = format!("{{:model odd :state {{:x [1]}} :operations {{{operations}}}}}");
        let mut history = History::new();
        for process in 0..40 {
            history.invoke(process, f, 7);
            history.ok(process, 7);
        }
        let judgement = history.judge(Model::written(&text, None).unwrap());
        assert_eq!(judgement.verdict, Validity::Unknown, "{judgement}");
        judgement.to_string()
    };
    let sentence = judge(":read {:when (= (+ x value) 2)}", "read");
    assert!(sentence.contains("mistake in :read: (+ x value): + wants whole numbers, not [1]"));
    assert!(sentence.contains("The state was {:x [1]}, value was 7"), "{sentence}");
    let sentence = judge(":read {:when x}", "read");
    assert!(sentence.contains(":read: wants true or false"), "{sentence}");
    let sentence = judge(":grow {:then {:x [x x]}}", "grow");
    assert!(sentence.contains("takes more than 1000000 values"), "{sentence}");
    let sentence = judge(":read {}", "write");
    assert!(sentence.contains("odd has no :write; it has :read"), "{sentence}");
}

/// What it takes to go back is counted: each of these steps replaces 100,000 values.
#[test]
fn what_an_object_holds_is_within_the_budget() {
    let large = vec![0i64; 100_000];
    let text =
        "{:model large :state {:x [] :n 0} :operations {:put {:then {:x value :n (+ n 1)}}}}";
    let mut history = History::new();
    for process in 0..40 {
        history.invoke(process, "put", Edn::Nil);
        history.ok(process, large.clone());
    }
    let judge = |mebibytes: usize| {
        let budget = Budget { bytes: mebibytes << 20, ..Budget::default() };
        history.judge(Model::written(text, None).unwrap().within(budget))
    };
    assert_eq!(judge(1024).verdict, Validity::True);
    let judgement = judge(64);
    assert_eq!(judgement.verdict, Validity::Unknown);
    assert!(judgement.summary.contains("more than 64 MiB"), "{judgement}");
}

/// The page of the book has every word of the language.
#[test]
fn the_book_explains_every_word() {
    let book = include_str!("../../../../book/models.md");
    for word in callable().into_iter().chain(OF_OPERATION) {
        assert!(
            book.contains(&format!("`{word}`")) || book.contains(&format!("`({word} ")),
            "{word}"
        );
    }
    // The first block is a whole model.
    let model = book.split("```clojure\n").nth(1).and_then(|rest| rest.split("```").next());
    Definition::parse(model.unwrap()).unwrap();
}
