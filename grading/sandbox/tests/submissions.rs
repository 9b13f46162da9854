//! Compiles and runs each hostile submission of `grading/staff/hostile` in this machine's sandbox: it
//! gets the grade in its row, and nothing is left behind.
//!
//! The batch grader's test grades all of them in one batch; here, each is tested alone with the
//! sandbox and out-of-process nodes.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use faultlab::property::{clients_done, results_ok};
use faultlab::simulate::{Network, Options, Outcome, Scenario, Simulation};
use faultlab::workload::Workload;
use faultlab::{Address, NodeSpec};
use faultlab_harness::build::{Libraries, Workspace};
use faultlab_remote::{ProcessExit, ProcessPool};
use faultlab_sandbox::{Finished, ForkServer, Job, Sandbox, Tier, Toolchain};
use lab1_api::{KvCommand, KvResult};
use libtest_mimic::{Arguments, Failed, Trial};

/// The shim that turns a submission into a node process.
const SHIM: &str = "fn main() {
    let submission = lab1_api::submission::<lab1::Lab>();
    faultlab_remote::serve_stdin(&submission).unwrap();
}";

/// How long one exchange may take.
const EXCHANGE_MAX: Duration = Duration::from_secs(5);

/// How many submissions a test has. The fixture takes as long as a submission, and some runners give each test a process
/// of its own.
const PER_TEST: usize = 8;

fn main() -> ExitCode {
    let staff = Path::new(env!("CARGO_MANIFEST_DIR")).join("../staff");
    let mut trials = Vec::new();
    match Fixture::new(&staff) {
        Ok(host) => {
            let host = Arc::new(host);
            let rows = rows(&staff.join("hostile/README.md"));
            for some in rows.chunks(PER_TEST) {
                let host = Arc::clone(&host);
                let name = format!("{} to {}", some[0].name, some[some.len() - 1].name);
                let some = some.to_vec();
                trials.push(Trial::test(name, move || host.check_all(&some)));
            }
        }
        Err(why) => eprintln!("SKIPPED: {why}"),
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A row of the table: a submission, and the grade it gets.
#[derive(Clone)]
struct Row {
    name: String,
    grade: String,
}

/// The rows of the table; there must be exactly one for each patch.
fn rows(readme: &Path) -> Vec<Row> {
    let text = fs::read_to_string(readme).expect("the table is there");
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Row> = lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [name, _, .., grade] = &cells[..] else { panic!("no row: {line}") };
            Row { name: name.trim_matches('`').to_owned(), grade: (*grade).to_owned() }
        })
        .collect();
    let patches = fs::read_dir(readme.with_file_name("lab1")).expect("the patches are there");
    assert_eq!(patches.count(), rows.len(), "a row for each patch, a patch for each row");
    rows
}

/// Shared by all tests.
struct Fixture {
    sandbox: Sandbox,
    toolchain: Toolchain,
    libraries: Libraries,
    staff: PathBuf,
    reference: OnceLock<Result<Outcome, String>>,
}

impl Fixture {
    fn new(staff: &Path) -> Result<Self, String> {
        let launcher = Path::new(env!("CARGO_BIN_EXE_faultlab-confine"));
        let sandbox = Sandbox::probe(launcher).map_err(|error| error.to_string())?;
        sandbox.require(Tier::Bubblewrap).map_err(|error| error.to_string())?;
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let toolchain = Toolchain::of(Path::new(&rustc)).map_err(|error| error.to_string())?;
        let workspace = Workspace::of_this_program().map_err(|error| error.to_string())?;
        let libraries = Libraries::of(&workspace).map_err(|error| error.to_string())?;
        let staff = staff.canonicalize().map_err(|error| error.to_string())?;
        Ok(Self { sandbox, toolchain, libraries, staff, reference: OnceLock::new() })
    }

    /// Checks that each of these submissions gets the grade in its row.
    fn check_all(&self, rows: &[Row]) -> Result<(), Failed> {
        let failed: Vec<String> = rows
            .iter()
            .filter_map(|row| {
                let why = self.check(row).err()?;
                Some(format!("{}: {}", row.name, why.message().unwrap_or("no reason")))
            })
            .collect();
        ensure(failed.is_empty(), &failed.join("\n"))
    }

    /// Checks that a submission gets the grade in its row.
    fn check(&self, row: &Row) -> Result<(), Failed> {
        let place = SubmissionDir::new(&self.staff, Some(&row.name))?;
        let started = Instant::now();
        let compiled = self.compile(&place)?;
        if row.grade == "none" {
            let printed = compiled.printed.to_string();
            ensure(compiled.exit != ProcessExit::Exited(0), "it compiles")?;
            ensure(!printed.contains("root:x:0"), &format!("it read a file: {printed}"))?;
            return ensure(started.elapsed() < Duration::from_secs(240), "it took very long");
        }
        ensure(compiled.exit == ProcessExit::Exited(0), &compiled.printed.to_string())?;
        let (remote, stateless) = self.run(&place.program(), row.grade == "less")?;
        let reference = self.reference.get_or_init(|| {
            let place = SubmissionDir::new(&self.staff, None).map_err(|error| error.to_string())?;
            let compiled = self.compile(&place).map_err(|error| error.to_string())?;
            if compiled.exit != ProcessExit::Exited(0) {
                return Err(compiled.printed.to_string());
            }
            Ok(self.run(&place.program(), false).map_err(|error| error.to_string())?.0)
        });
        let reference = reference.as_ref().map_err(|error| error.clone())?;
        ensure(reference.verdict.held(), &format!("the reference solution: {reference:?}"))?;
        let is_same =
            remote == *reference && stateless.is_none_or(|stateless| stateless == *reference);
        match row.grade.as_str() {
            "full" | "searches" => {
                ensure(is_same, &format!("it behaves in another way: {remote:?}"))?
            }
            "less" => ensure(!is_same, "it behaves as the reference solution does")?,
            other => return Err(format!("there is no grade `{other}`").into()),
        }
        ensure(started.elapsed() < Duration::from_secs(240), "it took very long")?;
        let left = processes_of(&place.program());
        ensure(left.is_empty(), &format!("left behind: {left:?}"))
    }

    /// Compiles a submission and links it, in the sandbox.
    fn compile(&self, place: &SubmissionDir) -> io::Result<Finished> {
        let library = place.output().join("liblab1.rlib");
        let strict = ["--cap-lints", "forbid", "-F", "unsafe_code"];
        let job = self.rustc(place).arguments(["--crate-type", "rlib", "--crate-name", "lab1"]);
        let job = job.arguments(strict).argument("-o").argument(&library);
        let job = job.argument(place.source().join("lib.rs")).limits(|limits| limits.cpu_s = 10);
        let compiled = self.sandbox.run(&job).map_err(io::Error::other)?;
        if compiled.exit != ProcessExit::Exited(0) {
            return Ok(compiled);
        }
        let job = self.rustc(place).arguments(["--crate-type", "bin", "--crate-name", "nodes"]);
        let job = job.argument("--extern").argument(format!("lab1={}", library.display()));
        let job = job.argument("-o").argument(place.program()).argument(place.shim());
        self.sandbox.run(&job.read(place.shim())).map_err(io::Error::other)
    }

    fn rustc(&self, place: &SubmissionDir) -> Job {
        let mut job = self.toolchain.job().read(place.source()).write(place.output());
        job = job.read(&self.libraries.dependencies).folder(place.output());
        job = job.arguments(["--edition", "2024", "-C", "debuginfo=0", "-L"]);
        job = job.argument(format!("dependency={}", self.libraries.dependencies.display()));
        for (name, file) in &self.libraries.files {
            job = job.read(file).argument("--extern");
            job = job.argument(format!("{name}={}", file.display()));
        }
        job.wall_max(Duration::from_secs(120))
    }

    /// Runs one scenario with the nodes in the sandbox; if requested, also with a stateless host, which moves
    /// their states between processes.
    fn run(&self, program: &Path, also_stateless: bool) -> io::Result<(Outcome, Option<Outcome>)> {
        let mut server = ForkServer::new(self.sandbox.clone(), Job::nodes(program));
        let mut pool =
            ProcessPool::new(3, |_| server.start_nodes(EXCHANGE_MAX).map_err(io::Error::other));
        let run = || Simulation::new(scenario(), 7);
        let remote = run().run(&mut pool.host(0), Options::default());
        pool.check()?;
        if !also_stateless {
            return Ok((remote, None));
        }
        pool.restart();
        let stateless = run().run(&mut pool.stateless_host(), Options::default());
        pool.check()?;
        Ok((remote, Some(stateless)))
    }
}

/// Two clients, each with its own key, on a network that loses, duplicates and reorders messages.
fn scenario() -> Scenario {
    let server = Address::new("server1");
    let clients = ["client1", "client2"].map(|name| {
        let key = name.to_owned();
        let append = |value: &str| KvCommand::Append { key: key.clone(), value: value.to_owned() };
        let commands = ["a", "b", "c", "d"].map(append);
        let results = ["a", "ab", "abc", "abcd"].map(|text| KvResult::Appended(text.to_owned()));
        let work = Workload::of(commands).expecting(results);
        NodeSpec::client("client", Address::new(name), &server, work)
    });
    Scenario::new()
        .node(NodeSpec::node("server", server, &()))
        .nodes(clients)
        .network(Network::unreliable())
        .until_done(Duration::from_secs(30))
        .check(clients_done())
        .check(results_ok())
}

/// A folder with a submission's sources and its compiler output.
struct SubmissionDir {
    folder: tempfile::TempDir,
}

impl SubmissionDir {
    fn new(staff: &Path, patch: Option<&str>) -> io::Result<Self> {
        let place = Self { folder: tempfile::tempdir()? };
        fs::create_dir(place.source())?;
        fs::create_dir(place.output())?;
        fs::write(place.shim(), SHIM)?;
        for entry in fs::read_dir(staff.join("solutions/lab1"))? {
            let entry = entry?;
            fs::copy(entry.path(), place.source().join(entry.file_name()))?;
        }
        if let Some(patch) = patch {
            let patch = fs::File::open(staff.join(format!("hostile/lab1/{patch}.patch")))?;
            let applied = Command::new("patch")
                .args(["--silent", "--strip=1", "--fuzz=0", "--directory"])
                .arg(place.source())
                .stdin(Stdio::from(patch))
                .status()?;
            if !applied.success() {
                return Err(io::Error::other("the patch does not apply"));
            }
        }
        Ok(place)
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("output")
    }

    fn shim(&self) -> PathBuf {
        self.folder.path().join("shim.rs")
    }

    fn program(&self) -> PathBuf {
        self.output().join("nodes")
    }
}

/// The processes of this machine that name a program, after killed ones have had time to exit.
fn processes_of(program: &Path) -> BTreeMap<PathBuf, String> {
    let name = program.as_os_str().as_encoded_bytes();
    let mut left = BTreeMap::new();
    for _ in 0..500 {
        let all = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
        left = all
            .filter_map(|folder| Some((folder.clone(), fs::read(folder.join("cmdline")).ok()?)))
            .filter(|(_, line)| line.windows(name.len()).any(|window| window == name))
            .map(|(folder, line)| (folder, String::from_utf8_lossy(&line).into_owned()))
            .collect();
        if left.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    left
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
