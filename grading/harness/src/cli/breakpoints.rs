//! `--breakpoints`: one test with one seed in one process without limits, for a debugger.

use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result};
use faultlab_suites::Test;

use super::{BAD_USAGE, NOT_COMPILED, Request, Usage, compile};
use crate::build::{CompileError, Purpose};
use crate::report::{output, terminal};
use crate::session::Seeds;

pub(super) fn run(request: &Request<'_>, tests: &[&Test]) -> Result<u8> {
    let [test] = tests else {
        return Err(Usage(
            "--breakpoints runs a single test: select it, as in `-n 2.4`".to_owned(),
        )
        .into());
    };
    let args = request.args;
    let seeds = match args.only_seed {
        Some(seed) => Seeds::Only(seed),
        None => Seeds::Derived { suite: args.seed, count: 1 },
    };
    let seed = seeds.of(test).first().copied().unwrap_or(args.seed);
    let program = match compile(request, Purpose::Debugger) {
        Ok(program) => program,
        Err(error) => {
            let error = error.downcast::<CompileError>()?;
            output::print_error(&terminal::compile_error(&error))?;
            return Ok(NOT_COMPILED);
        }
    };
    let number = test.number().to_string();
    let shown = program.file.display();
    writeln!(
        anstream::stderr(),
        "Test {number} with seed {seed}, in one process. To run it under a debugger:\n    rust-gdb --args {shown} --one-run {number} {seed}\n"
    )?;
    let status = Command::new(&program.file)
        .args(["--one-run", &number, &seed.to_string()])
        .status()
        .with_context(|| format!("cannot start {shown}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    // The program's own exit code: 0 if the run passed. A killed program has none.
    Ok(code.unwrap_or(super::POINTS_LOST).min(BAD_USAGE))
}
