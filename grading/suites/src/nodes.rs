//! Where a test's nodes run: in process or out of process.

use faultlab::worker::pure::{LocalSteps, Member, PureSteps};
use faultlab::worker::remote::SharedFleet;
use faultlab::worker::{Host, LocalHost, NodeFailure, Submission};

/// Provides a submission's nodes to engines: live nodes for a run, and steps of them for a search.
pub trait Nodes {
    /// An empty host.
    fn host(&self) -> Box<dyn Host + '_>;

    /// Computes steps of these nodes.
    ///
    /// # Errors
    /// When the submission does not provide one of them.
    fn steps(&self, roster: &[Member]) -> Result<Box<dyn PureSteps + '_>, NodeFailure>;
}

/// An in-process submission.
impl Nodes for Submission {
    fn host(&self) -> Box<dyn Host + '_> {
        Box::new(LocalHost::new(self))
    }

    fn steps(&self, roster: &[Member]) -> Result<Box<dyn PureSteps + '_>, NodeFailure> {
        Ok(Box::new(LocalSteps::new(self, roster.to_vec())?))
    }
}

/// An out-of-process submission.
impl Nodes for SharedFleet<'_> {
    fn host(&self) -> Box<dyn Host + '_> {
        Box::new(SharedFleet::host(self))
    }

    fn steps(&self, roster: &[Member]) -> Result<Box<dyn PureSteps + '_>, NodeFailure> {
        Ok(Box::new(SharedFleet::steps(self, roster.to_vec())))
    }
}
