//! The students' book, followed from the first page to the last: every command in it is typed, in a made
//! handout, and does what the book says. What it prints is what the book shows.
//!
//! With `FAULTLAB_BLESS=1` the shown texts in `handout/src/out` are written anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::common::{Block, blocks, root, run, said, shell, target};
use super::handout;

#[test]
fn the_book_is_followed() {
    let handout = handout();
    let out = handout.made.folder.as_path();
    // Libraries built by an earlier run of this test are kept; what that run's reports said is forgotten.
    for lab in ["lab0", "lab1"] {
        let _ = fs::remove_file(target().join(format!("faultlab/last-run-{lab}.json")));
    }
    let blocks = blocks(&root().join("handout/src"));
    assert!(blocks.len() >= 15, "only {} blocks of commands were found", blocks.len());
    for block in &blocks {
        let at = format!("{}: {}", block.chapter, block.commands);
        match block.expected.as_str() {
            "watch" => watch(out, &block.commands, &at),
            // Tried by the tests of `update.sh`.
            "update" => assert_eq!(block.commands, "./scripts/update.sh FROM", "{at}"),
            expected => {
                let done = run(&mut shell(out, &block.commands));
                let code = done.status.code();
                let good = match expected {
                    "" => code == Some(0),
                    "exit-1" => code == Some(1),
                    "exit-any" => matches!(code, Some(0 | 1)),
                    other => panic!("{at}: what is `{other}`?"),
                };
                assert!(good, "{at}: exit code {code:?}\n{}", said(&done));
                if let Some(shown) = &block.shown {
                    compare(shown, &said(&done));
                }
            }
        }
    }

    commands_in_sentences_work(out, &blocks);

    // From here on the lab is somebody's who made the mistake that the book debugs.
    let source = out.join("labs/lab1-clientserver/src");
    let skeleton = read_all(&source);
    mistaken(&source);
    let report = said(&run(&mut shell(out, "./scripts/run-tests.sh lab1")));
    let (table, _) = report.split_once("\n────").expect("something fails");
    compare("debugging-report.txt", table);
    compare(
        "debugging-one.txt",
        &said(&run(&mut shell(out, "./scripts/run-tests.sh lab1 -n 3.1"))),
    );
    submits(out, 1, &[]);
    compare("submit.txt", &said(&run(&mut shell(out, "./scripts/submit.sh lab1"))));

    // And then somebody's who solved it.
    copy_all(&root().join("grading/staff/solutions/lab1"), &source);
    // Any Rust file in `src` is part of it.
    let added = [("bin/mod", "bin"), ("client copy", "copied")];
    let mut text = fs::read_to_string(source.join("lib.rs")).expect("a file of the lab");
    fs::create_dir(source.join("bin")).expect("made");
    for (file, module) in added {
        fs::write(source.join(format!("{file}.rs")), "//! Added.\n").expect("written");
        text.push_str(&format!("#[path = \"{file}.rs\"]\nmod {module};\n"));
    }
    fs::write(source.join("lib.rs"), text).expect("written");
    submits(out, 0, &added.map(|(file, _)| file));
    let all = run(&mut shell(out, "./scripts/run-tests.sh lab1"));
    assert_eq!(all.status.code(), Some(0), "{}", said(&all));

    // What does not compile is not handed in.
    fs::write(source.join("store.rs"), "pub struct KvStore").expect("written");
    fs::remove_file(out.join("lab1.tar.gz")).expect("it was there");
    let refused = run(&mut shell(out, "./scripts/submit.sh lab1"));
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(said(&refused).contains("store.rs"), "{}", said(&refused));
    assert!(!out.join("lab1.tar.gz").exists());

    // What the grader would refuse is not handed in, even if it compiles.
    fs::write(source.join("store.rs"), format!("//{}", " ".repeat(2 << 20))).expect("written");
    let refused = run(&mut shell(out, "./scripts/submit.sh lab1"));
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(said(&refused).contains("bytes in `src/store.rs`"), "{}", said(&refused));
    assert!(said(&refused).contains("the grader would not accept it"), "{}", said(&refused));
    assert!(!out.join("lab1.tar.gz").exists());
    fs::remove_dir_all(source.join("bin")).expect("it is ours");
    fs::remove_file(source.join("client copy.rs")).expect("it is ours");
    for (path, text) in skeleton {
        fs::write(path, text).expect("written");
    }

    // A lab that does not exist is one clear line.
    let unknown = run(&mut shell(out, "./scripts/submit.sh lab7"));
    assert_eq!(unknown.status.code(), Some(2));
    assert!(said(&unknown).contains("no lab `lab7`"), "{}", said(&unknown));
}

/// What a table or a sentence tells to type works as well as what stands in a block.
fn commands_in_sentences_work(out: &Path, blocks: &[Block]) {
    let commands = super::common::commands_in_sentences(&root().join("handout/src"));
    assert!(commands.len() >= 10, "only {commands:?}");
    let nextest = run(&mut shell(out, "cargo nextest --version")).status.success();
    for command in commands {
        let is_block = |block: &Block| block.commands.lines().any(|line| line == command);
        if blocks.iter().any(is_block) {
            continue;
        }
        // The skeleton fails, and each tool has its own way to say so.
        let codes: &[i32] = match command.split(' ').collect::<Vec<_>>()[..] {
            // Needs the network.
            ["cargo", "fetch"] => continue,
            ["cargo", "nextest", ..] if !nextest => continue,
            ["cargo", "nextest", ..] => &[100],
            ["cargo", "test", ..] => &[101],
            ["./scripts/run-tests.sh", .., "--help" | "--list"] => &[0],
            ["./scripts/run-tests.sh", ..] => &[1],
            _ => &[0],
        };
        let done = run(&mut shell(out, &command));
        let code = done.status.code().unwrap_or(-1);
        assert!(codes.contains(&code), "{command}: exit code {code}\n{}", said(&done));
    }
}

/// Starts a command that goes on, saves a file, and waits until it has run again.
fn watch(out: &Path, commands: &str, at: &str) {
    let log = out.join("target-watch.log");
    let file = fs::File::create(&log).expect("a log");
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("exec {commands}"))
        .current_dir(out)
        .env("CARGO_TARGET_DIR", super::common::target())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("a log"))
        .stderr(file)
        .spawn()
        .expect("it starts");
    let runs = || fs::read_to_string(&log).unwrap_or_default().matches("Summary [").count();
    let wait_for = |wanted: usize| {
        let start = Instant::now();
        while runs() < wanted && start.elapsed() < Duration::from_secs(300) {
            sleep(Duration::from_millis(100));
        }
        runs() >= wanted
    };
    let first = wait_for(1);
    let file = out.join("labs/lab1-clientserver/src/timers.rs");
    let text = fs::read_to_string(&file).expect("a file of the lab");
    fs::write(&file, format!("{text}\n// Saved.\n")).expect("saved");
    let second = first && wait_for(2);
    child.kill().expect("it was running");
    child.wait().expect("it ends");
    fs::write(&file, text).expect("put back");
    let said = fs::read_to_string(&log).unwrap_or_default();
    fs::remove_file(&log).expect("it is ours");
    assert!(first, "{at}: it did not run\n{said}");
    assert!(second, "{at}: it did not run again after a save\n{said}");
}

/// `submit.sh` makes the archive of exactly the lab's files and those that were added.
fn submits(out: &Path, status: i32, added: &[&str]) {
    let done = run(&mut shell(out, "./scripts/submit.sh lab1"));
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(said(&done).contains("points are missing"), status == 1, "{}", said(&done));
    let listed = run(&mut shell(out, "tar -tzf lab1.tar.gz | grep -v '/$' | sort"));
    let files = ["at_most_once", "client", "lib", "messages", "server", "store", "timers"];
    let files = files.iter().chain(added);
    let mut expected: Vec<String> = files.map(|file| format!("src/{file}.rs")).collect();
    expected.sort();
    let listed = said(&listed);
    let mut listed: Vec<&str> = listed.lines().collect();
    listed.sort();
    assert_eq!(listed, expected);
}

/// The solution with the mistake of the debugging chapter.
fn mistaken(source: &Path) {
    let staff = root().join("grading/staff");
    copy_all(&staff.join("solutions/lab1"), source);
    let patch = staff.join("mutants/lab1/duplicates-executed.patch");
    let patched: Output =
        run(Command::new("patch").args(["-s", "-p1", "-i"]).arg(patch).current_dir(source));
    assert!(patched.status.success(), "{}", said(&patched));
}

fn read_all(folder: &Path) -> Vec<(PathBuf, String)> {
    super::common::files_below(folder)
        .into_iter()
        .map(|file| folder.join(file))
        .map(|path| (path.clone(), fs::read_to_string(path).expect("a text")))
        .collect()
}

fn copy_all(from: &Path, to: &Path) {
    for (path, text) in read_all(from) {
        let name = path.strip_prefix(from).expect("below it");
        fs::write(to.join(name), text).expect("written");
    }
}

/// Compares what was printed with what the book shows, apart from measured times.
fn compare(shown: &str, printed: &str) {
    let path = root().join("handout/src/out").join(shown);
    let printed = lasting(printed);
    if std::env::var_os("FAULTLAB_BLESS").is_some() {
        fs::write(&path, &printed).expect("written");
    }
    let book = fs::read_to_string(&path).unwrap_or_default();
    assert!(book == printed, "{shown} is now:\n{printed}");
}

/// What is the same in every run: without what compiling says, and without measured times.
fn lasting(text: &str) -> String {
    let passing = ["Building the test runner", "   Costliest"];
    let is_cargo = |line: &str| {
        let word = line.trim_start().split(' ').next().unwrap_or_default();
        let words = [
            "Adding",
            "Blocking",
            "Compiling",
            "Downloaded",
            "Downloading",
            "Finished",
            "Locking",
            "Updating",
        ];
        line.starts_with(' ') && words.contains(&word)
    };
    let lines = text
        .lines()
        .filter(|line| !is_cargo(line) && !passing.iter().any(|start| line.starts_with(start)));
    let untimed = |line: &str| match line.split_once("Summary [") {
        Some((before, after)) => {
            let rest = after.split_once("] ").map_or(after, |(_, rest)| rest);
            format!("{before}Summary {rest}")
        }
        None => line.trim_end().to_owned(),
    };
    lines.map(|line| untimed(line) + "\n").collect()
}
