//! A full disk under `target`, where submissions are compiled: an infrastructure error, never a grade, and nothing is
//! left of it once there is space.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::autograder::Autograder;
use common::small_disk::Mounted;
use common::{Batch, results, said};

/// The size of the disk, in bytes: a few builds of lab 0 fit.
const DISK_BYTES: usize = 48 << 20;

#[test]
fn right_solutions_are_graded_once_there_is_space_again() {
    let batch = Batch::of_lab0(&["ada", "bob"]);
    let packed = Autograder::new(&batch, "ada");
    let root = packed.path().join("source/faultlab");
    let builds = root.join("target/faultlab");
    let Some(disk) = Mounted::small_disk(&builds, DISK_BYTES) else {
        println!("SKIPPED: cannot mount a disk without root");
        return;
    };
    let grade = |out: &Path| {
        let output = Command::new(root.join("target/lab/grade"))
            .arg("lab0")
            .arg(batch.submissions())
            .arg("--out")
            .arg(out)
            .args(["--seeds", "2", "--jobs", "1"])
            .env("FAULTLAB_ROOT", &root)
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        (output.status.code(), said(&output))
    };
    let out = batch.out("results");
    let ballast = builds.join("ballast");
    let mut failures = 0;
    for left in [0, 16 << 10, 300 << 10, 1 << 20] {
        // The compiler, or the linker, finds the disk full at different times.
        let _ = fs::remove_file(&ballast);
        let _ = fs::remove_dir_all(builds.join("builds"));
        let _ = fs::write(&ballast, vec![0; DISK_BYTES - left]);
        let (code, said) = grade(&out);
        let summary = fs::read_to_string(out.join("summary.csv")).expect("it is there");
        for line in summary.lines().skip(1) {
            let status = line.split(',').nth(2).unwrap_or_default();
            assert!(["graded", "infrastructure-error"].contains(&status), "{line}\n{said}");
            assert!(!line.contains(",0,"), "a full disk gave a zero: {line}\n{said}");
        }
        if code == Some(1) {
            failures += 1;
            assert!(said.contains("no grade: "), "{said}");
            // A linker that maps its output into memory ends with a bus error.
            let said = said.to_lowercase();
            let full = ["no space left on device", "bus error"];
            assert!(full.iter().any(|reason| said.contains(reason)), "{said}");
        }
    }
    assert!(failures > 0, "the disk was never full");
    fs::remove_file(&ballast).expect("it is there");
    let (code, said) = grade(&out);
    assert_eq!(code, Some(0), "{said}");
    let undisturbed = batch.out("undisturbed");
    assert_eq!(grade(&undisturbed).0, Some(0));
    assert_eq!(results(&out), results(&undisturbed));
    drop(disk);
}
