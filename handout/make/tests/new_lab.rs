//! `new-lab.sh` lays out a lab that works, in a copy of the repository: it touches its own folders and the list of labs, its
//! test passes with the solutions and fails with the mutant, and a mistake in its suite is no submission's loss.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::{copy_of_the_repository, run, said, shell};

/// The lab that is made.
const LAB: &str = "lab7";

#[test]
fn a_new_lab_works() {
    let copy = copy_of_the_repository();
    touches_its_folders_and_one_list(&copy);
    its_test_is_passed_by_what_is_right(&copy);
    a_mutant_of_it_is_saved(&copy);
    its_suite_is_tried(&copy);
    its_chapter_is_in_the_book(&copy);
    is_missing_from_a_handout_until_git_knows_it(&copy);
    mistakes_of_its_author_are_no_losses(&copy);
}

/// What a command says, and its exit code.
fn done(copy: &Path, line: &str) -> (Option<i32>, String) {
    let output = run(&mut shell(copy, line));
    (output.status.code(), said(&output))
}

/// Asserts how a command ends, and returns what it says.
fn ends_with(code: i32, copy: &Path, line: &str) -> String {
    let (ended, text) = done(copy, line);
    assert_eq!(ended, Some(code), "{line}: {text}");
    text
}

fn touches_its_folders_and_one_list(copy: &Path) {
    let made = ends_with(0, copy, "./scripts/new-lab.sh lab7-doubling 'Twice as much'");
    let status = ends_with(0, copy, "git status --porcelain --untracked-files=all");
    let (new, changed): (BTreeSet<&str>, BTreeSet<&str>) =
        status.lines().partition(|line| line.starts_with("?? "));
    // The crate of the suites has the list of labs.
    let list = [" M grading/suites/Cargo.toml", " M grading/suites/src/lib.rs"];
    assert_eq!(changed, list.into(), "{status}");
    for line in &new {
        let path = line.trim_start_matches("?? ");
        let is_own = path.split(['/', '.', '-']).any(|part| part == LAB);
        assert!(is_own, "{path} is not the lab's own");
        assert!(made.contains(path), "{path} is not told");
        let text = fs::read_to_string(copy.join(path)).expect("a text");
        for left in ["labNN", "LabNN", "ab NN", "SLUG", "TITLE"] {
            assert!(!text.contains(left), "{path}: {left}");
        }
    }
    assert!(new.len() >= 10, "{status}");
    ends_with(0, copy, "cargo fmt --all --check");
    // A second time, or with another name, nothing is changed.
    for name in [
        "lab7-doubling",
        "lab7-other",
        "lab",
        "lab7",
        "7-doubling",
        "lab8-api",
        "lab8-A",
        "lab8-x 'a \"b\"'",
    ] {
        ends_with(2, copy, &format!("./scripts/new-lab.sh {name}"));
    }
    assert_eq!(ends_with(0, copy, "git status --porcelain --untracked-files=all"), status);
}

fn its_test_is_passed_by_what_is_right(copy: &Path) {
    let skeleton = ends_with(1, copy, "./scripts/run-tests.sh lab7");
    assert!(skeleton.contains("not implemented yet: part 1"), "{skeleton}");
    assert!(skeleton.contains("0/10 points"), "{skeleton}");
    let staff = "grading/staff";
    for right in ["solutions/lab7", "solutions/lab7-unusual/waits-longer"] {
        let line = format!("./scripts/run-tests.sh lab7 --submission {staff}/{right}");
        assert!(ends_with(0, copy, &line).contains("10/10 points"), "{right}");
    }
    let line = format!(
        "./scripts/run-tests.sh lab7 --submission {staff}/mutants/lab7/never-asks-again.patch"
    );
    let mutant = ends_with(1, copy, &line);
    assert!(mutant.contains("every client gets all its results"), "{mutant}");
}

fn a_mutant_of_it_is_saved(copy: &Path) {
    let save = "./scripts/save-mutant.sh lab7 triples broken 'The server triples.'";
    ends_with(0, copy, "cp -R grading/staff/solutions/lab7 broken");
    assert!(ends_with(2, copy, save).contains("nothing differs"));
    ends_with(0, copy, "sed -i 's/2 \\* number/3 * number/' broken/lib.rs");
    assert!(ends_with(0, copy, save).contains("try-suite.sh lab7 --only triples"));
    let saved = copy.join("grading/staff/mutants/lab7/triples.patch");
    let patch = fs::read_to_string(&saved).expect("a patch");
    assert!(patch.starts_with("The server triples.\n\n--- a/lib.rs\n+++ b/lib.rs\n"), "{patch}");
    let line = "./scripts/run-tests.sh lab7 --submission grading/staff/mutants/lab7/triples.patch";
    assert!(ends_with(1, copy, line).contains("0/10 points"));
    fs::remove_file(saved).expect("it is ours");
    ends_with(2, copy, "./scripts/save-mutant.sh lab7 Triples broken 'The server triples.'");
    ends_with(2, copy, "./scripts/save-mutant.sh lab8 triples broken 'The server triples.'");
    ends_with(0, copy, "rm -r broken");
}

fn its_suite_is_tried(copy: &Path) {
    let tried = ends_with(0, copy, "./scripts/try-suite.sh lab7");
    assert!(tried.contains("solution lab7 passes"), "{tried}");
    assert!(tried.contains("solution waits-longer passes"), "{tried}");
    assert!(
        tried.contains("[  3/3] ") && tried.contains("mutant never-asks-again loses 1.1"),
        "{tried}"
    );
    assert!(tried.contains("1 of 1 mutants are caught by 1 tests"), "{tried}");
    // A mutant that behaves like the reference.
    let folder = "grading/staff/mutants/lab7";
    let same = format!(
        "sed 's/^+ .*on_timer.*$/+    fn on_timer(\\&mut self, Retry(asked): Retry, ctx: \\&mut Context<Self>) {{/; \
         s/^+ .*let _ = ctx;$/+        if self.asked == Some(asked) {{ self.ask(asked, ctx); }}/' \
         {folder}/never-asks-again.patch >{folder}/renames.patch"
    );
    ends_with(0, copy, &same);
    let tried = ends_with(1, copy, "./scripts/try-suite.sh lab7");
    assert!(tried.contains("not caught: renames\n"), "{tried}");
    ends_with(0, copy, &format!("rm {folder}/renames.patch"));
    let tried = ends_with(2, copy, "./scripts/try-suite.sh lab7 2.1");
    assert!(tried.contains("lab7 has no test 2.1"), "{tried}");
    let table = ends_with(
        0,
        copy,
        "./scripts/try-suite.sh lab7 --only never-asks-again --table 2>/dev/null",
    );
    assert_eq!(table, "never-asks-again\t1.1\n");
    let tables = copy.join("grading/staff/mutants/lab7/table.tsv");
    let right = fs::read_to_string(&tables).expect("a table");
    fs::write(&tables, "").expect("written");
    let tried = ends_with(1, copy, "./scripts/try-suite.sh lab7 1.1 --seeds 3");
    assert!(tried.contains("not in table.tsv: never-asks-again, which loses 1.1"), "{tried}");
    fs::write(&tables, right).expect("written");
}

fn its_chapter_is_in_the_book(copy: &Path) {
    ends_with(0, copy, "./scripts/make-handout.sh --books books");
    let page = fs::read_to_string(copy.join("books/students/lab7.html")).expect("a page");
    assert!(page.contains("Lab 7: Twice as much"), "{page}");
    let contents = fs::read_to_string(copy.join("books/students/toc.html")).expect("a page");
    assert!(contents.contains("href=\"lab7.html\""), "{contents}");
}

fn is_missing_from_a_handout_until_git_knows_it(copy: &Path) {
    let missing = ends_with(1, copy, "./scripts/make-handout.sh --out handout-early");
    let says = "these files are missing from the handout, because git does not track them yet:";
    assert!(missing.contains(says) && missing.contains("  labs/lab7-api/Cargo.toml"), "{missing}");
    assert!(!missing.contains("workspace.dependencies"), "{missing}");
    // What `new-lab.sh` says to do.
    ends_with(0, copy, "git add labs/lab7-api labs/lab7-doubling grading handout/src/lab7.md");
    ends_with(0, copy, "./scripts/make-handout.sh --out handout-complete");
    let handout = copy.join("handout-complete");
    assert!(handout.join("labs/lab7-doubling/src/lib.rs").is_file());
    assert!(handout.join("book/lab7.html").is_file());
    assert!(!handout.join("grading/staff").exists());
}

fn mistakes_of_its_author_are_no_losses(copy: &Path) {
    let suite = copy.join("grading/suites/src/lab7.rs");
    let right = fs::read_to_string(&suite).expect("a suite");
    let wrong =
        right.replace("NodeSpec::node(\"server\", server", "NodeSpec::node(\"sevrer\", server");
    assert_ne!(right, wrong);
    fs::write(&suite, wrong).expect("written");
    let says = "the suite of lab7 has a mistake. This is no submission's fault, and nothing was run:\n  test 1.1: \
                server is of the kind `sevrer`, which the lab does not have; kinds: server, client";
    let home =
        ends_with(4, copy, "./scripts/run-tests.sh lab7 --submission grading/staff/solutions/lab7");
    assert!(home.contains(says), "{home}");
    ends_with(
        0,
        copy,
        "mkdir -p submissions && cp -R grading/staff/solutions/lab7 submissions/ada",
    );
    let graded = ends_with(4, copy, "./scripts/grade.sh lab7 submissions --out results");
    assert!(graded.contains(says), "{graded}");
    assert!(!copy.join("results/summary.csv").exists());
    fs::write(&suite, right).expect("written");

    // An API crate whose two descriptions differ.
    let api = copy.join("labs/lab7-api/src/lib.rs");
    let right = fs::read_to_string(&api).expect("an API");
    fs::write(&api, right.replace(".node::<()>(\"server\")", ".node::<u64>(\"server\")"))
        .expect("written");
    let suite_too = "sed -i 's/\"server\", server, &()/\"server\", server, \\&7_u64/' grading/suites/src/lab7.rs";
    ends_with(0, copy, suite_too);
    let home =
        ends_with(4, copy, "./scripts/run-tests.sh lab7 --submission grading/staff/solutions/lab7");
    assert!(
        home.contains("the API crate of lab7 contradicts itself: the kind `server` is"),
        "{home}"
    );
}
