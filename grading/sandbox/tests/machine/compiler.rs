//! Attacks on the compiler.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use faultlab_remote::ProcessExit;
use faultlab_sandbox::{Finished, Job, Sandbox, Tier, Toolchain};
use libtest_mimic::Trial;

use crate::support::{Test, in_each_sandbox, run};

pub fn trials() -> Vec<Trial> {
    let tests: &[Test] = &[
        ("a program compiles, links and runs", Tier::Rlimits, a_program_compiles),
        ("the compiler reads nothing else", Tier::Landlock, the_compiler_reads_nothing_else),
        ("the compiler reads no environment", Tier::Landlock, the_compiler_reads_no_environment),
        ("the compiler has no environment", Tier::Rlimits, the_compiler_has_no_environment),
        ("endless evaluation ends", Tier::Rlimits, endless_evaluation_ends),
        ("macros do not explode", Tier::Rlimits, macros_do_not_explode),
        ("huge statics do not fit", Tier::Rlimits, huge_statics_do_not_fit),
    ];
    tests.iter().flat_map(|&test| in_each_sandbox(test)).collect()
}

/// A folder with a source file in it, and one for the output.
struct Workplace {
    folder: tempfile::TempDir,
}

impl Workplace {
    fn new(source: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("source")).expect("a folder in it");
        fs::create_dir(folder.path().join("output")).expect("a folder in it");
        fs::write(folder.path().join("source/main.rs"), source).expect("a file");
        // Another submission in the same folder.
        fs::write(folder.path().join("other.rs"), "\"their work\"").expect("a file");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The job that compiles the source.
    fn job(&self) -> Job {
        let toolchain = Toolchain::of(Path::new("rustc")).expect("a toolchain");
        toolchain
            .job()
            .read(self.path().join("source"))
            .write(self.path().join("output"))
            .folder(self.path().join("output"))
            .arguments(["--edition", "2024", "-F", "unsafe_code", "-o"])
            .argument(self.path().join("output/program"))
            .argument(self.path().join("source/main.rs"))
    }
}

/// Compiles this source.
fn compile(sandbox: &Sandbox, source: &str) -> Finished {
    run(sandbox, &Workplace::new(source).job())
}

fn a_program_compiles(sandbox: &Sandbox) {
    let workplace = Workplace::new(r#"fn main() { println!("hello from {}", line!()) }"#);
    let finished = run(sandbox, &workplace.job());
    assert_eq!(finished.exit, ProcessExit::Exited(0), "{}", finished.printed);
    let ran = run(sandbox, &Job::computing(workplace.path().join("output/program")));
    assert_eq!(ran.printed.to_string(), "hello from 1\n");
}

fn the_compiler_reads_nothing_else(sandbox: &Sandbox) {
    let workplace = Workplace::new("");
    let other = workplace.path().join("other.rs");
    let other = other.display();
    for source in [
        r#"fn main() { println!("{}", include_str!("/etc/passwd")) }"#.to_owned(),
        format!(r#"fn main() {{ println!("{{}}", include_str!("{other}")) }}"#),
        format!(r#"fn main() {{ println!("{{}}", include!("{other}")) }}"#),
        r#"#[path = "/etc/passwd"] mod passwd; fn main() {}"#.to_owned(),
        r#"#[path = "../other.rs"] mod other; fn main() {}"#.to_owned(),
    ] {
        fs::write(workplace.path().join("source/main.rs"), &source).expect("a file");
        let finished = run(sandbox, &workplace.job());
        let printed = finished.printed.to_string();
        assert_eq!(finished.exit, ProcessExit::Exited(1), "{source}: {printed}");
        assert!(printed.contains("couldn't read"), "{source}: {printed}");
        assert!(!printed.contains("root:") && !printed.contains("their work"), "{printed}");
    }
}

/// The first process of its namespace may be readable, but it has no environment.
fn the_compiler_reads_no_environment(sandbox: &Sandbox) {
    let source = r#"fn main() { print!("{}", include_str!("/proc/1/environ")) }"#;
    let workplace = Workplace::new(source);
    let finished = run(sandbox, &workplace.job());
    if finished.exit == ProcessExit::Exited(0) {
        let ran = run(sandbox, &Job::computing(workplace.path().join("output/program")));
        assert_eq!(ran.printed.to_string(), "");
    } else {
        let printed = finished.printed.to_string();
        assert!(printed.contains("couldn't read"), "{printed}");
    }
}

fn the_compiler_has_no_environment(sandbox: &Sandbox) {
    let finished = compile(sandbox, r#"fn main() { println!("{}", env!("HOME")) }"#);
    assert_eq!(finished.exit, ProcessExit::Exited(1));
    let printed = finished.printed.to_string();
    assert!(printed.contains("`HOME` not defined"), "{printed}");
}

fn endless_evaluation_ends(sandbox: &Sandbox) {
    let source = "#![allow(long_running_const_eval)]
        const ENDLESS: u64 = { let mut number = 0; loop { if number == u64::MAX { break number } \
            number = number.wrapping_add(2); } };
        fn main() { println!(\"{ENDLESS}\") }";
    let started = Instant::now();
    let workplace = Workplace::new(source);
    let finished = run(sandbox, &workplace.job().limits(|limits| limits.cpu_s = 1));
    assert_eq!(finished.exit, ProcessExit::Signalled(24), "{}", finished.printed);
    let finished = run(sandbox, &workplace.job().wall_max(Duration::from_secs(1)));
    assert_eq!(finished.exit, ProcessExit::Killed, "{}", finished.printed);
    // Without that attribute, the compiler itself gives up.
    let without = source.replace("#![allow(long_running_const_eval)]", "");
    fs::write(workplace.path().join("source/main.rs"), without).expect("a file");
    let finished = run(sandbox, &workplace.job());
    assert_eq!(finished.exit, ProcessExit::Exited(1), "{}", finished.printed);
    assert!(started.elapsed() < Duration::from_secs(60));
}

fn macros_do_not_explode(sandbox: &Sandbox) {
    let source = "macro_rules! twice { ($($t:tt)*) => { twice! { $($t)* $($t)* } } }
        fn main() { twice!(1 + 1); }";
    let workplace = Workplace::new(&format!("#![recursion_limit = \"1000000\"] {source}"));
    let started = Instant::now();
    let job = workplace.job().limits(|limits| {
        limits.cpu_s = 2;
        limits.memory_bytes = 768 << 20;
    });
    let finished = run(sandbox, &job);
    assert_ne!(finished.exit, ProcessExit::Exited(0));
    assert!(started.elapsed() < Duration::from_secs(30));
}

fn huge_statics_do_not_fit(sandbox: &Sandbox) {
    let source = "static HUGE: [u8; 1 << 36] = [1; 1 << 36]; \
        fn main() { println!(\"{}\", HUGE[std::env::args().count()]) }";
    let started = Instant::now();
    let finished = compile(sandbox, source);
    assert_ne!(finished.exit, ProcessExit::Exited(0));
    assert!(started.elapsed() < Duration::from_secs(60));
}
