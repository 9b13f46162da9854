//! Grades every hostile submission of `grading/staff/hostile` in one batch with honest ones: each gets
//! the grade in its row, no other grade changes, and no process, mount or file is left behind.
//!
//! This takes minutes and needs a sandbox, so `.ci/run` runs it separately, and not with `--quick`.
//! The sandbox's tests run each hostile submission alone. `cargo test --profile lab --package
//! faultlab-batch --test hostile -- --ignored`.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{root, said};
use serde_json::Value;

/// Names of folders that attack terminals, pages, tables and paths.
const NAMES: [&str; 4] =
    ["<script>alert(1)<", "=cmd|' 'A1", "\u{202e}live\u{1b}[31m", "summary.csv"];

/// How long the whole batch may take: a submission that hangs costs at most three tests that time out.
const BATCH_MAX: Duration = Duration::from_secs(3_600);

#[test]
#[ignore = "takes three minutes, and all the memory and processor time that attacks may use"]
fn hostile_submissions_get_their_grades_and_affect_no_other() {
    let staff = root().join("grading/staff").canonicalize().expect("it is there");
    let place = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let rows = rows(&staff.join("hostile/README.md"));
    let submissions = place.path().join("submissions");
    let honest = |name: &str| {
        let folder = submissions.join(name);
        fs::create_dir_all(&folder).expect("a folder");
        for entry in fs::read_dir(staff.join("solutions/lab1")).expect("it is there") {
            let entry = entry.expect("it is readable");
            fs::copy(entry.path(), folder.join(entry.file_name())).expect("it is copied");
        }
        folder
    };
    honest("honest");
    // The same solution under hostile names, each with different files.
    for name in NAMES {
        let store = honest(name).join("store.rs");
        let text = fs::read_to_string(&store).expect("it is there");
        fs::write(store, format!("{text}// {}\n", name.escape_debug())).expect("it is written");
    }
    for name in rows.keys() {
        let patch = fs::File::open(staff.join(format!("hostile/lab1/{name}.patch")));
        let applied = Command::new("patch")
            .args(["--silent", "--strip=1", "--fuzz=0", "--directory"])
            .arg(honest(name))
            .stdin(Stdio::from(patch.expect("each row has a patch")))
            .status();
        assert!(applied.expect("patch runs").success(), "{name}");
    }
    // A file that some of them try to read.
    fs::write(place.path().join("roster.csv"), "student,name\nhonest,A Secret\n")
        .expect("it is written");

    let alone = place.path().join("alone");
    let (_, _) = grade(place.path(), &alone, &["--only", "honest"]);
    let mounts = mounts();
    let out = place.path().join("results");
    let started = Instant::now();
    let (code, said) = grade(place.path(), &out, &[]);
    println!("{} submissions in {} s\n{said}", rows.len() + 5, started.elapsed().as_secs());
    assert_eq!(code, Some(0), "{said}");
    assert!(started.elapsed() < BATCH_MAX, "it took {:?}", started.elapsed());

    // Each submission's grade is the one in the table.
    let honest = result(&out, "honest");
    let full = &honest["grading"]["points"];
    assert_eq!(full, &honest["points_possible"], "the honest one has all points");
    let mut wrong = Vec::new();
    for (name, grade) in &rows {
        let result = result(&out, name);
        let (status, points) = (&result["grading"]["status"], &result["grading"]["points"]);
        let is_as_said = match grade.as_str() {
            "full" => status == "graded" && points == full,
            "less" | "searches" => status == "graded" && points.as_f64() < full.as_f64(),
            "none" => status == "does-not-compile" && *points == 0,
            other => panic!("there is no grade `{other}`"),
        };
        if !is_as_said {
            wrong.push(format!("{name}: {grade}, but {status} with {points}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // The grades of the honest submission and of those with hostile names do not change.
    assert_eq!(graded(&honest), graded(&result(&alone, "honest")));
    let summary = fs::read_to_string(out.join("summary.csv")).expect("it is there");
    let count = summary.lines().filter(|line| line.contains(",graded,")).count();
    let compiled = rows.values().filter(|grade| *grade != "none").count();
    assert_eq!(count, 1 + NAMES.len() + compiled, "{summary}");

    // Their output appears only as plain text.
    for file in common::files(&out) {
        // Markdown shows their output in code blocks, in which HTML is text.
        let tricks = match Path::new(&file).extension().and_then(|end| end.to_str()) {
            Some("html") => &["\u{1b}", "\u{202e}", "A Secret", "<script>alert", "<img src=x"][..],
            Some("csv") => &["\u{1b}", "\u{202e}", "A Secret", "\n=", ",=", ",\"="],
            Some("md") => &["\u{1b}", "\u{202e}", "A Secret"],
            _ => continue,
        };
        if !file.contains("/.work/") {
            let text = fs::read_to_string(&file).expect("it is text");
            for trick in tricks {
                assert!(!text.contains(trick), "{file} has {trick:?}");
            }
        }
    }

    // No mount and no process is left behind.
    assert_eq!(mounts, self::mounts());
    let temporary = common::files(&place.path().join("tmp"));
    assert!(temporary.is_empty(), "{temporary:?}");
    assert_eq!(processes(&root().join("target/faultlab/builds")), Vec::<String>::new());
}

/// Grades the submissions in a folder next to the results.
fn grade(place: &Path, out: &Path, words: &[&str]) -> (Option<i32>, String) {
    let temporary = place.join("tmp");
    fs::create_dir_all(&temporary).expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_grade"))
        .arg("lab1")
        .arg(place.join("submissions"))
        .arg("--out")
        .arg(out)
        .args(["--seeds", "1", "--jobs", "2"])
        .args(["--require-sandbox", "bubblewrap+landlock+seccomp"])
        .args(words)
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    (output.status.code(), said(&output))
}

/// The grades of the table's rows by submission: all rows, or those named in `FAULTLAB_HOSTILE` if it is set.
fn rows(readme: &Path) -> BTreeMap<String, String> {
    let only = std::env::var("FAULTLAB_HOSTILE").unwrap_or_default();
    let text = fs::read_to_string(readme).expect("the table is there");
    let rows = text.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, _, .., grade] = &cells[..] else { panic!("no row: {line}") };
        (name.trim_matches('`').to_owned(), (*grade).to_owned())
    });
    rows.filter(|(name, _)| only.is_empty() || only.split(',').any(|one| one == name)).collect()
}

fn result(out: &Path, student: &str) -> Value {
    let path = out.join(student).join("result.json");
    let text = fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("it is JSON")
}

/// A result without measurements in real time.
fn graded(result: &Value) -> Value {
    let mut result = result.clone();
    if let Some(result) = result.as_object_mut() {
        result.remove("timing");
    }
    if let Some(grading) = result["grading"].as_object_mut() {
        grading.remove("timing");
    }
    result
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mounts").unwrap_or_default()
}

/// The command lines of processes that name this folder, after killed ones have had time to exit.
fn processes(folder: &Path) -> Vec<String> {
    let folder = folder.canonicalize().unwrap_or_else(|_| PathBuf::from(folder));
    let mut left = Vec::new();
    for _ in 0..500 {
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        left = all
            .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.starts_with(&folder.display().to_string()))
            .collect();
        if left.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    left
}
