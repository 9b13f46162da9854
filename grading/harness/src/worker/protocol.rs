//! The protocol between supervisor and worker: length-prefixed frames of encoded values.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use faultlab::codec;
use faultlab::simulate::Outcome;
use faultlab::simulate::shrink::NotShrunk;
use faultlab_remote::{FrameError, FrameReader, FrameWriter, ProcessFailure, RunCompletion};
use faultlab_suites::{SearchSummary, TestNumber};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A supervisor's request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Execute this job.
    Run(Job),
    /// Shrink this failing run. Only for a worker with an in-process submission.
    Shrink {
        /// The run.
        run: RunName,
        /// The file for the trace of what is left.
        trace: PathBuf,
        /// The file for the worker's standard output and error.
        printed: PathBuf,
    },
    /// Execute these runs in a batch, and check whether they can be repeated. Only for a worker
    /// with an out-of-process submission.
    RunBatch {
        /// The runs.
        runs: Vec<RunName>,
        /// The most processor time that this may take. Runs that are not done by then are left out.
        cpu_max: Option<Duration>,
    },
    /// Execute these runs in a batch and record each to this file. Only for such a worker.
    Record(Vec<(RunName, PathBuf)>),
    /// Rerun a run that differed when repeated, and record two reruns, to find the first
    /// difference. Only for such a worker.
    Compare(Comparison),
    /// End all of the submission's processes but the first, so that the next request uses one used
    /// process and several fresh ones. Only for such a worker.
    RestartProcesses,
}

/// Identifies a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunName {
    /// The test.
    pub test: TestNumber,
    /// The seed.
    pub seed: u64,
}

/// A run that differed when repeated. It is rerun in fresh processes, and in other fresh ones twice,
/// with another run in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The run.
    pub run: RunName,
    /// The run in between.
    pub other: RunName,
    /// The trace files of the first and the last rerun.
    pub traces: [PathBuf; 2],
}

/// The digests of a comparison's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The recorded rerun in fresh processes.
    pub fresh: u64,
    /// The first rerun in other fresh processes.
    pub second_fresh: u64,
    /// The recorded second rerun there, after the other run.
    pub used: u64,
}

/// Run this test with this seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The test.
    pub test: TestNumber,
    /// The seed.
    pub seed: u64,
    /// The output needed besides the outcome.
    pub mode: Mode,
}

/// The output of a run that is needed besides its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Nothing.
    Plain,
    /// The cost of each handler.
    Profiled,
    /// A trace, written event by event to this file.
    Recorded {
        /// The file for the trace.
        trace: PathBuf,
        /// The file for the worker's standard output and error. Output appended during an event
        /// belongs to that event.
        printed: PathBuf,
    },
}

/// A worker's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// A heartbeat while it executes a job, sent every
    /// [`HEARTBEAT_INTERVAL`](super::HEARTBEAT_INTERVAL).
    Pulse(Heartbeat),
    /// The job is done.
    Done(Done),
    /// The process of the submission's code failed, so the job cannot be done. The worker ends.
    ProcessFailed(ProcessFailure),
    /// The test itself is broken. This is not the submission's fault.
    TestBroken(String),
    /// The run was shrunk, or why it was not.
    Shrunk(Result<Shrunk, NotShrunk>),
    /// The results of a batch.
    RunBatch {
        /// In order; `None` for runs that did not finish.
        ends: Vec<Option<RunCompletion>>,
        /// The tests whose repeated runs were identical.
        deterministic: Vec<TestNumber>,
    },
    /// The outcome of each recorded run, in order; `None` for runs that were not recorded.
    Recorded(Vec<Option<Outcome>>),
    /// The result of a comparison; `None` if a process failed or a run could not be recorded.
    Compared(Option<Compared>),
    /// All of the submission's processes but the first have ended.
    ProcessesRestarted,
}

/// A job's progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Processor time since the submission's code was entered, if it has not returned.
    pub inside_cpu_ms: u64,
    /// Real time since then.
    pub inside_ms: u64,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// How it ended.
    pub outcome: Outcome,
    /// Statistics of its searches, if it is a search.
    pub searches: Vec<SearchSummary>,
    /// The cost of each handler, if requested.
    pub handlers: Vec<HandlerCost>,
}

/// A run that was shrunk. Its trace is in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrunk {
    /// How it ends.
    pub outcome: Outcome,
    /// How many events the original run had.
    pub original_events: u64,
    /// How many runs were tried.
    pub runs: u64,
    /// How many steps these runs had.
    pub steps: u64,
    /// Whether it could be shorter, but the limit of steps was reached.
    pub is_cut_short: bool,
}

impl Done {
    /// A plain run of a simulation that had this outcome.
    pub(crate) fn of_outcome(outcome: Outcome) -> Self {
        Self { outcome, searches: Vec::new(), handlers: Vec::new() }
    }
}

/// The cost of a handler. It does not affect the grade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerCost {
    /// The handler: `server on_message Request`.
    pub handler: String,
    /// How often it ran.
    pub calls: u64,
    /// Its total time, in nanoseconds.
    pub total_ns: u64,
    /// Its total processor time, in nanoseconds. Much less than the total time means that it waits.
    #[serde(default)]
    pub processor_ns: u64,
    /// Its longest call, in nanoseconds.
    pub longest_ns: u64,
}

/// Writes a frame.
///
/// # Errors
/// When the stream fails or the value is too long.
pub fn write<V: Serialize>(stream: &mut impl Write, value: &V) -> Result<(), FrameError> {
    let mut frame = FrameWriter::default();
    codec::encode_into(value, frame.payload())?;
    frame.send(stream)
}

/// The next value, if all of it arrives within the stream's time limit.
///
/// # Errors
/// When the stream fails or ends, or delivers something that is not a frame.
pub fn read<V: DeserializeOwned>(
    frames: &mut FrameReader,
    stream: &mut impl Read,
) -> Result<Option<V>, FrameError> {
    match frames.next(stream, || Ok(())) {
        Ok(Some(frame)) => Ok(Some(codec::decode(frame)?)),
        Ok(None) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        Err(FrameError::Io(error))
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_can_arrive_in_any_pieces() {
        let pulse = |inside_ms| Answer::Pulse(Heartbeat { inside_cpu_ms: 1, inside_ms });
        let mut bytes = Vec::new();
        for number in 0..3 {
            write(&mut bytes, &pulse(number * 1_000)).expect("it fits");
        }
        for cut in 0..bytes.len() {
            let mut reader = FrameReader::default();
            let mut values = Vec::new();
            for mut piece in [&bytes[..cut], &bytes[cut..]] {
                loop {
                    match read::<Answer>(&mut reader, &mut piece) {
                        Ok(Some(answer)) => values.push(answer),
                        Ok(None) => unreachable!("reading a slice never times out"),
                        Err(FrameError::Io(_)) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            assert_eq!(values, [pulse(0), pulse(1_000), pulse(2_000)]);
        }
    }

    #[test]
    fn malformed_frames_are_errors() {
        let read = |bytes: &[u8]| read::<Answer>(&mut FrameReader::default(), &mut &bytes[..]);
        assert!(matches!(read(b"hello, supervisor"), Err(FrameError::TooLong(_))));
        assert!(matches!(read(&[1, 0, 0, 0, 99]), Err(FrameError::Content(_))));
        assert!(matches!(read(&[1, 0]), Err(FrameError::Io(_))));
    }
}
