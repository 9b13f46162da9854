//! Helpers for comparisons with other tools: repeated measurements, and a Markdown table.

pub mod anysystem_ping;
pub mod stateright_append;
pub mod stateright_paxos;
pub mod stateright_plain;

use std::time::{Duration, Instant};

/// Runs `work` `repeats` times after one warm-up, and returns the median time.
pub fn median(repeats: usize, mut work: impl FnMut()) -> Duration {
    work();
    let mut times: Vec<Duration> = (0..repeats)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// A row of a table.
pub struct Row {
    /// The tool.
    pub name: &'static str,
    /// How many units of work it did.
    pub units: u64,
    /// The median time for all of them.
    pub time: Duration,
}

/// Prints rows as a Markdown table, with each rate relative to the first row's.
pub fn print_table(title: &str, unit: &str, rows: &[Row]) {
    println!("\n### {title}\n");
    println!("| tool | {unit} | seconds | million {unit} a second | first is faster by |");
    println!("|---|--:|--:|--:|--:|");
    let rate = |row: &Row| row.units as f64 / row.time.as_secs_f64() / 1e6;
    for row in rows {
        println!(
            "| {} | {} | {:.3} | {:.2} | {:.1} |",
            row.name,
            row.units,
            row.time.as_secs_f64(),
            rate(row),
            rate(&rows[0]) / rate(row),
        );
    }
}
