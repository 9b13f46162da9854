//! What teaching assistants do with a batch: put submissions right, comment, release feedback, split the
//! work, look for copies, and watch.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{Batch, graded, grader, said};

/// The files of lab 0.
const FILES: [&str; 5] = ["client.rs", "lib.rs", "messages.rs", "server.rs", "timers.rs"];

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Grades with these arguments, and returns what was said.
fn run(batch: &Batch, out: &Path, words: &[&str], code: i32) -> String {
    let output = grader(batch, out).args(words).output().expect("it runs");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[test]
fn a_submission_is_put_right_in_one_place_and_graded_alone() {
    let batch = Batch::of_lab0(&["ada", "bob", "cut"]);
    let out = batch.out("results");
    // Bob's computer did not tell the two names apart.
    let bob = batch.submissions().join("bob");
    fs::rename(bob.join("client.rs"), bob.join("Client.rs")).expect("it is renamed");
    let roster = batch.out("roster.csv");
    fs::write(&roster, "student\nada\nbob\ncut\nzoe\n").expect("it is written");
    let roster = roster.display().to_string();
    let first = run(&batch, &out, &["--roster", &roster], 0);
    assert!(
        first.contains("3 submissions of lab0, 1 to grade, 2 rejected; 1 student without"),
        "{first}"
    );
    assert!(read(&out.join("bob/feedback.md")).contains("is there: rename it to"));

    fs::create_dir(out.join("mailed")).expect("a folder");
    for file in FILES {
        fs::copy(batch.submissions().join("ada").join(file), out.join("mailed").join(file))
            .expect("it is copied");
    }
    let all = FILES.map(|file| format!("\"{file}\" = \"mailed/{file}\"")).join(", ");
    let fixes = format!(
        "[[fix]]\nstudent = \"bob\"\nrename = {{ \"Client.rs\" = \"client.rs\" }}\nreason = \"made on a Mac\"\n\
         [[fix]]\nstudent = \"cut\"\nadd = {{ \"client.rs\" = \"mailed/client.rs\" }}\nreason = \"came by mail\"\n\
         [[fix]]\nstudent = \"zoe\"\nadd = {{ {all} }}\nreason = \"came by mail\"\n"
    );
    fs::write(out.join("fixes.toml"), fixes).expect("it is written");
    let said = run(&batch, &out, &["--roster", &roster], 0);
    // The files of cut and zoe are now those of ada, which were graded before.
    assert!(said.contains("4 submissions of lab0, "), "{said}");
    let summary = read(&out.join("summary.csv"));
    for row in ["\nbob,,graded,10,", "\ncut,,graded,10,", "\nzoe,,graded,10,"] {
        assert!(summary.contains(row), "{row}: {summary}");
    }
    let remark =
        "put right by the course staff: `Client.rs` was renamed to `client.rs` (made on a Mac)";
    for document in ["summary.csv", "index.html", "bob/feedback.html", "bob/result.json"] {
        let text = read(&out.join(document)).replace("&#96;", "`");
        assert!(text.contains(remark), "{document}: {text}");
    }
    // What cannot be done is an error before anything is graded.
    for (fix, expected) in [
        (
            "student = \"eve\"\nrename = { a = \"b\" }",
            "there is a fix for `eve`, and no such student",
        ),
        (
            "student = \"ada\"\nrename = { \"a.rs\" = \"b.rs\" }",
            "there is no Rust file `a.rs` to rename",
        ),
        (
            "student = \"ada\"\narchive = \"a.zip\"",
            "there is no `a.zip` in the submission; there are: ada",
        ),
        ("student = \"ada\"\nadd = { \"a.rs\" = \"nowhere\" }", "nowhere"),
        ("student = \"ada\"", "needs `archive`, `rename` or `add`"),
    ] {
        fs::write(out.join("fixes.toml"), format!("[[fix]]\n{fix}\nreason = \"why\"\n"))
            .expect("written");
        let said = run(&batch, &out, &["--roster", &roster], 2);
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn the_archive_that_counts_can_be_chosen() {
    let batch = Batch::of_lab0(&["fay", "wrong"]);
    let submissions = batch.submissions();
    // Two different folders of one student.
    fs::rename(submissions.join("wrong"), submissions.join("fay (1)")).expect("it is renamed");
    let out = batch.out("results");
    run(&batch, &out, &[], 0);
    assert!(
        read(&out.join("summary.csv")).contains("there are several archives: `fay` and `fay (1)`")
    );
    let fix = |name: &str| {
        let fix =
            format!("[[fix]]\nstudent = \"fay\"\narchive = \"{name}\"\nreason = \"asked her\"\n");
        fs::write(out.join("fixes.toml"), fix).expect("it is written");
        run(&batch, &out, &[], 0);
        read(&out.join("summary.csv"))
    };
    assert!(fix("fay").contains("\nfay,,graded,10,"));
    assert!(fix("fay (1)").contains("\nfay,,graded,0,"));
}

#[test]
fn comments_and_extensions_survive_a_regrade() {
    let batch = Batch::of_lab0(&["ada", "cut", "wrong"]);
    let out = batch.out("results");
    fs::create_dir_all(&out).expect("a folder");
    let write = |name: &str, text: &str| fs::write(out.join(name), text).expect("it is written");
    write("rubric.csv", "item,points,comment\nnames,-1.5,Names say nothing.\n");
    write(
        "comments.csv",
        "student,test,item,points,comment\nada,,names,,See `x`.\nada,1.2,,,A *fine* proof.\ncut,,,2,Shown in person.\n",
    );
    write("extensions.csv", "student,hours,reason\nwrong,48,secret illness\n");
    let policy = batch.out("policy.toml");
    let late = "[late]\ndue = \"2026-11-20T23:59:00Z\"\npercent_per_day = 50\nbudget_days = 2\n\
                submitted = { ada = \"2026-11-23T12:00:00Z\", wrong = \"2026-11-22T12:00:00Z\" }\n";
    fs::write(&policy, late).expect("it is written");
    let used = batch.out("used.csv");
    fs::write(&used, "student,here,total,left\nada,1,1,1\nyan,2,2,0\n").expect("it is written");
    let words =
        ["--policy", &policy.display().to_string(), "--late-days", &used.display().to_string()];
    run(&batch, &out, &words, 0);
    let summary = read(&out.join("summary.csv"));
    // Ada: 8.5 of 10, 3 days late, one of them paid by what is left of her budget.
    assert!(summary.contains("\nada,,graded,10,8.5,10,0,1,"), "{summary}");
    assert!(summary.contains("\ncut,,refused,0,2,10,2,"), "{summary}");
    assert_eq!(
        read(&out.join("late-days.csv")),
        "student,here,total,left\nada,1,2,0\ncut,0,0,2\nwrong,0,0,2\nyan,0,2,0\n"
    );
    let feedback = read(&out.join("ada/feedback.md"));
    for text in [
        "Names say nothing. See \\`x\\`. (1.5 points less)",
        "Comment: A \\*fine\\* proof.",
        "late days: 1 used here, 2 of 2 in the term so far",
    ] {
        assert!(feedback.contains(text), "{text}: {feedback}");
    }
    assert!(read(&out.join("ada/feedback.html")).contains("A *fine* proof."));
    assert!(read(&out.join("ada/gradescope.json")).contains("Names say nothing."));
    assert!(read(&out.join("cut/feedback.md")).contains("Shown in person."));
    for file in common::files(&out).iter().filter(|file| !file.ends_with("extensions.csv")) {
        assert!(
            !String::from_utf8_lossy(&fs::read(file).expect("a file")).contains("illness"),
            "{file}"
        );
    }
    // New files, the same comments.
    let server = batch.submissions().join("ada/server.rs");
    fs::write(&server, read(&server) + "// new\n").expect("it is written");
    let said = run(&batch, &out, &words, 0);
    assert!(said.contains(", 1 to grade, 1 graded before, 1 rejected"), "{said}");
    assert!(read(&out.join("ada/feedback.md")).contains("Names say nothing."));
    // A comment for nobody is an error.
    write("comments.csv", "student,comment\nAda,x\n");
    let said = run(&batch, &out, &words, 2);
    assert!(
        said.contains("comments.csv, line 2: no student `Ada` in this batch; there is `ada`"),
        "{said}"
    );
}

#[test]
fn a_release_contains_nothing_for_staff() {
    let batch = Batch::of_lab0(&["ada", "broken", "cut", "wrong"]);
    let (out, release) = (batch.out("results"), batch.out("release"));
    fs::create_dir_all(&out).expect("a folder");
    fs::write(out.join("extensions.csv"), "student,hours,reason\n").expect("it is written");
    let hidden = batch.out("hidden");
    fs::create_dir(&hidden).expect("a folder");
    fs::write(hidden.join("seed"), "918273645546372819\n").expect("it is written");
    let policy = batch.out("policy.toml");
    fs::write(&policy, "[late]\ndue = \"2026-11-20T23:59:00Z\"\npercent_per_day = 50\n")
        .expect("written");
    let words = [
        "--hidden",
        &hidden.display().to_string(),
        "--policy",
        &policy.display().to_string(),
        "--release",
        &release.display().to_string(),
    ];
    run(&batch, &out, &words, 0);
    let files = common::files(&release);
    let names: Vec<&str> =
        files.iter().map(|file| &file[release.display().to_string().len() + 1..]).collect();
    let expected = ["ada", "broken", "cut", "wrong"]
        .map(|student| [format!("{student}/feedback.html"), format!("{student}/feedback.md")]);
    let mut expected: Vec<String> = expected.into_iter().flatten().collect();
    expected.insert(6, "release.csv".to_owned());
    expected.sort();
    assert_eq!(names, expected);
    let everyone = ["ada", "broken", "cut", "wrong"];
    for (file, name) in files.iter().zip(names) {
        let Some((student, _)) = name.split_once('/') else { continue };
        let text = read(Path::new(file));
        // The hidden seed, paths and hashes of the grader, machines, and other students.
        for secret in ["918273645546372819", ".work", "faultlab-outcome", "sha256", "cpu_ms"] {
            assert!(!text.contains(secret), "{secret} in {name}");
        }
        assert!(!text.contains(&out.display().to_string()), "{name}");
        // `broken` and `wrong` are ordinary words.
        for other in everyone.iter().filter(|other| **other != student && other.len() == 3) {
            assert!(!text.contains(&format!(">{other}<")), "{other} in {name}");
        }
    }
    assert!(read(&release.join("release.csv")).contains("\n,,ada,10,10,graded,ada\n"));
}

#[test]
fn shards_together_give_the_bytes_of_one_run() {
    let batch = Batch::of_lab0(&["ada", "bob", "broken", "cut", "todo", "wrong"]);
    let whole = batch.out("whole");
    assert_eq!(graded(&batch, &whole), Some(0));
    let shards = ["1/2", "2/2"].map(|shard| (shard, batch.out(&shard.replace('/', "-of-"))));
    let mut count = 0;
    for (shard, out) in &shards {
        run(&batch, out, &["--shard", shard], 0);
        count += common::outcomes(out);
    }
    // Each submission is graded by one of them: 5 of 6 can be read.
    assert_eq!(count, 5);
    let merged = batch.out("merged");
    let folders = shards.map(|(_, out)| out.display().to_string()).join(",");
    let said = run(&batch, &merged, &["--merge", &folders], 0);
    assert!(
        said.contains("6 submissions of lab0, 0 to grade, 5 graded before, 1 rejected"),
        "{said}"
    );
    assert_eq!(common::results(&merged), common::results(&whole));
    assert_eq!(read(&merged.join("failures.csv")), read(&whole.join("failures.csv")));
}

#[test]
fn equal_failures_are_counted_across_the_class() {
    let batch = Batch::of_lab0(&["ada", "wrong"]);
    let submissions = batch.submissions();
    let copy = submissions.join("copy");
    fs::create_dir(&copy).expect("a folder");
    for file in FILES {
        let text = read(&submissions.join("wrong").join(file)) + "// a copy\n";
        fs::write(copy.join(file), text).expect("it is written");
    }
    let out = batch.out("results");
    assert_eq!(graded(&batch, &out), Some(0));
    let table = read(&out.join("failures.csv"));
    let row = table.lines().nth(1).expect("a failure");
    assert!(
        row.starts_with("1,every client gets all its results,") && row.ends_with(",copy wrong"),
        "{table}"
    );
    let trace = row.split(',').find(|cell| cell.ends_with(".trace")).expect("an example");
    assert!(out.join(trace).is_file(), "{trace}");

    let exported = batch.out("similarity");
    let mut command = Command::new(env!("CARGO_BIN_EXE_grade"));
    let output = command.arg("--out").arg(&out).arg("--export-similarity").arg(&exported).output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{}", common::said(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("jplag.jar -l rust -bc ") && text.contains("It is a hint"), "{text}");
    for file in
        ["skeleton/client.rs", "submissions/copy/server.rs", "one-file/submissions/wrong.rs"]
    {
        assert!(exported.join(file).is_file(), "{file}");
    }
    assert!(read(&exported.join("behaviour.csv")).starts_with("group,size,submission\n"));
}

/// Ends the program when it is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a request and returns the answer.
fn ask(address: &str, request: &str, host: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the page is served");
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .expect("it is sent");
    // The server may keep the connection open, so the length says where the answer ends.
    let mut reader = BufReader::new(stream);
    let (mut answer, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("it is text");
        if let Some(number) = line.strip_prefix("Content-Length: ") {
            length = number.trim().parse().expect("it is a number");
        }
        answer.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the answer is whole");
    answer + &String::from_utf8(body).expect("it is text")
}

#[test]
fn a_batch_is_watched_and_one_submission_cancelled() {
    let batch = Batch::of_lab0(&["ada", "endless"]);
    let out = batch.out("results");
    let grading = grader(&batch, &out).spawn().expect("the grader starts");
    let mut grading = Ended(grading);
    let deadline = Instant::now() + Duration::from_secs(300);
    let wait_for = |what: &str, is_there: &dyn Fn() -> bool| {
        while !is_there() {
            assert!(Instant::now() < deadline, "{what}");
            thread::sleep(Duration::from_millis(50));
        }
    };
    wait_for("a page", &|| out.join("index.html").exists());
    let mut watching = Command::new(env!("CARGO_BIN_EXE_grade"));
    let watching = watching.arg("--watch").arg(&out).stdout(Stdio::piped()).spawn();
    let mut watching = Ended(watching.expect("it starts"));
    let mut line = String::new();
    BufReader::new(watching.0.stdout.take().expect("its output"))
        .read_line(&mut line)
        .expect("it speaks");
    let address = line.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let address = address.expect("an address");
    assert!(address.starts_with("127.0.0.1:"), "{address}");

    let page = || ask(address, "GET /", address, "");
    let form = |page: &str| {
        let row = page.split("<tr>").find(|row| row.contains(">endless<"))?;
        let value = |name: &str| {
            let field = row.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
            field.split('"').next().map(str::to_owned)
        };
        Some((value("token")?, value("key")?))
    };
    wait_for("it is being graded", &|| form(&page()).is_some());
    let (token, key) = form(&page()).expect("it was there");
    let shown = page();
    assert!(shown.contains("of 2 graded") && shown.contains("Refresh: 5"), "{shown}");
    assert!(ask(address, "GET /ada/feedback.html", address, "").starts_with("HTTP/1.1 "));
    // Only the page itself may cancel, and only a browser on this machine may see it.
    for (request, host, body, expected) in [
        ("POST /cancel", address, format!("token=0&key={key}"), "403"),
        ("POST /cancel", address, format!("token={token}&key=../../x"), "400"),
        ("GET /", "faultlab.example", String::new(), "403"),
        ("GET /..%2f.work/secret", address, String::new(), "404"),
        ("GET /ada/../overrides.csv", address, String::new(), "404"),
        ("POST /cancel", address, format!("token={token}&key={key}"), "303"),
    ] {
        let answer = ask(address, request, host, &body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{request}: {answer}");
    }
    let code = grading.0.wait().expect("the grader ends").code();
    assert_eq!(code, Some(1));
    assert!(page().contains("cancelled by hand"));
}
