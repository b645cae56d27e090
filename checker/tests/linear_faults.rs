//! Planted faults: ten for each object that must be linearizable, all of which are found.
//!
//! Each table has a valid history, a line an entry: `process type f value`. A fault is another
//! text for some of its lines (counted from 0; `-` takes the line out).

use crate::faults::history;
use checker::edn::read_one;
use checker::{Judge, Model, Validity, linear};

/// A model, how the object begins, a valid history, and its faults.
struct Table {
    model: &'static str,
    init: &'static str,
    history: &'static str,
    faults: [&'static [(usize, &'static str)]; 10],
}

const TABLES: &[Table] = &[
    // ANCHOR: register
    Table {
        model: "register",
        init: "nil",
        history: "0 invoke write 1\n0 ok write 1\n1 invoke read nil\n1 ok read 1\n\
                  0 invoke write 2\n1 invoke read nil\n1 ok read 2\n0 ok write 2\n\
                  2 invoke write 3\n2 info write 3\n1 invoke read nil\n1 ok read 3\n\
                  3 invoke write 4\n3 fail write 4\n1 invoke read nil\n1 ok read 3",
        faults: [
            &[(3, "1 ok read 2")],
            &[(3, "1 ok read 0")],
            &[(6, "1 ok read 3")],
            &[(6, "1 ok read 9")],
            &[(9, "2 fail write 3")],
            &[(11, "1 ok read 1")],
            &[(11, "1 ok read 4")],
            &[(13, "3 ok write 4")],
            &[(15, "1 ok read 4")],
            &[(15, "1 ok read 2")],
        ],
    },
    // ANCHOR_END: register
    Table {
        model: "cas-register",
        init: "nil",
        history: "0 invoke write 0\n0 ok write 0\n1 invoke cas [0 1]\n1 ok cas [0 1]\n\
                  2 invoke cas [0 2]\n2 fail cas [0 2]\n1 invoke read nil\n1 ok read 1\n\
                  0 invoke cas [1 3]\n3 invoke cas [3 4]\n3 ok cas [3 4]\n0 ok cas [1 3]\n\
                  4 invoke cas [4 5]\n4 info cas [4 5]\n1 invoke read nil\n1 ok read 5",
        faults: [
            &[(3, "1 ok cas [2 1]")],
            &[(3, "1 fail cas [0 1]")],
            &[(5, "2 ok cas [0 2]")],
            &[(7, "1 ok read 0")],
            &[(7, "1 ok read 2")],
            &[(10, "3 ok cas [4 4]")],
            &[(10, "3 ok cas [3 6]")],
            &[(11, "0 fail cas [1 3]")],
            &[(13, "4 fail cas [4 5]")],
            &[(15, "1 ok read 3")],
        ],
    },
    Table {
        model: "mutex",
        init: ":free",
        history: "0 invoke acquire nil\n0 ok acquire nil\n1 invoke acquire nil\n\
                  0 invoke release nil\n0 ok release nil\n1 ok acquire nil\n\
                  2 invoke acquire nil\n2 fail acquire nil\n1 invoke release nil\n\
                  1 ok release nil\n3 invoke acquire nil\n3 info acquire nil\n\
                  4 invoke acquire nil\n4 ok acquire nil",
        faults: [
            &[(3, "0 invoke acquire nil"), (4, "0 ok acquire nil")],
            &[(4, "0 fail release nil")],
            &[(3, "-"), (4, "-")],
            &[(7, "2 ok acquire nil")],
            &[(9, "1 fail release nil")],
            &[(8, "-"), (9, "-")],
            &[(0, "0 invoke release nil"), (1, "0 ok release nil")],
            &[(2, "-"), (5, "-")],
            &[(11, "3 ok acquire nil")],
            &[(10, "3 invoke release nil"), (11, "3 ok release nil")],
        ],
    },
    Table {
        model: "linear-set",
        init: "#{}",
        history: "0 invoke add 1\n0 ok add 1\n1 invoke read nil\n1 ok read #{1}\n\
                  0 invoke add 2\n1 invoke read nil\n1 ok read #{1 2}\n0 ok add 2\n\
                  2 invoke add 3\n2 info add 3\n1 invoke read nil\n1 ok read #{1 2 3}\n\
                  3 invoke add 4\n3 fail add 4\n1 invoke read nil\n1 ok read #{1 2 3}",
        faults: [
            &[(3, "1 ok read #{}")],
            &[(3, "1 ok read #{1 2}")],
            &[(3, "1 ok read #{2}")],
            &[(6, "1 ok read #{2}")],
            &[(6, "1 ok read #{1 2 3}")],
            &[(9, "2 fail add 3")],
            &[(11, "1 ok read #{1 3}")],
            &[(11, "1 ok read #{1 2 9}")],
            &[(15, "1 ok read #{1 2}")],
            &[(15, "1 ok read #{1 2 3 4}")],
        ],
    },
    Table {
        model: "fifo-queue",
        init: "[]",
        history: QUEUE,
        faults: [
            &[(5, "1 ok dequeue 2")],
            &[(5, "1 ok dequeue 9")],
            &[(9, "1 ok dequeue 1")],
            &[(9, "1 ok dequeue 3")],
            &[(11, "1 ok dequeue 2")],
            &[(11, "1 ok dequeue 4")],
            &[(17, "1 ok dequeue 4")],
            &[(17, "1 ok dequeue nil")],
            &[(7, "2 fail enqueue 3")],
            &[(0, "-"), (1, "-")],
        ],
    },
    Table {
        model: "unordered-queue",
        init: "[]",
        history: QUEUE,
        faults: [
            &[(5, "1 ok dequeue 9")],
            &[(5, "1 ok dequeue 3")],
            &[(9, "1 ok dequeue 1")],
            &[(11, "1 ok dequeue 2")],
            &[(11, "1 ok dequeue 4")],
            &[(17, "1 ok dequeue 4")],
            &[(17, "1 ok dequeue 3")],
            &[(7, "2 fail enqueue 3")],
            &[(0, "-"), (1, "-")],
            &[(2, "-"), (3, "-")],
        ],
    },
    Table {
        model: "multi-register",
        init: "{}",
        history: "0 invoke txn [[:write :x 1] [:write :y 1]]\n\
                  0 ok txn [[:write :x 1] [:write :y 1]]\n\
                  1 invoke txn [[:read :x nil] [:read :y nil]]\n\
                  1 ok txn [[:read :x 1] [:read :y 1]]\n0 invoke txn [[:write :x 2]]\n\
                  0 ok txn [[:write :x 2]]\n1 invoke txn [[:read :x nil] [:write :y 2]]\n\
                  1 ok txn [[:read :x 2] [:write :y 2]]\n2 invoke txn [[:write :x 3]]\n\
                  2 info txn [[:write :x 3]]\n1 invoke txn [[:read :x nil] [:read :y nil]]\n\
                  1 ok txn [[:read :x 3] [:read :y 2]]",
        faults: [
            &[(1, "0 fail txn [[:write :x 1] [:write :y 1]]")],
            &[(3, "1 ok txn [[:read :x 2] [:read :y 1]]")],
            &[(3, "1 ok txn [[:read :x 1] [:read :y 2]]")],
            &[(3, "1 ok txn [[:read :x 9] [:read :y 1]]")],
            &[(5, "0 fail txn [[:write :x 2]]")],
            &[(7, "1 ok txn [[:read :x 1] [:write :y 2]]")],
            &[(7, "1 ok txn [[:read :x 3] [:write :y 2]]")],
            &[(9, "2 fail txn [[:write :x 3]]")],
            &[(11, "1 ok txn [[:read :x 3] [:read :y 1]]")],
            &[(11, "1 ok txn [[:read :x 1] [:read :y 2]]")],
        ],
    },
    Table {
        model: "stack",
        init: "[]",
        history: "0 invoke push 1\n0 ok push 1\n0 invoke push 2\n0 ok push 2\n1 invoke pop nil\n\
                  1 ok pop 2\n2 invoke push 3\n2 info push 3\n1 invoke pop nil\n1 ok pop 3\n\
                  1 invoke pop nil\n1 ok pop 1\n1 invoke pop nil\n1 ok pop nil\n\
                  3 invoke push 4\n3 fail push 4\n0 invoke push 5\n0 ok push 5\n\
                  1 invoke pop nil\n1 ok pop 5",
        faults: [
            &[(5, "1 ok pop 1")],
            &[(5, "1 ok pop 9")],
            &[(5, "1 ok pop nil")],
            &[(7, "2 fail push 3")],
            &[(9, "1 ok pop 2")],
            &[(11, "1 ok pop 3")],
            &[(11, "1 ok pop nil")],
            &[(13, "1 ok pop 4")],
            &[(19, "1 ok pop 4")],
            &[(19, "1 ok pop nil")],
        ],
    },
    Table {
        model: "priority-queue",
        init: "[]",
        history: "0 invoke insert 5\n0 ok insert 5\n0 invoke insert 3\n0 ok insert 3\n\
                  1 invoke delete-min nil\n1 ok delete-min 3\n2 invoke insert 1\n\
                  2 info insert 1\n1 invoke delete-min nil\n1 ok delete-min 1\n\
                  1 invoke delete-min nil\n1 ok delete-min 5\n1 invoke delete-min nil\n\
                  1 ok delete-min nil\n3 invoke insert 7\n3 fail insert 7\n0 invoke insert 9\n\
                  0 ok insert 9\n1 invoke delete-min nil\n1 ok delete-min 9",
        faults: [
            &[(5, "1 ok delete-min 5")],
            &[(5, "1 ok delete-min 4")],
            &[(5, "1 ok delete-min nil")],
            &[(7, "2 fail insert 1")],
            &[(9, "1 ok delete-min 3")],
            &[(11, "1 ok delete-min 1")],
            &[(11, "1 ok delete-min nil")],
            &[(13, "1 ok delete-min 7")],
            &[(19, "1 ok delete-min 7")],
            &[(19, "1 ok delete-min nil")],
        ],
    },
    Table {
        model: "bounded-counter",
        init: "{:min 0, :max 3}",
        history: "0 invoke add 2\n0 ok add 2\n1 invoke read nil\n1 ok read 2\n\
                  0 invoke increment nil\n0 ok increment nil\n2 invoke increment nil\n\
                  2 fail increment nil\n1 invoke read nil\n1 ok read 3\n0 invoke decrement 3\n\
                  0 ok decrement 3\n3 invoke add 1\n3 info add 1\n1 invoke read nil\n\
                  1 ok read 1\n1 invoke read nil\n1 ok read 1",
        faults: [
            &[(1, "0 ok add 4")],
            &[(3, "1 ok read 3")],
            &[(3, "1 ok read 0")],
            &[(7, "2 ok increment nil")],
            &[(9, "1 ok read 2")],
            &[(9, "1 ok read 4")],
            &[(11, "0 ok decrement 4")],
            &[(11, "0 fail decrement 3")],
            &[(13, "3 fail add 1")],
            &[(17, "1 ok read 0")],
        ],
    },
    Table {
        model: "owner-mutex",
        init: ":free",
        history: "0 invoke acquire {:client :a}\n0 ok acquire {:client :a}\n\
                  1 invoke acquire {:client :b}\n0 invoke release {:client :a}\n\
                  0 ok release {:client :a}\n1 ok acquire {:client :b}\n\
                  2 invoke release {:client :c}\n2 fail release {:client :c}\n\
                  1 invoke release {:client :b}\n1 ok release {:client :b}\n\
                  3 invoke acquire {:client :d}\n3 info acquire {:client :d}\n\
                  4 invoke acquire {:client :e}\n4 ok acquire {:client :e}",
        faults: [
            &[(0, "0 invoke release {:client :a}"), (1, "0 ok release {:client :a}")],
            &[(1, "0 ok acquire {:client :c}")],
            &[(3, "0 invoke acquire {:client :a}"), (4, "0 ok acquire {:client :a}")],
            &[(4, "0 ok release {:client :b}")],
            &[(4, "0 fail release {:client :a}")],
            &[(7, "2 ok release {:client :c}")],
            &[(9, "1 ok release {:client :a}")],
            &[(9, "1 fail release {:client :b}")],
            &[(11, "3 ok acquire {:client :d}")],
            &[(12, "4 invoke release {:client :e}"), (13, "4 ok release {:client :e}")],
        ],
    },
    Table {
        model: "reentrant-mutex",
        init: "{:limit 2}",
        history: "0 invoke acquire {:client :a}\n0 ok acquire {:client :a}\n\
                  0 invoke acquire {:client :a}\n0 ok acquire {:client :a}\n\
                  0 invoke release {:client :a}\n0 ok release {:client :a}\n\
                  1 invoke acquire {:client :b}\n0 invoke release {:client :a}\n\
                  0 ok release {:client :a}\n1 ok acquire {:client :b}\n\
                  2 invoke acquire {:client :c}\n2 fail acquire {:client :c}\n\
                  1 invoke release {:client :b}\n1 ok release {:client :b}\n\
                  3 invoke acquire {:client :d}\n3 ok acquire {:client :d}",
        faults: [
            &[(2, "-"), (3, "-")],
            &[(3, "0 ok acquire {:client :b}")],
            &[(4, "0 invoke acquire {:client :a}"), (5, "0 ok acquire {:client :a}")],
            &[(5, "0 ok release {:client :b}")],
            &[(7, "-"), (8, "-")],
            &[(8, "0 fail release {:client :a}")],
            &[(11, "2 ok acquire {:client :c}")],
            &[(13, "1 ok release {:client :c}")],
            &[(13, "1 fail release {:client :b}")],
            &[(14, "3 invoke release {:client :d}"), (15, "3 ok release {:client :d}")],
        ],
    },
    Table {
        model: "fenced-mutex",
        init: ":free",
        history: "0 invoke acquire {:client :a}\n0 ok acquire {:client :a, :fence 1}\n\
                  0 invoke release {:client :a}\n0 ok release {:client :a}\n\
                  1 invoke acquire {:client :b}\n1 ok acquire {:client :b, :fence 3}\n\
                  1 invoke release {:client :b}\n1 ok release {:client :b}\n\
                  2 invoke acquire {:client :c}\n2 info acquire {:client :c}\n\
                  4 invoke release {:client :c}\n4 ok release {:client :c}\n\
                  3 invoke acquire {:client :a}\n3 ok acquire {:client :a, :fence 5}",
        faults: [
            &[(1, "0 ok acquire {:client :a, :fence 4}")],
            &[(3, "0 fail release {:client :a}")],
            &[(3, "0 ok release {:client :b}")],
            &[(5, "1 ok acquire {:client :b, :fence 1}")],
            &[(7, "1 fail release {:client :b}")],
            &[(9, "2 ok acquire {:client :c, :fence 3}")],
            &[(9, "2 ok acquire {:client :c, :fence 6}")],
            &[(9, "2 fail acquire {:client :c}")],
            &[(13, "3 ok acquire {:client :a, :fence 3}")],
            &[(13, "3 ok acquire {:client :a, :fence 2}")],
        ],
    },
    Table {
        model: "reentrant-fenced-mutex",
        init: "{:limit 2}",
        history: "0 invoke acquire {:client :a}\n0 ok acquire {:client :a, :fence 1}\n\
                  0 invoke acquire {:client :a}\n0 ok acquire {:client :a, :fence 1}\n\
                  0 invoke release {:client :a}\n0 ok release {:client :a}\n\
                  0 invoke release {:client :a}\n0 ok release {:client :a}\n\
                  1 invoke acquire {:client :b}\n1 ok acquire {:client :b, :fence 2}\n\
                  1 invoke release {:client :b}\n1 ok release {:client :b}\n\
                  2 invoke acquire {:client :c}\n2 ok acquire {:client :c, :fence 4}",
        faults: [
            &[(1, "0 ok acquire {:client :a, :fence 3}")],
            &[(3, "0 ok acquire {:client :a, :fence 2}")],
            &[(3, "0 ok acquire {:client :b, :fence 2}")],
            &[(4, "0 invoke acquire {:client :a}"), (5, "0 ok acquire {:client :a, :fence 1}")],
            &[(7, "0 fail release {:client :a}")],
            &[(9, "1 ok acquire {:client :b, :fence 1}")],
            &[(11, "1 ok release {:client :a}")],
            &[(11, "1 fail release {:client :b}")],
            &[(13, "2 ok acquire {:client :c, :fence 2}")],
            &[(13, "2 ok acquire {:client :c, :fence 1}")],
        ],
    },
    Table {
        model: "read-write-lock",
        init: ":free",
        history: "0 invoke acquire-read {:client :a}\n0 ok acquire-read {:client :a}\n\
                  1 invoke acquire-read {:client :b}\n1 ok acquire-read {:client :b}\n\
                  2 invoke acquire-write {:client :c}\n0 invoke release-read {:client :a}\n\
                  0 ok release-read {:client :a}\n1 invoke release-read {:client :b}\n\
                  1 ok release-read {:client :b}\n2 ok acquire-write {:client :c}\n\
                  3 invoke acquire-read {:client :d}\n3 fail acquire-read {:client :d}\n\
                  2 invoke release-write {:client :c}\n2 ok release-write {:client :c}\n\
                  0 invoke acquire-write {:client :a}\n0 ok acquire-write {:client :a}",
        faults: [
            &[(0, "0 invoke acquire-write {:client :a}"), (1, "0 ok acquire-write {:client :a}")],
            &[(2, "1 invoke acquire-write {:client :b}"), (3, "1 ok acquire-write {:client :b}")],
            &[(6, "0 fail release-read {:client :a}")],
            &[(8, "1 fail release-read {:client :b}")],
            &[(8, "1 ok release-read {:client :d}")],
            &[(4, "2 invoke release-write {:client :c}"), (9, "2 ok release-write {:client :c}")],
            &[(11, "3 ok acquire-read {:client :d}")],
            &[(13, "2 ok release-write {:client :a}")],
            &[(13, "2 fail release-write {:client :c}")],
            &[(14, "0 invoke release-read {:client :a}"), (15, "0 ok release-read {:client :a}")],
        ],
    },
];

const QUEUE: &str = "0 invoke enqueue 1\n0 ok enqueue 1\n0 invoke enqueue 2\n0 ok enqueue 2\n\
                     1 invoke dequeue nil\n1 ok dequeue 1\n2 invoke enqueue 3\n\
                     2 info enqueue 3\n1 invoke dequeue nil\n1 ok dequeue 2\n\
                     1 invoke dequeue nil\n1 ok dequeue 3\n3 invoke enqueue 4\n\
                     3 fail enqueue 4\n0 invoke enqueue 5\n0 ok enqueue 5\n\
                     1 invoke dequeue nil\n1 ok dequeue 5";

#[test]
fn every_planted_fault_is_found() {
    for Table { model, init, history: valid, faults } in TABLES {
        let init = Some(read_one(init).unwrap());
        let judge = || Judge::from(Model::new(model, init.clone()).unwrap().per_key(false));
        let lines: Vec<&str> = valid.lines().collect();
        let found = judge().judge(&history(&lines));
        assert_eq!(found.verdict, Validity::True, "{model}: {found}");
        for fault in faults {
            let mut lines = lines.clone();
            fault.iter().for_each(|(line, text)| lines[*line] = text);
            let found = judge().judge(&history(&lines));
            assert_eq!(found.verdict, Validity::False, "{model} {fault:?}: {found}");
            assert_eq!(found.findings[0].kind, linear::NOT_LINEARIZABLE, "{model} {fault:?}");
            assert!(!found.findings[0].operations.is_empty(), "{model} {fault:?}");
        }
    }
}

/// So that a new model gets faults, too.
#[test]
fn every_model_has_faults() {
    for model in linear::models() {
        assert!(TABLES.iter().any(|table| table.model == model), "{model}");
    }
}
