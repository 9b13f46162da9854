//! A made handout in an editor, and with Cargo alone: everything is checked without a word, and the tests are
//! those of the suite, by number and title.

use std::fs;
use std::path::Path;

use super::common::{root, run, said, shell};
use super::handout;

/// A title that each list of tests has.
const TITLE: &str = "2.4 Messages get lost";

#[test]
fn an_editor_and_cargo_need_no_set_up() {
    let handout = handout();
    let out = handout.made.folder.as_path();
    checks_without_a_word(out);
    cargo_test_shows_what_is_missing_and_what_passes(out);
    nextest_runs_all(out);
}

fn checks_without_a_word(out: &Path) {
    for line in ["cargo check", "cargo check --workspace --all-targets"] {
        let done = run(&mut shell(out, line));
        assert!(done.status.success(), "{line}: {}", said(&done));
        assert!(!said(&done).contains("warning"), "{line}: {}", said(&done));
    }
    // What rust-analyzer runs when a file is saved: every message is a squiggle.
    let line = "cargo check --workspace --all-targets --message-format=json 2>/dev/null";
    let done = run(&mut shell(out, line));
    let messages = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(messages.contains(r#""reason":"build-finished","success":true"#), "{messages}");
    assert!(!messages.contains(r#""reason":"compiler-message""#), "{messages}");
}

fn cargo_test_shows_what_is_missing_and_what_passes(out: &Path) {
    let listed = run(&mut shell(out, "cargo test -p lab1 --test suite -- --list"));
    assert!(said(&listed).contains(&format!("{TITLE}: test\n")), "{}", said(&listed));

    let skeleton = run(&mut shell(out, "cargo test -p lab1"));
    assert_eq!(skeleton.status.code(), Some(101), "{}", said(&skeleton));
    assert!(said(&skeleton).contains("not implemented yet: part 1"), "{}", said(&skeleton));

    let (source, solution) =
        (out.join("labs/lab1-clientserver/src"), root().join("grading/staff/solutions/lab1"));
    for entry in fs::read_dir(solution).expect("the solution") {
        let path = entry.expect("a file").path();
        fs::copy(&path, source.join(path.file_name().expect("a name"))).expect("copied");
    }
    let solved = run(&mut shell(out, "cargo test -p lab1"));
    assert!(solved.status.success(), "{}", said(&solved));
    assert!(said(&solved).contains(&format!("test {TITLE}")), "{}", said(&solved));
    let back = run(&mut shell(out, "git checkout --quiet . && git status --porcelain"));
    assert_eq!(said(&back), "");
}

fn nextest_runs_all(out: &Path) {
    if !run(&mut shell(out, "cargo nextest --version")).status.success() {
        assert!(std::env::var_os("FAULTLAB_REQUIRE_NEXTEST").is_none(), "nextest is not there");
        eprintln!("cargo-nextest is not installed: what it does was not tried");
        return;
    }
    let listed = run(&mut shell(out, "cargo nextest list -p lab1"));
    assert!(said(&listed).contains(TITLE), "{}", said(&listed));

    // Of all labs, the worked example passes; of the skeletons every test is run, and fails.
    let all = run(&mut shell(out, "cargo nextest run"));
    assert_eq!(all.status.code(), Some(100), "{}", said(&all));
    let zero = run(&mut shell(out, "cargo nextest run -p lab0"));
    assert!(zero.status.success(), "{}", said(&zero));
    let [run, passed, failed] = counts(&said(&all));
    let [of_example, ..] = counts(&said(&zero));
    // API crates have tests, too.
    assert!(passed >= of_example && failed >= 40, "{}", said(&all));
    assert_eq!(passed + failed, run, "{}", said(&all));
}

/// How many tests were run, passed and failed. None was skipped.
fn counts(said: &str) -> [u32; 3] {
    let summary = said.lines().find(|line| line.contains("Summary")).expect("a summary");
    assert!(summary.contains(" 0 skipped"), "{summary}");
    let count = |what: &str| {
        let (before, _) = summary.split_once(what)?;
        before.rsplit(' ').next()?.parse().ok()
    };
    let run = count(" tests run").expect("a number of tests");
    [run, count(" passed").unwrap_or(0), count(" failed").unwrap_or(0)]
}
