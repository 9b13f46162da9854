//! Some hundred seeds of each kind of comparison. `check-engines` goes through as many as wanted.

use faultlab_reference::compare::Kind;

/// What must have been seen, so that the seeds are worth something as a test.
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
fn random_protocols_are_searched_as_the_reference_explores_them() {
    agree(Kind::Protocols, 150, &Worth { states: 20_000, exhausted: 40, found: 20 });
}

#[test]
fn many_timers_fire_as_their_durations_allow() {
    agree(Kind::Timers, 150, &Worth { states: 15_000, exhausted: 40, found: 20 });
}

#[test]
fn search_can_start_from_a_found_state() {
    agree(Kind::Staged, 250, &Worth { states: 5_000, exhausted: 30, found: 25 });
}

#[test]
fn linearizability_is_what_trying_all_orders_says() {
    agree(Kind::Services, 150, &Worth { states: 25_000, exhausted: 40, found: 50 });
}

#[test]
fn simulated_runs_are_paths() {
    agree(Kind::Runs, 300, &Worth { states: 30_000, exhausted: 0, found: 300 });
}

#[test]
fn what_was_found_comes_back_from_a_file() {
    agree(Kind::Saved, 200, &Worth { states: 1_500, exhausted: 0, found: 30 });
}
