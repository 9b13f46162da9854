//! One test in progress: which runs are missing, and what the others found.

mod prefetched;
mod report;
mod tasks;

use std::collections::{BTreeSet, VecDeque};
use std::fs;

use faultlab::trace::Trace;
use faultlab_suites::{Kind, SearchSummary, Test, TestNumber};

use super::Plan;
use super::determinism::{self, Rerun};
use super::finding::Finding;
use crate::report::{HandlerCost, Status};
use crate::supervisor::{Answers, Batch, Timeouts, WorkerFailure};
use crate::worker::protocol::{Answer, Done, Mode};

use tasks::Purpose;

pub(super) use tasks::{Next, Task};

/// The result of one seed's run.
#[derive(Clone, Debug)]
struct SeedRun {
    /// What is wrong, if anything.
    finding: Option<Finding>,
    /// The outcome's digest and steps, if the run finished.
    end: Option<(u64, u64)>,
    /// Statistics of its searches.
    searches: Vec<SearchSummary>,
}

/// A test's stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Each seed is run.
    Seeds,
    /// Runs are repeated, and a failing one is recorded.
    Checks,
    /// Differing reruns are recorded.
    Comparing,
    /// Everything is known.
    Finished,
}

/// A test in progress.
pub(super) struct TestRun<'a> {
    plan: &'a Plan<'a>,
    test: &'a Test,
    seeds: Vec<u64>,
    runs: Vec<Option<SeedRun>>,
    /// Seeds whose results were prefetched.
    prefetched: BTreeSet<usize>,
    /// Seeds whose runs were recorded when they were repeated alone.
    recorded: BTreeSet<usize>,
    /// Whether the check for determinism is done.
    determinism_known: bool,
    /// The next seed to be run.
    next: usize,
    /// Seeds from here on are skipped, because an earlier one hung.
    end: usize,
    failed_runs: Vec<(usize, WorkerFailure)>,
    tasks: VecDeque<Task>,
    in_flight: usize,
    stage: Stage,
    /// The digests of repeated runs.
    repeated: Vec<(Rerun, Result<u64, WorkerFailure>)>,
    recorded_repetitions: Vec<(Rerun, Trace)>,
    /// The finding that runs are not deterministic.
    nondeterminism: Option<Finding>,
    /// The rerun that differed.
    differing: Option<Rerun>,
    /// The recorded run, by the index of its seed.
    trace: Option<(usize, Trace)>,
    handlers: Vec<HandlerCost>,
    /// Whether a run's process failed, but the run passed when repeated alone.
    recovered: bool,
}

impl<'a> TestRun<'a> {
    pub(super) fn new(plan: &'a Plan<'a>, test: &'a Test) -> Self {
        let seeds = plan.seeds.of(test);
        Self {
            plan,
            test,
            runs: vec![None; seeds.len()],
            prefetched: BTreeSet::new(),
            recorded: BTreeSet::new(),
            determinism_known: false,
            next: 0,
            end: seeds.len(),
            seeds,
            failed_runs: Vec::new(),
            tasks: VecDeque::new(),
            in_flight: 0,
            stage: Stage::Seeds,
            repeated: Vec::new(),
            recorded_repetitions: Vec::new(),
            nondeterminism: None,
            differing: None,
            trace: None,
            handlers: Vec::new(),
            recovered: false,
        }
    }

    pub(super) fn test(&self) -> &'a Test {
        self.test
    }

    pub(super) fn number(&self) -> TestNumber {
        self.test.number()
    }

    pub(super) fn runs_planned(&self) -> u64 {
        self.end as u64
    }

    pub(super) fn runs_done(&self) -> u64 {
        self.runs[..self.end].iter().flatten().count() as u64
    }

    pub(super) fn is_recovered(&self) -> bool {
        self.recovered
    }

    pub(super) fn handlers(&self) -> &[HandlerCost] {
        &self.handlers
    }

    /// The next task for a worker, if there is one.
    pub(super) fn next(&mut self, all_idle: bool) -> Next {
        if let Some((_, failure)) = self.failed_runs.first() {
            // Runs are retried in the order of their seeds, not of their failures, so that the
            // report does not depend on timing.
            if self.in_flight > 0 {
                return Next::Nothing;
            }
            if failure.is_hang() && !all_idle {
                return Next::Exclusive;
            }
            let (index, failure) = self.failed_runs.remove(0);
            let batch = Batch { timeouts: Timeouts::RETRY, ..self.recording(vec![], index, "") };
            let task = Task::new(Purpose::Retry(index), batch);
            return self.start(Task { exclusive: failure.is_hang(), ..task });
        }
        if let Some(task) = self.tasks.pop_front() {
            return self.start(task);
        }
        if self.stage == Stage::Seeds && self.next < self.end {
            let index = self.next;
            self.next += 1;
            while self.prefetched.contains(&self.next) {
                self.next += 1;
            }
            let batch = self.batch(vec![self.job(index, Mode::Plain)], false);
            return self.start(Task::new(Purpose::Seed(index), batch));
        }
        Next::Nothing
    }

    fn start(&mut self, task: Task) -> Next {
        self.in_flight += 1;
        Next::Task(task)
    }

    /// Takes in a task's answers.
    pub(super) fn take_in(&mut self, task: Task, answers: Answers) {
        self.in_flight -= 1;
        match task.purpose {
            // It ran while an earlier seed hung. The report must not depend on whether it ran.
            Purpose::Seed(index) if index >= self.end => {}
            Purpose::Seed(index) => match last(answers) {
                Err(failure) => {
                    self.failed_runs.push((index, failure));
                    self.failed_runs.sort_by_key(|(index, _)| *index);
                }
                Ok(answer) => self.note(index, &answer),
            },
            Purpose::Retry(index) => match last(answers) {
                Ok(answer) => {
                    self.recovered = true;
                    self.note(index, &answer);
                }
                Err(failure) => {
                    self.recorded.insert(index);
                    self.note_failure(index, &failure);
                    if failure.never_ends() {
                        self.skip_remaining_seeds(index);
                    }
                }
            },
            Purpose::Repeat(repetition) => {
                for answer in answers {
                    if let Ok(Answer::Done(done)) = &answer
                        && !done.handlers.is_empty()
                    {
                        self.handlers.clone_from(&done.handlers);
                    }
                    let digest = match answer {
                        Ok(Answer::Done(done)) => Ok(done.outcome.digest),
                        Ok(Answer::TestBroken(why)) => Err(WorkerFailure::Unavailable(why)),
                        Ok(_) => continue,
                        Err(failure) => Err(failure),
                    };
                    self.repeated.push((repetition, digest));
                }
            }
            Purpose::Record { index, fresh } => {
                let answer = last(answers);
                let before = self.runs[index].as_ref().and_then(|run| run.end);
                let as_before = matches!((&answer, before), (Ok(Answer::Done(done)), Some((digest, _))) if done.outcome.digest == digest);
                match answer {
                    // Only a fresh worker can establish that a run is nondeterministic.
                    _ if !fresh && before.is_some() && !as_before => {
                        let batch = self.recording(vec![], index, "");
                        let purpose = Purpose::Record { index, fresh: true };
                        self.tasks.push_back(Task::new(purpose, batch));
                        return;
                    }
                    Ok(Answer::Done(done)) => self.note_recorded(index, &done),
                    Err(failure) => self.note_failure(index, &failure),
                    Ok(_) => {}
                }
                self.trace = self.read_trace(index, "").map(|trace| (index, trace));
            }
            Purpose::RecordRepetition(repetition) => {
                let index = determinism::checked(&self.ends()).map_or(0, |(index, _)| index);
                let trace = self.read_trace(index, repetition.name());
                self.recorded_repetitions.extend(trace.map(|trace| (repetition, trace)));
                // The answers may arrive in any order.
                self.recorded_repetitions.sort_by_key(|(repetition, _)| *repetition);
            }
        }
        self.advance();
    }

    /// Starts the next stage once this one is complete.
    fn advance(&mut self) {
        while self.prefetched.contains(&self.next) {
            self.next += 1;
        }
        while self.in_flight == 0 && self.failed_runs.is_empty() && self.tasks.is_empty() {
            match self.stage {
                Stage::Seeds if self.next < self.end => break,
                Stage::Seeds => self.plan_checks(),
                Stage::Checks => self.compare(),
                Stage::Comparing => self.explain(),
                Stage::Finished => break,
            }
        }
    }

    fn note(&mut self, index: usize, answer: &Answer) {
        let run = match answer {
            Answer::Done(done) => SeedRun {
                finding: Finding::of_outcome(&done.outcome),
                end: Some((done.outcome.digest, done.outcome.steps)),
                searches: done.searches.clone(),
            },
            Answer::TestBroken(why) => SeedRun {
                finding: Some(Finding::infra_error(format!("the test itself failed: {why}"))),
                end: None,
                searches: Vec::new(),
            },
            Answer::Pulse(_)
            | Answer::ProcessFailed(_)
            | Answer::RunBatch { .. }
            | Answer::Recorded(_)
            | Answer::Compared(_)
            | Answer::ProcessesRestarted => {
                unreachable!("no answer to a job")
            }
        };
        self.runs[index] = Some(run);
    }

    /// A run whose process fails every time.
    fn note_failure(&mut self, index: usize, failure: &WorkerFailure) {
        let trace = self.read_trace(index, "");
        let printed = fs::read(self.printed_path(index, "")).unwrap_or_default();
        let printed = String::from_utf8_lossy(&printed);
        let finding = Finding::of_worker_failure(failure, trace.as_ref(), &printed);
        self.runs[index] =
            Some(SeedRun { finding: Some(finding), end: None, searches: Vec::new() });
    }

    /// Skips the seeds after one that hung.
    fn skip_remaining_seeds(&mut self, index: usize) {
        self.end = index + 1;
        self.runs[self.end..].fill(None);
        self.failed_runs.retain(|&(suspect, _)| suspect <= index);
    }

    /// Notes that a failing run was recorded in a fresh worker; it must be the same as before.
    fn note_recorded(&mut self, index: usize, done: &Done) {
        let before = self.runs[index].as_ref().and_then(|run| run.end);
        if before.is_some_and(|(digest, _)| digest != done.outcome.digest) {
            self.nondeterminism.get_or_insert_with(|| {
                determinism::finding(Rerun::Recorded, self.seeds[index], None)
            });
        }
    }

    /// Called when all seeds have run: repeats one, and records one that failed.
    fn plan_checks(&mut self) {
        self.stage = Stage::Checks;
        if let Some((index, other)) = determinism::checked(&self.ends())
            && !self.determinism_known
        {
            let mut repetitions = vec![(Rerun::Fresh, vec![self.job(index, Mode::Plain)])];
            // A search computes each step twice anyway, so repeating it once is enough.
            if self.test.kind() != Kind::Search {
                let used = vec![
                    self.job(index, Mode::Plain),
                    self.job(other, Mode::Plain),
                    self.job(index, Mode::Profiled),
                ];
                repetitions.push((Rerun::Used, used));
            }
            for (repetition, jobs) in repetitions {
                let batch = self.batch(jobs, true);
                self.tasks.push_back(Task::new(Purpose::Repeat(repetition), batch));
            }
        }
        if let Some(index) = self.shown()
            && !self.differs()
            && !self.is_undecided(index)
        {
            let lost = self.runs[index].as_ref().is_some_and(|run| run.end.is_none());
            let is_recorded = lost && self.recorded.contains(&index);
            if is_recorded {
                self.trace = self.read_trace(index, "").map(|trace| (index, trace));
            }
            if self.trace.as_ref().is_none_or(|(recorded, _)| *recorded != index) {
                // The worker's own output contains what a process prints before it fails.
                let fresh = !self.plan.out_of_process || lost;
                let recorded = self.recording(vec![], index, "");
                let batch = if fresh { recorded } else { self.in_any_worker(recorded) };
                let purpose = Purpose::Record { index, fresh };
                self.tasks.push_back(Task::new(purpose, batch));
            }
        }
    }

    /// Whether the run is a search that hit a limit, so that there is nothing to show.
    fn is_undecided(&self, index: usize) -> bool {
        let finding = self.runs[index].as_ref().and_then(|run| run.finding.as_ref());
        self.test.kind() == Kind::Search
            && finding.is_some_and(|finding| finding.status == Status::Inconclusive)
    }

    /// Called when all reruns are done: if two differ, records both.
    fn compare(&mut self) {
        self.stage = Stage::Comparing;
        let ends = self.ends();
        let Some((index, other)) = determinism::checked(&ends) else { return };
        let Some((ordinary, _)) = ends[index] else { return };
        let repetition = match determinism::judge(ordinary, &self.repeated) {
            Some(Ok(repetition)) => repetition,
            Some(Err(why)) => {
                self.nondeterminism = Some(Finding::infra_error(why));
                return;
            }
            // The recording may have differed where nothing else did.
            None if self.nondeterminism.is_some() => Rerun::Recorded,
            None => return,
        };
        self.differing = Some(repetition);
        self.nondeterminism = Some(determinism::finding(repetition, self.seeds[index], None));
        if self.differs() {
            return;
        }
        let before = match repetition {
            // In a batch, no run is the first in its process, so this difference is one between a
            // fresh and a used process.
            Rerun::Fresh if !self.plan.out_of_process => vec![],
            Rerun::Fresh | Rerun::Used | Rerun::Recorded => {
                vec![self.job(index, Mode::Plain), self.job(other, Mode::Plain)]
            }
        };
        for (repetition, before) in [(Rerun::Fresh, vec![]), (Rerun::Used, before)] {
            let batch = self.recording(before, index, repetition.name());
            let purpose = Purpose::RecordRepetition(repetition);
            self.tasks.push_back(Task::new(purpose, batch));
        }
    }

    /// Called when the reruns are recorded: names the first event at which they differ.
    fn explain(&mut self) {
        self.stage = Stage::Finished;
        let Some((index, _)) = determinism::checked(&self.ends()) else { return };
        if let Some(repetition) = self.differing
            && let [(_, first), (_, second)] = &self.recorded_repetitions[..]
            && let Some((difference, upto)) = determinism::first_difference(first, second)
        {
            let finding = determinism::finding(repetition, self.seeds[index], Some(&difference));
            self.nondeterminism = Some(finding);
            self.trace = Some((index, upto));
        }
    }

    /// How each finished seed ended.
    fn ends(&self) -> Vec<Option<(u64, u64)>> {
        self.runs[..self.end].iter().map(|run| run.as_ref().and_then(|run| run.end)).collect()
    }
}

/// The answer to a batch's last job.
fn last(mut answers: Answers) -> Result<Answer, WorkerFailure> {
    answers
        .pop()
        .unwrap_or_else(|| Err(WorkerFailure::Unavailable("a worker did nothing".to_owned())))
}
