//! Locks that know who holds them: with fencing tokens, reentrant, and for readers and writers.
//!
//! | model | operations | rule |
//! |---|---|---|
//! | `owner-mutex` | `acquire`, `release` | one client holds it, once; only it releases |
//! | `reentrant-mutex` | `acquire`, `release` | one client holds it, so often as it acquired it |
//! | `fenced-mutex` | `acquire`, `release` | as `owner-mutex`; a later holder's fence is greater |
//! | `reentrant-fenced-mutex` | `acquire`, `release` | as `reentrant-mutex`; the fence stays |
//! | `read-write-lock` | `acquire-read`, `release-read`, `acquire-write`, `release-write` | many readers, or one writer |
//!
//! The value of an operation is a map with the `:client`, and for an acquired lock the `:fence`,
//! as in Hazelcast's Jepsen tests; without a client, the process is one. A fence that is nil or
//! not positive was not seen, and may be any.
//!
//! `--init` is `:free`, or `{:limit 2}`: so often a reentrant lock can be acquired (without it,
//! there is no limit). A reader may acquire a read-write-lock several times; a writer once, and
//! not while it reads.
//!
//! Source: the models of the same names in Hazelcast's Jepsen tests, where the limit is 2.

use std::collections::BTreeMap;

use super::model::{Value, Values};
use super::steps::{Held, Steps, hash};
use super::trace::Trace;
use crate::edn::Edn;

/// A call on a lock, by a client, given by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// The client holds the lock, or holds it once more; with this fence, if it saw one.
    Acquire(Value, Option<i64>),
    /// The client gives it back.
    Release(Value),
}

/// A lock that one client holds.
pub struct Lock {
    name: &'static str,
    limit: u32,
    is_fenced: bool,
    clients: Values,
}

/// Who holds a lock, how often, and which fences were seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder {
    owner: Option<Value>,
    count: u32,
    /// The fence of the present holder, if it was seen.
    fence: Option<i64>,
    /// The greatest fence that was seen.
    highest: i64,
    limit: u32,
    is_fenced: bool,
}

/// How often a lock can be acquired by its holder.
///
/// # Errors
/// A clause, when a lock cannot start so.
fn limit(initial: &Edn, otherwise: u32) -> Result<u32, String> {
    let limit = match initial.get("limit") {
        Some(limit) => limit.as_i64().and_then(|limit| u32::try_from(limit).ok()),
        None if initial.as_keyword() == Some("free") => Some(otherwise),
        None => None,
    };
    let limit = limit.filter(|limit| *limit > 0);
    limit.ok_or_else(|| format!("a lock starts as :free or {{:limit 2}}, not as {initial}"))
}

impl Lock {
    /// `owner-mutex`.
    ///
    /// # Errors
    /// A clause, when it cannot start so.
    pub fn owned(initial: &Edn) -> Result<Lock, String> {
        Lock::new("owner-mutex", limit(initial, 1)?, false)
    }

    /// `reentrant-mutex`.
    ///
    /// # Errors
    /// A clause, when it cannot start so.
    pub fn reentrant(initial: &Edn) -> Result<Lock, String> {
        Lock::new("reentrant-mutex", limit(initial, u32::MAX)?, false)
    }

    /// `fenced-mutex`.
    ///
    /// # Errors
    /// A clause, when it cannot start so.
    pub fn fenced(initial: &Edn) -> Result<Lock, String> {
        Lock::new("fenced-mutex", limit(initial, 1)?, true)
    }

    /// `reentrant-fenced-mutex`.
    ///
    /// # Errors
    /// A clause, when it cannot start so.
    pub fn reentrant_fenced(initial: &Edn) -> Result<Lock, String> {
        Lock::new("reentrant-fenced-mutex", limit(initial, u32::MAX)?, true)
    }

    fn new(name: &'static str, limit: u32, is_fenced: bool) -> Result<Lock, String> {
        Ok(Lock { name, limit, is_fenced, clients: Values::default() })
    }
}

impl Steps for Lock {
    type Call = Call;
    type Held = Holder;

    fn call(&mut self, client: Edn, f: &str, value: &Edn, _: bool) -> Result<Option<Call>, String> {
        let client = self.clients.number(&client);
        let fence = value.get("fence").and_then(Edn::as_i64).filter(|fence| *fence > 0);
        match f {
            "acquire" => Ok(Some(Call::Acquire(client, fence.filter(|_| self.is_fenced)))),
            "release" => Ok(Some(Call::Release(client))),
            _ => Err(format!("a {} has no :{f}; it has :acquire and :release", self.name)),
        }
    }

    fn initial(&self, _: &Trace<Call>) -> Holder {
        let Lock { limit, is_fenced, .. } = *self;
        Holder { owner: None, count: 0, fence: None, highest: 0, limit, is_fenced }
    }

    fn show(&self, held: &Holder) -> Edn {
        let owner = held.owner.map(|owner| self.clients.value(owner).clone());
        let Some(owner) = owner else { return Edn::keyword("free") };
        let mut parts = vec![(Edn::keyword("owner"), owner)];
        parts.push((Edn::keyword("count"), Edn::Int(held.count.into())));
        if held.is_fenced {
            parts.push((Edn::keyword("highest-fence"), Edn::Int(held.highest)));
        }
        Edn::Map(parts)
    }
}

impl Held for Holder {
    type Call = Call;
    type Undo = Holder;

    fn step(&mut self, call: &Call) -> Option<Holder> {
        let before = *self;
        match *call {
            Call::Acquire(client, fence) => {
                let is_again = self.owner == Some(client);
                let is_free = self.owner.is_none();
                // Who holds the lock already keeps the fence; a new one is greater than all.
                let fits = match (fence, self.fence) {
                    (None, _) => true,
                    (Some(fence), Some(held)) if is_again => fence == held,
                    (Some(fence), _) => fence > self.highest,
                };
                if !(is_free || is_again) || self.count >= self.limit || !fits {
                    return None;
                }
                self.owner = Some(client);
                self.count += 1;
                self.fence = fence.or(self.fence);
                self.highest = self.highest.max(fence.unwrap_or(0));
            }
            Call::Release(client) => {
                if self.owner != Some(client) {
                    return None;
                }
                self.count -= 1;
                if self.count == 0 {
                    (self.owner, self.fence) = (None, None);
                }
            }
        }
        Some(before)
    }

    fn can_happen(&self, _: &Call) -> bool {
        false
    }

    fn undo(&mut self, _: &Call, before: Holder) {
        *self = before;
    }

    fn sum(&self) -> u128 {
        hash(self)
    }

    fn only_looks(_: &Call) -> bool {
        false
    }

    fn leads_to(&self, call: &Call, goal: &Call) -> bool {
        match (call, goal) {
            (Call::Release(client), Call::Acquire(..)) => self.owner == Some(*client),
            (Call::Acquire(client, _), Call::Release(other)) => client == other,
            _ => false,
        }
    }
}

/// A lock for many readers or one writer.
pub struct ReadWriteLock {
    clients: Values,
}

/// A call on a lock for readers and writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shared {
    client: Value,
    writes: bool,
    acquires: bool,
}

/// Who holds such a lock.
#[derive(Clone, Default)]
pub struct Holders {
    writer: Option<Value>,
    /// How often each reader holds it.
    readers: BTreeMap<Value, u32>,
}

impl ReadWriteLock {
    /// A lock that nobody holds.
    ///
    /// # Errors
    /// A clause, when it is to start otherwise.
    pub fn new(initial: &Edn) -> Result<ReadWriteLock, String> {
        match initial.as_keyword() {
            Some("free") => Ok(ReadWriteLock { clients: Values::default() }),
            _ => Err(format!("a read-write-lock starts as :free, not as {initial}")),
        }
    }
}

impl Steps for ReadWriteLock {
    type Call = Shared;
    type Held = Holders;

    fn call(&mut self, client: Edn, f: &str, _: &Edn, _: bool) -> Result<Option<Shared>, String> {
        let client = self.clients.number(&client);
        let (acquires, writes) = match f {
            "acquire-read" => (true, false),
            "release-read" => (false, false),
            "acquire-write" => (true, true),
            "release-write" => (false, true),
            _ => {
                return Err(format!(
                    "a read-write-lock has no :{f}; it has :acquire-read, :release-read, \
                     :acquire-write and :release-write"
                ));
            }
        };
        Ok(Some(Shared { client, writes, acquires }))
    }

    fn initial(&self, _: &Trace<Shared>) -> Holders {
        Holders::default()
    }

    fn show(&self, held: &Holders) -> Edn {
        let name = |client: &Value| self.clients.value(*client).clone();
        match held.writer {
            Some(writer) => Edn::map([("writer", name(&writer))]),
            None if held.readers.is_empty() => Edn::keyword("free"),
            None => {
                Edn::map([("readers", held.readers.keys().map(name).collect::<Vec<_>>().into())])
            }
        }
    }
}

impl Held for Holders {
    type Call = Shared;
    type Undo = ();

    fn step(&mut self, &Shared { client, writes, acquires }: &Shared) -> Option<()> {
        match (writes, acquires) {
            (true, true) if self.writer.is_none() && self.readers.is_empty() => {
                self.writer = Some(client);
            }
            (true, false) if self.writer == Some(client) => self.writer = None,
            (false, true) if self.writer.is_none() => {
                *self.readers.entry(client).or_default() += 1;
            }
            (false, false) => self.leave(client)?,
            _ => return None,
        }
        Some(())
    }

    fn can_happen(&self, _: &Shared) -> bool {
        false
    }

    fn undo(&mut self, &Shared { client, writes, acquires }: &Shared, (): ()) {
        match (writes, acquires) {
            (true, true) => self.writer = None,
            (true, false) => self.writer = Some(client),
            (false, true) => self.leave(client).expect("it reads"),
            (false, false) => *self.readers.entry(client).or_default() += 1,
        }
    }

    fn sum(&self) -> u128 {
        hash(&(self.writer, &self.readers))
    }

    fn only_looks(_: &Shared) -> bool {
        false
    }

    fn leads_to(&self, call: &Shared, goal: &Shared) -> bool {
        match (call.acquires, goal.acquires) {
            (false, true) => goal.writes || call.writes,
            (true, false) => call.client == goal.client && call.writes == goal.writes,
            _ => false,
        }
    }
}

impl Holders {
    /// A reader gives the lock back once; `None` if it does not hold it.
    fn leave(&mut self, client: Value) -> Option<()> {
        let count = self.readers.get_mut(&client)?;
        *count -= 1;
        if *count == 0 {
            self.readers.remove(&client);
        }
        Some(())
    }
}
