//! Counts the states of the at-most-once protocol: `count_states CLIENTSxAPPENDS:same|different [THREADS]`.

#[path = "../tests/fixtures/at_most_once.rs"]
mod at_most_once;

use std::num::NonZeroUsize;
use std::process::ExitCode;

use at_most_once::{Keys, search, submission};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((clients, appends, keys)) = arguments.first().and_then(|text| size(text)) else {
        eprintln!("usage: count_states CLIENTSxAPPENDS:same|different [THREADS]");
        return ExitCode::FAILURE;
    };
    let threads = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(NonZeroUsize::MIN);
    let report = search(clients, appends, keys).threads(threads).run(&submission());
    let statistics = &report.statistics;
    println!("{:?}", report.outcome);
    println!("{statistics:#?}");
    println!(
        "{:.2} million states and {:.2} million transitions a second, {:.1} bytes a state",
        statistics.states_per_second() / 1e6,
        statistics.transitions as f64 / statistics.elapsed.as_secs_f64() / 1e6,
        statistics.peak_bytes as f64 / statistics.states as f64,
    );
    ExitCode::SUCCESS
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
