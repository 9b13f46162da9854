//! Where a test's nodes run: in process or out of process.

use faultlab::hosting::pure::{LocalSteps, PureSteps};
use faultlab::hosting::remote::SharedProcessPool;
use faultlab::hosting::{Host, LocalHost, NodeDescriptor, NodeFailure, Submission};

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

/// An in-process submission.
impl NodeProvider for Submission {
    fn host(&self) -> Box<dyn Host + '_> {
        Box::new(LocalHost::new(self))
    }

    fn steps(&self, nodes: &[NodeDescriptor]) -> Result<Box<dyn PureSteps + '_>, NodeFailure> {
        Ok(Box::new(LocalSteps::new(self, nodes.to_vec())?))
    }
}

/// An out-of-process submission.
impl NodeProvider for SharedProcessPool<'_> {
    fn host(&self) -> Box<dyn Host + '_> {
        Box::new(SharedProcessPool::host(self))
    }

    fn steps(&self, nodes: &[NodeDescriptor]) -> Result<Box<dyn PureSteps + '_>, NodeFailure> {
        Ok(Box::new(SharedProcessPool::steps(self, nodes.to_vec())))
    }
}
