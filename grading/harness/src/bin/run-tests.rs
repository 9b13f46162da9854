//! `run-tests`: the program behind `scripts/run-tests.sh`.

use std::process::ExitCode;

fn main() -> ExitCode {
    faultlab_harness::cli::main()
}
