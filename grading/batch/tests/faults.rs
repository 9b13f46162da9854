//! Infrastructure faults: running the grader again after any of them gives the same results.

mod common;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use common::small_disk::Mounted;
use common::{Batch, graded, grader, results};
use faultlab::random::{Random, Stream};

/// How often the grader is killed.
const KILLS: u32 = 50;

#[test]
fn an_interrupted_batch_resumes() {
    let batch = Batch::of_lab0(&["ada", "bob", "broken", "cut", "todo", "wrong"]);
    let undisturbed = batch.out("undisturbed");
    assert_eq!(graded(&batch, &undisturbed), Some(0));

    let disturbed = batch.out("disturbed");
    let mut random = Random::new(7, Stream::Setup);
    let mut kills = 0;
    let mut finished_before = 0;
    for _ in 0..KILLS {
        let mut child = grader(&batch, &disturbed).spawn().expect("the grader starts");
        let moment = Duration::from_millis(20 + random.below(1_500));
        let deadline = Instant::now() + moment;
        while Instant::now() < deadline && child.try_wait().expect("it is ours").is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        kills += u32::from(child.try_wait().expect("it is ours").is_none());
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        // No grading record is ever lost or incomplete.
        let outcomes = common::outcomes(&disturbed);
        assert!(outcomes >= finished_before, "a record was lost");
        finished_before = outcomes;
    }
    assert!(kills >= 3, "the batch was too fast to be killed");
    assert_eq!(graded(&batch, &disturbed), Some(0));
    assert_eq!(results(&disturbed), results(&undisturbed));
    let left: Vec<String> = common::files(&disturbed)
        .into_iter()
        .filter(|path| path.contains(".unfinished-"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_second_grader_on_the_same_results_refuses() {
    let batch = Batch::of_lab0(&["ada", "bob"]);
    let out = batch.out("results");
    let mut first = grader(&batch, &out).spawn().expect("the grader starts");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !out.join(".work/batch.json").exists() {
        assert!(Instant::now() < deadline, "the first grader does not begin");
        thread::sleep(Duration::from_millis(10));
    }
    let second = grader(&batch, &out).output().expect("the grader runs");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(4), "{said}");
    assert!(said.contains("another grader is already using these results (process "), "{said}");
    assert!(first.wait().expect("it is ours").success());
    assert_eq!(common::outcomes(&out), 2);
}

#[test]
fn a_submission_that_changes_during_grading_is_graded_as_it_was() {
    let batch = Batch::of_lab0(&["ada", "bob"]);
    let undisturbed = batch.out("undisturbed");
    assert_eq!(graded(&batch, &undisturbed), Some(0));
    let out = batch.out("results");
    let mut child = grader(&batch, &out).spawn().expect("the grader starts");
    while !out.join(".work/batch.json").exists() {
        assert!(child.try_wait().expect("it is ours").is_none(), "it ended too early");
        thread::sleep(Duration::from_millis(5));
    }
    fs::write(batch.submissions().join("bob/client.rs"), "no Rust").expect("it is written");
    assert!(child.wait().expect("it is ours").success());
    assert_eq!(results(&out), results(&undisturbed));
}

#[test]
fn a_full_disk_is_an_infra_error_not_a_zero() {
    const KIB: usize = 1 << 10;
    const DISK_BYTES: usize = 4 << 20;
    let batch = Batch::of_lab0(&["ada", "bob"]);
    let undisturbed = batch.out("undisturbed");
    assert_eq!(graded(&batch, &undisturbed), Some(0));
    let out = batch.out("results");
    let Some(disk) = Mounted::small_disk(&out, DISK_BYTES) else {
        println!("SKIPPED: cannot mount a disk without root");
        return;
    };
    let ballast = out.join("ballast");
    let mut failures = 0;
    for left in [0, 16 * KIB, 48 * KIB, 96 * KIB] {
        // The disk is full at a different time in each run.
        let _ = fs::remove_file(&ballast);
        let _ = fs::write(&ballast, vec![0; DISK_BYTES - left]);
        failures += usize::from(graded(&batch, &out) != Some(0));
        for line in summary(&out).lines().skip(1) {
            let status = line.split(',').nth(2).unwrap_or_default();
            assert!(["graded", "infrastructure-error", "waiting"].contains(&status), "{line}");
            assert!(!line.contains(",0,"), "a full disk gave a zero: {line}");
        }
    }
    assert!(failures > 0, "the disk was never full");
    fs::remove_file(&ballast).expect("it is there");
    assert_eq!(graded(&batch, &out), Some(0));
    assert_eq!(results(&out), results(&undisturbed));
    drop(disk);
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let Some(library) = FAKE_TIME.iter().map(Path::new).find(|path| path.is_file()) else {
        assert!(
            std::env::var_os("FAULTLAB_REQUIRE_EXECUTORS").is_none(),
            "libfaketime is not installed"
        );
        println!("SKIPPED: libfaketime is not installed");
        return;
    };
    let batch = Batch::of_lab0(&["ada", "bob", "wrong"]);
    let undisturbed = batch.out("undisturbed");
    assert_eq!(graded(&batch, &undisturbed), Some(0));
    let (out, clock) = (batch.out("results"), batch.out("clock"));
    fs::write(&clock, "-40d").expect("it is written");
    // The compiler does not start with the library that fakes the time.
    let compiler = batch.out("rustc");
    fs::write(&compiler, "#!/bin/sh\nunset LD_PRELOAD\nexec rustc \"$@\"\n")
        .expect("it is written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&compiler, mode).expect("it is ours");
    // The monotonic clock is not faked, because the system's does not jump either.
    let mut child = grader(&batch, &out)
        .env("LD_PRELOAD", library)
        .env("RUSTC", &compiler)
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .spawn()
        .expect("the grader starts");
    let mut jumps = ["+9000d", "-9000d", "+1d"].iter().cycle();
    let deadline = Instant::now() + Duration::from_secs(300);
    while child.try_wait().expect("it is ours").is_none() {
        if Instant::now() > deadline {
            child.kill().expect("it is ours");
            panic!("the grader does not end");
        }
        fs::write(&clock, jumps.next().expect("it is endless")).expect("it is written");
        thread::sleep(Duration::from_millis(100));
    }
    assert!(child.wait().expect("it is ours").success());
    assert_eq!(results(&out), results(&undisturbed));
    // The clock did jump: the recorded time of grading is not today.
    let result = fs::read_to_string(out.join("ada/result.json")).expect("it is there");
    let now = fs::read_to_string(undisturbed.join("ada/result.json")).expect("it is there");
    let day = |text: &str| {
        text.split("\"graded_at\": \"").nth(1).and_then(|rest| rest.get(..10)).map(str::to_owned)
    };
    let (then, today) = (day(&result), day(&now));
    assert!(then.is_some() && then != today, "{then:?} and {today:?}");
}

/// Debian's paths of the library that fakes the time.
const FAKE_TIME: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

#[test]
fn results_on_a_read_only_disk_are_not_changed() {
    let batch = Batch::of_lab0(&["ada", "bob"]);
    let out = batch.out("results");
    assert_eq!(graded(&batch, &out), Some(0));
    let before = results(&out);
    let Some(disk) = Mounted::read_only(&out) else {
        println!("SKIPPED: cannot mount a disk without root");
        return;
    };
    let output = grader(&batch, &out).output().expect("the grader runs");
    let said = common::said(&output);
    drop(disk);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot use the results folder: Read-only file system"), "{said}");
    assert_eq!(results(&out), before);
}

#[test]
fn an_unwritable_folder_is_reported_at_once() {
    let batch = Batch::of_lab0(&["ada"]);
    // A file in place of the folder stops root too.
    let out = batch.out("results");
    fs::write(&out, "").expect("it is written");
    let output = grader(&batch, &out).output().expect("the grader runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot use the results folder"), "{said}");
}

fn summary(out: &Path) -> String {
    fs::read_to_string(out.join("summary.csv")).unwrap_or_default()
}
