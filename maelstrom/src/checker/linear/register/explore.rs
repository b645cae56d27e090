//! All that may happen just before an operation returns that has not taken effect yet.

use super::super::model::{RegisterCall, Value};
use super::super::slots::Slots;
use super::configuration::{Configuration, offer};
use super::crashed::{Crashed, Spent, Stands};
use super::pending::Pending;

/// What the exploration of one return needs to know, and what it has found.
pub struct Exploration<'a, const WORDS: usize> {
    pub pending: &'a Pending<WORDS>,
    pub crashed: &'a Crashed,
    /// The moment of the return.
    pub now: usize,
    /// The operation that returns.
    pub slot: usize,
    /// Configurations in which it has taken effect.
    pub found: &'a mut Vec<Configuration<WORDS>>,
    /// Configurations on the way there; those behind `next` have not been looked at.
    nodes: &'a mut Vec<Node<WORDS>>,
    goals: Goals,
}

/// A configuration on the way.
pub struct Node<const WORDS: usize> {
    configuration: Configuration<WORDS>,
    /// Whether a write may follow at once. It overwrites what came before, which must have been
    /// of use until then: a cas that had to happen, or a value that was read.
    may_be_overwritten: bool,
    /// How the value came about, when a crashed operation made it and nobody has used it yet.
    entered: Option<Entry>,
    /// Whether what follows from it has yet to be looked at.
    is_open: bool,
}

/// A crashed operation: a cas from this value, or a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Cas(Value),
    Write,
}

/// The values that are worth having on the way.
struct Goals {
    /// By a crashed cas.
    by_cas: Vec<Value>,
    /// By a write.
    by_write: Vec<Value>,
}

impl<'a, const WORDS: usize> Exploration<'a, WORDS> {
    pub fn new(
        pending: &'a Pending<WORDS>,
        crashed: &'a Crashed,
        (now, slot): (usize, usize),
        found: &'a mut Vec<Configuration<WORDS>>,
        nodes: &'a mut Vec<Node<WORDS>>,
    ) -> Exploration<'a, WORDS> {
        nodes.clear();
        let goals = Goals::new(pending, crashed, pending.get(slot).call);
        Exploration { pending, crashed, now, slot, found, nodes, goals }
    }

    /// Adds a configuration from which to start.
    pub fn start(&mut self, configuration: &Configuration<WORDS>) {
        if configuration.done.contains(self.slot) {
            return self.finish(configuration.clone());
        }
        if configuration.early.contains(self.slot)
            && let RegisterCall::Read(value) | RegisterCall::Write(value) =
                self.pending.get(self.slot).call
            && let Some(slipped) = configuration.slip_in(value, self.pending, self.crashed)
        {
            self.finish(slipped);
        }
        let mut configuration = configuration.clone();
        for value in &self.goals.by_cas {
            if let Some(class) = self.crashed.class(RegisterCall::Write(*value)) {
                configuration.spent.has_plenty(class, self.crashed);
            }
        }
        self.visit(Node { configuration, may_be_overwritten: true, entered: None, is_open: true });
    }

    /// Looks at everything that can be reached.
    pub fn run(&mut self) {
        while let Some(node) = self.nodes.iter().position(|node| node.is_open) {
            self.nodes[node].is_open = false;
            self.cas(node);
            self.crashed_cas(node);
            if self.nodes[node].may_be_overwritten {
                self.write(node);
            }
        }
    }

    fn visit(&mut self, node: Node<WORDS>) {
        if node.configuration.done.contains(self.slot) {
            return self.finish(node.configuration);
        }
        for known in self.nodes.iter_mut() {
            if !((known.may_be_overwritten || !node.may_be_overwritten)
                && (known.entered.is_none() || known.entered == node.entered))
            {
                continue;
            }
            match known.configuration.stands_for(&node.configuration, self.pending, self.crashed) {
                Stands::Yes => return,
                Stands::Blurred => {
                    known.configuration.spent.blur(&node.configuration.spent);
                    known.is_open = true;
                    return;
                }
                Stands::No => {}
            }
        }
        self.nodes.push(node);
    }

    fn finish(&mut self, mut configuration: Configuration<WORDS>) {
        configuration.forget(self.slot);
        offer(self.found, configuration, self.pending, self.crashed);
    }

    /// A cas under way takes effect.
    fn cas(&mut self, node: usize) {
        let configuration = &self.nodes[node].configuration;
        let (value, undone) = (configuration.value, self.pending.cases & !configuration.done);
        for slot in undone.iter() {
            let call = self.pending.get(slot).call;
            let RegisterCall::Cas(from, to) = call else { continue };
            // Of those that are alike, the one that returns first.
            if from != value || self.pending.first_to_return(call, undone) != Some(slot) {
                continue;
            }
            let mut configuration = self.nodes[node].configuration.clone();
            configuration.take_effect(Slots::single(slot));
            configuration.set(to, self.pending);
            self.visit(Node {
                configuration,
                may_be_overwritten: true,
                entered: None,
                is_open: true,
            });
        }
    }

    /// A crashed cas takes effect.
    fn crashed_cas(&mut self, node: usize) {
        let crashed = self.crashed;
        let value = self.nodes[node].configuration.value;
        for (class, to) in crashed.cas_from(value) {
            let Node { configuration, entered, .. } = &mut self.nodes[node];
            if let Some(class) = self.crashed.class(RegisterCall::Write(to))
                && configuration.spent.has_plenty(class, self.crashed)
            {
                continue;
            }
            if !self.goals.by_cas.contains(&to)
                || is_detour(*entered, to, &configuration.spent, crashed)
            {
                continue;
            }
            let Some(spent) = configuration.spent.take(class, crashed.invoked(class)) else {
                continue;
            };
            let done = configuration.done;
            let mut configuration = Configuration { spent, ..configuration.clone() };
            configuration.set(to, self.pending);
            let was_read = configuration.done != done;
            self.visit(Node {
                configuration,
                may_be_overwritten: was_read,
                entered: (!was_read).then_some(Entry::Cas(value)),
                is_open: true,
            });
        }
    }

    /// A write takes effect, under way or crashed.
    fn write(&mut self, node: usize) {
        for goal in 0..self.goals.by_write.len() {
            let value = self.goals.by_write[goal];
            let call = RegisterCall::Write(value);
            let mut configuration = self.nodes[node].configuration.clone();
            let undone = self.pending.writes & !configuration.done;
            // Of those that are alike, the one that returns first; a crashed one never does.
            let entered = if let Some(slot) = self.pending.first_to_return(call, undone) {
                configuration.take_effect(Slots::single(slot));
                None
            } else if let Some(class) = self.crashed.class(call)
                && let Some(spent) = configuration.spent.take(class, self.crashed.invoked(class))
            {
                configuration.spent = spent;
                Some(Entry::Write)
            } else {
                continue;
            };
            configuration.write(value, self.now, self.pending);
            self.visit(Node { configuration, may_be_overwritten: false, entered, is_open: true });
        }
    }
}

/// Whether a crashed operation leads directly to where two would lead. Whoever keeps the two
/// can still do with them all that he could with the one.
fn is_detour(entered: Option<Entry>, to: Value, spent: &Spent, crashed: &Crashed) -> bool {
    let direct = match entered {
        None => return false,
        Some(Entry::Write) => RegisterCall::Write(to),
        Some(Entry::Cas(from)) => RegisterCall::Cas(from, to),
    };
    crashed.class(direct).is_some_and(|class| spent.has_left(class, crashed.invoked(class)))
}

impl Goals {
    fn new<const WORDS: usize>(
        pending: &Pending<WORDS>,
        crashed: &Crashed,
        returning: RegisterCall,
    ) -> Goals {
        let mut by_cas = Vec::new();
        let add = |value, values: &mut Vec<Value>| {
            if !values.contains(&value) {
                values.push(value);
            }
        };
        for slot in pending.cases.iter() {
            if let RegisterCall::Cas(from, _) = pending.get(slot).call {
                add(from, &mut by_cas);
            }
        }
        let mut by_write = by_cas.clone();
        if let RegisterCall::Read(value) | RegisterCall::Write(value) = returning {
            add(value, &mut by_write);
        }
        if crashed.is_empty() {
            return Goals { by_cas: Vec::new(), by_write };
        }
        for slot in pending.reads.iter() {
            if let RegisterCall::Read(value) = pending.get(slot).call {
                add(value, &mut by_cas);
            }
        }
        // Backwards along the crashed cas.
        let mut next = 0;
        while next < by_cas.len() {
            for from in crashed.cas_to(by_cas[next]) {
                add(from, &mut by_cas);
                add(from, &mut by_write);
            }
            next += 1;
        }
        Goals { by_cas, by_write }
    }
}
