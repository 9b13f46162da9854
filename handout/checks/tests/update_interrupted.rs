//! `update.sh` may be stopped in the middle of any of its commands, by a kill or by a disk that is full:
//! nothing of the student's is lost, and the next run finishes what this one began.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::course::{is_updated, read, student_and_next, write};
use common::{files_below, run, said, shell};

/// The programs by which `update.sh` changes something.
const CHANGING: [&str; 7] = ["cp", "git", "mkdir", "mv", "rm", "tar", "xargs"];

/// Stands before each of these programs: counts the calls, and at one of them does half of the work, and then kills
/// everything or fails. A move happens at once or not at all; everything else may be found half done.
///
/// It starts no program but the real one: an update makes many calls, and each is stopped once.
const SHIM: &str = r#"#!/bin/sh
name=${0##*/}
IFS=:
for folder in $REAL_PATH; do
    real=$folder/$name
    [ ! -x "$real" ] || break
done
unset IFS
echo "$name" >>"$COUNTED"
calls=0
while read -r _; do calls=$((calls + 1)); done <"$COUNTED"
[ "$calls" -eq "$STOP_AT" ] || exec "$real" "$@"
case $name in
cp)
    "$real" "$@"
    for last; do :; done
    [ ! -d "$last" ] || last=$(find "$last" -type f | head -n 1)
    printf half >"$last"
    ;;
rm)
    for last; do :; done
    [ ! -d "$last" ] || find "$last" -type f | head -n 1 | xargs "$real" -f
    ;;
tar | git | xargs) "$real" "$@" || : ;;
esac
case $HOW in
kill) kill -9 -"$GROUP" ;;
*) echo "$name: No space left on device" >&2; exit 1 ;;
esac
"#;

/// Runs `update.sh`, and stops it at the call with this number. Says how many calls there were.
fn stopped(student: &Path, how: &str, stop_at: usize) -> (Output, usize) {
    let folder = student.parent().expect("a folder");
    let (shims, counted) = (folder.join("shims"), folder.join("counted"));
    fs::create_dir_all(&shims).expect("made");
    for name in CHANGING {
        write(&shims.join(name), SHIM);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(shims.join(name), executable).expect("allowed");
    }
    write(&counted, "");
    let path = std::env::var("PATH").expect("there is a path");
    let mut command = Command::new("sh");
    command
        .args(["-c", "GROUP=$$ exec ./scripts/update.sh ../next"])
        .current_dir(student)
        .process_group(0)
        .env("PATH", format!("{}:{path}", shims.display()))
        .env("REAL_PATH", path)
        .env("COUNTED", &counted)
        .env("STOP_AT", stop_at.to_string())
        .env("HOW", how);
    let done = run(&mut command);
    (done, read(counted).lines().count())
}

/// All texts in the student's folder, without git's own.
fn texts(student: &Path) -> BTreeMap<PathBuf, String> {
    files_below(student).into_iter().map(|file| (file.clone(), read(student.join(file)))).collect()
}

/// The hash of all files in the student's folder, with git's own, and of their times.
fn everything(student: &Path) -> u64 {
    fn add(path: &Path, hash: &mut DefaultHasher) {
        let data = fs::symlink_metadata(path).expect("it is there");
        path.hash(hash);
        data.modified().ok().filter(|_| !data.is_dir()).hash(hash);
        if data.is_dir() {
            let entries = fs::read_dir(path).expect("a folder");
            let mut entries: Vec<_> =
                entries.map(|entry| entry.expect("an entry").path()).collect();
            entries.sort();
            entries.iter().for_each(|entry| add(entry, hash));
        } else {
            fs::read(path).expect("read").hash(hash);
        }
    }
    let mut hash = DefaultHasher::new();
    add(student, &mut hash);
    hash.finish()
}

/// What git says about the student's folder: its commits, what each changed, and what is not committed.
fn history(student: &Path) -> String {
    said(&run(&mut shell(student, "git log --format=%s --name-status && git status --porcelain")))
}

/// What the student wrote is still there, under its name or one that tells whose it is.
fn nothing_is_lost(student: &Path, at: &str) {
    for file in ["begun.rs", "finished.rs", "added.rs"] {
        assert_eq!(read(student.join("labs/lab1-work/src").join(file)), "mine\n", "{at}: {file}");
    }
    let kept = ["Cargo.toml", "Cargo.toml.mine"].map(|name| student.join(name));
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap_or_default();
    assert!(kept.iter().any(|path| text(path) == "mine"), "{at}: Cargo.toml");
}

fn stop_everywhere(how: &str) {
    let (student, _) = student_and_next(&format!("update-{how}"));
    let folder = student.parent().expect("a folder");
    let copy_of_student = |to: &str| {
        let copied = run(&mut shell(folder, &format!("rm -rf '{to}' && cp -pR 'my labs' '{to}'")));
        assert!(copied.status.success(), "{}", said(&copied));
        folder.join(to)
    };
    let right = copy_of_student("right");
    let (done, calls) = stopped(&right, how, 0);
    assert!(done.status.success(), "{}", said(&done));
    is_updated(&right);
    assert!(calls > 20, "only {calls} calls were counted");

    // What a run does next depends on the folder alone, so the same folder is tried once.
    let mut seen = BTreeSet::new();
    for stop_at in 1..=calls {
        let at = format!("{how} at call {stop_at} of {calls}");
        let tried = copy_of_student("tried");
        let (done, reached) = stopped(&tried, how, stop_at);
        let at = format!("{at}, {}", read(folder.join("counted")).lines().last().unwrap_or(""));
        assert!(reached >= stop_at, "{at}");
        nothing_is_lost(&tried, &at);
        if how == "kill" {
            assert!(!done.status.success(), "{at}: it was killed");
        } else if !done.status.success() {
            let words = ["Nothing was changed.", "Run ./scripts/update.sh again"];
            assert!(words.iter().any(|words| said(&done).contains(words)), "{at}: {}", said(&done));
        }

        if !seen.insert(everything(&tried)) {
            continue;
        }
        // Git leaves its lock if it is killed, and says how to get rid of it.
        let _ = fs::remove_file(tried.join(".git/index.lock"));
        let again = run(&mut shell(&tried, "./scripts/update.sh ../next"));
        assert!(again.status.success(), "{at}: {}", said(&again));
        is_updated(&tried);
        assert_eq!(texts(&tried), texts(&right), "{at}");
        assert_eq!(history(&tried), history(&right), "{at}");
    }
}

#[test]
fn killed_in_the_middle_of_any_command() {
    stop_everywhere("kill");
}

#[test]
fn any_command_fails_in_the_middle() {
    stop_everywhere("fail");
}

#[test]
fn a_file_that_does_not_fit_changes_nothing() {
    let (student, next) = student_and_next("update-full");
    // A limit on files' size is met as a full disk is: in the middle of writing one.
    let page = "two".repeat(200_000);
    write(&next.join("book/page.html"), &page);
    let sum = said(&run(&mut shell(&next, "cksum < book/page.html")));
    let record = read(next.join(".handout/files"));
    let lines = record.lines().map(|line| match line.ends_with("book/page.html") {
        true => format!("course {} book/page.html\n", sum.trim()),
        false => format!("{line}\n"),
    });
    write(&next.join(".handout/files"), &lines.collect::<String>());

    let before = texts(&student);
    let limited = "trap '' XFSZ; ulimit -f 200; ./scripts/update.sh ../next";
    let done = run(&mut shell(&student, limited));
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    assert!(said(&done).contains("Nothing was changed."), "{}", said(&done));
    assert_eq!(texts(&student), before);

    let done = run(&mut shell(&student, "./scripts/update.sh ../next"));
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(read(student.join("book/page.html")), page);
}

#[test]
fn what_is_newer_waits_for_what_was_interrupted() {
    let (student, next) = student_and_next("update-newer");
    // It stops when half of the files are in their places; the course goes on, and so does the student.
    let (_, calls) = stopped(&copy(&student), "kill", 0);
    let stopped_at = |stop_at: usize| {
        let tried = copy(&student);
        stopped(&tried, "kill", stop_at);
        tried
    };
    let is_placed = |student: &Path| read(student.join("labs/lab1-api/src/lib.rs")) == "two";
    // A file that is placed stays placed, so the first call after which it is can be found by halving.
    let (mut before, mut after) = (0, calls);
    while after - before > 1 {
        let middle = before.midpoint(after);
        match is_placed(&stopped_at(middle)) {
            true => after = middle,
            false => before = middle,
        }
    }
    let student = stopped_at(after);
    assert!(is_placed(&student), "the file is placed");
    write(&student.join("labs/lab1-api/src/lib.rs"), "my own idea");
    write(&next.join(".handout/version"), "three\n");

    let done = run(&mut shell(&student, "./scripts/update.sh ../next"));
    assert!(done.status.success(), "{}", said(&done));
    let said = said(&done);
    assert!(said.contains("Finishing it first"), "{said}");
    assert!(said.contains("version two") && said.contains("version three: 0 files"), "{said}");
    // What was placed once is the student's to change; that it was changed is said.
    assert_eq!(read(student.join("labs/lab1-api/src/lib.rs")), "my own idea");
    assert!(said.contains("You have edited labs/lab1-api/src/lib.rs"), "{said}");
}

/// A copy of the student's folder beside it.
fn copy(student: &Path) -> PathBuf {
    let folder = student.parent().expect("a folder");
    let copied = run(&mut shell(folder, "rm -rf tried && cp -pR 'my labs' tried"));
    assert!(copied.status.success(), "{}", said(&copied));
    folder.join("tried")
}
