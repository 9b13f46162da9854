//! The options of `grade.sh`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use faultlab_harness::build::BaseLabOrigin;
use faultlab_sandbox::Tier;
use faultlab_suites::{SEEDS, TestNumber};

use crate::spec;

/// Grades a folder of submissions.
///
/// Run the same command again to resume an interrupted batch. Exit codes: 0, everyone who submitted
/// has a grade; 1, some submissions could not be graded because of an infrastructure error; 2,
/// usage error; 4, nothing could be graded, for example because another grader uses the results folder. With `--check`: 0, the archive would be graded; 3, it
/// would be refused, or does not compile.
#[derive(Clone, Debug, Parser)]
#[command(name = "grade.sh", bin_name = "grade.sh", disable_version_flag = true)]
pub(super) struct Args {
    /// The lab, such as `lab1`
    #[arg(required_unless_present_any = ["judge", "open", "regrade_diff", "worker", "watch", "export_similarity"])]
    pub(super) lab: Option<String>,

    /// The folder of submissions: one folder or archive per student
    #[arg(required_unless_present_any = ["judge", "open", "regrade_diff", "worker", "gradescope", "pack", "check", "check_suite", "watch", "export_similarity"])]
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

    /// How to put submissions right: which archive counts, files to rename or add [default: `fixes.toml`
    /// in the results folder, if it exists]
    #[arg(long, value_name = "TOML")]
    pub(super) fixes: Option<PathBuf>,

    /// Comments by hand [default: `comments.csv` in the results folder, if it exists]
    #[arg(long, value_name = "CSV")]
    pub(super) comments: Option<PathBuf>,

    /// Texts and points that comments refer to [default: `rubric.csv` in the results folder, if it exists]
    #[arg(long, value_name = "CSV")]
    pub(super) rubric: Option<PathBuf>,

    /// Additional hours until the deadline: `student,hours` [default: `extensions.csv` in the results
    /// folder, if it exists]
    #[arg(long, value_name = "CSV")]
    pub(super) extensions: Option<PathBuf>,

    /// The late days used in earlier labs: the `late-days.csv` of the one before
    #[arg(long, value_name = "CSV")]
    pub(super) late_days: Option<PathBuf>,

    /// Write a folder with the feedback of each student who has a grade, and a table for mail merge
    #[arg(long, value_name = "DIR")]
    pub(super) release: Option<PathBuf>,

    /// Grade only the I-th of N equal shares of the submissions, for example on one of N machines
    #[arg(long, value_name = "I/N")]
    pub(super) shard: Option<Shard>,

    /// Take over what was graded into other results folders, such as those of shards
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    pub(super) merge: Vec<PathBuf>,

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

    /// The most processor time that a submission's tests may use, in seconds. Tests that are not done by then fail,
    /// the others count
    #[arg(long, value_name = "SECONDS", default_value_t = spec::CPU_S, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) cpu_limit: u64,

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

    /// Check the lab's suite and, with `--policy` and `--hidden`, that these fit it. Grades nothing
    #[arg(long, conflicts_with_all = ["submissions", "gradescope", "pack", "check"])]
    pub(super) check_suite: bool,

    /// Show a page about the batch in this results folder while it is graded, for a browser on this machine
    #[arg(long, value_name = "DIR", conflicts_with = "submissions")]
    pub(super) watch: Option<PathBuf>,

    /// The port of that page [default: a free one]
    #[arg(long, value_name = "PORT", requires = "watch")]
    pub(super) port: Option<u16>,

    /// Write the sources to a folder, ready for JPlag and Dolos, with the skeleton as base code, and list
    /// submissions that behave alike
    #[arg(long, value_name = "DIR", conflicts_with = "submissions")]
    pub(super) export_similarity: Option<PathBuf>,

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

/// One of several equal shares of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    /// Which one, counted from 0.
    pub index: usize,
    /// How many there are.
    pub count: NonZeroUsize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (number, count) = text.split_once('/')?;
            let (number, count) = (number.parse::<usize>().ok()?, count.parse().ok()?);
            let index = number.checked_sub(1)?;
            (number <= NonZeroUsize::get(count)).then_some(Self { index, count })
        };
        parse().ok_or_else(|| format!("`{text}` is not a share, such as 1/4 for the first of four"))
    }
}

/// Where judges run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExecutorName {
    Local,
    Parallel,
    Slurm,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_from_one() {
        let last: Shard = "4/4".parse().expect("it is one");
        assert_eq!((last.index, last.count.get()), (3, 4));
        for wrong in ["0/4", "5/4", "1/0", "1", "a/b", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
