//! The command line of `grade.sh`.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Parser, ValueEnum};
use faultlab_harness::build::{BaseLabOrigin, Workspace};
use faultlab_sandbox::Tier;
use faultlab_suites::{SEED, SEEDS, TestNumber};

use crate::anonymous::Pseudonyms;
use crate::batch::Batch;
use crate::batch_results::SubmissionEntry;
use crate::diff;
use crate::executor::{BatchObserver as _, Executor, Local, Parallel, Slurm, WorkList};
use crate::grading_record::InfraError;
use crate::intake::{self, Contents, Intake, Limits};
use crate::judge;
use crate::judge::Machine;
use crate::judge::hidden::{Compiled, Hidden};
use crate::open;
use crate::output;
use crate::platform;
use crate::policy::{self, Override, Policy, overrides};
use crate::spec::{self, Spec};
use crate::store::{self, Key, LockError, Store};
use crate::usage::Usage;

/// Everyone who submitted has a grade.
const ALL_GRADED: u8 = 0;
/// Some submissions have an infrastructure error.
const SOME_NOT_GRADED: u8 = 1;
/// The command line is invalid.
const BAD_USAGE: u8 = 2;
/// Any other failure.
const EXIT_FAILURE: u8 = 4;

/// Grades a folder of submissions.
///
/// Run the same command again to resume an interrupted batch. Exit codes: 0, everyone who submitted
/// has a grade; 1, some submissions could not be graded because of an infrastructure error; 2,
/// usage error; 4, nothing could be graded.
#[derive(Clone, Debug, Parser)]
#[command(name = "grade.sh", bin_name = "grade.sh", disable_version_flag = true)]
struct Args {
    /// The lab, such as `lab1`
    #[arg(required_unless_present_any = ["judge", "open", "regrade_diff", "worker"])]
    lab: Option<String>,

    /// The folder of submissions: one folder or archive per student
    #[arg(required_unless_present_any = ["judge", "open", "regrade_diff", "worker", "gradescope", "pack"])]
    submissions: Option<PathBuf>,

    /// Where to write the results
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,

    /// How many submissions to grade at a time
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// The suite's seed
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// How many seeds to run per run test
    #[arg(long, value_name = "K", default_value_t = SEEDS, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,

    /// For a lab that builds on other labs: whose versions of these to use. `own`: the student's, and
    /// the reference solution where that is absent or does not compile; `reference`: the reference
    /// solutions
    #[arg(long, value_name = "WHOSE", default_value = "own", hide_possible_values = true)]
    base_lab: BaseLabOrigin,

    /// Grade only these students
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,

    /// The students in the course: a CSV file, an exported Canvas gradebook, or a Moodle grading
    /// worksheet
    #[arg(long, value_name = "CSV")]
    roster: Option<PathBuf>,

    /// A policy that turns raw points into final ones
    #[arg(long, value_name = "TOML")]
    policy: Option<PathBuf>,

    /// Points given by hand [default: `overrides.csv` in the results folder, if it exists]
    #[arg(long, value_name = "CSV")]
    overrides: Option<PathBuf>,

    /// Where to run the judges: local processes, GNU parallel, or a Slurm cluster whose machines
    /// have the results and this program at the same paths
    #[arg(long, alias = "engine", value_name = "EXECUTOR", default_value = "local")]
    executor: ExecutorName,

    /// Extra arguments for `parallel` or `sbatch`, such as `--partition=teaching`, quoted as in a shell
    #[arg(long, alias = "engine-words", value_name = "ARGS", allow_hyphen_values = true)]
    executor_args: Option<String>,

    /// A folder with hidden tests or a hidden seed: `tests.rs`, `seed`
    #[arg(long, value_name = "DIR")]
    hidden: Option<PathBuf>,

    /// Fail unless submissions can be confined at least this well: `bubblewrap+landlock+seccomp`,
    /// `namespaces+seccomp`, `landlock+seccomp+rlimits` or `rlimits`
    #[arg(long, value_name = "TIER")]
    require_sandbox: Option<Tier>,

    /// Time limit per submission, in minutes; exceeding it is an infrastructure error
    #[arg(long, alias = "unit-minutes", value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    submission_timeout: u64,

    /// Replace names, email addresses and student numbers in the results; `.work/who.csv` maps pseudonyms to students
    #[arg(long)]
    anonymous: bool,

    /// Fill in an exported Canvas gradebook, given with `--column`; writes `canvas.csv`
    #[arg(long, value_name = "CSV", requires = "column")]
    canvas: Option<PathBuf>,

    /// The assignment's column in the Canvas gradebook, or part of its name
    #[arg(long, value_name = "NAME")]
    column: Option<String>,

    /// Fill in a Moodle grading worksheet; writes `moodle.csv`
    #[arg(long, value_name = "CSV")]
    moodle: Option<PathBuf>,

    /// Compare with the results in another folder: whose points changed, and why. Grades nothing
    /// unless a lab and submissions are given
    #[arg(long, value_name = "OLD")]
    regrade_diff: Option<PathBuf>,

    /// Show a student's failing run and the commands to investigate it
    #[arg(long, value_name = "STUDENT")]
    open: Option<String>,

    /// The test to show with `--open`
    #[arg(short = 'n', long = "test", value_name = "TEST", requires = "open")]
    test: Option<TestNumber>,

    /// Grade the single submission in a Gradescope folder layout, such as `/autograder`
    #[arg(long, value_name = "DIR", conflicts_with = "submissions")]
    gradescope: Option<PathBuf>,

    /// Pack this grader and everything it needs for the lab into a folder that can be moved
    #[arg(long, value_name = "DIR", conflicts_with = "submissions")]
    pack: Option<PathBuf>,

    /// Do not show progress
    #[arg(short, long)]
    quiet: bool,

    /// Grade one submission of a batch; executors start this
    #[arg(long, value_name = "KEY", hide = true)]
    judge: Option<String>,

    /// Run as a judge's worker
    #[arg(long, value_name = "JSON", hide = true)]
    worker: Option<String>,

    /// Exit when standard input closes
    #[arg(long, hide = true, requires = "judge")]
    attached: bool,
}

/// Where judges run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExecutorName {
    Local,
    Parallel,
    Slurm,
}

/// The main function of a grader with hidden tests.
#[must_use]
pub fn main_with(hidden: Compiled) -> ExitCode {
    judge::hidden::set(hidden);
    main()
}

/// The main function of `grade`.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(instructions) = &args.worker {
        return judge::serve(instructions).unwrap_or_else(|error| {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(EXIT_FAILURE)
        });
    }
    let result = match (&args.judge, &args.open, &args.lab) {
        (Some(key), _, _) => grade_one(&args, key),
        (None, Some(student), _) => open::run(&Store::new(&args.out), student, args.test),
        (None, None, Some(lab)) if args.gradescope.is_some() => gradescope(&args, lab),
        (None, None, Some(lab)) if args.pack.is_some() => pack(&args, lab),
        (None, None, None) => regrade_diff(&args).map(|()| ALL_GRADED),
        (None, None, Some(_)) => batch(&args),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", output::plain(&format!("{error:#}")));
            let usage = error.is::<Usage>() || error.is::<LockError>();
            ExitCode::from(if usage { BAD_USAGE } else { EXIT_FAILURE })
        }
    }
}

/// Grades one submission.
fn grade_one(args: &Args, key: &str) -> anyhow::Result<u8> {
    let key = Key::parse(key).ok_or_else(|| Usage(format!("`{key}` is not a key")))?;
    if args.attached {
        thread::spawn(|| {
            let _ = io::stdin().read(&mut [0]);
            std::process::exit(i32::from(EXIT_FAILURE));
        });
    }
    let store = Store::new(&args.out);
    let judged = judge::judge(&store, &key, None);
    if let Err(error) = &judged {
        // For the executor, which may run on another machine. If the file cannot be written, the
        // executor reports how this process exited.
        let _ = store.put_infra_error(&key, &InfraError::now(format!("{error:#}")));
    }
    judged.map(|()| ALL_GRADED)
}

/// Grades a single student's submission on Gradescope.
fn gradescope(args: &Args, lab: &str) -> anyhow::Result<u8> {
    let policy = args.policy.as_deref().map(policy::read).transpose()?.unwrap_or_default();
    let spec = new_spec(args, lab)?;
    let folder = args.gradescope.as_deref().unwrap_or(Path::new("/autograder"));
    platform::grade(folder, spec, &policy)?;
    Ok(ALL_GRADED)
}

/// Packs this grader.
fn pack(args: &Args, lab: &str) -> anyhow::Result<u8> {
    let workspace = Workspace::of_this_program()?;
    let (lab, _) = spec::lab(&workspace, lab).map_err(|error| Usage(error.to_string()))?;
    let folder = args.pack.as_deref().unwrap_or(Path::new("pack"));
    let program = match args.hidden.as_deref().map(Hidden::read).transpose()? {
        Some(hidden) => hidden.program(&workspace)?,
        None => std::env::current_exe().context("cannot locate this program")?,
    };
    judge::pack::pack(folder, &program, &workspace, &lab, &judge::libraries(&workspace)?)?;
    Ok(ALL_GRADED)
}

fn batch(args: &Args) -> anyhow::Result<u8> {
    let (Some(lab), Some(submissions)) = (&args.lab, &args.submissions) else {
        return Err(Usage("name a lab and a folder of submissions".to_owned()).into());
    };
    let workspace = Workspace::of_this_program()?;
    let files = spec::lab_files(&workspace, lab).map_err(|error| Usage(error.to_string()))?;
    let store = Store::new(&args.out);
    let _lock = store.lock()?;

    let intake = intake::read(submissions, args.roster.as_deref(), &files, &Limits::default());
    let mut intake = intake.map_err(|error| Usage(format!("{error:#}")))?;
    let strangers = std::mem::take(&mut intake.not_on_roster);
    let ignored_files = std::mem::take(&mut intake.ignored_files);
    let spec = take_in(args, lab, &store, intake)?;
    let (policy, overrides, to_look_at) =
        read_policy(args, &store, &spec).map_err(|error| Usage(format!("{error:#}")))?;
    spec.write(&store)?;
    let names = if args.anonymous { Some(Pseudonyms::of(&spec, &store)?) } else { None };
    // Builds them once, before many processes need them at the same time.
    judge::libraries(&workspace)?;

    let host = Machine::probe(&store, args.require_sandbox)?;
    let mut batch = Batch::new(store, spec, policy, overrides, names);
    let keys = batch.to_do(&args.only)?;
    batch.say_start(keys.len(), &strangers, &ignored_files);
    to_look_at.iter().for_each(|note| batch.on_message(note));
    if !keys.is_empty() {
        let tier = host.sandbox.tier();
        batch.on_message(&format!("confinement: {tier}: {}", tier.description()));
        for finding in host.sandbox.findings() {
            batch.on_message(&format!("not stronger because: {finding}"));
        }
    }
    batch.start(keys.len(), args.quiet)?;
    if !keys.is_empty() {
        let jobs = args.jobs.or_else(|| thread::available_parallelism().ok());
        for key in &keys {
            // An earlier infrastructure error no longer applies.
            batch.store().clear_infra_error(key)?;
        }
        let work = WorkList {
            // Processes on other machines have other working directories.
            store: Store::new(&batch.store().root().canonicalize()?),
            program: judge_program(args, &workspace)?,
            keys,
            jobs: jobs.map_or(1, NonZeroUsize::get),
            submission_timeout: Duration::from_secs(args.submission_timeout * 60),
        };
        executor(args)?.run(&work, &mut batch)?;
    }
    let all_graded = batch.finish(&args.only)?;
    batch.fill_in(args.canvas.as_deref().zip(args.column.as_deref()), args.moodle.as_deref())?;
    regrade_diff(args)?;
    Ok(if all_graded { ALL_GRADED } else { SOME_NOT_GRADED })
}

/// The policy, the overrides, and remarks on suspicious overrides.
fn read_policy(
    args: &Args,
    store: &Store,
    spec: &Spec,
) -> anyhow::Result<(Policy, Vec<Override>, Vec<String>)> {
    let policy = args.policy.as_deref().map(policy::read).transpose()?.unwrap_or_default();
    let usual = store.root().join("overrides.csv");
    let path = args.overrides.clone().or_else(|| usual.exists().then_some(usual));
    let overrides = path.as_deref().map(overrides::read).transpose()?.unwrap_or_default();
    let handed_in = spec.submissions.iter().flat_map(|one| &one.submission.students);
    let known: BTreeSet<&str> =
        handed_in.chain(&spec.missing).map(|student| student.id.as_str()).collect();
    let check = |file: &Path, student: &str| {
        let file = file.display();
        ensure!(known.contains(student), "{file}: no student `{student}` in this batch");
        anyhow::Ok(())
    };
    // Only the grader that was compiled with hidden tests knows their numbers.
    let suite = judge::suite(&spec.lab)?;
    let has_hidden_tests =
        args.hidden.as_ref().is_some_and(|folder| folder.join("tests.rs").exists());
    if let Some(path) = &args.policy {
        policy.students().try_for_each(|student| check(path, student))?;
        if !has_hidden_tests {
            policy.check(&suite).with_context(|| path.display().to_string())?;
        }
    }
    let mut notes = Vec::new();
    for one in &overrides {
        let path = path.as_deref().unwrap_or(Path::new("overrides.csv"));
        check(path, &one.student)?;
        let Override { student, test, points, .. } = one;
        if !has_hidden_tests {
            policy::check_test(&suite, *test)
                .with_context(|| format!("{}: `{student}`", path.display()))?;
        }
        let possible = policy.tests.get(test).and_then(|policy| policy.points);
        let possible = possible.or_else(|| Some(suite.test(*test)?.points()));
        if let Some(possible) = possible.filter(|possible| points > possible) {
            let path = path.display();
            notes.push(format!(
                "{path}: `{student}` gets {points} points for test {test}, which is worth only {possible}; intended?"
            ));
        }
    }
    Ok((policy, overrides, notes))
}

/// The judge's program: this one, or the one with hidden tests.
fn judge_program(args: &Args, workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let hidden = args.hidden.as_deref().map(Hidden::read).transpose()?;
    let hidden = hidden.map(|hidden| hidden.grader(workspace)).transpose()?.flatten();
    Ok(hidden.map_or_else(std::env::current_exe, Ok)?)
}

fn executor(args: &Args) -> anyhow::Result<Box<dyn Executor>> {
    let words = args.executor_args.as_deref().unwrap_or_default();
    let extra_args = shlex::split(words)
        .ok_or_else(|| Usage(format!("--executor-args has an open quote: {words}")))?;
    Ok(match args.executor {
        ExecutorName::Local => Box::new(Local),
        ExecutorName::Parallel => Box::new(Parallel { extra_args }),
        ExecutorName::Slurm => Box::new(Slurm { extra_args }),
    })
}

/// Compares with other results, if requested.
fn regrade_diff(args: &Args) -> anyhow::Result<()> {
    if let Some(old) = &args.regrade_diff {
        let changes = diff::diff(old, &args.out)?;
        store::write(&args.out.join("regrade.json"), &store::to_json(&changes))?;
        write!(io::stdout(), "{}", diff::text(&changes))?;
    }
    Ok(())
}

/// Stores the submissions and lists them.
fn take_in(args: &Args, lab: &str, store: &Store, intake: Intake) -> anyhow::Result<Spec> {
    let mut spec = Spec { missing: intake.missing, ..new_spec(args, lab)? };
    for mut submission in intake.submissions {
        let mut key = None;
        if let Contents::Files(files) = &mut submission.contents {
            let this = Key::of(&spec.hashes(store::sources(files)));
            store.put_sources(&this, files).context("cannot store the submission's files")?;
            files.clear();
            key = Some(this);
        }
        spec.submissions.push(SubmissionEntry { submission, key });
    }
    Ok(spec)
}

/// The specification of a batch without submissions.
fn new_spec(args: &Args, lab: &str) -> anyhow::Result<Spec> {
    let suite = judge::suite(lab).map_err(|error| Usage(error.to_string()))?;
    let read = args.hidden.as_deref().map(Hidden::read).transpose();
    let read = read.map_err(|error| Usage(format!("{error:#}")))?;
    let hidden = read.map(|hidden| (hidden.seed, hidden.hash)).or_else(judge::hidden::compiled);
    let mut suite_hash = spec::suite_hash().to_owned();
    let mut hidden_seed = None;
    if let Some((seed, hash)) = &hidden {
        suite_hash = store::hash(&[("public", &suite_hash), ("hidden", hash)]);
        hidden_seed = seed.filter(|_| args.seed.is_none());
    }
    Ok(Spec {
        schema: spec::SCHEMA.to_owned(),
        lab: lab.to_owned(),
        title: suite.title().to_owned(),
        seed: args.seed.or(hidden_seed).unwrap_or(SEED),
        seed_is_hidden: hidden_seed.is_some(),
        seeds: args.seeds,
        base_lab: args.base_lab,
        base_labs: spec::base_labs_hash(&Workspace::of_this_program()?, lab, args.base_lab)?,
        require_sandbox: args.require_sandbox,
        suite: suite_hash,
        toolchain: spec::toolchain()?,
        submissions: Vec::new(),
        missing: Vec::new(),
    })
}
