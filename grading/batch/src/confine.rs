//! `grade-confine`, the launcher: limits itself, then becomes a submission's program. It is installed
//! next to `grade`.

use std::process::ExitCode;

fn main() -> ExitCode {
    faultlab_sandbox::launcher_main()
}
