//! Tells when the compiler failed for a reason that is not in the code it compiled: no space, no memory,
//! no descriptors, a signal from outside, or a missing file.
//!
//! Such a failure says nothing about the submission, so it must not earn zero points. What the code itself
//! can bring about, such as the limits on the compiler's processor time, memory and file sizes, is an
//! error of the code.

use std::path::PathBuf;

use faultlab_remote::ProcessExit;

use super::hints::Diagnostic;

/// The compiler or the linker failed, and not because of the code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the compiler failed, and not because of the code: {0}")]
pub struct CompilerFailure(pub(super) String);

/// The system's errors that no code can cause: input/output error, try again, out of memory, too many open
/// files (in the system, in the process), no space, read-only file system, quota exceeded.
const SYSTEM_ERRORS: [&str; 8] = [
    "(os error 5)",
    "(os error 11)",
    "(os error 12)",
    "(os error 23)",
    "(os error 24)",
    "(os error 28)",
    "(os error 30)",
    "(os error 122)",
];

/// What the linker and the compiler's back end say instead. Code without `unsafe` cannot name a symbol that does not
/// exist, so an undefined one is missing from a library.
const LINKER_ERRORS: [&str; 11] = [
    "No space left on device",
    "Disk quota exceeded",
    "Input/output error",
    "Read-only file system",
    "Too many open files",
    "Cannot allocate memory",
    "could not exec the linker",
    "ld terminated with signal 7",
    "ld terminated with signal 9",
    "undefined reference to `",
    "undefined symbol: ",
];

/// Codes of errors about libraries: damaged, of another compiler, or not those that others were compiled
/// with. All libraries are the course's.
const LIBRARY_CODES: [&str; 3] = ["E0460", "E0514", "E0786"];

/// Signals that no code can make the compiler receive: SIGHUP, SIGINT, SIGBUS (a mapped file on a full disk),
/// SIGKILL, SIGTERM. A limit of processor time sends SIGXCPU before SIGKILL.
const OUTSIDE_SIGNALS: [i32; 5] = [1, 2, 7, 9, 15];

/// What the compiler said and needed when it failed.
pub(super) struct Failed<'f> {
    pub(super) exit: &'f ProcessExit,
    pub(super) diagnostics: &'f [Diagnostic],
    /// What it printed besides.
    pub(super) printed: &'f str,
    /// The files that it had to read.
    pub(super) reads: &'f [PathBuf],
}

impl Failed<'_> {
    /// Why the compiler failed, if that is not because of the code.
    pub(super) fn cause(&self) -> Option<CompilerFailure> {
        if let Some(missing) = self.reads.iter().find(|path| !path.exists()) {
            return Some(CompilerFailure(format!("{} is missing", missing.display())));
        }
        let is_from_outside = match self.exit {
            ProcessExit::Signalled(signal) => OUTSIDE_SIGNALS.contains(signal),
            // It used less processor time than it may, or that would have ended it.
            ProcessExit::Killed | ProcessExit::Unknown(_) => true,
            ProcessExit::Exited(_) | ProcessExit::OutputLimit => false,
        };
        if is_from_outside {
            return Some(CompilerFailure(format!("it {}", self.exit)));
        }
        let texts = self.diagnostics.iter().filter(|one| is_beyond_the_code(one));
        let texts = texts.map(|one| one.rendered.as_str()).chain([self.printed]);
        let says_why = |line: &&str| {
            SYSTEM_ERRORS.iter().chain(&LINKER_ERRORS).any(|error| line.contains(error))
        };
        let line = texts.flat_map(str::lines).find(says_why);
        let library = || self.diagnostics.iter().find(|one| is_about_a_library(one));
        let what = line.or_else(|| library().map(|one| one.message.as_str()))?;
        Some(CompilerFailure(what.trim().to_owned()))
    }
}

/// Whether a message is about no place in the code, or about a file that could not be read.
fn is_beyond_the_code(message: &Diagnostic) -> bool {
    let is_unread = message.message.starts_with("couldn't read ");
    !message.has_place || is_unread && !message.rendered.contains("compile_error!")
}

/// Whether a message is about a library, or one that a library depends on.
fn is_about_a_library(message: &Diagnostic) -> bool {
    let code = message.code.as_deref().unwrap_or_default();
    LIBRARY_CODES.contains(&code) || code == "E0463" && message.message.contains(" which `")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(exit: ProcessExit, diagnostics: &[Diagnostic], printed: &str) -> Option<String> {
        let failed = Failed { exit: &exit, diagnostics, printed, reads: &[] };
        failed.cause().map(|failure| failure.0)
    }

    fn message(text: &str, code: Option<&str>, has_place: bool) -> Diagnostic {
        Diagnostic {
            code: code.map(str::to_owned),
            message: text.lines().next().unwrap_or_default().to_owned(),
            rendered: format!("error: {text}\n"),
            has_place,
        }
    }

    #[test]
    fn failures_of_the_machine_are_told_from_errors_of_the_code() {
        let failed = || ProcessExit::Exited(1);
        for (text, code) in [
            ("failed to write `/t/lib.rmeta`: No space left on device (os error 28)", None),
            ("couldn't create a temp dir: No space left on device (os error 28) at path", None),
            ("failed to create file encoder: Too many open files (os error 24)", None),
            ("could not exec the linker `cc`\nnote: Cannot allocate memory (os error 12)", None),
            (
                "linking with `cc` failed: exit status: 1\nld: final link failed: No space left on device",
                None,
            ),
            (
                "linking with `cc` failed\ncollect2: fatal error: ld terminated with signal 9 [Killed]",
                None,
            ),
            (
                "linking with `cc` failed\ncollect2: fatal error: ld terminated with signal 7 [Bus error]",
                None,
            ),
            (
                "linking with `cc` failed: exit status: 1\nlib.rs:3: undefined reference to `faultlab::run'",
                None,
            ),
            ("linking with `cc` failed\nrust-lld: error: undefined symbol: faultlab::run", None),
            ("found invalid metadata in files for crate `serde`", Some("E0786")),
            ("can't find crate for `serde_core` which `serde` depends on", Some("E0463")),
        ] {
            assert!(cause(failed(), &[message(text, code, false)], "").is_some(), "{text}");
        }
        let unread = "couldn't read `src/client.rs`: Input/output error (os error 5)";
        assert!(cause(failed(), &[message(unread, None, true)], "").is_some());
        let printed = "LLVM ERROR: IO failure on output stream: No space left on device\n";
        assert_eq!(cause(ProcessExit::Signalled(6), &[], printed).as_deref(), Some(printed.trim()));
        for exit in [7, 9, 15].map(ProcessExit::Signalled).into_iter().chain([ProcessExit::Killed])
        {
            assert!(cause(exit.clone(), &[], "").is_some(), "{exit:?}");
        }
        let reads = [PathBuf::from("/nowhere/libserde.rlib")];
        let missing = Failed { exit: &failed(), diagnostics: &[], printed: "", reads: &reads };
        let text = missing.cause().expect("a file is missing").to_string();
        assert!(text.ends_with(": /nowhere/libserde.rlib is missing"), "{text}");

        for (text, code, has_place) in [
            ("mismatched types", Some("E0308"), true),
            ("can't find crate for `tokio`", Some("E0463"), true),
            ("No space left on device (os error 28)\n  compile_error!(..)", None, true),
            ("couldn't read `x`: (os error 28)\n 3 | compile_error!(\"..\");", None, true),
            ("couldn't read `/etc/passwd`: Permission denied (os error 13)", None, true),
            ("couldn't read `src/data.txt`: No such file or directory (os error 2)", None, true),
            ("undefined symbol: x\n  compile_error!(\"undefined symbol: x\")", None, true),
            ("linking with `cc` failed: exit status: 1\nld: memory exhausted", None, false),
            ("failed to write: File too large (os error 27)", None, false),
        ] {
            let one = message(text, code, has_place);
            assert_eq!(cause(failed(), &[one], ""), None, "{text}");
        }
        // Limits on the compiler, which only the code can reach.
        for signal in [6, 11, 24, 25] {
            let printed = "memory allocation of 4096 bytes failed\n";
            assert_eq!(cause(ProcessExit::Signalled(signal), &[], printed), None, "{signal}");
        }
    }
}
