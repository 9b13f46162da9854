//! What supervisor and worker say to each other: frames of a length and an encoded value.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use faultlab::codec::{self, CodecError};
use faultlab::simulate::Outcome;
use faultlab_suites::{SearchSummary, TestNumber};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::supervisor::Loss;

/// The largest frame that is taken, in bytes. An outcome has a few hundred, a counterexample's text some
/// thousand.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// What a supervisor asks of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Do this job.
    Run(Job),
    /// Run these side by side, and see whether they go the same way again. Only for a worker whose
    /// submission is in other processes.
    SideBySide(Vec<RunName>),
    /// Run these side by side and record each, its trace in this file. Only for such a worker.
    Record(Vec<(RunName, PathBuf)>),
    /// Repeat a run that did not go the same way again, and record two repetitions, to see where they
    /// part. Only for such a worker.
    Compare(Comparison),
    /// End the submission's processes but the first, so that what comes next finds a used one beside
    /// fresh ones. Only for such a worker.
    Renew,
}

/// Names a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunName {
    /// The test.
    pub test: TestNumber,
    /// The seed.
    pub seed: u64,
}

/// A run that did not go the same way again: once more in fresh processes, then in other fresh ones,
/// another run, and there again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The run.
    pub run: RunName,
    /// The one between.
    pub other: RunName,
    /// Where the trace of the first repetition goes, and that of the last.
    pub traces: [PathBuf; 2],
}

/// The digests of a comparison's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// In fresh processes, recorded.
    pub fresh: u64,
    /// In other fresh ones.
    pub also_fresh: u64,
    /// There again, after the other run, recorded.
    pub used: u64,
}

/// Run this test with this seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The test.
    pub test: TestNumber,
    /// The seed.
    pub seed: u64,
    /// What is wanted besides the outcome.
    pub mode: Mode,
}

/// What is wanted of a run besides its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Nothing.
    Plain,
    /// How long each handler takes.
    Profiled,
    /// A trace, written event by event to this file.
    Recorded {
        /// Where the trace goes.
        trace: PathBuf,
        /// The file that the worker's standard output and error go to: what grows during an event was
        /// printed by it.
        printed: PathBuf,
    },
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// It is at work on a job. Sent every [`PULSE`](super::PULSE).
    Pulse(Pulse),
    /// It has done the job.
    Done(Done),
    /// The test itself broke: not the submission's fault.
    TestBroken(String),
    /// What became of runs side by side.
    SideBySide {
        /// In order; `None` of those that were not run to their end.
        ends: Vec<Option<RunEnd>>,
        /// The tests of which some runs were repeated, and went the same way again.
        repeatable: Vec<TestNumber>,
    },
    /// The digest of each run that was recorded, in order; `None` of those that were not.
    Recorded(Vec<Option<u64>>),
    /// What came of a comparison; `None` if a run was lost or could not be recorded.
    Compared(Option<Compared>),
    /// The submission has no process now but the first.
    Renewed,
}

impl Answer {
    /// The answer to a plain job whose run had this outcome.
    pub(crate) fn of_outcome(outcome: Outcome) -> Self {
        Self::Done(Done { outcome, searches: Vec::new(), handlers: Vec::new() })
    }
}

/// What became of a run among others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunEnd {
    /// It came to its end.
    Over(Outcome),
    /// It lost a process of the submission's, when it was alone.
    Lost(Loss),
}

/// How a job is getting on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
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
    /// What its searches saw, if it is a search.
    pub searches: Vec<SearchSummary>,
    /// How long each handler took, if that was asked for.
    pub handlers: Vec<HandlerCost>,
}

/// How long a handler took. A report shows it outside the grade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerCost {
    /// The handler: `server on_message Request`.
    pub handler: String,
    /// How often it ran.
    pub calls: u64,
    /// How long in all, in nanoseconds.
    pub total_ns: u64,
    /// How long at most, in nanoseconds.
    pub longest_ns: u64,
}

/// Why no frame could be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream failed or ended.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The frame is longer than [`FRAME_BYTES_MAX`].
    #[error("a frame of {0} bytes")]
    TooLong(usize),
    /// The frame's content is not what it should be.
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

/// Puts frames together from the pieces in which a stream delivers them.
#[derive(Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
}

impl FrameReader {
    /// The next value, if the stream has delivered all of it within its time limit.
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

    /// Takes a whole frame off the front, if there is one.
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
    fn frames_survive_being_cut_anywhere() {
        let pulse = |inside_ms| Answer::Pulse(Pulse { inside_cpu_ms: 1, inside_ms });
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
                        Ok(None) => unreachable!("a slice never makes anybody wait"),
                        Err(FrameError::Io(_)) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            assert_eq!(read, [pulse(0), pulse(1_000), pulse(2_000)]);
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        let read = |bytes: &[u8]| FrameReader::default().read::<Answer>(&mut &bytes[..]);
        assert!(matches!(read(b"hello, supervisor"), Err(FrameError::TooLong(_))));
        assert!(matches!(read(&[1, 0, 0, 0, 99]), Err(FrameError::Content(_))));
        assert!(matches!(read(&[1, 0]), Err(FrameError::Io(_))));
    }
}
