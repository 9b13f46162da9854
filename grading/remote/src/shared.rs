//! A process pool that several engines use, one after the other.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use faultlab::Address;
use faultlab::hosting::pure::PureSteps;
use faultlab::hosting::{Event, Host, NodeDescriptor, NodeFailure, NodeProvider, Output, Payload};

use crate::exit::ProcessFailure;
use crate::host::RemoteHost;
use crate::process_pool::ProcessPool;
use crate::steps::RemoteSteps;

/// The number of runs that can have different numbers at the same time.
const RUNS_MAX: usize = 256;

/// A process pool behind a lock, which provides hosts and steps.
pub struct SharedProcessPool<'f> {
    pool: Mutex<ProcessPool<'f>>,
    next_run: AtomicUsize,
}

impl<'f> SharedProcessPool<'f> {
    /// Shares a pool.
    #[must_use]
    pub fn new(pool: ProcessPool<'f>) -> Self {
        Self { pool: Mutex::new(pool), next_run: AtomicUsize::new(0) }
    }

    /// Locks the pool.
    pub fn lock(&self) -> MutexGuard<'_, ProcessPool<'f>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host for one run. Dropping it drops the nodes.
    #[must_use]
    pub fn host(&self) -> SharedHost<'_, 'f> {
        let run = self.next_run.fetch_add(1, Ordering::Relaxed) % RUNS_MAX;
        SharedHost { shared: self, run, kinds: Vec::new() }
    }

    /// Computes steps of these nodes.
    #[must_use]
    pub fn steps(&self, nodes: Vec<NodeDescriptor>) -> RemoteSteps<'_, 'f> {
        RemoteSteps::new(self, nodes)
    }

    /// The last process failure since the pool was restarted by its owner.
    #[must_use]
    pub fn failure(&self) -> Option<ProcessFailure> {
        self.lock().last_failure().cloned()
    }

    /// Whether a process could not be started; see [`ProcessPool::check`].
    ///
    /// # Errors
    /// The first such error since the last call.
    pub fn check(&self) -> io::Result<()> {
        self.lock().check()
    }
}

/// The nodes run in the processes of the pool.
impl NodeProvider for SharedProcessPool<'_> {
    fn host(&self) -> Box<dyn Host + '_> {
        Box::new(SharedProcessPool::host(self))
    }

    fn steps(&self, nodes: &[NodeDescriptor]) -> Result<Box<dyn PureSteps + '_>, NodeFailure> {
        Ok(Box::new(SharedProcessPool::steps(self, nodes.to_vec())))
    }
}

/// A [`RemoteHost`] of a shared pool.
pub struct SharedHost<'a, 'f> {
    shared: &'a SharedProcessPool<'f>,
    run: usize,
    kinds: Vec<String>,
}

impl<'f> SharedHost<'_, 'f> {
    fn with<V>(&mut self, ask: impl FnOnce(&mut RemoteHost<'_, 'f>) -> V) -> V {
        let mut pool = self.shared.lock();
        let mut host = RemoteHost::new(&mut pool, self.run, std::mem::take(&mut self.kinds));
        let answer = ask(&mut host);
        self.kinds = host.into_kinds();
        answer
    }
}

impl Drop for SharedHost<'_, '_> {
    fn drop(&mut self) {
        self.shared.lock().forget(self.run..self.run + 1);
    }
}

impl Host for SharedHost<'_, '_> {
    fn make(
        &mut self,
        slot: usize,
        kind: &str,
        address: Address,
        arguments: &[u8],
    ) -> Result<(), NodeFailure> {
        self.with(|host| host.make(slot, kind, address, arguments))
    }

    fn step(
        &mut self,
        slot: usize,
        event: Event<'_>,
        output: &mut Output,
    ) -> Result<(), NodeFailure> {
        self.with(|host| host.step(slot, event, output))
    }

    fn state(&mut self, slot: usize, bytes: &mut Vec<u8>) -> Result<(), NodeFailure> {
        self.with(|host| host.state(slot, bytes))
    }

    fn observe(&mut self, slot: usize, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        self.with(|host| host.observe(slot, question))
    }

    fn show(
        &mut self,
        slot: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        self.with(|host| host.show(slot, what, bytes, pretty))
    }
}
