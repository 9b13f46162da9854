//! A pool of node processes. The nodes of a run are in different processes, so that they cannot share
//! a global.

use std::io;
use std::time::Duration;

use faultlab::hosting::Output;

use crate::exchange::PendingRequest;
use crate::exit::{ProcessExit, ProcessFailure};
use crate::host::RemoteHost;
use crate::process::Process;
use crate::stateless_host::StatelessHost;

/// Starts the process with this number.
type Start<'f> = Box<dyn FnMut(usize) -> io::Result<Process> + Send + 'f>;

/// Processes of one submission, started on demand.
///
/// With `n` processes, the node in slot `k` of every run is in process `k mod n`. If a run has at most
/// `n` nodes, no two of them share a process.
pub struct ProcessPool<'f> {
    start: Start<'f>,
    pub(crate) members: Vec<Member>,
    infra_error: Option<io::Error>,
    last_failure: Option<ProcessFailure>,
    started: u64,
    limit: Duration,
    /// What the step being read did, and the command after it.
    pub(crate) outputs: [Output; 2],
}

/// A process of a pool, and the requests to it.
#[derive(Default)]
pub(crate) struct Member {
    /// Absent until it is needed.
    pub(crate) process: Option<Process>,
    /// Whether it contained nodes that have been dropped.
    used: bool,
    /// The pending requests, in order.
    pub(crate) pending: Vec<PendingRequest>,
    /// The number of its pending requests, added up each time the next process was chosen.
    pub(crate) wait_weight: usize,
}

impl Member {
    fn failure(&self) -> Option<&ProcessFailure> {
        self.process.as_ref().and_then(Process::failure)
    }

    /// Ends the process, and drops the requests to it.
    fn end(&mut self) {
        self.process = None;
        self.pending.clear();
        self.wait_weight = 0;
    }
}

impl<'f> ProcessPool<'f> {
    /// At most `processes_max` processes, each started by `start` when its first node is
    /// constructed.
    ///
    /// # Panics
    /// When `processes_max` is 0.
    pub fn new(
        processes_max: usize,
        start: impl FnMut(usize) -> io::Result<Process> + Send + 'f,
    ) -> Self {
        assert!(processes_max > 0, "nodes need at least one process");
        Self {
            start: Box::new(start),
            members: (0..processes_max).map(|_| Member::default()).collect(),
            infra_error: None,
            last_failure: None,
            started: 0,
            limit: Duration::MAX,
            outputs: [Output::new(), Output::new()],
        }
    }

    /// A host for the run with this small number.
    pub fn host(&mut self, run: usize) -> RemoteHost<'_, 'f> {
        RemoteHost::new(self, run, Vec::new())
    }

    /// A host for one run that keeps the nodes' states and sends them to a different process for each
    /// step.
    pub fn stateless_host(&mut self) -> StatelessHost<'_, 'f> {
        StatelessHost::new(self)
    }

    /// A host for one of many concurrent runs, whose nodes are already constructed and of these kinds.
    pub(crate) fn host_for_run(&mut self, run: usize, kinds: Vec<String>) -> RemoteHost<'_, 'f> {
        RemoteHost::new(self, run, kinds)
    }

    /// Records that these processes contained nodes that have been dropped.
    pub(crate) fn mark_used(&mut self) {
        for member in &mut self.members {
            member.used |= member.process.is_some();
        }
    }

    /// Ends failed processes, so that they are replaced, and clears the failures. Returns whether one
    /// of them contained nodes of earlier runs.
    pub(crate) fn replace_lost(&mut self) -> bool {
        self.note_infra_error();
        let mut used = false;
        for member in self.members.iter_mut().filter(|member| member.failure().is_some()) {
            member.end();
            used |= member.used;
        }
        used
    }

    /// Limits the duration of exchanges from now on, though never beyond the limit with which a
    /// process was created.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn limit_exchanges(&mut self, limit: Duration) -> io::Result<()> {
        self.limit = limit;
        let mut processes = self.members.iter_mut().filter_map(|member| member.process.as_mut());
        processes.try_for_each(|process| process.limit(limit))
    }

    /// Ends all processes. They are started again, empty, on demand.
    pub fn restart(&mut self) {
        self.replace();
        self.last_failure = None;
    }

    /// [Restarts](Self::restart) the pool if a process has failed. What runs next then gets fresh processes.
    pub fn restart_if_failed(&mut self) {
        if self.last_failure().is_some() {
            self.restart();
        }
    }

    /// Ends all processes but the first, and those that failed. They are started again, empty, on
    /// demand.
    pub fn restart_all_but_first(&mut self) {
        self.replace_lost();
        self.members.iter_mut().skip(1).for_each(Member::end);
        self.last_failure = None;
    }

    /// The last process failure since [`ProcessPool::restart`], even if the process has been
    /// replaced.
    #[must_use]
    pub fn last_failure(&self) -> Option<&ProcessFailure> {
        self.failure().or(self.last_failure.as_ref())
    }

    /// Ends all processes and keeps the failure of one.
    pub(crate) fn replace(&mut self) {
        self.note_infra_error();
        self.last_failure = self.last_failure().cloned();
        self.members.iter_mut().for_each(Member::end);
    }

    /// The first process that failed, and why.
    #[must_use]
    pub fn failure(&self) -> Option<&ProcessFailure> {
        self.members.iter().find_map(Member::failure)
    }

    /// The total number of started processes.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Fails if a process could not be *started*, or its exit is unknown. Those are infrastructure
    /// errors: results obtained in the meantime say nothing about the submission.
    ///
    /// # Errors
    /// The first such error since the last call.
    pub fn check(&mut self) -> io::Result<()> {
        self.note_infra_error();
        self.infra_error.take().map_or(Ok(()), Err)
    }

    /// Records an unknown exit, if there is one, and replaces the process so that it is recorded
    /// only once.
    fn note_infra_error(&mut self) {
        for member in &mut self.members {
            if let Some(ProcessFailure::Ended(ProcessExit::Unknown(why))) = member.failure() {
                self.infra_error.get_or_insert_with(|| io::Error::other(why.clone()));
                member.end();
            }
        }
    }

    /// The number of the process for this slot.
    pub(crate) fn process_of(&self, slot: usize) -> usize {
        slot % self.members.len()
    }

    /// The process with this number, started if necessary.
    pub(crate) fn process(&mut self, number: usize) -> Result<&mut Process, ProcessFailure> {
        let member = &mut self.members[number];
        if member.process.is_none() {
            let started = (self.start)(number).and_then(|mut process| {
                process.limit(self.limit)?;
                Ok(process)
            });
            match started {
                Ok(process) => {
                    self.started += 1;
                    member.used = false;
                    member.process = Some(process);
                }
                Err(error) => {
                    let failure = ProcessFailure::NotStarted(error.to_string());
                    self.infra_error.get_or_insert(error);
                    return Err(failure);
                }
            }
        }
        Ok(member.process.as_mut().expect("it was started"))
    }
}
