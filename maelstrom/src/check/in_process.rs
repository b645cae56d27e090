//! Nodes in the bench's own address space.

use std::marker::PhantomData;

use gyre::{Node, NodeId, Runtime, SimDisk};
use rand_chacha::ChaCha8Rng;

use crate::engine::cluster::{NodeFactory, SimulatedNode, VirtualCluster};
use crate::seeds::{Concern, Seeds};

/// Makes nodes of the type `N`, each with a simulated disk that outlives it.
pub struct InProcess<N> {
    disks: Vec<(SimDisk, ChaCha8Rng)>,
    node: PhantomData<N>,
}

impl<N: Node> NodeFactory for InProcess<N> {
    fn start(&mut self, node: usize, seed: u64) -> Result<Box<dyn SimulatedNode>, String> {
        let disk = self.disks[node].0.clone();
        Ok(Box::new(Runtime::<N>::new(seed, Box::new(disk))))
    }

    fn crash(&mut self, node: usize) {
        let (disk, rng) = &mut self.disks[node];
        disk.crash(rng);
    }
}

/// A virtual cluster of nodes of the type `N`.
pub fn cluster<N: Node>(names: &[NodeId], seeds: Seeds) -> VirtualCluster<InProcess<N>> {
    let disk = |node: usize| (SimDisk::default(), seeds.stream(Concern::Disk(node)));
    let disks = (0..names.len()).map(disk).collect();
    VirtualCluster::new(names.len(), InProcess { disks, node: PhantomData }, || false)
}
