//! Reads and checks one file.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use faultlab::linearizability::formats::{self, Format, ModelName, Recorded};
use faultlab::linearizability::models::{KeyValue, Register};
use faultlab::linearizability::{
    CheckResult, Checker, Cost, Explanation, History, Limit, Model, SequentialCheckResult, explain,
    page,
};

use crate::trace::{self, Traced};

/// The configuration limit for checking whether a violation is sequentially consistent.
const SEQUENTIAL_CONFIGURATIONS_MAX: u64 = 200_000;

/// Settings for all files.
pub(crate) struct Settings {
    pub(crate) model: Option<ModelName>,
    pub(crate) format: Option<FileFormat>,
    pub(crate) timeout: Duration,
    pub(crate) memory_bytes_max: usize,
    pub(crate) partition: bool,
    /// Whether to write a page.
    pub(crate) page: bool,
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// Recorded by another tool.
    Recorded(Format),
    /// A trace written by Faultlab's engines.
    Trace,
}

impl FromStr for FileFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "trace" => Ok(Self::Trace),
            other => other.parse().map(Self::Recorded).map_err(|error| format!("{error} or trace")),
        }
    }
}

/// The result for one file.
pub(crate) struct FileReport {
    pub(crate) file: PathBuf,
    pub(crate) finding: HistoryResult,
    /// The history's properties, if the file is readable.
    pub(crate) history: Option<HistoryFacts>,
    pub(crate) page: Option<String>,
}

/// The history's properties, and the cost of checking it.
pub(crate) struct HistoryFacts {
    pub(crate) model: ModelName,
    pub(crate) operations: usize,
    pub(crate) cost: Cost,
    pub(crate) duration: Duration,
}

/// The result for a history.
pub(crate) enum HistoryResult {
    /// It is linearizable, in this order of operations.
    Linearizable { order: Vec<usize> },
    /// It is not.
    NotLinearizable { explanation: Box<Explanation>, sequential: Option<SequentialCheckResult> },
    /// A limit was reached.
    Unknown { limit: Limit },
    /// The file is not a history, and why.
    Unreadable { problem: String },
}

/// Reads and checks one file.
pub(crate) fn check_file(file: &Path, settings: &Settings) -> FileReport {
    let unreadable = |problem: String| FileReport {
        file: file.to_owned(),
        finding: HistoryResult::Unreadable { problem },
        history: None,
        page: None,
    };
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(format!("cannot be read: {error}")),
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..valid].iter().filter(|&&byte| byte == b'\n').count();
            return unreadable(format!("line {line}: this is not UTF-8 text"));
        }
    };
    // A trace starts with JSON; in EDN, keys are keywords.
    let is_trace = match settings.format {
        Some(format) => format == FileFormat::Trace,
        None => text.trim_start().starts_with("{\""),
    };
    if is_trace {
        if settings.model == Some(ModelName::Register) {
            return unreadable("a trace belongs to a lab, and no lab uses a register".to_owned());
        }
        return match trace::parse(&text) {
            Ok(Traced::Lab1(model, history)) => {
                judge_history(file, &model, ModelName::KeyValue, &history, settings)
            }
            Err(problem) => unreadable(problem),
        };
    }
    let format = match settings.format {
        Some(FileFormat::Recorded(format)) => Some(format),
        Some(FileFormat::Trace) | None => None,
    };
    match formats::parse(&text, format, settings.model) {
        Ok(Recorded::Register(history)) => {
            judge_history(file, &Register, ModelName::Register, &history, settings)
        }
        Ok(Recorded::KeyValue(history)) => {
            judge_history(file, &KeyValue, ModelName::KeyValue, &history, settings)
        }
        Err(error) => unreadable(error.to_string()),
    }
}

fn judge_history<M: Model>(
    file: &Path,
    model: &M,
    name: ModelName,
    history: &History<M::Command, M::Result>,
    settings: &Settings,
) -> FileReport {
    let started = Instant::now();
    let checker = Checker::new(model)
        .time_limit(settings.timeout)
        .memory_limit(settings.memory_bytes_max)
        .partition(settings.partition);
    let report = checker.check(history);
    let duration = started.elapsed();
    let sequential = report.verdict.is_violation().then(|| {
        let checker = checker.configuration_limit(SEQUENTIAL_CONFIGURATIONS_MAX);
        checker.check_sequential(history).0
    });
    let title = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let page =
        settings.page.then(|| page(model, history, &report.verdict, sequential.as_ref(), &title));
    let finding = match report.verdict {
        CheckResult::Linearizable { order } => HistoryResult::Linearizable { order },
        CheckResult::Unknown(limit) => HistoryResult::Unknown { limit },
        CheckResult::NotLinearizable(violation) => {
            let explanation = Box::new(explain(model, history, &violation));
            HistoryResult::NotLinearizable { explanation, sequential }
        }
    };
    let operations = history.operations().len();
    FileReport {
        file: file.to_owned(),
        finding,
        history: Some(HistoryFacts { model: name, operations, cost: report.cost, duration }),
        page,
    }
}
