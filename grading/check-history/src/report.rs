//! Output: one line per file, or one JSON document.

use colored::{Color, Colorize};
use faultlab::linearizability::{Explanation, Placed, SequentialCheckResult, ShownOperation};
use serde::Serialize;

use crate::check::{FileReport, HistoryFacts, HistoryResult};

/// The version of the JSON document.
const VERSION: u32 = 1;

/// The drawing width: the terminal's, within limits.
pub(crate) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.unwrap_or(80).clamp(60, 200)
}

/// The result for a file as one line, coloured if standard output shows colours.
pub(crate) fn line(judgement: &FileReport) -> String {
    let (color, text) = match &judgement.finding {
        HistoryResult::Linearizable { .. } => (Color::Green, "linearizable".to_owned()),
        HistoryResult::NotLinearizable { explanation, sequential } => {
            let sequential = match sequential {
                Some(SequentialCheckResult::SequentiallyConsistent { .. }) => {
                    "; it is sequentially consistent"
                }
                Some(SequentialCheckResult::NotSequentiallyConsistent) => {
                    "; it is not sequentially consistent either"
                }
                Some(SequentialCheckResult::Unknown(_)) | None => "",
            };
            (Color::Red, format!("not linearizable: {}{sequential}", explanation.sentence()))
        }
        HistoryResult::Unknown { limit } => (Color::Yellow, format!("unknown: {limit}")),
        HistoryResult::Unreadable { problem } => (Color::Yellow, problem.clone()),
    };
    format!("{}: {}", judgement.file.display(), text.color(color))
}

/// The JSON document about all files.
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    version: u32,
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct File<'a> {
    file: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(flatten)]
    history: Option<Facts>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'a [usize]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    violation: Option<Violation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequentially_consistent: Option<bool>,
}

#[derive(Serialize)]
struct Facts {
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_cas: Option<String>,
    operations: usize,
    seconds: f64,
    configurations: u64,
    states: u64,
    memory_bytes: usize,
}

#[derive(Serialize)]
struct Violation<'a> {
    sentence: String,
    key: Option<&'a str>,
    /// The number of the operation that cannot be placed, from zero.
    operation: usize,
    expected: &'a [String],
    initial_state: &'a str,
    operations_before: usize,
    operations_dropped: usize,
    operations: Vec<Operation<'a>>,
    /// An order that explains all operations but the failing one: their numbers, with the states.
    order: Vec<Step<'a>>,
}

#[derive(Serialize)]
struct Operation<'a> {
    number: usize,
    client: String,
    command: &'a str,
    result: Option<&'a str>,
    called: u64,
    returned: Option<u64>,
}

#[derive(Serialize)]
struct Step<'a> {
    number: usize,
    state: &'a str,
}

impl<'a> Document<'a> {
    pub(crate) fn of(judgements: &'a [FileReport]) -> Self {
        Self { version: VERSION, files: judgements.iter().map(File::of).collect() }
    }
}

impl<'a> File<'a> {
    fn of(judgement: &'a FileReport) -> Self {
        let mut file = File {
            file: judgement.file.display().to_string(),
            verdict: "",
            problem: None,
            history: judgement.history.as_ref().map(Facts::of),
            notes: &judgement.notes,
            order: None,
            violation: None,
            sequentially_consistent: None,
        };
        match &judgement.finding {
            HistoryResult::Linearizable { order } => {
                file.verdict = "linearizable";
                file.order = Some(order);
            }
            HistoryResult::NotLinearizable { explanation, sequential } => {
                file.verdict = "not-linearizable";
                file.violation = Some(Violation::of(explanation));
                file.sequentially_consistent = match sequential {
                    Some(SequentialCheckResult::SequentiallyConsistent { .. }) => Some(true),
                    Some(SequentialCheckResult::NotSequentiallyConsistent) => Some(false),
                    Some(SequentialCheckResult::Unknown(_)) | None => None,
                };
            }
            HistoryResult::Unknown { limit } => {
                file.verdict = "unknown";
                file.problem = Some(limit.to_string());
            }
            HistoryResult::Unreadable { problem } => {
                file.verdict = "unreadable";
                file.problem = Some(problem.clone());
            }
        }
        file
    }
}

impl Facts {
    fn of(facts: &HistoryFacts) -> Self {
        Self {
            model: facts.model.to_string(),
            failed_cas: facts.failed_cas.map(|failed_cas| failed_cas.to_string()),
            operations: facts.operations,
            seconds: facts.duration.as_secs_f64(),
            configurations: facts.cost.configurations,
            states: facts.cost.states,
            memory_bytes: facts.cost.memory_bytes,
        }
    }
}

impl<'a> Violation<'a> {
    fn of(explanation: &'a Explanation) -> Self {
        let operation = |shown: &'a ShownOperation| Operation {
            number: shown.number,
            client: shown.client.to_string(),
            command: &shown.command,
            result: shown.result.as_deref(),
            called: shown.called,
            returned: shown.returned,
        };
        let step = |placed: &'a Placed| Step {
            number: explanation.operations[placed.operation].number,
            state: &placed.state,
        };
        Self {
            sentence: explanation.sentence(),
            key: explanation.key.as_deref(),
            operation: explanation.operations[explanation.failing].number,
            expected: &explanation.expected,
            initial_state: &explanation.initial,
            operations_before: explanation.before,
            operations_dropped: explanation.dropped,
            operations: explanation.operations.iter().map(operation).collect(),
            order: explanation.order.iter().map(step).collect(),
        }
    }
}
