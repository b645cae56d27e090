//! Objects that must be linearizable, and sets and counters.

use std::collections::{BTreeSet, VecDeque};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::{Object, PROCESSES, Request};

/// Of so many operations on a set, one is a read, which shows the whole set.
const ADDITIONS_A_READ: usize = 50_000;
/// Registers hold so many different values.
const VALUES: usize = 5;
/// A multi-register has so many keys.
const KEYS: usize = 8;

/// A value of a register as EDN.
fn shown(value: Option<usize>) -> String {
    value.map_or("nil".to_string(), |value| value.to_string())
}

/// Registers that are read, written, and perhaps compared and set.
pub struct Registers {
    held: Vec<Option<usize>>,
    has_cas: bool,
    has_keys: bool,
}

impl Registers {
    pub fn one(has_cas: bool) -> Registers {
        Registers { held: vec![None], has_cas, has_keys: false }
    }

    pub fn keyed(keys: usize) -> Registers {
        Registers { held: vec![None; keys], has_cas: true, has_keys: true }
    }

    fn value(&self, key: usize, value: String) -> String {
        if self.has_keys { format!("[{key} {value}]") } else { value }
    }
}

impl Object for Registers {
    fn ask(&mut self, rng: &mut ChaCha8Rng, _: usize) -> Request {
        let key = rng.random_range(0..self.held.len());
        let (one, other) = (rng.random_range(0..VALUES), rng.random_range(0..VALUES));
        let (f, argument) = match rng.random_range(0..3) {
            0 => ("read", "nil".to_string()),
            1 if self.has_cas => ("cas", format!("[{one} {other}]")),
            _ => ("write", one.to_string()),
        };
        Request::new(f, self.value(key, argument), [key, one, other])
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        let [key, one, other] = request.numbers;
        match request.f {
            "read" => return Some(self.value(key, shown(self.held[key]))),
            "cas" if self.held[key] != Some(one) => return None,
            "cas" => self.held[key] = Some(other),
            _ => self.held[key] = Some(one),
        }
        Some(request.argument.clone())
    }
}

/// Registers of which one operation reads and writes several.
#[derive(Default)]
pub struct MultiRegister {
    held: [Option<usize>; KEYS],
}

impl Object for MultiRegister {
    fn ask(&mut self, rng: &mut ChaCha8Rng, _: usize) -> Request {
        let [read, written] = [0; 2].map(|_| rng.random_range(0..KEYS));
        let value = rng.random_range(0..VALUES);
        let argument = format!("[[:read {read} nil] [:write {written} {value}]]");
        Request::new("txn", argument, [read, written, value])
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        let [read, written, value] = request.numbers;
        let seen = shown(self.held[read]);
        self.held[written] = Some(value);
        Some(format!("[[:read {read} {seen}] [:write {written} {value}]]"))
    }
}

/// A lock that one client holds, perhaps several times; each holder has a greater fence.
pub struct Lock {
    limit: usize,
    names_clients: bool,
    holder: Option<(usize, usize)>,
    fence: usize,
    /// How often each process holds it, so far as it knows, or will if it is told so.
    held: [usize; PROCESSES],
}

impl Lock {
    pub fn new(limit: usize, names_clients: bool) -> Lock {
        Lock { limit, names_clients, holder: None, fence: 0, held: [0; PROCESSES] }
    }
}

impl Object for Lock {
    fn ask(&mut self, rng: &mut ChaCha8Rng, process: usize) -> Request {
        let held = self.held[process];
        let acquires = held == 0 || held < self.limit && rng.random();
        let f = if acquires { "acquire" } else { "release" };
        match self.names_clients {
            true => Request::new(f, format!("{{:client {process}}}"), [0; 3]),
            false => Request::nil(f),
        }
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, process: usize, request: &Request) -> Option<String> {
        let (holder, count) = self.holder.unwrap_or((process, 0));
        if request.f == "release" {
            self.holder = Some((holder, count - 1)).filter(|(_, count)| *count > 0);
            self.held[process] -= 1;
            return Some(request.argument.clone());
        }
        if holder != process {
            return None;
        }
        self.fence += usize::from(count == 0);
        self.holder = Some((process, count + 1));
        self.held[process] += 1;
        Some(match self.names_clients {
            true => format!("{{:client {process}, :fence {}}}", self.fence),
            false => "nil".into(),
        })
    }
}

/// A lock that one writer holds, or many readers.
#[derive(Default)]
pub struct ReadWriteLock {
    readers: [bool; PROCESSES],
    writer: Option<usize>,
}

impl Object for ReadWriteLock {
    fn ask(&mut self, rng: &mut ChaCha8Rng, process: usize) -> Request {
        Request::nil(match (self.writer == Some(process), self.readers[process]) {
            (true, _) => "release-write",
            (_, true) => "release-read",
            _ if rng.random_ratio(1, 4) => "acquire-write",
            _ => "acquire-read",
        })
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, process: usize, request: &Request) -> Option<String> {
        match request.f {
            "release-write" => self.writer = None,
            "release-read" => self.readers[process] = false,
            _ if self.writer.is_some() => return None,
            "acquire-write" if self.readers.contains(&true) => return None,
            "acquire-write" => self.writer = Some(process),
            _ => self.readers[process] = true,
        }
        Some("nil".into())
    }
}

/// In which order elements leave a queue.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// The first that joined.
    Fifo,
    /// The last that joined.
    Last,
    /// The least.
    Least,
    /// Any.
    Any,
    /// Any, and all of them in the end.
    Drained,
}

/// Elements that join and leave.
pub struct Queue {
    kind: Kind,
    put: &'static str,
    take: &'static str,
    asked: usize,
    held: VecDeque<usize>,
    /// For the least: what is there, in order.
    sorted: BTreeSet<usize>,
}

impl Queue {
    pub fn new(kind: Kind, put: &'static str, take: &'static str) -> Queue {
        Queue { kind, put, take, asked: 0, held: VecDeque::new(), sorted: BTreeSet::new() }
    }

    fn take(&mut self, rng: &mut ChaCha8Rng) -> Option<usize> {
        match self.kind {
            Kind::Fifo => self.held.pop_front(),
            Kind::Last => self.held.pop_back(),
            Kind::Least => self.sorted.pop_first(),
            Kind::Any | Kind::Drained if self.held.is_empty() => None,
            Kind::Any | Kind::Drained => {
                let place = rng.random_range(0..self.held.len());
                self.held.swap_remove_back(place)
            }
        }
    }
}

impl Object for Queue {
    fn ask(&mut self, rng: &mut ChaCha8Rng, _: usize) -> Request {
        if rng.random() {
            return Request::nil(self.take);
        }
        self.asked += 1;
        // The least comes in any order, and none twice.
        let element = match self.kind {
            Kind::Least => self.asked + (rng.random_range(0..1_000) << 32),
            _ => self.asked,
        };
        Request::new(self.put, element.to_string(), [element, 0, 0])
    }

    fn answer(&mut self, rng: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        if request.f == self.put {
            match self.kind {
                Kind::Least => _ = self.sorted.insert(request.numbers[0]),
                _ => self.held.push_back(request.numbers[0]),
            }
            return Some(request.argument.clone());
        }
        match self.take(rng) {
            Some(element) => Some(element.to_string()),
            // Only where order counts can a queue be seen to be empty.
            None if matches!(self.kind, Kind::Any | Kind::Drained) => None,
            None => Some("nil".into()),
        }
    }

    fn ask_last(&mut self) -> Option<Request> {
        let is_left = self.kind == Kind::Drained && !self.held.is_empty();
        is_left.then(|| Request::nil(self.take))
    }
}

/// A set of which reads, and there are few, show all elements.
pub struct Whole {
    put: &'static str,
    /// `[` for a vector, `#` for a set.
    bracket: char,
    asked: usize,
    held: Vec<usize>,
    is_read: bool,
}

impl Whole {
    pub fn new(put: &'static str, bracket: char) -> Whole {
        Whole { put, bracket, asked: 0, held: Vec::new(), is_read: false }
    }
}

impl Object for Whole {
    fn ask(&mut self, _: &mut ChaCha8Rng, _: usize) -> Request {
        self.asked += 1;
        if self.asked.is_multiple_of(ADDITIONS_A_READ) {
            return Request::nil("read");
        }
        Request::new(self.put, self.asked.to_string(), [self.asked, 0, 0])
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        if request.f == self.put {
            self.held.push(request.numbers[0]);
            return Some(request.argument.clone());
        }
        let held: Vec<String> = self.held.iter().map(usize::to_string).collect();
        let (open, close) = if self.bracket == '[' { ("[", "]") } else { ("#{", "}") };
        Some(format!("{open}{}{close}", held.join(" ")))
    }

    fn ask_last(&mut self) -> Option<Request> {
        (!std::mem::replace(&mut self.is_read, true)).then(|| Request::nil("read"))
    }
}

/// A counter.
pub struct Sum {
    /// The most that is added at once; if it is negative, so may be what is added.
    most: i64,
    held: i64,
    is_read: bool,
}

impl Sum {
    pub fn new(most: i64) -> Sum {
        Sum { most, held: 0, is_read: false }
    }
}

impl Object for Sum {
    fn ask(&mut self, rng: &mut ChaCha8Rng, _: usize) -> Request {
        if rng.random() {
            return Request::nil("read");
        }
        let delta = rng.random_range(self.most.min(0)..=self.most.abs());
        Request::new("add", delta.to_string(), [0; 3])
    }

    fn answer(&mut self, _: &mut ChaCha8Rng, _: usize, request: &Request) -> Option<String> {
        if request.f == "read" {
            return Some(self.held.to_string());
        }
        self.held += request.argument.parse::<i64>().expect("it is a number");
        Some(request.argument.clone())
    }

    fn ask_last(&mut self) -> Option<Request> {
        let extra = ", :final? true".into();
        let read = || Request { extra, ..Request::nil("read") };
        (!std::mem::replace(&mut self.is_read, true)).then(read)
    }
}
