//! What a check of progress found.

use crate::property::{Subject, Violation};
use crate::search::path::Path;
use crate::search::report::{SearchResult, Statistics};

/// What is expected of a system that must make progress.
pub(super) const EXPECTED: &str = "every fair run to get there, sooner or later";

/// How a check of progress ended, and its statistics.
#[derive(Clone, Debug)]
pub struct ProgressReport {
    /// How it ended.
    pub result: ProgressResult,
    /// Its statistics: the states and the events between them.
    pub statistics: Statistics,
}

/// How a check of progress ended.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgressResult {
    /// Every fair run gets there. All states were seen.
    Inevitable,
    /// A fair run can go on for ever without getting there.
    Avoided(Box<Lasso>),
    /// Something else came before: a violation of an invariant or the monitor, a failure, a mistake in the settings, or a
    /// limit. At a limit, nothing is known: it is no success.
    Stopped(SearchResult),
}

/// A fair run that goes on for ever without getting where it must.
#[derive(Clone, Debug, PartialEq)]
pub struct Lasso {
    /// The name of what it does not get to, with all that [`LeadsTo::name`](super::LeadsTo::name) says.
    pub property: String,
    /// The events that lead to the loop.
    pub before: Path,
    /// The events that repeat for ever, from the state after `before` back to it. Without any, nothing more happens: no
    /// timer is set, and what is in the network is lost.
    pub round: Path,
    /// What was waiting for what, a sentence each: the clients first, and then what they wait for.
    pub explanation: Vec<String>,
    /// What it is about: the wait of the first client that waits, if one does.
    pub about: Option<Subject>,
}

impl Lasso {
    /// The lasso as a violation.
    #[must_use]
    pub fn violation(&self) -> Violation {
        let start = match self.before.len() {
            0 => "from the start on".to_owned(),
            1 => "after one event".to_owned(),
            events => format!("after {events} events"),
        };
        let goes_on = match self.round.len() {
            0 => format!("{start}, nothing more needs to happen"),
            1 => format!("{start}, one event can repeat for ever"),
            round => format!("{start}, {round} events can repeat for ever"),
        };
        let sentences: Vec<&str> = self.explanation.iter().map(String::as_str).collect();
        Violation {
            property: self.property.clone(),
            expected: EXPECTED.to_owned(),
            seen: std::iter::once(goes_on.as_str()).chain(sentences).collect::<Vec<_>>().join("; "),
            about: self.about.clone().map(Box::new),
        }
    }
}
