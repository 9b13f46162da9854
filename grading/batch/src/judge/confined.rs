//! Runs the compiler and a submission's nodes in the sandbox.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use faultlab_harness::build::{Compiler, CompilerCall, CompilerOutput};
use faultlab_remote::ProcessExit;

use super::machine::Machine;

/// The last line of the compiler's output when it was stopped or failed silently.
const STOPPED: &str = "error: the compiler";

/// The launcher, which is installed next to this program.
///
/// # Errors
/// When it is not there.
pub fn launcher() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let mut folder = program.parent().unwrap_or(&program);
    if folder.ends_with("deps") {
        folder = folder.parent().unwrap_or(folder);
    }
    let launcher = folder.join("grade-confine");
    launcher.canonicalize().with_context(|| {
        format!("{} is missing; it is built together with this program", launcher.display())
    })
}

/// The compiler in its sandbox.
pub struct SandboxedCompiler<'h>(pub &'h Machine);

impl Compiler for SandboxedCompiler<'_> {
    fn run(&self, call: CompilerCall) -> Result<CompilerOutput> {
        let mut job = self.0.toolchain.job().arguments(call.command.get_args()).write(&call.writes);
        for path in &call.reads {
            job = job.read(path);
        }
        // The sandbox mounts the folder only if the compiler must read something in it, and then
        // under a short name.
        let is_short =
            call.command.get_args().last().is_some_and(|last| Path::new(last).is_relative());
        if let Some(folder) = call.command.get_current_dir().filter(|_| is_short) {
            job = job.folder(folder);
        }
        let finished = self.0.sandbox.run(&job)?;
        let exit = finished.exit;
        let mut messages = finished.printed.to_string();
        if !matches!(exit, ProcessExit::Exited(0 | 1)) {
            messages.push_str(&format!("\n{STOPPED} {exit}\n"));
        }
        Ok(CompilerOutput { messages: messages.into_bytes(), exit })
    }
}
