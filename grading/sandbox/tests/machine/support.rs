//! Helpers for the tests: this machine's sandboxes, and checks that nothing is left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use faultlab_sandbox::{Finished, Job, Sandbox, Tier};
use libtest_mimic::{Completion, Trial};

/// The argument that makes this program an attacker.
pub const ATTACK: &str = "--attack";

/// The launcher that the sandbox starts programs with.
pub const LAUNCHER: &str = env!("CARGO_BIN_EXE_faultlab-confine");

/// A test: its name, the lowest tier in which it can pass, and its function.
pub type Test = (&'static str, Tier, fn(&Sandbox));

/// The test in each sandbox whose tier is not lower: one for each combination of mechanisms. It is ignored if this
/// machine does not support the combination.
pub fn in_each_sandbox((name, lowest, test): Test) -> impl Iterator<Item = Trial> {
    let able = Sandbox::candidates().filter(move |&(_, tier)| tier >= lowest);
    able.map(move |(mechanisms, tier)| {
        Trial::ignorable_test(format!("{name} ({tier}: {mechanisms})"), move || {
            match Sandbox::probe_only(Path::new(LAUNCHER), mechanisms) {
                Ok(sandbox) => test(&sandbox),
                Err(error) => return Ok(Completion::ignored_with(error.to_string())),
            }
            Ok(Completion::Completed)
        })
    })
}

/// `FAULTLAB_REQUIRE_SANDBOX` names a tier that must be supported.
pub fn the_required_tier() -> Trial {
    Trial::test("the required tier is supported", || {
        let best = Sandbox::probe(Path::new(LAUNCHER)).expect("limits work everywhere");
        if let Ok(required) = std::env::var("FAULTLAB_REQUIRE_SANDBOX") {
            let required: Tier = required.parse().expect("a tier's name");
            best.require(required).expect("the tier that is required here");
        }
        Ok(())
    })
}

/// This program as an attacker, confined like a node process.
pub fn attack(name: &str) -> Job {
    let program = std::env::current_exe().expect("this program has a file");
    Job::computing(program).argument(ATTACK).argument(name).wall_max(Duration::from_secs(20))
}

/// Runs an attack in the sandbox and returns its report.
pub fn said(sandbox: &Sandbox, job: &Job) -> String {
    let finished = run(sandbox, job);
    assert_eq!(finished.exit.to_string(), "exited with code 0", "{}", finished.printed);
    finished.printed.to_string().trim().to_owned()
}

pub fn run(sandbox: &Sandbox, job: &Job) -> Finished {
    sandbox.run(job).expect("the sandbox works")
}

/// A text that is among no other process's arguments on this machine.
pub fn mark() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("mark-{}-{number}", std::process::id())
}

/// The processes of this machine that have this text among their arguments.
pub fn processes(mark: &str) -> Vec<PathBuf> {
    let all = fs::read_dir("/proc").expect("the tests themselves see /proc");
    let folders = all.flatten().map(|entry| entry.path()).filter(|folder| {
        folder.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit())
    });
    let has_mark = |folder: &PathBuf| {
        let line = fs::read(folder.join("cmdline")).unwrap_or_default();
        line.windows(mark.len()).any(|window| window == mark.as_bytes())
    };
    folders.filter(has_mark).collect()
}

/// Waits until no process has this text among its arguments.
pub fn assert_nothing_left(mark: &str) {
    let started = Instant::now();
    loop {
        let left = processes(mark);
        if left.is_empty() {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "left behind: {left:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The machine's mounts.
pub fn mounts() -> String {
    fs::read_to_string("/proc/self/mounts").expect("the tests themselves see /proc")
}
