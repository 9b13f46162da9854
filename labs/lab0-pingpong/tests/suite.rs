//! Brings the suite of lab 0 and this crate together: `cargo test` shows each test, and
//! `./scripts/run-tests.sh lab0` runs them with points.

fn main() -> std::process::ExitCode {
    faultlab_harness::shim::main("lab0", lab0_vocabulary::submission::<lab0::Lab>)
}
