//! The bench: a lab's suite, and known submissions to run it on.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};
use faultlab::trace::{Trace, file};
use faultlab_harness::build::{
    self, BaseLabOrigin, BaseLabRule, Lab, Libraries, Program, Purpose, Source, Workspace,
};
use faultlab_harness::replayed::{ReplayFiles, ReplayVerdict};
use faultlab_harness::report::{Status, TestReport};
use faultlab_harness::session::{self, NoObserver, Plan, Seeds, SessionResult, Shrink};
use faultlab_harness::supervisor::WorkerCommand;
use faultlab_suites::{SEED, SEEDS, Suite, Test, TestNumber};

/// A lab's suite, ready to run on submissions.
#[derive(Debug)]
pub struct Bench {
    workspace: Workspace,
    lab: Lab,
    libraries: Libraries,
    suite: Suite,
}

/// A failing test, and the run that its report shows.
#[derive(Clone, Debug)]
pub struct FailingRun {
    /// The report.
    pub report: TestReport,
    /// The run.
    pub trace: Trace,
}

/// A known submission: a correct solution or a mutant.
#[derive(Clone, Debug)]
pub struct KnownSubmission {
    /// Its name: that of its folder or patch.
    pub name: String,
    /// Its files.
    pub source: Source,
}

impl Bench {
    /// The bench of a lab.
    ///
    /// # Errors
    /// When there is no such lab, or the libraries cannot be built.
    pub fn new(lab: &str) -> Result<Self> {
        let workspace = Workspace::of_this_program()?;
        let found = workspace.lab(lab)?.with_context(|| format!("there is no lab `{lab}`"))?;
        let suite = faultlab_suites::load(lab)?;
        let libraries = Libraries::of(&workspace)?;
        Ok(Self { workspace, lab: found, libraries, suite })
    }

    /// The labs that have mutants, by name.
    ///
    /// # Errors
    /// When the folder of mutants cannot be read.
    pub fn labs_with_mutants() -> Result<Vec<String>> {
        let folder = Workspace::of_this_program()?.root.join("grading/staff/mutants");
        let name = |folder: PathBuf| Some(folder.file_name()?.to_string_lossy().into_owned());
        Ok(sorted(&folder)?.into_iter().filter_map(name).collect())
    }

    /// The folder with the lab's mutants and their tables.
    #[must_use]
    pub fn mutants_folder(&self) -> PathBuf {
        self.staff().join("mutants").join(&self.lab.name)
    }

    /// The correct solutions: the reference, and those with other designs.
    ///
    /// # Errors
    /// When the folders cannot be read.
    pub fn solutions(&self) -> Result<Vec<KnownSubmission>> {
        let solutions = self.staff().join("solutions");
        let mut found = vec![solutions.join(&self.lab.name)];
        let unusual = solutions.join(format!("{}-unusual", self.lab.name));
        if unusual.exists() {
            found.extend(sorted(&unusual)?);
        }
        found.iter().map(|folder| KnownSubmission::at(folder)).collect()
    }

    /// The mutants.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn mutants(&self) -> Result<Vec<KnownSubmission>> {
        let folder = self.mutants_folder();
        let mut files = if folder.exists() { sorted(&folder)? } else { Vec::new() };
        files.retain(|file| file.extension().is_some_and(|end| end == "patch"));
        files.iter().map(|file| KnownSubmission::at(file)).collect()
    }

    fn staff(&self) -> PathBuf {
        self.workspace.root.join("grading").join("staff")
    }

    /// The suite.
    #[must_use]
    pub fn suite(&self) -> &Suite {
        &self.suite
    }

    /// All tests of the suite.
    pub fn tests(&self) -> impl Iterator<Item = &Test> {
        self.suite.tests()
    }

    /// Compiles a submission together with the suite. `base_labs` says whose versions of the labs
    /// that the lab builds on are used, if it is not the usual ones.
    ///
    /// # Errors
    /// When there is no submission, or it does not compile (a [`CompileError`](build::CompileError)).
    pub fn compile(&self, source: &Source, base_labs: Option<BaseLabOrigin>) -> Result<Program> {
        let rule = BaseLabRule::at_home(base_labs, source);
        let sources = source.files(&self.workspace, &self.lab, rule)?;
        build::compile(&self.workspace, &self.lab, &self.libraries, &sources, Purpose::Tests)
    }

    /// Runs these tests on a submission, with the default seeds, in one worker.
    ///
    /// # Errors
    /// When the submission does not compile.
    pub fn run(&self, subject: &KnownSubmission) -> Result<Vec<TestReport>> {
        self.run_some(subject, self.tests().collect(), SEEDS)
    }

    /// Runs these tests on a submission, with this many seeds, in one worker.
    ///
    /// # Errors
    /// When the submission does not compile, or a test cannot be run.
    pub fn run_some(
        &self,
        subject: &KnownSubmission,
        tests: Vec<&Test>,
        seeds: u64,
    ) -> Result<Vec<TestReport>> {
        self.complete(subject, tests, seeds, Shrink::Nothing)
    }

    /// Like [`run_some`](Self::run_some), but shrinks the runs that a report shows.
    ///
    /// # Errors
    /// As [`run_some`](Self::run_some).
    pub fn run_as_shown(
        &self,
        subject: &KnownSubmission,
        tests: Vec<&Test>,
        seeds: u64,
    ) -> Result<Vec<TestReport>> {
        self.complete(subject, tests, seeds, Shrink::Causes)
    }

    /// Runs these tests on a submission; each must come to its end.
    fn complete(
        &self,
        subject: &KnownSubmission,
        tests: Vec<&Test>,
        seeds: u64,
        shrink: Shrink,
    ) -> Result<Vec<TestReport>> {
        let traces = tempfile::tempdir()?;
        let count = tests.len();
        let result = self.session(subject, tests, seeds, traces.path(), shrink)?;
        if let Some((test, error)) = result.infra_errors.first() {
            bail!("test {test}: {error}");
        }
        if result.tests.len() != count {
            bail!("only {} tests were completed", result.tests.len());
        }
        Ok(result.tests)
    }

    /// The runs that the reports of these tests show, for those that the submission fails, in order.
    ///
    /// # Errors
    /// When the submission does not compile.
    pub fn failing_runs(
        &self,
        subject: &KnownSubmission,
        numbers: impl IntoIterator<Item = TestNumber>,
    ) -> Result<Vec<FailingRun>> {
        let traces = tempfile::tempdir()?;
        let tests = numbers.into_iter().filter_map(|number| self.suite.test(number)).collect();
        let mut runs = Vec::new();
        for report in self.session(subject, tests, SEEDS, traces.path(), Shrink::All)?.tests {
            let Some(file) = report.shown_trace().filter(|_| report.status != Status::Passed)
            else {
                continue;
            };
            let file = traces.path().join(file);
            // Of runs that differ, the report shows no file's run.
            if file.is_file() {
                let trace = file::read(BufReader::new(File::open(file)?))?;
                runs.push(FailingRun { report, trace });
            }
        }
        Ok(runs)
    }

    /// Replays a saved run with the code of this program, which must be right: the run no longer fails.
    ///
    /// # Errors
    /// When the run still fails or cannot be replayed. The message says which.
    pub fn replay_as_fixed(&self, program: &Program, trace: &Trace) -> Result<()> {
        let mut saved = tempfile::NamedTempFile::new()?;
        file::write(&mut saved, trace)?;
        let folder = tempfile::tempdir()?;
        let files = ReplayFiles::in_folder(folder.path());
        let status = files.command(&program.file, saved.path())?.status()?;
        let Some((result, _)) = files.read() else { bail!("the program ended with {status}") };
        if result.verdict != ReplayVerdict::Fixed {
            bail!("{}", result.said);
        }
        Ok(())
    }

    /// Runs these tests on a submission, in one worker.
    fn session(
        &self,
        subject: &KnownSubmission,
        tests: Vec<&Test>,
        seeds: u64,
        traces: &Path,
        shrink: Shrink,
    ) -> Result<SessionResult> {
        // Known submissions of a lab are made for the reference solutions of those below it.
        let program = self.compile(&subject.source, Some(BaseLabOrigin::Reference))?;
        let plan = Plan {
            suite: &self.suite,
            tests,
            seeds: Seeds::Derived { suite: SEED, count: seeds },
            workers: 1,
            worker: WorkerCommand {
                program: program.file,
                arguments: Vec::new(),
                holds_submission: true,
            },
            out_of_process: false,
            shrink,
            by_parts: false,
            cpu_max: None,
            traces: traces.to_owned(),
            reproduce: &|_, _| String::new(),
        };
        Ok(session::run(&plan, &mut NoObserver, &AtomicBool::new(false)))
    }
}

impl KnownSubmission {
    fn at(path: &Path) -> Result<Self> {
        let name = path.file_stem().context("a submission has a name")?;
        Ok(Self { name: name.to_string_lossy().into_owned(), source: Source::at(path) })
    }
}

/// The tests that lost points.
#[must_use]
pub fn lost(reports: &[TestReport]) -> Vec<TestNumber> {
    let lost = reports.iter().filter(|report| report.status != Status::Passed);
    lost.map(|report| report.number).collect()
}

/// The contents of a folder, sorted by name.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}
