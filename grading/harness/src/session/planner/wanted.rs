//! What a planner asks for, and what it is told.

use faultlab::trace::Trace;

use super::determinism::Rerun;
use crate::supervisor::{Answers, Timeouts, WorkerFailure};
use crate::worker::protocol::{Answer, Compared, Done, RunName, Shrunk};

/// The purpose of wanted runs. A test wants no two things at once with the same purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::session) enum Purpose {
    /// The first run of the seed at this index.
    First(usize),
    /// Another run of it, alone and recorded, because its process failed.
    Retry(usize),
    /// A rerun that checks determinism.
    Rerun(Rerun),
    /// The recording of the failing run that the report shows, in a fresh worker or in any.
    Record { index: usize, fresh: bool },
    /// A shorter run that fails as that of the seed at this index does.
    Shrink(usize),
    /// The recording of a rerun that differed.
    RecordRerun(Rerun),
}

/// Runs for one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) struct Wanted {
    /// Their purpose.
    pub(in crate::session) purpose: Purpose,
    /// Runs that come first, for what they may leave behind in the worker.
    pub(in crate::session) before: Vec<RunName>,
    /// The run itself.
    pub(in crate::session) run: RunName,
    /// What is needed of it besides its outcome.
    pub(in crate::session) output: Output,
    /// Whether the worker must be fresh.
    pub(in crate::session) fresh: bool,
    /// Whether no other worker may be busy at the same time.
    pub(in crate::session) exclusive: bool,
    /// How long the submission's code may run without returning.
    pub(in crate::session) timeouts: Timeouts,
}

impl Wanted {
    /// A run that any worker can do at any time.
    pub(super) fn new(purpose: Purpose, run: RunName) -> Self {
        Self {
            purpose,
            before: Vec::new(),
            run,
            output: Output::Nothing,
            fresh: false,
            exclusive: false,
            timeouts: Timeouts::SHARED,
        }
    }
}

/// What is needed of a run besides its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Output {
    /// Nothing.
    Nothing,
    /// The cost of each handler.
    HandlerCosts,
    /// A trace. The suffix tells its file from those of other recordings of the run.
    Trace { suffix: &'static str },
    /// The trace of a shorter run that fails in the same way.
    ShrunkTrace,
}

/// What a planner is told.
#[derive(Clone, Debug)]
pub(in crate::session) enum Found {
    /// What was found by executing what it wanted.
    Runs {
        /// What that was.
        purpose: Purpose,
        /// How the runs ended, in order. Those after one that failed are missing.
        ends: Vec<RunEnd>,
        /// The recording of the last run, if one was wanted.
        recording: Box<Recording>,
    },
    /// What came of shrinking a failing run.
    Shrunk {
        /// The index of its seed.
        index: usize,
        /// What came of it.
        end: ShrinkEnd,
    },
    /// Reruns in fresh processes ended as the first runs did, so that the test need not ask for
    /// reruns.
    Deterministic,
    /// All reruns that check determinism, with the recordings that such a check may need.
    Compared {
        /// Their digests.
        digests: Compared,
        /// The recordings of the first and the last.
        traces: Box<[Option<Trace>; 2]>,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::session) enum RunEnd {
    /// It finished.
    Done(Done),
    /// The test itself failed, which is not the submission's fault.
    TestBroken(String),
    /// It did not finish. It is repeated alone before that counts.
    Failed(WorkerFailure),
    /// It did not finish, not even when it was repeated alone.
    FailedAlone(WorkerFailure),
}

impl From<Result<Answer, WorkerFailure>> for RunEnd {
    fn from(answer: Result<Answer, WorkerFailure>) -> Self {
        match answer {
            Ok(Answer::Done(done)) => Self::Done(done),
            Ok(Answer::TestBroken(why)) => Self::TestBroken(why),
            Ok(_) => Self::TestBroken("a worker answered something else".to_owned()),
            Err(failure) => Self::Failed(failure),
        }
    }
}

/// What came of shrinking a run.
#[derive(Clone, Debug)]
pub(in crate::session) enum ShrinkEnd {
    /// A shorter run that fails in the same way, and its trace.
    Shrunk(Box<Shrunk>, Box<Trace>),
    /// Nothing, for this reason.
    NotShrunk(String),
}

impl ShrinkEnd {
    /// What a worker answered that had a run to shrink, with what it recorded.
    pub(in crate::session) fn of(answers: Answers, trace: Option<Trace>) -> Self {
        let why = match answers.into_iter().next_back() {
            Some(Ok(Answer::Shrunk(Ok(shrunk)))) => match trace {
                Some(trace) => return Self::Shrunk(Box::new(shrunk), Box::new(trace)),
                None => "its recording cannot be read".to_owned(),
            },
            Some(Ok(Answer::Shrunk(Err(reason)))) => reason.to_string(),
            Some(Ok(Answer::TestBroken(why))) => why,
            Some(Err(failure)) => format!("in one of the shorter runs, the process {failure}"),
            Some(Ok(_)) | None => "a worker answered something else".to_owned(),
        };
        Self::NotShrunk(why)
    }
}

/// What a recorded run left.
#[derive(Clone, Debug, Default)]
pub(in crate::session) struct Recording {
    /// The trace: its beginning, if the run did not finish. `None` if it cannot be read.
    pub(in crate::session) trace: Option<Trace>,
    /// What the worker printed before it failed.
    pub(in crate::session) printed: String,
}
