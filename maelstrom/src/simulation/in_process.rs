//! Nodes in the bench's own address space.

use std::sync::Arc;

use gyre::{Ctx, Node, NodeId, Runtime, SimDisk};

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
        Ok(Box::new(Runtime::new(seed, Box::new(disk), move |ctx| make(ctx))))
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

/// A virtual cluster of the nodes that `make` makes.
pub fn cluster<N: Node>(names: &[NodeId], make: Make<N>) -> VirtualCluster<InProcess<N>> {
    cluster_of(names.len(), nodes(names, make))
}
