//! Reads and checks one file.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use faultlab::linearizability::formats::{self, Format, ModelName, Recorded};
use faultlab::linearizability::models::{KeyValue, Register};
use faultlab::linearizability::{CheckResult, Cost, Explanation, Limit, SequentialCheckResult};
use faultlab::trace;
use faultlab_suites::{CheckLimits, CheckableHistory, ModelledHistory, Suite};

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
    let read = if is_trace { read_trace(&text, settings) } else { read_recorded(&text, settings) };
    match read {
        Ok((model, history)) => judge_history(file, model, history.as_ref(), settings),
        Err(problem) => unreadable(problem),
    }
}

/// A history and the name of its model, or why the file is not one.
type Read = Result<(ModelName, Box<dyn CheckableHistory>), String>;

/// Reads a trace of a lab. The lab's suite says how.
fn read_trace(text: &str, settings: &Settings) -> Read {
    let trace = trace::file::read(text.as_bytes()).map_err(|error| error.to_string())?;
    let lab = trace.header.lab.as_str();
    if lab.is_empty() {
        let problem = "the trace does not name a lab, so the meaning of its commands is unknown";
        return Err(problem.to_owned());
    }
    let suites = faultlab_suites::all();
    let model = suites.iter().find(|suite| suite.lab() == lab).and_then(Suite::history_model);
    let Some(model) = model else {
        let with_model = suites.iter().filter(|suite| suite.history_model().is_some());
        let labs: Vec<&str> = with_model.map(Suite::lab).collect();
        return Err(format!("there is no model for `{lab}`, only for {}", labs.join(", ")));
    };
    if let Some(asked) = settings.model.filter(|asked| *asked != model.name()) {
        return Err(format!("the model of {lab} is {}, not {asked}", model.name()));
    }
    Ok((model.name(), model.read(&trace)?))
}

/// Reads a history that another tool recorded.
fn read_recorded(text: &str, settings: &Settings) -> Read {
    let format = match settings.format {
        Some(FileFormat::Recorded(format)) => Some(format),
        Some(FileFormat::Trace) | None => None,
    };
    match formats::parse(text, format, settings.model) {
        Ok(Recorded::Register(history)) => {
            Ok((ModelName::Register, Box::new(ModelledHistory { model: Register, history })))
        }
        Ok(Recorded::KeyValue(history)) => {
            Ok((ModelName::KeyValue, Box::new(ModelledHistory { model: KeyValue, history })))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn judge_history(
    file: &Path,
    model: ModelName,
    history: &dyn CheckableHistory,
    settings: &Settings,
) -> FileReport {
    let started = Instant::now();
    let limits = CheckLimits {
        time: Some(settings.timeout),
        memory_bytes: Some(settings.memory_bytes_max),
        whole: !settings.partition,
        ..CheckLimits::default()
    };
    let report = history.check(limits);
    let duration = started.elapsed();
    let sequential = report.verdict.is_violation().then(|| {
        let configurations = Some(SEQUENTIAL_CONFIGURATIONS_MAX);
        history.check_sequential(CheckLimits { configurations, ..limits })
    });
    let title = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let page = settings.page.then(|| history.page(&report.verdict, sequential.as_ref(), &title));
    let finding = match report.verdict {
        CheckResult::Linearizable { order } => HistoryResult::Linearizable { order },
        CheckResult::Unknown(limit) => HistoryResult::Unknown { limit },
        CheckResult::NotLinearizable(violation) => {
            let explanation = Box::new(history.explain(&violation));
            HistoryResult::NotLinearizable { explanation, sequential }
        }
    };
    let operations = history.operations();
    FileReport {
        file: file.to_owned(),
        finding,
        history: Some(HistoryFacts { model, operations, cost: report.cost, duration }),
        page,
    }
}
