//! The options of `grade.sh`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use faultlab_harness::build::BaseLabOrigin;
use faultlab_sandbox::Tier;
use faultlab_suites::{SEEDS, TestNumber};

/// Grades a folder of submissions.
///
/// Run the same command again to resume an interrupted batch. Exit codes: 0, everyone who submitted
/// has a grade; 1, some submissions could not be graded because of an infrastructure error; 2,
/// usage error; 4, nothing could be graded. With `--check`: 0, the archive would be graded; 3, it
/// would be refused, or does not compile.
#[derive(Clone, Debug, Parser)]
#[command(name = "grade.sh", bin_name = "grade.sh", disable_version_flag = true)]
pub(super) struct Args {
    /// The lab, such as `lab1`
    #[arg(required_unless_present_any = ["judge", "open", "regrade_diff", "worker"])]
    pub(super) lab: Option<String>,

    /// The folder of submissions: one folder or archive per student
    #[arg(required_unless_present_any = ["judge", "open", "regrade_diff", "worker", "gradescope", "pack", "check"])]
    pub(super) submissions: Option<PathBuf>,

    /// Where to write the results
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(super) out: PathBuf,

    /// How many submissions to grade at a time
    #[arg(short, long, value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,

    /// The suite's seed
    #[arg(long, value_name = "S")]
    pub(super) seed: Option<u64>,

    /// How many seeds to run per run test
    #[arg(long, value_name = "K", default_value_t = SEEDS, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) seeds: u64,

    /// For a lab that builds on other labs: whose versions of these to use. `own`: the student's, and
    /// the reference solution where that is absent or does not compile; `reference`: the reference
    /// solutions
    #[arg(long, value_name = "WHOSE", default_value = "own", hide_possible_values = true)]
    pub(super) base_lab: BaseLabOrigin,

    /// Grade only these students
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(super) only: Vec<String>,

    /// The students in the course: a CSV file, an exported Canvas gradebook, or a Moodle grading
    /// worksheet
    #[arg(long, value_name = "CSV")]
    pub(super) roster: Option<PathBuf>,

    /// A policy that turns raw points into final ones
    #[arg(long, value_name = "TOML")]
    pub(super) policy: Option<PathBuf>,

    /// Points given by hand [default: `overrides.csv` in the results folder, if it exists]
    #[arg(long, value_name = "CSV")]
    pub(super) overrides: Option<PathBuf>,

    /// Where to run the judges: local processes, GNU parallel, or a Slurm cluster whose machines
    /// have the results and this program at the same paths
    #[arg(long, alias = "engine", value_name = "EXECUTOR", default_value = "local")]
    pub(super) executor: ExecutorName,

    /// Extra arguments for `parallel` or `sbatch`, such as `--partition=teaching`, quoted as in a shell
    #[arg(long, alias = "engine-words", value_name = "ARGS", allow_hyphen_values = true)]
    pub(super) executor_args: Option<String>,

    /// A folder with hidden tests or a hidden seed: `tests.rs`, `seed`
    #[arg(long, value_name = "DIR")]
    pub(super) hidden: Option<PathBuf>,

    /// Fail unless submissions can be confined at least this well: `bubblewrap+landlock+seccomp`,
    /// `namespaces+seccomp`, `landlock+seccomp+rlimits` or `rlimits`
    #[arg(long, value_name = "TIER")]
    pub(super) require_sandbox: Option<Tier>,

    /// Time limit per submission, in minutes; exceeding it is an infrastructure error
    #[arg(long, alias = "unit-minutes", value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    pub(super) submission_timeout: u64,

    /// Replace names, email addresses and student numbers in the results; `.work/who.csv` maps pseudonyms to students
    #[arg(long)]
    pub(super) anonymous: bool,

    /// Fill in an exported Canvas gradebook, given with `--column`; writes `canvas.csv`
    #[arg(long, value_name = "CSV", requires = "column")]
    pub(super) canvas: Option<PathBuf>,

    /// The assignment's column in the Canvas gradebook, or part of its name
    #[arg(long, value_name = "NAME")]
    pub(super) column: Option<String>,

    /// Fill in a Moodle grading worksheet; writes `moodle.csv`
    #[arg(long, value_name = "CSV")]
    pub(super) moodle: Option<PathBuf>,

    /// Compare with the results in another folder: whose points changed, and why. Grades nothing
    /// unless a lab and submissions are given
    #[arg(long, value_name = "OLD")]
    pub(super) regrade_diff: Option<PathBuf>,

    /// Show a student's failing run and the commands to investigate it
    #[arg(long, value_name = "STUDENT")]
    pub(super) open: Option<String>,

    /// The test to show with `--open`
    #[arg(short = 'n', long = "test", value_name = "TEST", requires = "open")]
    pub(super) test: Option<TestNumber>,

    /// Say what is in this archive or folder of one student, what of it is ignored and why, and
    /// whether it compiles. Runs no tests
    #[arg(long, value_name = "ARCHIVE", conflicts_with_all = ["submissions", "gradescope", "pack"])]
    pub(super) check: Option<PathBuf>,

    /// Grade the single submission in a Gradescope folder layout, such as `/autograder`
    #[arg(long, value_name = "DIR", conflicts_with = "submissions")]
    pub(super) gradescope: Option<PathBuf>,

    /// Pack this grader and everything it needs for the lab into a folder that can be moved
    #[arg(long, value_name = "DIR", conflicts_with = "submissions")]
    pub(super) pack: Option<PathBuf>,

    /// Do not show progress
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// Grade one submission of a batch; executors start this
    #[arg(long, value_name = "KEY", hide = true)]
    pub(super) judge: Option<String>,

    /// Run as a judge's worker
    #[arg(long, value_name = "JSON", hide = true)]
    pub(super) worker: Option<String>,

    /// Exit when standard input closes
    #[arg(long, hide = true, requires = "judge")]
    pub(super) attached: bool,
}

/// Where judges run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExecutorName {
    Local,
    Parallel,
    Slurm,
}
