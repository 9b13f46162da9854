//! A small course: a student's handout, worked in, and the next version of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{empty_folder, files_below, root, run, said, shell};

/// A folder with these files, recorded as a handout of this version.
pub(crate) fn handout(folder: &Path, version: &str, files: &[(&str, &str)]) {
    for (path, text) in files {
        write(&folder.join(path), text);
    }
    let script = folder.join("scripts/update.sh");
    fs::create_dir_all(script.parent().expect("a folder")).expect("made");
    fs::copy(root().join("scripts/update.sh"), script).expect("copied");
    let mut record = String::new();
    for path in files_below(folder) {
        let path = path.to_string_lossy().into_owned();
        if path.starts_with("vendor/") && !path.ends_with("/.cargo-checksum.json") {
            continue;
        }
        let mine =
            path.starts_with("labs/lab1-work/src/") || path.starts_with("labs/lab2-more/src/");
        let sum = run(&mut shell(folder, &format!("cksum < {path}")));
        let sum = said(&sum);
        let (whose, name) = match path.strip_suffix("/.cargo-checksum.json") {
            Some(folder) => ("crate", folder),
            None => (if mine { "student" } else { "course" }, &*path),
        };
        record.push_str(&format!("{whose} {} {name}\n", sum.trim()));
        if mine {
            let text = fs::read_to_string(folder.join(&path)).expect("read");
            write(&folder.join(".handout/skeleton").join(&path), &text);
        }
    }
    write(&folder.join(".handout/files"), &record);
    write(&folder.join(".handout/version"), &format!("{version}\n"));
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

pub(crate) fn read(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) const GIT: &str = "git -c user.name=Ada -c user.email=ada@example.org";

/// A student's folder, made of version one and worked in, and the next version.
pub(crate) fn student_and_next(name: &str) -> (PathBuf, PathBuf) {
    let folder = empty_folder(name);
    let (student, next) = (folder.join("my labs"), folder.join("next"));
    handout(
        &student,
        "one",
        &[
            ("Cargo.toml", "one"),
            ("book/old.html", "old"),
            ("book/page.html", "one"),
            ("labs/lab1-api/src/lib.rs", "one"),
            ("labs/lab1-work/src/begun.rs", "todo one\n"),
            ("labs/lab1-work/src/finished.rs", "todo\n"),
            ("labs/lab1-work/src/untouched.rs", "todo one\n"),
            ("vendor/newer/.cargo-checksum.json", "{1}"),
            ("vendor/newer/Cargo.toml", "one"),
            ("vendor/newer/src/gone.rs", "one"),
            ("vendor/old/.cargo-checksum.json", "{1}"),
            ("vendor/old/Cargo.toml", "one"),
            ("vendor/old/src/lib.rs", "one"),
        ],
    );
    handout(
        &next,
        "two",
        &[
            ("Cargo.toml", "two"),
            ("book/page.html", "two"),
            ("labs/lab1-api/src/lib.rs", "two"),
            ("labs/lab1-work/src/begun.rs", "todo two\n"),
            ("labs/lab1-work/src/finished.rs", "todo\n"),
            ("labs/lab1-work/src/untouched.rs", "todo two\n"),
            ("labs/lab2-more/src/lib.rs", "todo\n"),
            ("vendor/added/.cargo-checksum.json", "{2}"),
            ("vendor/added/Cargo.toml", "two"),
            ("vendor/newer/.cargo-checksum.json", "{2}"),
            ("vendor/newer/Cargo.toml", "two"),
        ],
    );
    let begin = format!(
        "git init --quiet --template= && git config maintenance.auto false && \
         git config user.name Ada && git config user.email ada@example.org && \
         git add --all && {GIT} commit --quiet --message handout"
    );
    assert!(run(&mut shell(&student, &begin)).status.success());
    write(&student.join("labs/lab1-work/src/begun.rs"), "mine\n");
    write(&student.join("labs/lab1-work/src/finished.rs"), "mine\n");
    write(&student.join("labs/lab1-work/src/added.rs"), "mine\n");
    write(&student.join("Cargo.toml"), "mine");
    (student, next)
}

pub(crate) fn update(student: &Path, from: &str) -> String {
    let done = run(&mut shell(student, &format!("./scripts/update.sh {from}")));
    assert!(done.status.success(), "{}", said(&done));
    said(&done)
}

pub(crate) fn is_updated(student: &Path) {
    let text = |path: &str| read(student.join(path));
    // The student's.
    assert_eq!(text("labs/lab1-work/src/begun.rs"), "mine\n");
    assert_eq!(text("labs/lab1-work/src/finished.rs"), "mine\n");
    assert_eq!(text("labs/lab1-work/src/added.rs"), "mine\n");
    // The course's.
    assert_eq!(text("labs/lab1-work/src/untouched.rs"), "todo two\n");
    assert_eq!(text("labs/lab1-api/src/lib.rs"), "two");
    assert_eq!(text("labs/lab2-more/src/lib.rs"), "todo\n");
    assert_eq!(text("book/page.html"), "two");
    assert!(!student.join("book/old.html").exists());
    assert_eq!(text(".handout/version"), "two\n");
    let crates = files_below(&student.join("vendor"));
    let crates: Vec<_> = crates.iter().map(|path| path.to_string_lossy()).collect();
    let all = ["added", "newer"]
        .map(|name| [".cargo-checksum.json", "Cargo.toml"].map(|file| format!("{name}/{file}")));
    assert_eq!(crates, all.concat());
    assert_eq!(text("vendor/newer/Cargo.toml"), "two");
    // Both had changed it.
    assert_eq!(text("Cargo.toml"), "two");
    assert_eq!(text("Cargo.toml.mine"), "mine");
}
