//! What belongs to a submission is the same at home and in grading: every Rust file of `src`, whatever its
//! name, and nothing else.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Batch, grader, said};
use faultlab_harness::build::{BaseLabRule, Source, Workspace};

/// Modules that a student may add: where the file is, and how the server's file declares it.
const MODULES: [(&str, &str, &str); 8] = [
    ("deep", "server/retry/help.rs", "#[path = \"server/retry/help.rs\"]\nmod help;"),
    ("hyphen", "re-try.rs", "#[path = \"re-try.rs\"]\nmod help;"),
    ("space", "server copy.rs", "#[path = \"server copy.rs\"]\nmod help;"),
    ("letter", "größe.rs", "#[path = \"größe.rs\"]\nmod help;"),
    ("binary", "bin/mod.rs", "use crate::bin as help;"),
    ("entry", "main.rs", "use crate::main as help;"),
    ("checks", "tests/mod.rs", "use crate::tests as help;"),
    ("output", "target/mod.rs", "use crate::target as help;"),
];

/// Makes the server use a function of an added module.
fn add_module(folder: &Path, file: &str, declaration: &str) {
    let help = folder.join(file);
    fs::create_dir_all(help.parent().expect("it is in the folder")).expect("a folder");
    fs::write(help, "pub fn same(text: String) -> String { text }\n").expect("it is written");
    let server = fs::read_to_string(folder.join("server.rs")).expect("lab 0 has a server");
    let server = server.replace("text: ping.text }", "text: help::same(ping.text) }");
    let server = server.replacen("use faultlab::", &format!("{declaration}\nuse faultlab::"), 1);
    fs::write(folder.join("server.rs"), server).expect("it is written");
    if let Some(name) = declaration.strip_prefix("use crate::") {
        let name = name.trim_end_matches(" as help;");
        let root = fs::read_to_string(folder.join("lib.rs")).expect("lab 0 has a root");
        fs::write(folder.join("lib.rs"), root + &format!("\nmod {name};\n")).expect("written");
    }
}

/// A batch with a submission for each module, in a folder `src` as in an archive from `submit.sh`.
fn with_modules() -> Batch {
    let batch = Batch::of_lab0(&MODULES.map(|(name, _, _)| name));
    for (name, file, declaration) in MODULES {
        let folder = batch.submissions().join(name);
        let src = batch.out("src");
        fs::rename(&folder, &src).expect("it is moved");
        fs::create_dir(&folder).expect("a folder");
        fs::rename(&src, folder.join("src")).expect("it is moved");
        add_module(&folder.join("src"), file, declaration);
    }
    batch
}

#[test]
fn added_modules_are_graded_whatever_their_names() {
    let batch = with_modules();
    let workspace = Workspace::of_this_program().expect("the workspace is there");
    let lab = workspace.lab("lab0").expect("it can be read").expect("lab 0 is there");
    let out = batch.out("out");
    let output = grader(&batch, &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for (name, file, _) in MODULES {
        // At home.
        let source = Source::Folder(batch.submissions().join(name));
        let rule = BaseLabRule::at_home(None, &source);
        let home = source.files(&workspace, &lab, rule).expect("there are files").top;
        let home = home.contents().expect("they are read");
        assert!(home.iter().any(|(path, _)| path == Path::new(file)), "{name}");
        // In grading.
        let path = out.join(name).join("result.json");
        let result = fs::read_to_string(path).expect("a result");
        let result: serde_json::Value = serde_json::from_str(&result).expect("it is JSON");
        assert_eq!(result["points_earned"], result["points_possible"], "{name}: {result}");
        let notes = result["grading"]["notes"].to_string();
        assert!(notes.contains(file), "{name}: {notes}");
    }
}

/// Packs a folder.
fn pack(folder: &Path, archive: &Path) {
    let status =
        Command::new("tar").arg("-czf").arg(archive).arg("-C").arg(folder).arg(".").status();
    assert!(status.expect("tar runs").success());
}

/// What `--check` says about an archive of lab 0, and its exit code.
fn check(archive: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_grade"))
        .arg("lab0")
        .arg("--check")
        .arg(archive)
        .output()
        .expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output))
}

#[test]
fn an_archive_can_be_checked_before_the_deadline() {
    let batch = Batch::of_lab0(&["ada", "broken", "cut"]);
    let ada = batch.submissions().join("ada");
    add_module(&ada, "help.rs", "#[path = \"help.rs\"]\nmod help;");
    fs::write(ada.join("notes.txt"), "To do.").expect("it is written");
    fs::write(ada.join(".old.rs"), "").expect("it is written");
    let archive = batch.out("lab0.tar.gz");
    pack(&ada, &archive);
    let (code, said) = check(&archive);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "  the lab's files: client.rs, lib.rs, messages.rs, server.rs, timers.rs\n",
        "  additional source files: help.rs\n",
        "  ignored (only the lab's source files are graded): .old.rs, notes.txt\n",
        "  compiles\n",
    ] {
        assert!(said.contains(line), "{line}{said}");
    }
    // A folder will do.
    assert_eq!(check(&ada).0, Some(0));

    let (code, said) = check(&batch.submissions().join("broken"));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("  does not compile:\n\nerror: expected one of"), "{said}");
    let (code, said) = check(&batch.submissions().join("cut"));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(": refused: missing files: client.rs (the others are at"), "{said}");
    fs::write(&archive, "<!DOCTYPE html>").expect("it is written");
    let (code, said) = check(&archive);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("refused: `lab0.tar.gz` is a web page; submit"), "{said}");
    let (code, said) = check(&batch.out("absent.zip"));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("absent.zip"), "{said}");
}
