//! `run-tests` from the outside: exit codes, messages, documents.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// The exit code and output of a call.
struct Call {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run_tests(arguments: &[&str]) -> Call {
    call(Command::new(env!("CARGO_BIN_EXE_run-tests")).args(arguments))
}

fn call(command: &mut Command) -> Call {
    let Output { status, stdout, stderr } =
        command.env("NO_COLOR", "1").output().expect("the program is there");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
    Call { code: status.code(), out: text(stdout), err: text(stderr) }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A submission for lab 0: the worked example, with `from` replaced by `to` in one file.
fn lab0_with(file: &str, from: &str, to: &str) -> TempDir {
    folder_with(&root().join("labs/lab0-pingpong/src"), file, from, to)
}

/// A copy of a solution's folder, with `from` replaced by `to` in one file.
fn folder_with(solution: &Path, file: &str, from: &str, to: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder can be created");
    for entry in fs::read_dir(solution).expect("the solution is there") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("a file has a name");
        fs::copy(&path, folder.path().join(name)).expect("it can be copied");
    }
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).expect("it is a file of the solution");
    assert!(text.contains(from), "{file} does not say {from}");
    fs::write(&path, text.replacen(from, to, 1)).expect("it can be written");
    folder
}

fn with_submission(folder: &TempDir, more: &[&str]) -> Call {
    let path = folder.path().to_str().expect("a path is text");
    run_tests(&[&["lab0", "--submission", path], more].concat())
}

#[test]
fn usage_errors_take_one_line_and_list_the_alternatives() {
    let table: &[(&[&str], &[&str])] = &[
        (&["lab99"], &["no lab `lab99`", "lab0, lab1"]),
        (&["lab0", "-p", "7"], &["lab0 has no part 7", "1"]),
        (&["lab0", "-n", "1.99"], &["lab0 has no test 1.99", "tests: 1.1, 1.2"]),
        (&["lab0", "-n", "9.1"], &["lab0 has no test 9.1", "tests: 1.1, 1.2"]),
        (&["lab0", "-n", "first"], &["`first` is not a test number"]),
        (&["lab0", "--no-run"], &["these options leave no test of lab0 to run"]),
        (&["lab0", "--submission", "nowhere"], &["no folder `nowhere`"]),
        (&["lab0", "--submission", "none.patch"], &["no patch `none.patch`"]),
        (&["lab0", "--submission", "Cargo.toml"], &["neither a folder nor an archive"]),
        (&["lab0", "--submission", "tests"], &["`tests` has no lib.rs", "labs/lab0-pingpong/src"]),
        (&["lab0", "--breakpoints"], &["select it, as in `-n 2.4`"]),
    ];
    for (arguments, parts) in table {
        let call = run_tests(arguments);
        assert_eq!(call.code, Some(2), "{arguments:?}: {}", call.err);
        assert_eq!(call.err.trim_end().lines().count(), 1, "{arguments:?}: {}", call.err);
        for part in *parts {
            assert!(call.err.contains(part), "{arguments:?} does not say {part}: {}", call.err);
        }
        assert_eq!(call.out, "");
    }
}

#[test]
fn a_patch_that_does_not_apply_is_an_error() {
    let folder = TempDir::new().expect("a temporary folder can be created");
    let patch = folder.path().join("wrong.patch");
    fs::write(&patch, "Nothing.\n\n--- a/store.rs\n+++ b/store.rs\n@@ -1 +1 @@\n-x\n+y\n")
        .expect("it can be written");
    let call = run_tests(&["lab1", "--submission", patch.to_str().expect("a path is text")]);
    assert_eq!(call.code, Some(2), "{}", call.err);
    assert!(call.err.contains("does not apply to the reference solution"), "{}", call.err);
}

#[test]
fn the_list_shows_what_each_test_asserts() {
    let call = run_tests(&["lab0", "--list"]);
    assert_eq!(call.code, Some(0), "{}", call.err);
    for test in faultlab_suites::lab0::suite().tests() {
        for part in [test.number().to_string().as_str(), test.title(), test.asserts()] {
            assert!(call.out.contains(part), "{part} is not in the list:\n{}", call.out);
        }
    }
}

#[test]
fn the_worked_example_gets_all_points_and_reports_are_reproducible() {
    let folder = TempDir::new().expect("a temporary folder can be created");
    let file = |name: &str| folder.path().join(name).to_str().expect("a path is text").to_owned();
    let (first, second, junit) = (file("first.json"), file("second.json"), file("junit.xml"));
    let call = run_tests(&["lab0", "--json", &first, "--junit", &junit]);
    assert_eq!(call.code, Some(0), "{}{}", call.out, call.err);
    let call = run_tests(&["lab0", "--json", &second, "--jobs", "1"]);
    assert_eq!(call.code, Some(0), "{}{}", call.out, call.err);

    let without_timing = |file: &str| {
        let text = fs::read_to_string(file).expect("the report was written");
        let mut report: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let timing = report.as_object_mut().and_then(|report| report.remove("timing"));
        assert!(timing.is_some(), "timing is in its own object");
        report.to_string()
    };
    let report = without_timing(&first);
    assert_eq!(report, without_timing(&second));
    for name in [
        "schema",
        "lab",
        "seed",
        "points_earned",
        "points_possible",
        "parts",
        "tests",
        "number",
        "title",
        "kind",
        "status",
        "seeds_planned",
        "seeds_run",
        "seeds_passed",
        "failing_seeds",
        "property",
        "reason",
        "reproduce",
    ] {
        assert!(report.contains(&format!("\"{name}\":")), "the report has no {name}");
    }
    let junit = fs::read_to_string(junit).expect("the report was written");
    assert!(junit.contains("<testsuites name=\"lab0\""), "{junit}");
    assert!(junit.contains("failures=\"0\""), "{junit}");
}

#[test]
fn a_wrong_answer_loses_points_and_is_reproducible() {
    let folder = lab0_with("server.rs", "Pong { text: ping.text }", "Pong { text: String::new() }");
    let json = folder.path().join("report.json");
    let json = json.to_str().expect("a path is text");
    let call = with_submission(&folder, &["--json", json]);
    assert_eq!(call.code, Some(1), "{}{}", call.out, call.err);
    let text = fs::read_to_string(json).expect("the report was written");
    let report: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(report["points_earned"], 0);
    let test = &report["tests"][0];
    assert_eq!(test["status"], "failed");
    let reason = test["reason"].as_str().expect("there is a reason");

    // The command that the report names fails in the same way.
    let command = test["reproduce"].as_str().expect("there is a command");
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    let again = run_tests(&words);
    assert_eq!(again.code, Some(1), "{command}: {}{}", again.out, again.err);
    // The terminal report wraps long lines.
    let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (out, reason) = (in_one_line(&again.out), in_one_line(reason));
    assert!(out.contains(&reason), "{reason} is not in\n{}", again.out);
}

#[test]
fn common_mistakes_do_not_compile_and_have_hints() {
    let table = [
        (
            "client.rs",
            "pub struct PingClient {",
            "pub struct PingClient {\n    seen: std::collections::HashMap<u64, String>,",
            "Use BTreeMap or BTreeSet",
        ),
        ("messages.rs", "Clone, Debug, PartialEq, Eq, Hash,", "Debug,", "lacks `Clone`"),
        ("messages.rs", "Serialize, Deserialize)]", "Serialize)]", "lacks `Deserialize`"),
        // An unrelated error does not hide the hint.
        (
            "messages.rs",
            "#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]",
            "fn slip() { println!(\"{}\") }\n#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]",
            "lacks `Deserialize`",
        ),
        ("server.rs", "fn on_message(", "fn on_mesage(", "its name is misspelt"),
        ("client.rs", "fn on_timer(", "fn on_timeout(", "its name is misspelt"),
        ("server.rs", "Message::Pong(_) => {}", "", "does not cover every case"),
        (
            "client.rs",
            "pub struct PingClient {",
            "pub struct PingClient {\n    since: std::time::Instant,",
            "set a timer",
        ),
        (
            "client.rs",
            "pub struct PingClient {",
            "pub struct PingClient {\n    timeout: f64,",
            "Use integers",
        ),
        (
            "lib.rs",
            "pub struct Lab;",
            "pub struct Lab;\nfn f() { unsafe {} }",
            "must not use `unsafe`",
        ),
        ("lib.rs", "pub struct Lab;", "use rand::Rng;\npub struct Lab;", "the lab's API crate"),
    ];
    for (file, from, to, hint) in table {
        let folder = lab0_with(file, from, to);
        let call = with_submission(&folder, &[]);
        assert_eq!(call.code, Some(3), "{to}: {}{}", call.out, call.err);
        assert!(call.err.starts_with("error"), "the compiler does not come first: {}", call.err);
        let hints = call.err.find("\nhint: ").map_or("", |at| &call.err[at..]);
        let hints = hints.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(hints.contains(hint), "{to}: no hint says {hint}:\n{}", call.err);
        assert!(call.err.contains(&format!("src/{file}")), "{file} is not named: {}", call.err);
    }
}

#[test]
fn saved_traces_are_fixed_after_the_fix() {
    let folder = TempDir::new().expect("a temporary folder can be created");
    let saved = folder.path().join("my traces");
    let saved = saved.to_str().expect("a path is text");
    let staff = |path: &str| root().join("grading/staff").join(path).display().to_string();
    let (right, wrong) = (staff("solutions/lab1"), staff("mutants/lab1/duplicates-executed.patch"));
    let run = |submission: &str, more: &[&str]| {
        run_tests(&[&["lab1", "--submission", submission], more].concat())
    };
    let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");

    // A run test, a search, and a search that starts from the goal of another.
    let failed = run(&wrong, &["-n", "3.7,3.21,3.24", "-v", "--save-traces", saved]);
    assert_eq!(failed.code, Some(1), "{}", failed.err);
    assert_eq!(failed.out.lines().filter(|line| line.contains(" Saved ")).count(), 3);
    // The report of the run test also draws the operations that contradict each other.
    let lanes = "Results that no order of the commands explains:";
    assert!(failed.out.contains(lanes), "{}", failed.out);

    // Replays the traces with the command that the report advises.
    let script = "./scripts/run-tests.sh";
    let advised =
        failed.out.lines().find(|line| line.contains(script) && line.contains("--replay"));
    let mut again = call(
        Command::new("sh")
            .arg("-c")
            .arg(advised.expect("advice").replace(script, env!("CARGO_BIN_EXE_run-tests")))
            .current_dir(root()),
    );
    again.out = in_one_line(&again.out);
    assert_eq!(again.code, Some(1), "{}", again.err);
    assert_eq!(again.out.matches(".trace: reproduced, with event ").count(), 3, "{}", again.out);
    assert!(!again.out.contains("first difference"), "{}", again.out);

    let mut fixed = run(&right, &["--save-traces", saved, "--replay"]);
    fixed.out = in_one_line(&fixed.out);
    assert_eq!(fixed.code, Some(0), "{}{}", fixed.out, fixed.err);
    assert_eq!(fixed.out.matches(".trace: fixed").count(), 3, "{}", fixed.out);
    // A replay of a simulated run reports the first difference; one of a search does not.
    assert_eq!(fixed.out.matches("first difference: event ").count(), 1, "{}", fixed.out);

    // A run does not count as fixed because a node exits its process with code 0.
    let exits = staff("mutants/lab1/exits-on-retransmission.patch");
    let folder_of_exits = TempDir::new().expect("a temporary folder can be created");
    let saved_exit = folder_of_exits.path().to_str().expect("a path is text");
    run(&exits, &["-n", "3.6", "--save-traces", saved_exit]);
    let again = run(&exits, &["--save-traces", saved_exit, "--replay"]);
    assert_eq!(again.code, Some(1), "{}{}", again.out, again.err);
    let out = in_one_line(&again.out);
    assert!(out.contains(".trace: reproduced: a node exited the process"), "{out}");
    let mended = run(&right, &["--save-traces", saved_exit, "--replay"]);
    assert_eq!(mended.code, Some(0), "{}{}", mended.out, mended.err);

    // After the message has been renamed, no saved request is sent any more.
    let renamed = TempDir::new().expect("a temporary folder can be created");
    for entry in fs::read_dir(&right).expect("the solution is there") {
        let file = entry.expect("the folder can be read").path();
        let text = fs::read_to_string(&file).expect("it is text");
        let name = file.file_name().expect("a file has a name");
        fs::write(
            renamed.path().join(name),
            text.replace("Message::Request", "Message::Ask").replace("    Request {", "    Ask {"),
        )
        .expect("it can be written");
    }
    let mut renamed = run(
        renamed.path().to_str().expect("a path is text"),
        &["--save-traces", saved, "--replay"],
    );
    renamed.out = in_one_line(&renamed.out);
    assert_eq!(renamed.code, Some(1), "{}{}", renamed.out, renamed.err);
    assert_eq!(
        renamed.out.matches(".trace: no longer applies at event ").count(),
        3,
        "{}",
        renamed.out
    );
    assert!(renamed.out.contains("no `Request` from client"), "{}", renamed.out);

    fs::write(Path::new(saved).join("bad.trace"), "not a trace").expect("it can be written");
    let refused = run(&right, &["--save-traces", saved, "--replay"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("line 1"), "{}", refused.err);
}

/// A call that goes on until it is told to end.
struct RunningCall {
    child: std::process::Child,
    out: crossbeam_channel::Receiver<String>,
}

impl RunningCall {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_run-tests"))
            .args(arguments)
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program is there");
        let stdout = child.stdout.take().expect("it was asked for");
        let (sender, out) = crossbeam_channel::unbounded();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, out }
    }

    /// Waits for a line that contains this, and returns all lines up to it.
    fn wait_for(&self, what: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.out.recv_timeout(Duration::from_secs(300));
            let line = line.unwrap_or_else(|_| panic!("`{what}` never came:\n{lines:#?}"));
            let found = line.contains(what);
            lines.push(line);
            if found {
                return lines;
            }
        }
    }

    fn interrupt(&self) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.expect("it has an id"), rustix::process::Signal::INT)
            .expect("it is there to be interrupted");
    }

    fn code(mut self) -> Option<i32> {
        self.child.wait().expect("it can be waited for").code()
    }
}

#[test]
fn watch_reruns_on_every_save_and_reports_changes() {
    let folder = lab0_with("server.rs", "Pong { text: ping.text }", "Pong { text: String::new() }");
    let path = folder.path().to_str().expect("a path is text");
    let running = RunningCall::start(&["lab0", "--watch", "--submission", path]);
    let first = running.wait_for("for changes");
    assert!(first.iter().any(|line| line.contains("2 failed")), "{first:#?}");

    let server = folder.path().join("server.rs");
    let wrong = fs::read_to_string(&server).expect("it is there");
    let right = wrong.replace("Pong { text: String::new() }", "Pong { text: ping.text }");
    fs::write(&server, right).expect("it can be written");
    let second = running.wait_for("for changes");
    assert!(second.iter().any(|line| line.contains("2 passed")), "{second:#?}");
    let changed = "better than your last run: 1.1, 1.2";
    assert!(second.iter().any(|line| line.contains(changed)), "{second:#?}");

    running.interrupt();
    assert_eq!(running.code(), Some(0));
}

#[test]
fn an_interrupt_keeps_finished_results() {
    let folder = lab0_with(
        "client.rs",
        "fn result(&self)",
        "fn result(&self) -> Option<Pong> { if self.server == Address::new(\"server1\") { loop {} } self.shown() }\n}\n\nimpl PingClient {\n    fn shown(&self)",
    );
    let path = folder.path().to_str().expect("a path is text");
    let json = folder.path().join("report.json");
    let json = json.to_str().expect("a path is text");
    let running = RunningCall::start(&["lab0", "--submission", path, "--json", json]);
    running.wait_for("Part 1");
    running.interrupt();
    running.wait_for("before the end; 1 test not run");
    assert_eq!(running.code(), Some(1));
    let text = fs::read_to_string(json).expect("the report was written");
    let report: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(report["complete"], false);
    assert_eq!(report["tests"][0]["status"], "timed-out");
}

/// The reference solution of lab 1, with `from` replaced by `to` in one file.
fn lab1_with(file: &str, from: &str, to: &str) -> TempDir {
    folder_with(&root().join("grading/staff/solutions/lab1"), file, from, to)
}

#[test]
fn one_cause_is_shown_once() {
    // A client that unwraps its command when a timer fires panics in 19 tests.
    let folder = lab1_with(
        "client.rs",
        "if let Some(command) = self.command.clone() {",
        "{ let command = self.command.clone().unwrap();",
    );
    let path = folder.path().to_str().expect("a path is text");
    let call = run_tests(&["lab1", "--submission", path]);
    assert_eq!(call.code, Some(1), "{}", call.err);
    assert!(call.out.lines().count() <= 80, "{}", call.out);
    assert_eq!(call.out.matches("called `Option::unwrap()` on a `None`").count(), 1);
    let out = call.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let same =
        "the same in 18 more tests, which lost 65.4 points: 2.4 (-4), 2.5 to 2.11 (-3 each),";
    assert!(out.contains(same), "{}", call.out);

    // Two bugs are two causes, and `-v` shows each test by itself.
    let tests = ["lab1", "--submission", path, "-n", "2.4,2.5,2.6", "--seeds", "2"];
    let brief = run_tests(&tests);
    let verbose = run_tests(&[&tests[..], &["-v"]].concat());
    let runs = |call: &Call| call.out.matches("     the run seed ").count();
    assert_eq!((runs(&brief), runs(&verbose)), (1, 3), "{}", verbose.out);
    // What a test asserts is said beside its result, and again beside its failure.
    let asserts = "a duplicated or overtaken message is not taken for a new one";
    let out = verbose.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(out.matches(asserts).count(), 2, "{}", verbose.out);
}

#[test]
fn a_whole_run_is_shown_on_request() {
    let mutant = root().join("grading/staff/mutants/lab1/late-puts-executed.patch");
    let mutant = mutant.display().to_string();
    let tests = ["lab1", "--submission", &mutant, "-n", "3.7", "--only-seed", "1"];
    let brief = run_tests(&tests);
    let full = run_tests(&[&tests[..], &["--full"]].concat());
    assert_eq!((brief.code, full.code), (Some(1), Some(1)), "{}", full.err);
    assert!(brief.out.contains(" events") && !full.out.contains(" events"), "{}", full.out);
    let numbered = |call: &Call| {
        let number = |line: &str| line.split_whitespace().next()?.parse::<usize>().ok();
        let all = call.out.lines().filter(|line| line.starts_with("    ")).filter_map(number);
        all.fold((0, 0), |(count, last), number| (count + 1, number.max(last)))
    };
    let ((some, _), (all, last)) = (numbered(&brief), numbered(&full));
    assert!(some < 30 && all == last && last > 100, "{some} of {all} events, up to {last}");
}

#[test]
fn a_failing_run_is_shown_shrunk() {
    let wrong =
        "Pong { text: if ping.text.ends_with(\"-7\") { String::new() } else { ping.text } }";
    let folder = lab0_with("server.rs", "Pong { text: ping.text }", wrong);
    let saved = folder.path().join("traces");
    let save = ["-n", "1.2", "--save-traces", saved.to_str().expect("a path is text")];
    let shown = with_submission(&folder, &save);
    assert_eq!(shown.code, Some(1), "{}{}", shown.out, shown.err);
    let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let out = in_one_line(&shown.out);
    let (before, after) = out.split_once(", shrunk from ").expect("the run is shrunk");
    let seed = before.rsplit_once("the run seed ").expect("it is of a seed").1;
    let (original, rest) = after.split_once(" to ").expect("it was longer");
    let count = |text: &str| text.replace(',', "").parse::<usize>().ok();
    let events = rest.split_once(" events; ").and_then(|(events, _)| count(events));
    let original = count(original);
    // One client is left of three, which asks again until the scenario ends.
    assert!(
        events.is_some() && events.map(|count| 2 * count) < original,
        "{events:?} of {original:?}"
    );
    // Two starts, a call, a ping and its pong, a retransmission that repeats, and the check.
    let is_event = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next().and_then(count).is_some()
            && words.next().is_some_and(|time| time.contains('.') && time.parse::<f64>().is_ok())
    };
    assert_eq!(shown.out.lines().filter(is_event).count(), 7, "{}", shown.out);
    assert!(out.contains("command 1, Ping { text: \"client"), "{out}");

    // The same again, whatever is run in parallel.
    let summary = |call: &Call| call.out.split("═").next().map(in_one_line);
    for jobs in ["1", "3"] {
        let again = with_submission(&folder, &["-n", "1.2", "--jobs", jobs]);
        assert_eq!(summary(&again), summary(&shown));
    }

    // The seed gives the original run.
    let original = with_submission(&folder, &["-n", "1.2", "--only-seed", seed]);
    assert!(!original.out.contains("shrunk"), "{}", original.out);
    assert!(in_one_line(&original.out).contains(&format!("the run seed {seed} #")));

    // The saved run is the shrunk one, and it can be replayed.
    let replay = [&save[2..], &["--replay"]].concat();
    let again = with_submission(&folder, &replay);
    assert_eq!(again.code, Some(1), "{}{}", again.out, again.err);
    let reproduced = format!("reproduced, with event {}", events.unwrap_or_default());
    assert!(in_one_line(&again.out).contains(&reproduced), "{}", again.out);
    let right = lab0_with("server.rs", "Pong { text: ping.text }", "Pong { text: ping.text }");
    let fixed = with_submission(&right, &replay);
    assert_eq!(fixed.code, Some(0), "{}{}", fixed.out, fixed.err);
}

#[test]
fn the_first_failing_test_ends_the_session() {
    let folder = lab0_with("server.rs", "Pong { text: ping.text }", "Pong { text: String::new() }");
    let call = with_submission(&folder, &["--first"]);
    assert_eq!(call.code, Some(1), "{}{}", call.out, call.err);
    let stopped = "Stopped at the first test that does not pass; 1 test not run";
    assert!(call.out.contains(stopped) && call.out.contains("1 test: 1 failed"), "{}", call.out);
    assert!(!call.out.contains("Interrupted"), "{}", call.out);
}

#[test]
fn a_page_shows_the_report_and_its_runs() {
    let wrong = "Pong { text: \"<script>&\".to_owned() }";
    let folder = lab0_with("server.rs", "Pong { text: ping.text }", wrong);
    let page = folder.path().join("report.html");
    let call = with_submission(&folder, &["--html", page.to_str().expect("a path is text")]);
    assert_eq!(call.code, Some(1), "{}{}", call.out, call.err);
    let page = fs::read_to_string(page).expect("the page was written");
    assert!(page.contains("&lt;script&gt;&amp;") && !page.contains("<script"), "{page}");
    for outside in ["http://", "https://", "src=", "<link"] {
        assert!(!page.contains(outside), "the page is not self-contained: {outside}");
    }
    // On a narrow screen everything wraps.
    for rule in ["width=device-width", "overflow-wrap: anywhere", "@media (max-width: 700px)"] {
        assert!(page.contains(rule), "the page lacks {rule}");
    }
    assert!(page.contains("<section class=\"trace\">"), "{page}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_device_is_an_error() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("there is one");
    let program = env!("CARGO_BIN_EXE_run-tests");
    for arguments in [&["lab0", "--list"][..], &["lab0"]] {
        let mut child = Command::new(program);
        let output = child.args(arguments).stdout(full()).output().expect("the program is there");
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("cannot write to standard output"), "{arguments:?}: {error}");
    }
    for option in ["--json", "--junit", "--html"] {
        let call = run_tests(&["lab0", option, "/dev/full"]);
        assert_eq!(call.code, Some(4), "{option}: {}", call.err);
        assert!(call.err.contains("cannot write /dev/full"), "{option}: {}", call.err);
        assert!(call.out.contains("2 passed"), "{option}: {}", call.out);
    }
    let folder = lab0_with("server.rs", "Pong { text: ping.text }", "Pong { text: String::new() }");
    let call = with_submission(&folder, &["--save-traces", "/dev/full/traces"]);
    assert_eq!(call.code, Some(4), "{}", call.err);
    assert!(call.err.contains("cannot make the folder /dev/full/traces"), "{}", call.err);
    assert!(call.out.contains("2 failed"), "{}", call.out);

    let saved = folder.path().join("traces");
    let saved = ["--save-traces", saved.to_str().expect("a path is text")];
    with_submission(&folder, &saved);
    let path = folder.path().to_str().expect("a path is text");
    let mut replay = Command::new(program);
    replay.args(["lab0", "--submission", path, "--replay"]).args(saved).stdout(full());
    let output = replay.output().expect("the program is there");
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_handler_that_waits_costs_three_tests_and_no_more() {
    let head = "fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {";
    let waits = format!("{head}\n        while self.result.is_none() {{}}");
    let folder = lab1_with("client.rs", head, &waits);
    let path = folder.path().to_str().expect("a path is text");
    let tests = ["-n", "2.1,2.2,2.3,2.4,2.5", "--seeds", "1"];
    let call = run_tests(&[&["lab1", "--submission", path][..], &tests].concat());
    assert_eq!(call.code, Some(1), "{}", call.err);
    let out = call.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Stopped after 3 tests in which a handler did not return; 2 tests not run",
        "did not return within 1s of processor time, or 20s in all",
        "A handler cannot wait: return, and `on_message` is called",
        "the same in 2 more tests",
    ] {
        assert!(out.contains(part), "{part} is not in\n{}", call.out);
    }
}

#[test]
fn a_file_without_its_mod_line_is_pointed_out() {
    let folder = lab0_with("server.rs", "Pong { text: ping.text }", "Pong { text: ping.text }");
    fs::write(folder.path().join("retry.rs"), "pub fn unused() {}").expect("it can be written");
    let warning =
        "Warning src/retry.rs is not compiled; if you need it, add `mod retry;` to src/lib.rs";
    let call = with_submission(&folder, &[]);
    assert_eq!(call.code, Some(0), "{}", call.err);
    let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(in_one_line(&call.out).contains(warning), "{}", call.out);
    fs::write(folder.path().join("client.rs"), "mistake").expect("it can be written");
    let call = with_submission(&folder, &[]);
    assert_eq!(call.code, Some(3), "{}", call.out);
    assert!(in_one_line(&call.err).contains(warning), "{}", call.err);
}

#[test]
fn ascii_is_printed_where_it_is_asked_for() {
    let folder = lab0_with(
        "server.rs",
        "Pong { text: ping.text }",
        "{ println!(\"né\"); Pong { text: String::from(\"Ω → x\") } }",
    );
    let saved = folder.path().join("traces");
    let saved = saved.to_str().expect("a path is text");
    let path = folder.path().to_str().expect("a path is text");
    let arguments = ["lab0", "--submission", path, "--save-traces", saved];
    let with = |more: &[&str], locale: &str| {
        let program = env!("CARGO_BIN_EXE_run-tests");
        let mut command = Command::new(program);
        call(command.args(arguments).args(more).env("LC_ALL", locale))
    };
    let whole = with(&[], "C.UTF-8");
    assert!(whole.out.contains('─') && whole.out.contains("né"), "{}", whole.out);
    for (more, locale) in [(&["--ascii"][..], "C.UTF-8"), (&[], "C"), (&["-v", "--full"], "POSIX")]
    {
        let call = with(more, locale);
        assert_eq!(call.code, Some(1), "{}", call.err);
        assert!(call.out.is_ascii(), "{more:?}, {locale}: {}", call.out);
        assert!(call.out.contains("n\\u{e9}"), "{more:?}, {locale}: {}", call.out);
    }
    let replayed = with(&["--replay"], "C");
    assert_eq!(replayed.code, Some(1), "{}", replayed.err);
    assert!(replayed.out.is_ascii() && replayed.out.contains("n\\u{e9}"), "{}", replayed.out);
    let list = with(&["--list"], "C");
    assert!(list.out.is_ascii(), "{}", list.out);
}

#[test]
fn a_replay_shows_what_nodes_print_beside_its_event() {
    let print = "{ println!(\"got {}\", ping.text); Pong { text: ping.text } }";
    let wrong = lab0_with(
        "server.rs",
        "Pong { text: ping.text }",
        &print.replace("text: ping.text }", "text: String::new() }"),
    );
    let right = lab0_with("server.rs", "Pong { text: ping.text }", print);
    let saved = wrong.path().join("traces");
    let saved = ["--save-traces", saved.to_str().expect("a path is text")];
    with_submission(&wrong, &saved);
    let replay = [&saved[..], &["--replay"]].concat();
    let again = with_submission(&wrong, &replay);
    assert_eq!(again.code, Some(1), "{}", again.err);
    assert!(again.out.contains("print: got "), "{}", again.out);
    assert!(!again.out.lines().any(|line| line.starts_with("got ")), "{}", again.out);
    let fixed = with_submission(&right, &replay);
    assert_eq!(fixed.code, Some(0), "{}{}", fixed.out, fixed.err);
    assert!(fixed.out.contains("The nodes printed:"), "{}", fixed.out);
    assert!(fixed.out.contains(", server1: got "), "{}", fixed.out);
    assert!(!fixed.out.lines().any(|line| line.starts_with("got ")), "{}", fixed.out);
}

#[test]
fn each_hint_says_more_and_the_book_is_named() {
    let mutant = root().join("grading/staff/mutants/lab1/retransmits-for-ever.patch");
    let mutant = mutant.to_str().expect("a path is text");
    let hint = |words: &[&str]| {
        let arguments = ["lab1", "--submission", mutant, "-n", "2.11", "--hint"];
        let call = run_tests(&[&arguments, words].concat());
        assert_eq!(call.code, Some(1), "{}", call.err);
        let lines = call.out.lines();
        let hint = lines.skip_while(|line| !line.trim_start().starts_with("Hint ")).take(2);
        (hint.collect::<Vec<_>>().join("\n"), call.out)
    };
    let (first, whole) = hint(&["1"]);
    assert!(first.contains("1 of 3 for 2.11: Which timer"), "{whole}");
    assert!(
        whole.contains("the book book/lab1-mistakes.html#the-client-never-falls-silent"),
        "{whole}"
    );
    // The section's title is the diagnosis: the last hint alone names it.
    let title = "The client never falls silent";
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!words(&whole).contains(title), "{whole}");
    assert!(words(&whole).contains("the last one names a section of the book"), "{whole}");
    let (second, whole) = hint(&[]);
    assert!(second.contains("2 of 3 for 2.11: A timer cannot be cancelled"), "{whole}");
    assert!(!words(&whole).contains(title), "{whole}");
    let (third, whole) = hint(&[]);
    assert!(third.contains("3 of 3 for 2.11: The handler retransmits"), "{whole}");
    assert!(words(&whole).contains(&format!("in the section \"{title}\"")), "{whole}");
    let (last, whole) = hint(&["4"]);
    assert!(last.contains("there are only 3 for 2.11"), "{whole}");
    let right = run_tests(&["lab0", "--hint"]);
    assert_eq!(right.code, Some(0), "{}", right.err);
    assert!(right.out.contains("no test fails for which there are hints"), "{}", right.out);
}

#[test]
fn a_handler_that_sleeps_is_pointed_out() {
    let sleeps =
        "{ std::thread::sleep(std::time::Duration::from_millis(20)); Pong { text: ping.text } }";
    let folder = lab0_with("server.rs", "Pong { text: ping.text }", sleeps);
    let call = with_submission(&folder, &["--seeds", "1"]);
    assert_eq!(call.code, Some(0), "{}{}", call.out, call.err);
    let out = call.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let waiting =
        "Waiting server on_message Ping waits 20 ms per call. A handler must return at once";
    assert!(out.contains(waiting), "{}", call.out);
    let right = run_tests(&["lab0", "--seeds", "1"]);
    assert!(!right.out.contains("Waiting"), "{}", right.out);
}
