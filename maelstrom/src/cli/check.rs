//! `maelstrom check`: judges history files, from this bench or any other that writes Jepsen's
//! histories.
//!
//! A file is read piece by piece, by a thread of its own, and judged as it is read: a history may
//! be larger than memory.
//!
//! One line a file: its path, `true`, `false` or `unknown`, and the result in one line of EDN,
//! separated by tabs. A file that cannot be read, or is not a whole history, is `unknown` like
//! any other that cannot be judged, with the reason under `:error`; it stops nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "the command reads the files it is given, one thread ahead of the judging"
)]

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::{ArgAction, Args, ValueHint};
use regex_lite::Regex;

use super::budget::BudgetFlags;
use super::guard::Progress;
use super::input::{damaged, read};
use super::logs;
use super::misfit;
use super::models::ModelFlags;
use super::reports::Reports;
use super::shown::Shown;
use crate::checker::elle::VersionOrders;
use crate::checker::linear::written::Definition;
use crate::checker::{CheckOptions, Judge, Judgement, Validity};
use crate::cli::flags::VersionOrderFlags;
use crate::edn::{Edn, Place, read_one};
use crate::parallel;
use crate::workload;

/// The command's arguments.
#[derive(Args, Clone, Debug)]
#[command(
    mut_arg("check_timeout", |flag| {
        let help = "Give up a file after so many seconds. Without this, the search for a \
                    linearization is given up after a fixed number of steps, about half a minute's";
        flag.long("timeout").visible_alias("check-timeout").help(help)
    }),
    mut_arg("check_memory", |flag| {
        let help = "Give up when the program holds so many MiB. Without this, the search for a \
                    linearization of one object is given up at 1024 MiB";
        flag.long("memory").visible_alias("check-memory").help(help)
    })
)]
pub struct CheckFlags {
    /// The workload whose histories these are.
    #[arg(short, long, value_name = "NAME", default_value = "lin-kv")]
    workload: String,

    /// For transactions: the consistency models to check, separated by commas.
    #[arg(short, long, value_name = "MODELS", value_delimiter = ',')]
    consistency_models: Vec<String>,

    /// For transactions: anomalies that must not be, besides those that the models forbid,
    /// separated by commas.
    #[arg(short, long, value_name = "ANOMALIES", value_delimiter = ',')]
    anomalies: Vec<String>,

    /// For logs: committed offsets must never go back. Kafka allows that they do.
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set)]
    monotonic_commits: bool,

    #[command(flatten)]
    version_orders: VersionOrderFlags,

    /// Take the numbers that the database gave to versions of keys, [:r key value number] and
    /// [:w key value number] at the ends of transactions, for the order of these versions.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = ArgAction::Set,
        help_heading = "Transactions over registers"
    )]
    explicit_versions: bool,

    /// Take what the database said of the order of its transactions, an integer at
    /// :transaction-order of their ends, for the order of what they wrote.
    #[arg(long, help_heading = "Transactions over registers")]
    transaction_order: bool,

    /// For histories of other tests: bank, set, long-fork, list-append, register, mutex, …; and
    /// log-file-pattern, for which the files are logs.
    #[arg(short, long, value_name = "MODEL", conflicts_with = "workload")]
    model: Option<String>,

    /// log-file-pattern: what no line of a log may match, as a regular expression.
    #[arg(long, value_name = "REGEX", value_parser = read_pattern, help_heading = "Models")]
    pattern: Option<Regex>,

    /// For objects of your own: the file with the model. The book's chapter "A model of your own"
    /// says how it is written.
    #[arg(
        long,
        value_name = "FILE",
        value_parser = read_model,
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["workload", "model"]
    )]
    model_file: Option<Definition>,

    /// The object's first value, as EDN; of a model of your own, a map of fields.
    #[arg(long, value_name = "VALUE", value_parser = parse_edn, conflicts_with = "workload")]
    init: Option<Edn>,

    #[command(flatten)]
    models: ModelFlags,

    #[command(flatten)]
    budget: BudgetFlags,

    /// Writes each result into this folder, with the history, a page that shows it, plots, and
    /// explanations and drawings of what is wrong. maelstrom serve lists what is two folders
    /// below its store, store/check/NAME for instance.
    #[arg(
        short = 'd',
        long,
        visible_alias = "directory",
        value_name = "FOLDER",
        value_hint = ValueHint::DirPath
    )]
    out: Option<PathBuf>,

    #[command(flatten)]
    reports: Reports,

    /// History files: EDN or JSON, one operation a line or all in a vector; plain, or packed by
    /// gzip or zstd; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

fn parse_edn(text: &str) -> Result<Edn, String> {
    read_one(text).map_err(|error| format!("{} in this EDN", error.problem))
}

fn read_pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| format!("{error}"))
}

fn read_model(path: &str) -> Result<Definition, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("it cannot be read: {error}"));
    Definition::parse(&text?)
}

/// What became of all files together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    /// The worst verdict.
    pub verdict: Validity,
    /// Whether some file could not be judged for its own fault: it is no history, or of something
    /// else.
    pub has_bad_input: bool,
}

impl Worst {
    /// The exit status: that of bad arguments where a file was none to judge, unless another was
    /// found to be invalid.
    pub fn exit_status(self) -> u8 {
        match self.verdict {
            Validity::Unknown if self.has_bad_input => super::BAD_ARGUMENTS,
            verdict => verdict.exit_status(),
        }
    }
}

impl CheckFlags {
    /// Says what is wrong with the arguments, before any file is read.
    ///
    /// # Errors
    /// A sentence, when there is no such workload, no such consistency model, or no such object
    /// with such a first value.
    pub fn validate(&self) -> Result<(), String> {
        match (&self.pattern, self.judges_logs()) {
            (None, true) => Err(format!("--model {} needs a --pattern.", logs::NAME)),
            (Some(_), false) => Err(format!("--pattern needs --model {}.", logs::NAME)),
            (Some(_), true) => Ok(()),
            (None, false) => self.judge().map(drop),
        }
    }

    /// Whether the files are logs.
    fn judges_logs(&self) -> bool {
        self.model.as_deref() == Some(logs::NAME)
    }

    /// What judges one file. Its time begins now.
    fn judge(&self) -> Result<Judge, String> {
        let budget = self.budget.budget();
        if let Some(asked) = &budget.interrupt {
            asked();
        }
        let options = CheckOptions {
            consistency_models: self.consistency_models.clone(),
            version_orders: VersionOrders {
                explicit_versions: self.explicit_versions,
                transaction_order: self.transaction_order,
                ..self.version_orders.version_orders()
            },
            anomalies: self.anomalies.clone(),
            monotonic_commits: self.monotonic_commits,
            budget,
            per_key: self.models.per_key,
            jepsen: self.models.options(),
        };
        // They are looked at even where no transaction is judged: one that is none is a mistake.
        options.elle()?;
        match (&self.model, &self.model_file, &self.init) {
            (Some(model), ..) => Judge::named(model, self.init.clone(), &options),
            (_, Some(model), _) => Judge::written(model.clone(), self.init.clone(), &options),
            (None, None, Some(_)) => Err("--init needs --model or --model-file.".into()),
            (None, None, None) => workload::by_name(&self.workload)?.judge(&options),
        }
    }

    /// What the histories are judged as.
    fn name(&self) -> &str {
        let model = self.model.as_deref();
        let own = self.model_file.as_ref().map(Definition::name);
        model.or(own).unwrap_or(&self.workload)
    }

    /// Judges every file, writes a line each, in their order, and gives the worst verdict.
    ///
    /// # Errors
    /// Those of writing to `out`, to the folder of `--out`, or to a report.
    pub fn run(&self, out: &mut impl Write) -> io::Result<Worst> {
        let mut worst = Worst { verdict: Validity::True, has_bad_input: false };
        let (name, limits) = (self.name(), self.budget.limits());
        let files: Vec<(usize, &Path)> =
            self.files.iter().map(PathBuf::as_path).enumerate().collect();
        let judge = |&(number, file): &(usize, &Path)| -> io::Result<_> {
            let folder = self.out.as_ref().map(|folder| self.folder_of(folder, number + 1, file));
            let mut shown = folder.map(|folder| Shown::create(&folder)).transpose()?;
            let (flags, path) = (self.clone(), file.to_owned());
            let judged = limits.guard(move |progress| {
                let judgement = flags.judge_file(&path, shown.as_mut(), progress);
                (judgement.unwrap_or_else(Judgement::bad_input), shown)
            });
            let given_up = |sentence: String| (Judgement::unknown(sentence), None);
            let (judgement, shown) = judged.unwrap_or_else(given_up);
            Ok((file.to_owned(), judgement, shown))
        };
        let mut reports = self.reports.begin(name);
        parallel::in_order(&files, judge, |judged| {
            let (file, judgement, shown) = judged?;
            writeln!(out, "{}", self.reports.line(&file, &judgement))?;
            // The next file may take minutes.
            out.flush()?;
            worst.verdict = worst.verdict.and(judgement.verdict);
            worst.has_bad_input |= judgement.is_bad_input;
            reports.add(&file, &judgement);
            shown.map_or(Ok(()), |shown| shown.finish(name, &judgement))
        })?;
        reports.write()?;
        Ok(worst)
    }

    /// Where the explanations of a file go: of several, each has a folder of its own.
    fn folder_of(&self, folder: &Path, number: usize, file: &Path) -> PathBuf {
        if self.files.len() == 1 {
            return folder.to_owned();
        }
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        folder.join(format!("{number}-{name}"))
    }

    fn judge_file(
        &self,
        path: &Path,
        mut shown: Option<&mut Shown>,
        progress: &Progress,
    ) -> Result<Judgement, String> {
        if let Some(pattern) = self.pattern.as_ref().filter(|_| self.judges_logs()) {
            return logs::judge(path, pattern);
        }
        let mut gathering = self.judge()?.gather();
        let mut trouble = None;
        read(path, |place, entry| {
            progress.entries.fetch_add(1, Ordering::Relaxed);
            if let Some(shown) = &mut shown {
                shown.push(&entry.op());
            }
            let taken = gathering.push_entry(&entry);
            taken.map_err(|problem| damaged(&format!("{place}: {problem}")))?;
            if trouble.is_none() && gathering.has_problem() {
                trouble = Some(place);
            }
            Ok(())
        })?;
        progress.is_read.store(true, Ordering::Relaxed);
        let judgement = gathering.finish();
        let trouble = trouble.filter(|_| judgement.is_bad_input);
        let place = trouble.or_else(|| misfit::place(path, &judgement, || self.judge()));
        Ok(match place {
            Some(place) => at(place, judgement),
            None => judgement,
        })
    }
}

/// The same, and it is because of what stands at this place.
fn at(place: Place, judgement: Judgement) -> Judgement {
    let mut judgement = judgement;
    for (key, value) in &mut judgement.results {
        if key.as_keyword() == Some("error")
            && let Some(reason) = value.as_str()
        {
            *value = Edn::from(format!("{place}: {reason}"));
        }
    }
    judgement.summary = format!("{place}: {}", judgement.summary);
    judgement
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        flags: CheckFlags,
    }

    const READ: &str = "{:process 0, :type :invoke, :f :read, :value nil}\n\
        {:process 0, :type :ok, :f :read, :value [1]}\n";
    const EMPTY_READ: &str = "{:process 0, :type :invoke, :f :read, :value nil}\n\
        {:process 0, :type :ok, :f :read, :value []}\n";
    const ADD: &str = "{:process 0, :type :invoke, :f :add, :value 1}\n\
        {:process 0, :type :ok, :f :add, :value 1}\n";

    fn flags(workload: &str, files: Vec<PathBuf>) -> CheckFlags {
        let flags = Cli::try_parse_from(["check", "-w", workload, "x"]).unwrap().flags;
        CheckFlags { files, ..flags }
    }

    /// The lines for files with these contents, without their folder, and the verdict.
    fn run(contents: &[&[u8]]) -> (Vec<String>, Validity) {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<PathBuf> = contents
            .iter()
            .enumerate()
            .map(|(i, contents)| {
                let file = folder.path().join(i.to_string());
                std::fs::write(&file, contents).unwrap();
                file
            })
            .collect();
        let mut out = Vec::new();
        let worst = flags("g-set", files).run(&mut out).unwrap().verdict;
        let prefix = format!("{}/", folder.path().display());
        let lines = String::from_utf8(out).unwrap();
        (lines.lines().map(|line| line.replace(&prefix, "")).collect(), worst)
    }

    #[test]
    fn each_file_is_a_line_and_the_worst_decides() {
        let good = [ADD, READ].concat();
        let bad = [ADD, EMPTY_READ].concat();
        let (lines, worst) = run(&[good.as_bytes(), b"", bad.as_bytes()]);
        assert_eq!(worst, Validity::False);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("0\ttrue\t{:valid? true, :attempt-count 1, "), "{}", lines[0]);
        assert!(lines[1].starts_with("1\tunknown\t{:valid? :unknown, :error \""), "{}", lines[1]);
        assert!(lines[2].starts_with("2\tfalse\t{:valid? false, "), "{}", lines[2]);
        assert_eq!(run(&[good.as_bytes(), b""]).1, Validity::Unknown);
        assert_eq!(run(&[good.as_bytes()]).1, Validity::True);
    }

    #[test]
    fn a_damaged_file_is_unknown_wherever_it_was_cut() {
        let whole = [ADD, READ].concat();
        for length in 0..whole.len() - 1 {
            let (lines, worst) = run(&[&whole.as_bytes()[..length]]);
            assert_eq!(worst, Validity::Unknown, "{length}: {lines:?}");
            assert!(lines[0].contains(":error"), "{length}: {lines:?}");
        }
        for damaged in [&b"\xff"[..], b"\0", b"7", b"{:a 1}", &b"[".repeat(100_000)] {
            let (lines, worst) = run(&[damaged]);
            assert_eq!((lines.len(), worst), (1, Validity::Unknown));
        }
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let files = vec!["/nonexistent/history.edn".into(), "/".into()];
        let mut out = Vec::new();
        let worst = flags("echo", files).run(&mut out).unwrap().verdict;
        let lines = String::from_utf8(out).unwrap();
        assert_eq!(worst, Validity::Unknown);
        assert!(lines.starts_with("/nonexistent/history.edn\tunknown\t{"), "{lines}");
        assert_eq!(lines.lines().count(), 2);
    }

    /// Also by a judge that looks at all operations at once.
    #[test]
    fn an_operation_of_no_use_is_named_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.edn");
        for (flags, text, said) in [
            (
                "-m mutex",
                "{:process 1, :type :invoke, :f :acquire, :index 0}\n\
                 {:process 0, :type :invoke, :f :frob, :index 7}",
                "2, column 1: Operation 7: a mutex has no :frob",
            ),
            (
                "-m linear-set",
                "{:process 0, :type :invoke, :f :read, :value nil, :index 0}\n\
                 {:process 1, :type :invoke, :f :read, :value nil, :index 1}\n  \
                 {:process 1, :type :ok, :f :read, :value 5, :index 2}",
                "3, column 3: Operation 1: a set is not 5",
            ),
            (
                "-w kafka",
                "{:process 0, :type :invoke, :f :send, :value [[:send 1 2]], :index 1}\n\
                 {:process 0, :type :ok, :f :send, :value [[:send 1]], :index 2}",
                "2, column 1: operation 2 is not of the form of a :send",
            ),
        ] {
            std::fs::write(&file, text).unwrap();
            let line = format!("check {flags} {}", file.display());
            let flags = Cli::try_parse_from(line.split(' ')).unwrap().flags;
            let mut out = Vec::new();
            assert!(flags.run(&mut out).unwrap().has_bad_input, "{line}");
            let out = String::from_utf8(out).unwrap();
            assert!(out.contains(&format!(":error \"line {said}")), "{out}");
        }
    }

    #[test]
    fn flags_are_checked_before_files_are_read() {
        let parse = |args: &str| Cli::try_parse_from(format!("check {args}").split(' '));
        let unknown = parse("-w ecko /nonexistent").unwrap().flags;
        assert!(unknown.validate().unwrap_err().contains("ecko"));
        let unknown = parse("--consistency-models serializable,odd /nonexistent").unwrap().flags;
        assert!(unknown.validate().unwrap_err().contains("odd"));

        let flags = parse("--model register --init [0 --consistency-models a,b x");
        assert!(flags.is_err_and(|error| error.to_string().contains("'[0'")));
        let flags = parse("--model register --init 0 --consistency-models a,b x y").unwrap().flags;
        assert_eq!((flags.init, flags.consistency_models.len()), (Some(Edn::Int(0)), 2));
        assert_eq!(flags.files.len(), 2);
        assert!(parse("-w echo").is_err(), "a file is required");
    }
}
