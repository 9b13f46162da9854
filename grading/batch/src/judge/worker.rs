//! The judge's worker: engine and suite run in one process, the submission's nodes in other, sandboxed
//! processes.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use faultlab_harness::supervisor::WorkerCommand;
use faultlab_harness::worker;
use faultlab_remote::{ProcessPool, SharedProcessPool};
use faultlab_sandbox::{ForkServer, Job, Sandbox};
use serde::{Deserialize, Serialize};

/// The argument that makes this program a judge's worker.
const WORKER_FLAG: &str = "--worker";

/// The most node processes per submission: at least as many as there are nodes in any system of a
/// suite, so that no two nodes of one system share a process.
const PROCESSES_MAX: usize = 32;

/// The time limit for answering a frame of requests, in real time. It is far longer than one takes,
/// and twice the processor time that a handler may take under run-tests.sh.
const EXCHANGE_MAX: Duration = Duration::from_secs(2);

/// A worker's instructions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instructions {
    /// The lab.
    pub lab: String,
    /// The compiled submission.
    pub program: PathBuf,
    /// How this machine confines it.
    pub sandbox: Sandbox,
}

impl Instructions {
    /// The command that starts a worker with these instructions.
    ///
    /// # Errors
    /// When this program cannot locate itself.
    pub fn command(&self) -> Result<WorkerCommand> {
        let program = env::current_exe().context("cannot locate this program")?;
        let arguments = vec![WORKER_FLAG.into(), serde_json::to_string(self)?.into()];
        Ok(WorkerCommand { program, arguments, holds_submission: false })
    }
}

/// Serves as a judge's worker, with instructions made by `Instructions::command`.
///
/// # Errors
/// If the instructions cannot be parsed.
pub fn serve(instructions: &str) -> Result<ExitCode> {
    let Instructions { lab, program, sandbox } = serde_json::from_str(instructions)?;
    let suite = super::suite(&lab)?;
    let mut server = ForkServer::new(sandbox, Job::nodes(&program));
    let pool = ProcessPool::new(PROCESSES_MAX, move |_| {
        server.start_nodes(EXCHANGE_MAX).map_err(io::Error::other)
    });
    Ok(worker::serve_out_of_process(&suite, &SharedProcessPool::new(pool)))
}
