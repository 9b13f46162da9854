//! `grade-confine`: limits itself, then becomes a submission's program. It is installed beside
//! `grade`.

use std::process::ExitCode;

fn main() -> ExitCode {
    faultlab_sandbox::launcher_main()
}
