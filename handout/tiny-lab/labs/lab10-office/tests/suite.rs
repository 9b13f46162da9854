//! Brings the suite and the lab together.

fn main() -> std::process::ExitCode {
    faultlab_harness::shim::main("lab10", lab10::submission)
}
