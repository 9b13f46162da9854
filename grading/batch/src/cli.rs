//! The command line: `grade.sh`.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Parser, ValueEnum};
use faultlab_harness::build::Workspace;
use faultlab_sandbox::Tier;
use faultlab_suites::{SEED, SEEDS, TestNumber};

use crate::anonymous::Names;
use crate::batch::Batch;
use crate::book::Listed;
use crate::diff;
use crate::engine::{Engine, Follower as _, Local, Parallel, Slurm, Work};
use crate::intake::{self, Contents, Intake, Limits};
use crate::judge;
use crate::judge::Host;
use crate::judge::hidden::{Compiled, Hidden};
use crate::open;
use crate::outcome::Infrastructure;
use crate::output;
use crate::platform;
use crate::policy::{self, Override, Policy, overrides};
use crate::spec::{self, Spec};
use crate::store::{self, Key, LockError, Store};
use crate::usage::Usage;

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
/// Run it again with the same words and it goes on where it was. Exit code 0: everybody who was to be graded
/// has a grade. 1: for some, something went wrong on our side. 2: bad usage. 4: nothing could be done.
#[derive(Clone, Debug, Parser)]
#[command(name = "grade.sh", bin_name = "grade.sh", disable_version_flag = true)]
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

/// The whole of a grader into which something hidden was compiled.
#[must_use]
pub fn main_with(hidden: Compiled) -> ExitCode {
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
    let store = Store::new(&args.out);
    let judged = judge::judge(&store, &key, None);
    if let Err(error) = &judged {
        // For those who started this process elsewhere. Where it cannot be written, they say what they know.
        let _ = store.put_infrastructure(&key, &Infrastructure::now(format!("{error:#}")));
    }
    judged.map(|()| ALL_GRADED)
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
    let program = match args.hidden.as_deref().map(Hidden::read).transpose()? {
        Some(hidden) => hidden.program(&workspace)?,
        None => std::env::current_exe().context("where is this program?")?,
    };
    judge::pack::pack(folder, &program, &lab, &judge::libraries(&workspace)?)?;
    Ok(ALL_GRADED)
}

fn batch(args: &Args) -> anyhow::Result<u8> {
    let (Some(lab), Some(submissions)) = (&args.lab, &args.submissions) else {
        return Err(Usage("which lab, and which submissions?".to_owned()).into());
    };
    let workspace = Workspace::of_this_program()?;
    let files = spec::lab_files(&workspace, lab).map_err(|error| Usage(error.to_string()))?;
    let store = Store::new(&args.out);
    let _lock = store.lock()?;

    let intake = intake::read(submissions, args.roster.as_deref(), &files, &Limits::default());
    let mut intake = intake.map_err(|error| Usage(format!("{error:#}")))?;
    let strangers = std::mem::take(&mut intake.not_on_roster);
    let passed_over = std::mem::take(&mut intake.passed_over);
    let spec = take_in(args, lab, &store, intake)?;
    let (policy, overrides, to_look_at) =
        by_hand(args, &store, &spec).map_err(|error| Usage(format!("{error:#}")))?;
    spec.write(&store)?;
    let names = if args.anonymous { Some(Names::of(&spec, &store)?) } else { None };
    // Once, before many processes ask for it at the same time.
    judge::libraries(&workspace)?;

    let host = Host::find_out(&store, args.require_sandbox)?;
    let mut batch = Batch::new(store, spec, policy, overrides, names);
    let keys = batch.to_do(&args.only)?;
    batch.say_start(keys.len(), &strangers, &passed_over);
    to_look_at.iter().for_each(|note| batch.say(note));
    if !keys.is_empty() {
        let tier = host.sandbox.tier();
        batch.say(&format!("confinement: {tier}: {}", tier.description()));
        for finding in host.sandbox.findings() {
            batch.say(&format!("not better, because: {finding}"));
        }
    }
    batch.start(keys.len(), args.quiet)?;
    if !keys.is_empty() {
        let jobs = args.jobs.or_else(|| thread::available_parallelism().ok());
        for key in &keys {
            // What went wrong before is not what goes wrong now.
            batch.store().forget_infrastructure(key)?;
        }
        let work = Work {
            // Processes elsewhere start in other folders.
            store: Store::new(&batch.store().root().canonicalize()?),
            program: unit_program(args, &workspace)?,
            keys,
            jobs: jobs.map_or(1, NonZeroUsize::get),
            unit_max: Duration::from_secs(args.unit_minutes * 60),
        };
        engine(args).run(&work, &mut batch)?;
    }
    let all_graded = batch.finish(&args.only)?;
    batch.fill_in(args.canvas.as_deref().zip(args.column.as_deref()), args.moodle.as_deref())?;
    regrade_diff(args)?;
    Ok(if all_graded { ALL_GRADED } else { SOME_NOT_GRADED })
}

/// The policy and the overrides, if they fit what is graded.
/// The policy, what was given by hand, and what somebody should look at twice in them.
fn by_hand(
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
        ensure!(known.contains(student), "{file}: there is no student `{student}` in this batch");
        anyhow::Ok(())
    };
    // Hidden tests are known to another program.
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
                "{path}: `{student}` has {points} points for test {test}, which has {possible}; is that meant?"
            ));
        }
    }
    Ok((policy, overrides, notes))
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
        require_sandbox: args.require_sandbox,
        suite: suite_hash,
        toolchain: spec::toolchain()?,
        submissions: Vec::new(),
        missing: Vec::new(),
    })
}
