//! The systems that the tests run, and the processes that serve their nodes.

use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use faultlab::hosting::LocalHost;
use faultlab::property::{clients_done, max_state_bytes, results_ok};
use faultlab::simulate::{Network, Options, Outcome, Scenario, Simulation};
use faultlab_remote::{
    Logging, Process, ProcessFailure, ProcessHandle, ProcessPool, RunCompletion, RunLog,
    SERVE_NODES, SharedProcessPool, run_batched,
};

use crate::common::{Fault, client_node, server_node, submission};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// This program as a node process that serves the nodes of the submission of this name.
fn node_process(submission: &str) -> io::Result<Command> {
    let mut program = Command::new(std::env::current_exe()?);
    program.args([SERVE_NODES, submission]).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(program)
}

/// Starts a node process for this submission.
pub(super) fn start(submission: &str, limit: Duration) -> io::Result<Process> {
    Process::spawn(&mut node_process(submission)?, limit)
}

/// The same with another process handle.
pub(super) fn start_as<L: ProcessHandle + 'static>(
    submission: &str,
    limit: Duration,
    handle: impl FnOnce(Child) -> L,
) -> io::Result<Process> {
    let (ours, theirs) = UnixStream::pair()?;
    let child = node_process(submission)?.stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
    Process::new(ours, handle(child), limit)
}

pub(super) fn pool(processes: usize) -> ProcessPool<'static> {
    ProcessPool::new(processes, |_| start("adder", 20 * SECOND))
}

pub(super) fn shared_pool(limit: Duration) -> SharedProcessPool<'static> {
    SharedProcessPool::new(ProcessPool::new(2, move |_| start("adder", limit)))
}

pub(super) fn scenario(fault: Fault, clients: usize) -> Scenario {
    let scenario = Scenario::new().node(server_node(fault));
    let scenario = scenario.nodes((1..=clients).map(|number| client_node(number, 10)));
    let scenario = scenario.network(Network::unreliable()).until_done(60 * SECOND);
    let scenario = scenario.check(clients_done()).check(max_state_bytes(10_000));
    // A client knows which sums to expect only if it is the only one.
    if clients == 1 { scenario.check(results_ok()) } else { scenario }
}

pub(super) fn local(scenario: &Scenario, seed: u64) -> Outcome {
    let submission = submission();
    Simulation::new(scenario.clone(), seed)
        .run(&mut LocalHost::new(&submission), Options::default())
}

/// Batched runs. After one that times out, the rest is skipped.
pub(super) fn run_all(
    runs: &[(&Scenario, u64)],
    pool: &mut ProcessPool<'_>,
) -> io::Result<Vec<Option<RunCompletion>>> {
    let mut lost = |index: usize, failure: &ProcessFailure| match failure {
        ProcessFailure::TimedOut => index + 1..runs.len(),
        _ => 0..0,
    };
    let ended = run_batched(runs, &|_| Logging::Nothing, pool, &mut lost, &mut || false)?;
    Ok(ended.into_iter().map(|(ended, _)| ended).collect())
}

/// The outcomes and logs of runs, all of which must finish.
pub(super) fn logged(
    scenario: &Scenario,
    seeds: Range<u64>,
    keep: Logging,
    pool: &mut ProcessPool<'_>,
) -> Vec<(Outcome, RunLog)> {
    let runs: Vec<_> = seeds.map(|seed| (scenario, seed)).collect();
    let ended = run_batched(&runs, &|_| keep, pool, &mut |_, _| 0..0, &mut || false);
    let over = |(ended, log)| match ended {
        Some(RunCompletion::Finished(outcome)) => (outcome, log),
        lost => panic!("{lost:?}"),
    };
    ended.expect("processes can be started").into_iter().map(over).collect()
}

pub(super) fn run_seeds(
    scenario: &Scenario,
    seeds: u64,
    pool: &mut ProcessPool<'_>,
) -> Vec<Option<RunCompletion>> {
    let runs: Vec<_> = (0..seeds).map(|seed| (scenario, seed)).collect();
    run_all(&runs, pool).expect("processes can be started")
}
