//! `update.sh` brings in what the course has corrected, and touches nothing that a student wrote.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::course::{GIT, is_updated, read, student_and_next, update, write};
use common::{files_below, run, said, shell};

#[test]
fn the_course_changes_and_the_student_keeps() {
    let (student, next) = student_and_next("update-folder");
    let said_first = update(&student, &next.to_string_lossy().replace(' ', "\\ "));
    is_updated(&student);
    assert!(said_first.contains("Cargo.toml.mine"), "{said_first}");
    assert!(said_first.contains("    -todo one\n    +todo two\n"), "{said_first}");
    assert!(!said_first.contains("finished.rs"), "{said_first}");

    // It remembers where from, and the second time there is nothing to do.
    let said_again = update(&student, "");
    assert!(said_again.contains("0 files changed"), "{said_again}");
    is_updated(&student);

    // The update is one commit, and the student's work is in none.
    let log = said(&run(&mut shell(&student, "git log --format=%s")));
    assert_eq!(log, "The handout, version two\nhandout\n");
    let status = said(&run(&mut shell(&student, "git status --porcelain")));
    let mine = [
        " M labs/lab1-work/src/begun.rs",
        " M labs/lab1-work/src/finished.rs",
        "?? Cargo.toml.mine",
        "?? labs/lab1-work/src/added.rs",
    ];
    assert_eq!(status.lines().collect::<Vec<_>>(), mine);
}

/// The awk of macOS and BSD understands less than those of Linux.
#[test]
fn the_awk_of_bsd_does_as_well() {
    let awk = run(&mut shell(&std::env::temp_dir(), "command -v original-awk"));
    if !awk.status.success() {
        assert!(std::env::var_os("FAULTLAB_REQUIRE_AWK").is_none(), "there is no original-awk");
        return;
    }
    let (student, next) = student_and_next("update-awk");
    let folder = next.parent().expect("a folder");
    let shim = "mkdir bin && ln -s \"$(command -v original-awk)\" bin/awk";
    assert!(run(&mut shell(folder, shim)).status.success());
    let done = run(&mut shell(&student, "PATH=\"$PWD/../bin:$PATH\" ./scripts/update.sh ../next"));
    assert!(done.status.success(), "{}", said(&done));
    assert!(!said(&done).contains("awk"), "{}", said(&done));
    is_updated(&student);
}

/// Cargo builds anew what is younger than what it has built.
#[test]
fn what_is_placed_is_younger_than_what_was_built() {
    let (student, next) = student_and_next("update-times");
    let set = "find . -type f | xargs touch -t 202001010000 && touch ../built";
    assert!(run(&mut shell(&next, set)).status.success());
    update(&student, "../next");
    let time =
        |path: PathBuf| fs::metadata(path).and_then(|data| data.modified()).expect("it is there");
    let built = time(student.join("../built"));
    assert!(time(student.join("labs/lab1-api/src/lib.rs")) >= built);
}

#[test]
fn an_archive_and_a_repository_do_as_well() {
    for (name, pack, from) in [
        ("update-archive", "tar -czf next.tar.gz next", "../next.tar.gz"),
        (
            "update-repository",
            "git -C next init --quiet && git -C next add --all && \
             git -C next -c user.name=C -c user.email=c@example.org commit --quiet -m two && \
             git clone --quiet --bare next next.git",
            "../next.git",
        ),
    ] {
        let (student, next) = student_and_next(name);
        let packed = run(&mut shell(next.parent().expect("a folder"), pack));
        assert!(packed.status.success(), "{}", said(&packed));
        fs::remove_dir_all(&next).expect("removed");
        update(&student, from);
        is_updated(&student);
    }
}

#[test]
fn what_is_no_handout_changes_nothing() {
    let (student, next) = student_and_next("update-refused");
    let state = |student: &Path| -> Vec<(PathBuf, String)> {
        files_below(student)
            .into_iter()
            .map(|file| (file.clone(), read(student.join(file))))
            .collect()
    };
    let before = state(&student);
    let folder = next.parent().expect("a folder");
    fs::create_dir_all(folder.join("empty")).expect("made");
    write(&folder.join("no-archive.tar.gz"), "no");
    for from in ["../empty", "../no-archive.tar.gz", "../nothing-there", "", "one two"] {
        let done = run(&mut shell(&student, &format!("./scripts/update.sh {from}")));
        assert_eq!(done.status.code(), Some(1), "{from}: {}", said(&done));
        assert_eq!(state(&student), before, "{from}");
    }
}

#[test]
fn a_record_that_leads_outside_is_refused() {
    let (student, next) = student_and_next("update-outside");
    let outside = student.parent().expect("a folder").join("outside.txt");
    write(&outside, "safe");
    let record = read(next.join(".handout/files"));
    write(&next.join(".handout/files"), &format!("course 1 1 ../outside.txt\n{record}"));
    let done = run(&mut shell(&student, "./scripts/update.sh ../next"));
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    assert!(said(&done).contains("damaged"), "{}", said(&done));
    assert_eq!(read(outside), "safe");
}

#[test]
fn what_a_student_has_committed_or_staged_stays_as_it_is() {
    let (student, next) = student_and_next("update-committed");
    let line = "git add labs/lab1-work/src/begun.rs Cargo.toml && git commit --quiet -m 'my work' && \
                git add labs/lab1-work/src/finished.rs";
    assert!(run(&mut shell(&student, line)).status.success());
    update(&student, &next.to_string_lossy().replace(' ', "\\ "));
    is_updated(&student);
    let log = said(&run(&mut shell(&student, "git log --format=%s")));
    assert_eq!(log, "The handout, version two\nmy work\nhandout\n");
    let status = said(&run(&mut shell(&student, "git status --porcelain")));
    let left = ["M  labs/lab1-work/src/finished.rs", "?? Cargo.toml.mine"];
    assert_eq!(status.lines().collect::<Vec<_>>()[..2], left);
    // What was committed is in the history, too.
    let before = said(&run(&mut shell(&student, "git show HEAD~1:Cargo.toml")));
    assert_eq!(before, "mine");
}

#[test]
fn a_change_to_the_courses_files_is_named_and_never_overwritten() {
    let (student, next) = student_and_next("update-changed");
    // Kept from an update before this one.
    write(&student.join("Cargo.toml.mine"), "older");
    // In a file that this update leaves alone.
    write(&student.join("rustfmt.toml"), "one");
    write(&student.join(".handout/files"), &with_file(&student, "rustfmt.toml"));
    write(&next.join("rustfmt.toml"), "one");
    write(&next.join(".handout/files"), &with_file(&next, "rustfmt.toml"));
    write(&student.join("rustfmt.toml"), "mine");
    // In one that the course has taken back.
    write(&student.join("book/old.html"), "mine");

    let said = update(&student, &next.to_string_lossy().replace(' ', "\\ "));
    for (path, text) in [
        ("Cargo.toml", "two"),
        ("Cargo.toml.mine", "older"),
        ("Cargo.toml.mine.2", "mine"),
        ("rustfmt.toml", "mine"),
        ("book/old.html", "mine"),
    ] {
        assert_eq!(read(student.join(path)), text, "{path}");
    }
    assert!(said.contains("You had edited Cargo.toml"), "{said}");
    assert!(said.contains("your version is now Cargo.toml.mine.2"), "{said}");
    assert!(said.contains("You have edited rustfmt.toml"), "{said}");
    assert!(said.contains("book/old.html is no longer needed, but you have edited it"), "{said}");
}

/// The record of a handout with one more file of the course.
fn with_file(handout: &Path, path: &str) -> String {
    let sum = said(&run(&mut shell(handout, &format!("cksum < {path}"))));
    format!("{}course {} {path}\n", read(handout.join(".handout/files")), sum.trim())
}

#[test]
fn vendored_crates_come_and_go() {
    let (student, next) = student_and_next("update-vendored");
    let crates = |handout: &Path, crates: &[&str]| {
        let mut record = read(handout.join(".handout/files"));
        for name in crates {
            let folder = handout.join("vendor").join(name);
            write(&folder.join("src/lib.rs"), name);
            write(&folder.join(".gitignore"), "src\n");
            write(&folder.join(".cargo-checksum.json"), name);
            let sum = run(&mut shell(&folder, "cksum < .cargo-checksum.json"));
            record.push_str(&format!("crate {} vendor/{name}\n", said(&sum).trim()));
        }
        write(&handout.join(".handout/files"), &record);
    };
    crates(&student, &["kept-1.0.0", "old-1.0.0"]);
    crates(&next, &["kept-1.0.0", "old-1.1.0+a", "new-1.0.0"]);
    write(&student.join("vendor/own/src/lib.rs"), "mine");
    let committed = format!("git add --all --force && {GIT} commit --quiet -m vendored");
    assert!(run(&mut shell(&student, &committed)).status.success());

    update(&student, &next.to_string_lossy().replace(' ', "\\ "));
    for name in ["kept-1.0.0", "old-1.1.0+a", "new-1.0.0"] {
        assert_eq!(read(student.join("vendor").join(name).join("src/lib.rs")), name);
    }
    assert!(!student.join("vendor/old-1.0.0").exists());
    assert_eq!(read(student.join("vendor/own/src/lib.rs")), "mine");
    // All of them are in the commit, whatever their own .gitignore says.
    let status = said(&run(&mut shell(&student, "git status --porcelain --ignored vendor")));
    assert_eq!(status, "");
}

#[test]
fn without_a_name_in_git_it_is_committed_all_the_same_and_a_lock_is_named() {
    let (student, next) = student_and_next("update-nameless");
    assert!(run(&mut shell(&student, "git config --remove-section user")).status.success());
    let empty = next.parent().expect("a folder").join("home");
    fs::create_dir_all(&empty).expect("made");
    write(&student.join(".git/index.lock"), "");
    let nameless = || {
        let mut command = shell(&student, "./scripts/update.sh ../next");
        run(command.env("HOME", &empty).env("GIT_CONFIG_NOSYSTEM", "1"))
    };
    let locked = nameless();
    assert_eq!(locked.status.code(), Some(1), "{}", said(&locked));
    for words in ["index.lock", "All files are in place", "again: it continues from here"] {
        assert!(said(&locked).contains(words), "{}", said(&locked));
    }
    fs::remove_file(student.join(".git/index.lock")).expect("it is ours");
    let done = nameless();
    assert!(done.status.success(), "{}", said(&done));
    is_updated(&student);
    let log = said(&run(&mut shell(&student, "git log -1 --format=%an:%s")));
    assert_eq!(log, "Faultlab:The handout, version two\n");
}

#[test]
fn a_folder_that_is_no_repository_or_part_of_another_is_updated() {
    let (student, next) = student_and_next("update-elsewhere");
    assert!(run(&mut shell(&student, "rm -rf .git && git -C .. init --quiet")).status.success());
    let said_part = update(&student, &next.to_string_lossy().replace(' ', "\\ "));
    is_updated(&student);
    assert!(said_part.contains("Not committed"), "{said_part}");

    let (student, next) = student_and_next("update-begun");
    assert!(run(&mut shell(&student, "rm -rf .git && git init --quiet")).status.success());
    let said_begun = update(&student, &next.to_string_lossy().replace(' ', "\\ "));
    is_updated(&student);
    assert!(said_begun.contains("no commits yet"), "{said_begun}");
}
