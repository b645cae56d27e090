//! Nodes as real processes: started, spoken to over pipes, paused, killed, and never left
//! behind.
//!
//! - [`Children`] drives all nodes of a run under the wall clock: one thread and one `poll`
//!   over non-blocking pipes, because a thread for every pipe would cost a context switch for
//!   every batch of lines, and because nothing that a child does (or leaves undone) may block
//!   the bench.
//! - [`LockstepChild`] drives one node in virtual time, one step at a time: it is a
//!   [`gyre::Process`] like a node that runs inside the bench.
//! - [`Watchdog`] is a second process that kills what is left when the bench dies without a
//!   chance to do so itself.
//!
//! Every node leads a process group of its own, so that a signal reaches whatever it forked,
//! and Ctrl-C on the terminal reaches only the bench.
//!
//! Under the wall clock nothing here knows what a message is: a line is a line. Deliberately
//! absent: limits on what a child may use, and any isolation from the rest of the machine.

#![expect(clippy::disallowed_methods, reason = "the driver is where real processes are run")]

mod children;
mod group;
mod lines;
mod lockstep;
mod log;
mod node;
mod pinned;
mod state;
mod watchdog;

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use gyre::{DiskTrouble, NodeId, SIMULATED_DISK_FILE, TROUBLE_FILE};
use rustix::fs::{Access, access};

pub use children::{ChildEvent, Children};
use group::Group;
pub use lockstep::LockstepChild;
pub use log::{MOST_LOG_BYTES, NodeLog};
pub use pinned::{pin_to_core, pin_to_one_core};
pub use watchdog::{WATCHDOG_ARGUMENT, Watchdog, watchdog_main};

/// More than this is never kept for one child: neither input that it does not read, nor a line
/// that does not end, nor the answer to one step.
const MOST_BYTES: usize = 64 << 20;

/// The environment's variable that names a node's data folder to it.
const DATA_DIR: &str = "MAELSTROM_DATA_DIR";

/// The environment's variable that gives a node a simulated disk in its data folder.
const SIMULATED_DISK: &str = "MAELSTROM_SIMULATED_DISK";

/// A disk that has taken anything says so in this much of its record.
const RECORD_START_BYTES: u64 = 64 << 10;

/// How the nodes of a run are started.
#[derive(Clone, Debug)]
pub struct ChildOptions {
    /// The node's program.
    pub bin: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The folder for `<node>.log`, which takes each node's stderr, of a very long one the
    /// beginning and the end. Created when missing.
    pub log_dir: PathBuf,
    /// The folder in which each node gets one of its own, passed in `MAELSTROM_DATA_DIR`.
    /// Created when missing; it outlives a kill, as a disk does. With `None` nodes get no
    /// folder, as under the original.
    pub data_dir: Option<PathBuf>,
    /// An executable that calls [`watchdog_main`] when its first argument is
    /// [`WATCHDOG_ARGUMENT`]: the bench itself. With `None`, children die with the
    /// [`Children`] or [`LockstepChild`] that holds them, but outlive a bench that is killed.
    pub watchdog: Option<PathBuf>,
    /// Whether nodes are asked to say what they are, with `MAELSTROM_STATE=1`.
    pub asks_for_states: bool,
    /// How much memory a node in lockstep may hold; a node that holds more has failed. With `None`
    /// nobody looks.
    pub memory_bytes: Option<u64>,
}

impl ChildOptions {
    /// The same options with `bin` checked and absolute: nodes have another working directory.
    ///
    /// # Errors
    /// When there is no such file, or it is not a program.
    fn resolved(mut self) -> anyhow::Result<ChildOptions> {
        self.bin = resolve_program(&self.bin)?;
        Ok(self)
    }

    /// Opens the node's log. A node that is started again goes on in the same one.
    ///
    /// # Errors
    /// When it cannot be opened, or the node's name is not that of a file.
    pub fn open_log(&self, node: &NodeId) -> anyhow::Result<NodeLog> {
        require_file_name(node)?;
        let path = self.log_dir.join(format!("{node}.log"));
        fs::create_dir_all(&self.log_dir)
            .and_then(|()| NodeLog::open(&path))
            .with_context(|| format!("could not open the log of node {node}, {}", path.display()))
    }

    /// The command that starts the node, with its folder in place and a pipe to each end.
    fn command(&self, node: &NodeId) -> anyhow::Result<Command> {
        require_file_name(node)?;
        let working_dir = std::env::temp_dir();
        if !working_dir.is_dir() {
            bail!(
                "the temporary directory {}, in which nodes run, does not exist: set TMPDIR",
                working_dir.display()
            );
        }
        let mut command = Command::new(&self.bin);
        command
            .args(&self.args)
            .current_dir(working_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match self.asks_for_states {
            true => command.env(state::VARIABLE, "1"),
            false => command.env_remove(state::VARIABLE),
        };
        match self.make_data_dir(node)? {
            Some(data_dir) => command.env(DATA_DIR, data_dir),
            // One that the bench itself was given would be shared by all nodes.
            None => command.env_remove(DATA_DIR),
        };
        Ok(command)
    }

    /// Says to the simulated disk of a node what is wrong with it from now on, or that
    /// nothing is. Gives whether anything was ever written to that disk.
    ///
    /// # Errors
    /// A sentence, when the file that says so cannot be written or removed.
    pub fn set_disk_trouble(
        &self,
        node: &NodeId,
        trouble: Option<DiskTrouble>,
    ) -> Result<bool, String> {
        self.try_set_disk_trouble(node, trouble).map_err(|error| {
            format!("what is wrong with the disk of node {node} could not be written: {error}")
        })
    }

    fn try_set_disk_trouble(
        &self,
        node: &NodeId,
        trouble: Option<DiskTrouble>,
    ) -> std::io::Result<bool> {
        let Some(folder) = &self.data_dir else { return Ok(false) };
        let folder = folder.join(node.as_str());
        let file = folder.join(TROUBLE_FILE);
        match trouble {
            Some(trouble) => {
                // A node under the wall clock may look at any time.
                let new = file.with_extension("new");
                fs::write(&new, trouble.to_string())?;
                fs::rename(new, file)?;
            }
            None => match fs::remove_file(file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            },
        }
        let disk = match fs::File::open(folder.join(SIMULATED_DISK_FILE)) {
            Ok(disk) => disk,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut start = Vec::new();
        disk.take(RECORD_START_BYTES).read_to_end(&mut start)?;
        Ok(memchr::memmem::find(&start, b"\nappend ").is_some())
    }

    /// Makes the node's own data folder, if nodes get one.
    fn make_data_dir(&self, node: &NodeId) -> anyhow::Result<Option<PathBuf>> {
        let Some(folder) = &self.data_dir else { return Ok(None) };
        std::path::absolute(folder.join(node.as_str()))
            .and_then(|path| fs::create_dir_all(&path).map(|()| Some(path)))
            .with_context(|| format!("could not make a data directory for node {node}"))
    }

    /// Starts what [`ChildOptions::command`] made, as the leader of a new process group.
    fn spawn(
        &self,
        node: &NodeId,
        command: &mut Command,
        watchdog: Option<&Watchdog>,
    ) -> anyhow::Result<Group> {
        Group::spawn(command, watchdog).with_context(|| format!("could not start node {node}"))
    }
}

/// How much memory a process holds, by its number or `self`; 0 where nobody says.
pub fn resident_bytes(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}

fn require_file_name(node: &NodeId) -> anyhow::Result<()> {
    if Path::new(node.as_str()).file_name() != Some(node.as_str().as_ref()) {
        bail!("a node cannot be called {node:?}: its name is also that of a file");
    }
    Ok(())
}

/// The absolute path of a program that a user named. Symbolic links are kept: a program may
/// behave by the name it is called by, as those of a Python environment do.
///
/// # Errors
/// When there is no such file, or it is not a file, or not executable: one sentence that says
/// what to do.
pub fn resolve_program(bin: &Path) -> anyhow::Result<PathBuf> {
    let shown = bin.display();
    match fs::metadata(bin) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => bail!("{shown} is not a file: give the path of the node's program itself"),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "there is no program {shown}: build it first, and give its path (it is not looked \
             for in PATH)"
        ),
        Err(error) => {
            return Err(error).with_context(|| format!("could not look for the program {shown}"));
        }
    }
    if access(bin, Access::EXEC_OK).is_err() {
        bail!("{shown} is not executable: make it so with `chmod +x {shown}`");
    }
    std::path::absolute(bin).with_context(|| format!("could not tell where {shown} is"))
}
