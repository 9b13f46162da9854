//! `grade-confine`: limits itself and becomes a submission's program. It lies beside `grade`.

use std::process::ExitCode;

fn main() -> ExitCode {
    faultlab_sandbox::launcher_main()
}
