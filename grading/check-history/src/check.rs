//! Reads and checks one file.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use faultlab::linearizability::formats::{
    self, FailedCas, Format, ModelName, Options, Recorded, RegisterValue,
};
use faultlab::linearizability::models::{KeyValue, Keyed, Register};
use faultlab::linearizability::{CheckResult, Cost, Explanation, Limit, SequentialCheckResult};
use faultlab::trace;
use faultlab_suites::{CheckLimits, CheckableHistory, ModelledHistory, Suite};

/// The configuration limit for checking whether a violation is sequentially consistent.
const SEQUENTIAL_CONFIGURATIONS_MAX: u64 = 200_000;

/// Settings for all files.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) model: Option<ModelName>,
    pub(crate) format: Option<FileFormat>,
    pub(crate) failed_cas: Option<FailedCas>,
    /// What a register starts with, if it starts with a value.
    pub(crate) initial: Option<RegisterValue>,
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
    /// What a person should know about the file and how it was read: a sentence each.
    pub(crate) notes: Vec<String>,
}

/// The history's properties, and the cost of checking it.
pub(crate) struct HistoryFacts {
    pub(crate) model: ModelName,
    /// What a failed compare-and-set was taken to mean, if that matters.
    pub(crate) failed_cas: Option<FailedCas>,
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
        notes: Vec::new(),
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
    let read = match read {
        Ok(read) => read,
        Err(problem) => return unreadable(problem),
    };
    let mut report = judge_history(file, &read, settings);
    if !is_trace && matches!(report.finding, HistoryResult::NotLinearizable { .. }) {
        report.notes.extend(other_reading(&text, &read, settings));
    }
    report
}

/// What a file contains.
struct Read {
    model: ModelName,
    history: Box<dyn CheckableHistory>,
    failed_cas: Option<FailedCas>,
    /// What the first result says about a register's value before it.
    first_seen: Option<RegisterValue>,
    /// See [`FileReport::notes`].
    notes: Vec<String>,
}

/// Reads a trace of a lab. The lab's suite says how.
fn read_trace(text: &str, settings: &Settings) -> Result<Read, String> {
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
    if settings.initial.is_some() {
        return Err(format!("--initial is for registers; the model of {lab} is {}", model.name()));
    }
    let history = model.read(&trace)?;
    let (failed_cas, first_seen, notes) = (None, None, Vec::new());
    Ok(Read { model: model.name(), history, failed_cas, first_seen, notes })
}

/// Reads a history that another tool recorded.
fn read_recorded(text: &str, settings: &Settings) -> Result<Read, String> {
    let format = match settings.format {
        Some(FileFormat::Recorded(format)) => Some(format),
        Some(FileFormat::Trace) | None => None,
    };
    let options = Options { format, model: settings.model, failed_cas: settings.failed_cas };
    let parsed = formats::parse(text, &options).map_err(|error| error.to_string())?;
    let register = || settings.initial.clone().map_or(Register::new(), Register::starting_with);
    let first_seen = parsed.history.first_seen().cloned();
    let (model, history): (_, Box<dyn CheckableHistory>) = match parsed.history {
        Recorded::Register(history) => {
            (ModelName::Register, Box::new(ModelledHistory { model: register(), history }))
        }
        Recorded::Registers(history) => {
            let model = Keyed { object: register() };
            (ModelName::Register, Box::new(ModelledHistory { model, history }))
        }
        Recorded::KeyValue(_) if settings.initial.is_some() => {
            return Err("--initial is for registers; this is a history of a key-value store".into());
        }
        Recorded::KeyValue(history) => {
            (ModelName::KeyValue, Box::new(ModelledHistory { model: KeyValue, history }))
        }
    };
    Ok(Read { model, history, failed_cas: parsed.failed_cas, first_seen, notes: parsed.notes })
}

/// How a file whose history is not linearizable would have to be read so that it is, if there is such a way.
fn other_reading(text: &str, read: &Read, settings: &Settings) -> Option<String> {
    let is_linearizable = |settings: &Settings| {
        let Ok(read) = read_recorded(text, settings) else { return false };
        read.history.check(limits(settings)).verdict.is_linearizable()
    };
    let other = match read.failed_cas {
        Some(FailedCas::NotEqual) => Some(FailedCas::Ignored),
        _ => None,
    };
    if other.is_some() {
        let settings = Settings { failed_cas: other, ..settings.clone() };
        if is_linearizable(&settings) {
            let meaning = "only means that it did not happen";
            return Some(format!(
                "it is linearizable if a failed cas {meaning}: --failed-cas ignored"
            ));
        }
    }
    if settings.initial.is_none() && read.model == ModelName::Register {
        let initial = read.first_seen.clone()?;
        let settings = Settings { initial: Some(initial.clone()), ..settings.clone() };
        if is_linearizable(&settings) {
            return Some(format!(
                "it is linearizable if registers start with {initial}: --initial {initial}"
            ));
        }
    }
    None
}

fn limits(settings: &Settings) -> CheckLimits {
    CheckLimits {
        time: Some(settings.timeout),
        memory_bytes: Some(settings.memory_bytes_max),
        whole: !settings.partition,
        ..CheckLimits::default()
    }
}

fn judge_history(file: &Path, read: &Read, settings: &Settings) -> FileReport {
    let history = read.history.as_ref();
    let started = Instant::now();
    let limits = limits(settings);
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
        history: Some(HistoryFacts {
            model: read.model,
            failed_cas: read.failed_cas,
            operations,
            cost: report.cost,
            duration,
        }),
        page,
        notes: read.notes.clone(),
    }
}
