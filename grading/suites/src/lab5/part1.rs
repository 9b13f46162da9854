//! Part 1: vector clocks.

use faultlab::property::{clients_done, results_ok};
use faultlab::random::Random;
use faultlab::simulate::Scenario;
use faultlab::workload::Workload;
use faultlab::{Address, NodeSpec};
use lab5_api::{ClockAnswer, ClockCommand, Relation};

use crate::{Part, Test};

pub(super) fn part() -> Part {
    Part::new(1, "Vector clocks")
        .test(
            Test::unit("1.1", "A clock counts, and learns from another")
                .asserts("a tick counts one event of one peer, and a merge takes the larger count of each")
                .points(4)
                .scenario(|_| {
                    clocks(2, 3, vec![tick(0, 0), tick(0, 0), tick(0, 2), tick(1, 1), tick(1, 0), merge(0, 1), merge(1, 0)])
                }),
        )
        .test(
            Test::unit("1.2", "Before, after, or neither")
                .asserts("a clock is before another that has counted all it has and more, and two clocks may be concurrent")
                .points(4)
                .scenario(|_| {
                    clocks(
                        3,
                        2,
                        vec![
                            compare(0, 1),
                            tick(0, 0),
                            compare(0, 1),
                            compare(1, 0),
                            // The first differs one way, the second the other way.
                            tick(1, 1),
                            tick(1, 1),
                            compare(0, 1),
                            compare(1, 0),
                            merge(2, 0),
                            compare(0, 2),
                            merge(2, 1),
                            compare(1, 2),
                            compare(2, 0),
                        ],
                    )
                }),
        )
        .test(
            Test::unit("1.3", "Many clocks and many commands")
                .asserts("two hundred random commands to five clocks are answered as by the staff's clocks")
                .points(4)
                .over_seeds()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let random = seed.random();
                    let commands = (0..200).map(|_| drawn(random, 5, 4)).collect();
                    clocks(5, 4, commands)
                }),
        )
}

fn tick(clock: usize, peer: usize) -> ClockCommand {
    ClockCommand::Tick { clock, peer }
}

fn merge(clock: usize, other: usize) -> ClockCommand {
    ClockCommand::Merge { clock, other }
}

fn compare(clock: usize, other: usize) -> ClockCommand {
    ClockCommand::Compare { clock, other }
}

/// A random command.
fn drawn(random: &mut Random, clocks: usize, peers: usize) -> ClockCommand {
    let mut below = |bound: usize| random.below(bound as u64) as usize;
    match below(4) {
        0 | 1 => tick(below(clocks), below(peers)),
        2 => merge(below(clocks), below(clocks)),
        _ => compare(below(clocks), below(clocks)),
    }
}

/// So many clocks for so many peers, given these commands.
fn clocks(clocks: usize, peers: usize, commands: Vec<ClockCommand>) -> Scenario {
    let work = Workload::<ClockCommand, ClockAnswer>::scripted(commands, move |commands| {
        answers(clocks, peers, commands)
    });
    Scenario::new()
        .node(NodeSpec::client("clocks", Address::new("clocks"), &(clocks, peers), work))
        .check(results_ok())
        .check(clients_done())
}

/// The right answers.
fn answers(clocks: usize, peers: usize, commands: &[ClockCommand]) -> Vec<ClockAnswer> {
    let mut counts = vec![vec![0_u64; peers]; clocks];
    let mut execute = |command: &ClockCommand| match *command {
        ClockCommand::Tick { clock, peer } => {
            counts[clock][peer] += 1;
            ClockAnswer::Counts(counts[clock].clone())
        }
        ClockCommand::Merge { clock, other } => {
            let learnt = counts[other].clone();
            for (count, learnt) in counts[clock].iter_mut().zip(learnt) {
                *count = (*count).max(learnt);
            }
            ClockAnswer::Counts(counts[clock].clone())
        }
        ClockCommand::Compare { clock, other } => {
            let (one, other) = (&counts[clock], &counts[other]);
            let is_at_most =
                |one: &[u64], other: &[u64]| one.iter().zip(other).all(|(a, b)| a <= b);
            ClockAnswer::Is(match (is_at_most(one, other), is_at_most(other, one)) {
                (true, true) => Relation::Same,
                (true, false) => Relation::Before,
                (false, true) => Relation::After,
                (false, false) => Relation::Concurrent,
            })
        }
    };
    commands.iter().map(&mut execute).collect()
}
