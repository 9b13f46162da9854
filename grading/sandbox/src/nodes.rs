//! Nodes in a confined process.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use faultlab::worker::remote::Process;

use crate::job::Job;
use crate::sandbox::{Sandbox, SandboxError};

impl Sandbox {
    /// Starts a submission's binary in nodes mode, with one end of a socket as its standard input. No
    /// exchange with it may take longer than `exchange_max`.
    ///
    /// # Errors
    /// As [`Sandbox::start`].
    pub fn start_nodes(&self, job: &Job, exchange_max: Duration) -> Result<Process, SandboxError> {
        let (ours, theirs) = UnixStream::pair()?;
        let confined = self.start_with(job, Stdio::from(OwnedFd::from(theirs)))?;
        Ok(Process::new(ours, confined, exchange_max)?)
    }
}
