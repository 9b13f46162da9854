//! Planners over made-up submissions: executed one by one in any order or in batches, a test has
//! the same report.

use faultlab::hosting::NodeFailure;
use faultlab::property::Violation;
use faultlab::random::{Random, Stream};
use faultlab::simulate::{Outcome, RunFailure, Scenario, Verdict};
use faultlab::trace::{Engine, EventKind, Header, Incarnation, Origin, Trace, TraceEvent};
use faultlab::{Address, FaultModel};
use faultlab_remote::{ProcessExit, ProcessFailure};
use faultlab_suites::SearchPlan;

use super::*;
use crate::report::{Shrinking, TestReport};
use crate::worker::protocol::{Compared, Done, Shrunk};

/// How many made-up submissions are tried.
const SUBMISSIONS: u64 = 300;

/// A made-up submission.
#[derive(Clone, Debug)]
struct Submission {
    /// What each seed's run does.
    runs: Vec<Behaviour>,
    /// What else influences runs.
    influence: Influence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Holds,
    Violates { steps: u64 },
    Todo,
    Crashes,
    Hangs,
    Floods,
    BreaksTheTest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Influence {
    Nothing,
    /// What earlier runs left in the process.
    EarlierRuns,
    /// Something else.
    Anything,
}

impl Submission {
    fn drawn(random: &mut Random) -> Self {
        let behaviour = |random: &mut Random| match random.below(12) {
            0 | 1 => Behaviour::Violates { steps: random.between(1, 3) },
            2 => Behaviour::Todo,
            3 => Behaviour::Crashes,
            4 => Behaviour::Hangs,
            5 => Behaviour::Floods,
            6 => Behaviour::BreaksTheTest,
            _ => Behaviour::Holds,
        };
        let runs = (0..random.between(1, 6)).map(|_| behaviour(random)).collect();
        let influences = [Influence::Nothing, Influence::EarlierRuns, Influence::Anything];
        Self { runs, influence: *random.pick(&influences) }
    }

    /// How the run of the seed at this index ends, as the run `number` of its process.
    fn end(&self, index: usize, number: u64, random: &mut Random) -> RunEnd {
        let verdict = match self.runs[index] {
            Behaviour::Holds => Verdict::Held,
            Behaviour::Violates { .. } => Verdict::Violated(Violation {
                property: "order".to_owned(),
                expected: "first things first".to_owned(),
                seen: format!("seed {index}"),
                about: None,
            }),
            Behaviour::Todo => Verdict::Failed(RunFailure::Node {
                node: Address::new("server1"),
                handler: "on_message".to_owned(),
                failure: NodeFailure::Panicked {
                    message: format!("not yet implemented: case {index}"),
                    location: None,
                },
            }),
            Behaviour::Crashes => {
                return RunEnd::Failed(ProcessFailure::Ended(ProcessExit::Exited(3)).into());
            }
            Behaviour::Hangs => return RunEnd::Failed(ProcessFailure::TimedOut.into()),
            Behaviour::Floods => {
                return RunEnd::Failed(ProcessFailure::Ended(ProcessExit::OutputLimit).into());
            }
            Behaviour::BreaksTheTest => return RunEnd::TestBroken("no such case".to_owned()),
        };
        let steps = match self.runs[index] {
            Behaviour::Violates { steps } => steps,
            _ => 9,
        };
        let influence = match self.influence {
            Influence::Nothing => 0,
            Influence::EarlierRuns => number.min(1),
            Influence::Anything => random.between(1, u64::MAX >> 8),
        };
        let digest = influence << 8 | index as u64;
        let also_violated = Vec::new();
        let (time_ns, sent, delivered, late) = (0, 0, 0, 0);
        let outcome =
            Outcome { verdict, also_violated, digest, steps, time_ns, sent, delivered, late };
        RunEnd::Done(Done::of_outcome(outcome))
    }

    /// The trace of that run, with this suffix. It depends on no chance, since reports are compared.
    fn trace(&self, index: usize, number: u64, suffix: &str) -> Trace {
        let server = Address::new("server1");
        let state = match self.influence {
            Influence::Nothing => 0,
            Influence::EarlierRuns => number.min(1),
            Influence::Anything => u64::from(suffix == Rerun::Used.suffix()),
        };
        let (kind, incarnation) = ("server".to_owned(), Incarnation::FIRST);
        let start = EventKind::Start { node: server, kind, incarnation };
        let mut event = TraceEvent::new(Some(0), start);
        event.state = Some(format!("Server {{ seed: {index}, runs: {state} }}"));
        let origin = Origin {
            lab: "toy".to_owned(),
            test: "1.1".to_owned(),
            title: "a made-up test".to_owned(),
        };
        let model = FaultModel::default();
        Trace {
            header: Header::new(Engine::Simulate, &origin, index as u64, model, vec![server]),
            events: vec![event],
            ending: None,
        }
    }

    /// What comes of shrinking that run: a run of one step, if it has more.
    fn shrink(&self, index: usize) -> ShrinkEnd {
        let RunEnd::Done(done) = self.end(index, 0, &mut Random::new(0, Stream::Setup)) else {
            panic!("a run that does not finish is not shrunk");
        };
        if done.outcome.steps == 1 {
            return ShrinkEnd::NotShrunk("it is short".to_owned());
        }
        let (original_events, runs, steps, is_cut_short) = (done.outcome.steps, 1, 1, false);
        let outcome = Outcome { steps: 1, ..done.outcome };
        let shrunk = Shrunk { outcome, original_events, runs, steps, is_cut_short };
        ShrinkEnd::Shrunk(Box::new(shrunk), Box::new(self.trace(index, 0, "-shrunk")))
    }

    /// What a worker finds that executes this.
    fn execute(&self, wanted: &Wanted, random: &mut Random) -> Found {
        let index_of = |run: &RunName| usize::try_from(run.seed).expect("it is an index");
        if let Purpose::Shrink(index) = wanted.purpose {
            return Found::Shrunk { index, end: self.shrink(index) };
        }
        let mut ends = Vec::new();
        // A worker that need not be fresh has run before.
        let earlier = u64::from(!wanted.fresh);
        let mut number = earlier;
        for run in wanted.before.iter().chain([&wanted.run]) {
            ends.push(self.end(index_of(run), number, random));
            number += 1;
            if matches!(ends.last(), Some(RunEnd::Failed(_))) {
                break;
            }
        }
        let recording = match wanted.output {
            Output::Trace { suffix } => Recording {
                trace: Some(self.trace(index_of(&wanted.run), number - 1, suffix)),
                printed: String::new(),
            },
            Output::Nothing | Output::HandlerCosts | Output::ShrunkTrace => Recording::default(),
        };
        Found::Runs { purpose: wanted.purpose, ends, recording: Box::new(recording) }
    }
}

/// Executes everything with this many workers, which finish in an order that is drawn.
fn one_by_one(
    planner: &mut TestPlanner<'_>,
    submission: &Submission,
    workers: usize,
    random: &mut Random,
) {
    let mut working: Vec<Wanted> = Vec::new();
    loop {
        while working.len() < workers
            && !working.iter().any(|wanted| wanted.exclusive)
            && let Some(wanted) = planner.wanted().into_iter().next()
            && (!wanted.exclusive || working.is_empty())
        {
            planner.begin(wanted.purpose);
            working.push(wanted);
        }
        if working.is_empty() {
            return;
        }
        let done = random.below(working.len() as u64);
        let done = working.swap_remove(usize::try_from(done).expect("it is an index"));
        planner.take_in(submission.execute(&done, random));
    }
}

/// Executes what can be batched.
fn batched(planner: &mut TestPlanner<'_>, submission: &Submission, random: &mut Random) {
    for wanted in planner.wanted() {
        let Found::Runs { purpose, mut ends, recording } = submission.execute(&wanted, random)
        else {
            unreachable!("only runs are executed")
        };
        let mut never_ends = false;
        for end in &mut ends {
            if let RunEnd::Failed(failure) = end {
                never_ends = failure.never_ends();
                *end = RunEnd::FailedAlone(failure.clone());
            }
        }
        planner.take_in(Found::Runs { purpose, ends, recording });
        if never_ends {
            break;
        }
    }
    if submission.influence == Influence::Nothing {
        planner.take_in(Found::Deterministic);
    }
    let reruns = |wanted: &Wanted| wanted.purpose == Purpose::Rerun(Rerun::Used);
    if let Some(wanted) = planner.wanted().into_iter().find(reruns) {
        let index = usize::try_from(wanted.run.seed).expect("it is an index");
        let mut digest = |number| match submission.end(index, number, random) {
            RunEnd::Done(done) => done.outcome.digest,
            end => panic!("a run that finished before: {end:?}"),
        };
        let digests = Compared { fresh: digest(0), second_fresh: digest(0), used: digest(2) };
        let traces = [(0, Rerun::Fresh), (2, Rerun::Used)]
            .map(|(number, rerun)| Some(submission.trace(index, number, rerun.suffix())));
        planner.take_in(Found::Compared { digests, traces: Box::new(traces) });
    }
    let records = |wanted: &Wanted| matches!(wanted.purpose, Purpose::Record { fresh: false, .. });
    if let Some(wanted) = planner.wanted().into_iter().find(records) {
        planner.take_in(submission.execute(&wanted, random));
    }
}

fn simulating() -> Test {
    let test = Test::run("1.1", "a made-up test").asserts("all is well").points(6);
    test.by_share_of_seeds().scenario(|_| Scenario::default())
}

fn searching() -> Test {
    let test = Test::search("1.1", "a made-up search").asserts("all is well").points(6);
    test.over_seeds().searches(|_| SearchPlan::default())
}

/// The planner of this test for seeds that are numbered from 0.
fn planner<'a>(test: &'a Test, submission: &Submission, out_of_process: bool) -> TestPlanner<'a> {
    let mut planner = TestPlanner::new(test, Seeds::Only(0), out_of_process);
    planner.runs = SeedRuns::new((0..submission.runs.len() as u64).collect());
    planner
}

fn report(planner: &TestPlanner<'_>) -> TestReport {
    let again = |number, seed| format!("again {number} {seed:?}");
    planner.report(&again).expect("everything is known")
}

#[test]
fn executed_one_by_one_or_in_batches_a_test_has_the_same_report() {
    let mut random = Random::new(1, Stream::Setup);
    let test = simulating();
    for number in 0..SUBMISSIONS {
        let submission = Submission::drawn(&mut random);
        let mut first = planner(&test, &submission, false);
        one_by_one(&mut first, &submission, 1, &mut random);
        let expected = report(&first);
        for workers in [2, 4] {
            let mut other = planner(&test, &submission, false);
            one_by_one(&mut other, &submission, workers, &mut random);
            assert_eq!(report(&other), expected, "{number}, {workers} workers: {submission:?}");
        }
        let mut other = planner(&test, &submission, true);
        batched(&mut other, &submission, &mut random);
        one_by_one(&mut other, &submission, 2, &mut random);
        assert_eq!(report(&other), expected, "{number}, batched: {submission:?}");
        assert_eq!(other.infra_error(), first.infra_error(), "{number}");
    }
}

#[test]
fn searches_can_be_executed_in_any_order() {
    let mut random = Random::new(2, Stream::Setup);
    let test = searching();
    for number in 0..SUBMISSIONS {
        let submission = Submission::drawn(&mut random);
        let report_with = |workers, random: &mut Random| {
            let mut planner = planner(&test, &submission, false);
            one_by_one(&mut planner, &submission, workers, random);
            report(&planner)
        };
        let expected = report_with(1, &mut random);
        assert_eq!(report_with(3, &mut random), expected, "{number}: {submission:?}");
    }
}

#[test]
fn a_run_whose_process_failed_is_repeated_alone_before_it_counts() {
    let mut random = Random::new(3, Stream::Setup);
    let test = simulating();
    let runs = vec![Behaviour::Holds, Behaviour::Holds];
    let submission = Submission { runs, influence: Influence::Nothing };
    let mut planner = planner(&test, &submission, false);
    let purposes = |planner: &TestPlanner<'_>| -> Vec<Purpose> {
        planner.wanted().into_iter().map(|wanted| wanted.purpose).collect()
    };
    assert_eq!(purposes(&planner), [Purpose::First(0), Purpose::First(1)]);
    planner.begin(Purpose::First(0));
    planner.begin(Purpose::First(1));
    let failure = ProcessFailure::TimedOut.into();
    planner.take_in(Found::Runs {
        purpose: Purpose::First(1),
        ends: vec![RunEnd::Failed(failure)],
        recording: Box::default(),
    });
    assert_eq!(purposes(&planner), [], "the other run is not done");
    let first = Wanted::new(Purpose::First(0), planner.name(0));
    planner.take_in(submission.execute(&first, &mut random));
    let [retry] = &planner.wanted()[..] else { panic!("{:?}", planner.wanted()) };
    assert_eq!((retry.purpose, retry.exclusive, retry.fresh), (Purpose::Retry(1), true, true));
    assert_eq!(retry.timeouts, Timeouts::RETRY);
    planner.take_in(submission.execute(retry, &mut random));
    assert!(planner.is_recovered());
    one_by_one(&mut planner, &submission, 1, &mut random);
    assert_eq!(report(&planner).status, Status::Passed);
}

#[test]
fn a_hang_skips_the_seeds_after_it_even_if_they_have_run() {
    let mut random = Random::new(4, Stream::Setup);
    let test = simulating();
    let runs = vec![Behaviour::Holds, Behaviour::Hangs, Behaviour::Holds, Behaviour::Holds];
    let submission = Submission { runs, influence: Influence::Nothing };
    for workers in 1..=4 {
        let mut planner = planner(&test, &submission, false);
        one_by_one(&mut planner, &submission, workers, &mut random);
        let report = report(&planner);
        assert_eq!((report.seeds_planned, report.seeds_run, report.seeds_passed), (4, 2, 1));
        assert_eq!((report.status, report.failing_seeds), (Status::Partial, vec![1]));
        let reason = report.reason.expect("it says why");
        assert!(reason.ends_with("; 2 more runs were skipped, and count as failed"), "{reason}");
    }
}

#[test]
fn a_recording_that_differs_is_repeated_in_a_fresh_worker_before_that_counts() {
    let mut random = Random::new(5, Stream::Setup);
    let test = simulating();
    let runs = vec![Behaviour::Violates { steps: 1 }];
    let right = Submission { runs, influence: Influence::Nothing };
    let changing = Submission { influence: Influence::Anything, ..right.clone() };
    for (submission, status) in [(&right, Status::Failed), (&changing, Status::Failed)] {
        let mut planner = planner(&test, submission, true);
        let [first] = &planner.wanted()[..] else { panic!("one seed") };
        planner.take_in(right.execute(first, &mut random));
        planner.take_in(Found::Deterministic);
        let [record] = &planner.wanted()[..] else { panic!("{:?}", planner.wanted()) };
        assert_eq!(record.purpose, Purpose::Record { index: 0, fresh: false });
        planner.take_in(changing.execute(record, &mut random));
        let [record] = &planner.wanted()[..] else { panic!("{:?}", planner.wanted()) };
        assert_eq!(record.purpose, Purpose::Record { index: 0, fresh: true });
        one_by_one(&mut planner, submission, 1, &mut random);
        let report = report(&planner);
        let differs = submission.influence == Influence::Anything;
        assert_eq!(report.status, status);
        assert_eq!(
            report.property.as_deref() == Some(super::super::property::DETERMINISM),
            differs
        );
    }
}

#[test]
fn only_a_failing_run_of_a_simulation_is_shrunk() {
    let mut random = Random::new(6, Stream::Setup);
    let shrinking = |test: &Test, run: Behaviour, random: &mut Random| {
        let submission =
            Submission { runs: vec![Behaviour::Holds, run], influence: Influence::Nothing };
        let mut planner = planner(test, &submission, false);
        one_by_one(&mut planner, &submission, 2, random);
        let before = report(&planner);
        assert_eq!(before.shrinking, None);
        planner.shrink();
        one_by_one(&mut planner, &submission, 2, random);
        let TestReport { shrinking, .. } = report(&planner);
        assert_eq!(TestReport { shrinking: None, ..report(&planner) }, before);
        shrinking
    };
    let (run, search) = (simulating(), searching());
    let long = Behaviour::Violates { steps: 3 };
    let Some(Shrinking::Shrunk(shrunk)) = shrinking(&run, long, &mut random) else {
        panic!("it is shrunk")
    };
    assert_eq!((shrunk.events, shrunk.original_events), (1, 3));
    assert!(shrunk.reason.ends_with("but seed 1"), "{}", shrunk.reason);
    let short = shrinking(&run, Behaviour::Violates { steps: 1 }, &mut random);
    assert_eq!(short, Some(Shrinking::NotShrunk("it is short".to_owned())));
    assert_eq!(shrinking(&search, long, &mut random), None);
    for other in [Behaviour::Holds, Behaviour::Todo, Behaviour::Crashes, Behaviour::Hangs] {
        assert_eq!(shrinking(&run, other, &mut random), None, "{other:?}");
    }
}

#[test]
fn runs_that_differ_are_shown_as_they_are() {
    let mut random = Random::new(7, Stream::Setup);
    let test = simulating();
    let runs = vec![Behaviour::Violates { steps: 3 }];
    let submission = Submission { runs, influence: Influence::Anything };
    let mut planner = planner(&test, &submission, false);
    one_by_one(&mut planner, &submission, 1, &mut random);
    planner.shrink();
    assert_eq!(planner.wanted(), []);
    assert_eq!(report(&planner).shrinking, None);
}
