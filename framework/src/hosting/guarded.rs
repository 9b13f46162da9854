//! Wrappers that catch panics of a kind and its nodes. A [`Submission`](super::Submission) wraps
//! each kind it is given.
//!
//! They have no type parameters, unlike [`Kind`](super::Kind), which is compiled for each type of each
//! submission.

use super::panics::catch;
use super::{Event, HostedNode, NodeFailure, NodeKind, Output, Payload, Signature};
use crate::Address;
use crate::codec::Tree;

/// A kind that turns panics into failures.
pub(super) struct GuardedKind(pub(super) Box<dyn NodeKind>);

impl NodeKind for GuardedKind {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> Option<Signature> {
        self.0.signature()
    }

    fn make(
        &self,
        address: Address,
        arguments: &[u8],
    ) -> Result<Box<dyn HostedNode + '_>, NodeFailure> {
        let node = catch(|| self.0.make(address, arguments))??;
        Ok(Box::new(GuardedNode(node)))
    }

    fn restore(
        &self,
        address: Address,
        state: &[u8],
    ) -> Result<Box<dyn HostedNode + '_>, NodeFailure> {
        let node = catch(|| self.0.restore(address, state))??;
        Ok(Box::new(GuardedNode(node)))
    }

    fn show(&self, what: Payload, bytes: &[u8], pretty: bool) -> Result<String, NodeFailure> {
        catch(|| self.0.show(what, bytes, pretty))?
    }

    fn tree(&self, what: Payload, bytes: &[u8]) -> Result<Tree, NodeFailure> {
        catch(|| self.0.tree(what, bytes))?
    }
}

/// A node that turns panics into failures.
struct GuardedNode<'k>(Box<dyn HostedNode + 'k>);

impl HostedNode for GuardedNode<'_> {
    fn step(&mut self, event: Event<'_>, output: &mut Output) -> Result<(), NodeFailure> {
        catch(|| self.0.step(event, output))?
    }

    fn state(&self, bytes: &mut Vec<u8>) -> Result<(), NodeFailure> {
        catch(|| self.0.state(bytes))?
    }

    fn observe(&self, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        catch(|| self.0.observe(question))?
    }

    fn contract_violation(&self, state: &[u8]) -> Result<Option<String>, NodeFailure> {
        catch(|| self.0.contract_violation(state))?
    }
}
