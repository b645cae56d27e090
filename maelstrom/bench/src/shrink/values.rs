//! Smaller values: fewer keys, shorter transactions, and numbers that count from the beginning.

use std::collections::BTreeSet;

use super::Case;
use super::search::Search;
use crate::edn::Edn;

/// What a value is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `[key argument]`
    Register,
    /// `[[f key value] …]`, of transactions and of logs
    MicroOperations,
    /// `[key …]`
    Keys,
    /// One element of a set.
    Element,
    /// An amount that is added.
    Amount,
    /// Something else.
    Other,
}

fn shape(workload: &str, f: &str) -> Shape {
    match (workload, f) {
        ("lin-kv", _) => Shape::Register,
        ("txn-list-append" | "txn-rw-register", _) | ("kafka", "send") => Shape::MicroOperations,
        ("kafka", "assign") => Shape::Keys,
        ("broadcast" | "g-set", _) => Shape::Element,
        ("g-counter" | "pn-counter", "add") => Shape::Amount,
        _ => Shape::Other,
    }
}

/// The keys that a value is about, as far as its form tells; without knowing the workload.
pub fn keys(value: &Edn) -> Vec<Edn> {
    let Some(items) = value.as_slice() else { return Vec::new() };
    match items {
        [key @ (Edn::Int(_) | Edn::Str(_)), argument] if !matches!(argument, Edn::Str(_)) => {
            vec![key.clone()]
        }
        _ => items
            .iter()
            .filter_map(|item| match (item, item.as_slice()) {
                (Edn::Str(_), _) => Some(item.clone()),
                (_, Some([_, key, _])) => Some(key.clone()),
                _ => None,
            })
            .collect(),
    }
}

/// Calls `change` with every key and every written value, and puts what it gives in their place.
fn map(shape: Shape, value: &Edn, change: &mut dyn FnMut(Part, &Edn) -> Edn) -> Edn {
    match (shape, value.as_slice()) {
        (Shape::Register, Some([key, argument])) => {
            let new_key = change(Part::Key, key);
            let argument = match argument.as_slice() {
                Some(pair) => Edn::Vector(
                    pair.iter().map(|value| change(Part::ValueOf(key), value)).collect(),
                ),
                None if *argument == Edn::Nil => Edn::Nil,
                None => change(Part::ValueOf(key), argument),
            };
            Edn::Vector(vec![new_key, argument])
        }
        (Shape::MicroOperations, Some(operations)) => {
            let micro = |operation: &Edn| match operation.as_slice() {
                Some([f, key, value]) => {
                    let new_key = change(Part::Key, key);
                    let value = match value {
                        Edn::Nil => Edn::Nil,
                        value => change(Part::ValueOf(key), value),
                    };
                    Edn::Vector(vec![f.clone(), new_key, value])
                }
                _ => operation.clone(),
            };
            Edn::Vector(operations.iter().map(micro).collect())
        }
        (Shape::Keys, Some(keys)) => {
            let mut seen = BTreeSet::new();
            let keys = keys.iter().map(|key| change(Part::Key, key));
            Edn::Vector(keys.filter(|key| seen.insert(key.clone())).collect())
        }
        (Shape::Element, None) if *value != Edn::Nil => change(Part::Element, value),
        _ => value.clone(),
    }
}

/// Where something stands in a value.
enum Part<'a> {
    Key,
    /// What is written under this key.
    ValueOf(&'a Edn),
    Element,
}

/// The case with every value of an operation replaced.
fn replaced(case: &Case, change: &mut dyn FnMut(Part, &Edn) -> Edn) -> Case {
    let mut case = case.clone();
    let workload = case.tape.workload.clone();
    for operation in &mut case.tape.tracks.operations {
        let shape = shape(&workload, &operation.f);
        operation.value = map(shape, &operation.value, change);
    }
    case
}

/// Every key of the operations, in the order in which they come up.
fn all_keys(case: &Case) -> Vec<Edn> {
    let mut keys = Vec::new();
    replaced(case, &mut |part, value| {
        if matches!(part, Part::Key) && !keys.contains(value) {
            keys.push(value.clone());
        }
        value.clone()
    });
    keys
}

/// The case with the keys and values counted from the beginning: keys 0, 1, …, and of what is
/// written, each value under the number of its first occurrence. Equal values stay equal, and
/// different ones different.
fn renumbered(case: &Case) -> Case {
    let keys = all_keys(case);
    let mut values: Vec<(Option<Edn>, Edn)> = Vec::new();
    let is_register = case.tape.workload == "lin-kv";
    let mut number = |key: Option<&Edn>, value: &Edn| {
        // Values of a register are the same under every key.
        let named = (key.filter(|_| !is_register).cloned(), value.clone());
        let place = values.iter().position(|known| *known == named).unwrap_or_else(|| {
            values.push(named.clone());
            values.len() - 1
        });
        let before = values[..place].iter().filter(|(key, _)| *key == named.0);
        Edn::Int(before.count() as i64 + 1)
    };
    replaced(case, &mut |part, value| match part {
        Part::Key => {
            let place = keys.iter().position(|key| key == value).unwrap_or_default();
            match value {
                Edn::Str(_) => Edn::from(place.to_string()),
                _ => Edn::Int(place as i64),
            }
        }
        Part::ValueOf(key) => number(Some(key), value),
        Part::Element => number(None, value),
    })
}

/// The case with one key in place of another. What is written must stay different: so the values
/// of the one that goes are moved far away.
fn with_one_key(case: &Case, gone: &Edn, heir: &Edn) -> Case {
    let has_unique_values = case.tape.workload != "lin-kv";
    replaced(case, &mut |part, value| match part {
        Part::Key if value == gone => heir.clone(),
        Part::ValueOf(key) if key == gone && has_unique_values => match value {
            Edn::Int(number) => Edn::Int(number + 1_000_000),
            value => value.clone(),
        },
        _ => value.clone(),
    })
}

/// The case without one micro-operation, for each that can go.
fn shorter(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, operation) in case.tape.tracks.operations.iter().enumerate() {
        let is_list = !matches!(
            shape(&case.tape.workload, &operation.f),
            Shape::Register | Shape::Element | Shape::Amount | Shape::Other
        );
        let items = operation.value.as_slice().unwrap_or_default();
        if !is_list || items.len() < 2 {
            continue;
        }
        for gone in 0..items.len() {
            let mut less = case.clone();
            let mut items = items.to_vec();
            items.remove(gone);
            less.tape.tracks.operations[number].value = Edn::Vector(items);
            cases.push(less);
        }
    }
    cases
}

/// The case with smaller amounts: 1, and 0 where that does not say which it was.
fn with_small_amounts(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, operation) in case.tape.tracks.operations.iter().enumerate() {
        let is_amount = shape(&case.tape.workload, &operation.f) == Shape::Amount;
        if is_amount && !matches!(operation.value, Edn::Int(0 | 1)) {
            let mut less = case.clone();
            less.tape.tracks.operations[number].value = Edn::Int(1);
            cases.push(less);
        }
    }
    cases
}

/// Takes out micro-operations and keys, and makes numbers small.
pub fn simplify(search: &mut Search) {
    loop {
        let candidates = shorter(search.best());
        if search.first(candidates.len(), &|number| candidates.get(number).cloned()).is_none() {
            break;
        }
    }
    loop {
        let case = search.best().clone();
        let keys = all_keys(&case);
        let pairs: Vec<(&Edn, &Edn)> = keys
            .iter()
            .enumerate()
            .flat_map(|(place, gone)| keys[..place].iter().map(move |heir| (gone, heir)))
            .collect();
        let found = search.first(pairs.len(), &|number| {
            let (gone, heir) = pairs[number];
            Some(with_one_key(&case, gone, heir))
        });
        if found.is_none() {
            break;
        }
    }
    loop {
        let candidates = with_small_amounts(search.best());
        if search.first(candidates.len(), &|number| candidates.get(number).cloned()).is_none() {
            break;
        }
    }
    let case = search.best().clone();
    search.first(1, &|_| Some(renumbered(&case)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::TestOptions;
    use crate::tape::TapeFile;

    fn case(workload: &str, operations: &[(&str, &str)]) -> Case {
        let mut text = format!("{{:tape 2, :workload {workload:?}, :seed 1}}");
        for (f, value) in operations {
            text += &format!("{{:at 1, :thread 0, :f :{f}, :value {value}}}");
        }
        Case { options: TestOptions::default(), tape: TapeFile::parse(&text).unwrap() }
    }

    fn values(case: &Case) -> Vec<String> {
        let operations = case.tape.tracks.operations.iter();
        operations.map(|operation| operation.value.to_string()).collect()
    }

    #[test]
    fn numbers_count_from_the_beginning_and_stay_as_different_as_they_were() {
        for (workload, operations, expected) in [
            (
                "lin-kv",
                vec![("write", "[7 3]"), ("cas", "[7 [3 0]]"), ("read", "[9 nil]")],
                vec!["[0 1]", "[0 [1 2]]", "[1 nil]"],
            ),
            (
                "txn-list-append",
                vec![
                    ("txn", "[[:append 8 5] [:r 9 nil]]"),
                    ("txn", "[[:append 9 5] [:append 8 7]]"),
                ],
                vec!["[[:append 0 1] [:r 1 nil]]", "[[:append 1 1] [:append 0 2]]"],
            ),
            ("broadcast", vec![("broadcast", "44"), ("read", "nil")], vec!["1", "nil"]),
            (
                "kafka",
                vec![
                    ("assign", r#"["8" "9"]"#),
                    ("send", r#"[[:send "9" 40]]"#),
                    ("poll", "[[:poll]]"),
                ],
                vec![r#"["0" "1"]"#, r#"[[:send "1" 1]]"#, "[[:poll]]"],
            ),
        ] {
            let renumbered = renumbered(&case(workload, &operations));
            assert_eq!(values(&renumbered), expected);
            let workload = crate::workload::by_name(workload).unwrap();
            assert_eq!(renumbered.tape.validate(workload), Ok(()));
        }
    }

    #[test]
    fn a_key_goes_and_its_values_stay_different() {
        let txn = case("txn-list-append", &[("txn", "[[:append 0 1] [:append 1 1]]")]);
        let one = with_one_key(&txn, &Edn::Int(1), &Edn::Int(0));
        assert_eq!(values(&renumbered(&one)), ["[[:append 0 1] [:append 0 2]]"]);
        let kafka = case("kafka", &[("assign", r#"["0" "1"]"#)]);
        let one = with_one_key(&kafka, &Edn::from("1"), &Edn::from("0"));
        assert_eq!(values(&one), [r#"["0"]"#]);
    }

    #[test]
    fn keys_are_seen_in_every_form() {
        for (value, expected) in [
            ("[3 nil]", "[3]"),
            ("[3 [1 2]]", "[3]"),
            ("[[:r 3 nil] [:append 4 1]]", "[3 4]"),
            (r#"["a" "b"]"#, r#"["a" "b"]"#),
            ("[[:poll]]", "[]"),
            ("17", "[]"),
        ] {
            let keys = keys(&crate::edn::read_one(value).unwrap());
            assert_eq!(Edn::Vector(keys).to_string(), expected);
        }
    }
}
