//! Model checkers compared: Faultlab, Stateright and AnySystem, breadth-first.
//!
//! Each row runs in a separate process, so that peak memory is measured per row. Run all rows, or those
//! whose names contain a word: `cargo bench -p faultlab-peers --bench search -- paxos`.

use std::num::NonZeroUsize;
use std::process::Command;
use std::time::{Duration, Instant};

use faultlab::hosting::Submission;
use faultlab::random::mix;
use faultlab::search::{Report, Search, SearchResult};
use faultlab_peers::{anysystem_ping, stateright_append, stateright_paxos};
use stateright::{Checker, Model};

#[path = "../../../tests/fixtures/at_most_once.rs"]
mod at_most_once;
#[path = "../../../tests/fixtures/paxos.rs"]
mod paxos;

use at_most_once::Keys;

/// The environment variable with the name of the row that this process runs.
const ONE: &str = "FAULTLAB_PEERS_ROW";

/// Runs a row, and returns the number of states and a note.
type Run = Box<dyn Fn() -> (u64, String)>;

fn faultlab(threads: usize, search: fn() -> Search, submission: fn() -> Submission) -> Run {
    Box::new(move || {
        let threads = NonZeroUsize::new(threads).expect("not zero");
        let report = search().threads(threads).run(&submission());
        (report.statistics.states, note(&report))
    })
}

fn note(report: &Report) -> String {
    let ended = match &report.result {
        SearchResult::Exhausted => "exhausted".to_owned(),
        SearchResult::Violated(found) => format!("violated after {} events", found.path().len()),
        other => format!("{other:?}"),
    };
    let statistics = &report.statistics;
    format!(
        "{ended}, depth {}, {} events possible, {} tried, {} handler calls, {:.1} own bytes a state",
        statistics.depth,
        statistics.transitions,
        statistics.tried,
        statistics.handler_calls,
        statistics.peak_bytes as f64 / statistics.states as f64,
    )
}

fn stateright<M>(threads: usize, model: fn() -> M) -> Run
where
    M: Model + Send + Sync + 'static,
    M::State: std::hash::Hash + PartialEq + Send + Sync + Clone + std::fmt::Debug + 'static,
    M::Action: Send + Sync + Clone + PartialEq + std::fmt::Debug,
{
    Box::new(move || {
        let checker = model().checker().threads(threads).spawn_bfs().join();
        let found = checker.discoveries().into_values().next();
        let ended = found.map_or("exhausted".to_owned(), |path| {
            format!("violated after {} events", path.into_actions().len())
        });
        let note = format!("{ended}, {} states generated", checker.state_count());
        (checker.unique_state_count() as u64, note)
    })
}

/// Inserts random numbers into an open-addressing table of 1 GiB. This is the hardware's limit for every
/// search with a visited set.
fn bare_inserts() -> Run {
    Box::new(|| {
        let mut table = vec![0_u64; 1 << 27];
        let inserts = 80_000_000;
        for number in 0..inserts {
            let fingerprint = mix(number) | 1;
            let mut slot = (fingerprint >> 37) as usize;
            while table[slot] != 0 && table[slot] != fingerprint {
                slot = (slot + 1) & (table.len() - 1);
            }
            table[slot] = fingerprint;
        }
        std::hint::black_box(&table);
        (inserts, "inserts into a table of 1 GiB, one by one".to_owned())
    })
}

/// The same inserts, sixteen at a time. All slots are read before the first is searched, so that the
/// memory accesses overlap.
fn bare_inserts_in_batches() -> Run {
    Box::new(|| {
        let mut table = vec![0_u64; 1 << 27];
        let inserts = 80_000_000_u64;
        for first in (0..inserts).step_by(16) {
            let batch: [u64; 16] = std::array::from_fn(|index| mix(first + index as u64) | 1);
            let touched =
                batch.iter().map(|&it| table[(it >> 37) as usize]).fold(0, u64::wrapping_add);
            std::hint::black_box(touched);
            for fingerprint in batch {
                let mut slot = (fingerprint >> 37) as usize;
                while table[slot] != 0 && table[slot] != fingerprint {
                    slot = (slot + 1) & (table.len() - 1);
                }
                table[slot] = fingerprint;
            }
        }
        std::hint::black_box(&table);
        (inserts, "inserts into a table of 1 GiB, sixteen at a time".to_owned())
    })
}

fn rows() -> Vec<(&'static str, Run)> {
    vec![
        ("hardware: bare inserts", bare_inserts()),
        ("hardware: bare inserts in batches", bare_inserts_in_batches()),
        (
            "append 3x2: faultlab, 1 thread",
            faultlab(1, || at_most_once::search(3, 2, Keys::Same), at_most_once::submission),
        ),
        ("append 3x2: stateright, 1 thread", stateright(1, || stateright_append::model(3, 2))),
        (
            "append 3x3: faultlab, 1 thread",
            faultlab(1, || at_most_once::search(3, 3, Keys::Same), at_most_once::submission),
        ),
        (
            "append 3x3: faultlab, 1 thread, all orders",
            faultlab(
                1,
                || at_most_once::search(3, 3, Keys::Same).all_orders(),
                at_most_once::submission,
            ),
        ),
        (
            "append 3x3: faultlab, 2 threads",
            faultlab(2, || at_most_once::search(3, 3, Keys::Same), at_most_once::submission),
        ),
        ("append 3x3: stateright, 1 thread", stateright(1, || stateright_append::model(3, 3))),
        ("append 3x3: stateright, 2 threads", stateright(2, || stateright_append::model(3, 3))),
        (
            "append 3x4: faultlab, 1 thread",
            faultlab(1, || at_most_once::search(3, 4, Keys::Same), at_most_once::submission),
        ),
        (
            "append 3x4: faultlab, 1 thread, all orders",
            faultlab(
                1,
                || at_most_once::search(3, 4, Keys::Same).all_orders(),
                at_most_once::submission,
            ),
        ),
        (
            "append 4x2: faultlab, 1 thread",
            faultlab(1, || at_most_once::search(4, 2, Keys::Same), at_most_once::submission),
        ),
        (
            "append 2x8: faultlab, 1 thread",
            faultlab(1, || at_most_once::search(2, 8, Keys::Same), at_most_once::submission),
        ),
        (
            "append 2x9: faultlab, 1 thread",
            faultlab(1, || at_most_once::search(2, 9, Keys::Same), at_most_once::submission),
        ),
        (
            "append 3x4: faultlab, 2 threads",
            faultlab(2, || at_most_once::search(3, 4, Keys::Same), at_most_once::submission),
        ),
        ("paxos: faultlab, 1 thread", faultlab(1, || paxos::search(1, 2), paxos::submission)),
        (
            "paxos: faultlab, 1 thread, all orders",
            faultlab(1, || paxos::search(1, 2).all_orders(), paxos::submission),
        ),
        ("paxos: faultlab, 2 threads", faultlab(2, || paxos::search(1, 2), paxos::submission)),
        ("paxos: stateright, 1 thread", stateright(1, || stateright_paxos::model(2))),
        ("paxos: stateright, 2 threads", stateright(2, || stateright_paxos::model(2))),
        (
            "paxos, 2 ballots: faultlab, 1 thread",
            faultlab(1, || paxos::search(2, 2).states_max(60_000_000), paxos::submission),
        ),
        ("wrong paxos: faultlab, 1 thread", faultlab(1, || paxos::search(1, 1), paxos::submission)),
        ("wrong paxos: stateright, 1 thread", stateright(1, || stateright_paxos::model(1))),
        (
            "ping-pong: faultlab, 1 thread",
            faultlab(1, || at_most_once::search(2, 20, Keys::Different), at_most_once::submission),
        ),
        (
            "ping-pong: anysystem, 1 thread",
            Box::new(|| {
                (
                    anysystem_ping::states(2, 20, Duration::from_secs(10)),
                    "in ten seconds, not exhausted".to_owned(),
                )
            }),
        ),
    ]
}

fn main() {
    if let Ok(name) = std::env::var(ONE) {
        for (_, run) in rows().into_iter().filter(|(row, _)| *row == name) {
            let started = Instant::now();
            let (states, note) = run();
            print_row(&name, states, started.elapsed(), &note);
        }
        return;
    }
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    println!(
        "| what | states | seconds | CPU seconds | million states a second | peak bytes a state | note |"
    );
    println!("|---|--:|--:|--:|--:|--:|---|");
    let program = std::env::current_exe().expect("this program has a path");
    for (name, _) in rows() {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            let status = Command::new(&program).env(ONE, name).status();
            assert!(status.is_ok_and(|status| status.success()), "{name} succeeds");
        }
    }
}

fn print_row(name: &str, states: u64, elapsed: Duration, note: &str) {
    let seconds = elapsed.as_secs_f64();
    let peak = peak_bytes().map_or(f64::NAN, |bytes| bytes as f64 / states as f64);
    println!(
        "| {name} | {states} | {seconds:.2} | {:.2} | {:.3} | {peak:.1} | {note} |",
        cpu_seconds().unwrap_or(f64::NAN),
        states as f64 / seconds / 1e6,
    );
}

/// The peak memory of this process, on Linux.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The processor time of this process, on Linux. Assumes 100 ticks per second.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 / 100.0)
}
