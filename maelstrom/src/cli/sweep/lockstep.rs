//! The sweep of a program in lockstep: it runs inside the bench's own process.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::super::terminal;
use super::{Asked, Display, Failed, Variant};
use crate::checker::{Judgement, elle};
use crate::engine::{Observer, Outcome};
use crate::options::TestOptions;
use crate::ran::shell_line;
use crate::run::{Limits, LockstepBench};
use crate::sweep::plan::{Plan, digest, fault_names, file_name, settings};
use crate::sweep::seed::Runner;
use crate::sweep::shard::ShardFile;
use crate::sweep::work::{self, Care, Control, Stop};
use crate::sweep::worker::Progress;
use crate::tape::Tape;
use crate::workload::{self, Workload};

/// Sweeps this program as each workload; says whether all of it is done.
pub(super) fn sweep(
    asked: &Asked,
    bin: &Path,
    variants: &[Variant],
    display: &mut Display,
) -> Result<bool, Failed> {
    let broken = |error: anyhow::Error| Failed::Broken(format!("{error:#}"));
    if let Some(jobs) = asked.flags.jobs {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build_global();
        pool.map_err(|error| Failed::Broken(error.to_string()))?;
    }
    crate::child::resolve_program(bin).map_err(|error| Failed::Arguments(format!("{error:#}")))?;
    let program = std::fs::read(bin)
        .map_err(|error| Failed::Arguments(format!("{} cannot be read: {error}", bin.display())))?;
    let digest = digest(&program);
    drop(program);
    let mut cases = Vec::new();
    for name in &asked.flags.workload {
        for variant in variants {
            let case = Case::new(asked, bin, &digest, name, variant);
            cases.push(case.map_err(Failed::Arguments)?);
        }
    }
    let interrupted = terminal::interrupted().map_err(broken)?;
    for case in &cases {
        if !case.sweep(asked, bin, &interrupted, display)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A workload, and settings.
struct Case {
    workload: &'static dyn Workload,
    options: TestOptions,
    plan: Plan,
}

impl Case {
    fn new(
        asked: &Asked,
        bin: &Path,
        digest: &str,
        name: &str,
        variant: &Variant,
    ) -> Result<Case, String> {
        let workload = workload::by_name(name.trim())?;
        let mut run = asked.flags.run.clone();
        // Every run of a sweep is in virtual time.
        run.seed = Some(0);
        if let Some(fault) = variant.fault {
            run.nemesis = vec![fault];
        }
        let options = run.options()?;
        workload.validate(&options)?;
        elle::Options::new(&options.consistency_models)?;
        let program = bin.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut settings = settings(&options, &asked.flags.allow);
        if run.no_data_dir {
            settings.insert("--no-data-dir".into(), String::new());
        }
        if !asked.flags.args.is_empty() {
            settings.insert("arguments".into(), asked.flags.args.join(" "));
        }
        let variant = variant.name().map(|name| format!(".{name}"));
        let case = format!("{}.{}", file_name(&program), workload.name());
        let plan = Plan {
            version: env!("CARGO_PKG_VERSION").into(),
            case: case + &variant.unwrap_or_default(),
            program,
            digest: digest.into(),
            workload: workload.name().into(),
            faults: fault_names(&options),
            settings,
            replay: replay(asked, bin, workload.name(), &options),
            seeds: asked.seeds,
            shard: asked.flags.shard,
        };
        Ok(Case { workload, options, plan })
    }

    fn sweep(
        &self,
        asked: &Asked,
        bin: &Path,
        interrupted: &Arc<AtomicBool>,
        display: &mut Display,
    ) -> Result<bool, Failed> {
        let mut shard = ShardFile::open(asked.out, &self.plan).map_err(Failed::Broken)?;
        let folder = format!(".{}-{}", self.plan.file_name(), std::process::id());
        let bench = LockstepBench::new(
            self.workload,
            (bin, &asked.flags.args),
            !asked.flags.run.no_data_dir,
            asked.out.join(folder),
            terminal::own_program().as_deref(),
            interrupted.clone(),
        );
        let bench = bench.map_err(|error| Failed::Broken(format!("{error:#}")))?.within(Limits {
            memory_bytes: Some(asked.flags.memory << 20),
            time: Some(Duration::from_secs_f64(asked.flags.seed_limit)),
        });
        let (workload, options, allowed) = (self.workload, &self.options, &asked.flags.allow[..]);
        let runner = LockstepRunner { workload, bench, options, allowed };
        let (control, care) = (Control::default(), Care::default());
        let seeds = shard.contents().next..self.plan.range().end;
        let worked = work::run(seeds, &runner, &control, &care, &mut |_| (), &mut |seed| {
            shard.push(seed).map_err(Stop::Broken)?;
            display.show(&Progress::of(&shard));
            if interrupted.load(Ordering::Relaxed) {
                control.end();
            }
            Ok(())
        });
        let was_interrupted = interrupted.load(Ordering::Relaxed);
        let written = shard.checkpoint();
        display.end_case(&Progress::of(&shard));
        match worked {
            Ok(()) => {}
            Err(Stop::Ended) => {}
            // Runs that the user ended break off in the bench.
            Err(Stop::Broken(_)) if was_interrupted => {}
            Err(Stop::Broken(sentence)) => return Err(Failed::Broken(sentence)),
        }
        written.map_err(Failed::Broken)?;
        Ok(shard.contents().is_whole())
    }
}

/// The command that runs one seed, with its page.
fn replay(asked: &Asked, bin: &Path, workload: &str, options: &TestOptions) -> String {
    let bin = bin.display().to_string();
    let mut words = ["test", "-w", workload, "--bin", &bin].map(str::to_owned).to_vec();
    for (flag, value) in options.flags() {
        words.extend([flag.to_owned(), value]);
    }
    if asked.flags.run.no_data_dir {
        words.push("--no-data-dir".into());
    }
    // The braces stand for the seed, and must not be quoted.
    let arguments = match asked.flags.args.is_empty() {
        true => String::new(),
        false => format!(" -{}", shell_line("-", &asked.flags.args)),
    };
    format!("{} --seed {{seed}}{arguments}", shell_line(&terminal::called_as(), &words))
}

/// Runs seeds with children in lockstep.
struct LockstepRunner<'a> {
    workload: &'static dyn Workload,
    bench: LockstepBench<'a>,
    options: &'a TestOptions,
    allowed: &'a [String],
}

impl Runner for LockstepRunner<'_> {
    fn workload(&self) -> &'static dyn Workload {
        self.workload
    }

    fn options(&self, _seed: u64) -> TestOptions {
        self.options.clone()
    }

    fn allowed(&self) -> &[String] {
        self.allowed
    }

    fn run(
        &self,
        options: &TestOptions,
        tape: Tape,
        observer: &mut dyn Observer,
    ) -> Result<(Outcome, Judgement), String> {
        let ran = self.bench.run_observed(options, tape, observer);
        ran.map_err(|error| format!("{error:#}"))
    }
}
