//! One test from start to finish: the cluster, the run, the checks and the files.

mod playground;
mod shrink;

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gyre::{DiskTrouble, Message, NodeId, Time};

use crate::checker::{Judgement, Validity};
use crate::child::{ChildOptions, LockstepChild, NodeLog, Watchdog, pin_to_one_core};
use crate::engine::cluster::{Cluster, NodeFactory, SimulatedNode, VirtualCluster};
use crate::engine::{Direction, Engine, Observer, Outcome, Progress};
use crate::history::Op;
use crate::journal::Journal;
use crate::nemesis::Fault;
use crate::options::TestOptions;
use crate::ran::{self, Ran, shell_line};
use crate::recorder::{LogOptions, ProgressDisplay, Recorder};
use crate::report::figures::{self, Figure};
use crate::report::goals::Challenge;
use crate::report::{self, Activity, Recorded, count};
use crate::results::Results;
use crate::seeds::Seeds;
use crate::store::{Console, Ended, RunCommand, RunFolder, RunName};
use crate::tape::{Tape, TapeFile};
use crate::wall::WallCluster;
use crate::workload::Workload;

pub use shrink::{Limits, LockstepBench};

/// How many events of the network are kept for the report.
const JOURNAL_EVENTS: usize = 4_000_000;

/// The file of a run's tape.
const TAPE_FILE: &str = "tape.edn";

/// The clock of a run.
#[derive(Clone, Debug)]
pub enum Clock {
    /// Real time: nobody can repeat the run.
    Wall,
    /// Virtual time, with everything drawn from a seed.
    Seed {
        /// The seed.
        seed: u64,
        /// Whether to leave the tape of the run among its files.
        writes_tape: bool,
    },
    /// Virtual time, with everything that chance decides on a tape.
    Tape(TapeFile),
}

impl Clock {
    /// The seed from which is drawn, if the run can be repeated.
    pub fn seed(&self) -> Option<u64> {
        match self {
            Clock::Wall => None,
            Clock::Seed { seed, .. } => Some(*seed),
            Clock::Tape(tape) => Some(tape.seed),
        }
    }

    fn run_name(&self) -> RunName {
        match self {
            Clock::Wall => RunName::now(),
            Clock::Seed { seed, .. } => RunName::Seed(*seed),
            Clock::Tape(tape) => RunName::Tape(tape.digest()),
        }
    }

    fn tape(&self) -> anyhow::Result<Tape> {
        Ok(match self {
            Clock::Wall => Seeds::new(crate::wall::entropy()?).into(),
            Clock::Seed { seed, writes_tape: false } => Seeds::new(*seed).into(),
            Clock::Seed { seed, writes_tape: true } => Tape::from(Seeds::new(*seed)).recorded(),
            Clock::Tape(tape) => tape.clone().into(),
        })
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Clock::Wall => f.write_str("real time"),
            Clock::Seed { seed, .. } => write!(f, "virtual time, seed {seed}"),
            Clock::Tape(tape) => write!(f, "virtual time, tape {:016x}", tape.digest()),
        }
    }
}

/// What to test, and how to show it.
pub struct Test<'a> {
    /// The workload.
    pub workload: &'a dyn Workload,
    /// The options.
    pub options: &'a TestOptions,
    /// The node's program.
    pub bin: PathBuf,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The clock, and with it where chance comes from.
    pub clock: Clock,
    /// Whether each node gets a folder for its data.
    pub has_data_dirs: bool,
    /// The command line that asks for this, without the program's name.
    pub argv: Vec<String>,
    /// How the bench itself was called, for the command that repeats the run.
    pub bench: String,
    /// The challenge of the Gossip Glomers that this is, if it is one.
    pub challenge: Option<&'static Challenge>,
    /// The folder of all runs.
    pub store: PathBuf,
    /// What to log.
    pub log: LogOptions,
    /// The bench's own program, which watches over the children.
    pub watchdog: Option<PathBuf>,
    /// How much of each thing that the run notes for its report is kept in memory: the rest is
    /// in the run's folder. The files of the run do not depend on it.
    pub memory_bytes: usize,
}

/// Who watches a test on the terminal, and may end it.
pub struct Terminal {
    /// Shows lines of the log.
    pub console: Option<Console>,
    /// Shows how far the run is.
    pub progress: ProgressDisplay,
    /// Becomes readable when the run is to end early.
    pub interrupt: Option<OwnedFd>,
    /// The same, for a run that does not wait.
    pub interrupted: Box<dyn Fn() -> bool>,
    /// Hears when the running is over, and with which sentence to end if a signal comes then.
    pub analysing: Box<dyn Fn(String)>,
}

impl Terminal {
    /// Nobody: the test runs to its end, and nothing is shown.
    pub fn nobody() -> Terminal {
        Terminal {
            console: None,
            progress: Box::new(|_| ()),
            interrupt: None,
            interrupted: Box::new(|| false),
            analysing: Box::new(drop),
        }
    }
}

/// What a test came to.
pub struct Report {
    /// What the checkers found.
    pub results: Judgement,
    /// What went wrong with the run itself, in a sentence: that it ended before its time, or
    /// that not all of its files could be written.
    pub failure: Option<String>,
    /// The verdict in a sentence.
    pub headline: String,
    /// The figures to look at first.
    pub figures: Vec<Figure>,
    /// Whether the challenge's goal is met, in words, if it is one.
    pub challenge: Option<String>,
    /// The command that does the same again.
    pub again: String,
    /// The run's folder.
    pub folder: PathBuf,
}

impl Report {
    /// The exit status of the original: 0 for valid, 1 for invalid, 2 for unknown, and 255 for
    /// a run that failed itself.
    pub fn exit_status(&self) -> u8 {
        match (&self.failure, self.results.verdict) {
            (Some(_), _) => 255,
            (None, Validity::True) => 0,
            (None, Validity::False) => 1,
            (None, Validity::Unknown) => 2,
        }
    }
}

impl Test<'_> {
    /// Runs the test, judges it, and leaves its files in the store.
    ///
    /// # Errors
    /// When the run cannot begin.
    pub fn run(self, terminal: Terminal) -> anyhow::Result<Report> {
        let ran = self.ran();
        let name = self.clock.run_name().of(&ran.folder_name());
        // A program that cannot be run is no run: it leaves no folder.
        crate::child::resolve_program(&self.bin)?;
        let folder = RunFolder::create(&self.store, self.workload.name(), name)?;
        let Terminal { console, progress, interrupt, interrupted, analysing } = terminal;
        let mut recorder =
            Recorder::new(&folder, console, self.log, progress, self.options.concurrency)?;
        let mut command = self.command(ran);
        command.write(&folder)?;
        if let Clock::Tape(tape) = &self.clock {
            folder.write(TAPE_FILE, tape.to_text().as_bytes())?;
        }
        recorder.say(&format!("Command line:\n{}", shell_line("maelstrom", &command.argv)));
        recorder.say(&format!("running {} in {}", self.bin.display(), self.clock));
        let children = self.child_options(&folder)?;
        let tape = self.clock.tape()?;
        let mut pinned = None;
        let mut cluster: Box<dyn Cluster> = match self.clock {
            Clock::Wall => {
                let harms_disks = self.options.faults.contains(&Fault::Disk);
                Box::new(WallCluster::new(&self.options.nodes, children, harms_disks, interrupt)?)
            }
            Clock::Seed { .. } | Clock::Tape(_) => {
                pinned = Some(pin_to_one_core()?);
                let factory = Lockstep::new(&self.options.nodes, children)?;
                Box::new(VirtualCluster::new(self.options.nodes.len(), factory, interrupted))
            }
        };
        let make = &mut || folder.spool(self.memory_bytes);
        let journal = Journal::spooled(JOURNAL_EVENTS, make)?;
        let mut watching = Watching {
            recorder,
            activity: Activity::spooled(make)?,
            results: Results::new(self.workload, self.options),
        };
        let (options, workload) = (self.options, self.workload);
        let engine = Engine::new(options, workload, &mut *cluster, &mut watching, tape, journal);
        let outcome = engine.without_history().run();
        watching.activity.finish();
        drop(cluster);
        // What follows may use all processors.
        drop(pinned);
        analysing(self.interrupted_analysis(&folder));
        command.messages = Some(*outcome.journal.stats());
        command.ended = outcome.failure.clone().map_or(Ended::Complete, Ended::BrokeOff);
        command.write(&folder)?;
        self.judge(outcome, &folder, &command.ran, watching)
    }

    /// The folder of this run, unless the same is going on at this moment.
    pub fn folder(&self) -> PathBuf {
        let name = self.clock.run_name().of(&self.ran().folder_name());
        self.store.join(self.workload.name()).join(name.to_string())
    }

    fn ran(&self) -> Ran {
        let mut ran = Ran::new(self.bin.display().to_string(), self.options);
        let mut flag = |flag: &str, value: &str| ran.flags.push((flag.into(), value.into()));
        if !self.has_data_dirs {
            flag("--no-data-dir", "");
        }
        if let Some(challenge) = self.challenge {
            flag("--challenge", challenge.name);
        }
        let again = ran::again(&self.argv, self.clock.seed());
        let again = if again.is_empty() { String::new() } else { shell_line(&self.bench, &again) };
        Ran { arguments: self.args.clone(), seed: self.clock.seed(), again, ..ran }
    }

    fn interrupted_analysis(&self, folder: &RunFolder) -> String {
        format!(
            "interrupted while the history was judged and reported. The history is complete; \
             to judge it: maelstrom check -w {} {}",
            self.workload.name(),
            folder.file("history.edn").display()
        )
    }

    fn command(&self, ran: Ran) -> RunCommand {
        RunCommand {
            ran,
            workload: self.workload.name().to_owned(),
            argv: self.argv.clone(),
            seed: self.clock.seed(),
            ended: Ended::NotYet,
            messages: None,
        }
    }

    fn child_options(&self, folder: &RunFolder) -> anyhow::Result<ChildOptions> {
        Ok(ChildOptions {
            bin: self.bin.clone(),
            args: self.args.clone(),
            log_dir: folder.node_logs()?,
            data_dir: self.has_data_dirs.then(|| folder.subfolder("node-data")).transpose()?,
            watchdog: self.watchdog.clone(),
            asks_for_states: true,
            memory_bytes: None,
        })
    }

    fn judge(
        &self,
        outcome: Outcome,
        folder: &RunFolder,
        ran: &Ran,
        watching: Watching,
    ) -> anyhow::Result<Report> {
        let Watching { mut recorder, activity, results } = watching;
        let recorder = &mut recorder;
        if outcome.late_replies > 0 {
            let late = outcome.late_replies;
            recorder.warn(&format!(
                "dropped {} to clients that had given up and gone; the original would stop \
                 listening to a node that sends one",
                count(late as usize, "message")
            ));
        }
        if let Some(sentence) = &outcome.failure {
            recorder.warn(sentence);
        }
        let recorded = recorder.finish();
        recorder.show_phase("checking");
        let results = results.finish(outcome.journal.stats(), outcome.failure.is_some());
        let written = recorded
            .and_then(|()| self.write(&outcome, &activity, &results, ran, folder, recorder));
        let headline = report::headline(&results, activity.ended(), outcome.failure.as_deref());
        let figures = figures::figures(self.workload.name(), &results, &activity);
        let is_whole = outcome.failure.is_none();
        let challenge = self.challenge.filter(|_| is_whole);
        let challenge = challenge.map(|challenge| challenge.sentence(&results));
        let broke_off = outcome.failure.map(|sentence| format!("The run broke off: {sentence}"));
        let incomplete = written
            .err()
            .map(|error| format!("The run is over, but its files are not complete: {error:#}"));
        let failures: Vec<String> = broke_off.into_iter().chain(incomplete).collect();
        let failure = (!failures.is_empty()).then(|| failures.join("\n"));
        let (again, folder) = (ran.again.clone(), folder.path().to_owned());
        Ok(Report { results, failure, headline, figures, challenge, again, folder })
    }

    /// Writes everything that is not on disk already.
    fn write(
        &self,
        outcome: &Outcome,
        activity: &Activity,
        results: &Judgement,
        ran: &Ran,
        folder: &RunFolder,
        recorder: &mut Recorder,
    ) -> anyhow::Result<()> {
        if let (Some(tracks), Some(seed)) = (&outcome.tape, self.clock.seed()) {
            let workload = self.workload.name().to_owned();
            let tape = TapeFile { workload, seed, edits: false, tracks: tracks.clone() };
            folder.write(TAPE_FILE, tape.to_text().as_bytes())?;
        }
        // As with the original, a run that broke off has a history but no results.
        if outcome.failure.is_none() {
            folder.write_results(results, ran)?;
        }
        let playground = playground::link(self);
        let recorded = Recorded {
            workload: self.workload.name(),
            options: self.options,
            ran,
            playground: playground.as_deref(),
            activity,
            history: &folder.history(),
            journal: &outcome.journal,
            results,
            failure: outcome.failure.as_deref(),
        };
        report::write(&recorded, &mut |phase| recorder.show_phase(phase), &mut |path, bytes| {
            folder.write(path, bytes)
        })?;
        folder.pack_history()?;
        folder.finish()
    }
}

/// All who take the history in while the run goes on: it is nowhere as a whole but on disk.
struct Watching {
    recorder: Recorder,
    activity: Activity,
    results: Results,
}

impl Observer for Watching {
    fn operation(&mut self, op: &Op) {
        self.recorder.operation(op);
        self.activity.push(op);
        self.results.push(op);
    }

    fn node_log(&mut self, node: &NodeId, line: &str) {
        self.recorder.node_log(node, line);
    }

    fn log(&mut self, now: Time, sentence: &str) {
        self.recorder.log(now, sentence);
    }

    fn message(&mut self, now: Time, direction: Direction, id: u64, message: &Message) {
        self.recorder.message(now, direction, id, message);
    }

    fn progress(&mut self, now: Time, progress: &Progress) {
        self.recorder.progress(now, progress);
    }

    fn failure(&mut self) -> Option<String> {
        self.recorder.failure().or_else(|| self.activity.failure().map(str::to_owned))
    }
}

/// Makes nodes that are child processes in lockstep.
struct Lockstep {
    names: Vec<NodeId>,
    /// One for all lives of a node.
    logs: Vec<NodeLog>,
    options: ChildOptions,
    watchdog: Option<Watchdog>,
}

impl Lockstep {
    fn new(names: &[NodeId], options: ChildOptions) -> anyhow::Result<Lockstep> {
        let watchdog = options.watchdog.as_deref().map(Watchdog::start).transpose()?;
        Lockstep::watched(names, options, watchdog)
    }

    /// The same, with a watchdog that may watch over others as well.
    fn watched(
        names: &[NodeId],
        options: ChildOptions,
        watchdog: Option<Watchdog>,
    ) -> anyhow::Result<Lockstep> {
        let logs = names.iter().map(|name| options.open_log(name));
        Ok(Lockstep {
            logs: logs.collect::<Result<_, _>>()?,
            names: names.to_vec(),
            options,
            watchdog,
        })
    }
}

impl SimulatedNode for LockstepChild {
    fn state(&mut self) -> Option<String> {
        self.take_state()
    }

    fn failure(&self) -> Option<String> {
        LockstepChild::failure(self).map(str::to_owned)
    }

    fn has_given_up(&self) -> bool {
        self.has_ended_by_itself()
    }

    fn take_disk_time(&mut self) -> Duration {
        LockstepChild::take_disk_time(self)
    }
}

impl NodeFactory for Lockstep {
    fn start(&mut self, node: usize, seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        let name = &self.names[node];
        let log = self.logs[node].clone();
        LockstepChild::start(&self.options, name, log, seed, self.watchdog.as_ref())
            .map(|child| Box::new(child) as Box<dyn SimulatedNode>)
            .map_err(|error| format!("{error:#}"))
    }

    fn set_disk_trouble(
        &mut self,
        node: usize,
        trouble: Option<DiskTrouble>,
    ) -> Result<bool, String> {
        self.options.set_disk_trouble(&self.names[node], trouble)
    }
}

/// The folder of all runs, beside where the bench is used.
pub fn default_store() -> &'static Path {
    Path::new("store")
}
