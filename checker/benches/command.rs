//! What `maelstrom check` takes, as a user runs it: `cargo bench -p checker --bench command`.
//!
//! A million operations of ten clients of a correct object, of each kind but transactions, which
//! `elle` measures. `command` is the time and the peak of memory of the program, if it has been
//! built beside this one (`make bench` does that), and `cpu` the processor time of all its threads;
//! `one core` is the time that it takes with a single core. `parse` is reading the file alone,
//! into operations that are dropped at once, and part of it.
//!
//! Each case runs in a process of its own, so that its peak of memory can be told.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark times real processes and prints what it finds"
)]

mod measure;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use checker::history::{Batch, Parser};
use measure::{Run, command, seconds_on_one_core};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const OPERATIONS: usize = 1_000_000;
const PROCESSES: usize = 10;
/// How many keys lin-kv has, and kafka.
const KEYS: [usize; 2] = [10_000, 10];
/// Of so many operations on a set, one is a read, which shows the whole set.
const ADDITIONS_A_READ: usize = 50_000;
/// A poll shows so many messages of a log at most.
const POLLED: usize = 5;

/// How many accounts a bank has.
const ACCOUNTS: usize = 8;
/// Of long-fork, so many of the latest keys are read.
const READ_KEYS: usize = 20;

/// The argument with which this program only reads a history.
const PARSE: &str = "__parse";
/// The argument with which it only writes the history of a case.
const GENERATE: &str = "generate";

/// A file is read in pieces of this size.
const PIECE_BYTES: usize = 1 << 18;

/// By name, what `check` is told, and the object.
type Case = (&'static str, [&'static str; 2], fn() -> Object);

const CASES: [Case; 7] = [
    ("cas-register", ["--model", "cas-register"], || Object::Registers(vec![None], false)),
    ("lin-kv", ["-w", "lin-kv"], || Object::Registers(vec![None; KEYS[0]], true)),
    ("g-set", ["-w", "g-set"], || Object::Set { asked: 0, held: Vec::new() }),
    ("kafka", ["-w", "kafka"], || Object::Logs {
        sent: vec![0; KEYS[1]],
        logs: vec![Vec::new(); KEYS[1]],
        seen: vec![[0; KEYS[1]]; PROCESSES],
    }),
    ("fifo-queue", ["--model", "fifo-queue"], || Object::Queue { asked: 0, held: VecDeque::new() }),
    ("bank", ["--model", "bank"], || Object::Bank { balances: [10; ACCOUNTS] }),
    ("long-fork", ["--model", "long-fork"], || Object::Forks { asked: 0, is_written: Vec::new() }),
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [PARSE, path] => return parse(Path::new(path)),
        [GENERATE, name, path] => {
            let case = CASES.iter().find(|(case, ..)| case == name).context("no such case")?;
            return generate(case.2(), Path::new(path));
        }
        _ => {}
    }
    let command = command();
    if command.is_none() {
        println!("the command is left out: it is not built in this profile");
    }
    println!(
        "{:12} {:>8}  {:>9} {:>8} {:>10} {:>8}  verdict",
        "", "parse s", "command s", "cpu s", "one core s", "peak MiB"
    );
    for (name, arguments, object) in CASES {
        let file = tempfile::NamedTempFile::new()?;
        generate(object(), file.path())?;
        let parsed = Run::of(&std::env::current_exe()?, &[PARSE], file.path())?;
        let parsed = parsed.context("reading took more than a minute")?;
        print!("{name:12} {:>8.3} ", parsed.seconds);
        match &command {
            None => println!(),
            Some(command) => measure_command(command, arguments, file.path())?,
        }
    }
    Ok(())
}

/// The rest of a row: the command as it is, and with a single core.
fn measure_command(command: &Path, options: [&str; 2], file: &Path) -> anyhow::Result<()> {
    let arguments = ["check", options[0], options[1]];
    let Some(whole) = Run::of(command, &arguments, file)? else {
        println!(" {:>9}", "> 60");
        return Ok(());
    };
    let alone = seconds_on_one_core(command, &arguments, file)?;
    let Run { wall_seconds, cpu_seconds, peak_mib, words, .. } = whole;
    let verdict = &words[1];
    println!(" {wall_seconds:>9.3} {cpu_seconds:>8.2} {alone:>10} {peak_mib:>8}  {verdict}");
    Ok(())
}

/// This program, as a child: reads a history piece by piece.
fn parse(path: &Path) -> anyhow::Result<()> {
    let mut file = File::open(path)?;
    let (mut parser, mut batch) = (Parser::default(), Batch::default());
    let mut piece = vec![0; PIECE_BYTES];
    let mut parsing = Duration::ZERO;
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            break;
        }
        let start = Instant::now();
        batch.clear();
        parser.feed(&piece[..length], &mut batch).map_err(anyhow::Error::msg)?;
        parsing += start.elapsed();
    }
    println!("{}", parsing.as_secs_f64());
    Ok(())
}

/// A correct object.
enum Object {
    /// Registers that are read, written, compared and set; and whether they have keys.
    Registers(Vec<Option<u32>>, bool),
    Set {
        asked: usize,
        held: Vec<usize>,
    },
    Queue {
        asked: usize,
        held: VecDeque<usize>,
    },
    Logs {
        /// How many messages were asked to be sent to each.
        sent: Vec<usize>,
        logs: Vec<Vec<usize>>,
        /// How far each process has polled each.
        seen: Vec<[usize; KEYS[1]]>,
    },
    Bank {
        balances: [i64; ACCOUNTS],
    },
    /// Keys of which each is written once; two that follow each other are read together.
    Forks {
        asked: usize,
        is_written: Vec<bool>,
    },
}

/// What is asked for: the function, its argument as EDN, and as numbers.
#[derive(Clone)]
struct Request {
    f: &'static str,
    argument: String,
    numbers: [usize; 3],
}

impl Object {
    fn ask(&mut self, rng: &mut ChaCha8Rng) -> Request {
        let request = |f, argument, numbers| Request { f, argument, numbers };
        match self {
            Object::Registers(held, has_keys) => {
                let key = rng.random_range(0..held.len());
                let (one, other) = (rng.random_range(0..5), rng.random_range(0..5));
                let (f, argument) = match rng.random_range(0..3) {
                    0 => ("read", "nil".to_string()),
                    1 => ("write", one.to_string()),
                    _ => ("cas", format!("[{one} {other}]")),
                };
                let argument = if *has_keys { format!("[{key} {argument}]") } else { argument };
                request(f, argument, [key, one, other])
            }
            Object::Set { asked, .. } => {
                *asked += 1;
                if asked.is_multiple_of(ADDITIONS_A_READ) {
                    request("read", "nil".into(), [0; 3])
                } else {
                    request("add", asked.to_string(), [*asked, 0, 0])
                }
            }
            Object::Queue { asked, .. } if rng.random() => {
                *asked += 1;
                request("enqueue", asked.to_string(), [*asked, 0, 0])
            }
            Object::Queue { .. } => request("dequeue", "nil".into(), [0; 3]),
            Object::Logs { sent, .. } if rng.random() => {
                let key = rng.random_range(0..KEYS[1]);
                sent[key] += 1;
                let argument = format!("[[:send \"{key}\" {}]]", sent[key]);
                request("send", argument, [key, sent[key], 0])
            }
            Object::Logs { .. } => request("poll", "[[:poll]]".into(), [0; 3]),
            Object::Bank { .. } if rng.random() => request("read", "nil".into(), [0; 3]),
            Object::Bank { .. } => {
                let (from, to) = (rng.random_range(0..ACCOUNTS), rng.random_range(0..ACCOUNTS));
                let amount = rng.random_range(1..=5);
                let argument = format!("{{:from {from}, :to {to}, :amount {amount}}}");
                request("transfer", argument, [from, to, amount])
            }
            Object::Forks { asked, is_written } if *asked < 2 || rng.random() => {
                let key = *asked;
                *asked += 1;
                is_written.push(false);
                request("write", format!("[[:w {key} 1]]"), [key, 0, 0])
            }
            Object::Forks { asked, .. } => {
                let group = rng.random_range(asked.saturating_sub(READ_KEYS)..*asked) / 2;
                let keys = [2 * group, 2 * group + 1];
                let argument = format!("[[:r {} nil] [:r {} nil]]", keys[0], keys[1]);
                request("read", argument, [keys[0], keys[1], 0])
            }
        }
    }

    /// The result as EDN; `None` when the operation fails.
    fn answer(&mut self, process: usize, request: &Request) -> Option<String> {
        let [one, two, three] = request.numbers;
        match (self, request.f) {
            (Object::Registers(held, has_keys), "read") => {
                let value = held[one].map_or("nil".to_string(), |value| value.to_string());
                Some(if *has_keys { format!("[{one} {value}]") } else { value })
            }
            (Object::Registers(held, _), f) => {
                if f == "cas" && held[one] != Some(two as u32) {
                    return None;
                }
                held[one] = Some(if f == "cas" { three as u32 } else { two as u32 });
                Some(request.argument.clone())
            }
            (Object::Set { held, .. }, "add") => {
                held.push(one);
                Some(request.argument.clone())
            }
            (Object::Set { held, .. }, _) => {
                let held: Vec<String> = held.iter().map(usize::to_string).collect();
                Some(format!("[{}]", held.join(" ")))
            }
            (Object::Queue { held, .. }, "enqueue") => {
                held.push_back(one);
                Some(request.argument.clone())
            }
            (Object::Queue { held, .. }, _) => {
                Some(held.pop_front().map_or("nil".to_string(), |element| element.to_string()))
            }
            (Object::Logs { logs, .. }, "send") => {
                logs[one].push(two);
                Some(format!("[[:send \"{one}\" [{} {two}]]]", logs[one].len() - 1))
            }
            (Object::Logs { logs, seen, .. }, _) => {
                let mut polled = String::new();
                for (key, log) in logs.iter().enumerate() {
                    let from = seen[process][key];
                    let to = log.len().min(from + POLLED);
                    seen[process][key] = to;
                    let records = (from..to).map(|offset| format!("[{offset} {}]", log[offset]));
                    let records: Vec<String> = records.collect();
                    polled += &format!("\"{key}\" [{}] ", records.join(" "));
                }
                Some(format!("[[:poll {{{}}}]]", polled.trim_end()))
            }
            (Object::Bank { balances }, "read") => {
                let shown =
                    balances.iter().enumerate().map(|(name, held)| format!("{name} {held}"));
                Some(format!("{{{}}}", shown.collect::<Vec<_>>().join(", ")))
            }
            (Object::Bank { balances }, _) => {
                let amount = i64::try_from(three).expect("it is small");
                if balances[one] < amount {
                    return None;
                }
                balances[one] -= amount;
                balances[two] += amount;
                Some(request.argument.clone())
            }
            (Object::Forks { is_written, .. }, "write") => {
                is_written[one] = true;
                Some(request.argument.clone())
            }
            (Object::Forks { is_written, .. }, _) => {
                let is_written = |key: usize| is_written.get(key) == Some(&true);
                let shown =
                    |key| format!("[:r {key} {}]", if is_written(key) { "1" } else { "nil" });
                Some(format!("[{} {}]", shown(one), shown(two)))
            }
        }
    }

    /// Whether nothing is left that somebody should see.
    fn is_seen(&self) -> bool {
        let Object::Logs { logs, seen, .. } = self else { return true };
        logs.iter().enumerate().all(|(key, log)| seen.iter().any(|seen| seen[key] == log.len()))
    }
}

/// A process that runs an operation: the request, and the answer once there is one.
type Running = Option<(Request, Option<Option<String>>)>;

/// Writes a history in which each operation takes effect at one moment of its time.
fn generate(mut object: Object, path: &Path) -> anyhow::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut out = BufWriter::new(File::create(path)?);
    let mut index = 0;
    let mut write = |process: usize, kind: &str, f: &str, value: &str| {
        let time = index * 1000;
        index += 1;
        writeln!(
            out,
            "{{:process {process}, :type :{kind}, :f :{f}, :value {value}, :index {}, \
             :time {time}}}",
            index - 1
        )
    };
    let mut running: Vec<Running> = vec![None; PROCESSES];
    let (mut begun, mut ended) = (0, 0);
    while ended < OPERATIONS {
        let process = rng.random_range(0..PROCESSES);
        match running[process].take() {
            None if begun == OPERATIONS => {}
            None => {
                begun += 1;
                let request = object.ask(&mut rng);
                write(process, "invoke", request.f, &request.argument)?;
                running[process] = Some((request, None));
            }
            Some((request, None)) => {
                let answer = object.answer(process, &request);
                running[process] = Some((request, Some(answer)));
            }
            Some((request, Some(answer))) => {
                ended += 1;
                match answer {
                    Some(answer) => write(process, "ok", request.f, &answer)?,
                    None => write(process, "fail", request.f, &request.argument)?,
                }
            }
        }
    }
    // What was sent last is polled at the end.
    while !object.is_seen() {
        let argument = "[[:poll]]";
        let request = Request { f: "poll", argument: argument.into(), numbers: [0; 3] };
        write(0, "invoke", request.f, argument)?;
        let answer = object.answer(0, &request).expect("a poll succeeds");
        write(0, "ok", request.f, &answer)?;
    }
    Ok(())
}
