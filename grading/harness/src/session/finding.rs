//! Findings: what one seed's run says about a submission.

use std::time::Duration;

use faultlab::hosting::{NodeFailure, bounded_to};
use faultlab::property::Violation;
use faultlab::simulate::{Outcome, RunFailure, Verdict};
use faultlab::trace::{EventKind, Trace};
use faultlab_remote::{ProcessExit, ProcessFailure};

use crate::report::{AlsoBroken, Status};
use crate::supervisor::{Timeouts, WorkerFailure};

/// Names of the properties that every run must have, whatever its test asserts.
pub mod property {
    /// A handler panicked.
    pub const NO_PANIC: &str = "no handler panics";
    /// A handler did not return.
    pub const RETURNS: &str = "every handler returns";
    /// A handler ended its process.
    pub const NO_EXIT: &str = "no handler ends its process";
    /// A message had no receiver.
    pub const KNOWN_ADDRESS: &str = "messages go to nodes that exist";
    /// A handler exceeded a limit.
    pub const LIMITS: &str = "limits are kept";
    /// A value did not survive its encoding.
    pub const ENCODING: &str = "values survive their encoding";
    /// The submission lacks something.
    pub const PROVIDED: &str = "the submission provides what the lab asks for";
    /// Two runs of one seed differ.
    pub const DETERMINISM: &str = "the same seed gives the same run";
    /// It does not compile.
    pub const COMPILES: &str = "the submission compiles";
}

/// What to do instead of waiting in a handler.
const CANNOT_WAIT: &str = ". A handler cannot wait: return, and `on_message` is called when a message comes, `on_timer` when a timer fires";

/// What one run says about the submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The test's status, if this is the worst finding.
    pub status: Status,
    /// The property that was violated.
    pub property: Option<String>,
    /// How it was violated, in the lab's terms.
    pub reason: String,
    /// Other properties that the run violates, in order.
    pub also_broken: Vec<AlsoBroken>,
    /// Whether this is an infrastructure error, which says nothing about the submission.
    pub is_infra_error: bool,
}

impl Finding {
    pub(super) fn new(status: Status, property: &str, reason: impl Into<String>) -> Self {
        let property = Some(property.to_owned());
        Self { property, ..Self::without_property(status, reason) }
    }

    /// A finding without a property.
    fn without_property(status: Status, reason: impl Into<String>) -> Self {
        Self {
            status,
            property: None,
            reason: reason.into(),
            also_broken: Vec::new(),
            is_infra_error: false,
        }
    }

    /// The finding for a test that was not done when the submission had used all of its processor time.
    pub(super) fn out_of_time(limit: Duration) -> Self {
        let limit = limit.as_secs();
        let reason = format!(
            "the submission used more than {limit} s of processor time before this test was done"
        );
        Self::new(Status::TimedOut, property::LIMITS, reason)
    }

    /// An infrastructure error.
    pub(super) fn infra_error(reason: impl Into<String>) -> Self {
        Self { is_infra_error: true, ..Self::without_property(Status::Inconclusive, reason) }
    }

    /// The finding for an outcome; `None` if it passed.
    #[must_use]
    pub fn of_outcome(outcome: &Outcome) -> Option<Self> {
        let finding = match &outcome.verdict {
            Verdict::Held => return None,
            Verdict::Violated(violation) => match violation.not_implemented() {
                Some(failure) => return Some(Self::not_implemented(&failure)),
                None => Self::new(Status::Failed, &violation.property, reason_of(violation)),
            },
            Verdict::Undecided { property, reason } => {
                Self::new(Status::Inconclusive, property, format!("not decided: {reason}"))
            }
            Verdict::Failed(failure) => Self::of_failure(failure),
        };
        let also = |violation: &Violation| AlsoBroken {
            property: violation.property.clone(),
            reason: reason_of(violation),
        };
        let also_broken = outcome.also_violated.iter().map(also).collect();
        Some(Self { also_broken, ..finding }.bounded())
    }

    /// The same, with texts that fit into a page of feedback.
    fn bounded(mut self) -> Self {
        self.reason = bounded_to(self.reason, REASON_BYTES_MAX);
        for also in &mut self.also_broken {
            also.reason = bounded_to(std::mem::take(&mut also.reason), REASON_BYTES_MAX);
        }
        self
    }

    /// The finding for code that reached a `todo!()`.
    fn not_implemented(failure: &NodeFailure) -> Self {
        let reason = format!("not implemented yet: {}", todo_text(failure));
        Self::without_property(Status::NotImplemented, reason).bounded()
    }

    fn of_failure(failure: &RunFailure) -> Self {
        if let RunFailure::Node { failure, .. } = failure
            && failure.is_not_implemented()
        {
            return Self::not_implemented(failure);
        }
        let property = match failure {
            RunFailure::Scenario(error) => {
                return Self::infra_error(format!("the test itself failed: its scenario: {error}"));
            }
            RunFailure::Node { failure, .. } => match failure {
                NodeFailure::Panicked { .. } => property::NO_PANIC,
                NodeFailure::Codec { .. } | NodeFailure::Unreadable { .. } => property::ENCODING,
                NodeFailure::StateTooLarge { .. } | NodeFailure::OutputTooLarge { .. } => {
                    property::LIMITS
                }
                NodeFailure::ProcessLost { .. } => property::NO_EXIT,
                NodeFailure::NotProvided(_) => property::PROVIDED,
            },
            RunFailure::UnknownAddress { .. } => property::KNOWN_ADDRESS,
            RunFailure::TooMuch { .. } => property::LIMITS,
        };
        Self::new(Status::Failed, property, failure.to_string())
    }

    /// The finding for a failed worker, with the journal of the run in which it failed.
    pub(super) fn of_worker_failure(
        failure: &WorkerFailure,
        journal: Option<&Trace>,
        printed: &str,
    ) -> Self {
        let last = journal.and_then(|trace| trace.events.last());
        let during = match last {
            Some(event) if event.failure.is_some() => handler_of(&event.what),
            // The journal records each handler before it runs.
            _ => "a constructor, or code that formats or encodes a value,".to_owned(),
        };
        let (status, property, what) = match failure {
            WorkerFailure::Process(ProcessFailure::TimedOut) => {
                let Timeouts { cpu, real } = Timeouts::RETRY;
                let limit =
                    format!("{failure} within {cpu:?} of processor time, or {real:?} in all");
                (Status::TimedOut, property::RETURNS, limit)
            }
            WorkerFailure::Unavailable(why) => {
                return Self::infra_error(format!("infrastructure error: {why}"));
            }
            WorkerFailure::Cancelled => {
                return Self::without_property(Status::Inconclusive, "interrupted");
            }
            WorkerFailure::Process(ProcessFailure::Ended(ProcessExit::OutputLimit)) => {
                (Status::Failed, property::LIMITS, failure.to_string())
            }
            WorkerFailure::Process(_) => {
                let what = match abort_cause(printed) {
                    Some("stack") => "overflowed its stack".to_owned(),
                    Some("memory") => "ran out of memory".to_owned(),
                    _ => failure.to_string(),
                };
                (Status::Failed, property::NO_EXIT, what)
            }
        };
        let at = last.and_then(|event| event.time_ns).map(at).unwrap_or_default();
        let advice = if status == Status::TimedOut { CANNOT_WAIT } else { "" };
        let what = bounded_to(format!("{during} {what}"), REASON_BYTES_MAX);
        Self::new(status, property, format!("{what}{at}{advice}"))
    }
}

/// The longest reason in a report, in bytes. A student prints what they like in a panic, and there is one reason for
/// each test.
const REASON_BYTES_MAX: usize = 4 << 10;

/// How a property was violated.
fn reason_of(violation: &Violation) -> String {
    format!("expected {}, but {}", violation.expected, violation.seen)
}

/// Recognises what Rust's runtime prints on standard error when it aborts a process.
fn abort_cause(printed: &str) -> Option<&'static str> {
    if printed.contains("has overflowed its stack") {
        Some("stack")
    } else if printed.contains("memory allocation of") {
        Some("memory")
    } else {
        None
    }
}

/// The text of a `todo!`.
fn todo_text(failure: &NodeFailure) -> String {
    let NodeFailure::Panicked { message, location } = failure else { return failure.to_string() };
    let text = message
        .trim_start_matches("not yet implemented")
        .trim_start_matches("not implemented")
        .trim_start_matches(": ");
    let text = if text.is_empty() { "a `todo!`" } else { text };
    match location {
        Some(location) => format!("{text} ({location})"),
        None => text.to_owned(),
    }
}

/// The handler that was running: `server1's on_message`.
fn handler_of(what: &EventKind) -> String {
    match what {
        EventKind::Start { node, .. } => format!("{node}'s init"),
        EventKind::Deliver { node, from, message, .. } => {
            format!("{node}'s on_message, given {message} from {from},")
        }
        EventKind::Fire { node, timer, .. } => format!("{node}'s on_timer, given {timer},"),
        EventKind::Command { node, command, .. } => {
            format!("{node}'s send_command, given {command},")
        }
        EventKind::Return { node, .. }
        | EventKind::Lose { node, .. }
        | EventKind::Crash { node, .. }
        | EventKind::Reconnect { node, .. } => node.to_string(),
        EventKind::Restart { node, .. } => format!("{node}'s restore"),
        EventKind::Inject { .. }
        | EventKind::Network { .. }
        | EventKind::Stage { .. }
        | EventKind::Check { .. } => "a node".to_owned(),
    }
}

/// A time in virtual time: ` at 1.000000 s`.
fn at(time_ns: u64) -> String {
    format!(" at {}", virtual_time(time_ns))
}

/// Virtual time, in seconds to the microsecond.
fn virtual_time(time_ns: u64) -> String {
    format!("{}.{:06} s", time_ns / 1_000_000_000, time_ns % 1_000_000_000 / 1_000)
}

#[cfg(test)]
mod tests {
    use faultlab::Address;
    use faultlab::property::CheckError;

    use super::*;

    #[test]
    fn a_todo_reads_as_a_task() {
        let failure = RunFailure::Node {
            node: Address::new("server1"),
            handler: "on_message".to_owned(),
            failure: NodeFailure::Panicked {
                message: "not yet implemented: part 2: answer".to_owned(),
                location: Some("src/server.rs:7:9".to_owned()),
            },
        };
        let expected = "not implemented yet: part 2: answer (src/server.rs:7:9)";
        let finding = Finding::of_failure(&failure);
        assert_eq!((finding.status, &*finding.reason), (Status::NotImplemented, expected));

        // In a search, a node that cannot answer a query breaks the property.
        let RunFailure::Node { node, failure, .. } = failure else { unreachable!() };
        let broken = Violation::of("a property".to_owned(), CheckError::Node(node, failure));
        let outcome = Outcome {
            verdict: Verdict::Violated(broken),
            also_violated: Vec::new(),
            digest: 0,
            steps: 1,
            time_ns: 0,
            sent: 0,
            delivered: 0,
            late: 0,
        };
        let finding = Finding::of_outcome(&outcome).expect("a finding");
        assert_eq!((finding.status, &*finding.reason), (Status::NotImplemented, expected));
    }

    #[test]
    fn an_unavailable_worker_is_an_infra_error() {
        let failure = WorkerFailure::Unavailable("no such file".to_owned());
        let finding = Finding::of_worker_failure(&failure, None, "");
        assert_eq!((finding.status, finding.is_infra_error), (Status::Inconclusive, true));
        assert!(
            !Finding::of_worker_failure(&ProcessFailure::TimedOut.into(), None, "").is_infra_error
        );
    }
}
