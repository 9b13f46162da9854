//! How a process ended, and why it can no longer be asked.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use faultlab::hosting::NodeFailure;
use serde::{Deserialize, Serialize};

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessExit {
    /// It exited with this code.
    Exited(i32),
    /// It was terminated by this signal.
    Signalled(i32),
    /// It was killed because it printed more than allowed.
    OutputLimit,
    /// It had not ended in time, and was killed.
    Killed,
    /// Unknown, because the program that watched it has exited; completes the sentence "the process ...".
    /// This is an infrastructure error and says nothing about the process.
    Unknown(String),
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Signalled(signal) => {
                let meaning = match signal {
                    4 => " (illegal instruction)",
                    6 => " (aborted: a stack overflow, or out of memory?)",
                    9 => " (killed: out of memory or time?)",
                    11 => " (invalid memory access: a stack overflow?)",
                    24 => " (used too much CPU time)",
                    25 => " (wrote too large a file)",
                    31 => " (made a forbidden system call)",
                    _ => "",
                };
                write!(f, "was killed by signal {signal}{meaning}")
            }
            Self::OutputLimit => f.write_str("printed endlessly"),
            Self::Killed => f.write_str("took too long and was killed"),
            Self::Unknown(how) => f.write_str(how),
        }
    }
}

impl From<ExitStatus> for ProcessExit {
    fn from(status: ExitStatus) -> Self {
        match status.signal() {
            Some(signal) => Self::Signalled(signal),
            // A process that has ended has a signal or a code.
            None => Self::Exited(status.code().unwrap_or(-1)),
        }
    }
}

/// Why a process can no longer be asked. Each text completes the sentence "the process ...".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ProcessFailure {
    /// It could not be started. This is an infrastructure error.
    #[error("could not be started: {0}")]
    NotStarted(String),
    /// It has ended.
    #[error("{0}")]
    Ended(ProcessExit),
    /// It took too long to answer.
    #[error("gave no answer in time")]
    TimedOut,
    /// It violated the protocol.
    #[error("broke the protocol: {0}")]
    ProtocolError(String),
}

impl ProcessFailure {
    /// Whether the process would have gone on forever. Each such process takes seconds, and a submission with
    /// one usually has many.
    #[must_use]
    pub fn never_ends(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Ended(ProcessExit::OutputLimit))
    }

    /// Whether it is worthwhile to repeat what failed just to see it fail again, or to go on with more of the
    /// same. After a timeout it is not, because that takes as long each time.
    pub(crate) fn is_quick(&self) -> bool {
        *self != Self::TimedOut
    }
}

impl From<ProcessFailure> for NodeFailure {
    fn from(failure: ProcessFailure) -> Self {
        Self::ProcessLost { how: failure.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_code_or_a_signal() {
        assert_eq!(ProcessExit::from(ExitStatus::from_raw(3 << 8)), ProcessExit::Exited(3));
        assert_eq!(ProcessExit::from(ExitStatus::from_raw(134 << 8)), ProcessExit::Exited(134));
        assert_eq!(ProcessExit::from(ExitStatus::from_raw(6)), ProcessExit::Signalled(6));
    }
}
