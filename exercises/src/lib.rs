//! The exercises of the book.
//!
//! Each is two files of one name: in `stubs/` what there is to complete, and in `solutions/` one way
//! to do it. A file begins with what is asked, and ends with `task`, which says what judges it:
//! the bench, over many seeds in virtual time, or a few lines for an answer that is no node.
//!
//! `make exercise-3-retry` judges a stub and, while it is wrong, says so in a sentence and leaves
//! the page of a small run that shows it. `make exercise-3-retry SOLUTION=1` judges the solution.
//!
//! A test demands that every stub fails in the way that its chapter promises, and that every
//! solution passes. So once you have solved an exercise, `make test` says that it does not fail any
//! more: take your solution out, or leave that test be.

mod solutions;
mod stubs;
mod task;

pub use task::{Task, answer, attempt, node, node_within};

/// An exercise.
pub struct Exercise {
    /// Its chapter and its name: `3-retry`.
    pub name: &'static str,
    /// What there is to complete.
    pub stub: fn() -> Box<dyn Task>,
    /// One way to do it.
    pub solution: fn() -> Box<dyn Task>,
    /// What is said of the stub, as its chapter quotes it.
    pub promise: &'static str,
}

impl Exercise {
    /// The file to complete, from the root of the repository.
    pub fn file(&self) -> String {
        let (_, name) = self.name.split_once('-').unwrap_or((self.name, ""));
        format!("exercises/src/stubs/ch{}_{}.rs", self.chapter(), name.replace('-', "_"))
    }

    /// How the name of its chapter's file begins: `03`, or `09b`.
    fn chapter(&self) -> String {
        let (chapter, _) = self.name.split_once('-').unwrap_or((self.name, ""));
        let letters = chapter.chars().filter(|letter| letter.is_alphabetic()).count();
        format!("{chapter:0>width$}", width = 2 + letters)
    }
}

/// All exercises, by chapter. An entry of chapter N stands below its line.
pub const ALL: &[Exercise] = &[
    // Chapter 1.
    Exercise {
        name: "1-echo",
        stub: stubs::ch01_echo::task,
        solution: solutions::ch01_echo::task,
        promise: "wrong-reply",
    },
    Exercise {
        name: "1-reply",
        stub: stubs::ch01_reply::task,
        solution: solutions::ch01_reply::task,
        promise: "in_reply_to is null and should be 3",
    },
    // Chapter 2.
    Exercise {
        name: "2-durable",
        stub: stubs::ch02_durable::task,
        solution: solutions::ch02_durable::task,
        promise: "duplicated",
    },
    Exercise {
        name: "2-numbers",
        stub: stubs::ch02_numbers::task,
        solution: solutions::ch02_numbers::task,
        promise: "duplicated",
    },
    // Chapter 3.
    Exercise {
        name: "3-retry",
        stub: stubs::ch03_retry::task,
        solution: solutions::ch03_retry::task,
        promise: "elements lost",
    },
    Exercise {
        name: "3-batch",
        stub: stubs::ch03_batch::task,
        solution: solutions::ch03_batch::task,
        promise: "servers send each other 8.0 messages for each broadcast",
    },
    // Chapter 4.
    Exercise {
        name: "4-down",
        stub: stubs::ch04_down::task,
        solution: solutions::ch04_down::task,
        promise: "the final reads were",
    },
    Exercise {
        name: "4-laws",
        stub: stubs::ch04_laws::task,
        solution: solutions::ch04_laws::task,
        promise: "you say that \"what only one of the two has\" is idempotent",
    },
    // Chapter 5.
    Exercise {
        name: "5-fresh",
        stub: stubs::ch05_fresh::task,
        solution: solutions::ch05_fresh::task,
        promise: "not linearizable",
    },
    Exercise {
        name: "5-decide",
        stub: stubs::ch05_decide::task,
        solution: solutions::ch05_decide::task,
        promise: "history 5 is linearizable, and your answer is that it is not linearizable",
    },
    // Chapter 6.
    Exercise {
        name: "6-copies",
        stub: stubs::ch06_copies::task,
        solution: solutions::ch06_copies::task,
        promise: "not linearizable",
    },
    Exercise {
        name: "6-majority",
        stub: stubs::ch06_majority::task,
        solution: solutions::ch06_majority::task,
        promise: "of 2 nodes, {n0} would be a quorum and {n1} a quorum",
    },
    // Chapter 7.
    Exercise {
        name: "7-vote",
        stub: stubs::ch07_vote::task,
        solution: solutions::ch07_vote::task,
        promise: "the node votes for n1 in term 2, and then for n2 in term 2: both may lead it",
    },
    Exercise {
        name: "7-win",
        stub: stubs::ch07_win::task,
        solution: solutions::ch07_win::task,
        promise: "n2 can win as well, and is not named",
    },
    // Chapter 8.
    Exercise {
        name: "8-append",
        stub: stubs::ch08_append::task,
        solution: solutions::ch08_append::task,
        promise: "cuts its log to",
    },
    Exercise {
        name: "8-commit",
        stub: stubs::ch08_commit::task,
        solution: solutions::ch08_commit::task,
        promise: "a leader of term 5 may overwrite it: figure 8 (d)",
    },
    // Chapter 9.
    Exercise {
        name: "9-read",
        stub: stubs::ch09_read::task,
        solution: solutions::ch09_read::task,
        promise: "not linearizable",
    },
    Exercise {
        name: "9-retry",
        stub: stubs::ch09_retry::task,
        solution: solutions::ch09_retry::task,
        promise: "not linearizable",
    },
    // Chapter 9b.
    Exercise {
        name: "9b-joint",
        stub: stubs::ch09b_joint::task,
        solution: solutions::ch09b_joint::task,
        promise: "on the way from {n0} to {n1, n2}, {n0, n1} would decide",
    },
    Exercise {
        name: "9b-begin",
        stub: stubs::ch09b_begin::task,
        solution: solutions::ch09b_begin::task,
        promise: "it has committed nothing in its own term",
    },
    // Chapter 10.
    Exercise {
        name: "10-validate",
        stub: stubs::ch10_validate::task,
        solution: solutions::ch10_validate::task,
        promise: "G2-item: not repeatable-read",
    },
    Exercise {
        name: "10-skew",
        stub: stubs::ch10_skew::task,
        solution: solutions::ch10_skew::task,
        promise: "the history is serializable, so it shows no anomaly",
    },
    // Chapter 11.
    Exercise {
        name: "11-append",
        stub: stubs::ch11_append::task,
        solution: solutions::ch11_append::task,
        promise: "inconsistent-offsets",
    },
    Exercise {
        name: "11-see",
        stub: stubs::ch11_see::task,
        solution: solutions::ch11_see::task,
        promise: "history 2 is not valid",
    },
    // Chapter 12.
    Exercise {
        name: "12-timeout",
        stub: stubs::ch12_timeout::task,
        solution: solutions::ch12_timeout::task,
        promise: "not linearizable",
    },
    Exercise {
        name: "12-tape",
        stub: stubs::ch12_tape::task,
        solution: solutions::ch12_tape::task,
        promise: "every node has the message",
    },
    // Chapter 13.
    Exercise {
        name: "13-doubt",
        stub: stubs::ch13_doubt::task,
        solution: solutions::ch13_doubt::task,
        promise: "it says that this cannot be, and it can",
    },
    Exercise {
        name: "13-plant",
        stub: stubs::ch13_plant::task,
        solution: solutions::ch13_plant::task,
        promise: "there is nothing to find",
    },
    // Chapter 14.
    Exercise {
        name: "14-model",
        stub: stubs::ch14_model::task,
        solution: solutions::ch14_model::task,
        promise: "and the model is wrong",
    },
    Exercise {
        name: "14-rare-bug",
        stub: stubs::ch14_rare_bug::task,
        solution: solutions::ch14_rare_bug::task,
        promise: "none of 30 runs shows a bug",
    },
];

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "it reads the chapters")]

    use super::*;

    /// The text of the chapter that an exercise belongs to.
    fn chapter_of(exercise: &Exercise) -> String {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../book");
        let files = std::fs::read_dir(folder).expect("the book");
        let mut paths = files.map(|file| file.expect("a file").path());
        let beginning = format!("{}-", exercise.chapter());
        let path = paths.find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&beginning) && name.ends_with(".md")
        });
        let path = path.unwrap_or_else(|| panic!("book/{beginning}….md is missing"));
        std::fs::read_to_string(path).expect("a chapter")
    }

    #[test]
    fn stubs_fail_as_promised_and_solutions_pass() {
        for exercise in ALL {
            let Exercise { name, promise, .. } = exercise;
            let wrong = (exercise.stub)().judge().expect_err(name);
            assert!(wrong.contains(promise), "{name}: the stub fails by: {wrong}");
            if let Err(wrong) = (exercise.solution)().judge() {
                panic!("{name}: the solution fails: {wrong}");
            }
        }
    }

    #[test]
    fn a_function_that_panics_is_told_on_what() {
        let wrong = stubs::ch08_commit::judge(|log, _, _, commit| {
            assert!(!log.is_empty(), "there is no last entry");
            commit
        });
        let wrong = wrong.expect_err("it panics");
        assert!(wrong.contains("has the log []"), "{wrong}");
        assert!(wrong.ends_with("and the function panics: there is no last entry"), "{wrong}");
    }

    #[test]
    fn a_tape_that_loses_what_is_read_elsewhere_is_told_so() {
        let tape = r#"{:tape 2, :workload "broadcast", :seed 1}
            {:at 100000000, :thread 0, :f :broadcast, :value 7}
            {:from "n0", :to "n1", :type "tell", :fates [[100000000 nil]]}"#;
        let wrong = stubs::ch12_tape::judge(tape).expect_err("n1 is not read last");
        assert!(wrong.starts_with("a node lacks the message"), "{wrong}");
    }

    #[test]
    fn chapters_have_their_exercises() {
        for exercise in ALL {
            let Exercise { name, promise, .. } = exercise;
            let chapter = chapter_of(exercise);
            let has =
                |text: &str| assert!(chapter.contains(text), "{name}: no {text} in its chapter");
            has(&format!("make exercise-{name}"));
            has(promise);
            has(&exercise.file());
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
            let file = std::path::Path::new(root).join(exercise.file());
            assert!(file.exists(), "{} is missing", file.display());
        }
    }
}
