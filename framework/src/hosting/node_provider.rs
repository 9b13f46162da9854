//! Where nodes run: in the engine's process, or in others.

use super::pure::{LocalSteps, PureSteps};
use super::{Host, LocalHost, NodeDescriptor, NodeFailure, Submission};

/// Provides a submission's nodes to engines: live nodes for a run, and steps of them for a search.
pub trait NodeProvider {
    /// An empty host.
    fn host(&self) -> Box<dyn Host + '_>;

    /// Computes steps of these nodes.
    ///
    /// # Errors
    /// When the submission does not provide one of them.
    fn steps(&self, nodes: &[NodeDescriptor]) -> Result<Box<dyn PureSteps + '_>, NodeFailure>;
}

/// The nodes run in this process.
impl NodeProvider for Submission {
    fn host(&self) -> Box<dyn Host + '_> {
        Box::new(LocalHost::new(self))
    }

    fn steps(&self, nodes: &[NodeDescriptor]) -> Result<Box<dyn PureSteps + '_>, NodeFailure> {
        Ok(Box::new(LocalSteps::new(self, nodes.to_vec())?))
    }
}
