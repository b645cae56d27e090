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

use std::borrow::Cow;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;

use clap::{Args, ValueHint};

use super::budget::BudgetFlags;
use super::input::{damaged, read};
use super::models::ModelFlags;
use super::reports::Reports;
use crate::checker::{CheckOptions, Judge, Judgement, Validity};
use crate::cli::flags::VersionOrderFlags;
use crate::edn::{Edn, pretty, read_one};
use crate::parallel;
use crate::report::{self, OTHER_FOLDER};
use crate::workload::{self, Workload};

/// So many pieces may have been read and wait to be judged.
const BATCHES: usize = 4;

/// The command's arguments.
#[derive(Args, Clone, Debug)]
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

    #[command(flatten)]
    version_orders: VersionOrderFlags,

    /// For histories of other tests: bank, set, long-fork, list-append, register, mutex, …
    #[arg(short, long, value_name = "MODEL", conflicts_with = "workload")]
    model: Option<String>,

    /// The object's first value, as EDN.
    #[arg(long, value_name = "VALUE", value_parser = parse_edn, requires = "model")]
    init: Option<Edn>,

    #[command(flatten)]
    models: ModelFlags,

    #[command(flatten)]
    budget: BudgetFlags,

    /// Writes each result into this folder, with explanations and drawings of what is wrong.
    #[arg(short = 'd', long, visible_alias = "directory", value_name = "FOLDER", value_hint = ValueHint::DirPath)]
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
        self.judge().map(drop)
    }

    /// What judges one file.
    fn judge(&self) -> Result<Judge, String> {
        let options = CheckOptions {
            consistency_models: self.consistency_models.clone(),
            version_orders: self.version_orders.version_orders(),
            anomalies: self.anomalies.clone(),
            budget: self.budget.budget(),
            per_key: self.models.per_key,
            jepsen: self.models.options(),
        };
        // They are looked at even where no transaction is judged: one that is none is a mistake.
        options.elle()?;
        match &self.model {
            Some(model) => Judge::named(model, self.init.clone(), &options),
            None => workload::by_name(&self.workload)?.judge(&options),
        }
    }

    /// Judges every file, writes a line each, in their order, and gives the worst verdict.
    ///
    /// # Errors
    /// Those of writing to `out`, to the folder of `--out`, or to a report.
    pub fn run(&self, out: &mut impl Write) -> io::Result<Worst> {
        let mut worst = Worst { verdict: Validity::True, has_bad_input: false };
        let judge = |file: &PathBuf| {
            let judgement = self.judge_file(file).unwrap_or_else(Judgement::bad_input);
            (file.clone(), judgement)
        };
        let mut number = 0;
        let mut reports = self.reports.begin(self.model.as_ref().unwrap_or(&self.workload));
        parallel::in_order(&self.files, judge, |(file, judgement)| {
            writeln!(out, "{}", self.reports.line(&file, &judgement))?;
            // The next file may take minutes.
            out.flush()?;
            worst.verdict = worst.verdict.and(judgement.verdict);
            worst.has_bad_input |= judgement.is_bad_input;
            reports.add(&file, &judgement);
            number += 1;
            match &self.out {
                Some(folder) => self.explain(&judgement, &self.folder_of(folder, number, &file)),
                None => Ok(()),
            }
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

    /// Writes everything that there is to say of a judgement.
    fn explain(&self, judgement: &Judgement, folder: &Path) -> io::Result<()> {
        let of_workload = workload::by_name(&self.workload).map(Workload::explanations);
        let is_workload = self.model.is_none();
        let subfolder = of_workload.ok().filter(|_| is_workload).unwrap_or(OTHER_FOLDER);
        let write = |path: &str, bytes: &[u8]| {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("a file stands in a folder"))
                .and_then(|()| std::fs::write(&path, bytes))
                .map_err(|error| {
                    io::Error::other(format!("{} cannot be written: {error}", path.display()))
                })
        };
        write("results.edn", format!("{}\n", pretty(&judgement.to_edn())).as_bytes())?;
        let explanations = report::explain(judgement, subfolder);
        for (path, svg) in explanations.drawings() {
            // There is no page of a run here to go to.
            write(path, svg.replace(report::LINK_FROM_FILE, "#").as_bytes())?;
        }
        explanations.texts.iter().try_for_each(|(path, text)| write(path, text.as_bytes()))
    }

    fn judge_file(&self, path: &Path) -> Result<Judgement, String> {
        let mut gathering = self.judge()?.gather();
        let (sender, receiver) = sync_channel(BATCHES);
        thread::scope(|scope| {
            let reading = scope.spawn(|| read(path, sender));
            // A problem here ends the loop, and takes the receiver with it, and so the reading.
            for (line, op) in receiver.into_iter().flatten() {
                let taken = gathering.push(Cow::Owned(op));
                taken.map_err(|problem| damaged(&format!("line {line}: {problem}")))?;
            }
            reading.join().unwrap_or_else(|panic| resume_unwind(panic))
        })?;
        Ok(gathering.finish())
    }
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
