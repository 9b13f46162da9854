//! Blank nodes: of a lab's kinds, and without any behaviour. A test runs on them before there is a submission, so that
//! mistakes of its author are found.

use std::sync::Arc;

use super::{Interface, KindTypes};
use crate::Address;
use crate::codec::Tree;
use crate::hosting::{
    Event, HostedNode, NodeFailure, NodeKind, Output, Payload, Signature, Submission,
};

impl Interface {
    /// A submission of nodes that handle every event without any effect. They answer no queries, and clients never show
    /// a result.
    #[must_use]
    pub fn blank(&self) -> Submission {
        let kinds = self.kinds.iter().map(|kind| BlankKind(Arc::clone(kind)));
        kinds.fold(Submission::new(), Submission::with)
    }
}

/// A kind of blank nodes.
struct BlankKind(Arc<KindTypes>);

impl NodeKind for BlankKind {
    fn name(&self) -> &str {
        self.0.name
    }

    fn signature(&self) -> Option<Signature> {
        Some(self.0.signature())
    }

    fn make(&self, _: Address, _: &[u8]) -> Result<Box<dyn HostedNode + '_>, NodeFailure> {
        Ok(Box::new(BlankNode))
    }

    fn restore(&self, _: Address, _: &[u8]) -> Result<Box<dyn HostedNode + '_>, NodeFailure> {
        Ok(Box::new(BlankNode))
    }

    fn show(&self, what: Payload, _: &[u8], _: bool) -> Result<String, NodeFailure> {
        Ok(format!("a {what}"))
    }

    fn tree(&self, what: Payload, _: &[u8]) -> Result<Tree, NodeFailure> {
        Err(NodeFailure::NotProvided(format!("a tree of a {what}")))
    }
}

/// A node without behaviour.
struct BlankNode;

impl HostedNode for BlankNode {
    fn step(&mut self, _: Event<'_>, output: &mut Output) -> Result<(), NodeFailure> {
        output.clear();
        Ok(())
    }

    fn state(&self, _: &mut Vec<u8>) -> Result<(), NodeFailure> {
        Ok(())
    }

    fn observe(&self, _: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        Err(NodeFailure::NotProvided("answers of a blank node".to_owned()))
    }

    fn contract_violation(&self, _: &[u8]) -> Result<Option<String>, NodeFailure> {
        Ok(None)
    }
}
