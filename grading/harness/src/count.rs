//! Counts the states of one search, to compare model checkers and solutions.

use std::num::NonZeroUsize;
use std::process::ExitCode;

use faultlab::hosting::Submission;
use faultlab::search::{Report, SearchResult};
use faultlab_suites::Suite;
use serde::Serialize;

/// The result of counting.
#[derive(Clone, Debug, Serialize)]
struct Counted {
    count: String,
    outcome: &'static str,
    states: u64,
    depth: usize,
    transitions: u64,
    handler_calls: u64,
    threads: usize,
    seconds: f64,
    states_per_second: f64,
    peak_bytes_per_state: f64,
    /// Whether full states were compared, which excludes collisions.
    exact: bool,
    collision_bound: f64,
}

/// A search to be counted.
pub(crate) struct Count {
    /// The search, in the words of its lab.
    pub(crate) spec: String,
    pub(crate) threads: NonZeroUsize,
    /// Whether full states are compared.
    pub(crate) exact: bool,
}

impl Count {
    /// Runs the search and prints its statistics as a table or as JSON.
    pub(crate) fn run(&self, suite: &Suite, submission: &Submission, json: bool) -> ExitCode {
        let Some(search) = suite.count_search() else {
            eprintln!("{} has no search to count", suite.lab());
            return ExitCode::from(2);
        };
        let search = match search(&self.spec) {
            Ok(search) => search.threads(self.threads),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::from(2);
            }
        };
        let search = if self.exact { search.exact() } else { search };
        let report = search.run(submission);
        let counted = self.counted(&report);
        if json {
            match serde_json::to_string_pretty(&counted) {
                Ok(text) => println!("{text}"),
                Err(error) => eprintln!("{error}"),
            }
        } else {
            print(&counted);
        }
        ExitCode::from(u8::from(report.result != SearchResult::Exhausted))
    }

    fn counted(&self, report: &Report) -> Counted {
        let statistics = &report.statistics;
        Counted {
            count: self.spec.clone(),
            outcome: match report.result {
                SearchResult::Exhausted => "space-exhausted",
                SearchResult::GoalFound(_) => "goal-found",
                SearchResult::Violated(_) => "invariant-violated",
                SearchResult::Failed(_) => "handler-failed",
                SearchResult::LimitReached(_) => "limit-reached",
                SearchResult::InvalidStart(_) => "could-not-start",
            },
            states: statistics.states,
            depth: statistics.depth,
            transitions: statistics.transitions,
            handler_calls: statistics.handler_calls,
            threads: self.threads.get(),
            seconds: statistics.elapsed.as_secs_f64(),
            states_per_second: statistics.states_per_second(),
            peak_bytes_per_state: statistics.peak_bytes as f64 / statistics.states.max(1) as f64,
            exact: self.exact,
            collision_bound: statistics.collision_bound,
        }
    }
}

fn print(counted: &Counted) {
    let row = |name: &str, value: String| println!("{name:>22}  {value}");
    row("count", counted.count.clone());
    row("outcome", counted.outcome.replace('-', " "));
    row("states", counted.states.to_string());
    row("depth", counted.depth.to_string());
    row("transitions", counted.transitions.to_string());
    row("handler calls", counted.handler_calls.to_string());
    row("threads", counted.threads.to_string());
    row("seconds", format!("{:.3}", counted.seconds));
    row("states a second", format!("{:.0}", counted.states_per_second));
    row("peak bytes a state", format!("{:.1}", counted.peak_bytes_per_state));
    row(
        "compared",
        if counted.exact { "full states" } else { "fingerprints of 64 bits" }.to_owned(),
    );
    row("collision bound", format!("{:.1e}", counted.collision_bound));
}
