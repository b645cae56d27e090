//! Runs with children in lockstep that leave no files: those of the [shrinker](crate::shrink) and
//! of a [sweep](crate::sweep).

#![expect(clippy::disallowed_methods, reason = "children need folders, and leave them behind")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Lockstep;
use crate::checker::Judgement;
use crate::child::{ChildOptions, Watchdog, pin_to_core, pin_to_one_core};
use crate::engine::cluster::{INTERRUPTED, VirtualCluster};
use crate::engine::{Engine, Observer, Outcome};
use crate::options::TestOptions;
use crate::results;
use crate::shrink::{Bench, Listener, Trial, trial};
use crate::tape::Tape;
use crate::workload::Workload;

/// Runs cases with nodes that are programs.
pub struct LockstepBench<'a> {
    workload: &'a dyn Workload,
    bin: PathBuf,
    args: Vec<String>,
    has_data_dirs: bool,
    watchdog: Option<Watchdog>,
    /// The folder of everything that children leave: it is removed in the end.
    folder: PathBuf,
    runs: AtomicU64,
    interrupted: Arc<AtomicBool>,
    limits: Limits,
}

/// What a run may take of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// How much memory each node may hold.
    pub memory_bytes: Option<u64>,
    /// How much real time a run may take.
    pub time: Option<Duration>,
}

impl<'a> LockstepBench<'a> {
    /// A bench for this program. Its children live in this folder, which is made for them and
    /// removed with the bench. `watchdog` is the bench's own program; `interrupted` ends what is
    /// running.
    ///
    /// # Errors
    /// When the program is missing or not executable, or the folder cannot be created.
    pub fn new(
        workload: &'a dyn Workload,
        (bin, args): (&Path, &[String]),
        has_data_dirs: bool,
        folder: PathBuf,
        watchdog: Option<&Path>,
        interrupted: Arc<AtomicBool>,
    ) -> anyhow::Result<LockstepBench<'a>> {
        crate::child::resolve_program(bin)?;
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(LockstepBench {
            workload,
            bin: bin.to_owned(),
            args: args.to_vec(),
            has_data_dirs,
            watchdog: watchdog.map(Watchdog::start).transpose()?,
            folder,
            runs: AtomicU64::new(0),
            interrupted,
            limits: Limits::default(),
        })
    }

    /// The same, within these limits: a run that reaches one has failed.
    pub fn within(mut self, limits: Limits) -> LockstepBench<'a> {
        self.limits = limits;
        self
    }

    /// The workload.
    pub fn workload(&self) -> &'a dyn Workload {
        self.workload
    }

    /// Runs a tape and judges it.
    ///
    /// # Errors
    /// When it could not begin.
    pub fn run_observed(
        &self,
        options: &TestOptions,
        tape: Tape,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<(Outcome, Judgement)> {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(number.to_string());
        let log_dir = folder.join("node-logs");
        std::fs::create_dir_all(&log_dir)
            .with_context(|| format!("cannot create {}", log_dir.display()))?;
        let children = ChildOptions {
            bin: self.bin.clone(),
            args: self.args.clone(),
            log_dir,
            data_dir: self.has_data_dirs.then(|| folder.join("node-data")),
            asks_for_states: false,
            memory_bytes: self.limits.memory_bytes,
            watchdog: None,
        };
        // Other processes like this one may run beside it. So a bench with one thread takes the
        // core that it was given.
        let pinned = match rayon::current_thread_index() {
            Some(index) if rayon::current_num_threads() > 1 => pin_to_core(index)?,
            _ => pin_to_one_core()?,
        };
        let factory = Lockstep::watched(&options.nodes, children, self.watchdog.clone())?;
        let interrupted = self.interrupted.clone();
        let until = self.limits.time.map(|time| Instant::now() + time);
        let is_late = move || until.is_some_and(|until| Instant::now() >= until);
        let is_over = move || interrupted.load(Ordering::Relaxed) || is_late();
        let mut cluster = VirtualCluster::new(options.nodes.len(), factory, is_over);
        let engine = Engine::new(options, self.workload, &mut cluster, observer, tape, 0);
        let mut outcome = engine.run();
        drop(cluster);
        drop(pinned);
        let has_ended = outcome.failure.as_deref() == Some(INTERRUPTED);
        if let (true, Some(time)) = (has_ended && is_late(), self.limits.time) {
            let seconds = time.as_secs_f64();
            outcome.failure = Some(format!("the nodes took more than {seconds} s of real time"));
        }
        let judgement = results::check(&outcome, self.workload, options);
        // What cannot be removed now is removed with all the rest.
        std::fs::remove_dir_all(&folder).ok();
        Ok((outcome, judgement))
    }
}

impl Bench for LockstepBench<'_> {
    fn run(&self, options: &TestOptions, tape: Tape, listens: bool) -> Trial {
        let mut listener = Listener::new(listens);
        match self.run_observed(options, tape, &mut listener) {
            Ok((outcome, judgement)) => trial(outcome, &judgement, options, listener.transcript),
            Err(error) => Trial { bench_failure: Some(format!("{error:#}")), ..Trial::default() },
        }
    }
}

impl Drop for LockstepBench<'_> {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
