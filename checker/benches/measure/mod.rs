//! Runs a program on a file, and tells its time and its memory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// No program may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bench's program, which lies two folders above this one.
pub fn command() -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?;
    let command = this.parent()?.parent()?.join("maelstrom");
    command.is_file().then_some(command)
}

/// What one process has found.
pub struct Run {
    /// As it says itself, if it does; else from its start to its end.
    pub seconds: f64,
    /// From its start to its end.
    pub wall_seconds: f64,
    /// The second word that it printed.
    pub verdict: String,
    /// The most memory that it had.
    pub peak_mib: u64,
}

impl Run {
    /// Runs a program on a history; `None` when it takes too long.
    pub fn of(program: &Path, arguments: &[&str], path: &Path) -> anyhow::Result<Option<Run>> {
        let mut child = Command::new(program)
            .args(arguments)
            .arg(path)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not run {}", program.display()))?;
        let (start, mut peak_mib) = (Instant::now(), 0);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            // The peak of a process that is gone cannot be read any more.
            peak_mib = peak_mib.max(peak_memory_mib(child.id()));
            if start.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let wall_seconds = start.elapsed().as_secs_f64();
        // 1 is the verdict of a history with anomalies.
        let is_done = matches!(status.code(), Some(0 | 1));
        ensure!(is_done, "{} failed: {status}", program.display());
        let out = std::io::read_to_string(child.stdout.take().expect("it is piped"))?;
        let mut words = out.split_whitespace();
        let seconds = words.next().context("it printed nothing")?.parse().unwrap_or(wall_seconds);
        let verdict = words.next().unwrap_or_default().to_lowercase();
        Ok(Some(Run { seconds, wall_seconds, verdict, peak_mib }))
    }
}

/// The most memory that a process ever had, in MiB; 0 where the system does not say.
fn peak_memory_mib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    peak.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) / 1024
}
