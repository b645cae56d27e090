//! The checkers that tests with Jepsen use besides Knossos and Elle.
//!
//! Each is a [`Checker`](crate::Checker): it takes operations one by one, and what it keeps is
//! what its page says. All take time linear in what the history contains.
//!
//! | name | module | what must hold |
//! |---|---|---|
//! | `adya-g2` | [`adya_g2`] | of two inserts that look for each other, one succeeds at most |
//! | `bank` | [`bank`] | every read shows all of the money |
//! | `causal` | [`causal`] | a client sees what it did, in that order |
//! | `causal-reverse` | [`causal_reverse`] | `comments`, key by key |
//! | `comments` | [`comments`] | who sees a later write sees the earlier ones |
//! | `counter` | [`counter`] | a read lies between what was surely and what was perhaps added |
//! | `long-fork` | [`long_fork`] | no two readers see two writes in opposite orders |
//! | `noop` | [`noop`] | completions belong to their invocations |
//! | `queue` | [`queue`] | what is taken out was put in |
//! | `sequential` | [`sequential`] | who sees a client's later write sees its earlier ones |
//! | `set` | [`set`] | the last read shows what was added, and nothing else |
//! | `set-full` | [`crate::set_full`] | what was added is there, from some moment on |
//! | `stats` | [`crate::stats`] | of what is called alike, something succeeded |
//! | `total-queue` | [`total_queue`] | in the end, what was put in has come out |
//! | `unhandled-exceptions` | [`crate::exceptions`] | no reply was none to its request |
//! | `unique-ids` | [`crate::unique_ids`] | no id is given out twice |
//!
//! Their results have the keys of the originals. Lists of errors, which may be as long as the
//! history, are cut: all are counted, and the first are shown.
//!
//! Where an original throws an exception, the answer here is `unknown` too, with a sentence that
//! names the operation. Two rules are ours. A history without any operation that a checker knows
//! is `unknown`, not valid. And so is one in which completions do not belong to invocations.

pub mod adya_g2;
pub mod bank;
pub mod causal;
pub mod causal_reverse;
pub mod comments;
pub mod counter;
pub mod long_fork;
pub mod noop;
mod number;
mod precedence;
pub mod queue;
pub mod sequential;
pub mod set;
mod table;
pub mod total_queue;

use crate::edn::Edn;
use crate::history::{Op, OpType};
use crate::{Judge, Judgement, exceptions, set_full, stats, unique_ids};

/// What a test says of its history, as far as a checker cannot know it. The default is what the
/// originals assume.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// `bank`: accounts, total, and whether there may be debts.
    pub bank: bank::Rules,
    /// `long-fork`: how many keys are read together.
    pub group_size: usize,
    /// `sequential`: how many subkeys a key has; `None` for as many as the first read shows.
    pub key_count: Option<usize>,
    /// `set-full`: whether a read must show an element as soon as its addition has ended.
    pub is_linearizable: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            bank: bank::Rules::default(),
            group_size: 2,
            key_count: None,
            is_linearizable: false,
        }
    }
}

/// A checker by name: the operations that it judges, and what makes it.
pub struct Entry {
    /// The name, as Jepsen or elle-cli has it.
    pub name: &'static str,
    /// What operations are called that it judges; none if it judges any.
    pub functions: &'static [&'static str],
    /// Whether it must know which client did what. Others judge histories without processes.
    pub needs_processes: bool,
    make: fn(&Options) -> Result<Judge, String>,
}

/// All checkers, by name.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "adya-g2",
        functions: &["insert"],
        needs_processes: false,
        make: |_| Ok(adya_g2::AdyaG2::default().into()),
    },
    Entry {
        name: "bank",
        functions: &["read", "transfer"],
        needs_processes: false,
        make: |options| Ok(bank::Bank::new(&options.bank).into()),
    },
    Entry {
        name: "causal",
        functions: &["read-init", "read", "write"],
        needs_processes: false,
        make: |_| Ok(causal::Causal::default().into()),
    },
    Entry {
        name: "causal-reverse",
        functions: &["read", "write"],
        needs_processes: false,
        make: |_| Ok(causal_reverse::CausalReverse::default().into()),
    },
    Entry {
        name: "comments",
        functions: &["read", "write"],
        needs_processes: false,
        make: |_| Ok(comments::Comments::default().into()),
    },
    Entry {
        name: "counter",
        functions: &["add", "read"],
        needs_processes: true,
        make: |_| Ok(counter::Counter::default().into()),
    },
    Entry {
        name: "long-fork",
        functions: &["read", "write", "txn"],
        needs_processes: false,
        make: |options| match options.group_size {
            size @ 1..=long_fork::MOST_KEYS => Ok(long_fork::LongFork::new(size).into()),
            size => Err(format!(
                "A group of {size} keys cannot be judged; it has from 1 to {}.",
                long_fork::MOST_KEYS
            )),
        },
    },
    Entry { name: "noop", functions: &[], needs_processes: true, make: |_| Ok(noop::Noop.into()) },
    Entry {
        name: "queue",
        functions: &["enqueue", "dequeue"],
        needs_processes: false,
        make: |_| Ok(queue::Queue::default().into()),
    },
    Entry {
        name: "sequential",
        functions: &["read", "write"],
        needs_processes: false,
        make: |options| Ok(sequential::Sequential::new(options.key_count).into()),
    },
    Entry {
        name: "set",
        functions: &["add", "read"],
        needs_processes: false,
        make: |_| Ok(set::Set::default().into()),
    },
    Entry {
        name: "set-full",
        functions: &["add", "read"],
        needs_processes: true,
        make: |options| {
            Ok(set_full::SetFull::new("add").linearizable(options.is_linearizable).into())
        },
    },
    Entry {
        name: "stats",
        functions: &[],
        needs_processes: false,
        make: |_| Ok(stats::Stats::default().into()),
    },
    Entry {
        name: "total-queue",
        functions: &["enqueue", "dequeue", "drain"],
        needs_processes: false,
        make: |_| Ok(total_queue::TotalQueue::default().into()),
    },
    Entry {
        name: "unhandled-exceptions",
        functions: &[],
        needs_processes: false,
        make: |_| Ok(exceptions::Exceptions::default().into()),
    },
    Entry {
        name: "unique-ids",
        functions: &["generate"],
        needs_processes: false,
        make: |_| Ok(unique_ids::UniqueIds::of_any_number().into()),
    },
];

impl Entry {
    /// The checker of this name, if there is one.
    pub fn named(name: &str) -> Option<&'static Entry> {
        ENTRIES.iter().find(|entry| entry.name == name)
    }

    /// What judges a history.
    ///
    /// # Errors
    /// A sentence, when the options ask for what there is not.
    pub fn judge(&self, options: &Options) -> Result<Judge, String> {
        (self.make)(options)
    }
}

/// The first thing in a history that a checker can make nothing of.
#[derive(Default)]
struct Problem(Option<String>);

impl Problem {
    /// Takes note of a problem, given as a clause about this operation, if it is the first.
    fn set(&mut self, op: &Op, clause: &str) {
        let sentence = || format!("The operation at index {}, {}: {clause}.", op.index, op.f);
        self.0.get_or_insert_with(sentence);
    }

    fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// The judgement that there is none, if there is a problem.
    fn judgement(&self) -> Option<Judgement> {
        self.0.as_ref().map(Judgement::bad_input)
    }
}

/// Whether this is the successful end of such an operation.
fn is_ok(op: &Op, f: &str) -> bool {
    op.kind == OpType::Ok && &*op.f == f
}

/// Whether the value of this entry counts: it is a request, or a result.
fn is_said(op: &Op) -> bool {
    matches!(op.kind, OpType::Invoke | OpType::Ok)
}

/// The key of a value `[key value]`.
///
/// # Errors
/// A clause, when it is none.
fn key_of(value: &Edn) -> Result<&Edn, String> {
    match value.as_slice() {
        Some([key, _]) => Ok(key),
        _ => Err(format!("{value} is not like [key value]")),
    }
}

/// A value as Clojure's `str` shows it: nil as nothing, strings without quotes.
fn plain(value: &Edn) -> String {
    match value {
        Edn::Nil => String::new(),
        Edn::Str(text) => text.to_string(),
        other => other.to_string(),
    }
}
