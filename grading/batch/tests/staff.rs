//! Operations of staff on results: inspect, compare, override, anonymise. None runs a submission again.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Batch, graded, grader, said};
use serde_json::Value;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs the grader on a folder of results, without submissions.
fn staff(out: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_grade"))
        .args(words)
        .arg("--out")
        .arg(out)
        .output()
        .expect("it runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), said(&output));
    (output.status.code(), text)
}

/// Grades again with these arguments, which must not run any submission.
fn again(batch: &Batch, out: &Path, words: &[&str]) -> String {
    let output = grader(batch, out).args(words).output().expect("it runs");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains(", 0 to grade"), "{said}");
    read(&out.join("summary.csv"))
}

#[test]
fn open_shows_a_failing_run_and_commands_for_it() {
    let batch = Batch::of_lab0(&["ada", "broken", "cut", "wrong"]);
    let out = batch.out("results");
    assert_eq!(graded(&batch, &out), Some(0));
    let (code, text) = staff(&out, &["--open", "wrong"]);
    assert_eq!(code, Some(0), "{text}");
    for part in [
        "wrong: 0 of 10 points",
        "1.1 A client's pings come back: failed",
        "what broke: every client gets all its results",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The commands that it names call the usual tools, and their files exist.
    let line = text.lines().find(|line| line.contains("--replay")).expect("a replay is offered");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[..3], ["./scripts/run-tests.sh", "lab0", "--submission"], "{line}");
    assert!(Path::new(words[3]).join("lib.rs").is_file(), "{line}");
    assert!(Path::new(words[5]).is_file(), "{line}");
    assert!(text.contains("-n 1.1 --only-seed "), "{text}");

    for (student, expected) in [
        ("ada", "no points were lost"),
        ("broken", "it does not compile"),
        ("cut", "cut: refused\nmissing files: client.rs"),
    ] {
        let (code, text) = staff(&out, &["--open", student]);
        assert!(code == Some(0) && text.contains(expected), "{text}");
    }
    assert!(staff(&out, &["--open", "nobody"]).1.contains("no student `nobody`"));
    let (code, text) = staff(&out, &["--open", "wrong", "-n", "7.7"]);
    assert!(code == Some(2) && text.contains("lab0 has no test 7.7"), "{text}");
}

#[test]
fn two_gradings_are_compared_with_the_reason() {
    let batch = Batch::of_lab0(&["ada", "bob", "wrong"]);
    let (old, new) = (batch.out("old"), batch.out("new"));
    assert_eq!(graded(&batch, &old), Some(0));
    // Nothing changed.
    assert_eq!(graded(&batch, &new), Some(0));
    let old_text = old.display().to_string();
    let compared = |words: &[&str]| {
        let (code, text) = staff(&new, words);
        assert_eq!(code, Some(0), "{text}");
        text
    };
    assert_eq!(compared(&["--regrade-diff", &old_text]), "no grade changed\n");
    // One student's files change, and another gets points by hand.
    let server = batch.submissions().join("wrong/server.rs");
    fs::write(&server, read(&server).replace(" + \"!\"", "")).expect("it is written");
    let server = batch.submissions().join("bob/server.rs");
    fs::write(&server, read(&server).replace("ping.text }", "ping.text + \"?\" }"))
        .expect("it is written");
    fs::write(new.join("overrides.csv"), "student,test,points,reason\nada,1.2,4.5,late proof\n")
        .expect("it is written");
    let output =
        grader(&batch, &new).args(["--regrade-diff", &old_text]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = "ada: 10 -> 9.5, because of policy or overrides (1.2: 5 -> 4.5)\n\
                    bob: 10 -> 0, because of source (1.1: 5 -> 0, 1.2: 5 -> 0)\n\
                    wrong: 0 -> 10, because of source (1.1: 0 -> 5, 1.2: 0 -> 5)\n\
                    fewer points for the same files: ada\n";
    assert_eq!(text, expected, "{}", said(&output));
    // Who is in one grading only has no difference, and did not lose points.
    let solo = batch.out("solo");
    fs::rename(batch.submissions().join("bob"), batch.submissions().join("zoe")).expect("renamed");
    assert_eq!(graded(&batch, &solo), Some(0));
    let (_, text) = staff(&solo, &["--regrade-diff", &new.display().to_string()]);
    let expected = "ada: 9.5 -> 10, because of policy or overrides (1.2: 4.5 -> 5)\n\
                    only in the old grading: bob (0)\nonly in the new grading: zoe (0)\n";
    assert_eq!(text, expected);
    let changes: Value = serde_json::from_str(&read(&solo.join("regrade.json"))).expect("JSON");
    assert_eq!(
        (&changes[1]["only_in"], &changes[1]["tests"]),
        (&"old".into(), &Value::Array(vec![]))
    );
    fs::rename(batch.submissions().join("zoe"), batch.submissions().join("bob")).expect("renamed");
    // The seed changes.
    let seeds = batch.out("seeds");
    let mut other = grader(&batch, &seeds);
    assert!(other.args(["--seed", "5"]).output().expect("it runs").status.success());
    let (_, text) = staff(&seeds, &["--regrade-diff", &new.display().to_string()]);
    assert!(text.starts_with("ada: 9.5 -> 10, because of seed ("), "{text}");
    let changes: Value = serde_json::from_str(&read(&seeds.join("regrade.json"))).expect("JSON");
    assert_eq!(changes[0]["student"], "ada");
    // The suite and the toolchain change, as recorded in earlier results.
    let earlier = new.join("ada/result.json");
    let mut result: Value = serde_json::from_str(&read(&earlier)).expect("JSON");
    for what in ["suite", "toolchain"] {
        let hash = &mut result["grading"]["hashes"][what];
        assert!(hash.is_string());
        *hash = "another".into();
    }
    fs::write(&earlier, result.to_string()).expect("it is written");
    let (_, text) = staff(&seeds, &["--regrade-diff", &new.display().to_string()]);
    assert!(text.starts_with("ada: 9.5 -> 10, because of suite, toolchain, seed ("), "{text}");
}

#[test]
fn overrides_and_policies_keep_the_raw_points_and_run_nothing() {
    let batch = Batch::of_lab0(&["ada+bob", "wrong"]);
    let out = batch.out("results");
    assert_eq!(graded(&batch, &out), Some(0));
    let before = read(&out.join("wrong/result.json"));
    // An override applies to one student, though the group submitted together.
    let overrides =
        "student,test,points,reason\nbob,1.1,2,\"copied, see mail\"\nwrong,1.1,1.25,a typo\n";
    fs::write(out.join("overrides.csv"), overrides).expect("it is written");
    let policy = batch.out("policy.toml");
    fs::write(
        &policy,
        "[late]\ndue = \"2026-11-20T23:59:00Z\"\npercent_per_day = 20\n\
         submitted = { wrong = \"2026-11-21T12:00:00Z\" }\n\
         [rounding]\nto = 0.5\n[tests.\"1.2\"]\nwithdrawn = \"it was unfair\"\n",
    )
    .expect("it is written");
    let policy = policy.display().to_string();
    let summary = again(&batch, &out, &["--policy", &policy]);
    let rows: Vec<&str> = summary.lines().skip(1).collect();
    assert!(rows[0].starts_with("ada,,graded,5,5,5,5,1,"), "{summary}");
    assert!(rows[1].starts_with("bob,,graded,2,2,5,2,1,"), "{summary}");
    assert!(rows[2].starts_with("wrong,,graded,1.25,1.25,5,1,1,"), "{summary}");
    let result: Value = serde_json::from_str(&read(&out.join("wrong/result.json"))).expect("JSON");
    let grade = &result["grading"]["grade"];
    assert_eq!((&grade["raw"], &grade["raw_possible"]), (&0.into(), &10.into()), "{grade}");
    let feedback = read(&out.join("wrong/feedback.md"));
    for said in ["1.25 points given by hand: a typo", "withdrawn: it was unfair", "20 % less"] {
        assert!(feedback.contains(said), "{said}: {feedback}");
    }
    // Without a policy and overrides, the results are as before.
    fs::remove_file(out.join("overrides.csv")).expect("it is there");
    again(&batch, &out, &[]);
    assert_eq!(read(&out.join("wrong/result.json")), before);
}

#[test]
fn overrides_apply_to_whoever_has_no_report() {
    let batch = Batch::of_lab0(&["ada", "broken", "cut"]);
    let out = batch.out("results");
    fs::create_dir_all(&out).expect("a folder");
    let roster = batch.out("roster.csv");
    fs::write(&roster, "student\nada\nbroken\ncut\nyan\nzoe\n").expect("it is written");
    let overrides = "student,test,points,reason\nbroken,1.1,3,a typo\ncut,1.2,2.5,shown in person\n\
                     zoe,1.1,5,handed in on paper\n";
    fs::write(out.join("overrides.csv"), overrides).expect("it is written");
    let mut grader = grader(&batch, &out);
    let output = grader.arg("--roster").arg(&roster).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let summary = read(&out.join("summary.csv"));
    for row in [
        "\nbroken,,does-not-compile,3,3,10,3,1,",
        "\ncut,,refused,2.5,2.5,10,2.5,1,missing files: client.rs",
        "\nyan,,not-submitted,,,,,,\n",
        "\nzoe,,not-submitted,5,5,10,5,,\"test 1.1: 5 points given by hand: handed in on paper\"",
    ] {
        assert!(summary.contains(&row.replace('\"', "")), "{row}: {summary}");
    }
    for (student, said) in [
        ("broken", "3 points: it does not compile"),
        ("cut", "2.5 points: the submission was rejected"),
        ("zoe", "5 points: nothing was submitted"),
    ] {
        let feedback = read(&out.join(student).join("feedback.md"));
        assert!(feedback.contains(said) && feedback.contains("given by hand: "), "{feedback}");
    }
    // Under pseudonyms the points are the same.
    let summary = again(&batch, &out, &["--roster", &roster.display().to_string(), "--anonymous"]);
    assert!(summary.contains(",,not-submitted,5,5,10,5,,"), "{summary}");
}

#[test]
fn unknown_students_and_tests_are_usage_errors() {
    let batch = Batch::of_lab0(&["ada"]);
    let out = batch.out("results");
    let file = batch.out("file");
    let refused = |option: &str, text: &str| {
        fs::write(&file, text).expect("it is written");
        let output = grader(&batch, &out).arg(option).arg(&file).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert_eq!(common::outcomes(&out), 0);
        let said = said(&output);
        assert!(said.contains(&file.display().to_string()), "{said}");
        said
    };
    let head = "student,test,points,reason\n";
    for (option, text, expected) in [
        ("--overrides", format!("{head}eve,1.1,1,why\n"), "no student `eve`"),
        ("--overrides", format!("{head}ada,1.7,1,why\n"), "lab0 has no test 1.7"),
        ("--overrides", format!("{head}ada,1.1,1,\n"), "line 2: "),
        ("--overrides", format!("{head}ada,1.1,much,why\n"), "line: 2"),
        (
            "--overrides",
            format!("{head}ada,1.1,1,why\nada,1.2,99,why\n"),
            "line 3: `ada` gets 99 points",
        ),
        ("--overrides", format!("{head}ada,1.1,5.01,why\n"), "give at most 5,"),
        (
            "--overrides",
            format!("{head}Ada,1.1,1,why\n"),
            "line 2: no student `Ada` in this batch; there is `ada`",
        ),
        ("--policy", "[tests.\"1.7\"]\npoints = 1\n".to_owned(), "lab0 has no test 1.7"),
        ("--policy", "[late]\ndue = 3\n".to_owned(), "line 2"),
        ("--roster", "colour\nred\n".to_owned(), "no column identifies a student"),
    ] {
        let said = refused(option, &text);
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn anonymous_results_contain_no_names_and_the_same_grades() {
    let batch = Batch::of_lab0(&["adalovelace", "cut", "wrong"]);
    let out = batch.out("results");
    let roster = batch.out("roster.csv");
    let text = "student,name,email\nadalovelace,Ada Lovelace,ada@example.edu\nzoenever,Zoe N,zoe@example.edu\n";
    fs::write(&roster, text).expect("it is written");
    let roster = roster.display().to_string();
    fs::create_dir_all(&out).expect("a folder");
    fs::write(out.join("overrides.csv"), "student,test,points,reason\nwrong,1.1,3,by hand\n")
        .expect("it is written");
    let named = grader(&batch, &out).args(["--roster", &roster]).output().expect("it runs");
    assert!(named.status.success(), "{}", said(&named));
    fs::write(out.join("adalovelace/mine.txt"), "not the grader's").expect("it is written");

    let output = grader(&batch, &out).args(["--roster", &roster, "--anonymous"]).output();
    let output = output.expect("it runs");
    let words = said(&output);
    assert!(words.contains(", 0 to grade"), "{words}");
    let who = read(&out.join(".work/who.csv"));
    assert!(who.contains(",adalovelace,Ada Lovelace,ada@example.edu,"), "{who}");
    let mut texts = words;
    for file in common::files(&out) {
        if !file.contains("/.work/") && !file.ends_with("overrides.csv") {
            texts.push_str(&file.replace(&out.display().to_string(), ""));
            texts.push_str(&String::from_utf8_lossy(&fs::read(&file).expect("it is there")));
        }
    }
    // Other files in a student's folder are kept, and so is the folder.
    let texts = texts.replace("/adalovelace/mine.txt", "");
    for name in ["lovelace", "Lovelace", "example.edu", "zoenever"] {
        assert!(!texts.contains(name), "{name}");
    }
    let named = |id: &str| -> String {
        let row = who.lines().find(|row| row.split(',').nth(1) == Some(id)).expect("a row");
        row.split(',').next().expect("a name").to_owned()
    };
    let (ada, wrong) = (named("adalovelace"), named("wrong"));
    let summary = read(&out.join("summary.csv"));
    assert!(summary.contains(&format!("\n{ada},,graded,10,")), "{summary}");
    // The override names the student by the real id.
    assert!(summary.contains(&format!("\n{wrong},,graded,3,")), "{summary}");
    let (code, text) = staff(&out, &["--open", &wrong]);
    assert!(code == Some(0) && text.contains("what broke: "), "{text}");
    // Grading again without `--anonymous` restores the names.
    let back = again(&batch, &out, &["--roster", &roster]);
    assert!(back.contains("\nadalovelace,Ada Lovelace,graded,10,"), "{back}");
    assert!(!out.join(&ada).exists());
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let batch = Batch::of_lab0(&["ada", "broken", "cut", "todo", "wrong"]);
    let (one, other) = (batch.out("one"), batch.out("other"));
    assert_eq!(graded(&batch, &one), Some(0));
    assert_eq!(graded(&batch, &other), Some(0));
    assert_eq!(common::results(&one), common::results(&other));
}

#[test]
fn a_test_whose_runs_differ_is_shown_as_flaky() {
    let batch = Batch::of_lab0(&["ada", "flips"]);
    let out = batch.out("results");
    assert_eq!(graded(&batch, &out), Some(0));
    let result: Value = serde_json::from_str(&read(&out.join("flips/result.json"))).expect("JSON");
    assert_eq!(result["grading"]["flaky"], serde_json::json!(["1.1", "1.2"]), "{result}");
    let index = read(&out.join("index.html"));
    let section = index.split("<h2 id=\"flaky\">Flaky tests</h2>").nth(1).expect("it is there");
    let section = section.split("<h2").next().expect("it ends");
    assert!(section.contains("1.1") && section.contains("flips"), "{section}");
    assert!(!section.contains("ada"), "{section}");
}

#[test]
fn a_policy_sets_the_seeds_of_a_test_and_is_checked_first() {
    let batch = Batch::of_lab0(&["ada"]);
    let (out, policy) = (batch.out("results"), batch.out("policy.toml"));
    let with = |text: &str, more: &[&str]| {
        fs::write(&policy, text).expect("it is written");
        let mut grader = grader(&batch, &out);
        let output = grader.arg("--policy").arg(&policy).args(more).output().expect("it runs");
        (output.status.code(), said(&output))
    };
    for (wrong, says) in [
        ("[tests.\"7.7\"]\nseeds = 3\n", "policy.toml: lab0 has no test 7.7"),
        ("[tests.\"1.1\"]\nseeds = 0\n", "a test runs with 1 to 1000000 seeds, not with 0"),
    ] {
        let (code, text) = with(wrong, &[]);
        assert!(code == Some(2) && text.contains(says), "{text}");
        assert!(!out.exists(), "nothing was begun");
        let mut check = Command::new(env!("CARGO_BIN_EXE_grade"));
        let checked = check.args(["lab0", "--check-suite", "--policy"]).arg(&policy).output();
        let checked = checked.expect("it runs");
        assert_eq!(checked.status.code(), Some(2), "{}", said(&checked));
        assert!(said(&checked).contains(says), "{}", said(&checked));
    }
    let result = || fs::read_to_string(out.join("ada/result.json")).expect("it is there");
    let (code, text) = with("[tests.\"1.2\"]\nseeds = 7\npoints = 4\n", &[]);
    assert!(code == Some(0) && text.contains("1 to grade"), "{text}");
    let seeds = |result: &str| result.matches("\"seeds_run\": 7").count();
    assert_eq!(seeds(&result()), 1, "{}", result());
    // Other points need no run, other seeds do.
    let (_, text) = with("[tests.\"1.2\"]\nseeds = 7\npoints = 5\n", &[]);
    assert!(text.contains("0 to grade"), "{text}");
    let (_, text) = with("[tests.\"1.2\"]\npoints = 5\n", &[]);
    assert!(text.contains("1 to grade"), "{text}");
    assert_eq!(seeds(&result()), 0, "{}", result());
}
