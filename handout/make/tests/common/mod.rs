//! What the tests share: a made handout, programs run in it, texts made comparable.

#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

/// The course's repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// A folder for one kind of test, empty. It is kept in the target folder, to be looked at.
pub fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("it is ours");
    }
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Where the made handout compiles to. Kept from run to run, so that dependencies are compiled once.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("target")
}

/// The program that makes handouts.
pub fn maker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_faultlab-make-handout"))
}

/// A line for the shell, in a folder, as a student would type it.
pub fn shell(folder: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-euc").arg(line).current_dir(folder).env("CARGO_TARGET_DIR", target());
    command
}

/// Runs a command and keeps what it said.
pub fn run(command: &mut Command) -> Output {
    // What Cargo and the terminal tell this test is not what they tell a student.
    let kept =
        ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_TARGET_DIR", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_cargos = text.starts_with("CARGO") || text.starts_with("RUST");
        if is_cargos && !kept.contains(&&*text) {
            command.env_remove(&name);
        }
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null()).output().expect("it runs")
}

/// All that a command said.
pub fn said(output: &Output) -> String {
    let (out, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{error}")
}

/// All files below a folder, as paths from there, sorted; without git's own and what was compiled.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if !path.is_dir() {
                found.push(path);
            } else if !(path.ends_with(".git") || path.ends_with("target")) {
                walk(&path, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, &mut found);
    let mut found: Vec<PathBuf> = found
        .into_iter()
        .map(|path| path.strip_prefix(folder).expect("below it").to_owned())
        .collect();
    found.sort();
    found
}

/// A text as it is: pages without their markup.
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        match tag.split_once('>') {
            Some((_, after)) => rest = after,
            None => {
                rest = "";
            }
        }
    }
    plain.push_str(rest);
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(plain, |plain, (escaped, character)| plain.replace(escaped, character))
}

/// A block of commands in a chapter.
pub struct Block {
    /// The chapter's file.
    pub chapter: String,
    /// What stands behind `sh`: what is expected of the commands.
    pub expected: String,
    /// The commands.
    pub commands: String,
    /// The file whose text the book shows under the commands.
    pub shown: Option<String>,
}

/// The blocks of commands of all chapters, in the order of the book.
pub fn blocks(source: &Path) -> Vec<Block> {
    let summary = fs::read_to_string(source.join("SUMMARY.md")).expect("a summary");
    let named = summary.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let mut chapters: Vec<String> = named.map(str::to_owned).collect();
    // Those of labs need not be named.
    for file in files_below(source) {
        let name = file.to_string_lossy().into_owned();
        let of_lab = name
            .strip_prefix("lab")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if of_lab && name.ends_with(".md") && !chapters.contains(&name) {
            chapters.push(name);
        }
    }
    let mut blocks = Vec::new();
    for chapter in &chapters {
        let text = fs::read_to_string(source.join(chapter)).expect("a chapter");
        let mut rest = text.as_str();
        while let Some((_, found)) = rest.split_once("```sh") {
            let (expected, found) = found.split_once('\n').expect("a line");
            let (commands, after) = found.split_once("\n```\n").expect("the block ends");
            let shown = after
                .trim_start()
                .strip_prefix("```text\n{{#include out/")
                .and_then(|included| included.split("}}").next());
            blocks.push(Block {
                chapter: chapter.to_owned(),
                expected: expected.trim().to_owned(),
                commands: commands.to_owned(),
                shown: shown.map(str::to_owned),
            });
            rest = after;
        }
    }
    blocks
}

/// The commands that stand in sentences and tables of a book: what is marked as code and begins as a command
/// does. (Where there is a colon in it, it is what a shell says about a command.)
pub fn commands_in_sentences(source: &Path) -> BTreeSet<String> {
    let mut commands = BTreeSet::new();
    for file in files_below(source) {
        if file.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(source.join(&file)).expect("a chapter");
        // Every other piece is a block.
        for sentences in text.split("\n```").step_by(2) {
            let code = sentences.split('`').skip(1).step_by(2);
            let is_command = |code: &&str| {
                let starts = ["./scripts/", "cargo ", "chmod ", "git "];
                starts.iter().any(|start| code.starts_with(start)) && !code.contains(": ")
            };
            commands.extend(code.filter(is_command).map(str::to_owned));
        }
    }
    commands
}

/// A copy of the repository: its files, as git knows them.
///
/// All tests that change the repository have the same folder, one after another. A file that is already there as it should
/// be is not written again, so that Cargo compiles only what another test has changed.
pub fn copy_of_the_repository() -> PathBuf {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("repository");
    fs::create_dir_all(&copy).expect("the target folder can be written");
    let listed = run(Command::new("git").arg("-C").arg(root()).arg("ls-files"));
    let listed: BTreeSet<PathBuf> = said(&listed).lines().map(|path| copy.join(path)).collect();
    remove_all_but(&listed, &copy);
    for to in &listed {
        let from = root().join(to.strip_prefix(&copy).expect("below it"));
        if fs::read(to).ok() != Some(fs::read(&from).expect("a file")) {
            fs::create_dir_all(to.parent().expect("a folder")).expect("made");
            fs::copy(&from, to).expect("copied");
        }
    }
    // The handout is made from what git knows.
    let line = "git init --quiet && git add --all && \
                git -c user.name=C -c user.email=c@example.org commit --quiet --message copy";
    let known = run(&mut shell(&copy, line));
    assert!(known.status.success(), "{}", said(&known));
    copy
}

/// Removes what is in a folder, except these files and the folders in which they are.
fn remove_all_but(files: &BTreeSet<PathBuf>, folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if files.contains(&path) {
            continue;
        }
        if !path.is_dir() {
            fs::remove_file(&path).expect("it is ours");
        } else if files.iter().any(|file| file.starts_with(&path)) {
            remove_all_but(files, &path);
        } else {
            fs::remove_dir_all(&path).expect("it is ours");
        }
    }
}
