//! The launcher: limits itself, then becomes the confined program.

fn main() -> std::process::ExitCode {
    faultlab_sandbox::launcher_main()
}
