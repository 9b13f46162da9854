//! The command line: `grade.sh`.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use faultlab_harness::build::Workspace;
use faultlab_sandbox::Tier;
use faultlab_suites::{Part, SEED, SEEDS, TestNumber};

use crate::anonymous;
use crate::book::{Attempt, Book, Listed, Status};
use crate::diff;
use crate::engine::{Engine, Follower, Local, Parallel, Slurm, Work};
use crate::intake::{self, Contents, Intake, Limits};
use crate::judge;
use crate::judge::hidden::Hidden;
use crate::open;
use crate::output::tables::{self, Filled};
use crate::output::{self, Lab};
use crate::platform;
use crate::policy::{self, Override, Policy, overrides};
use crate::progress::Progress;
use crate::spec::{self, Spec};
use crate::store::{self, Key, LockError, Store};

/// Everybody who handed in has a grade.
const ALL_GRADED: u8 = 0;
/// For some, something went wrong on our side.
const SOME_NOT_GRADED: u8 = 1;
/// What was asked for makes no sense.
const BAD_USAGE: u8 = 2;
/// Something else failed.
const BROKEN: u8 = 4;

/// Grades a folder of submissions.
///
/// Run it again with the same words and it goes on where it was. Exit code 0: everybody who handed in
/// has a grade. 1: for some, something went wrong on our side. 2: bad usage. 4: nothing could be done.
#[derive(Clone, Debug, Parser)]
#[command(name = "grade.sh", disable_version_flag = true)]
struct Args {
    /// The lab, such as `lab1`
    #[arg(required_unless_present_any = ["unit", "open", "regrade_diff", "judge"])]
    lab: Option<String>,

    /// The folder with one folder or archive a student
    #[arg(required_unless_present_any = ["unit", "open", "regrade_diff", "judge", "gradescope", "pack"])]
    submissions: Option<PathBuf>,

    /// The folder of results
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,

    /// How many submissions are graded at a time
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// The seed of the suite
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// Over how many seeds each run test runs
    #[arg(long, value_name = "K", default_value_t = SEEDS, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,

    /// Grade only these students
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,

    /// Who takes the course: a CSV of one's own, an exported Canvas gradebook, or a Moodle worksheet
    #[arg(long, value_name = "CSV")]
    roster: Option<PathBuf>,

    /// How raw points become final ones
    #[arg(long, value_name = "TOML")]
    policy: Option<PathBuf>,

    /// Points given by hand; without this, `overrides.csv` in the folder of results, if it is there
    #[arg(long, value_name = "CSV")]
    overrides: Option<PathBuf>,

    /// What spreads the submissions: processes here, GNU parallel, or a Slurm cluster on whose nodes the
    /// results and this program have the same paths
    #[arg(long, value_name = "ENGINE", default_value = "local")]
    engine: EngineName,

    /// Words for `parallel` or `sbatch`, such as `--partition=teaching`
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    engine_words: Option<String>,

    /// A folder with tests or a seed that only the grader has: `tests.rs`, `seed`
    #[arg(long, value_name = "DIR")]
    hidden: Option<PathBuf>,

    /// Refuse to grade where submissions cannot be confined this far: `bubblewrap+landlock+seccomp`,
    /// `namespaces+seccomp`, `landlock+seccomp+rlimits` or `rlimits`
    #[arg(long, value_name = "TIER")]
    require_sandbox: Option<Tier>,

    /// How long one submission may take, in minutes, before that is an error on our side
    #[arg(long, value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    unit_minutes: u64,

    /// Keep names, addresses and numbers out of the results; `.work/who.csv` says who is who
    #[arg(long)]
    anonymous: bool,

    /// Fill in an exported Canvas gradebook; needs `--column`. Writes `canvas.csv`
    #[arg(long, value_name = "CSV", requires = "column")]
    canvas: Option<PathBuf>,

    /// The assignment's column in the Canvas gradebook, or a part of its name
    #[arg(long, value_name = "NAME")]
    column: Option<String>,

    /// Fill in a Moodle grading worksheet. Writes `moodle.csv`
    #[arg(long, value_name = "CSV")]
    moodle: Option<PathBuf>,

    /// Say what is different from the results in another folder, for whom and why; grades nothing unless a
    /// lab and submissions are given
    #[arg(long, value_name = "OLD")]
    regrade_diff: Option<PathBuf>,

    /// Show a student's failing run, and how to go on from there
    #[arg(long, value_name = "STUDENT")]
    open: Option<String>,

    /// The test whose run is shown, with `--open`
    #[arg(short = 'n', long = "test", value_name = "TEST", requires = "open")]
    test: Option<TestNumber>,

    /// Grade the one submission in a folder laid out as Gradescope lays it out, such as `/autograder`
    #[arg(long, value_name = "DIR", conflicts_with = "submissions")]
    gradescope: Option<PathBuf>,

    /// Put this grader and everything that it needs for the lab into a folder, to be moved elsewhere
    #[arg(long, value_name = "DIR", conflicts_with = "submissions")]
    pack: Option<PathBuf>,

    /// Show no progress
    #[arg(short, long)]
    quiet: bool,

    /// Grade one submission of a batch: what engines start
    #[arg(long, value_name = "KEY", hide = true)]
    unit: Option<String>,

    /// Serve as a judge's worker
    #[arg(long, value_name = "JSON", hide = true)]
    judge: Option<String>,

    /// End when standard input ends
    #[arg(long, hide = true, requires = "unit")]
    attached: bool,
}

/// What spreads the submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineName {
    Local,
    Parallel,
    Slurm,
}

/// Bad usage, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// The whole of a grader that was compiled with hidden tests.
#[must_use]
pub fn main_with(hidden: fn() -> Vec<Part>) -> ExitCode {
    judge::hidden::set(hidden);
    main()
}

/// The whole of `grade`.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(instructions) = &args.judge {
        return judge::serve(instructions).unwrap_or_else(|error| {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(BROKEN)
        });
    }
    let result = match (&args.unit, &args.open, &args.lab) {
        (Some(key), _, _) => unit(&args, key),
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
            ExitCode::from(if usage { BAD_USAGE } else { BROKEN })
        }
    }
}

/// Grades one submission.
fn unit(args: &Args, key: &str) -> anyhow::Result<u8> {
    let key = Key::parse(key).ok_or_else(|| Usage(format!("`{key}` is no key")))?;
    if args.attached {
        thread::spawn(|| {
            let _ = io::stdin().read(&mut [0]);
            std::process::exit(i32::from(BROKEN));
        });
    }
    judge::judge(&Store::new(&args.out), &key, &mut |_| ())?;
    Ok(ALL_GRADED)
}

/// Grades the submission of one student on a platform.
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
    spec::lab_files(&workspace, lab).map_err(|error| Usage(error.to_string()))?;
    let lab = workspace.lab(lab).context("the lab is gone")?;
    let folder = args.pack.as_deref().unwrap_or(Path::new("pack"));
    judge::pack::pack(folder, &lab, &judge::libraries(&workspace)?)?;
    Ok(ALL_GRADED)
}

fn batch(args: &Args) -> anyhow::Result<u8> {
    let (Some(lab), Some(submissions)) = (&args.lab, &args.submissions) else {
        return Err(Usage("which lab, and which submissions?".to_owned()).into());
    };
    let workspace = Workspace::of_this_program()?;
    let files = spec::lab_files(&workspace, lab).map_err(|error| Usage(error.to_string()))?;
    let policy = args.policy.as_deref().map(policy::read).transpose()?.unwrap_or_default();
    let store = Store::new(&args.out);
    let _lock = store.lock()?;
    let overrides = read_overrides(args, &store)?;

    let mut intake = intake::read(submissions, args.roster.as_deref(), &files, &Limits::default())?;
    if args.anonymous {
        anonymous::replace(&mut intake, &store)?;
    }
    let spec = take_in(args, lab, &store, intake)?;
    spec.write(&store)?;
    // Once, before many processes ask for it at the same time.
    judge::libraries(&workspace)?;

    let sandbox = judge::sandbox(&judge::launcher()?, args.require_sandbox)?;
    let mut batch = Batch { store, spec, policy, overrides, progress: Progress::new(0, true) };
    let keys = batch.to_do(&args.only)?;
    batch.say_start(&keys);
    if !keys.is_empty() {
        let tier = sandbox.tier();
        batch.progress.say(&format!("confinement: {tier}: {}", tier.description()));
    }
    batch.progress = Progress::new(keys.len() as u64, args.quiet);
    if !keys.is_empty() {
        let jobs = args.jobs.or_else(|| thread::available_parallelism().ok());
        let work = Work {
            // Processes elsewhere start in other folders.
            store: Store::new(&batch.store.root().canonicalize()?),
            program: unit_program(args, &workspace)?,
            keys,
            jobs: jobs.map_or(1, NonZeroUsize::get),
            unit_max: Duration::from_secs(args.unit_minutes * 60),
        };
        engine(args).run(&work, &mut batch)?;
    }
    batch.progress.finish();
    let code = batch.finish()?;
    batch.fill_in(args)?;
    regrade_diff(args)?;
    Ok(code)
}

/// The program that grades one submission: this one, or one with hidden tests.
fn unit_program(args: &Args, workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let hidden = args.hidden.as_deref().map(Hidden::read).transpose()?;
    let hidden = hidden.map(|hidden| hidden.grader(workspace)).transpose()?.flatten();
    Ok(hidden.map_or_else(std::env::current_exe, Ok)?)
}

fn engine(args: &Args) -> Box<dyn Engine> {
    let words = args.engine_words.as_deref().unwrap_or_default();
    let words = words.split_whitespace().map(str::to_owned).collect();
    match args.engine {
        EngineName::Local => Box::new(Local),
        EngineName::Parallel => Box::new(Parallel { words }),
        EngineName::Slurm => Box::new(Slurm { words }),
    }
}

/// Says what is different from other results, if that is asked for.
fn regrade_diff(args: &Args) -> anyhow::Result<()> {
    if let Some(old) = &args.regrade_diff {
        let changes = diff::diff(old, &args.out)?;
        store::write(&args.out.join("regrade.json"), &store::to_json(&changes))?;
        write!(io::stdout(), "{}", diff::text(&changes))?;
    }
    Ok(())
}

fn read_overrides(args: &Args, store: &Store) -> anyhow::Result<Vec<Override>> {
    let usual = store.root().join("overrides.csv");
    match &args.overrides {
        Some(path) => overrides::read(path),
        None if usual.exists() => overrides::read(&usual),
        None => Ok(Vec::new()),
    }
}

/// Puts what came in into the store, and lists it.
fn take_in(args: &Args, lab: &str, store: &Store, intake: Intake) -> anyhow::Result<Spec> {
    let mut spec = Spec { missing: intake.missing, ..new_spec(args, lab)? };
    for mut submission in intake.submissions {
        let mut key = None;
        if let Contents::Files(files) = &mut submission.contents {
            let this = Key::of(&spec.hashes(store::sources(files)));
            store.put_sources(&this, files).context("the files cannot be kept")?;
            files.clear();
            key = Some(this);
        }
        spec.submissions.push(Listed { submission, key });
    }
    Ok(spec)
}

/// The specification of a batch into which nothing has been taken yet.
fn new_spec(args: &Args, lab: &str) -> anyhow::Result<Spec> {
    let suite = judge::suite(lab).map_err(|error| Usage(error.to_string()))?;
    let hidden = args.hidden.as_deref().map(Hidden::read).transpose()?;
    let mut suite_hash = spec::suite_hash().to_owned();
    if let Some(hidden) = &hidden {
        suite_hash = store::hash(&[("public", &suite_hash), ("hidden", &hidden.hash)]);
    }
    Ok(Spec {
        schema: spec::SCHEMA.to_owned(),
        lab: lab.to_owned(),
        title: suite.title().to_owned(),
        seed: args.seed.or(hidden.and_then(|hidden| hidden.seed)).unwrap_or(SEED),
        seeds: args.seeds,
        require_sandbox: args.require_sandbox,
        suite: suite_hash,
        toolchain: spec::toolchain()?,
        submissions: Vec::new(),
        missing: Vec::new(),
    })
}

/// A batch on its way.
struct Batch {
    store: Store,
    spec: Spec,
    policy: Policy,
    overrides: Vec<Override>,
    progress: Progress,
}

impl Batch {
    /// What has no outcome yet, each once, in the order of the submissions.
    fn to_do(&self, only: &[String]) -> anyhow::Result<Vec<Key>> {
        let students = || self.spec.submissions.iter().flat_map(|one| &one.submission.students);
        for id in only {
            if !students().any(|student| student.id == *id) {
                bail!(Usage(format!("`{id}` handed in nothing")));
            }
        }
        let mut seen = BTreeSet::new();
        let mut keys = Vec::new();
        for one in &self.spec.submissions {
            let wanted = only.is_empty()
                || one.submission.students.iter().any(|student| only.contains(&student.id));
            if let Some(key) = one.key.as_ref().filter(|_| wanted)
                && seen.insert(key)
                && self.store.outcome(key).is_none()
            {
                keys.push(key.clone());
            }
        }
        Ok(keys)
    }

    fn say_start(&self, keys: &[Key]) {
        let all = self.spec.submissions.len();
        let refused = self.spec.submissions.iter().filter(|one| one.key.is_none()).count();
        let mut line =
            format!("{all} submissions of {}, {} to be graded", self.spec.lab, keys.len());
        if refused > 0 {
            line.push_str(&format!(", {refused} refused"));
        }
        if !self.spec.missing.is_empty() {
            line.push_str(&format!(", {} students handed in nothing", self.spec.missing.len()));
        }
        self.progress.say(&line);
    }

    fn lab(&self) -> Lab<'_> {
        Lab { name: &self.spec.lab, title: &self.spec.title }
    }

    /// What is known of everything that these students handed in.
    fn book(&self, wanted: impl Fn(&Listed) -> bool) -> Book {
        let listed: Vec<Listed> =
            self.spec.submissions.iter().filter(|one| wanted(one)).cloned().collect();
        Book::open(&self.store, &listed, &[], &self.policy, &self.overrides)
    }

    /// Renders everything, and says how the batch ended.
    fn finish(&self) -> anyhow::Result<u8> {
        let book = Book { missing: self.spec.missing.clone(), ..self.book(|_| true) };
        for entry in book.entries() {
            output::student(&self.store, &entry, self.lab())?;
        }
        output::batch(&self.store, &book, self.lab(), &self.how(&book))?;
        let broken = book.attempts.iter().filter(|one| one.status == Status::InfrastructureError);
        let broken: Vec<&Attempt> = broken.collect();
        for attempt in &broken {
            let who: Vec<&str> =
                attempt.submission.students.iter().map(|student| student.id.as_str()).collect();
            let reason = output::line(attempt.reason.as_deref().unwrap_or_default());
            self.progress.say(&format!("{}: no grade: {reason}", who.join(", ")));
        }
        let page = self.store.root().join("index.html");
        self.progress.say(&format!("results: {}", page.display()));
        Ok(if broken.is_empty() { ALL_GRADED } else { SOME_NOT_GRADED })
    }

    /// Fills in the grade books of other systems.
    fn fill_in(&self, args: &Args) -> anyhow::Result<()> {
        let book = self.book(|_| true);
        let fill = |name: &str, path: &PathBuf, with: &dyn Fn(&[u8]) -> anyhow::Result<Filled>| {
            let exported = std::fs::read(path).with_context(|| path.display().to_string())?;
            let filled = with(&exported).with_context(|| path.display().to_string())?;
            store::write(&self.store.root().join(name), &filled.csv)?;
            self.progress.say(&format!("{name}: {} grades filled in", filled.count));
            if !filled.without_row.is_empty() {
                let missing = filled.without_row.join(", ");
                self.progress.say(&format!("{name} has no row for {missing}"));
            }
            anyhow::Ok(())
        };
        if let (Some(path), Some(column)) = (&args.canvas, &args.column) {
            fill("canvas.csv", path, &|exported| tables::fill_canvas(&book, exported, column))?;
        }
        if let Some(path) = &args.moodle {
            fill("moodle.csv", path, &|exported| tables::fill_moodle(&book, exported))?;
        }
        Ok(())
    }

    fn how(&self, book: &Book) -> Vec<(&'static str, String)> {
        let tiers: BTreeSet<&str> = book
            .attempts
            .iter()
            .filter_map(|attempt| Some(attempt.outcome.as_ref()?.confinement.as_str()))
            .collect();
        let compiler = self.spec.toolchain.lines().next().unwrap_or_default();
        vec![
            ("seeds", format!("suite seed {}, {} a run test", self.spec.seed, self.spec.seeds)),
            ("suite", self.spec.suite[..16].to_owned()),
            ("compiler", compiler.to_owned()),
            ("confinement", tiers.into_iter().collect::<Vec<&str>>().join(", ")),
        ]
    }
}

impl Follower for Batch {
    fn say(&mut self, what: &str) {
        self.progress.say(what);
    }

    fn known(&mut self, key: &Key) {
        let students: BTreeSet<&str> = self
            .spec
            .submissions
            .iter()
            .filter(|one| one.key.as_ref() == Some(key))
            .flat_map(|one| &one.submission.students)
            .map(|student| student.id.as_str())
            .collect();
        let theirs = |one: &Listed| {
            one.submission.students.iter().any(|student| students.contains(student.id.as_str()))
        };
        let book = self.book(theirs);
        for entry in book.entries() {
            if !students.contains(entry.student.id.as_str()) {
                continue;
            }
            if let Err(error) = output::student(&self.store, &entry, self.lab()) {
                self.progress.say(&format!("{}: {error:#}", entry.student.id));
            }
        }
        let attempt = book.attempts.iter().find(|attempt| attempt.key.as_ref() == Some(key));
        let percent = attempt.and_then(|attempt| {
            let grade = attempt.grade.as_ref()?;
            (grade.raw.as_hundredths() * 100).checked_div(grade.raw_possible.as_hundredths())
        });
        self.progress.done(percent);
    }
}
