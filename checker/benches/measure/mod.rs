//! Runs a program on a file, and tells its time and its memory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// Linux counts processor time in such parts of a second.
const TICKS_A_SECOND: f64 = 100.0;

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
    /// Of all its threads together, in hundredths: what else the machine does matters less to it.
    pub cpu_seconds: f64,
    /// The first words that it printed. The second is the verdict.
    pub words: Vec<String>,
    /// The most memory that it had.
    pub peak_mib: u64,
}

impl Run {
    /// Runs a program on a history; `None` when it takes too long.
    pub fn of(
        program: &Path,
        arguments: &[&str],
        path: &Path,
        patience: Duration,
    ) -> anyhow::Result<Option<Run>> {
        let mut child = Command::new(program)
            .args(arguments)
            .arg(path)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not run {}", program.display()))?;
        // It may print more than a pipe holds.
        let mut out = child.stdout.take().expect("it is piped");
        let reading = std::thread::spawn(move || std::io::read_to_string(&mut out));
        let (start, mut peak_mib, mut cpu_seconds) = (Instant::now(), 0, 0.0);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            // Of a process that is gone nothing can be read any more.
            peak_mib = peak_mib.max(peak_memory_mib(child.id()));
            cpu_seconds = cpu_seconds_of(child.id()).max(cpu_seconds);
            if start.elapsed() > patience {
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
        let out = reading.join().expect("reading does not panic")?;
        let words: Vec<String> = out.split_whitespace().take(3).map(str::to_lowercase).collect();
        let first = words.first().context("it printed nothing")?;
        let seconds = first.parse().unwrap_or(wall_seconds);
        Ok(Some(Run { seconds, wall_seconds, cpu_seconds, words, peak_mib }))
    }
}

/// The same for a program that has a single core; nothing where there is no `taskset`.
pub fn on_one_core(
    program: &Path,
    arguments: &[&str],
    path: &Path,
    patience: Duration,
) -> anyhow::Result<Option<Run>> {
    let program = program.to_str().context("the program has an odd path")?;
    let arguments = [&["-c", "0", program], arguments].concat();
    Ok(Run::of(Path::new("taskset"), &arguments, path, patience).ok().flatten())
}

/// The most memory that a process ever had, in MiB; 0 where the system does not say.
fn peak_memory_mib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    peak.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// The processor time that a process has had; 0 where the system does not say.
fn cpu_seconds_of(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in parentheses may have spaces; the time for itself and in the kernel are the 12th
    // and the 13th word behind it.
    let behind_name = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
}
