//! `grade.sh`, with sandboxed nodes in batched runs, and `run-tests.sh`, with nodes in process, report
//! the same statuses, points, seeds, reasons and diagrams for every test of lab 1.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use common::{root, said};
use faultlab_harness::build::{self, BaseLabRule, Libraries, Purpose, Source, Workspace};
use faultlab_harness::report::TestReport;
use faultlab_harness::session::{self, NoObserver, Plan, Seeds, Shrink};
use faultlab_harness::supervisor::WorkerCommand;
use faultlab_suites::{SEED, TestNumber};
use serde_json::Value;

/// The number of seeds per run test.
const SEEDS: u64 = 5;

/// A correct solution, one with a wrong client, and one with a wrong server. Then three whose results could depend
/// on how they are compiled: one with a `main` like the shim's, one that takes the name of a library that the shim
/// uses, and one with an assertion that fails in the file to which the shim is appended.
const SUBMISSIONS: [&str; 6] =
    ["reference", "answers-everybody", "duplicates-executed", WITH_A_MAIN, TAKES_A_NAME, ASSERTS];

const WITH_A_MAIN: &str = "with-a-main";

const TAKES_A_NAME: &str = "takes-a-name";

const ASSERTS: &str = "asserts";

#[test]
fn grade_and_run_tests_give_the_same_report() {
    let place = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let submissions = place.path().join("submissions");
    for name in SUBMISSIONS {
        write_submission(&submissions.join(name), name);
    }
    let out = place.path().join("results");
    let graded = Command::new(env!("CARGO_BIN_EXE_grade"))
        .arg("lab1")
        .arg(&submissions)
        .arg("--out")
        .arg(&out)
        .args(["--seeds", &SEEDS.to_string(), "--jobs", "2"])
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    assert!(graded.status.success(), "{}", said(&graded));

    let workspace = Workspace::of_this_program().expect("the workspace is there");
    let libraries = Libraries::of(&workspace).expect("they can be built");
    for name in SUBMISSIONS {
        let path = out.join(name).join("result.json");
        let text = fs::read_to_string(path).expect("a result");
        let result: Value = serde_json::from_str(&text).expect("it is JSON");
        let graded = result["tests"].as_array().expect("it has tests");
        let home = in_process(&workspace, &libraries, &submissions.join(name), place.path());
        assert_eq!(graded.len(), home.len(), "{name}");
        for (graded, home) in graded.iter().zip(home) {
            let (graded, home) = (fields(graded), fields(&home));
            for (field, value) in &home {
                let number = &home["number"];
                assert_eq!(graded.get(field), Some(value), "{field} of {number} of {name}");
            }
            assert_eq!(graded.len(), home.len(), "{name}");
        }
        let lost = graded.iter().filter(|test| test["status"] != "passed").count();
        let is_right = ["reference", WITH_A_MAIN, TAKES_A_NAME].contains(&name);
        assert_eq!(lost == 0, is_right, "{name} loses {lost} tests");
        let says_where = |test: &Value| test["reason"].to_string().contains("src/lib.rs:");
        assert_eq!(graded.iter().any(says_where), name == ASSERTS, "{name}");
    }
}

/// Appended to a crate, this takes the name of the lab API.
const OWN_API: &str = "
extern crate lab1_api as api;
extern crate self as lab1_api;

pub use api::*;

pub fn submission<L>() -> faultlab::hosting::Submission {
    panic!(\"called instead of the lab API's\")
}
";

/// Writes the submission of this name: the reference solution, changed or patched.
fn write_submission(folder: &Path, name: &str) {
    let solution = root().join("grading/staff/solutions/lab1");
    fs::create_dir_all(folder).expect("a folder");
    for entry in fs::read_dir(solution).expect("it is there") {
        let entry = entry.expect("it is readable");
        fs::copy(entry.path(), folder.join(entry.file_name())).expect("it is copied");
    }
    let root_file = folder.join("lib.rs");
    let source = fs::read_to_string(&root_file).expect("it is readable");
    let changed = match name {
        "reference" => source,
        WITH_A_MAIN => source + "\nfn main() {}\n",
        TAKES_A_NAME => source + OWN_API,
        ASSERTS => {
            let made = "KvClient::new(server)";
            source.replace(
                made,
                &format!("debug_assert!(server.as_str().is_empty(), \"no\"); {made}"),
            )
        }
        _ => return patch(folder, name),
    };
    fs::write(root_file, changed).expect("it is written");
}

/// Applies the patch of this mutant to the reference solution.
fn patch(folder: &Path, name: &str) {
    let patch = fs::File::open(root().join(format!("grading/staff/mutants/lab1/{name}.patch")));
    let patched = Command::new("patch")
        .args(["--silent", "--strip=1", "--fuzz=0", "--directory"])
        .arg(folder)
        .stdin(Stdio::from(patch.expect("there is such a mutant")))
        .status();
    assert!(patched.expect("patch runs").success(), "{name}");
}

/// The reports of all tests with nodes in process.
fn in_process(
    workspace: &Workspace,
    libraries: &Libraries,
    folder: &Path,
    scratch: &Path,
) -> Vec<Value> {
    let lab = workspace.lab("lab1").expect("it can be read").expect("lab 1 is there");
    let source = Source::at(folder);
    let rule = BaseLabRule::at_home(None, &source);
    let sources = source.files(workspace, &lab, rule).expect("they are there");
    let program =
        build::compile(workspace, &lab, libraries, &sources, Purpose::Tests).expect("it compiles");
    let mut suites = faultlab_suites::all().into_iter();
    let suite = suites.find(|suite| suite.lab() == "lab1").expect("it has a suite");
    let no_command: &dyn Fn(TestNumber, Option<u64>) -> String = &|_, _| String::new();
    let plan = Plan {
        suite: &suite,
        tests: suite.tests().collect(),
        seeds: Seeds::Derived { suite: SEED, count: SEEDS },
        workers: 1,
        worker: WorkerCommand {
            program: program.file,
            arguments: Vec::new(),
            holds_submission: true,
        },
        out_of_process: false,
        shrink: Shrink::All,
        by_parts: false,
        cpu_max: None,
        traces: scratch.to_owned(),
        reproduce: no_command,
    };
    let result = session::run(&plan, &mut NoObserver, &AtomicBool::new(false));
    let value = |test: &TestReport| serde_json::to_value(test).expect("a report is JSON");
    result.tests.iter().map(value).collect()
}

/// A test's report without the command that reproduces it, which differs, without the shrunk run, which grading does not
/// look for, and without the only fraction, whose last digit may change when it is parsed.
fn fields(test: &Value) -> serde_json::Map<String, Value> {
    let mut fields = test.as_object().cloned().expect("it is an object");
    fields.remove("reproduce");
    fields.remove("shrinking");
    let searches = fields.get_mut("searches").and_then(Value::as_array_mut);
    for search in searches.into_iter().flatten() {
        search.as_object_mut().map(|search| search.remove("collision_bound"));
    }
    fields
}
