//! Builds submissions: compiles the student's crate and its shim against prebuilt, optimised
//! libraries, in half a second.

mod compile;
mod hints;
mod libraries;
mod root_errors;
mod source;
mod workspace;

pub use compile::{
    CompileError, Compiler, CompilerCall, CompilerOutput, Program, Purpose, Unconfined, compile,
    compile_by,
};
pub use hints::{Diagnostic, hints};
pub use libraries::Libraries;
pub use source::{Source, SourceError, Sources};
pub use workspace::{Lab, Workspace};
