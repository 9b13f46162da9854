//! The culprits of mutants: the event at fault in the first run test that each loses.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::Result;
use faultlab::trace::culprit;
use faultlab::trace::{EventKind, Trace};
use faultlab_suites::{Kind, TestNumber};

use crate::table::lines_if_there;
use crate::{Bench, FailingRun, KnownSubmission, Table};

/// An event at fault, without what chance decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit(String);

impl Culprit {
    /// The event that a run's excerpt marks, such as `deliver server Request late`: what happened, to which
    /// kind of node, and the name of the message, timer or command. A request is late if its sender had
    /// asked for the same before, or had its answer already. `None` if no event is marked.
    #[must_use]
    pub fn of(trace: &Trace) -> Option<Self> {
        let number = culprit::culprit(trace)?;
        let (verb, node, text) = match &trace.events[number - 1].what {
            EventKind::Deliver { node, message, .. } => ("deliver", node, message.as_str()),
            EventKind::Fire { node, timer, .. } => ("fire", node, timer.as_str()),
            EventKind::Command { node, command, .. } => ("command", node, command.as_str()),
            EventKind::Return { node, result, .. } => ("return", node, result.as_str()),
            EventKind::Start { node, kind, .. } => ("start", node, kind.as_str()),
            _ => return None,
        };
        let node = node.as_str().trim_end_matches(|character: char| character.is_ascii_digit());
        let name = text.split(|character: char| !character.is_alphanumeric()).next();
        let late = if culprit::is_repeated(trace, number) { " late" } else { "" };
        Some(Self(format!("{verb} {node} {}{late}", name.unwrap_or_default())))
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The expected culprits, by mutant: `culprits.tsv` in the folder of the mutants.
///
/// A line may name several events, separated by ` | `, if the bug has more than one side. Mutants without
/// a line have no single event at fault, or lose no run test.
///
/// # Errors
/// When the file is there and cannot be read, or a line has no tab.
pub fn expected(folder: &Path) -> Result<BTreeMap<String, Vec<Culprit>>> {
    let alternatives =
        |text: String| text.split(" | ").map(|one| Culprit(one.trim().to_owned())).collect();
    let lines = lines_if_there(&folder.join("culprits.tsv"))?.into_iter();
    Ok(lines.map(|(name, text)| (name, alternatives(text))).collect())
}

/// The first run test that a mutant loses, according to the table.
#[must_use]
pub fn first_run_test(bench: &Bench, table: &Table, mutant: &str) -> Option<TestNumber> {
    let lost = table.losses.get(mutant)?;
    bench
        .tests()
        .filter(|test| test.kind() == Kind::Run)
        .map(faultlab_suites::Test::number)
        .find(|number| lost.contains(number))
}

/// The run that a report of this test shows; `None` if it shows none.
///
/// # Errors
/// When the mutant does not compile.
pub fn shown_run(
    bench: &Bench,
    mutant: &KnownSubmission,
    test: TestNumber,
) -> Result<Option<FailingRun>> {
    Ok(bench.failing_runs(mutant, [test])?.into_iter().next())
}
