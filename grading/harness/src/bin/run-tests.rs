//! `run-tests`: what `scripts/run-tests.sh` runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    faultlab_harness::cli::main()
}
