//! Where the nodes of a test are: beside the engine, or in another process.

use faultlab::worker::pure::{LocalSteps, Member, PureSteps};
use faultlab::worker::remote::SharedFleet;
use faultlab::worker::{Host, LocalHost, NodeFailure, Submission};

/// Gives engines the nodes of a submission: living ones for a run, steps of them for a search.
pub trait Nodes {
    /// A host without nodes yet.
    fn host(&self) -> Box<dyn Host + '_>;

    /// Whoever computes steps of these nodes.
    ///
    /// # Errors
    /// When the submission does not provide one of them.
    fn steps(&self, roster: &[Member]) -> Result<Box<dyn PureSteps + '_>, NodeFailure>;
}

/// A submission beside the engine.
impl Nodes for Submission {
    fn host(&self) -> Box<dyn Host + '_> {
        Box::new(LocalHost::new(self))
    }

    fn steps(&self, roster: &[Member]) -> Result<Box<dyn PureSteps + '_>, NodeFailure> {
        Ok(Box::new(LocalSteps::new(self, roster.to_vec())?))
    }
}

/// A submission in other processes.
impl Nodes for SharedFleet<'_> {
    fn host(&self) -> Box<dyn Host + '_> {
        Box::new(SharedFleet::host(self))
    }

    fn steps(&self, roster: &[Member]) -> Result<Box<dyn PureSteps + '_>, NodeFailure> {
        Ok(Box::new(SharedFleet::steps(self, roster.to_vec())))
    }
}
