//! The system under test: nodes, and clients with their workloads.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde::Serialize;

use crate::Address;
use crate::hosting::NodeDescriptor;
use crate::workload::ErasedWorkload;

/// A node of a system: what it is made of and, for a client, its workload.
#[derive(Clone)]
pub struct NodeSpec {
    pub(crate) node: NodeDescriptor,
    /// For the second copy of a Byzantine twin: its name in traces. Its own code knows the first one's.
    pub(crate) shown_as: Option<Address>,
    pub(crate) workload: Option<Arc<dyn ErasedWorkload>>,
}

impl NodeSpec {
    /// A node of a kind that the submission provides. `arguments` are the constructor arguments that the lab's API
    /// defines for this kind.
    ///
    /// # Panics
    /// When the arguments cannot be encoded.
    #[must_use]
    pub fn node(kind: &str, address: Address, arguments: &impl Serialize) -> Self {
        Self { node: NodeDescriptor::new(kind, address, arguments), shown_as: None, workload: None }
    }

    /// A client with its workload.
    ///
    /// # Panics
    /// As [`NodeSpec::node`].
    #[must_use]
    pub fn client(
        kind: &str,
        address: Address,
        arguments: &impl Serialize,
        workload: impl ErasedWorkload + 'static,
    ) -> Self {
        Self { workload: Some(Arc::new(workload)), ..Self::node(kind, address, arguments) }
    }

    /// The node's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.shown_as.unwrap_or(self.node.address)
    }

    /// What the node is made of, as a [`Host`](crate::hosting::Host) needs it.
    #[must_use]
    pub fn descriptor(&self) -> &NodeDescriptor {
        &self.node
    }
}

impl fmt::Debug for NodeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address(), self.node.kind)
    }
}

/// Nodes and clients, each with its address, in the order in which they start.
#[derive(Clone, Debug, Default)]
pub struct System {
    nodes: Vec<NodeSpec>,
    /// The addresses of the nodes, only for look-ups.
    taken: FxHashSet<Address>,
}

impl System {
    /// A system without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node: see [`NodeSpec::node`].
    ///
    /// # Panics
    /// When there is a node of that address already, or the arguments cannot be encoded.
    #[must_use]
    pub fn node(self, kind: &str, address: Address, arguments: &impl Serialize) -> Self {
        self.with(NodeSpec::node(kind, address, arguments))
    }

    /// Adds a client with a workload: it gets its next command as soon as it has the result of the
    /// previous one.
    ///
    /// # Panics
    /// As [`System::node`].
    #[must_use]
    pub fn client(
        self,
        kind: &str,
        address: Address,
        arguments: &impl Serialize,
        workload: impl ErasedWorkload + 'static,
    ) -> Self {
        self.with(NodeSpec::client(kind, address, arguments, workload))
    }

    /// Adds a node or a client.
    ///
    /// # Panics
    /// When there is a node of that address already.
    #[must_use]
    pub fn with(mut self, spec: NodeSpec) -> Self {
        let address = spec.address();
        assert!(self.taken.insert(address), "two nodes have the address {address}");
        self.nodes.push(spec);
        self
    }

    /// The nodes, in the order in which they start.
    #[must_use]
    pub fn nodes(&self) -> &[NodeSpec] {
        &self.nodes
    }

    /// The addresses in the order in which a diagram shows the nodes: clients first.
    #[must_use]
    pub fn drawing_order(&self) -> Vec<Address> {
        let clients = self.nodes.iter().filter(|spec| spec.workload.is_some());
        let others = self.nodes.iter().filter(|spec| spec.workload.is_none());
        clients.chain(others).map(NodeSpec::address).collect()
    }

    /// What each node is made of, as [`PureSteps`](crate::hosting::pure::PureSteps) needs it.
    #[must_use]
    pub fn descriptors(&self) -> Vec<NodeDescriptor> {
        self.nodes.iter().map(|spec| spec.node.clone()).collect()
    }
}
