//! The labs that the guide adds: lab 9, and lab 10, which builds on it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::common::{root, run, said, shell};

pub(super) fn are_added_and_graded(copy: &Path) {
    adding_touches_their_folders_and_one_list(copy);
    mutants_of_lab9_are_caught(copy);
    lab10_is_tested_at_home(copy);
    lab10_is_graded(copy);
    lab10_is_packed_and_handed_out(copy);
}

fn adding_touches_their_folders_and_one_list(copy: &Path) {
    let added = run(Command::new(root().join("handout/tiny-lab/add.sh")).arg(copy));
    assert!(added.status.success(), "{}", said(&added));
    let status = run(&mut shell(
        copy,
        "git status --porcelain --untracked-files=all labs grading Cargo.toml",
    ));
    let text = said(&status);
    let changed: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix(" M ")).collect();
    let list = ["grading/suites/Cargo.toml", "grading/suites/src/lib.rs"];
    assert_eq!(changed, list.into(), "{text}");
    let own = |line: &str| {
        line.split(['/', '.']).any(|part| part.starts_with("lab9") || part.starts_with("lab10"))
    };
    let others: Vec<&str> =
        text.lines().filter(|line| line.starts_with("??") && !own(line)).collect();
    assert!(others.is_empty(), "{others:?}");
}

fn mutants_of_lab9_are_caught(copy: &Path) {
    let tested = || run(&mut shell(copy, "./scripts/run-tests.sh lab9"));
    let right = tested();
    assert_eq!(right.status.code(), Some(0), "{}", said(&right));
    assert!(said(&right).contains("10/10 points"), "{}", said(&right));
    assert!(!said(&right).contains("Building on"), "{}", said(&right));

    for (old, new, property) in [
        GIVES_ONE_TICKET,
        ("self.send_command(Draw, ctx);", "let _ = ctx;", "every client gets all its results"),
        ("            && number > self.last\n", "", "no ticket is given twice"),
    ] {
        let lab9 = Lab9::changed(copy, old, new);
        let wrong = tested();
        assert_eq!(wrong.status.code(), Some(1), "{old}: {}", said(&wrong));
        assert!(said(&wrong).contains(property), "{old}: {}", said(&wrong));
        drop(lab9);
    }
}

/// A mutant of lab 9: what is replaced, by what, and the property that it breaks.
const GIVES_ONE_TICKET: (&str, &str, &str) =
    ("self.given += 1;", "self.given = 1;", "no ticket is given twice");

/// Lab 9 with a change, which is undone when this is dropped.
struct Lab9 {
    file: PathBuf,
    right: String,
}

impl Lab9 {
    fn changed(copy: &Path, old: &str, new: &str) -> Self {
        let file = copy.join("labs/lab9-tickets/src/lib.rs");
        let right = fs::read_to_string(&file).expect("the lab");
        assert_eq!(right.matches(old).count(), 1, "{old}");
        fs::write(&file, right.replace(old, new)).expect("written");
        Self { file, right }
    }
}

impl Drop for Lab9 {
    fn drop(&mut self) {
        fs::write(&self.file, &self.right).expect("written");
    }
}

fn lab10_is_tested_at_home(copy: &Path) {
    let tested = |options: &str| {
        let output = run(&mut shell(copy, &format!("./scripts/run-tests.sh lab10 {options}")));
        (output.status.code(), said(&output))
    };
    let (code, text) = tested("");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Building on the submission's own lab9"), "{text}");
    let (code, text) = tested("--base-lab reference");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Building on the reference solution of lab9"), "{text}");

    // The student's own lab 9 is what is tested.
    let (old, new, _) = GIVES_ONE_TICKET;
    let lab9 = Lab9::changed(copy, old, new);
    let (code, text) = tested("--save-traces");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no desk gives a ticket twice"), "{text}");
    assert_eq!(tested("--base-lab reference").0, Some(0));
    let (code, text) = tested("--replay");
    assert_eq!(code, Some(1), "{text}");
    drop(lab9);
    let (code, text) = tested("--replay");
    assert_eq!(code, Some(0), "{text}");
    fs::remove_dir_all(copy.join("traces")).expect("they were saved");

    let lab9 = Lab9::changed(copy, old, "self.given +=");
    let (code, text) = tested("--json report.json");
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("labs/lab9-tickets/src/lib.rs:"), "{text}");
    assert!(text.contains("this is lab9, which lab10 builds on."), "{text}");
    let report = fs::read_to_string(copy.join("report.json")).expect("it was written");
    assert!(report.contains("\"lab9, which lab10 builds on, does not compile\""), "{report}");
    // A student whose lab 9 is broken can hand lab 10 in.
    let submitted = run(&mut shell(copy, "./scripts/submit.sh lab10 --out broken.tar.gz"));
    assert!(submitted.status.success(), "{}", said(&submitted));
    assert!(
        said(&submitted).contains("does not compile, so nothing was tested"),
        "{}",
        said(&submitted)
    );
    drop(lab9);

    // Cargo needs nothing special.
    let cargo = run(&mut shell(copy, "cargo test --profile lab --package lab10"));
    assert!(cargo.status.success(), "{}", said(&cargo));
    assert!(said(&cargo).contains("test result: ok. 1 passed"), "{}", said(&cargo));
}

fn lab10_is_graded(copy: &Path) {
    let line =
        "./scripts/submit.sh lab10 2>/dev/null && tar -tzf lab10.tar.gz | grep -v '/$' | sort";
    let submitted = run(&mut shell(copy, line));
    assert!(submitted.status.success(), "{}", said(&submitted));
    let files = ["lab10-office/src/lib.rs", "lab9-tickets/src/lib.rs"];
    let text = said(&submitted);
    assert_eq!(text.lines().rev().take(2).collect::<Vec<_>>(), [files[1], files[0]], "{text}");

    // Who handed everything in, whose lab 9 does not compile, who handed in lab 10 alone, whose lab 9 is
    // wrong, and whose lab 9 reads what the compiler of a submission cannot see.
    let line = "mkdir submissions submissions/alone
        cp lab10.tar.gz submissions/whole.tar.gz
        mv broken.tar.gz submissions/broken.tar.gz
        cp -R labs/lab10-office/src submissions/alone/src
        mkdir submissions/mutant
        cp -R labs/lab10-office labs/lab9-tickets submissions/mutant/
        sed -i 's/self.given += 1;/self.given = 1;/' submissions/mutant/lab9-tickets/src/lib.rs
        cp -R submissions/mutant submissions/spy
        echo 'pub const SECRET: &str = include_str!(\"/etc/passwd\");' >>submissions/spy/lab9-tickets/src/lib.rs";
    let laid_out = run(&mut shell(copy, line));
    assert!(laid_out.status.success(), "{}", said(&laid_out));

    let own = graded(copy, "own");
    let reference = graded(copy, "reference");
    let absent = "the submission contains no lab9-tickets";
    let broken = "the submission's lab9 does not compile";
    for (student, points, used, reason) in [
        ("whole", 10.0, "own", None),
        ("broken", 10.0, "reference", Some(broken)),
        ("alone", 10.0, "reference", Some(absent)),
        ("mutant", 0.0, "own", None),
        ("spy", 10.0, "reference", Some(broken)),
    ] {
        let result = result(&own, student);
        assert_eq!(result["points_earned"].as_f64(), Some(points), "{student}: {result}");
        let base = &result["base_labs"][0];
        assert_eq!((&base["lab"], &base["used"]), (&"lab9".into(), &used.into()), "{student}");
        assert_eq!(base["reason"].as_str(), reason, "{student}");
        let described = match reason {
            Some(reason) => format!("built on the reference solution of lab9, because {reason}"),
            None => "built on the submission's own lab9".to_owned(),
        };
        for document in ["feedback.html", "feedback.md", "gradescope.json", "build.log"] {
            let text = fs::read_to_string(own.join(student).join(document)).expect("it is there");
            let text = text.replace("&#39;", "'").replace('\\', "");
            assert!(text.contains(&described), "{student}/{document}: {text}");
        }
        let junit = fs::read_to_string(own.join(student).join("junit.xml")).expect("it is there");
        assert!(junit.contains("<property name=\"base-lab.lab9\""), "{junit}");
        let summary = fs::read_to_string(own.join("summary.csv")).expect("it is there");
        let row = summary.lines().find(|row| row.starts_with(student)).expect("a row");
        assert_eq!(row.contains(&described), reason.is_some(), "{row}");

        let result = self::result(&reference, student);
        assert_eq!(result["points_earned"].as_f64(), Some(10.0), "{student}: {result}");
        assert_eq!(result["base_labs"][0]["used"], "reference", "{student}");
    }
    let log = fs::read_to_string(own.join("broken/build.log")).expect("it is there");
    assert!(log.contains("lab9-tickets/src/lib.rs:"), "{log}");
    // The record of one choice is none of the other.
    let opened = run(&mut shell(copy, "./scripts/grade.sh --open mutant --out results-own"));
    assert!(said(&opened).contains("built on the submission's own lab9"), "{}", said(&opened));
    let command = said(&opened);
    let command =
        command.lines().rev().find(|line| line.contains("--submission")).expect("a command");
    let again = run(&mut shell(copy, command));
    assert_eq!(again.status.code(), Some(1), "{command}: {}", said(&again));
}

/// Grades the submissions with these base labs; returns the folder of results.
fn graded(copy: &Path, base_lab: &str) -> PathBuf {
    let line = format!(
        "./scripts/grade.sh lab10 submissions --base-lab {base_lab} --out results-{base_lab} --quiet"
    );
    let output: Output = run(&mut shell(copy, &line));
    assert!(output.status.success(), "{line}: {}", said(&output));
    copy.join(format!("results-{base_lab}"))
}

fn result(results: &Path, student: &str) -> Value {
    let text = fs::read_to_string(results.join(student).join("result.json")).expect("a result");
    serde_json::from_str(&text).expect("it is JSON")
}

fn lab10_is_packed_and_handed_out(copy: &Path) {
    // A packed grader, with a submission as Gradescope lays it out.
    let line = "mkdir -p autograder/submission autograder/results
        cp -R submissions/mutant/lab10-office submissions/mutant/lab9-tickets autograder/submission/
        program=$CARGO_TARGET_DIR/lab/grade
        $program lab10 --pack autograder/faultlab
        FAULTLAB_ROOT=$PWD/autograder/faultlab autograder/faultlab/target/lab/grade lab10 --gradescope autograder
        mv autograder/results/results.json autograder/own.json
        rm -r autograder/submission/lab9-tickets
        FAULTLAB_ROOT=$PWD/autograder/faultlab autograder/faultlab/target/lab/grade lab10 --gradescope autograder";
    let packed = run(&mut shell(copy, line));
    assert!(packed.status.success(), "{}", said(&packed));
    let score = |file: &str| {
        let text = fs::read_to_string(copy.join("autograder").join(file)).expect("a result");
        let results: Value = serde_json::from_str(&text).expect("it is JSON");
        (results["score"].as_f64(), results["output"].to_string())
    };
    let (own, output) = score("own.json");
    assert_eq!(own, Some(0.0), "{output}");
    let (reference, output) = score("results/results.json");
    assert_eq!(reference, Some(10.0), "{output}");
    assert!(output.contains("the reference solution of lab9"), "{output}");

    // Students get both labs, and no solutions.
    let line = "git add labs grading/suites grading/staff
        git -c user.name=C -c user.email=c@example.org commit --quiet --message labs
        ./scripts/make-handout.sh --out handout-labs
        cd handout-labs
        cargo metadata --no-deps --offline --format-version 1";
    let handed_out = run(&mut shell(copy, line));
    assert!(handed_out.status.success(), "{}", said(&handed_out));
    assert!(said(&handed_out).contains("labs/lab10-office#lab10@"), "{}", said(&handed_out));
    let handout = copy.join("handout-labs");
    assert!(handout.join(".handout/skeleton/labs/lab9-tickets/src/lib.rs").is_file());
    assert!(handout.join(".handout/skeleton/labs/lab10-office/src/lib.rs").is_file());
    assert!(!handout.join("grading/staff").exists());
    let manifest = fs::read_to_string(handout.join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("    \"labs/lab10-office\",\n"), "{manifest}");
}
