//! Links lab NN's suite with this crate. `cargo test` lists each test; `./scripts/run-tests.sh labNN`
//! runs them with points.

fn main() -> std::process::ExitCode {
    faultlab_harness::shim::main("labNN", labNN_api::submission::<labNN::Lab>)
}
