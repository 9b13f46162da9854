//! One test on its way to its report: which runs are still wanted, and what they said.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use faultlab::trace::{Trace, file};
use faultlab_suites::{Kind, Points, SearchSummary, Test, TestNumber};

use super::Plan;
use super::ahead::Known;
use super::determinism::{self, Repetition};
use super::finding::Finding;
use crate::report::{HandlerCost, Status, TestReport, excerpt};
use crate::supervisor::{Answers, Batch, Loss, Patience};
use crate::worker::protocol::{Answer, Compared, Comparison, Done, Job, Mode, Request, RunName};

/// Something to be done by a worker, and what for.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) batch: Batch,
    /// No other task may run beside it.
    pub(super) alone: bool,
    purpose: Purpose,
}

impl Task {
    /// A task that others may run beside.
    fn new(purpose: Purpose, batch: Batch) -> Self {
        Self { batch, alone: false, purpose }
    }
}

#[derive(Clone, Debug)]
enum Purpose {
    /// The run of the seed at this index.
    Seed(usize),
    /// The same alone, as it was lost.
    Alone(usize),
    /// A check that runs can be repeated.
    Repeat(Repetition),
    /// The recording of a failing run, in a fresh worker or in one that has done other things.
    Record { index: usize, fresh: bool },
    /// The recording of a repetition that differed.
    RecordRepetition(Repetition),
}

/// What a test wants next.
pub(super) enum Next {
    Task(Task),
    /// It has a task that no other may run beside.
    WantsToBeAlone,
    Nothing,
}

/// What the run of a seed came to.
#[derive(Clone, Debug)]
struct SeedRun {
    /// What is wrong, if anything.
    finding: Option<Finding>,
    /// The outcome's digest and steps, if the run came to its end.
    end: Option<(u64, u64)>,
    /// What its searches saw.
    searches: Vec<SearchSummary>,
}

/// How far a test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Each seed is run.
    Seeds,
    /// Runs are repeated, and a failing one is recorded.
    Checks,
    /// Repetitions that differed are recorded.
    Comparing,
    /// All is known.
    Finished,
}

/// A test on its way to its report.
pub(super) struct TestRun<'a> {
    plan: &'a Plan<'a>,
    test: &'a Test,
    seeds: Vec<u64>,
    runs: Vec<Option<SeedRun>>,
    /// Seeds of which it was known ahead what they come to.
    ahead: BTreeSet<usize>,
    /// Seeds whose runs were recorded when they were repeated alone.
    recorded: BTreeSet<usize>,
    /// Whether it is known ahead if runs can be repeated.
    is_compared: bool,
    /// The next seed to be run.
    next: usize,
    /// Seeds from here on are not run: an earlier one was without end.
    end: usize,
    suspects: Vec<(usize, Loss)>,
    tasks: VecDeque<Task>,
    in_flight: usize,
    stage: Stage,
    /// The digests of repeated runs.
    repeated: Vec<(Repetition, Result<u64, Loss>)>,
    recorded_repetitions: Vec<(Repetition, Trace)>,
    /// What is wrong with repeating runs.
    irreproducible: Option<Finding>,
    /// Which repetition it was that differed.
    differing: Option<Repetition>,
    /// The recorded run, by the index of its seed.
    trace: Option<(usize, Trace)>,
    handlers: Vec<HandlerCost>,
    /// Whether a run was lost, and came to its end when it was repeated alone.
    recovered: bool,
}

impl<'a> TestRun<'a> {
    pub(super) fn new(plan: &'a Plan<'a>, test: &'a Test) -> Self {
        let seeds = plan.seeds.of(test);
        Self {
            plan,
            test,
            runs: vec![None; seeds.len()],
            ahead: BTreeSet::new(),
            recorded: BTreeSet::new(),
            is_compared: false,
            next: 0,
            end: seeds.len(),
            seeds,
            suspects: Vec::new(),
            tasks: VecDeque::new(),
            in_flight: 0,
            stage: Stage::Seeds,
            repeated: Vec::new(),
            recorded_repetitions: Vec::new(),
            irreproducible: None,
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

    /// What went wrong on our side, if something did.
    pub(super) fn trouble(&self) -> Option<&str> {
        let of_runs = self.runs[..self.end].iter().flatten().filter_map(|run| run.finding.as_ref());
        let mut all = of_runs.chain(&self.irreproducible);
        all.find(|finding| finding.is_trouble).map(|finding| finding.reason.as_str())
    }

    pub(super) fn handlers(&self) -> &[HandlerCost] {
        &self.handlers
    }

    /// Takes in what is known ahead.
    pub(super) fn know(&mut self, known: &Known) {
        self.is_compared = known.is_repeatable(self.test.number());
        for index in 0..self.seeds.len() {
            match known.end(self.test.number(), self.seeds[index]) {
                Some(Ok(answer)) => self.note(index, answer),
                // It hung when it was alone, but not for as long as what counts.
                Some(Err(Loss::Hung)) => self.suspects.push((index, Loss::Hung)),
                Some(Err(loss)) => {
                    let finding = Some(Finding::of_loss(loss, None, ""));
                    self.runs[index] = Some(SeedRun { finding, end: None, searches: Vec::new() });
                    if loss.is_endless() {
                        self.ahead.insert(index);
                        return self.end_behind(index);
                    }
                }
                None => continue,
            }
            self.ahead.insert(index);
        }
    }

    /// Whether it simulates, and all its runs came to an end ahead.
    fn is_known(&self) -> bool {
        self.test.kind() != Kind::Search
            && self.ahead.len() == self.seeds.len()
            && self.suspects.is_empty()
    }

    /// The run to be repeated, if it is known ahead that some run did not go the same way again.
    pub(super) fn to_be_compared(&self) -> Option<Comparison> {
        let (index, other) = determinism::checked(&self.ends())?;
        let trace = |repetition: Repetition| self.trace_path(index, repetition.name());
        (self.is_known() && !self.is_compared).then(|| Comparison {
            run: self.name(index),
            other: self.name(other),
            traces: [trace(Repetition::Fresh), trace(Repetition::Used)],
        })
    }

    /// Takes in what came of comparisons, if they show a difference.
    pub(super) fn know_compared(&mut self, compared: &BTreeMap<RunName, Compared>) {
        let Some(Comparison { run, .. }) = self.to_be_compared() else { return };
        let Some(&Compared { fresh, also_fresh, used }) = compared.get(&run) else { return };
        let Some((index, _)) = determinism::checked(&self.ends()) else { return };
        let Some((ordinary, _)) = self.runs[index].as_ref().and_then(|run| run.end) else { return };
        let repeated = vec![
            (Repetition::Fresh, Ok(fresh)),
            (Repetition::Used, Ok(also_fresh)),
            (Repetition::Used, Ok(used)),
        ];
        if !matches!(determinism::judge(ordinary, &repeated), Some(Ok(_))) {
            return;
        }
        self.is_compared = true;
        self.repeated = repeated;
        for repetition in [Repetition::Fresh, Repetition::Used] {
            let trace = self.read_trace(index, repetition.name());
            self.recorded_repetitions.extend(trace.map(|trace| (repetition, trace)));
        }
    }

    /// Whether it is known ahead that a run goes one way and another.
    fn differs(&self) -> bool {
        self.is_compared && !self.repeated.is_empty()
    }

    /// The failing run that is shown, and where its trace goes, if that is known ahead.
    pub(super) fn to_be_recorded(&self) -> Option<(RunName, PathBuf)> {
        if !self.is_known() || self.differs() {
            return None;
        }
        let index = self.shown()?;
        self.runs[index].as_ref()?.end?;
        Some((self.name(index), self.trace_path(index, "")))
    }

    /// Takes in which failing runs were recorded ahead, each with its digest, and goes on.
    pub(super) fn know_recorded(&mut self, recorded: &BTreeMap<RunName, u64>) {
        if let Some((name, _)) = self.to_be_recorded()
            && let Some(index) = self.seeds.iter().position(|&seed| seed == name.seed)
            && let Some((digest, _)) = self.runs[index].as_ref().and_then(|run| run.end)
            && recorded.get(&name) == Some(&digest)
        {
            self.trace = self.read_trace(index, "").map(|trace| (index, trace));
        }
        self.go_on();
    }

    /// What a worker can do for this test.
    pub(super) fn next(&mut self, all_idle: bool) -> Next {
        if let Some((_, loss)) = self.suspects.first() {
            // Earlier seeds first, whichever was lost first: the report must not depend on that.
            if self.in_flight > 0 {
                return Next::Nothing;
            }
            if *loss == Loss::Hung && !all_idle {
                return Next::WantsToBeAlone;
            }
            let (index, loss) = self.suspects.remove(0);
            let batch = Batch { patience: Patience::ALONE, ..self.recording(vec![], index, "") };
            let task = Task::new(Purpose::Alone(index), batch);
            return self.start(Task { alone: loss == Loss::Hung, ..task });
        }
        if let Some(task) = self.tasks.pop_front() {
            return self.start(task);
        }
        if self.stage == Stage::Seeds && self.next < self.end {
            let index = self.next;
            self.next += 1;
            while self.ahead.contains(&self.next) {
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

    /// Takes in what came of a task.
    pub(super) fn take_in(&mut self, task: Task, answers: Answers) {
        self.in_flight -= 1;
        match task.purpose {
            // Run meanwhile, and behind one without end: whether it was run must not show.
            Purpose::Seed(index) if index >= self.end => {}
            Purpose::Seed(index) => match last(answers) {
                Err(loss) => {
                    self.suspects.push((index, loss));
                    self.suspects.sort_by_key(|(index, _)| *index);
                }
                Ok(answer) => self.note(index, &answer),
            },
            Purpose::Alone(index) => match last(answers) {
                Ok(answer) => {
                    self.recovered = true;
                    self.note(index, &answer);
                }
                Err(loss) => {
                    self.recorded.insert(index);
                    self.note_loss(index, &loss);
                    if loss.is_endless() {
                        self.end_behind(index);
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
                        Ok(Answer::TestBroken(why)) => Err(Loss::Unusable(why)),
                        Ok(_) => continue,
                        Err(loss) => Err(loss),
                    };
                    self.repeated.push((repetition, digest));
                }
            }
            Purpose::Record { index, fresh } => {
                let answer = last(answers);
                let before = self.runs[index].as_ref().and_then(|run| run.end);
                let as_before = matches!((&answer, before), (Ok(Answer::Done(done)), Some((digest, _))) if done.outcome.digest == digest);
                match answer {
                    // Only a fresh worker's word counts that the run cannot be repeated.
                    _ if !fresh && before.is_some() && !as_before => {
                        let batch = self.recording(vec![], index, "");
                        let purpose = Purpose::Record { index, fresh: true };
                        self.tasks.push_back(Task::new(purpose, batch));
                        return;
                    }
                    Ok(Answer::Done(done)) => self.note_recorded(index, &done),
                    Err(loss) => self.note_loss(index, &loss),
                    Ok(_) => {}
                }
                self.trace = self.read_trace(index, "").map(|trace| (index, trace));
            }
            Purpose::RecordRepetition(repetition) => {
                let index = determinism::checked(&self.ends()).map_or(0, |(index, _)| index);
                let trace = self.read_trace(index, repetition.name());
                self.recorded_repetitions.extend(trace.map(|trace| (repetition, trace)));
                // Whichever came first.
                self.recorded_repetitions.sort_by_key(|(repetition, _)| *repetition);
            }
        }
        self.go_on();
    }

    /// Begins the next stage, if all of this one is done.
    fn go_on(&mut self) {
        while self.ahead.contains(&self.next) {
            self.next += 1;
        }
        while self.in_flight == 0 && self.suspects.is_empty() && self.tasks.is_empty() {
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
                finding: Some(Finding::trouble(format!("the test itself failed: {why}"))),
                end: None,
                searches: Vec::new(),
            },
            Answer::Pulse(_)
            | Answer::SideBySide { .. }
            | Answer::Recorded(_)
            | Answer::Compared(_)
            | Answer::Renewed => {
                unreachable!("no answer to a job")
            }
        };
        self.runs[index] = Some(run);
    }

    /// A run that is lost whenever it is run.
    fn note_loss(&mut self, index: usize, loss: &Loss) {
        let trace = self.read_trace(index, "");
        let printed = fs::read(self.printed_path(index, "")).unwrap_or_default();
        let printed = String::from_utf8_lossy(&printed);
        let finding = Finding::of_loss(loss, trace.as_ref(), &printed);
        self.runs[index] =
            Some(SeedRun { finding: Some(finding), end: None, searches: Vec::new() });
    }

    /// The seeds behind one without end are not run.
    fn end_behind(&mut self, index: usize) {
        self.end = index + 1;
        self.runs[self.end..].fill(None);
        self.suspects.retain(|&(suspect, _)| suspect <= index);
    }

    /// A failing run was recorded in a fresh worker: it must have gone as it went before.
    fn note_recorded(&mut self, index: usize, done: &Done) {
        let before = self.runs[index].as_ref().and_then(|run| run.end);
        if before.is_some_and(|(digest, _)| digest != done.outcome.digest) {
            self.irreproducible.get_or_insert_with(|| {
                determinism::finding(Repetition::Recorded, self.seeds[index], None)
            });
        }
    }

    /// All seeds are run: repeats one, and records one that failed.
    fn plan_checks(&mut self) {
        self.stage = Stage::Checks;
        if let Some((index, other)) = determinism::checked(&self.ends())
            && !self.is_compared
        {
            let mut repetitions = vec![(Repetition::Fresh, vec![self.job(index, Mode::Plain)])];
            // A search takes each step twice anyhow; once more is enough for all of it.
            if self.test.kind() != Kind::Search {
                let used = vec![
                    self.job(index, Mode::Plain),
                    self.job(other, Mode::Plain),
                    self.job(index, Mode::Profiled),
                ];
                repetitions.push((Repetition::Used, used));
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
                // What a process says before it is lost is in the worker's own output.
                let fresh = !self.plan.apart || lost;
                let recorded = self.recording(vec![], index, "");
                let batch = if fresh { recorded } else { self.in_any_worker(recorded) };
                let purpose = Purpose::Record { index, fresh };
                self.tasks.push_back(Task::new(purpose, batch));
            }
        }
    }

    /// Whether the run is a search that came to a limit, so that there is no run to be shown.
    fn is_undecided(&self, index: usize) -> bool {
        let finding = self.runs[index].as_ref().and_then(|run| run.finding.as_ref());
        self.test.kind() == Kind::Search
            && finding.is_some_and(|finding| finding.status == Status::Inconclusive)
    }

    /// The repetitions are there: if they differ, records two that do.
    fn compare(&mut self) {
        self.stage = Stage::Comparing;
        let ends = self.ends();
        let Some((index, other)) = determinism::checked(&ends) else { return };
        let Some((ordinary, _)) = ends[index] else { return };
        let repetition = match determinism::judge(ordinary, &self.repeated) {
            Some(Ok(repetition)) => repetition,
            Some(Err(why)) => {
                self.irreproducible = Some(Finding::trouble(why));
                return;
            }
            // The recording may have differed where nothing else did.
            None if self.irreproducible.is_some() => Repetition::Recorded,
            None => return,
        };
        self.differing = Some(repetition);
        self.irreproducible = Some(determinism::finding(repetition, self.seeds[index], None));
        if self.differs() {
            return;
        }
        let before = match repetition {
            // Side by side, no run was the first in its process: it differs from a fresh one as one
            // that comes after others does.
            Repetition::Fresh if !self.plan.apart => vec![],
            Repetition::Fresh | Repetition::Used | Repetition::Recorded => {
                vec![self.job(index, Mode::Plain), self.job(other, Mode::Plain)]
            }
        };
        for (repetition, before) in [(Repetition::Fresh, vec![]), (Repetition::Used, before)] {
            let batch = self.recording(before, index, repetition.name());
            let purpose = Purpose::RecordRepetition(repetition);
            self.tasks.push_back(Task::new(purpose, batch));
        }
    }

    /// The recorded repetitions are there: names the event at which they part.
    fn explain(&mut self) {
        self.stage = Stage::Finished;
        let Some((index, _)) = determinism::checked(&self.ends()) else { return };
        if let Some(repetition) = self.differing
            && let [(_, first), (_, second)] = &self.recorded_repetitions[..]
            && let Some((parting, upto)) = determinism::parting(first, second)
        {
            let finding = determinism::finding(repetition, self.seeds[index], Some(&parting));
            self.irreproducible = Some(finding);
            self.trace = Some((index, upto));
        }
    }

    /// How each seed's run ended, where it came to its end.
    fn ends(&self) -> Vec<Option<(u64, u64)>> {
        self.runs[..self.end].iter().map(|run| run.as_ref().and_then(|run| run.end)).collect()
    }

    /// The index of the failing run that says most: one that came to its end before one that was
    /// lost, before one that met a `todo!`; of those the shortest.
    fn shown(&self) -> Option<usize> {
        let rank = |status: Status| match status {
            Status::Passed | Status::Partial | Status::Failed => 0,
            Status::TimedOut => 1,
            Status::Inconclusive => 2,
            Status::NotImplemented => 3,
        };
        let failing = self.runs[..self.end].iter().enumerate().filter_map(|(index, run)| {
            let run = run.as_ref()?;
            let status = run.finding.as_ref()?.status;
            let (_, steps) = run.end.unwrap_or((0, u64::MAX));
            Some((rank(status), steps, index))
        });
        failing.min().map(|(_, _, index)| index)
    }

    /// The report, once all is known.
    pub(super) fn report(&self) -> Option<TestReport> {
        if self.stage != Stage::Finished {
            return None;
        }
        let counted = || self.runs[..self.end].iter().flatten();
        let run = counted().count() as u64;
        let mut passed = counted().filter(|run| run.finding.is_none()).count() as u64;
        let shown = self.shown();
        let mut failing: Vec<u64> = self.runs[..self.end]
            .iter()
            .zip(&self.seeds)
            .filter(|(run, _)| run.as_ref().is_some_and(|run| run.finding.is_some()))
            .map(|(_, seed)| *seed)
            .collect();
        let mut finding =
            shown.and_then(|index| self.runs[index].as_ref()?.finding.as_ref()).cloned();
        let mut shown_seed = shown.map(|index| self.seeds[index]);
        let mut trace = self.trace.as_ref().filter(|(index, _)| Some(*index) == shown);
        if let Some(irreproducible) = &self.irreproducible {
            // Runs that cannot be repeated prove nothing, whatever they say.
            passed = 0;
            failing.clone_from(&self.seeds);
            shown_seed = determinism::checked(&self.ends()).map(|(index, _)| self.seeds[index]);
            finding = Some(irreproducible.clone());
            trace = self.trace.as_ref();
        }
        let planned = self.seeds.len() as u64;
        if let Some(finding) = &mut finding
            && self.irreproducible.is_none()
            && run < planned
        {
            let more = planned - run;
            let runs = if more == 1 { "run was" } else { "runs were" };
            let reason = &mut finding.reason;
            reason.push_str(&format!("; {more} more {runs} not made, and count as not passed"));
        }
        let earned = self.test.credit().earned(self.test.points(), passed, planned);
        let status = match &finding {
            None => Status::Passed,
            Some(_) if earned > Points::ZERO => Status::Partial,
            Some(finding) => finding.status,
        };
        let run_again = shown_seed.filter(|_| self.irreproducible.is_none());
        Some(TestReport {
            number: self.test.number(),
            title: self.test.title().to_owned(),
            asserts: self.test.asserts().to_owned(),
            kind: self.test.kind(),
            unreliable: self.test.is_unreliable(),
            credit: self.test.credit(),
            status,
            points_earned: earned,
            points_possible: self.test.points(),
            seeds_planned: planned,
            seeds_run: run,
            seeds_passed: passed,
            failing_seeds: failing,
            property: finding.as_ref().and_then(|finding| finding.property.clone()),
            reason: finding.map(|finding| finding.reason),
            shown_seed,
            excerpt: trace
                .filter(|_| status != Status::NotImplemented)
                .map(|(_, trace)| excerpt(trace)),
            searches: self.searches(shown),
            reproduce: (self.plan.reproduce)(self.test.number(), run_again),
        })
    }

    /// What the searches of the shown seed saw, or else of the first.
    fn searches(&self, shown: Option<usize>) -> Vec<SearchSummary> {
        let run = self.runs.get(shown.unwrap_or(0)).and_then(Option::as_ref);
        run.map(|run| run.searches.clone()).unwrap_or_default()
    }

    fn name(&self, index: usize) -> RunName {
        RunName { test: self.test.number(), seed: self.seeds[index] }
    }

    fn job(&self, index: usize, mode: Mode) -> Job {
        Job { test: self.test.number(), seed: self.seeds[index], mode }
    }

    /// The same in a worker that may have done other things. What is printed goes elsewhere.
    fn in_any_worker(&self, batch: Batch) -> Batch {
        if let Some(printed) = &batch.output {
            // A recording opens it. Without it the recording fails, and is repeated in a fresh worker.
            let _ = File::create(printed);
        }
        Batch { fresh: false, output: None, ..batch }
    }

    fn batch(&self, jobs: Vec<Job>, fresh: bool) -> Batch {
        let requests = jobs.into_iter().map(Request::Run).collect();
        Batch { requests, fresh, output: None, patience: Patience::FIRST }
    }

    /// A recorded run in a fresh worker, after other jobs.
    fn recording(&self, mut before: Vec<Job>, index: usize, name: &str) -> Batch {
        let printed = self.printed_path(index, name);
        // The worker's output is appended; what an earlier session left is not this run's.
        let _ = fs::remove_file(&printed);
        let trace = self.trace_path(index, name);
        let _ = fs::remove_file(&trace);
        before.push(self.job(index, Mode::Recorded { trace, printed: printed.clone() }));
        Batch { output: Some(printed), ..self.batch(before, true) }
    }

    fn trace_path(&self, index: usize, name: &str) -> PathBuf {
        let file = format!("{}-{}{name}.trace", self.test.number(), self.seeds[index]);
        self.plan.traces.join(file)
    }

    fn printed_path(&self, index: usize, name: &str) -> PathBuf {
        self.trace_path(index, name).with_extension("printed")
    }

    fn read_trace(&self, index: usize, name: &str) -> Option<Trace> {
        let file = File::open(self.trace_path(index, name)).ok()?;
        file::read(BufReader::new(file)).ok()
    }
}

/// What came of a batch's last job.
fn last(mut answers: Answers) -> Result<Answer, Loss> {
    answers.pop().unwrap_or_else(|| Err(Loss::Unusable("a worker did nothing".to_owned())))
}
