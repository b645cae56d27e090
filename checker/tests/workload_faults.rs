//! Planted faults: ten for transactions over lists and over registers, logs and counters, all of
//! which are found.
//!
//! The other workloads have their judges in common with the checkers of `jepsen_faults.rs`, and
//! with the objects of `linear_faults.rs`.

use crate::faults::tables::{Table, find_all};
use checker::{Judge, Workload};

const TABLES: &[Table<Workload>] = &[
    Table {
        name: Workload::TxnListAppend,
        history: "0 invoke txn [[:append :x 1] [:append :y 1]]\n\
                  0 ok txn [[:append :x 1] [:append :y 1]]\n\
                  1 invoke txn [[:r :x nil] [:append :x 2]]\n\
                  1 ok txn [[:r :x [1]] [:append :x 2]]\n\
                  2 invoke txn [[:append :y 9]]\n2 fail txn [[:append :y 9]]\n\
                  3 invoke txn [[:append :x 3] [:append :x 4]]\n\
                  3 ok txn [[:append :x 3] [:append :x 4]]\n\
                  0 invoke txn [[:r :x nil] [:r :y nil]]\n\
                  0 ok txn [[:r :x [1 2 3 4]] [:r :y [1]]]",
        faults: [
            (&[(1, "0 fail txn [[:append :x 1] [:append :y 1]]")], "G1a"),
            (&[(9, "0 ok txn [[:r :x [1 2 3 4]] [:r :y [1 9]]]")], "G1a"),
            (&[(9, "0 ok txn [[:r :x [1 2 3]] [:r :y [1]]]")], "G1b"),
            (&[(9, "0 ok txn [[:r :x [1 2 3 3 4]] [:r :y [1]]]")], "duplicate-elements"),
            (&[(9, "0 ok txn [[:r :x [2 1 3 4]] [:r :y [1]]]")], "incompatible-order"),
            (&[(9, "0 ok txn [[:r :x [1 2 3 4]] [:r :y []]]")], "G-single-item"),
            (&[(9, "0 ok txn [[:r :x nil] [:r :y nil]]")], "G-single-item-realtime"),
            (&[(3, "1 ok txn [[:r :x [1 2]] [:append :x 2]]")], "future-read"),
            (
                &[
                    (6, "3 invoke txn [[:append :x 3] [:append :x 4] [:r :x nil]]"),
                    (7, "3 ok txn [[:append :x 3] [:append :x 4] [:r :x [1 2]]]"),
                ],
                "internal",
            ),
            (
                &[
                    (6, "3 invoke txn [[:r :x nil] [:append :x 3]]"),
                    (7, "3 ok txn [[:r :x [1]] [:append :x 3]]"),
                    (9, "0 ok txn [[:r :x [1 2 3]] [:r :y [1]]]"),
                ],
                "lost-update",
            ),
        ],
    },
    Table {
        name: Workload::TxnRwRegister,
        history: "0 invoke txn [[:w :x 1] [:w :y 1]]\n0 ok txn [[:w :x 1] [:w :y 1]]\n\
                  1 invoke txn [[:r :x nil] [:w :x 2]]\n1 ok txn [[:r :x 1] [:w :x 2]]\n\
                  2 invoke txn [[:w :y 9]]\n2 fail txn [[:w :y 9]]\n\
                  3 invoke txn [[:w :z 3] [:w :z 4]]\n3 ok txn [[:w :z 3] [:w :z 4]]\n\
                  0 invoke txn [[:r :x nil] [:r :y nil] [:r :z nil]]\n\
                  0 ok txn [[:r :x 2] [:r :y 1] [:r :z 4]]",
        faults: [
            (&[(1, "0 fail txn [[:w :x 1] [:w :y 1]]")], "G1a"),
            (&[(9, "0 ok txn [[:r :x 2] [:r :y 9] [:r :z 4]]")], "G1a"),
            (&[(9, "0 ok txn [[:r :x 2] [:r :y 1] [:r :z 3]]")], "G1b"),
            (&[(9, "0 ok txn [[:r :x 2] [:r :y nil] [:r :z 4]]")], "G-single-item"),
            (&[(9, "0 ok txn [[:r :x nil] [:r :y 1] [:r :z 4]]")], "G-single-item"),
            (&[(9, "0 ok txn [[:r :x 1] [:r :y 1] [:r :z 4]]")], "G-single-item-realtime"),
            (&[(9, "0 ok txn [[:r :x 2] [:r :y 1] [:r :z nil]]")], "G-single-item-realtime"),
            (
                &[
                    (8, "0 invoke txn [[:r :x nil] [:r :x nil] [:r :y nil]]"),
                    (9, "0 ok txn [[:r :x 2] [:r :x 1] [:r :y 1]]"),
                ],
                "internal",
            ),
            (
                &[
                    (6, "3 invoke txn [[:w :z 3] [:w :z 4] [:r :z nil]]"),
                    (7, "3 ok txn [[:w :z 3] [:w :z 4] [:r :z 3]]"),
                ],
                "internal",
            ),
            (
                &[
                    (6, "3 invoke txn [[:r :x nil] [:w :x 3]]"),
                    (7, "3 ok txn [[:r :x 1] [:w :x 3]]"),
                    (8, "0 invoke txn [[:r :y nil]]"),
                    (9, "0 ok txn [[:r :y 1]]"),
                ],
                "lost-update",
            ),
        ],
    },
    Table {
        name: Workload::Kafka,
        history: "0 invoke send [[:send :x 1]]\n0 ok send [[:send :x [0 1]]]\n\
                  0 invoke send [[:send :x 2]]\n0 ok send [[:send :x [1 2]]]\n\
                  1 invoke assign [:x]\n1 ok assign [:x]\n1 invoke poll [[:poll]]\n\
                  1 ok poll [[:poll {:x [[0 1] [1 2]]}]]\n0 invoke send [[:send :x 3]]\n\
                  0 fail send [[:send :x 3]]\n0 invoke send [[:send :x 4]]\n\
                  0 ok send [[:send :x [2 4]]]\n1 invoke poll [[:poll]]\n\
                  1 ok poll [[:poll {:x [[2 4]]}]]",
        faults: [
            (&[(3, "0 ok send [[:send :x [0 2]]]")], "inconsistent-offsets"),
            (&[(7, "1 ok poll [[:poll {:x [[0 1] [1 1]]}]]")], "duplicate"),
            (&[(7, "1 ok poll [[:poll {:x [[1 2] [0 1]]}]]")], "int-nonmonotonic-poll"),
            (&[(7, "1 ok poll [[:poll {:x [[0 1] [2 4]]}]]")], "int-poll-skip"),
            (&[(7, "1 ok poll [[:poll {:x [[1 2]]}]]")], "lost-write"),
            (&[(7, "1 ok poll [[:poll {:x [[0 2] [1 1]]}]]")], "inconsistent-offsets"),
            (&[(13, "1 ok poll [[:poll {:x [[3 3]]}]]")], "G1a"),
            (&[(13, "1 ok poll [[:poll {:x [[1 2]]}]]")], "nonmonotonic-poll"),
            (&[(7, "1 ok poll [[:poll {:x [[0 1]]}]]")], "poll-skip"),
            (&[(11, "0 ok send [[:send :x [0 4]]]")], "duplicate"),
        ],
    },
    Table {
        name: Workload::PnCounter,
        history: "0 invoke add 3\n0 ok add 3\n1 invoke add 2\n1 info add 2\n2 invoke add -4\n\
                  2 fail add -4\n0 invoke read nil :final? true\n0 ok read 5 :final? true\n\
                  3 invoke read nil :final? true\n3 ok read 3 :final? true",
        faults: [
            (&[(7, "0 ok read 4 :final? true")], "wrong-sum"),
            (&[(7, "0 ok read 6 :final? true")], "wrong-sum"),
            (&[(7, "0 ok read 0 :final? true")], "wrong-sum"),
            (&[(7, "0 ok read 2 :final? true")], "wrong-sum"),
            (&[(7, "0 ok read -1 :final? true")], "wrong-sum"),
            (&[(9, "3 ok read 1 :final? true")], "wrong-sum"),
            (&[(9, "3 ok read 8 :final? true")], "wrong-sum"),
            (&[(1, "0 fail add 3")], "wrong-sum"),
            (&[(3, "1 fail add 2")], "wrong-sum"),
            (&[(5, "2 ok add -4")], "wrong-sum"),
        ],
    },
];

#[test]
fn every_planted_fault_is_found() {
    find_all(TABLES, Judge::from);
}
