//! File formats of recorded histories: logs and EDN, as Jepsen and similar tools write them.
//!
//! ```
//! use faultlab::linearizability::formats::{self, Options};
//!
//! let error = formats::parse("{:process 1, :type :ok, :f :get, :key \"k\"}", &Options::default());
//! assert_eq!(
//!     error.unwrap_err().to_string(),
//!     "line 1: process1 is answered, but has no pending call"
//! );
//! ```
//!
//! Four layouts are read, whatever their mixture of line ends and whether or not a byte order mark comes first:
//!
//! - *Logs.* `INFO  jepsen.util - 0  :invoke  :write  1`, and the two layouts of later versions of Jepsen. After the
//!   value, a log may have an error. Lines of other parts of Jepsen are passed over.
//! - *Columns*: the same columns without the head of a log, as in Jepsen's `history.txt`. Columns are separated by
//!   tabs or spaces.
//! - *EDN*: maps with `:process`, `:type`, `:f`, `:value` and optionally `:key`, `:error`, `:time` and `:index`, one
//!   after another or in one vector or list, over any number of lines.
//!
//! If all maps have an `:index`, or else a `:time`, that is the order of their events. Otherwise it is their order in
//! the file. The lines of the nemesis are passed over, and so is an `:info` of a process without a pending call.
//!
//! A key is an operation's `:key`, or the first of its value's two parts, as Jepsen's `independent` writes it:
//! `:write [k v]`, `:cas [k [from to]]`.

mod columns;
mod edn;
mod events;
mod key_value;
mod order;
mod register;

use std::fmt;
use std::str::FromStr;

use super::history::History;
use super::models::{KeyValueCommand, KeyedCommand, RegisterCommand, RegisterResult};

pub use self::register::RegisterValue;

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A Jepsen log, or its columns alone: process, type, function, value, and sometimes an error.
    Jepsen,
    /// EDN maps with `:process`, `:type`, `:f`, `:value` and optionally `:key`.
    Edn,
}

/// The model that a file's operations are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelName {
    /// Registers: `:read`, `:write`, `:cas`.
    Register,
    /// A key-value store: `:get`, `:put`, `:append`.
    KeyValue,
}

/// What a compare-and-set that ended in `:fail` means, if the file does not give an error as its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedCas {
    /// It did not happen, for whatever reason. This is what `:fail` means in Jepsen, and the default.
    Ignored,
    /// It found another value. This is what it means in Porcupine's collection of etcd logs, and the default for logs
    /// with lines like theirs: `INFO  jepsen.util - ...`.
    NotEqual,
}

/// How to read a file. What is `None` is guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The file's format.
    pub format: Option<Format>,
    /// The model of its operations.
    pub model: Option<ModelName>,
    /// What a failed compare-and-set means.
    pub failed_cas: Option<FailedCas>,
}

/// What a file contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The history.
    pub history: Recorded,
    /// What a failed compare-and-set was taken to mean, if there is one that has no error as its reason.
    pub failed_cas: Option<FailedCas>,
    /// What a person should know about the file: a sentence each.
    pub notes: Vec<String>,
}

/// A history that was read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Of one [`Register`](super::models::Register).
    Register(History<RegisterCommand<RegisterValue>, RegisterResult<RegisterValue>>),
    /// Of several registers, each with a key.
    Registers(History<KeyedCommand<RegisterCommand<RegisterValue>>, RegisterResult<RegisterValue>>),
    /// Of a [`KeyValue`](super::models::KeyValue) store.
    KeyValue(History<KeyValueCommand, String>),
}

/// Why a file could not be read as a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct FormatError {
    /// The line, counting from one.
    pub line: usize,
    /// What is wrong with it, and how to fix it.
    pub problem: String,
}

/// Reads a history.
///
/// # Errors
/// If a line cannot be read, a call and its answer do not match, the format or model cannot be guessed,
/// or there are no operations. Never panics, whatever the text.
pub fn parse(text: &str, options: &Options) -> Result<Parsed, FormatError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let format = match options.format {
        Some(format) => format,
        None => Format::guess(text)?,
    };
    let (mut events, by_default) = match format {
        Format::Jepsen => columns::read(text)?,
        Format::Edn => (events::from_edn(text)?, FailedCas::Ignored),
    };
    let mut notes = Vec::new();
    notes.extend(order::sort(&mut events));
    let calls = events::pair(events)?;
    let Some(first) = calls.first() else {
        return Err(FormatError::new(1, "there is no operation in this file"));
    };
    let model = match options.model {
        Some(model) => model,
        None => ModelName::guess(&first.invocation)?,
    };
    let failed_cas = options.failed_cas.unwrap_or(by_default);
    Ok(match model {
        ModelName::Register => {
            let (history, is_used) = register::history(&calls, failed_cas)?;
            Parsed { history, failed_cas: is_used.then_some(failed_cas), notes }
        }
        ModelName::KeyValue => {
            let history = Recorded::KeyValue(key_value::history(&calls)?);
            Parsed { history, failed_cas: None, notes }
        }
    })
}

impl Recorded {
    /// The number of its operations.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Register(history) => history.operations().len(),
            Self::Registers(history) => history.operations().len(),
            Self::KeyValue(history) => history.operations().len(),
        }
    }

    /// The value that a register had before the first answer which tells one: that of a read, or of a successful
    /// compare-and-set. `None` for a store.
    #[must_use]
    pub fn first_seen(&self) -> Option<&RegisterValue> {
        match self {
            Self::Register(history) => register::first_seen(history, |command| command),
            Self::Registers(history) => register::first_seen(history, |keyed| &keyed.command),
            Self::KeyValue(_) => None,
        }
    }

    /// Whether it has no operations.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FormatError {
    fn new(line: usize, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }
}

impl Format {
    /// The format of the first line that is not empty.
    fn guess(text: &str) -> Result<Self, FormatError> {
        let mut lines = text.lines().enumerate();
        let Some((at, line)) = lines.find(|(_, line)| !line.trim().is_empty()) else {
            return Err(FormatError::new(1, "the file is empty"));
        };
        if line.trim_start().starts_with(['{', '[', '(', ';', '#', '^']) {
            Ok(Self::Edn)
        } else if columns::is_one(line) {
            Ok(Self::Jepsen)
        } else {
            let problem = "this is neither a line of a Jepsen log (`INFO  jepsen.util - ...`), nor columns (`0 :invoke :read nil`), nor EDN (`{:process ...}`); say which with --format";
            Err(FormatError::new(at + 1, problem))
        }
    }
}

impl ModelName {
    fn guess(first: &events::Event) -> Result<Self, FormatError> {
        match first.function.as_str() {
            "read" | "write" | "cas" => Ok(Self::Register),
            "get" | "put" | "append" => Ok(Self::KeyValue),
            other => {
                let problem = format!(
                    "`:{other}` is an operation of no model here: the register has :read, :write and :cas, the key-value store :get, :put and :append"
                );
                Err(FormatError::new(first.line, problem))
            }
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "jepsen" => Ok(Self::Jepsen),
            "edn" => Ok(Self::Edn),
            _ => Err(format!("there is no format `{text}`: use jepsen, edn")),
        }
    }
}

impl FromStr for ModelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "register" => Ok(Self::Register),
            "kv" => Ok(Self::KeyValue),
            _ => Err(format!("there is no model `{text}`: use register or kv")),
        }
    }
}

impl FromStr for FailedCas {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ignored" => Ok(Self::Ignored),
            "not-equal" => Ok(Self::NotEqual),
            _ => Err(format!("there is no reading `{text}`: use ignored or not-equal")),
        }
    }
}

impl fmt::Display for FailedCas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ignored => "ignored",
            Self::NotEqual => "not-equal",
        })
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Register => "register",
            Self::KeyValue => "kv",
        })
    }
}
