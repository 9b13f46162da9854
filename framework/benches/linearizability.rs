//! How long histories take to check, and how much memory, on one thread: those that others recorded where they are
//! found (see `tests/recorded`), or else the generated ones in `tests/data/histories`.
//!
//! Each history is checked repeatedly for a while, and the fastest time counts: on a shared
//! machine, anything slower measures the neighbours. Reading the file is not included.

#[path = "../tests/recorded/mod.rs"]
mod recorded;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use faultlab::linearizability::formats::{self, Options, Recorded};
use faultlab::linearizability::models::{KeyValue, Keyed, Register};
use faultlab::linearizability::{CheckResult, Checker, Report};

/// How long each history is checked.
const TIME_EACH: Duration = Duration::from_millis(30);
const RUNS_MIN: u32 = 3;

/// How many of the registers that take longest have a row of their own.
const SLOWEST: usize = 3;
/// The registers that BENCHMARKS.md has rows of.
const NAMED: [&str; 3] = ["etcd/etcd_002.log", "etcd/etcd_007.log", "etcd/etcd_057.log"];

fn check(history: &Recorded, partition: bool) -> Report {
    match history {
        Recorded::Register(history) => {
            Checker::new(&Register::new()).threads(1).partition(partition).check(history)
        }
        Recorded::Registers(history) => {
            let model = Keyed::<Register<_>>::default();
            Checker::new(&model).threads(1).partition(partition).check(history)
        }
        Recorded::KeyValue(history) => {
            Checker::new(&KeyValue).threads(1).partition(partition).check(history)
        }
    }
}

/// The fastest of several checks, and what it cost.
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
    let folder = match recorded::folder() {
        Ok(folder) => {
            println!("Histories that others recorded, from {}.\n", folder.display());
            folder.join("histories")
        }
        Err(absent) => {
            println!("The recorded histories were not found: {absent}.");
            println!("These are the generated ones, from framework/tests/data/histories.\n");
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/histories")
        }
    };
    let mut registers = Vec::new();
    let mut stores = Vec::new();
    for recorded::Row { file, .. } in recorded::rows(&folder) {
        let text = std::fs::read_to_string(folder.join(&file)).expect("a history");
        let history = formats::parse(&text, &Options::default()).expect("a history").history;
        let of_kind = match history {
            Recorded::Register(_) | Recorded::Registers(_) => &mut registers,
            Recorded::KeyValue(_) => &mut stores,
        };
        of_kind.push((file, history));
    }

    println!("| history | verdict | time | configurations | memory |");
    println!("|---|---|---|---|---|");
    let row = |name: &str, took: Duration, report: &Report| {
        println!(
            "| {name} | {} | {:.3} ms | {} | {:.1} KB |",
            match &report.verdict {
                CheckResult::Linearizable { .. } => "yes".to_owned(),
                CheckResult::NotLinearizable(_) => "no".to_owned(),
                CheckResult::Unknown(limit) => format!("unknown: {limit}"),
            },
            took.as_secs_f64() * 1e3,
            report.cost.configurations,
            report.cost.memory_bytes as f64 / 1e3,
        );
    };
    let mut measured: Vec<_> = registers
        .iter()
        .map(|(file, history)| (measure(history, true), file.as_str()))
        .map(|((took, report), file)| (took, report, file))
        .collect();
    measured.sort_by_key(|(took, ..)| *took);
    for (at, (took, report, file)) in measured.iter().enumerate() {
        if NAMED.contains(file) || at + SLOWEST >= measured.len() {
            row(file, *took, report);
        }
    }
    for (file, history) in &stores {
        let (took, report) = measure(history, true);
        row(file, took, &report);
        // With fifty clients at once there is more to search than anybody waits for.
        if !file.contains("c50") {
            let (took, report) = measure(history, false);
            row(&format!("{file}, unpartitioned"), took, &report);
        }
    }
    let total: Duration = measured.iter().map(|(took, ..)| *took).sum();
    println!(
        "\nregisters: {} histories in {:.2} ms; median {:.3} ms, slowest {:.3} ms",
        measured.len(),
        total.as_secs_f64() * 1e3,
        measured[measured.len() / 2].0.as_secs_f64() * 1e3,
        measured[measured.len() - 1].0.as_secs_f64() * 1e3,
    );
}
