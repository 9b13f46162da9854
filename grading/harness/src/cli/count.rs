//! `--count`: runs one search in the submission's own program and prints its statistics.

use std::process::Command;

use anyhow::{Context, Result};

use super::{BAD_USAGE, NOT_COMPILED, POINTS_LOST, Request, compile, show_compile_error};
use crate::build::{CompileError, Purpose};
use crate::count::CountSpec;

pub(super) fn run(request: &Request<'_>, spec: CountSpec) -> Result<u8> {
    let program = match compile(request, Purpose::Tests) {
        Ok(program) => program,
        Err(error) => {
            show_compile_error(&error.downcast::<CompileError>()?)?;
            return Ok(NOT_COMPILED);
        }
    };
    let threads = request.args.jobs.unwrap_or(1).to_string();
    let json = request.args.json.as_deref();
    let mut command = Command::new(&program.file);
    command.args(["--count", &spec.to_string(), &threads]);
    command.args(request.args.exact.then_some("exact"));
    command.args(json.is_some().then_some("json"));
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", program.file.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match json {
        Some(file) => super::write_file(file, &text)?,
        None => print!("{text}"),
    }
    let code = output.status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(POINTS_LOST).min(BAD_USAGE))
}
