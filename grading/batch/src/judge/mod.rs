//! The judge: grades one submission in its own process.

mod confined;
mod failure_signature;
pub mod hidden;
mod machine;
pub mod pack;
mod run_tests;
mod traces;
mod worker;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use faultlab::trace::file;
use faultlab_harness::build::{
    self, BaseLabOrigin, BaseLabRule, CompileError, Lab, Libraries, Purpose, Source, Workspace,
};
use faultlab_harness::report::{BaseLab, Report, Status, TestReport, Timing};
use faultlab_harness::session::property;
use faultlab_harness::shell;
use faultlab_suites::{SEED, Suite, Test, TestNumber};

pub use confined::launcher;
pub use machine::Machine;
pub use traces::TRACES_BYTES_MAX;
pub use worker::serve;

use confined::SandboxedCompiler;
use run_tests::{Ran, Tests};
use worker::Instructions;

use crate::grading_record::{self, GradingRecord, OutcomeTiming};
use crate::spec::Spec;
use crate::store::{self, Key, Store};

/// Called with the results so far after each test.
pub type OnProgress<'a> = &'a mut dyn FnMut(&Report);

/// Grades one set of files and stores the grading record. With `so_far`, which receives partial
/// results, the parts of the suite run one after another, which takes longer.
///
/// # Errors
/// On an infrastructure error.
pub fn judge(store: &Store, key: &Key, so_far: Option<OnProgress<'_>>) -> anyhow::Result<()> {
    let started = Instant::now();
    let spec = Spec::read(store)?;
    let files = store.get_sources(key)?;
    let hashes = spec.hashes(store::sources(&files));
    anyhow::ensure!(Key::of(&hashes) == *key, "{} is not a key of this batch", key.as_str());

    let workspace = Workspace::of_this_program()?;
    let lab = workspace.lab(&spec.lab)?.ok_or_else(|| anyhow!("no lab named {}", spec.lab))?;
    let suite = suite(&spec.lab)?.with_seeds(&spec.test_seeds);
    let host = Machine::of(store, spec.require_sandbox)?;
    let bench = JudgeContext { store, key, spec: &spec, suite: &suite, host: &host };
    let (report, recovered) = bench.grade(&workspace, &lab, so_far)?;
    let folder = store.submission_dir(key).join("traces");
    let shapes = shapes(&report, &folder);
    traces::tidy(&folder, &report.tests, TRACES_BYTES_MAX);
    let outcome = GradingRecord {
        schema: grading_record::SCHEMA.to_owned(),
        key: key.clone(),
        hashes,
        confinement: host.sandbox.tier().to_string(),
        shapes,
        flaky: flaky(&report),
        hidden: hidden::numbers(),
        report,
        timing: OutcomeTiming {
            graded_at: grading_record::moment(),
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            wall_ms: Timing::millis(started.elapsed()),
            cpu_ms: cpu_ms(),
            recovered,
        },
    };
    store.put_outcome(&outcome).context("cannot store the grading record")
}

/// A grading record of partial results.
#[must_use]
pub fn provisional(key: &Key, spec: &Spec, report: Report) -> GradingRecord {
    GradingRecord {
        schema: grading_record::SCHEMA.to_owned(),
        key: key.clone(),
        hashes: spec.hashes(String::new()),
        confinement: String::new(),
        report,
        flaky: Vec::new(),
        hidden: hidden::numbers(),
        shapes: BTreeMap::new(),
        timing: OutcomeTiming::default(),
    }
}

/// The suite of a lab, with the hidden parts of this process.
///
/// # Errors
/// When there is none, it has mistakes, or the hidden parts have mistakes or do not fit it.
pub fn suite(lab: &str) -> anyhow::Result<Suite> {
    let suite = faultlab_suites::load(lab)?;
    hidden::check(&suite)?;
    let whole = hidden::add_to(suite);
    if !hidden::numbers().is_empty() {
        whole.check()?;
    }
    Ok(whole)
}

/// The libraries that submissions are compiled against: those packed with this program, or else
/// the workspace's.
///
/// # Errors
/// When there are none.
pub fn libraries(workspace: &Workspace) -> anyhow::Result<Libraries> {
    match pack::unpacked()? {
        Some(libraries) => Ok(libraries),
        None => Libraries::of(workspace),
    }
}

/// Compiles a submission for its node processes, in the sandbox.
///
/// # Errors
/// [`CompileError`] if it does not compile; otherwise an infrastructure error.
pub fn compile(
    machine: &Machine,
    workspace: &Workspace,
    lab: &Lab,
    source: &Source,
    base_lab: BaseLabOrigin,
) -> anyhow::Result<build::Program> {
    let libraries = libraries(workspace)?;
    let sources = source.files(workspace, lab, BaseLabRule::in_grading(base_lab))?;
    let compiler = SandboxedCompiler(machine);
    build::compile_by(&compiler, workspace, lab, &libraries, &sources, Purpose::Nodes)
}

/// The context in which a submission is judged.
struct JudgeContext<'b> {
    store: &'b Store,
    key: &'b Key,
    spec: &'b Spec,
    suite: &'b Suite,
    host: &'b Machine,
}

impl JudgeContext<'_> {
    fn grade(
        &self,
        workspace: &Workspace,
        lab: &Lab,
        so_far: Option<OnProgress<'_>>,
    ) -> anyhow::Result<(Report, Vec<TestNumber>)> {
        let Self { store, key, spec, suite, host } = *self;
        let compiling = Instant::now();
        let sources = Source::Folder(store.sources(key));
        let program = compile(host, workspace, lab, &sources, spec.base_lab);
        let program = match program {
            Ok(program) => program,
            Err(error) => {
                let error = error.downcast::<CompileError>()?;
                return Ok((does_not_compile(spec, suite, &error), Vec::new()));
            }
        };
        let compile_ms = Timing::millis(compiling.elapsed());

        let traces = store.submission_dir(key).join("traces");
        fs::create_dir_all(&traces).with_context(|| traces.display().to_string())?;
        let instructions = Instructions {
            lab: spec.lab.clone(),
            program: program.file.clone(),
            sandbox: host.sandbox.clone(),
        };
        let tests = Tests {
            spec,
            suite,
            base_labs: &program.base_labs,
            worker: instructions.command()?,
            traces,
        };
        let Ran { tests, handlers, recovered, run_ms } = tests.run(so_far)?;
        let timing = Timing { compile_ms, run_ms, handlers };
        Ok((report(spec, suite, &program.base_labs, tests, timing), recovered))
    }
}

fn report(
    spec: &Spec,
    suite: &Suite,
    base_labs: &[BaseLab],
    tests: Vec<TestReport>,
    timing: Timing,
) -> Report {
    let report = Report::of_tests(suite, spec.seed, spec.seeds, tests);
    Report { base_labs: base_labs.to_vec(), timing, ..report }
}

/// The report of a submission whose tests are not run.
#[must_use]
pub fn nothing_run(spec: &Spec, suite: &Suite) -> Report {
    let tests = suite.tests().map(|test| not_run(spec, test, Status::Failed, "not run"));
    report(spec, suite, &[], tests.collect(), Timing::default())
}

fn does_not_compile(spec: &Spec, suite: &Suite, error: &CompileError) -> Report {
    let tests = suite.tests().map(|test| TestReport {
        property: Some(property::COMPILES.to_owned()),
        ..not_run(spec, test, Status::Failed, "the submission does not compile")
    });
    let mut text = error.plain.clone();
    for hint in &error.hints {
        text.push_str(&format!("hint: {hint}\n"));
    }
    let report = report(spec, suite, &error.linked, tests.collect(), Timing::default());
    Report { compile_error: Some(text), ..report }
}

fn not_run(spec: &Spec, test: &Test, status: Status, reason: &str) -> TestReport {
    let reproduce = reproduce(spec, test.number(), None);
    TestReport::not_run(test, spec.seeds, status, reason, reproduce)
}

/// The command that reproduces a test, which does not contain a hidden seed.
fn reproduce(spec: &Spec, number: TestNumber, only_seed: Option<u64>) -> String {
    let seed = if spec.seed_is_hidden { SEED } else { spec.seed };
    shell::reproduce(&spec.lab, number, only_seed, seed, spec.seeds)
}

/// Tests whose runs of one seed differed when they were repeated.
fn flaky(report: &Report) -> Vec<TestNumber> {
    let differs = |test: &&TestReport| test.property.as_deref() == Some(property::DETERMINISM);
    report.tests.iter().filter(differs).map(|test| test.number).collect()
}

/// Failure signatures of the shown runs, by test number.
fn shapes(report: &Report, folder: &Path) -> BTreeMap<String, String> {
    let shapes = report.tests.iter().filter_map(|test| {
        let path = traces::shown(folder, test)?;
        let trace = file::read(BufReader::new(File::open(path).ok()?)).ok()?;
        Some((test.number.to_string(), failure_signature::failure_signature(&trace)))
    });
    shapes.collect()
}

/// Processor time of this process and of all its finished children.
fn cpu_ms() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The process name in brackets may contain spaces, so fields are counted after it.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    ticks * 1_000 / rustix::param::clock_ticks_per_second()
}
