//! Out-of-process nodes: the runs are the same as in process, byte for byte, and processes that exit, loop
//! or send wrong bytes do no harm.
#![cfg(unix)]

#[path = "fixtures/at_most_once.rs"]
mod at_most_once;
mod common;

use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use at_most_once::Keys;
use common::{Fault, Message, client, client_node, server, server_node, submission};
use faultlab::hosting::pure::{Answers, Batch, PureSteps, Request, StepFailure};
use faultlab::hosting::remote::{
    self, Process, ProcessExit, ProcessFailure, ProcessHandle, ProcessPool, SharedProcessPool,
};
use faultlab::hosting::{Event, Host, LocalHost, NodeDescriptor, NodeFailure, Payload};
use faultlab::property::{
    CheckError, Property, clients_done, max_state_bytes, none_decided, results_ok, violated,
};
use faultlab::random::mix;
use faultlab::search::{self, Report, Search, Statistics};
use faultlab::simulate::{
    Intervention, Latency, LinkConditions, Logging, Network, Options, Outcome, RunCompletion,
    RunLog, Scenario, Simulation, record_from_logs, rerun, run_batched,
};
use faultlab::trace::{MemoryRecorder, Trace};
use faultlab::workload::Workload;
use faultlab::{FaultModel, NodeSpec, codec};

const SECOND: Duration = Duration::from_secs(1);

/// The environment variable that makes this test program serve nodes.
const SERVES: &str = "FAULTLAB_TEST_SERVES";

/// Not a test: the node processes that the tests start run this function.
#[test]
fn node_server_entry_point() {
    let submission = match std::env::var(SERVES).as_deref() {
        Ok("adder") => submission(),
        Ok("at-most-once") => at_most_once::submission(),
        _ => return,
    };
    remote::serve_stdin(&submission).expect("the engine speaks the protocol");
}

/// Starts this program again to serve this submission, with only that function.
fn start(submission: &str, limit: Duration) -> io::Result<Process> {
    start_as(submission, limit, |child| child)
}

/// The same with another process handle.
fn start_as<L: ProcessHandle + 'static>(
    submission: &str,
    limit: Duration,
    handle: impl FnOnce(Child) -> L,
) -> io::Result<Process> {
    let (ours, theirs) = UnixStream::pair()?;
    let child = Command::new(std::env::current_exe()?)
        .args(["--exact", "node_server_entry_point", "--nocapture", "--test-threads=1"])
        .env(SERVES, submission)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Process::new(ours, handle(child), limit)
}

fn pool(processes: usize) -> ProcessPool<'static> {
    ProcessPool::new(processes, |_| start("adder", 20 * SECOND))
}

fn scenario(fault: Fault, clients: usize) -> Scenario {
    let scenario = Scenario::new().node(server_node(fault));
    let scenario = scenario.nodes((1..=clients).map(|number| client_node(number, 10)));
    let scenario = scenario.network(Network::unreliable()).until_done(60 * SECOND);
    let scenario = scenario.check(clients_done()).check(max_state_bytes(10_000));
    // A client knows which sums to expect only if it is the only one.
    if clients == 1 { scenario.check(results_ok()) } else { scenario }
}

fn local(scenario: &Scenario, seed: u64) -> Outcome {
    let submission = submission();
    Simulation::new(scenario.clone(), seed)
        .run(&mut LocalHost::new(&submission), Options::default())
}

/// Batched runs. After one that times out, the rest is skipped.
fn run_all(
    runs: &[(&Scenario, u64)],
    pool: &mut ProcessPool<'_>,
) -> io::Result<Vec<Option<RunCompletion>>> {
    let ended =
        run_batched(runs, &|_| Logging::Nothing, pool, &mut |index, failure| match failure {
            ProcessFailure::TimedOut(_) => index + 1..runs.len(),
            ProcessFailure::Ended(_) | ProcessFailure::ProtocolError(_) => 0..0,
        })?;
    Ok(ended.into_iter().map(|(ended, _)| ended).collect())
}

/// The outcomes and logs of runs, all of which must finish.
fn logged(
    scenario: &Scenario,
    seeds: Range<u64>,
    keep: Logging,
    pool: &mut ProcessPool<'_>,
) -> Vec<(Outcome, RunLog)> {
    let runs: Vec<_> = seeds.map(|seed| (scenario, seed)).collect();
    let ended = run_batched(&runs, &|_| keep, pool, &mut |_, _| 0..0);
    let over = |(ended, log)| match ended {
        Some(RunCompletion::Finished(outcome)) => (outcome, log),
        lost => panic!("{lost:?}"),
    };
    ended.expect("processes can be started").into_iter().map(over).collect()
}

fn run_seeds(
    scenario: &Scenario,
    seeds: u64,
    pool: &mut ProcessPool<'_>,
) -> Vec<Option<RunCompletion>> {
    let runs: Vec<_> = (0..seeds).map(|seed| (scenario, seed)).collect();
    run_all(&runs, pool).expect("processes can be started")
}

fn assert_same_as_local(scenario: &Scenario, seeds: u64, pool: &mut ProcessPool<'_>) {
    let remote = run_seeds(scenario, seeds, pool);
    for (seed, outcome) in (0..seeds).zip(remote) {
        assert_eq!(outcome, Some(RunCompletion::Finished(local(scenario, seed))), "seed {seed}");
    }
}

#[test]
fn batched_runs_match_in_process_runs() {
    let mut pool = pool(4);
    // More runs than advance together, and more nodes than processes.
    assert_same_as_local(&scenario(Fault::None, 1), 300, &mut pool);
    assert_same_as_local(&scenario(Fault::None, 5), 20, &mut pool);
    assert_eq!(pool.started(), 4, "the processes are reused");
}

#[test]
fn batched_runs_match_in_process_runs_under_interventions() {
    let scenarios: Vec<Scenario> = (0..600).map(anything).collect();
    let runs: Vec<_> = scenarios.iter().zip(0..).collect();
    let mut pool = pool(7);
    let ended = run_all(&runs, &mut pool).expect("processes can be started");
    for (&(scenario, seed), ended) in runs.iter().zip(ended) {
        assert_eq!(
            ended,
            Some(RunCompletion::Finished(local(scenario, seed))),
            "{seed}: {scenario:#?}"
        );
    }
}

/// A random scenario with many kinds of events. Its last check puts all states into the outcome.
fn anything(number: u64) -> Scenario {
    let mut drawn = number << 32;
    let mut below = |limit: u64| {
        drawn += 1;
        mix(drawn) % limit
    };
    let ms = Duration::from_millis;
    let states = || {
        Property::new("the outcome has all states", |view| {
            let nodes = view.nodes();
            let states: Vec<_> = nodes.into_iter().map(|node| view.state(node)).collect();
            Err(violated("nothing", format!("{states:?}")))
        })
    };
    let looked_at = || {
        Property::new("every node can be queried", |view| {
            let nodes = view.nodes();
            nodes.into_iter().try_for_each(|node| match view.state(node) {
                Ok(_) => Ok(()),
                Err(failure) => Err(CheckError::Node(node, failure)),
            })
        })
    };
    let clients = 1 + below(5) as usize;
    let mut some_client = |number: usize| {
        let kind = if below(3) == 0 { "client" } else { "hasty-client" };
        let work = match below(12) {
            0 => Workload::<u64, u64>::infinite(|turn| turn.index),
            _ => Workload::of(0..below(12)),
        };
        let work = if below(4) == 0 { work.every(ms(1 + below(30))) } else { work };
        NodeSpec::client(kind, client(number), &server(), work)
    };
    let nodes: Vec<NodeSpec> = (1..=clients).map(&mut some_client).collect();
    let late = some_client(9);
    let fault = if below(4) == 0 { Fault::PanicsAt(5) } else { Fault::None };
    let mut scenario = Scenario::new().node(server_node(fault)).nodes(nodes);
    // With slow messages, many steps are certain at a time.
    let slow = LinkConditions {
        latency: Latency::between(ms(30), ms(60)),
        ..LinkConditions::unreliable()
    };
    scenario = match below(4) {
        0 | 1 => scenario.link_conditions(slow),
        2 => scenario.network(Network::reliable().sender(server(), LinkConditions::unreliable())),
        _ => scenario.network(Network::unreliable()),
    };
    if below(3) == 0 {
        scenario = scenario.fault_model(FaultModel::RELIABLE_IN_ORDER_FAIL_STOP);
    }
    for _ in 0..below(6) {
        let one = client(1 + below(clients as u64) as usize);
        let (from, to) = if below(2) == 0 { (one, server()) } else { (server(), one) };
        let what = match below(10) {
            0 => Intervention::Cut { from, to },
            1 => Intervention::Hold { from, to },
            2 => Intervention::Repair { from, to },
            3 => Intervention::Isolate(one),
            4 => Intervention::Heal,
            5 => Intervention::DropNext { from, to, count: 3 },
            6 => Intervention::Crash(one),
            7 => Intervention::Start(late.clone()),
            8 => Intervention::LinkConditions(Network::unreliable()),
            _ => Intervention::Check(looked_at()),
        };
        scenario = match below(3) {
            0 => scenario.when_answered(one, below(6), what),
            _ => scenario.at(ms(below(400)), what),
        };
    }
    scenario = match below(3) {
        0 => scenario.until(ms(below(2_000))),
        _ => scenario.until_done(ms(3_000)).observe_for(ms(below(2) * 40)),
    };
    if below(2) == 0 {
        scenario = scenario.until_stalled(ms(5 + below(400)));
    }
    scenario.check(states())
}

#[test]
fn out_of_process_failures_match_in_process_failures() {
    let mut pool = pool(2);
    let faults = [
        Fault::ExecutesDuplicates,
        Fault::PanicsAt(3),
        Fault::NotWritten,
        Fault::Floods,
        Fault::SendsToNobody,
        Fault::PrintsAndLogs,
    ];
    for fault in faults {
        assert_same_as_local(&scenario(fault, 1), 10, &mut pool);
    }
    assert_eq!(pool.started(), 2, "none of these ends a process");
}

#[test]
fn a_recorded_run_has_the_same_trace() {
    let record = |host: &mut dyn Host| -> (Outcome, Trace) {
        let mut sink = MemoryRecorder::new();
        let options = Options { recorder: Some(&mut sink), ..Options::default() };
        let outcome = Simulation::new(scenario(Fault::PrintsAndLogs, 2), 3).run(host, options);
        (outcome, sink.into_trace().expect("a recorded run has a trace"))
    };
    let submission = submission();
    let here = record(&mut LocalHost::new(&submission));
    let mut pool = pool(3);
    let mut there = pool.host(0);
    assert_eq!(here, record(&mut there));
}

#[test]
fn a_trace_recorded_from_a_log_is_the_same() {
    let submission = submission();
    let mut pool = pool(3);
    for fault in [Fault::None, Fault::PrintsAndLogs, Fault::PanicsAt(3), Fault::SendsToNobody] {
        let scenario = scenario(fault, 2);
        let here = |seed| {
            let mut sink = MemoryRecorder::new();
            let options = Options { recorder: Some(&mut sink), ..Options::default() };
            let simulation = Simulation::new(scenario.clone(), seed);
            let outcome = simulation.run(&mut LocalHost::new(&submission), options);
            (outcome, sink.into_trace())
        };
        let runs = logged(&scenario, 0..4, Logging::States, &mut pool);
        let logs: Vec<_> = runs.iter().map(|(outcome, log)| (log, outcome)).collect();
        let mut traces = Vec::new();
        let same = record_from_logs(&logs, &mut pool, &mut |index, host, for_good| {
            let mut sink = MemoryRecorder::new();
            let options = Options { recorder: Some(&mut sink), ..Options::default() };
            let outcome = Simulation::new(scenario.clone(), index as u64).run(host, options);
            if for_good {
                traces.push(sink.into_trace());
            }
            Some(outcome)
        });
        assert_eq!(same, [true; 4], "{fault:?}");
        for (seed, ((outcome, _), trace)) in (0..).zip(runs.iter().zip(traces)) {
            let (expected, mut expected_trace) = here(seed);
            assert_eq!(*outcome, expected, "{fault:?}, seed {seed}");
            // A node's output stays in its process.
            for event in expected_trace.iter_mut().flat_map(|trace| &mut trace.events) {
                event.printed.clear();
            }
            assert_eq!(trace, expected_trace, "{fault:?}, seed {seed}");
        }
    }
}

#[test]
fn rerunning_a_log_detects_hidden_state() {
    let mut pool = pool(3);
    for (fault, is_same) in [
        (Fault::None, true),
        (Fault::PanicsAt(3), true),
        (Fault::KeepsAGlobal, false),
        (Fault::CountsInAGlobal, false),
    ] {
        let runs = logged(&scenario(fault, 2), 0..3, Logging::Log, &mut pool);
        let logs: Vec<_> = (0..).zip(&runs).map(|(process, (_, log))| (process, log)).collect();
        pool.restart();
        let again = rerun(&logs, &mut pool).expect("processes can be started");
        assert_eq!(again, [is_same; 3], "{fault:?}");
        pool.restart();
    }
}

#[test]
fn the_stateless_host_detects_hidden_state() {
    let mut pool = pool(2);
    let mut stateless = |scenario: &Scenario| {
        Simulation::new(scenario.clone(), 4).run(&mut pool.stateless_host(), Options::default())
    };
    let correct = scenario(Fault::None, 3);
    assert_eq!(stateless(&correct), local(&correct, 4));
    let global = scenario(Fault::KeepsAGlobal, 3);
    assert_eq!(local(&global, 4), local(&global, 4), "runs in one process agree");
    assert_ne!(stateless(&global).digest, local(&global, 4).digest);
}

#[test]
fn a_process_exit_affects_only_its_own_run() {
    for (fault, how) in [
        (Fault::Exits(7), ProcessExit::Exited(0)),
        (Fault::OverflowsAt(7), ProcessExit::Signalled(6)),
    ] {
        // The fault is after the last command of a run that ends earlier.
        let fatal = scenario(fault, 1);
        let harmless = scenario(Fault::None, 1);
        // More runs than are repeated together after a process was lost, so that it takes two steps to find
        // the one that ended it.
        let is_fatal = |seed| seed == 5 || seed == 21;
        let runs: Vec<_> =
            (0..24).map(|seed| (if is_fatal(seed) { &fatal } else { &harmless }, seed)).collect();
        let mut pool = pool(2);
        let ended = run_all(&runs, &mut pool).expect("processes can be started");
        for (&(scenario, seed), ended) in runs.iter().zip(ended) {
            let expected = match is_fatal(seed) {
                true => RunCompletion::ProcessFailed(ProcessFailure::Ended(how.clone())),
                false => RunCompletion::Finished(local(scenario, seed)),
            };
            assert_eq!(ended, Some(expected), "seed {seed}");
        }
    }
}

#[test]
fn an_infinite_loop_costs_one_run_and_bounded_time() {
    let endless = scenario(Fault::LoopsAt(3), 1);
    let start_time = Instant::now();
    let limit = SECOND / 4;
    let mut pool = ProcessPool::new(2, |_| start("adder", limit));
    let ended = run_seeds(&endless, 5, &mut pool);
    assert!(start_time.elapsed() < 10 * SECOND);
    assert_eq!(ended[0], Some(RunCompletion::ProcessFailed(ProcessFailure::TimedOut(limit))));
    assert_eq!(&ended[1..], [None, None, None, None], "no other run is started");
}

#[test]
fn failing_to_start_a_process_is_an_infra_error() {
    let mut pool = ProcessPool::new(2, |number| match number {
        0 => start("adder", SECOND),
        _ => Err(io::Error::other("no such program")),
    });
    let scenario = scenario(Fault::None, 1);
    let error = run_all(&[(&scenario, 1)], &mut pool).unwrap_err();
    assert_eq!(error.to_string(), "no such program");
}

#[test]
fn reruns_fail_when_no_process_starts() {
    let scenario = scenario(Fault::None, 1);
    let keep = |_| Logging::Log;
    let ended = run_batched(&[(&scenario, 1)], &keep, &mut pool(2), &mut |_, _| 0..0);
    let ended = ended.expect("processes can be started");
    let mut none = ProcessPool::new(2, |_| Err(io::Error::other("no such program")));
    let error = rerun(&[(0, &ended[0].1)], &mut none).unwrap_err();
    assert_eq!(error.to_string(), "no such program");
}

#[test]
fn an_unknown_exit_is_an_infra_error() {
    struct Unwatched(Child);
    impl ProcessHandle for Unwatched {
        fn end(&mut self, grace: Duration) -> ProcessExit {
            self.0.end(grace);
            ProcessExit::Unknown("the sandbox is gone".to_owned())
        }
    }
    let mut pool = ProcessPool::new(2, |_| start_as("adder", SECOND, Unwatched));
    let scenario = scenario(Fault::Exits(2), 1);
    let error = run_all(&[(&scenario, 1)], &mut pool).unwrap_err();
    assert_eq!(error.to_string(), "the sandbox is gone");
    assert_eq!(pool.failure(), None);
    assert!(pool.check().is_ok(), "the error is returned once");
}

#[test]
fn exchange_finished_is_called_after_the_last_answer() {
    struct Counting(Child, Arc<AtomicUsize>);
    impl ProcessHandle for Counting {
        fn end(&mut self, grace: Duration) -> ProcessExit {
            self.0.end(grace)
        }
        fn exchange_finished(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    let answered = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&answered);
    let mut pool = ProcessPool::new(1, move |_| {
        start_as("adder", SECOND, |child| Counting(child, Arc::clone(&counter)))
    });
    let arguments = codec::encode(&Fault::None).expect("a fault encodes");
    pool.host(0).make(0, "server", server(), &arguments).expect("it is made");
    assert_eq!(answered.load(Ordering::Relaxed), 1);
}

/// Connects the engine to a script instead of a node process. Returns the answer and the process failure.
fn against(
    script: impl FnOnce(UnixStream) + Send + 'static,
) -> (Result<(), NodeFailure>, ProcessFailure) {
    struct NoProcess;
    impl ProcessHandle for NoProcess {
        fn end(&mut self, _: Duration) -> ProcessExit {
            ProcessExit::Other("was never started".to_owned())
        }
    }
    let mut script = Some(script);
    let mut pool = ProcessPool::new(1, move |_| {
        let (ours, theirs) = UnixStream::pair()?;
        let script = script.take().expect("one process is started");
        std::thread::spawn(move || script(theirs));
        Process::new(ours, NoProcess, SECOND / 2)
    });
    let asked = pool.host(0).make(0, "server", server(), &[]);
    (asked, pool.failure().expect("the process is lost").clone())
}

fn read_request(stream: &mut UnixStream) {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut request = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut request).unwrap();
}

#[test]
fn protocol_errors_end_the_process() {
    let scripts: [(&str, &[u8]); 5] = [
        ("a frame that is too long", &[0xff, 0xff, 0xff, 0xff]),
        ("an empty frame", &[0, 0, 0, 0]),
        ("a flag that is neither 0 nor 1", &[1, 0, 0, 0, 7]),
        ("more answers than requests", &[2, 0, 0, 0, 0, 0]),
        ("a byte string that is cut short", &[3, 0, 0, 0, 1, 0xff, 0x7f]),
    ];
    for (what, bytes) in scripts {
        let (asked, failure) = against(move |mut stream| {
            read_request(&mut stream);
            stream.write_all(bytes).unwrap();
        });
        assert_eq!(failure, ProcessFailure::ProtocolError(what.to_owned()));
        assert_eq!(asked, Err(failure.into()));
    }
}

#[test]
fn slow_answers_time_out() {
    let started = Instant::now();
    let (_, silent) = against(|mut stream| {
        read_request(&mut stream);
        std::thread::sleep(3 * SECOND);
    });
    assert_eq!(silent, ProcessFailure::TimedOut(SECOND / 2));
    let (_, dribbling) = against(|mut stream| {
        let mut bytes = [60, 0, 0, 0].into_iter().chain(std::iter::repeat(0));
        while stream.write_all(&[bytes.next().unwrap()]).is_ok() {
            std::thread::sleep(SECOND / 10);
        }
    });
    assert_eq!(dribbling, ProcessFailure::TimedOut(SECOND / 2));
    assert!(started.elapsed() < 3 * SECOND, "{:?}", started.elapsed());
}

#[test]
fn a_closed_stream_is_the_end_of_the_process() {
    let (asked, failure) = against(drop);
    assert_eq!(failure, ProcessFailure::Ended(ProcessExit::Other("was never started".to_owned())));
    assert_eq!(asked, Err(failure.into()));
}

#[test]
fn all_hosts_give_the_same_answers() {
    let submission = submission();
    let mut pool = pool(1);
    let mut other_pool = ProcessPool::new(1, |_| start("adder", 20 * SECOND));
    let shared = shared_pool(20 * SECOND);
    let hosts: [&mut dyn Host; 4] = [
        &mut shared.host(),
        &mut LocalHost::new(&submission),
        &mut pool.host(0),
        &mut other_pool.stateless_host(),
    ];
    let answers = hosts.map(|host| {
        let arguments = codec::encode(&Fault::None).expect("a fault encodes");
        let made = host.make(0, "server", server(), &arguments);
        let no_kind = host.make(1, "leader", server(), &[]);
        let mut state = Vec::new();
        let read = host.state(0, &mut state);
        let shown = host.show(0, Payload::State, &state, true);
        let refused = host.show(0, Payload::State, &[0xff], false);
        let observed = host.observe(0, &[]);
        let misasked = host.observe(0, &[1, 2, 3]);
        (made, no_kind, read, state, shown, refused, observed, misasked)
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[0], answers[3]);
    assert_eq!(answers[0].0, Ok(()));
}

/// A report without the parts that differ from run to run.
fn comparable(report: Report) -> (search::SearchResult, Statistics) {
    let statistics = Statistics { elapsed: Duration::ZERO, peak_bytes: 0, ..report.statistics };
    (report.result, statistics)
}

#[test]
fn out_of_process_search_matches_in_process() {
    for property in [None, Some(none_decided())] {
        let system = at_most_once::system(2, 3, Keys::Same);
        let pool = ProcessPool::new(2, |_| start("at-most-once", 20 * SECOND));
        let pool = SharedProcessPool::new(pool);
        let steps = pool.steps(system.descriptors());
        let search = Search::new(system);
        let search = property.into_iter().fold(search, Search::invariant);
        let remote = comparable(search.run_with(&steps));
        pool.check().expect("processes can be started");
        assert_eq!(remote, comparable(search.run(&at_most_once::submission())));
    }
}

/// The results of steps of the adder's server in its initial state, for each of these commands of a client.
fn server_steps(
    pool: &SharedProcessPool<'_>,
    fault: Fault,
    numbers: Range<u64>,
) -> Vec<Result<(), StepFailure>> {
    let arguments = codec::encode(&fault).expect("a fault encodes");
    let node = NodeDescriptor { kind: "server".to_owned(), address: server(), arguments };
    let steps = pool.steps(vec![node]);
    let state = steps.make(0).expect("a server is made");
    let mut batch = Batch::new();
    for number in numbers {
        let message = codec::encode(&Message::Add { number, amount: 1 }).expect("it encodes");
        let event = Event::Message { from: client(1), message: &message };
        batch.push(Request { node: 0, state: &state, event });
    }
    let mut answers = Answers::new();
    steps.run(&batch, &mut answers);
    assert_eq!(answers.len(), batch.len());
    (0..answers.len()).map(|index| answers.get(index).map(|_| ()).map_err(Clone::clone)).collect()
}

fn shared_pool(limit: Duration) -> SharedProcessPool<'static> {
    SharedProcessPool::new(ProcessPool::new(2, move |_| start("adder", limit)))
}

#[test]
fn the_step_that_ends_its_process_is_known() {
    let pool = shared_pool(20 * SECOND);
    let outcomes = server_steps(&pool, Fault::Exits(70), 1..101);
    let failed: Vec<usize> = (0..100).filter(|&index| outcomes[index].is_err()).collect();
    assert_eq!(failed, [69], "only number 70");
    let failure = outcomes[69].clone().unwrap_err().to_string();
    assert_eq!(failure, "the process running the node exited with code 0");
    assert_eq!(pool.failure(), Some(ProcessFailure::Ended(ProcessExit::Exited(0))));
    pool.check().expect("processes can be started");
}

#[test]
fn an_endless_step_costs_bounded_time() {
    let pool = shared_pool(SECOND / 4);
    let started = Instant::now();
    let outcomes = server_steps(&pool, Fault::LoopsAt(5), 1..101);
    assert!(started.elapsed() < 5 * SECOND, "{:?}", started.elapsed());
    assert!(outcomes[..4].iter().all(Result::is_ok));
    let failure = outcomes[4].clone().unwrap_err().to_string();
    assert_eq!(failure, "the process running the node gave no answer within 250ms");
}

#[test]
fn two_processes_that_disagree_are_not_deterministic() {
    let pool = shared_pool(20 * SECOND);
    let outcomes = server_steps(&pool, Fault::CountsInAGlobal, 1..101);
    let is_detected = |outcome: &Result<(), StepFailure>| {
        matches!(outcome, Err(StepFailure::NotDeterministic { .. }))
    };
    let detected = outcomes.iter().filter(|outcome| is_detected(outcome)).count();
    assert_eq!(detected, 100, "forwards and backwards, no step sees the same global");
}
