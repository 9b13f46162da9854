//! The number of states of a known protocol, against a closed form and published counts.

#[path = "fixtures/at_most_once.rs"]
mod at_most_once;

use at_most_once::{Keys, search, submission};
use faultlab::search::{Report, SearchResult};

/// The number of distinct states of `clients` clients with `appends` appends each.
fn closed_form(clients: u32, appends: u64, keys: Keys) -> u64 {
    match keys {
        Keys::Different => (appends + 1).pow(2 * clients) - 1,
        Keys::Same => {
            // Each client has some results, and at most one more of its appends was executed.
            let choices: Vec<(u64, u64)> = (0..=appends)
                .flat_map(|answered| [(answered, answered), (answered, answered + 1)])
                .filter(|&(_, executed)| executed <= appends)
                .collect();
            let mut sum = 0;
            let mut picks = vec![0; clients as usize];
            loop {
                let picked: Vec<(u64, u64)> = picks.iter().map(|&pick| choices[pick]).collect();
                let orders = interleavings(picked.iter().map(|&(_, executed)| executed));
                let timers = if picked.iter().all(|&(answered, _)| answered == appends) {
                    (appends + 1).pow(clients) - 1
                } else {
                    picked.iter().map(|&(answered, _)| answered + 1).product()
                };
                sum += orders * timers;
                let Some(place) = picks.iter().position(|&pick| pick + 1 < choices.len()) else {
                    return sum;
                };
                picks[place] += 1;
                picks[..place].fill(0);
            }
        }
    }
}

/// The number of orders in which these numbers of commands of several clients can be executed.
fn interleavings(executed: impl Iterator<Item = u64>) -> u64 {
    let mut total = 0;
    let mut orders = 1;
    for count in executed {
        for index in 1..=count {
            total += 1;
            orders = orders * total / index;
        }
    }
    orders
}

fn run(clients: usize, appends: u64, keys: Keys) -> Report {
    let report = search(clients, appends, keys).run(&submission());
    assert_eq!(report.result, SearchResult::Exhausted);
    report
}

#[test]
fn the_closed_form_gives_the_known_counts() {
    for (clients, appends, keys, states) in [
        (1, 10, Keys::Different, 120),
        (2, 3, Keys::Different, 255),
        (2, 5, Keys::Different, 1_295),
        (3, 3, Keys::Different, 4_095),
        (2, 3, Keys::Same, 2_117),
        (2, 5, Keys::Same, 80_395),
        (3, 2, Keys::Same, 20_491),
        (3, 3, Keys::Same, 1_225_876),
        (4, 2, Keys::Same, 2_875_533),
        (3, 4, Keys::Same, 59_052_313),
    ] {
        assert_eq!(closed_form(clients, appends, keys), states, "{clients} x {appends} {keys:?}");
    }
}

#[test]
fn search_counts_match_the_closed_form() {
    for (clients, appends, keys) in [
        (1, 10, Keys::Different),
        (1, 3, Keys::Same),
        (2, 3, Keys::Different),
        (2, 5, Keys::Different),
        (3, 3, Keys::Different),
        (2, 1, Keys::Same),
        (2, 3, Keys::Same),
        (2, 5, Keys::Same),
        (3, 2, Keys::Same),
        (5, 1, Keys::Same),
    ] {
        let report = run(clients, appends, keys);
        assert_eq!(
            report.statistics.states,
            closed_form(clients as u32, appends, keys),
            "{clients} x {appends} {keys:?}"
        );
    }
}
