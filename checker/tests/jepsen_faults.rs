//! Planted faults: ten for each checker of Jepsen's tests, all of which it must find.

use crate::faults::tables::{Table, find_all};
use checker::{CheckOptions, Judge};

const TABLES: &[Table<&str>] = &[
    Table {
        name: "closed-predicate",
        history: "0 invoke init {:x 0 :y 1}\n0 ok init {:x 0 :y 1}\n\
                  1 invoke txn [[:rp :true nil] [:w :x 2]]\n\
                  1 ok txn [[:rp :true {:x 0 :y 1}] [:w :x 2]]\n\
                  2 invoke txn [[:rp [:= 2] nil] [:insert :z 4]]\n\
                  2 ok txn [[:rp [:= 2] {:x 2}] [:insert :z 4]]\n\
                  3 invoke txn [[:delete :y]]\n3 ok txn [[:delete :y]]\n\
                  4 invoke txn [[:insert :w 9]]\n4 fail txn [[:insert :w 9]]\n\
                  5 invoke txn [[:rp [:mod 2 0] nil] [:r :y nil]]\n\
                  5 ok txn [[:rp [:mod 2 0] {:x 2 :z 4}] [:r :y nil]]",
        faults: [
            (&[(3, "1 ok txn [[:rp :true {:x 0}] [:w :x 2]]")], "G1c-realtime"),
            (&[(3, "1 ok txn [[:rp :true {:y 1}] [:w :x 2]]")], "predicate-read-miss"),
            (&[(5, "2 ok txn [[:rp [:= 2] {}] [:insert :z 4]]")], "G-single-realtime"),
            (
                &[
                    (4, "2 invoke txn [[:insert :z 4] [:r :z nil]]"),
                    (5, "2 ok txn [[:insert :z 4] [:r :z nil]]"),
                ],
                "internal",
            ),
            (&[(11, "5 ok txn [[:rp [:mod 2 0] {:x 2}] [:r :y nil]]")], "G-single-realtime"),
            (&[(11, "5 ok txn [[:rp [:mod 2 0] {:z 4}] [:r :y nil]]")], "predicate-read-miss"),
            (&[(11, "5 ok txn [[:rp [:mod 2 0] {:x 0 :z 4}] [:r :y nil]]")], "G-single-item"),
            (
                &[(11, "5 ok txn [[:rp [:mod 2 0] {:x 2 :z 4}] [:r :y 1]]")],
                "G-single-item-realtime",
            ),
            (
                &[
                    (8, "4 invoke txn [[:insert :w 8]]"),
                    (9, "4 fail txn [[:insert :w 8]]"),
                    (11, "5 ok txn [[:rp [:mod 2 0] {:x 2 :z 4 :w 8}] [:r :y nil]]"),
                ],
                "G1a",
            ),
            (
                &[
                    (2, "1 invoke txn [[:rp [:= 5] nil] [:w :x 5]]"),
                    (3, "2 invoke txn [[:rp [:= 5] nil] [:insert :z 5]]"),
                    (4, "1 ok txn [[:rp [:= 5] {}] [:w :x 5]]"),
                    (5, "2 ok txn [[:rp [:= 5] {}] [:insert :z 5]]"),
                    (11, "5 ok txn [[:rp [:mod 2 0] {}] [:r :y nil]]"),
                ],
                "G2",
            ),
        ],
    },
    Table {
        name: "counter",
        history: "0 invoke add 3\n0 ok add 3\n1 invoke read nil\n1 ok read 3\n0 invoke add 2\n\
                  1 invoke read nil\n1 ok read 5\n0 ok add 2\n2 invoke add 4\n2 info add 4\n\
                  1 invoke read nil\n1 ok read 9\n3 invoke add 7\n3 fail add 7\n\
                  1 invoke read nil\n1 ok read 5",
        faults: [
            (&[(3, "1 ok read 2")], "out-of-bounds"),
            (&[(3, "1 ok read 4")], "out-of-bounds"),
            (&[(3, "1 ok read 0")], "out-of-bounds"),
            (&[(3, "1 ok read -3")], "out-of-bounds"),
            (&[(6, "1 ok read 6")], "out-of-bounds"),
            (&[(6, "1 ok read 2")], "out-of-bounds"),
            (&[(11, "1 ok read 10")], "out-of-bounds"),
            (&[(11, "1 ok read 4")], "out-of-bounds"),
            (&[(15, "1 ok read 12")], "out-of-bounds"),
            (&[(9, "2 fail add 4")], "out-of-bounds"),
        ],
    },
    Table {
        name: "set",
        history: "0 invoke add 1\n0 ok add 1\n1 invoke add 2\n1 ok add 2\n2 invoke add 3\n\
                  2 info add 3\n3 invoke add 4\n3 fail add 4\n4 invoke read nil\n\
                  4 ok read #{1 2 3}",
        faults: [
            (&[(9, "4 ok read #{1 3}")], "lost"),
            (&[(9, "4 ok read #{2 3}")], "lost"),
            (&[(9, "4 ok read #{}")], "lost"),
            (&[(9, "4 ok read []")], "lost"),
            (&[(9, "4 ok read [1 1]")], "lost"),
            (&[(9, "4 ok read #{1 2 3 9}")], "unexpected"),
            (&[(9, "4 ok read [1 2 -3]")], "unexpected"),
            (&[(9, "4 ok read [1 2 \"3\"]")], "unexpected"),
            (&[(5, "2 ok add 3"), (9, "4 ok read #{1 2}")], "lost"),
            (&[(7, "3 ok add 4")], "lost"),
        ],
    },
    Table {
        name: "stats",
        history: "0 invoke add 1\n0 ok add 1\n1 invoke read nil\n1 ok read 1\n\
                  2 invoke cas 3\n2 fail cas 3\n3 invoke cas 4\n3 ok cas 4",
        faults: [
            (&[(1, "0 fail add 1")], "never-ok"),
            (&[(1, "0 info add 1")], "never-ok"),
            (&[(3, "1 fail read nil")], "never-ok"),
            (&[(3, "1 info read nil")], "never-ok"),
            (&[(7, "3 fail cas 4")], "never-ok"),
            (&[(7, "3 info cas 4")], "never-ok"),
            (&[(6, "3 invoke swap 4"), (7, "3 ok swap 4")], "never-ok"),
            (&[(0, "0 invoke put 1"), (1, "0 fail put 1")], "never-ok"),
            (&[(6, "-"), (7, "-")], "never-ok"),
            (&[(6, "3 invoke add 4"), (7, "3 ok add 4")], "never-ok"),
        ],
    },
    Table {
        name: "set-full",
        history: "0 invoke add 1\n0 ok add 1\n1 invoke read nil\n1 ok read [1]\n2 invoke add 2\n\
                  1 invoke read nil\n1 ok read [1 2]\n2 info add 2\n1 invoke read nil\n\
                  1 ok read [2 1]\n3 invoke read nil\n3 ok read [1 2]",
        faults: [
            (&[(11, "3 ok read [1]")], "lost"),
            (&[(11, "3 ok read [2]")], "lost"),
            (&[(11, "3 ok read []")], "lost"),
            (&[(11, "3 ok read nil")], "lost"),
            (&[(11, "3 ok read #{1 3}")], "lost"),
            (&[(9, "1 ok read []"), (11, "3 ok read []")], "lost"),
            (&[(3, "1 ok read []"), (11, "3 ok read [2]")], "lost"),
            (&[(9, "1 ok read [1]"), (11, "3 ok read [1]")], "lost"),
            (&[(7, "2 ok add 2"), (11, "3 ok read [1 1]")], "lost"),
            (&[(6, "1 ok read [2]"), (11, "3 ok read [2 2]")], "lost"),
        ],
    },
    Table {
        name: "queue",
        history: "0 invoke enqueue 1\n0 ok enqueue 1\n1 invoke enqueue 2\n1 info enqueue 2\n\
                  2 invoke dequeue nil\n2 ok dequeue 2\n2 invoke dequeue nil\n2 ok dequeue 1\n\
                  3 invoke enqueue 1\n3 ok enqueue 1",
        faults: [
            (&[(5, "2 ok dequeue 3")], "unexpected-dequeue"),
            (&[(5, "2 ok dequeue 1")], "unexpected-dequeue"),
            (&[(7, "2 ok dequeue 2")], "unexpected-dequeue"),
            (&[(7, "2 ok dequeue nil")], "unexpected-dequeue"),
            (&[(7, "2 ok dequeue \"1\"")], "unexpected-dequeue"),
            (&[(0, "-"), (1, "-")], "unexpected-dequeue"),
            (&[(2, "-"), (3, "-")], "unexpected-dequeue"),
            (&[(2, "1 invoke enqueue 5"), (3, "1 ok enqueue 5")], "unexpected-dequeue"),
            (&[(5, "2 ok dequeue [1]")], "unexpected-dequeue"),
            (&[(7, "2 ok dequeue 1.0")], "unexpected-dequeue"),
        ],
    },
    Table {
        name: "total-queue",
        history: "0 invoke enqueue 1\n0 ok enqueue 1\n1 invoke enqueue 2\n1 info enqueue 2\n\
                  2 invoke enqueue 3\n2 ok enqueue 3\n3 invoke dequeue nil\n3 ok dequeue 2\n\
                  3 invoke drain nil\n3 ok drain [1 3]",
        faults: [
            (&[(9, "3 ok drain [1]")], "lost"),
            (&[(9, "3 ok drain [3]")], "lost"),
            (&[(9, "3 ok drain []")], "lost"),
            (&[(9, "3 ok drain nil")], "lost"),
            (&[(9, "3 fail drain nil")], "lost"),
            (&[(9, "3 ok drain [1 3 4]")], "unexpected"),
            (&[(7, "3 ok dequeue 7")], "unexpected"),
            (&[(7, "3 ok dequeue nil")], "unexpected"),
            (&[(3, "1 ok enqueue 2"), (7, "3 fail dequeue nil")], "lost"),
            (&[(9, "3 ok drain [1 1]")], "duplicated"),
        ],
    },
    Table {
        name: "unique-ids",
        history: "0 invoke generate nil\n0 ok generate 1\n1 invoke generate nil\n\
                  1 ok generate \"1\"\n2 invoke generate nil\n2 ok generate [1 2]\n\
                  3 invoke generate nil\n3 ok generate {:a 1, :b 2}\n4 invoke generate nil\n\
                  4 info generate nil",
        faults: [
            (&[(3, "1 ok generate 1")], "duplicated"),
            (&[(5, "2 ok generate 1")], "duplicated"),
            (&[(5, "2 ok generate \"1\"")], "duplicated"),
            (&[(7, "3 ok generate [1 2]")], "duplicated"),
            (&[(7, "3 ok generate (1 2)")], "duplicated"),
            (&[(5, "2 ok generate {:b 2, :a 1}")], "duplicated"),
            (&[(9, "4 ok generate 1")], "duplicated"),
            (&[(1, "0 ok generate \"1\"")], "duplicated"),
            (&[(1, "0 ok generate nil"), (3, "1 ok generate nil")], "duplicated"),
            (&[(1, "0 ok generate 1N"), (3, "1 ok generate 1N")], "duplicated"),
        ],
    },
    Table {
        name: "bank",
        history: "0 invoke read nil\n0 ok read {0 10, 1 0, 2 0}\n1 invoke transfer {:amount 3}\n\
                  0 invoke read nil\n0 ok read {0 7, 1 3, 2 0}\n1 ok transfer {:amount 3}\n\
                  0 invoke read nil\n0 ok read {2 0, 1 3, 0 7}",
        faults: [
            (&[(4, "0 ok read {0 7, 1 0, 2 0}")], "wrong-total"),
            (&[(4, "0 ok read {0 10, 1 3, 2 0}")], "wrong-total"),
            (&[(4, "0 ok read {0 7, 2 0}")], "wrong-total"),
            (&[(4, "0 ok read {}")], "wrong-total"),
            (&[(4, "0 ok read {0 7.0, 1 3.0, 2 0.0}")], "wrong-total"),
            (&[(4, "0 ok read {0 13, 1 -3, 2 0}")], "negative-value"),
            (&[(7, "0 ok read {0 11, 1 0, 2 -1}")], "negative-value"),
            (&[(7, "0 ok read {0 7, 1 nil, 2 3}")], "nil-balance"),
            (&[(7, "0 ok read {0 7, 1 3, 2 0, 3 0}")], "unexpected-key"),
            (&[(7, "0 ok read {0 7, 1 3, :two 0}")], "unexpected-key"),
        ],
    },
    Table {
        name: "long-fork",
        history: "0 invoke write [[:w 0 1]]\n1 invoke write [[:w 1 1]]\n\
                  2 invoke read [[:r 0 nil] [:r 1 nil]]\n2 ok read [[:r 0 1] [:r 1 nil]]\n\
                  3 invoke read [[:r 1 nil] [:r 0 nil]]\n3 ok read [[:r 1 nil] [:r 0 1]]\n\
                  4 invoke read [[:r 0 nil] [:r 1 nil]]\n4 ok read [[:r 0 nil] [:r 1 nil]]\n\
                  5 invoke read [[:r 0 nil] [:r 1 nil]]\n5 ok read [[:r 0 1] [:r 1 1]]\n\
                  6 invoke read [[:r 2 nil] [:r 3 nil]]\n6 ok read [[:r 2 nil] [:r 3 1]]",
        faults: [
            (&[(3, "2 ok read [[:r 0 nil] [:r 1 1]]")], "long-fork"),
            (&[(3, "2 ok read [[:r 1 1] [:r 0 nil]]")], "long-fork"),
            (&[(5, "3 ok read [[:r 1 1] [:r 0 nil]]")], "long-fork"),
            (&[(5, "3 ok read [[:r 0 nil] [:r 1 1]]")], "long-fork"),
            (&[(7, "4 ok read [[:r 0 nil] [:r 1 1]]")], "long-fork"),
            (&[(9, "5 ok read [[:r 0 nil] [:r 1 1]]")], "long-fork"),
            (&[(9, "5 ok read [[\"r\" 0 nil] [\"r\" 1 1]]")], "long-fork"),
            (&[(9, "5 ok read ([:r 0 nil] [:r 1 1])")], "long-fork"),
            (&[(11, "6 ok read [[:r 0 nil] [:r 1 1]]")], "long-fork"),
            (&[(7, "4 ok read [[:r 2 1] [:r 3 nil]]")], "long-fork"),
        ],
    },
    Table {
        name: "sequential",
        history: "0 invoke write 1\n1 invoke read [1 nil]\n1 ok read [1 [nil nil nil]]\n\
                  1 invoke read [1 nil]\n1 ok read [1 [nil nil \"1_0\"]]\n1 invoke read [1 nil]\n\
                  1 ok read [1 [\"1_2\" \"1_1\" \"1_0\"]]",
        faults: [
            (&[(2, "1 ok read [1 [\"1_2\" nil nil]]")], "out-of-order"),
            (&[(2, "1 ok read [1 [nil \"1_1\" nil]]")], "out-of-order"),
            (&[(4, "1 ok read [1 [\"1_2\" nil \"1_0\"]]")], "out-of-order"),
            (&[(4, "1 ok read [1 [\"1_2\" \"1_1\" nil]]")], "out-of-order"),
            (&[(4, "1 ok read [1 (\"1_2\" \"1_1\" nil)]")], "out-of-order"),
            (&[(6, "1 ok read [1 [nil \"1_1\" nil]]")], "out-of-order"),
            (&[(6, "1 ok read [1 [\"1_2\" nil nil]]")], "out-of-order"),
            (&[(6, "1 ok read [1 [\"1_2\" nil]]")], "out-of-order"),
            (&[(6, "1 ok read [2 [\"1_2\" \"1_1\" nil]]")], "out-of-order"),
            (&[(6, "1 ok read [1 [0 nil 0]]")], "out-of-order"),
        ],
    },
    Table {
        name: "comments",
        history: "0 invoke write 1\n0 ok write 1\n0 invoke write 2\n1 invoke write 3\n\
                  2 invoke read nil\n2 ok read #{1 3}\n1 ok write 3\n0 ok write 2\n\
                  3 invoke write 4\n2 invoke read nil\n2 ok read #{1 2 3 4}",
        faults: [
            (&[(5, "2 ok read #{3}")], "missing-write"),
            (&[(5, "2 ok read [2 3]")], "missing-write"),
            (&[(5, "2 ok read [2]")], "missing-write"),
            (&[(10, "2 ok read #{4}")], "missing-write"),
            (&[(10, "2 ok read #{2 3 4}")], "missing-write"),
            (&[(10, "2 ok read #{1 3 4}")], "missing-write"),
            (&[(10, "2 ok read #{1 2 4}")], "missing-write"),
            (&[(10, "2 ok read (1 4)")], "missing-write"),
            (&[(10, "2 ok read #{2 3}")], "missing-write"),
            (&[(10, "2 ok read #{2 7}")], "missing-write"),
        ],
    },
    Table {
        name: "causal-reverse",
        history: "0 invoke write [0 1]\n0 ok write [0 1]\n0 invoke write [0 2]\n\
                  0 ok write [0 2]\n1 invoke write [1 1]\n1 ok write [1 1]\n1 invoke write [1 2]\n\
                  2 invoke read [0 nil]\n2 ok read [0 #{1 2}]\n2 invoke read [1 nil]\n\
                  2 ok read [1 #{1}]",
        faults: [
            (&[(8, "2 ok read [0 #{2}]")], "missing-write"),
            (&[(8, "2 ok read [0 [2]]")], "missing-write"),
            (&[(8, "2 ok read [0 (2)]")], "missing-write"),
            (&[(8, "2 ok read [0 #{2 3}]")], "missing-write"),
            (&[(8, "2 ok read [1 #{2}]")], "missing-write"),
            (&[(10, "2 ok read [1 #{2}]")], "missing-write"),
            (&[(10, "2 ok read [1 [2 2]]")], "missing-write"),
            (&[(10, "2 ok read [0 #{2}]")], "missing-write"),
            (&[(3, "0 info write [0 2]"), (8, "2 ok read [0 #{2}]")], "missing-write"),
            (&[(8, "2 ok read [0 #{2}]"), (10, "2 ok read [1 #{2}]")], "missing-write"),
        ],
    },
    Table {
        name: "causal",
        history: "0 invoke read-init [0 nil]\n0 ok read-init [0 0]\n0 invoke write [0 1]\n\
                  0 ok write [0 1]\n0 invoke read [0 nil]\n0 ok read [0 1]\n0 invoke write [0 2]\n\
                  0 ok write [0 2]\n0 invoke read [0 nil]\n0 ok read [0 2]",
        faults: [
            (&[(1, "0 ok read-init [0 1]")], "not-causal"),
            (&[(1, "0 ok read-init [0 nil]")], "not-causal"),
            (&[(3, "0 ok write [0 2]")], "not-causal"),
            (&[(3, "0 fail write [0 1]")], "not-causal"),
            (&[(5, "0 ok read [0 0]")], "not-causal"),
            (&[(5, "0 ok read [0 2]")], "not-causal"),
            (&[(7, "0 ok write [0 3]")], "not-causal"),
            (&[(7, "0 fail write [0 2]")], "not-causal"),
            (&[(9, "0 ok read [0 1]")], "not-causal"),
            (&[(9, "0 ok read [0 3]")], "not-causal"),
        ],
    },
    Table {
        name: "adya-g2",
        history: "0 invoke insert [0 [nil 1]]\n1 invoke insert [0 [2 nil]]\n\
                  0 ok insert [0 [nil 1]]\n1 fail insert [0 [2 nil]]\n2 invoke insert [1 [nil 3]]\n\
                  3 invoke insert [1 [4 nil]]\n2 info insert [1 [nil 3]]\n3 ok insert [1 [4 nil]]",
        faults: [
            (&[(3, "1 ok insert [0 [2 nil]]")], "G2"),
            (&[(6, "2 ok insert [1 [nil 3]]")], "G2"),
            (&[(2, "0 ok insert [1 [nil 1]]")], "G2"),
            (&[(7, "3 ok insert [0 [4 nil]]")], "G2"),
            (&[(6, "2 ok insert [0 [nil 3]]")], "G2"),
            (&[(3, "1 ok insert [1 [2 nil]]")], "G2"),
            (&[(3, "1 ok insert (0 [2 nil])")], "G2"),
            (&[(3, "1 ok insert [0 nil]")], "G2"),
            (&[(3, "1 ok insert [0 [2 nil]]"), (6, "2 ok insert [1 [nil 3]]")], "G2"),
            (&[(3, "1 ok insert [0 [nil 1]]")], "G2"),
        ],
    },
];

#[test]
fn every_planted_fault_is_found() {
    find_all(TABLES, |name| Judge::named(name, None, &CheckOptions::default()).unwrap());
}

/// So that a new checker gets faults, too.
#[test]
fn every_checker_has_faults() {
    // It allows everything, and of exceptions one kind is wrong.
    let has_none = ["noop", "unhandled-exceptions"];
    for entry in checker::jepsen::ENTRIES.iter().filter(|e| !has_none.contains(&e.name)) {
        assert!(TABLES.iter().any(|table| table.name == entry.name), "{}", entry.name);
    }
}
