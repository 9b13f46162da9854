//! Counts the states of the at-most-once protocol.
//!
//! `count_states CLIENTSxAPPENDS:same|different [THREADS] [elsewhere]`. With `elsewhere`, the nodes run in
//! two other processes, as in grading.

#[path = "../../../framework/tests/fixtures/at_most_once.rs"]
mod at_most_once;

use std::io;
use std::num::NonZeroUsize;
use std::process::{Command, ExitCode};
use std::time::Duration;

use at_most_once::{Keys, search, submission, system};
use faultlab_remote::{Process, ProcessPool, SERVE_NODES, SharedProcessPool};

/// How long the node processes may take per batch.
const TIME_LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == SERVE_NODES) {
        return faultlab_remote::main(&submission());
    }
    let Some((clients, appends, keys)) = arguments.first().and_then(|text| size(text)) else {
        eprintln!("usage: count_states CLIENTSxAPPENDS:same|different [THREADS] [elsewhere]");
        return ExitCode::FAILURE;
    };
    let threads = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(NonZeroUsize::MIN);
    let search = search(clients, appends, keys).threads(threads);
    let report = if arguments.iter().any(|word| word == "elsewhere") {
        let nodes = system(clients, appends, keys).descriptors();
        let pool = SharedProcessPool::new(ProcessPool::new(2, |_| start()));
        search.run_with(&pool.steps(nodes))
    } else {
        search.run(&submission())
    };
    let statistics = &report.statistics;
    println!("{:?}", report.result);
    println!("{statistics:#?}");
    println!(
        "{:.2} million states and {:.2} million events per second, {:.1} bytes per state",
        statistics.states_per_second() / 1e6,
        statistics.transitions as f64 / statistics.elapsed.as_secs_f64() / 1e6,
        statistics.peak_bytes as f64 / statistics.states as f64,
    );
    ExitCode::SUCCESS
}

/// Starts this program again, to serve nodes.
fn start() -> io::Result<Process> {
    Process::spawn(Command::new(std::env::current_exe()?).arg(SERVE_NODES), TIME_LIMIT)
}

/// `3x4:same` as clients, appends and keys.
fn size(text: &str) -> Option<(usize, u64, Keys)> {
    let (size, keys) = text.split_once(':')?;
    let (clients, appends) = size.split_once('x')?;
    let keys = match keys {
        "same" => Keys::Same,
        "different" => Keys::Different,
        _ => return None,
    };
    Some((clients.parse().ok()?, appends.parse().ok()?, keys))
}
