//! `count-states` against known counts.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn count_states(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_count-states"));
    command.current_dir(root).args(arguments).output().expect("it runs")
}

fn code(arguments: &[&str]) -> Option<i32> {
    count_states(arguments).status.code()
}

const SOLUTION: &str = "grading/staff/solutions/lab1";

#[test]
fn the_reference_solution_has_the_known_counts() {
    let folder = TempDir::new().expect("there is room for a folder");
    let file = folder.path().join("count.json");
    let file_name = file.to_str().expect("a path is text");
    for (search, states) in
        [("1x10:different", 120), ("2x3:different", 255), ("2x3:same", 2_117), ("3x2:same", 20_491)]
    {
        let output = count_states(&["lab1", search, "--submission", SOLUTION, "--json", file_name]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        assert_eq!(output.stdout, b"");
        let counted: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&file).expect("it was written"))
                .expect("it is JSON");
        assert_eq!(counted["states"], states, "{search}");
        assert_eq!(counted["outcome"], "space-exhausted");
        assert_eq!(counted["exact"], false);
        assert!(counted["collision_bound"].as_f64() > Some(0.0));
    }
    let exact =
        count_states(&["lab1", "2x3:same", "--submission", SOLUTION, "--exact", "--jobs", "2"]);
    assert_eq!(exact.status.code(), Some(0));
    let text = String::from_utf8_lossy(&exact.stdout);
    for row in ["states  2117", "threads  2", "compared  full states", "collision bound  0.0e0"] {
        assert!(text.contains(row), "{row} is not in {text}");
    }
}

#[test]
fn usage_errors_and_other_ends_have_their_exit_codes() {
    // The skeleton panics in its first handler, so its search does not exhaust the state space.
    assert_eq!(code(&["lab1", "2x3:same"]), Some(1));
    assert_eq!(code(&["lab1", "2x3:same", "--submission", "nowhere"]), Some(2));
    assert_eq!(code(&["lab1", "3x2"]), Some(2));
    assert_eq!(code(&["lab0", "3x2:same"]), Some(2), "lab 0 has no search to count");
    assert_eq!(code(&["lab7", "3x2:same"]), Some(2));
    let folder = TempDir::new().expect("there is room for a folder");
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("solutions/lab1");
    for file in fs::read_dir(files).expect("the solution") {
        let file = file.expect("a file").path();
        let name = file.file_name().expect("a name");
        fs::copy(&file, folder.path().join(name)).expect("a copy");
    }
    fs::write(folder.path().join("store.rs"), "fn broken() -> u64 { \"text\" }").expect("written");
    let broken = folder.path().to_str().expect("a path is text");
    assert_eq!(code(&["lab1", "2x3:same", "--submission", broken]), Some(3));
}
