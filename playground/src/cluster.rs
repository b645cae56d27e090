//! Clusters of nodes in virtual time, of which it is known which node does something: so whoever
//! sees a panic can say whose it is.

use std::cell::RefCell;
use std::time::Duration;

use gyre::{Ctx, DiskTrouble, Message, Node, NodeId, Process, Time};
use maelstrom::engine::cluster::{Cluster, NodeFactory, SimulatedNode, VirtualCluster};
use maelstrom::simulation;

/// Nodes that the engine runs.
pub type BoxedCluster = Box<dyn Cluster>;

/// Makes a cluster of nodes with these names, none of them started.
pub type MakeCluster = fn(&[NodeId]) -> BoxedCluster;

/// Nodes with these names, none of them started.
pub fn cluster<N: Node>(
    names: &[NodeId],
    make: impl Fn(&Ctx) -> N + Send + Sync + 'static,
) -> BoxedCluster {
    let nodes = simulation::nodes(names, simulation::making(make));
    Box::new(VirtualCluster::new(names.len(), Watched(nodes), || false))
}

thread_local! {
    /// The node that does something at this moment.
    static RUNNING: RefCell<Option<usize>> = const { RefCell::new(None) };
}

/// The number of the node that does something at this moment: where a panic happened.
pub fn running_node() -> Option<usize> {
    RUNNING.with_borrow(|running| *running)
}

/// Makes nodes of which it is known which one does something.
struct Watched<F>(F);

impl<F: NodeFactory> NodeFactory for Watched<F> {
    fn start(&mut self, node: usize, seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        let made = within(node, || self.0.start(node, seed))?;
        Ok(Box::new(WatchedNode { number: node, node: made }))
    }

    fn set_disk_trouble(
        &mut self,
        node: usize,
        trouble: Option<DiskTrouble>,
    ) -> Result<bool, String> {
        self.0.set_disk_trouble(node, trouble)
    }
}

fn within<T>(node: usize, work: impl FnOnce() -> T) -> T {
    RUNNING.set(Some(node));
    let done = work();
    RUNNING.set(None);
    done
}

struct WatchedNode {
    number: usize,
    node: Box<dyn SimulatedNode>,
}

impl Process for WatchedNode {
    fn handle_message(&mut self, now: Time, message: Message) {
        within(self.number, || self.node.handle_message(now, message));
    }

    fn handle_late_message(&mut self, now: Time, since: Time, message: Message) {
        within(self.number, || self.node.handle_late_message(now, since, message));
    }

    fn handle_timeout(&mut self, now: Time) {
        within(self.number, || self.node.handle_timeout(now));
    }

    fn poll_timeout(&self) -> Option<Time> {
        within(self.number, || self.node.poll_timeout())
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        within(self.number, || self.node.poll_transmit())
    }

    fn poll_log(&mut self) -> Option<String> {
        within(self.number, || self.node.poll_log())
    }
}

impl SimulatedNode for WatchedNode {
    fn state(&mut self) -> Option<String> {
        within(self.number, || self.node.state())
    }

    fn failure(&self) -> Option<String> {
        self.node.failure()
    }

    fn has_given_up(&self) -> bool {
        self.node.has_given_up()
    }

    fn take_disk_time(&mut self) -> Duration {
        self.node.take_disk_time()
    }
}
