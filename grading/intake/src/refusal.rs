//! Reasons why a submission is rejected.

use serde::{Deserialize, Serialize};

/// Why a submission is rejected. The text is for the student.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// A path points outside the folder.
    #[error("the path `{0}` points outside the submission's folder")]
    Escapes(String),
    /// A symbolic or hard link.
    #[error("`{0}` is a link; submit the file itself")]
    Link(String),
    /// A device, a pipe or a socket.
    #[error("`{0}` is neither a file nor a folder")]
    Special(String),
    /// An unsupported archive.
    #[error("`{0}` is not a supported archive; submit a .zip, .tar or .tar.gz")]
    Format(String),
    /// A file that is called an archive, or came in place of one, and is something else.
    #[error("`{name}` is {what}; submit a .zip, .tar or .tar.gz of your source files")]
    NotAnArchive {
        /// Its name.
        name: String,
        /// What it is, with its article: `a web page`.
        what: String,
    },
    /// The end of an archive is missing.
    #[error("`{0}` is cut off: the end of the archive is missing; upload it again")]
    CutOff(String),
    /// The student only typed something into a text field of the platform.
    #[error(
        "only a text was typed into the platform and no file was handed in; hand in your source files"
    )]
    OnlineText,
    /// A path that is not plain text.
    #[error("the file name `{0}` is not plain UTF-8")]
    Name(String),
    /// A source file that is not text.
    #[error("`{file}` is not UTF-8{hint}")]
    Text {
        /// The file.
        file: String,
        /// A hint at its actual encoding, or nothing.
        hint: String,
    },
    /// A limit is exceeded.
    #[error("{what}: more than {limit}")]
    TooLarge {
        /// What exceeds the limit.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// The archive is damaged.
    #[error("`{archive}` cannot be unpacked: {error}")]
    Broken {
        /// The archive.
        archive: String,
        /// The archive reader's error.
        error: String,
    },
    /// A path occurs twice, with different contents.
    #[error("there are two different files `{0}`; submit only one")]
    Twice(String),
    /// Several archives came from one student, and nothing says which one counts.
    #[error(
        "there are several archives: {}; submit only one, or tell the course staff which one counts",
        names(archives)
    )]
    SeveralArchives {
        /// Their names.
        archives: Vec<String>,
    },
    /// Some of the lab's files are missing.
    #[error("missing files: {}{}{}", missing.join(", "), beside(found_in), each_after(hints))]
    Missing {
        /// Their names.
        missing: Vec<String>,
        /// The folder in which the others are, if there are any.
        found_in: Option<String>,
        /// What came instead, and what to do.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        hints: Vec<String>,
    },
    /// There are several different versions of the files.
    #[error("found different versions of the lab's files in {}; submit only one", places.join(" and "))]
    Ambiguous {
        /// The folders with different versions.
        places: Vec<String>,
    },
}

/// Names in a sentence.
pub(crate) fn names(all: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = all.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => String::new(),
    }
}

fn each_after(hints: &[String]) -> String {
    hints.iter().map(|hint| format!("; {hint}")).collect()
}

fn beside(found_in: &Option<String>) -> String {
    match found_in {
        None => String::new(),
        Some(folder) if folder.is_empty() => " (the others are at the top level)".to_owned(),
        Some(folder) => format!(" (the others are in `{folder}`)"),
    }
}

/// Why reading a submission stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The submission's fault: it is rejected.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The grader's or the machine's fault: it is retried.
    #[error("{path}: {error}")]
    Io {
        /// What was being read.
        path: String,
        /// The system's error.
        error: std::io::Error,
    },
}
