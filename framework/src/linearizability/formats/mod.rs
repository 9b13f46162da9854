//! File formats of recorded histories: Jepsen logs and EDN.
//!
//! ```
//! use faultlab::linearizability::formats;
//!
//! let error = formats::parse("{:process 1, :type :ok, :f :get, :key \"k\"}", None, None);
//! assert_eq!(
//!     error.unwrap_err().to_string(),
//!     "line 1: process1 is answered, but has no pending call"
//! );
//! ```

mod events;
mod key_value;
mod register;
mod value;

use std::fmt;
use std::str::FromStr;

use super::history::History;
use super::models::{KeyValueCommand, RegisterCommand, RegisterResult};

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A Jepsen log: `INFO  jepsen.util - PROCESS`, the type, the function and the value, separated by
    /// tabs.
    Jepsen,
    /// One EDN map per line, with `:process`, `:type`, `:f`, `:value` and optionally `:key`.
    Edn,
}

/// The model that a file's operations are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelName {
    /// One register: `:read`, `:write`, `:cas`.
    Register,
    /// A key-value store: `:get`, `:put`, `:append`.
    KeyValue,
}

/// A history that was read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Of a [`Register`](super::models::Register).
    Register(History<RegisterCommand, RegisterResult>),
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

/// Reads a history. If the format or the model is not given, it is guessed.
///
/// # Errors
/// If a line cannot be read, a call and its answer do not match, the format or model cannot be guessed,
/// or there are no operations. Never panics, whatever the text.
pub fn parse(
    text: &str,
    format: Option<Format>,
    model: Option<ModelName>,
) -> Result<Recorded, FormatError> {
    let format = match format {
        Some(format) => format,
        None => Format::guess(text)?,
    };
    let calls = events::pair(match format {
        Format::Jepsen => events::from_jepsen(text)?,
        Format::Edn => events::from_edn(text)?,
    })?;
    let Some(first) = calls.first() else {
        return Err(FormatError::new(1, "there is no operation in this file"));
    };
    let model = match model {
        Some(model) => model,
        None => ModelName::guess(&first.invocation)?,
    };
    Ok(match model {
        ModelName::Register => Recorded::Register(register::history(&calls)?),
        ModelName::KeyValue => Recorded::KeyValue(key_value::history(&calls)?),
    })
}

impl Recorded {
    /// The number of its operations.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Register(history) => history.operations().len(),
            Self::KeyValue(history) => history.operations().len(),
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
        if line.contains("jepsen.") {
            Ok(Self::Jepsen)
        } else if line.trim_start().starts_with('{') {
            Ok(Self::Edn)
        } else {
            let problem = "this is neither a line of a Jepsen log (`INFO  jepsen.util - ...`) nor an EDN map (`{:process ...}`); say which with --format";
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

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Register => "register",
            Self::KeyValue => "kv",
        })
    }
}
