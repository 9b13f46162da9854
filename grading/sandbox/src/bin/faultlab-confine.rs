//! The launcher: limits itself, then becomes the program to be confined.

fn main() -> std::process::ExitCode {
    faultlab_sandbox::launcher_main()
}
