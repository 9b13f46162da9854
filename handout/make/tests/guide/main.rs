//! The instructors' guide, followed in a copy of the repository: its commands do what it says, and the labs
//! that it adds are as small as it says, are built and graded, and their suites find the mistakes that it names.

#[path = "../common/mod.rs"]
mod common;
mod tiny_labs;

use std::fs;
use std::path::Path;

use common::{Block, blocks, copy_of_the_repository, files_below, root, run, said, shell};

/// The code of each tiny lab, without blank lines and comments, has fewer lines than this.
const LINES: usize = 160;

#[test]
fn it_is_as_small_as_the_guide_says() {
    let folder = root().join("handout/tiny-lab");
    for lab in ["lab9", "lab10"] {
        let mut lines = 0;
        for file in files_below(&folder) {
            let is_code = file.extension().is_some_and(|end| end == "rs" || end == "toml");
            if is_code && file.to_string_lossy().contains(lab) {
                let text = fs::read_to_string(folder.join(file)).expect("a text");
                let is_code =
                    |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
                lines += text.lines().filter(is_code).count();
            }
        }
        assert!(lines > 50 && lines < LINES, "{lab}: {lines} lines");
    }
}

#[test]
fn the_guide_is_followed() {
    let copy = copy_of_the_repository();
    commands_do_what_it_says(&copy);
    tiny_labs::are_added_and_graded(&copy);
}

fn commands_do_what_it_says(copy: &Path) {
    // What a course collected: one who solved it, one who made a mistake.
    let submissions = copy.join("submissions");
    for (student, from) in [("ada", "grading/staff/solutions/lab1"), ("bob", "mutants/put-appends")]
    {
        let line = format!(
            "./scripts/make-mutants.sh lab1 --out mutants && mkdir -p submissions/{student}/src && \
             cp {from}/*.rs submissions/{student}/src/ && rm -r mutants"
        );
        let copied = run(&mut shell(copy, &line));
        assert!(copied.status.success(), "{}", said(&copied));
    }
    let source = root().join("handout/instructors/src");
    let blocks: Vec<Block> = blocks(&source)
        .into_iter()
        // The script that adds the lab is shown, not typed.
        .filter(|block| !block.commands.starts_with("{{#include"))
        .collect();
    assert!(blocks.len() >= 6, "only {} blocks of commands were found", blocks.len());
    for block in blocks {
        let done = run(&mut shell(copy, &block.commands));
        let expected = if block.expected == "exit-1" { 1 } else { 0 };
        let at = format!("{}: {}", block.chapter, block.commands);
        assert_eq!(done.status.code(), Some(expected), "{at}: {}", said(&done));
    }
    assert!(copy.join("handout-2026/book/index.html").is_file());
    assert!(copy.join("handout-spring/vendor").is_dir());
    assert!(copy.join("mutants/no-retransmission/client.rs").is_file());
    for file in ["index.html", "summary.csv", "ada/feedback.html", "bob/feedback.md"] {
        assert!(copy.join("results").join(file).is_file(), "{file}");
    }
    commands_in_sentences_work(copy);
    fs::remove_dir_all(submissions).expect("it is ours");
}

/// What a sentence tells to type is typed here, or by the test that is named.
fn commands_in_sentences_work(copy: &Path) {
    fs::write(copy.join("policy.toml"), "# Nothing but what holds by default.\n")
        .expect("it is written");
    for command in common::commands_in_sentences(&root().join("handout/instructors/src")) {
        let line = match command.split(' ').next().unwrap_or_default() {
            // Serves a page until it is interrupted: grading/batch has a test of it.
            "./scripts/grade.sh" if command.contains("--watch") => continue,
            "./scripts/grade.sh" => command.replace("STUDENT", "bob"),
            // The journey through the students' book, and the tests of update.sh.
            "./scripts/submit.sh" | "./scripts/update.sh" => continue,
            // tests/new_lab.rs makes a lab, and tries its suite.
            "./scripts/new-lab.sh" | "./scripts/try-suite.sh" => continue,
            // .ci/run has both of them as steps.
            "./scripts/test.sh" | "./scripts/make-gradescope.sh" => continue,
            // The lab is added below.
            "./scripts/run-tests.sh"
                if ["lab6", "lab9", "lab10"].iter().any(|lab| command.contains(lab)) =>
            {
                continue;
            }
            // Compiles all mutants: grading/staff/tests tries them all.
            "cargo" if command.contains("faultlab-staff") => continue,
            _ => command.clone(),
        };
        let done = run(&mut shell(copy, &line));
        assert!(done.status.success(), "{command}: {}", said(&done));
    }
}
