//! The searched system: its nodes and its clients' workloads.

use std::sync::Arc;

use serde::Serialize;

use crate::hosting::pure::NodeDescriptor;
use crate::workload::ErasedWorkload;
use crate::{Address, codec};

/// Nodes and clients, each with its address, in the order in which they start.
#[derive(Clone, Default)]
pub struct System {
    pub(super) nodes: Vec<NodeDescriptor>,
    /// For each node: its workload, if it is a client.
    pub(super) workloads: Vec<Option<Arc<dyn ErasedWorkload>>>,
    pub(super) seed: u64,
}

impl System {
    /// A system without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node of a kind that the submission provides. `arguments` are the constructor
    /// arguments that the lab's API defines for this kind.
    ///
    /// # Panics
    /// When there is already a node at that address, or the arguments cannot be encoded.
    #[must_use]
    pub fn node<A: Serialize>(self, kind: &str, address: Address, arguments: &A) -> Self {
        self.with(kind, address, arguments, None)
    }

    /// Adds a client with a workload: it gets its next command as soon as it has the result of the
    /// previous one.
    ///
    /// # Panics
    /// As [`System::node`].
    #[must_use]
    pub fn client<A: Serialize>(
        self,
        kind: &str,
        address: Address,
        arguments: &A,
        workload: impl ErasedWorkload + 'static,
    ) -> Self {
        self.with(kind, address, arguments, Some(Arc::new(workload)))
    }

    /// Sets the seed of the workloads' randomness; the default is zero.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The descriptors of the nodes, for [`PureSteps`](crate::hosting::pure::PureSteps).
    #[must_use]
    pub fn nodes(&self) -> &[NodeDescriptor] {
        &self.nodes
    }

    fn with<A: Serialize>(
        mut self,
        kind: &str,
        address: Address,
        arguments: &A,
        workload: Option<Arc<dyn ErasedWorkload>>,
    ) -> Self {
        assert!(
            self.nodes.iter().all(|node| node.address != address),
            "two nodes have the address {address}"
        );
        let arguments = codec::encode(arguments).expect("arguments encode");
        self.nodes.push(NodeDescriptor { kind: kind.to_owned(), address, arguments });
        self.workloads.push(workload);
        self
    }
}
