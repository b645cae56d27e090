//! What tests with Jepsen judge besides single objects: transactions, logs, accounts, ids.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::transactions::{self, Database};
use crate::{Object, PROCESSES, Request};

/// How many logs there are.
const LOGS: usize = 10;
/// A poll shows so many messages of a log at most.
const POLLED: usize = 5;
/// How many accounts a bank has.
const ACCOUNTS: usize = 8;
/// Of long-fork, so many of the latest keys are read.
const READ_KEYS: usize = 20;
/// A key has so many subkeys, of those that are written one after the other.
const SUBKEYS: usize = 5;
/// So many rows are written to a table before the next is begun.
const ROWS: usize = 100;

/// Transactions over lists or registers.
pub struct Transactions {
    database: Database,
    /// What each process asks for.
    asked: Vec<Vec<transactions::Request>>,
}

impl Transactions {
    pub fn new(is_lists: bool) -> Transactions {
        let asked = vec![Vec::new(); PROCESSES];
        Transactions { database: Database::new(is_lists, false), asked }
    }
}

impl Object for Transactions {
    fn ask(&mut self, rng: &mut ChaCha8Rng, process: usize) -> Request {
        self.asked[process] = self.database.requests(rng);
        Request::new("txn", self.database.show(&self.asked[process]).to_string(), [0; 3])
    }

    fn answer(&mut self, rng: &mut ChaCha8Rng, process: usize, _: &Request) -> Option<String> {
        Some(self.database.execute(rng, &self.asked[process]).to_string())
    }
}

/// Logs of messages.
#[derive(Default)]
pub struct Logs {
    /// How many messages were asked to be sent to each.
    sent: [usize; LOGS],
    logs: [Vec<usize>; LOGS],
    /// How far each process has polled each.
    seen: [[usize; LOGS]; PROCESSES],
}

impl Object for Logs {
    fn ask(&mut self, rng: &mut ChaCha8Rng, _: usize) -> Request {
        if rng.random() {
            return Request::new("poll", "[[:poll]]", [0; 3]);
        }
        let key = rng.random_range(0..LOGS);
        self.sent[key] += 1;
        let message = self.sent[key];
        Request::new("send", format!("[[:send \"{key}\" {message}]]"), [key, message, 0])
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, process: usize, request: &Request) -> Option<String> {
        let [key, message, _] = request.numbers;
        if request.f == "send" {
            self.logs[key].push(message);
            return Some(format!("[[:send \"{key}\" [{} {message}]]]", self.logs[key].len() - 1));
        }
        let mut polled = String::new();
        for (key, log) in self.logs.iter().enumerate() {
            let from = self.seen[process][key];
            let to = log.len().min(from + POLLED);
            self.seen[process][key] = to;
            let records = (from..to).map(|offset| format!("[{offset} {}]", log[offset]));
            polled += &format!("\"{key}\" [{}] ", records.collect::<Vec<_>>().join(" "));
        }
        Some(format!("[[:poll {{{}}}]]", polled.trim_end()))
    }

    fn ask_last(&mut self) -> Option<Request> {
        let is_seen =
            |(key, log): (usize, &Vec<usize>)| self.seen.iter().any(|seen| seen[key] == log.len());
        let is_all_seen = self.logs.iter().enumerate().all(is_seen);
        (!is_all_seen).then(|| Request::new("poll", "[[:poll]]", [0; 3]))
    }
}

/// Money that is moved between accounts.
pub struct Bank {
    balances: [usize; ACCOUNTS],
}

impl Default for Bank {
    fn default() -> Bank {
        Bank { balances: [10; ACCOUNTS] }
    }
}

impl Object for Bank {
    fn ask(&mut self, rng: &mut ChaCha8Rng, _: usize) -> Request {
        if rng.random() {
            return Request::nil("read");
        }
        let [from, to] = [0; 2].map(|_| rng.random_range(0..ACCOUNTS));
        let amount = rng.random_range(1..=5);
        let argument = format!("{{:from {from}, :to {to}, :amount {amount}}}");
        Request::new("transfer", argument, [from, to, amount])
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        if request.f == "read" {
            let shown = |(name, held): (usize, &usize)| format!("{name} {held}");
            let shown: Vec<String> = self.balances.iter().enumerate().map(shown).collect();
            return Some(format!("{{{}}}", shown.join(", ")));
        }
        let [from, to, amount] = request.numbers;
        self.balances[from] = self.balances[from].checked_sub(amount)?;
        self.balances[to] += amount;
        Some(request.argument.clone())
    }
}

/// Keys of which each is written once; two that follow each other are read together.
#[derive(Default)]
pub struct Forks {
    is_written: Vec<bool>,
}

impl Object for Forks {
    fn ask(&mut self, rng: &mut ChaCha8Rng, _: usize) -> Request {
        let asked = self.is_written.len();
        if asked < 2 || rng.random() {
            self.is_written.push(false);
            return Request::new("write", format!("[[:w {asked} 1]]"), [asked, 0, 0]);
        }
        let group = rng.random_range(asked.saturating_sub(READ_KEYS)..asked) / 2;
        let [one, two] = [2 * group, 2 * group + 1];
        Request::new("read", format!("[[:r {one} nil] [:r {two} nil]]"), [one, two, 0])
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        let [one, two, _] = request.numbers;
        if request.f == "write" {
            self.is_written[one] = true;
            return Some(request.argument.clone());
        }
        let shown = |key| match self.is_written.get(key) {
            Some(true) => format!("[:r {key} 1]"),
            _ => format!("[:r {key} nil]"),
        };
        Some(format!("[{} {}]", shown(one), shown(two)))
    }
}

/// Numbers that are given out once.
#[derive(Default)]
pub struct Ids(usize);

impl Object for Ids {
    fn ask(&mut self, _: &mut ChaCha8Rng, _: usize) -> Request {
        Request::nil("generate")
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, _: &Request) -> Option<String> {
        self.0 += 1;
        Some(self.0.to_string())
    }
}

/// What is said comes back.
pub struct Echo;

impl Object for Echo {
    fn ask(&mut self, rng: &mut ChaCha8Rng, _: usize) -> Request {
        let text = format!("Please echo {}", rng.random_range(0..128));
        Request { extra: String::new(), ..Request::new("echo", format!("\"{text}\""), [0; 3]) }
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        Some(format!("{{:type \"echo_ok\", :echo {}}}", request.argument))
    }
}

/// Keys with subkeys, which are written in order and read from the last to the first.
#[derive(Default)]
pub struct Subkeys {
    asked: usize,
    /// How many subkeys of a key are written.
    written: Vec<usize>,
}

impl Object for Subkeys {
    fn ask(&mut self, rng: &mut ChaCha8Rng, _: usize) -> Request {
        if self.asked == 0 || rng.random() {
            let key = self.asked / SUBKEYS;
            self.asked += 1;
            self.written.resize(key + 1, 0);
            return Request::new("write", key.to_string(), [key, 0, 0]);
        }
        let keys = self.written.len();
        let key = rng.random_range(keys.saturating_sub(READ_KEYS)..keys);
        Request::new("read", format!("[{key} nil]"), [key, 0, 0])
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        let key = request.numbers[0];
        if request.f == "write" {
            self.written[key] += 1;
            return Some(request.argument.clone());
        }
        let shown = |subkey: usize| match subkey < self.written[key] {
            true => format!("\"{key}_{subkey}\""),
            false => "nil".to_string(),
        };
        let shown: Vec<String> = (0..SUBKEYS).rev().map(shown).collect();
        Some(format!("[{key} [{}]]", shown.join(" ")))
    }
}

/// Keys of which each has one client, which reads and writes them in turn.
pub struct Causal {
    /// Of each process: its key, and how many steps it has taken on it.
    keys: [(usize, usize); PROCESSES],
    next: usize,
    position: usize,
    last: [usize; PROCESSES],
}

impl Causal {
    /// A client reads the initial value, writes, reads, writes, reads.
    const STEPS: usize = 5;

    pub fn new() -> Causal {
        let keys = std::array::from_fn(|process| (process, 0));
        Causal { keys, next: PROCESSES, position: 0, last: [0; PROCESSES] }
    }
}

impl Object for Causal {
    fn ask(&mut self, _: &mut ChaCha8Rng, process: usize) -> Request {
        let (key, step) = self.keys[process];
        self.position += 1;
        let link = if step == 0 { ":init".to_string() } else { self.last[process].to_string() };
        let extra = format!(", :position {}, :link {link}", self.position);
        self.last[process] = self.position;
        self.keys[process] = (key, step + 1);
        if step + 1 == Causal::STEPS {
            self.keys[process] = (self.next, 0);
            self.next += 1;
        }
        // Reads and writes take turns.
        let written = step.div_ceil(2);
        let (f, argument) = match step {
            0 => ("read-init", format!("[{key} nil]")),
            _ if step % 2 == 1 => ("write", format!("[{key} {written}]")),
            _ => ("read", format!("[{key} nil]")),
        };
        Request { extra, ..Request::new(f, argument, [key, written, 0]) }
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        let [key, written, _] = request.numbers;
        Some(format!("[{key} {written}]"))
    }
}

/// Tables of which reads show all rows.
#[derive(Default)]
pub struct Tables {
    asked: usize,
    rows: Vec<Vec<usize>>,
}

impl Object for Tables {
    fn ask(&mut self, rng: &mut ChaCha8Rng, _: usize) -> Request {
        let table = self.asked / ROWS;
        self.rows.resize(table + 1, Vec::new());
        if rng.random_ratio(1, 10) {
            return Request::new("read", format!("[{table} nil]"), [table, 0, 0]);
        }
        self.asked += 1;
        Request::new("write", format!("[{table} {}]", self.asked), [table, self.asked, 0])
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        let [table, row, _] = request.numbers;
        if request.f == "write" {
            self.rows[table].push(row);
            return Some(request.argument.clone());
        }
        let rows: Vec<String> = self.rows[table].iter().map(usize::to_string).collect();
        Some(format!("[{table} #{{{}}}]", rows.join(" ")))
    }
}

/// Pairs of inserts of which one succeeds.
#[derive(Default)]
pub struct Inserts {
    asked: usize,
    is_inserted: Vec<bool>,
}

impl Object for Inserts {
    fn ask(&mut self, _: &mut ChaCha8Rng, _: usize) -> Request {
        let (key, id) = (self.asked / 2, self.asked);
        self.asked += 1;
        self.is_inserted.resize(key + 1, false);
        let ids = if id.is_multiple_of(2) { format!("[{id} nil]") } else { format!("[nil {id}]") };
        Request::new("insert", format!("[{key} {ids}]"), [key, id, 0])
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        let is_first = !std::mem::replace(&mut self.is_inserted[request.numbers[0]], true);
        is_first.then(|| request.argument.clone())
    }
}
