//! Measures the time and memory for checking the recorded histories on one thread.
//!
//! Each history is checked repeatedly for a while, and the fastest time counts, because slower times on a
//! shared machine include other load. Reading the file is not included.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use faultlab::linearizability::formats::{self, Recorded};
use faultlab::linearizability::models::{KeyValue, Register};
use faultlab::linearizability::{Checker, Report};

/// How long each history is checked.
const TIME_EACH: Duration = Duration::from_millis(30);
const RUNS_MIN: u32 = 3;

fn check(history: &Recorded, partition: bool) -> Report {
    match history {
        Recorded::Register(history) => {
            Checker::new(&Register).threads(1).partition(partition).check(history)
        }
        Recorded::KeyValue(history) => {
            Checker::new(&KeyValue).threads(1).partition(partition).check(history)
        }
    }
}

/// The time of the fastest of several checks, and its report.
fn measure(history: &Recorded, partition: bool) -> (Duration, Report) {
    let started = Instant::now();
    let mut best: Option<(Duration, Report)> = None;
    let mut runs = 0;
    while runs < RUNS_MIN || started.elapsed() < TIME_EACH {
        let start = Instant::now();
        let report = black_box(check(black_box(history), partition));
        let took = start.elapsed();
        if best.as_ref().is_none_or(|(fastest, _)| took < *fastest) {
            best = Some((took, report));
        }
        runs += 1;
    }
    best.expect("at least one run")
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/histories");
    let read = |file: &str| {
        let text = std::fs::read_to_string(folder.join(file)).expect("a test file");
        formats::parse(&text, None, None).expect("a history")
    };
    let verdicts = std::fs::read_to_string(folder.join("verdicts.tsv")).expect("the verdicts");
    let files: Vec<&str> =
        verdicts.lines().skip(1).filter_map(|row| row.split('\t').next()).collect();

    println!("| history | verdict | time | configurations | memory |");
    println!("|---|---|---|---|---|");
    let row = |name: &str, took: Duration, report: &Report| {
        println!(
            "| {name} | {} | {:.3} ms | {} | {:.1} KB |",
            if report.verdict.is_linearizable() { "yes" } else { "no" },
            took.as_secs_f64() * 1e3,
            report.cost.configurations,
            report.cost.memory_bytes as f64 / 1e3,
        );
    };
    let mut times = Vec::new();
    for file in files.iter().filter(|file| file.starts_with("etcd/")) {
        let (took, report) = measure(&read(file), true);
        times.push(took);
        if ["etcd/etcd_002.log", "etcd/etcd_007.log", "etcd/etcd_057.log"].contains(file) {
            row(file, took, &report);
        }
    }
    times.sort_unstable();
    for file in files.iter().filter(|file| file.starts_with("kv/")) {
        let history = read(file);
        let (took, report) = measure(&history, true);
        row(file, took, &report);
        let (took, report) = measure(&history, false);
        row(&format!("{file}, unpartitioned"), took, &report);
    }
    let total: Duration = times.iter().sum();
    println!(
        "\netcd: {} histories in {:.2} ms; median {:.3} ms, slowest {:.3} ms",
        times.len(),
        total.as_secs_f64() * 1e3,
        times[times.len() / 2].as_secs_f64() * 1e3,
        times[times.len() - 1].as_secs_f64() * 1e3,
    );
}
