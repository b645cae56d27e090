//! Nodes in the bench's own address space.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use gyre::{
    Ctx, DiskTrouble, Failure, Message, Node, NodeId, Process, Runtime, SimDisk, Time, state_text,
};

use crate::engine::cluster::{NodeFactory, SimulatedNode, VirtualCluster};

/// Makes a node. The seeds of a test may run side by side, so they share it.
pub type Make<N> = Arc<dyn Fn(&Ctx) -> N + Send + Sync>;

/// Makes nodes of the type `N`, each with a simulated disk that outlives it.
pub struct InProcess<N> {
    disks: Vec<SimDisk>,
    make: Make<N>,
}

impl<N: Node> NodeFactory for InProcess<N> {
    fn start(&mut self, node: usize, seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        let disk = self.disks[node].clone();
        // A child in lockstep does the same at its start, so both find the same.
        disk.crash_with_seed(seed);
        let make = Arc::clone(&self.make);
        let runtime = Runtime::new(seed, Box::new(disk.clone()), move |ctx| make(ctx));
        Ok(Box::new(Mortal { runtime: Some(runtime), disk, failure: None }))
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
struct Mortal<N: Node> {
    /// `None` once it has ended.
    runtime: Option<Runtime<N>>,
    disk: SimDisk,
    failure: Option<Failure>,
}

impl<N: Node> Mortal<N> {
    fn step(&mut self, step: impl FnOnce(&mut Runtime<N>)) {
        let Some(mut runtime) = self.runtime.take() else { return };
        match catch_unwind(AssertUnwindSafe(|| step(&mut runtime))) {
            Ok(()) => self.runtime = Some(runtime),
            Err(payload) => match payload.downcast::<Failure>() {
                Ok(failure) => self.failure = Some(*failure),
                Err(panic) => resume_unwind(panic),
            },
        }
    }
}

impl<N: Node> Process for Mortal<N> {
    fn handle_message(&mut self, now: Time, message: Message) {
        self.step(|runtime| runtime.handle_message(now, message));
    }

    fn handle_late_message(&mut self, now: Time, since: Time, message: Message) {
        self.step(|runtime| runtime.handle_late_message(now, since, message));
    }

    fn handle_timeout(&mut self, now: Time) {
        self.step(|runtime| runtime.handle_timeout(now));
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.runtime.as_ref()?.poll_timeout()
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        self.runtime.as_mut()?.poll_transmit()
    }

    fn poll_log(&mut self) -> Option<String> {
        self.runtime.as_mut()?.poll_log()
    }
}

impl<N: Node> SimulatedNode for Mortal<N> {
    fn state(&mut self) -> Option<String> {
        Some(state_text(&self.runtime.as_ref()?.inspect()?))
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
pub fn nodes<N: Node>(names: &[NodeId], make: Make<N>) -> InProcess<N> {
    InProcess { disks: names.iter().map(|_| SimDisk::new()).collect(), make }
}

/// A virtual cluster of so many nodes, which are in this process.
pub fn cluster_of<F: NodeFactory>(count: usize, nodes: F) -> VirtualCluster<F> {
    VirtualCluster::new(count, nodes, || false)
}
