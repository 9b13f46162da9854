//! Some hundred seeds of each kind of comparison. `check-engines` runs any number.

use faultlab_reference::compare::Kind;

/// The minimum statistics that make the seeds a good test.
struct Worth {
    states: usize,
    exhausted: usize,
    found: usize,
}

fn agree(kind: Kind, seeds: u64, worth: &Worth) {
    let (mut states, mut exhausted, mut found) = (0, 0, 0);
    for seed in 0..seeds {
        match kind.compare(seed) {
            Ok(seen) => {
                states += seen.states;
                exhausted += usize::from(seen.exhausted);
                found += usize::from(seen.found);
            }
            Err(difference) => panic!("{kind}, seed {seed}: {difference}"),
        }
    }
    println!("{kind}: {states} states, {exhausted} exhausted, {found} found");
    assert!(states >= worth.states && exhausted >= worth.exhausted && found >= worth.found);
}

#[test]
fn searches_of_random_protocols_agree() {
    agree(Kind::Protocols, 150, &Worth { states: 20_000, exhausted: 40, found: 20 });
}

#[test]
fn searches_with_many_timers_agree() {
    agree(Kind::Timers, 150, &Worth { states: 15_000, exhausted: 40, found: 20 });
}

#[test]
fn searches_with_crashes_agree() {
    agree(Kind::Faults, 200, &Worth { states: 20_000, exhausted: 40, found: 20 });
}

#[test]
fn searches_from_found_states_agree() {
    agree(Kind::Staged, 250, &Worth { states: 5_000, exhausted: 30, found: 25 });
}

#[test]
fn linearizability_agrees_with_brute_force() {
    agree(Kind::Services, 150, &Worth { states: 25_000, exhausted: 40, found: 50 });
}

#[test]
fn simulated_runs_agree() {
    agree(Kind::Runs, 300, &Worth { states: 30_000, exhausted: 0, found: 300 });
}

#[test]
fn explorations_agree() {
    agree(Kind::Explored, 150, &Worth { states: 4_000, exhausted: 0, found: 60 });
}

#[test]
fn saved_findings_are_reproduced() {
    agree(Kind::Saved, 200, &Worth { states: 1_500, exhausted: 0, found: 30 });
}

#[test]
fn what_fair_runs_must_reach_agrees() {
    agree(Kind::Progress, 400, &Worth { states: 0, exhausted: 30, found: 30 });
}
