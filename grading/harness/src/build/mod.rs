//! Builds submissions: compiles the student's crate and its shim against prebuilt, optimised
//! libraries, in half a second.

mod compile;
mod essential;
mod hints;
mod libraries;
mod source;
mod workspace;

pub use compile::{
    Call, CompileError, Compiler, Program, Purpose, Said, Unconfined, compile, compile_by,
};
pub use hints::{Diagnostic, hints};
pub use libraries::Libraries;
pub use source::{Source, SourceError, Sources};
pub use workspace::{Lab, Workspace};
