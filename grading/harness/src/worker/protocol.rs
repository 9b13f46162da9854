//! The protocol between supervisor and worker: length-prefixed frames of encoded values.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use faultlab::codec::{self, CodecError};
use faultlab::simulate::Outcome;
use faultlab_remote::{ProcessFailure, RunCompletion};
use faultlab_suites::{SearchSummary, TestNumber};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The largest accepted frame, in bytes. An outcome has a few hundred, and a counterexample's text a
/// few thousand.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// A supervisor's request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Execute this job.
    Run(Job),
    /// Execute these runs in a batch, and check whether they can be repeated. Only for a worker
    /// with an out-of-process submission.
    RunBatch(Vec<RunName>),
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
    /// The results of a batch.
    RunBatch {
        /// In order; `None` for runs that did not finish.
        ends: Vec<Option<RunCompletion>>,
        /// The tests whose repeated runs were identical.
        deterministic: Vec<TestNumber>,
    },
    /// The digest of each recorded run, in order; `None` for runs that were not recorded.
    Recorded(Vec<Option<u64>>),
    /// The result of a comparison; `None` if a process failed or a run could not be recorded.
    Compared(Option<Compared>),
    /// All of the submission's processes but the first have ended.
    ProcessesRestarted,
}

impl Answer {
    /// The answer to a plain job whose run had this outcome.
    pub(crate) fn of_outcome(outcome: Outcome) -> Self {
        Self::Done(Done { outcome, searches: Vec::new(), handlers: Vec::new() })
    }
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

/// The cost of a handler. It does not affect the grade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerCost {
    /// The handler: `server on_message Request`.
    pub handler: String,
    /// How often it ran.
    pub calls: u64,
    /// Its total time, in nanoseconds.
    pub total_ns: u64,
    /// Its longest call, in nanoseconds.
    pub longest_ns: u64,
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream failed or ended.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The frame is longer than [`FRAME_BYTES_MAX`].
    #[error("a frame of {0} bytes")]
    TooLong(usize),
    /// The frame's content cannot be decoded.
    #[error("a frame that cannot be read: {0}")]
    Content(#[from] CodecError),
}

/// Writes a frame.
///
/// # Errors
/// When the stream fails or the value is too long.
pub fn write<V: Serialize>(stream: &mut impl Write, value: &V) -> Result<(), FrameError> {
    let mut frame = vec![0; 4];
    codec::encode_into(value, &mut frame)?;
    let length = frame.len() - 4;
    let header = u32::try_from(length).ok().filter(|_| length <= FRAME_BYTES_MAX);
    frame[..4].copy_from_slice(&header.ok_or(FrameError::TooLong(length))?.to_le_bytes());
    Ok(stream.write_all(&frame)?)
}

/// Reassembles frames from the pieces in which a stream delivers them.
#[derive(Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
}

impl FrameReader {
    /// The next value, if all of it arrives within the stream's time limit.
    ///
    /// # Errors
    /// When the stream fails or ends, or delivers something that is not a frame.
    pub fn read<V: DeserializeOwned>(
        &mut self,
        stream: &mut impl Read,
    ) -> Result<Option<V>, FrameError> {
        loop {
            if let Some(value) = self.take()? {
                return Ok(Some(value));
            }
            let mut piece = [0; 4096];
            match stream.read(&mut piece) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(length) => self.bytes.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes a complete frame from the front, if there is one.
    fn take<V: DeserializeOwned>(&mut self) -> Result<Option<V>, FrameError> {
        let Some((header, rest)) = self.bytes.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*header) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong(length));
        }
        let Some(content) = rest.get(..length) else { return Ok(None) };
        let value = codec::decode(content)?;
        self.bytes.drain(..4 + length);
        Ok(Some(value))
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
            let mut read = Vec::new();
            for mut piece in [&bytes[..cut], &bytes[cut..]] {
                loop {
                    match reader.read::<Answer>(&mut piece) {
                        Ok(Some(answer)) => read.push(answer),
                        Ok(None) => unreachable!("reading a slice never times out"),
                        Err(FrameError::Io(_)) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            assert_eq!(read, [pulse(0), pulse(1_000), pulse(2_000)]);
        }
    }

    #[test]
    fn malformed_frames_are_errors() {
        let read = |bytes: &[u8]| FrameReader::default().read::<Answer>(&mut &bytes[..]);
        assert!(matches!(read(b"hello, supervisor"), Err(FrameError::TooLong(_))));
        assert!(matches!(read(&[1, 0, 0, 0, 99]), Err(FrameError::Content(_))));
        assert!(matches!(read(&[1, 0]), Err(FrameError::Io(_))));
    }
}
