//! The runs of the [shrinker](crate::shrink) with children in lockstep: they leave no files.

#![expect(clippy::disallowed_methods, reason = "children need folders, and leave them behind")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::Context;

use super::Lockstep;
use crate::child::{ChildOptions, Watchdog, pin_to_core};
use crate::engine::Engine;
use crate::engine::cluster::VirtualCluster;
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
}

impl<'a> LockstepBench<'a> {
    /// A bench for this program. Its children live in a folder of `store` as long as it does.
    /// `watchdog` is the bench's own program; `interrupted` ends what is running.
    ///
    /// # Errors
    /// When the program is missing or not executable, or the folder cannot be created.
    pub fn new(
        workload: &'a dyn Workload,
        (bin, args): (&Path, &[String]),
        has_data_dirs: bool,
        store: &Path,
        watchdog: Option<&Path>,
        interrupted: Arc<AtomicBool>,
    ) -> anyhow::Result<LockstepBench<'a>> {
        crate::child::resolve_program(bin)?;
        let folder = store.join(format!(".shrink-{}", std::process::id()));
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
        })
    }

    fn try_run(&self, options: &TestOptions, tape: Tape, listens: bool) -> anyhow::Result<Trial> {
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
            watchdog: None,
        };
        let pinned = pin_to_core(rayon::current_thread_index().unwrap_or_default())?;
        let factory = Lockstep::watched(&options.nodes, children, self.watchdog.clone())?;
        let interrupted = self.interrupted.clone();
        let is_interrupted = move || interrupted.load(Ordering::Relaxed);
        let mut cluster = VirtualCluster::new(options.nodes.len(), factory, is_interrupted);
        let mut listener = Listener::new(listens);
        let engine = Engine::new(options, self.workload, &mut cluster, &mut listener, tape, 0);
        let outcome = engine.run();
        drop(cluster);
        drop(pinned);
        let judgement = results::check(&outcome, self.workload, options);
        let trial = trial(outcome, &judgement, options, listener.transcript);
        // What cannot be removed now is removed with all the rest.
        std::fs::remove_dir_all(&folder).ok();
        Ok(trial)
    }
}

impl Bench for LockstepBench<'_> {
    fn run(&self, options: &TestOptions, tape: Tape, listens: bool) -> Trial {
        self.try_run(options, tape, listens).unwrap_or_else(|error| Trial {
            bench_failure: Some(format!("{error:#}")),
            ..Trial::default()
        })
    }
}

impl Drop for LockstepBench<'_> {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
