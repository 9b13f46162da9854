//! Builds submissions: compiles the student's crate and its shim against prebuilt, optimised
//! libraries, in half a second. Before it, the crates of the labs that it builds on.

mod base_labs;
mod cache;
mod compile;
mod compiler_failure;
mod hints;
mod libraries;
mod root_errors;
mod source;
mod unused_files;
mod workspace;

pub use base_labs::{BaseLab, BaseLabOrigin, BaseLabRule};
pub use compile::{
    CompileError, Compiler, CompilerCall, CompilerOutput, Program, Purpose, Unconfined, compile,
    compile_by,
};
pub use compiler_failure::CompilerFailure;
pub use hints::{Diagnostic, hints};
pub use libraries::Libraries;
pub use source::{
    Source, SourceError, Sources, SubmissionSources, copy_sources, lab_files, student_files,
};
pub use workspace::{Lab, Workspace};
