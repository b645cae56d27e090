//! The book's page for tests in other languages shows a test in Rust. This is it.

use std::cell::Cell;

thread_local!(static X: Cell<i64> = const { Cell::new(0) });

/// A database with one key.
fn compare_and_swap(_: &str, from: i64, to: i64) -> Result<bool, &'static str> {
    let swaps = X.get() == from;
    if swaps {
        X.set(to);
    }
    // The last answer is lost.
    if to == 3 { Err("timeout") } else { Ok(swaps) }
}

#[test]
fn the_page_shows_a_test_that_runs() {
    // What the page shows begins here.
    use checker::edn::Edn;
    use checker::{History, Model, assert_linearizable};

    let mut history = History::new();
    for (process, key, from, to) in [(0, "x", 0, 1), (1, "x", 0, 2), (1, "x", 1, 3)] {
        let value = Edn::from(vec![Edn::from(key), Edn::from(vec![from, to])]);
        history.invoke(process, "cas", value.clone());
        match compare_and_swap(key, from, to) {
            Ok(true) => history.ok(process, value),
            Ok(false) => history.fail(process),
            Err(_perhaps_it_happened) => history.info(process),
        }
    }
    let zero = Some(Edn::from(0i64));
    assert_linearizable!(history, Model::new("cas-register", zero).unwrap().per_key(true));
    // And ends here.

    let (book, own) = (include_str!("../../book/adapters.md"), include_str!("adapters.rs"));
    let shown = own.split("begins here.\n").nth(1).unwrap().split("    // And ends").next();
    let shown: Vec<&str> =
        shown.unwrap().lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    assert!(book.contains(&shown.join("\n")), "the page shows something else");
    assert_eq!(history.to_edn_text().lines().count(), 6);
}
