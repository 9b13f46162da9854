//! All executors give the same results as local processes.

mod common;

use std::process::Command;

use common::{Batch, graded, grader, results};

#[test]
fn gnu_parallel_gives_the_same_results() {
    if !Command::new("parallel").arg("--version").output().is_ok_and(|out| out.status.success()) {
        assert!(
            std::env::var_os("FAULTLAB_REQUIRE_EXECUTORS").is_none(),
            "GNU parallel is not installed"
        );
        println!("SKIPPED: GNU parallel is not installed");
        return;
    }
    let batch = Batch::of_lab0(&["ada", "broken", "wrong"]);
    let local = batch.out("local");
    assert_eq!(graded(&batch, &local), Some(0));
    let out = batch.out("parallel");
    let output = grader(&batch, &out).args(["--executor", "parallel"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("parallel --jobs 2 --joblog "), "{said}");
    assert_eq!(results(&out), results(&local));

    // The grader is killed, and with it GNU parallel. The same command resumes the batch.
    let lost = batch.out("lost");
    let mut child =
        grader(&batch, &lost).args(["--executor", "parallel"]).spawn().expect("it starts");
    while common::outcomes(&lost) == 0 {
        assert!(child.try_wait().expect("it is ours").is_none(), "it ended without a record");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    let output = grader(&batch, &lost).args(["--executor", "parallel"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", common::said(&output));
    assert_eq!(results(&lost), results(&local));
}

#[test]
fn slurm_gives_the_same_results() {
    let batch = Batch::of_lab0(&["ada", "bob", "broken", "wrong"]);
    let status = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slurm.sh"))
        .arg(env!("CARGO_BIN_EXE_grade"))
        .arg(batch.submissions())
        .arg("lab0")
        .status()
        .expect("the script runs");
    assert!(status.success());
}
