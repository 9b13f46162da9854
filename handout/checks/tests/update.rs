//! `update.sh` brings in what the course has corrected, and touches nothing that a student wrote.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{empty_folder, files_below, root, run, said, shell};

/// A folder with these files, recorded as a handout of this version.
fn handout(folder: &Path, version: &str, files: &[(&str, &str)]) {
    for (path, text) in files {
        write(&folder.join(path), text);
    }
    let script = folder.join("scripts/update.sh");
    fs::create_dir_all(script.parent().expect("a folder")).expect("made");
    fs::copy(root().join("scripts/update.sh"), script).expect("copied");
    let mut record = String::new();
    for path in files_below(folder) {
        let path = path.to_string_lossy().into_owned();
        let mine =
            path.starts_with("labs/lab1-work/src/") || path.starts_with("labs/lab2-more/src/");
        let sum = run(&mut shell(folder, &format!("cksum < {path}")));
        let sum = said(&sum);
        record.push_str(&format!(
            "{} {} {path}\n",
            if mine { "student" } else { "course" },
            sum.trim()
        ));
        if mine {
            let text = fs::read_to_string(folder.join(&path)).expect("read");
            write(&folder.join(".handout/skeleton").join(&path), &text);
        }
    }
    write(&folder.join(".handout/files"), &record);
    write(&folder.join(".handout/version"), &format!("{version}\n"));
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const GIT: &str = "git -c user.name=Ada -c user.email=ada@example.org";

/// A student's folder, made of version one and worked in, and the next version.
fn student_and_next(name: &str) -> (PathBuf, PathBuf) {
    let folder = empty_folder(name);
    let (student, next) = (folder.join("my labs"), folder.join("next"));
    handout(
        &student,
        "one",
        &[
            ("Cargo.toml", "one"),
            ("book/old.html", "old"),
            ("book/page.html", "one"),
            ("labs/lab1-vocabulary/src/lib.rs", "one"),
            ("labs/lab1-work/src/begun.rs", "todo one\n"),
            ("labs/lab1-work/src/finished.rs", "todo\n"),
            ("labs/lab1-work/src/untouched.rs", "todo one\n"),
        ],
    );
    handout(
        &next,
        "two",
        &[
            ("Cargo.toml", "two"),
            ("book/page.html", "two"),
            ("labs/lab1-vocabulary/src/lib.rs", "two"),
            ("labs/lab1-work/src/begun.rs", "todo two\n"),
            ("labs/lab1-work/src/finished.rs", "todo\n"),
            ("labs/lab1-work/src/untouched.rs", "todo two\n"),
            ("labs/lab2-more/src/lib.rs", "todo\n"),
        ],
    );
    let begin = format!(
        "git init --quiet && git config user.name Ada && git config user.email ada@example.org && \
         git add --all && {GIT} commit --quiet --message handout"
    );
    assert!(run(&mut shell(&student, &begin)).status.success());
    write(&student.join("labs/lab1-work/src/begun.rs"), "mine\n");
    write(&student.join("labs/lab1-work/src/finished.rs"), "mine\n");
    write(&student.join("labs/lab1-work/src/added.rs"), "mine\n");
    write(&student.join("Cargo.toml"), "mine");
    (student, next)
}

fn update(student: &Path, from: &str) -> String {
    let done = run(&mut shell(student, &format!("./scripts/update.sh {from}")));
    assert!(done.status.success(), "{}", said(&done));
    said(&done)
}

fn is_updated(student: &Path) {
    let text = |path: &str| read(student.join(path));
    // The student's.
    assert_eq!(text("labs/lab1-work/src/begun.rs"), "mine\n");
    assert_eq!(text("labs/lab1-work/src/finished.rs"), "mine\n");
    assert_eq!(text("labs/lab1-work/src/added.rs"), "mine\n");
    // The course's.
    assert_eq!(text("labs/lab1-work/src/untouched.rs"), "todo two\n");
    assert_eq!(text("labs/lab1-vocabulary/src/lib.rs"), "two");
    assert_eq!(text("labs/lab2-more/src/lib.rs"), "todo\n");
    assert_eq!(text("book/page.html"), "two");
    assert!(!student.join("book/old.html").exists());
    assert_eq!(text(".handout/version"), "two\n");
    // Both had changed it.
    assert_eq!(text("Cargo.toml"), "two");
    assert_eq!(text("Cargo.toml.mine"), "mine");
}

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
