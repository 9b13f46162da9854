//! Why a submission is not graded at all.

use serde::{Deserialize, Serialize};

/// Why a submission is refused. Its text is for the student.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// A path leads out of the folder.
    #[error("the path `{0}` leads out of the submission's folder")]
    Escapes(String),
    /// A symbolic or hard link.
    #[error("`{0}` is a link; hand in the file itself")]
    Link(String),
    /// A device, a pipe or a socket.
    #[error("`{0}` is not a file or a folder")]
    Special(String),
    /// An archive of a kind that is not opened.
    #[error("`{0}` cannot be opened here; hand in a .zip, a .tar or a .tar.gz")]
    Format(String),
    /// A path that is not plain text.
    #[error("the name `{0}` is not plain UTF-8 text")]
    Name(String),
    /// A source file that is not text.
    #[error("`{file}` is not UTF-8 text{hint}")]
    Text {
        /// The file.
        file: String,
        /// What it looks like instead, or nothing.
        hint: String,
    },
    /// Too much of something.
    #[error("{what}: more than {limit}")]
    TooLarge {
        /// What is too much.
        what: String,
        /// The bound.
        limit: u64,
    },
    /// The archive cannot be read.
    #[error("`{archive}` cannot be unpacked: {error}")]
    Broken {
        /// The archive.
        archive: String,
        /// What its reader said.
        error: String,
    },
    /// Two entries of one archive have the same path.
    #[error("the archive holds `{0}` twice")]
    Twice(String),
    /// Files of the lab are missing.
    #[error("these files of the lab are missing: {}{}", missing.join(", "), beside(found_in))]
    Missing {
        /// Their names.
        missing: Vec<String>,
        /// The folder in which the others are, if there are any.
        found_in: Option<String>,
    },
    /// There are several different versions of the files.
    #[error("there are different versions of the lab's files in {}; hand in one", places.join(" and "))]
    Ambiguous {
        /// Where.
        places: Vec<String>,
    },
}

fn beside(found_in: &Option<String>) -> String {
    match found_in {
        None => String::new(),
        Some(folder) if folder.is_empty() => " (the others are in the outermost folder)".to_owned(),
        Some(folder) => format!(" (the others are in `{folder}`)"),
    }
}

/// What is wrong with a submission before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The submission's fault: it is refused.
    Refused(Refusal),
    /// Our fault, or the platform's: to be tried again.
    Unreadable(String),
}

/// What stops the reading of a submission.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The submission's fault: it is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was handed in is not there.
    #[error("{0}")]
    Absent(String),
    /// Our fault, or the machine's: to be tried again.
    #[error("{path}: {error}")]
    Io {
        /// What was being read.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
}

impl From<Problem> for ReadError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Refused(refusal) => refusal.into(),
            Problem::Unreadable(why) => Self::Absent(why),
        }
    }
}
