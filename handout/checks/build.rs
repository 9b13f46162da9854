//! Adds the mutants of lab 1 to this crate, each as a module: the students' book shows runs of these programs. And makes
//! a module of each chapter, so that its examples are tested.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The mutants whose runs the book shows.
const SHOWN: &[&str] = &[
    "duplicates-executed",
    "duplicates-swallowed",
    "everything-kept-for-ever",
    "late-requests-executed",
    "new-number-for-each-retransmission",
    "no-at-most-once",
    "no-retransmission",
    "old-result-shown",
    "one-memory-for-all-clients",
    "panics-on-stale-reply",
    "results-by-command",
    "retransmits-for-ever",
    "stale-reply-accepted",
    "timers-multiply",
];

fn main() -> io::Result<()> {
    let variable = |name| PathBuf::from(env::var_os(name).expect("Cargo sets it"));
    let root = variable("CARGO_MANIFEST_DIR").join("../..");
    let out = variable("OUT_DIR").join("mutants");

    for watched in ["grading/staff/mutants/lab1", "grading/staff/solutions/lab1"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let status = Command::new(root.join("scripts/make-mutants.sh"))
        .args(["lab1".as_ref(), "--out".as_ref(), out.as_os_str()])
        .stdout(io::stderr())
        .status()?;
    assert!(status.success(), "make-mutants.sh failed");

    let mut modules = String::new();
    for name in SHOWN {
        let module = name.replace('-', "_");
        let folder = out.join(name);
        make_module(&folder, &module)?;
        let lib = folder.join("lib.rs");
        modules.push_str(&format!("#[path = {lib:?}]\npub mod {module};\n"));
    }
    fs::write(variable("OUT_DIR").join("mutants.rs"), modules)?;
    fs::write(variable("OUT_DIR").join("chapters.rs"), chapters(&root.join("handout"))?)
}

/// A module for each chapter of both books, which is its documentation.
fn chapters(books: &Path) -> io::Result<String> {
    let mut modules = String::new();
    for (source, book) in [("src", ""), ("instructors/src", "instructors_")] {
        let folder = books.join(source);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files: Vec<PathBuf> =
            fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        files.sort();
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
            if name != "SUMMARY" && file.extension().is_some_and(|extension| extension == "md") {
                modules
                    .push_str(&format!("#[doc = include_str!({file:?})] mod {book}{name} {{}}\n"));
            }
        }
    }
    Ok(modules)
}

/// Makes a lab's crate a module: what is named from the crate's root is named from the module.
fn make_module(folder: &Path, module: &str) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            fs::write(&path, text.replace("crate::", &format!("crate::mutants::{module}::")))?;
        }
    }
    Ok(())
}
