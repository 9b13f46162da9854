//! Each kind of system call fails once, at different times of a batch, in the grader or in the compiler: nobody gets a
//! wrong grade, and grading again without faults gives the same results as ever.
//!
//! A library that is loaded into the programs makes one call fail (`common/fail_once.c`). This takes minutes, so `.ci/run`
//! runs it separately: `cargo test --profile lab --package faultlab-batch --test each_call_fails_once -- --ignored`.

mod common;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::{env, fs, iter};

use common::autograder::Autograder;
use common::{Batch, results, said};
use faultlab::random::{Random, Stream};

/// The functions that fail, by their numbers in `fail_once.c`.
const CALLS: [&str; 22] = [
    "open",
    "create",
    "read",
    "write",
    "rename",
    "mkdir",
    "unlink",
    "fsync",
    "ftruncate",
    "link",
    "opendir",
    "chmod",
    "pipe",
    "socketpair",
    "fork",
    "posix_spawn",
    "pthread_create",
    "rmdir",
    "unlinkat",
    "copy_file_range",
    "realpath",
    "statx",
];

/// How many calls of each kind are made to fail, one in each batch.
const TRIALS: u64 = 2;

/// The exit codes of `grade.sh`: everybody has a grade, somebody has none because of an infrastructure error, it was used
/// wrongly (a folder cannot be read), and nothing could be graded.
const EXIT_CODES: [i32; 4] = [0, 1, 2, 4];

struct Faults {
    root: PathBuf,
    /// The search path, with the compiler itself before programs that choose one: these keep settings, which a fault
    /// would damage for good.
    path: OsString,
    library: PathBuf,
    counts: PathBuf,
    batch: Batch,
}

/// A call that fails: the function, and which of its calls.
#[derive(Clone, Copy, Debug)]
struct Fault {
    /// How the names of the programs start in which calls are counted.
    program: &'static str,
    call: usize,
    at: u64,
}

impl Faults {
    fn compile(batch: Batch, packed: &Autograder) -> Self {
        let root = packed.path().join("source/faultlab");
        let (library, counts) = (batch.out("fail_once.so"), batch.out("counts"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/fail_once.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(source)
            .status()
            .expect("Rust's linker is there");
        assert!(compiled.success());
        let found =
            Command::new("rustc").args(["--print", "sysroot"]).output().expect("rustc runs");
        let compilers =
            Path::new(str::from_utf8(&found.stdout).expect("a path").trim()).join("bin");
        assert!(compilers.join("rustc").is_file(), "{}", compilers.display());
        let others = env::var_os("PATH").unwrap_or_default();
        let folders = iter::once(compilers).chain(env::split_paths(&others));
        let path = env::join_paths(folders).expect("these are folders");
        Self { root, path, library, counts, batch }
    }

    /// Grades with this fault, with no submission compiled before.
    fn grade(&self, out: &Path, fault: Option<Fault>) -> (ExitStatus, String) {
        let _ = fs::remove_dir_all(self.root.join("target/faultlab/builds"));
        let mut command = Command::new(self.root.join("target/lab/grade"));
        command
            .arg("lab0")
            .arg(self.batch.submissions())
            .arg("--out")
            .arg(out)
            .args(["--seeds", "2", "--jobs", "1"])
            .env("FAULTLAB_ROOT", &self.root)
            .env("PATH", &self.path)
            .current_dir("/")
            .stdin(Stdio::null());
        if let Some(Fault { program, call, at }) = fault {
            fs::write(&self.counts, [0; 8 * 32]).expect("it is written");
            command
                .env("LD_PRELOAD", &self.library)
                .env("FAIL_COUNTS", &self.counts)
                .env("FAIL_PROGRAM", program)
                .env("FAIL_CALL", call.to_string())
                .env("FAIL_AT", at.to_string());
        }
        let output = command.output().expect("it runs");
        (output.status, said(&output))
    }

    /// How often each function was called in the last batch.
    fn counts(&self) -> Vec<u64> {
        let bytes = fs::read(&self.counts).expect("it is there");
        bytes.as_chunks().0.iter().map(|count| u64::from_le_bytes(*count)).collect()
    }
}

#[test]
#[ignore = "takes minutes"]
fn whatever_fails_nobody_gets_a_wrong_grade() {
    if !cfg!(target_os = "linux") {
        println!("SKIPPED: it needs LD_PRELOAD");
        return;
    }
    let batch = Batch::of_lab0(&["ada", "broken"]);
    let packed = Autograder::new(&batch, "ada");
    let faults = Faults::compile(batch, &packed);
    let undisturbed = faults.batch.out("undisturbed");
    let (status, said) = faults.grade(&undisturbed, None);
    assert_eq!(status.code(), Some(0), "{said}");
    let undisturbed = results(&undisturbed);
    let mut random = Random::new(20, Stream::Setup);
    let mut disturbed = 0;
    for program in ["grade", "rustc"] {
        let none = Fault { program, call: 0, at: 0 };
        let (status, said) = faults.grade(&faults.batch.out("counted"), Some(none));
        assert_eq!(status.code(), Some(0), "{said}");
        let counts = faults.counts();
        assert!(counts[0] > 0, "{program} opens no file: {counts:?}");
        fs::remove_dir_all(faults.batch.out("counted")).expect("it is there");
        for (call, name) in CALLS.iter().enumerate() {
            let count = counts[call];
            let trials = count.min(TRIALS);
            for trial in 0..trials {
                // The first call, and one of each stretch of the batch.
                let at =
                    if trial == 0 { 1 } else { 1 + (trial * count + random.below(count)) / trials };
                let fault = Fault { program, call, at: at.min(count) };
                let said = check(&faults, fault, &undisturbed);
                disturbed += usize::from(said.is_some());
                println!("{program} {name} {at} of {count}: {}", said.unwrap_or_default());
            }
        }
    }
    assert!(disturbed > 15, "only {disturbed} faults had an effect");
}

/// Grades with a fault, and then without. Returns what was said if the fault made a difference.
fn check(faults: &Faults, fault: Fault, undisturbed: &BTreeMap<String, String>) -> Option<String> {
    let out = faults.batch.out("results");
    let (status, said) = faults.grade(&out, Some(fault));
    let at = || format!("{fault:?}: {status}\n{said}");
    assert!(status.code().is_some_and(|code| EXIT_CODES.contains(&code)), "{}", at());
    // The compiler panics if it cannot print.
    assert!(fault.program != "grade" || !said.contains("panicked at"), "{}", at());
    let summary = fs::read_to_string(out.join("summary.csv")).unwrap_or_default();
    for line in summary.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let right = match fields[2] {
            "infrastructure-error" | "waiting" => true,
            "graded" => fields[0] == "ada",
            "does-not-compile" => fields[0] == "broken",
            _ => false,
        };
        assert!(right && (fields[0] != "ada" || !line.contains(",0,")), "{line}\n{}", at());
    }
    if !status.success() {
        let (again, said_again) = faults.grade(&out, None);
        assert_eq!(again.code(), Some(0), "{}\nand again: {said_again}", at());
    }
    assert_eq!(&results(&out), undisturbed, "{}", at());
    fs::remove_dir_all(&out).expect("it is there");
    (!status.success()).then_some(said)
}
