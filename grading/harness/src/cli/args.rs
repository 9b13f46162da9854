//! Command-line arguments.

use std::path::{Path, PathBuf};

use clap::Parser;
use faultlab_suites::{SEED, SEEDS, TestNumber};

use crate::build::BaseLabOrigin;
use crate::shell::{quoted, reproduce};

/// Runs the tests of a lab and reports points.
///
/// Tests that fail for the same cause share one run, drawn on one screen; `-v` shows each by itself.
///
/// Exit codes: 0, all points; 1, some points lost; 2, usage error; 3, the submission does not
/// compile; 4, any other failure, such as a full disk.
#[derive(Clone, Debug, Parser)]
#[command(name = "run-tests.sh", bin_name = "./scripts/run-tests.sh", disable_version_flag = true)]
pub(super) struct Args {
    /// The lab, such as `lab1`
    pub(super) lab: String,

    /// Run only the tests of this part
    #[arg(short, long, value_name = "PART")]
    pub(super) part: Option<u32>,

    /// Run only these tests, such as `2.4` or `2.4,2.5`
    #[arg(short = 'n', long = "test", value_name = "TEST", value_delimiter = ',')]
    pub(super) tests: Vec<String>,

    /// Skip run tests
    #[arg(long)]
    pub(super) no_run: bool,

    /// Skip search tests
    #[arg(long)]
    pub(super) no_search: bool,

    /// The seed of the suite, from which the seeds of all runs are derived; `random` draws one and prints it
    #[arg(long, value_name = "S", default_value_t = SEED, value_parser = seed)]
    pub(super) seed: u64,

    /// How many seeds to run per run test
    #[arg(long, value_name = "K", default_value_t = SEEDS, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) seeds: u64,

    /// Run each test with this seed only, as named in a report, and show a failing run as it is, not shrunk
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seed", "seeds"])]
    pub(super) only_seed: Option<u64>,

    // Staff can name a `.patch` file of the reference solution as well, for which reference solutions are the default
    // base labs. A handout has none, so the help does not mention it.
    /// Test the `.rs` files in this folder or archive instead of the lab's `src/`. Labs that the lab builds on are
    /// taken from folders of their names in it or beside it, or else from your own
    #[arg(long, value_name = "DIR")]
    pub(super) submission: Option<PathBuf>,

    /// For a lab that builds on other labs: whether to use your own versions of these, or their
    /// reference solutions, which only instructors have [default: `own`]
    #[arg(long, value_name = "WHOSE", hide_possible_values = true)]
    pub(super) base_lab: Option<BaseLabOrigin>,

    /// List the tests and what they assert; with `-v`, also what a run may use
    #[arg(long)]
    pub(super) list: bool,

    /// List the files that belong into an archive, each with its path there, for `submit.sh`
    #[arg(long, hide = true, conflicts_with = "submission")]
    pub(super) files_to_submit: bool,

    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    /// Write the report as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,

    /// Write the report as a web page, with the runs
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,

    /// Rerun on every save
    #[arg(long, conflicts_with = "breakpoints")]
    pub(super) watch: bool,

    /// Save the trace of each run that the report shows in this folder [default: `traces/LAB`]
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    pub(super) save_traces: Option<Option<PathBuf>>,

    /// Replay these saved traces, or all in `traces/LAB` (or the folder given with
    /// `--save-traces`). Each is reported as reproduced, fixed, or no longer applicable. Exit code
    /// 0 means that all are fixed
    #[arg(long, value_name = "FILE", num_args = 0.., conflicts_with_all = ["watch", "list", "breakpoints", "junit", "json", "html"])]
    pub(super) replay: Option<Vec<PathBuf>>,

    /// Run one test with one seed in one process without limits, for a debugger
    #[arg(long)]
    pub(super) breakpoints: bool,

    /// How many runs to execute in parallel
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(super) jobs: Option<u16>,

    /// Show every failing test by itself, also those with the same cause; what each test asserts, every
    /// failing seed, the cost of each handler
    #[arg(short, long)]
    pub(super) verbose: bool,

    /// Show every event of a failing run instead of an excerpt
    #[arg(long)]
    pub(super) full: bool,

    /// Stop at the first test that does not pass
    #[arg(long)]
    pub(super) first: bool,

    /// Show a hint for the first failing test: each time the next one, or hint N
    #[arg(long, value_name = "N", num_args = 0..=1)]
    pub(super) hint: Option<Option<usize>>,

    /// Print ASCII only, as in a locale without UTF-8, such as `LC_ALL=C`
    #[arg(long)]
    pub(super) ascii: bool,
}

impl Args {
    /// The command that reproduces one test, or one of its seeds.
    pub(super) fn reproduce(&self, test: TestNumber, only_seed: Option<u64>) -> String {
        let only_seed = only_seed.or(self.only_seed);
        let mut command = reproduce(&self.lab, test, only_seed, self.seed, self.seeds);
        if let Some(submission) = &self.submission {
            command
                .push_str(&format!(" --submission {}", quoted(&submission.display().to_string())));
        }
        command.push_str(&self.base_lab_option());
        command
    }

    fn base_lab_option(&self) -> String {
        let given = self.base_lab.map(|whose| format!(" --base-lab {}", whose.as_str()));
        given.unwrap_or_default()
    }

    /// The command that replays saved runs, to be given in the workspace's `root`, which may not be
    /// the current folder.
    pub(super) fn replay_saved(&self, here: &Path, root: &Path) -> String {
        let option = |name: &str, path: Option<&Path>| match path {
            Some(path) => {
                let path = if here == root { path.to_owned() } else { here.join(path) };
                format!(" --{name} {}", quoted(&path.display().to_string()))
            }
            None => String::new(),
        };
        format!(
            "./scripts/run-tests.sh {}{}{}{} --replay",
            self.lab,
            option("submission", self.submission.as_deref()),
            self.base_lab_option(),
            option("save-traces", self.save_traces.as_ref().and_then(Option::as_deref)),
        )
    }
}

/// A seed as it is written on the command line.
fn seed(text: &str) -> Result<u64, String> {
    match text {
        "random" => Ok(rand::random()),
        number => {
            number.parse().map_err(|_| "a seed is a number below 2^64, or `random`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_saved_in_the_default_folder_or_a_given_one() {
        let folder = |line: &[&str]| {
            let line = ["run-tests.sh", "lab1"].iter().chain(line);
            Args::try_parse_from(line).expect("it is usage").save_traces
        };
        assert_eq!(folder(&[]), None);
        assert_eq!(folder(&["--save-traces"]), Some(None));
        assert_eq!(folder(&["--save-traces", "--replay"]), Some(None));
        assert_eq!(folder(&["--save-traces", "mine"]), Some(Some(PathBuf::from("mine"))));
    }

    #[test]
    fn the_replay_command_names_the_saved_traces() {
        let command = |line: &[&str], here: &str| {
            let line = ["run-tests.sh", "lab1"].iter().chain(line);
            let args = Args::try_parse_from(line).expect("it is usage");
            args.replay_saved(Path::new(here), Path::new("/ws"))
        };
        assert_eq!(command(&["--save-traces"], "/ws"), "./scripts/run-tests.sh lab1 --replay");
        let line = ["--submission", "my work", "--save-traces", "mine"];
        assert_eq!(
            command(&line, "/ws"),
            "./scripts/run-tests.sh lab1 --submission 'my work' --save-traces mine --replay"
        );
        assert_eq!(
            command(&line, "/ws/labs"),
            "./scripts/run-tests.sh lab1 --submission '/ws/labs/my work' \
             --save-traces /ws/labs/mine --replay"
        );
    }

    #[test]
    fn the_reproduce_command_contains_only_non_default_options() {
        let args = |line: &[&str]| {
            Args::try_parse_from(["run-tests.sh", "lab1"].iter().chain(line)).expect("it is usage")
        };
        let number = TestNumber { part: 2, place: 4 };
        assert_eq!(args(&[]).reproduce(number, None), "./scripts/run-tests.sh lab1 -n 2.4");
        assert_eq!(
            args(&["--seed", "7", "--seeds", "3"]).reproduce(number, None),
            "./scripts/run-tests.sh lab1 -n 2.4 --seed 7 --seeds 3"
        );
        assert_eq!(
            args(&["--seed", "7", "--submission", "my work"]).reproduce(number, Some(99)),
            "./scripts/run-tests.sh lab1 -n 2.4 --only-seed 99 --submission 'my work'"
        );
        assert_eq!(
            args(&["--base-lab", "reference"]).reproduce(number, None),
            "./scripts/run-tests.sh lab1 -n 2.4 --base-lab reference"
        );
    }
}
