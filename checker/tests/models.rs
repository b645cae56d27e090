//! The models in `models/`: each takes a right history, and finds what is wrong in others.

#![expect(clippy::disallowed_methods, reason = "the test reads the models in a folder")]

use crate::faults::history;
use checker::{Judgement, Model, Validity};

/// A model's file, a valid history, a line an entry, and lines that are wrong in place of others.
type Table = (&'static str, &'static str, &'static [(usize, &'static str)]);

const TABLES: &[Table] = &[
    (
        "bank",
        "0 invoke transfer {:from \"a\" :to \"b\" :amount 5}\n\
         0 ok transfer {:from \"a\" :to \"b\" :amount 5}\n1 invoke read nil\n\
         1 ok read {\"b\" 15 \"a\" 5}\n0 invoke transfer {:from \"a\" :to \"b\" :amount 9}\n\
         0 fail transfer {:from \"a\" :to \"b\" :amount 9}\n\
         2 invoke transfer {:from \"b\" :to \"b\" :amount 1}\n\
         2 info transfer {:from \"b\" :to \"b\" :amount 1}\n1 invoke read nil\n\
         1 ok read {\"a\" 5 \"b\" 15}",
        &[
            (3, "1 ok read {\"a\" 5 \"b\" 5}"),
            (5, "0 ok transfer {:from \"a\" :to \"b\" :amount 9}"),
            (9, "1 ok read {\"a\" 10 \"b\" 10}"),
        ],
    ),
    (
        "bounded-counter",
        "0 invoke add 3\n0 ok add 3\n1 invoke increment nil\n0 invoke decrement 1\n\
         0 ok decrement 1\n1 ok increment nil\n1 invoke read nil\n1 ok read 3",
        &[(1, "0 ok add 4"), (7, "1 ok read 2"), (4, "0 fail decrement 1")],
    ),
    (
        "bounded-queue",
        "0 invoke enqueue 1\n0 ok enqueue 1\n0 invoke enqueue 2\n0 ok enqueue 2\n\
         0 invoke enqueue 3\n0 ok enqueue 3\n1 invoke enqueue 4\n0 invoke dequeue nil\n\
         0 ok dequeue 1\n1 ok enqueue 4\n0 invoke dequeue nil\n0 ok dequeue 2",
        &[(8, "0 ok dequeue 2"), (8, "0 fail dequeue nil"), (11, "0 ok dequeue 4")],
    ),
    (
        "fenced-mutex",
        "0 invoke acquire {:client :a}\n0 ok acquire {:client :a :fence 1}\n\
         0 invoke release {:client :a}\n0 ok release {:client :a}\n\
         1 invoke acquire {:client :b}\n1 ok acquire {:client :b :fence 3}",
        &[(5, "1 ok acquire {:client :b :fence 1}"), (3, "0 fail release {:client :a}")],
    ),
    (
        "log",
        "0 invoke append :x\n0 ok append 0\n1 invoke append :y\n1 info append :y\n\
         2 invoke read 1\n2 ok read :y\n0 invoke append :z\n0 ok append 2\n2 invoke read 3\n\
         2 ok read nil",
        &[
            (1, "0 ok append 1"),
            (5, "2 ok read :x"),
            (7, "0 ok append 1"),
            (9, "2 ok read :z"),
            (3, "1 fail append :y"),
        ],
    ),
    (
        "stack",
        "0 invoke push 1\n0 ok push 1\n0 invoke push 2\n0 ok push 2\n1 invoke pop nil\n\
         1 info pop nil\n2 invoke pop nil\n2 ok pop 1\n2 invoke pop nil\n2 ok pop nil",
        &[(7, "2 ok pop 3"), (9, "2 ok pop 2"), (5, "1 fail pop nil")],
    ),
];

fn judge(model: &str, lines: &[&str]) -> Judgement {
    history(lines).judge(Model::written(model, None).unwrap())
}

#[test]
fn every_model_finds_what_is_wrong() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), TABLES.len());
    for (file, (name, valid, faults)) in files.iter().zip(TABLES) {
        assert!(file.ends_with(format!("{name}.edn")), "{}", file.display());
        let model = std::fs::read_to_string(file).unwrap();
        let lines: Vec<&str> = valid.lines().collect();
        let judgement = judge(&model, &lines);
        assert_eq!(judgement.verdict, Validity::True, "{name}: {judgement}");
        for (line, text) in *faults {
            let mut lines = lines.clone();
            lines[*line] = text;
            let judgement = judge(&model, &lines);
            assert_eq!(judgement.verdict, Validity::False, "{name}, {text}: {judgement}");
            assert!(!judgement.findings[0].operations.is_empty(), "{name}, {text}");
        }
    }
}
