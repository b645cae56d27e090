//! Nodes whose assertions may fail without ending the run: it breaks off as when a program ends.
//! So what was recorded until then, its tape above all, is still there.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::Duration;

use gyre::{DiskTrouble, Message, Process, Time};

use super::{InProcess, panic_sentence};
use crate::engine::cluster::{NodeFactory, SimulatedNode};

/// Makes nodes whose assertions may fail.
pub struct Guarded(pub InProcess);

impl NodeFactory for Guarded {
    fn start(&mut self, node: usize, seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        let made = quietly(|| self.0.start(node, seed))?;
        Ok(Box::new(Guard { node: Some(made?), failure: None }))
    }

    fn set_disk_trouble(
        &mut self,
        node: usize,
        trouble: Option<DiskTrouble>,
    ) -> Result<bool, String> {
        self.0.set_disk_trouble(node, trouble)
    }
}

struct Guard {
    /// `None` once it has failed.
    node: Option<Box<dyn SimulatedNode>>,
    failure: Option<String>,
}

impl Guard {
    fn step<T: Default>(&mut self, step: impl FnOnce(&mut dyn SimulatedNode) -> T) -> T {
        let Some(mut node) = self.node.take() else { return T::default() };
        match quietly(|| step(&mut *node)) {
            Ok(done) => {
                self.node = Some(node);
                done
            }
            Err(sentence) => {
                self.failure = Some(sentence);
                // It stands in the middle of something, and may fail again as it is taken down.
                quietly(|| drop(node)).ok();
                T::default()
            }
        }
    }
}

impl Process for Guard {
    fn handle_message(&mut self, now: Time, message: Message) {
        self.step(|node| node.handle_message(now, message));
    }

    fn handle_late_message(&mut self, now: Time, since: Time, message: Message) {
        self.step(|node| node.handle_late_message(now, since, message));
    }

    fn handle_timeout(&mut self, now: Time) {
        self.step(|node| node.handle_timeout(now));
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.node.as_ref()?.poll_timeout()
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        self.step(|node| node.poll_transmit())
    }

    fn poll_log(&mut self) -> Option<String> {
        self.step(|node| node.poll_log())
    }
}

impl SimulatedNode for Guard {
    fn state(&mut self) -> Option<String> {
        self.step(|node| node.state())
    }

    fn failure(&self) -> Option<String> {
        let of_node = || self.node.as_ref().and_then(|node| node.failure());
        self.failure.clone().or_else(of_node)
    }

    fn has_given_up(&self) -> bool {
        self.failure.is_none() && self.node.as_ref().is_some_and(|node| node.has_given_up())
    }

    fn take_disk_time(&mut self) -> Duration {
        self.step(|node| node.take_disk_time())
    }
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does it, and gives what an assertion said that did not hold. Nothing is printed of it: a
/// search meets the same assertion a thousand times.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                others(panic);
            }
        }));
    });
    let before = IS_QUIET.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_QUIET.set(before);
    done.map_err(|panic| panic_sentence(&*panic))
}
