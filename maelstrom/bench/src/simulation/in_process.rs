//! Nodes in the bench's own address space.
//!
//! Only [`making`] knows of what type a node is. All else meets a [`Process`], so it is compiled
//! once, and not once more for each node: a program with the museum's bugs has seventy of them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use gyre::{
    Ctx, DiskTrouble, Failure, Message, Node, NodeId, Process, Runtime, SimDisk, Time, state_text,
};

use crate::engine::cluster::{NodeFactory, SimulatedNode, VirtualCluster};

/// Starts a node with this disk; the seed decides what chance decides in it. The seeds of a test
/// may run side by side, so they share it.
pub type Make = Arc<dyn Fn(u64, SimDisk) -> Box<dyn Process> + Send + Sync>;

/// Starts the nodes that `make` makes.
pub fn making<N: Node>(make: impl Fn(&Ctx) -> N + Send + Sync + 'static) -> Make {
    let make = Arc::new(make);
    Arc::new(move |seed, disk| {
        let make = Arc::clone(&make);
        Box::new(Runtime::new(seed, Box::new(disk), move |ctx| make(ctx)))
    })
}

/// Nodes in this process, each with a simulated disk that outlives it.
pub struct InProcess {
    disks: Vec<SimDisk>,
    make: Make,
}

impl NodeFactory for InProcess {
    fn start(&mut self, node: usize, seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        let disk = self.disks[node].clone();
        // A child in lockstep does the same at its start, so both find the same.
        disk.crash_with_seed(seed);
        let node = (self.make)(seed, disk.clone());
        Ok(Box::new(Mortal { node: Some(node), disk, failure: None }))
    }

    fn set_disk_trouble(
        &mut self,
        node: usize,
        trouble: Option<DiskTrouble>,
    ) -> Result<bool, String> {
        self.disks[node].set_trouble(trouble);
        Ok(self.disks[node].is_used())
    }
}

/// A node that ends by a [`Failure`] as a program does: alone. An assertion that does not hold
/// ends the run.
struct Mortal {
    /// `None` once it has ended.
    node: Option<Box<dyn Process>>,
    disk: SimDisk,
    failure: Option<Failure>,
}

impl Mortal {
    fn step(&mut self, step: impl FnOnce(&mut dyn Process)) {
        let Some(mut node) = self.node.take() else { return };
        match catch_unwind(AssertUnwindSafe(|| step(&mut *node))) {
            Ok(()) => self.node = Some(node),
            Err(payload) => match payload.downcast::<Failure>() {
                Ok(failure) => self.failure = Some(*failure),
                Err(panic) => resume_unwind(panic),
            },
        }
    }
}

impl Process for Mortal {
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
        self.node.as_mut()?.poll_transmit()
    }

    fn poll_log(&mut self) -> Option<String> {
        self.node.as_mut()?.poll_log()
    }
}

impl SimulatedNode for Mortal {
    fn state(&mut self) -> Option<String> {
        Some(state_text(&self.node.as_ref()?.inspect()?))
    }

    fn failure(&self) -> Option<String> {
        self.failure.as_ref().map(|failure| format!("a node failed: {failure}"))
    }

    fn has_given_up(&self) -> bool {
        self.failure.is_some()
    }

    fn take_disk_time(&mut self) -> Duration {
        self.disk.take_time()
    }
}

/// The nodes that `make` makes, each with an empty disk.
pub fn nodes(names: &[NodeId], make: Make) -> InProcess {
    InProcess { disks: names.iter().map(|_| SimDisk::new()).collect(), make }
}

/// A virtual cluster of so many nodes, which are in this process.
pub fn cluster_of(count: usize, nodes: impl NodeFactory + 'static) -> VirtualCluster {
    VirtualCluster::new(count, nodes, || false)
}
