//! The sweep of nodes that are inside their test program: that program does the work, and this
//! watches over it, starts it again when a node has ended it, and ends it with the bench.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

use super::super::terminal;
use super::{Asked, Display, Failed, Variant};
use crate::sweep::plan::digest;
use crate::sweep::work::BLOCK;
use crate::sweep::worker::{GivenUp, ORDER_VARIABLE, Order, Progress, Said, tested_node};

/// How often it is looked whether the user wants an end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a program may take to end when the user wants an end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of what a program says on stderr the end is kept.
const STDERR_BYTES: usize = 2000;

/// Sweeps these programs, one after the other; says whether all of it is done.
pub(super) fn sweep(
    asked: &Asked,
    variants: &[Variant],
    display: &mut Display,
) -> Result<bool, Failed> {
    let mut cases = Vec::new();
    for program in &asked.flags.in_process {
        let bytes = crate::child::resolve_program(program)
            .and_then(|_| Ok(std::fs::read(program)?))
            .map_err(|error| Failed::Arguments(format!("{error:#}")))?;
        let digest = digest(&bytes);
        drop(bytes);
        let tests = simulations(program).map_err(Failed::Arguments)?;
        let before = cases.len();
        for Simulation { test, node, name } in &tests {
            let whole = format!("{node}.{name}");
            let is_asked = |asked: &String| asked == name || *asked == whole;
            if !asked.flags.simulation.iter().any(is_asked) {
                continue;
            }
            for variant in variants {
                let order = order(asked, node, &digest, name, variant);
                cases.push((program, test.clone(), order));
            }
        }
        // With several programs, not all have every simulation.
        if cases.len() == before && asked.flags.in_process.len() == 1 {
            let names: Vec<String> =
                tests.iter().map(|it| format!("{}.{}", it.node, it.name)).collect();
            return Err(Failed::Arguments(format!(
                "{} has no simulated test {}: name some with --simulation, of {}",
                program.display(),
                asked.flags.simulation.join(", "),
                names.join(", ")
            )));
        }
    }
    if cases.is_empty() {
        let names = asked.flags.simulation.join(", ");
        return Err(Failed::Arguments(format!("no program has a simulated test {names}")));
    }
    let interrupted = terminal::interrupted().map_err(|error| Failed::Broken(error.to_string()))?;
    for (program, test, order) in cases {
        if !sweep_case(program, &test, order, asked.flags.jobs, &interrupted, display)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A test in a test program.
struct Simulation {
    /// Its whole name: `lin_kv::tests::sim`.
    test: String,
    /// Whose it is: `lin-kv`.
    node: String,
    /// The end of its name: `sim`.
    name: String,
}

/// The tests in a test program.
fn simulations(program: &Path) -> Result<Vec<Simulation>, String> {
    let no_test_program = || {
        format!(
            "{} is no test program of a node: `make sweep-nodes` makes those of this repository. \
             For any other program that speaks lockstep there is --bin",
            program.display()
        )
    };
    let path = std::path::absolute(program).map_err(|error| error.to_string())?;
    let listed = Command::new(path)
        .arg("--list")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let file = program.file_name().unwrap_or_default().to_string_lossy();
    let simulation = |test: &str| Simulation {
        test: test.to_owned(),
        node: tested_node(program, test).unwrap_or_else(|| file.clone().into_owned()),
        name: test.rsplit("::").next().unwrap_or_default().to_owned(),
    };
    let tests = text.lines().filter_map(|line| line.strip_suffix(": test"));
    let tests: Vec<Simulation> = tests.map(simulation).collect();
    if tests.is_empty() { Err(no_test_program()) } else { Ok(tests) }
}

fn order(asked: &Asked, node: &str, digest: &str, simulation: &str, variant: &Variant) -> Order {
    let mut flags = asked.given.clone();
    if let Some(fault) = variant.fault {
        flags.retain(|(flag, _)| flag != "--nemesis");
        flags.push(("--nemesis".into(), fault.name().into()));
    }
    // A number of nodes also says how many clients there are, unless that is given.
    flags.sort_by_key(|(flag, _)| !flag.starts_with("--node"));
    Order {
        program: node.to_owned(),
        digest: digest.into(),
        simulation: simulation.into(),
        variant: variant.name(),
        flags,
        allowed: asked.flags.allow.clone(),
        seeds: asked.seeds,
        shard: asked.flags.shard,
        out: std::path::absolute(asked.out).unwrap_or_else(|_| asked.out.to_owned()),
        seed_limit_secs: asked.flags.seed_limit,
        memory_bytes: asked.flags.memory << 20,
        alone_until: 0,
        given_up: Vec::new(),
    }
}

/// How a worker ended.
enum End {
    /// In order: whether every seed is done.
    Over(bool),
    /// It cannot go on: a sentence.
    Broken(String),
    /// A seed ended it, or nobody knows what.
    Died {
        /// The seed, where it is known.
        seed: Option<u64>,
        kind: &'static str,
        sentence: String,
    },
}

fn sweep_case(
    program: &Path,
    test: &str,
    mut order: Order,
    jobs: Option<usize>,
    interrupted: &AtomicBool,
    display: &mut Display,
) -> Result<bool, Failed> {
    let mut progress = Progress::default();
    loop {
        let (was_alone, next_before) = (order.alone_until > progress.next, progress.next);
        let worker = Worker::start(program, test, &order, jobs).map_err(Failed::Broken)?;
        match worker.follow(interrupted, &mut progress, display) {
            End::Over(is_whole) => {
                display.end_case(&progress);
                return Ok(is_whole);
            }
            End::Broken(sentence) => return Err(Failed::Broken(sentence)),
            End::Died { .. } if interrupted.load(Ordering::Relaxed) => {
                display.end_case(&progress);
                return Ok(false);
            }
            End::Died { seed: Some(seed), kind, sentence } => {
                order.given_up.push(GivenUp { seed, kind: kind.into(), sentence });
            }
            // Many seeds ran at the same time: one of the next block did it.
            End::Died { seed: None, sentence, .. } => {
                let is_stuck = was_alone && progress.next == next_before;
                if is_stuck || progress.case.is_empty() {
                    return Err(Failed::Broken(sentence));
                }
                order.alone_until = progress.next.saturating_add(BLOCK);
            }
        }
    }
}

struct Worker {
    child: Child,
    said: Receiver<Said>,
    stderr: std::thread::JoinHandle<String>,
}

impl Worker {
    fn start(
        program: &Path,
        test: &str,
        order: &Order,
        jobs: Option<usize>,
    ) -> Result<Worker, String> {
        let shown = program.display();
        let path = std::path::absolute(program).map_err(|error| error.to_string())?;
        let mut command = Command::new(path);
        command
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(ORDER_VARIABLE, serde_json::to_string(order).expect("it is plain data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for the bench, which ends it in order.
            .process_group(0);
        if let Some(jobs) = jobs {
            command.env("RAYON_NUM_THREADS", jobs.to_string());
        }
        let mut child =
            command.spawn().map_err(|error| format!("{shown} cannot be run: {error}"))?;
        let (stdout, mut stderr) =
            (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let (sender, said) = channel();
        spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Test programs say other things, too.
                if let Ok(said) = serde_json::from_str(&line)
                    && sender.send(said).is_err()
                {
                    return;
                }
            }
        });
        let stderr = spawn(move || {
            let (mut kept, mut bytes) = (Vec::new(), [0; 4096]);
            while let Ok(count @ 1..) = stderr.read(&mut bytes) {
                kept.extend_from_slice(&bytes[..count]);
                let surplus = kept.len().saturating_sub(STDERR_BYTES);
                kept.drain(..surplus);
            }
            String::from_utf8_lossy(&kept).trim().to_owned()
        });
        Ok(Worker { child, said, stderr })
    }

    /// Listens to the worker until it ends, and shows how far it is.
    fn follow(
        mut self,
        interrupted: &AtomicBool,
        progress: &mut Progress,
        display: &mut Display,
    ) -> End {
        let mut stdin = self.child.stdin.take();
        let (mut begun, mut ended, mut patience) = (None, None, None);
        loop {
            match self.said.recv_timeout(LOOK_EVERY) {
                Ok(Said::Progress(said)) => {
                    display.show(&said);
                    *progress = said;
                }
                Ok(Said::Begins(seed)) => begun = seed,
                Ok(said) => ended = Some(said),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if interrupted.load(Ordering::Relaxed) {
                // Its stdin ends: it stops, and writes down what is done. A seed that hangs must
                // not keep anybody waiting.
                stdin.take();
                let until = *patience.get_or_insert_with(|| Instant::now() + PATIENCE);
                if Instant::now() >= until {
                    self.child.kill().ok();
                }
            }
        }
        let status = self.child.wait();
        let stderr = self.stderr.join().unwrap_or_default();
        match ended {
            Some(Said::Over(is_whole)) => End::Over(is_whole),
            Some(Said::Broken(sentence)) => End::Broken(sentence),
            Some(Said::Hangs(seed)) => End::Died {
                seed: Some(seed),
                kind: "hangs",
                sentence: "the run took more real time than a seed may take".into(),
            },
            Some(Said::Grew) => End::Died {
                seed: begun,
                kind: "grows",
                sentence: "the program held more memory than it may".into(),
            },
            _ => {
                let status = status.map_or_else(|error| error.to_string(), |it| it.to_string());
                let said = if stderr.is_empty() { stderr } else { format!(": {stderr}") };
                let sentence = format!("the program ended with {status}{said}");
                End::Died { seed: begun, kind: "crashes", sentence }
            }
        }
    }
}
