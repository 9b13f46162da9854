//! A submission that uses too much time, memory or disk loses the tests in which it does, and nothing else: it
//! has a grade, in little time, and leaves little behind.

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Batch, grader, said};

/// Replaces a text in a file of a submission.
fn change(batch: &Batch, student: &str, file: &str, from: &str, to: &str) {
    let path = batch.submissions().join(student).join(file);
    let text = fs::read_to_string(&path).expect("it is there");
    assert!(text.contains(from), "{file} has no `{from}`");
    fs::write(path, text.replace(from, to)).expect("it is written");
}

/// Submissions that use too much, each in its way.
fn batch() -> Batch {
    let batch = Batch::of_lab0(&["ada", "busy", "hoards", "rambles", "shouts", "sends", "slow"]);
    // A retry timer of a nanosecond, as from a typo, and never an end to it.
    change(&batch, "busy", "client.rs", "RETRY_AFTER);", "std::time::Duration::from_nanos(1));");
    // A state that grows with every message that is sent again.
    let from = "            self.send(ping, ctx);\n";
    let grow = "            self.held.resize(self.held.len() + 2_000_000, 7);\n";
    change(
        &batch,
        "hoards",
        "client.rs",
        "    pong: Option<Pong>,\n",
        "    pong: Option<Pong>,\n    held: Vec<u8>,\n",
    );
    change(&batch, "hoards", "client.rs", "pong: None }", "pong: None, held: Vec::new() }");
    change(&batch, "hoards", "client.rs", from, &format!("{grow}{from}"));
    // Long lines in the log.
    let log =
        "        ctx.log(\"l\".repeat(4_000_000));\n        self.ping = Some(ping.clone());\n";
    change(&batch, "rambles", "client.rs", "        self.ping = Some(ping.clone());\n", log);
    change(&batch, "rambles", "server.rs", "text: ping.text", "text: String::new()");
    // A panic with a long text.
    let panic = "        if ping.text.ends_with(\"-7\") {\n            panic!(\"{}\", \"p\".repeat(2_000_000));\n        }\n";
    change(
        &batch,
        "shouts",
        "client.rs",
        "        self.ping = Some(ping.clone());\n",
        &format!("{panic}        self.ping = Some(ping.clone());\n"),
    );
    // Long messages, many times.
    change(
        &batch,
        "sends",
        "client.rs",
        "        self.send(ping, ctx);\n    }\n\n",
        "        self.send(Ping { text: \"m\".repeat(900_000) }, ctx);\n        \
         self.send(ping, ctx);\n    }\n\n",
    );
    // Handlers that take long, and return.
    let spin = "        let started = std::time::Instant::now();\n        while started.elapsed().as_millis() < 120 {\n            \
                std::hint::spin_loop();\n        }\n        match message {\n";
    change(&batch, "slow", "server.rs", "        match message {\n", spin);
    batch
}

/// The bytes of all files below a folder.
fn bytes(folder: &Path) -> u64 {
    common::files(folder).iter().map(|file| fs::metadata(file).map_or(0, |file| file.len())).sum()
}

#[test]
fn too_much_costs_the_tests_in_which_it_happens() {
    let batch = batch();
    let out = batch.out("results");
    let started = Instant::now();
    let output = grader(&batch, &out).args(["--cpu-limit", "6"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(started.elapsed() < Duration::from_secs(150), "it took {:?}", started.elapsed());

    let feedback = |student: &str| {
        fs::read_to_string(out.join(student).join("feedback.md")).expect("it is there")
    };
    assert!(feedback("ada").contains("**10 of 10 points**"), "{}", feedback("ada"));
    let limits = [
        ("busy", "left too many messages and timers pending: more than the limit of "),
        ("hoards", "left a state of "),
        ("sends", "the nodes sent too many bytes in "),
        ("slow", "the submission used more than 6 s of processor time before this test was done"),
    ];
    for (student, reason) in limits {
        let feedback = feedback(student);
        assert!(feedback.contains("limits are kept: "), "{student}: {feedback}");
        assert!(feedback.contains(reason), "{student}: {feedback}");
    }
    // Where no message is lost, nothing is sent again.
    assert!(!feedback("hoards").contains("## 1.1 "), "{}", feedback("hoards"));
    let shouted = feedback("shouts");
    assert!(shouted.contains("more bytes)") && shouted.len() < 60_000, "{}", shouted.len());

    for student in ["ada", "busy", "hoards", "rambles", "shouts", "sends", "slow"] {
        let size = bytes(&out.join(student));
        assert!(size < 400_000, "{student} has {size} bytes of feedback");
    }
    for one in fs::read_dir(out.join(".work")).expect("it is there").flatten() {
        let size = bytes(&one.path());
        assert!(size < 3 << 20, "{} has {size} bytes", one.path().display());
    }
}

#[test]
fn what_the_limit_changed_is_graded_again_with_another() {
    let batch = Batch::of_lab0(&["ada"]);
    let out = batch.out("results");
    assert_eq!(common::graded(&batch, &out), Some(0));
    let output = grader(&batch, &out).args(["--cpu-limit", "60"]).output().expect("it runs");
    assert!(said(&output).contains(", 0 to grade"), "{}", said(&output));
    let output = grader(&batch, &out).args(["--cpu-limit", "120"]).output().expect("it runs");
    assert!(said(&output).contains(", 1 to grade"), "{}", said(&output));
}
