//! `grade`: grades a folder of submissions.

use std::process::ExitCode;

fn main() -> ExitCode {
    faultlab_batch::cli::main()
}
