//! Nodes in the bench's own address space.

use std::marker::PhantomData;

use gyre::{Node, NodeId, Runtime, SimDisk};

use crate::engine::cluster::{NodeFactory, SimulatedNode, VirtualCluster};

/// Makes nodes of the type `N`, each with a simulated disk that outlives it.
pub struct InProcess<N> {
    disks: Vec<SimDisk>,
    node: PhantomData<N>,
}

impl<N: Node> NodeFactory for InProcess<N> {
    fn start(&mut self, node: usize, seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        let disk = self.disks[node].clone();
        // A child in lockstep does the same at its start, so both find the same.
        disk.crash_with_seed(seed);
        Ok(Box::new(Runtime::<N>::new(seed, Box::new(disk))))
    }
}

/// A virtual cluster of nodes of the type `N`.
pub fn cluster<N: Node>(names: &[NodeId]) -> VirtualCluster<InProcess<N>> {
    let disks = names.iter().map(|_| SimDisk::new()).collect();
    VirtualCluster::new(names.len(), InProcess { disks, node: PhantomData }, || false)
}
