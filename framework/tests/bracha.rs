//! Bracha's broadcast under every behaviour of Byzantine nodes: it holds with f of 3f + 1, breaks with f of 3f, and its
//! mutants are caught. Start in `fixtures/bracha.rs`.

#[path = "fixtures/bracha.rs"]
mod bracha;

use std::collections::BTreeMap;
use std::time::Duration;

use faultlab::byzantine::{Behaviour, Change, Happening, Script, Sending, Turn};
use faultlab::hosting::LocalHost;
use faultlab::random::{Random, Stream};
use faultlab::simulate::shrink::shrink;
use faultlab::simulate::{self, Options, Outcome, Rate, Scenario, Simulation, Verdict};
use faultlab::trace::show::{self, diagram};
use faultlab::trace::{MemoryRecorder, Origin, Trace};
use faultlab::{Address, FaultModel};

use bracha::{Message, Setup, Way, agreement, names, specs, submission, totality, validity};

const VALUE: u64 = 7;

fn setup(way: Way, count: usize, faulty: usize) -> Setup {
    let nodes = names(count);
    Setup { way, faulty, sender: nodes[0], nodes, value: VALUE }
}

/// A run of so many nodes, of which these are Byzantine. Messages between correct nodes arrive; nothing else is promised.
fn scenario(setup: &Setup, byzantine: impl IntoIterator<Item = (Address, Behaviour)>) -> Scenario {
    let at_most = u8::try_from(setup.faulty).expect("few nodes");
    let scenario = Scenario::new()
        .fault_model(FaultModel::reliable_in_order_byzantine(at_most))
        .nodes(specs(setup))
        .until(Duration::from_secs(1))
        .check(agreement())
        .check(totality())
        .check(validity(setup.sender, setup.value));
    byzantine.into_iter().fold(scenario, |scenario, (node, it)| scenario.byzantine(node, it))
}

/// A lie about the value: the same for everybody who is lied to.
fn other_value() -> Change {
    Change::of(|message: &mut Message, _| *message.value_mut() ^= 1)
}

/// A node that says at its start, to everybody and three times, that everybody is ready for another value.
fn liar() -> Behaviour {
    Behaviour::Script(Script::new(|| {
        |turn: Turn<'_, Message>| {
            if turn.happening != Happening::Start {
                return Vec::new();
            }
            let lies = [Message::Initial(13), Message::Echo(13), Message::Ready(13)];
            let to_all = |lie: &Message| {
                let lie = lie.clone();
                turn.others.iter().map(move |&to| Sending::new(to, lie.clone()))
            };
            (0..3).flat_map(|_| lies.iter().flat_map(to_all)).collect::<Vec<_>>()
        }
    }))
}

/// All behaviours, each in words.
fn behaviours(setup: &Setup) -> Vec<(&'static str, Behaviour)> {
    let other = Setup { value: VALUE + 1, ..setup.clone() };
    vec![
        ("it is silent", Behaviour::Silent),
        ("it forgets", Behaviour::Amnesia(Rate::percent(30))),
        ("there are two of it", Behaviour::twin()),
        ("there are two of it, with two values", Behaviour::twin_with(&other)),
        ("it tells two stories", Behaviour::Equivocate(other_value())),
        ("it repeats itself", Behaviour::Replay(Rate::percent(60))),
        ("it sometimes names another value", Behaviour::Mutate(Rate::percent(40), other_value())),
        (
            "it sometimes says almost the same",
            Behaviour::Mutate(Rate::percent(40), Change::nearby()),
        ),
        ("it sometimes says anything", Behaviour::Mutate(Rate::percent(40), Change::bytes())),
        ("it claims everything for another value, three times", liar()),
    ]
}

/// A scenario in which the seed has drawn the Byzantine nodes, and what they do.
fn drawn(way: Way, count: usize, faulty: usize, seed: u64) -> Scenario {
    let setup = setup(way, count, faulty);
    let mut random = Random::new(seed, Stream::Setup);
    let traitors = random.sample(&setup.nodes, faulty);
    let behaviours = behaviours(&setup);
    let chosen = traitors.into_iter().map(|node| (node, random.pick(&behaviours).1.clone()));
    scenario(&setup, chosen.collect::<Vec<_>>())
}

fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let submission = submission();
    Simulation::new(scenario.clone(), seed)
        .run(&mut LocalHost::new(&submission), Options::default())
}

fn recorded(scenario: &Scenario, seed: u64) -> Trace {
    let submission = submission();
    let mut sink = MemoryRecorder::new();
    let options = Options { recorder: Some(&mut sink), ..Options::default() };
    Simulation::new(scenario.clone(), seed).run(&mut LocalHost::new(&submission), options);
    sink.into_trace().expect("a recorded run has a trace")
}

/// The property that a run breaks, if any.
fn broken(scenario: &Scenario, seed: u64) -> Option<String> {
    match run(scenario, seed).verdict {
        Verdict::Held => None,
        Verdict::Violated(violation) => Some(violation.property),
        other => panic!("seed {seed}: {other:?}"),
    }
}

#[test]
fn it_tolerates_f_of_three_f_plus_one() {
    for way in [Way::Bracha, Way::WaitsForAllButF] {
        for (count, faulty) in [(4, 1), (7, 2)] {
            for seed in 0..100 {
                let broken = broken(&drawn(way, count, faulty, seed), seed);
                assert_eq!(broken, None, "{way:?}, {faulty} of {count}, seed {seed}");
            }
        }
    }
}

#[test]
fn every_behaviour_is_tolerated_by_the_sender_and_by_others() {
    let setup = setup(Way::Bracha, 4, 1);
    for (words, behaviour) in behaviours(&setup) {
        for traitor in 0..2 {
            for seed in 0..20 {
                let scenario = scenario(&setup, [(setup.nodes[traitor], behaviour.clone())]);
                let broken = broken(&scenario, seed);
                assert_eq!(broken, None, "{words}, node {traitor}, seed {seed}");
            }
        }
    }
}

/// With one node less, nothing helps. Who waits for enough nodes waits forever; who does not may be split.
#[test]
fn it_breaks_with_f_of_three_f() {
    let patient = setup(Way::Bracha, 3, 1);
    let silent = scenario(&patient, [(patient.nodes[2], Behaviour::Silent)]);
    let expected = "a correct sender's value is delivered";
    assert!((0..20).all(|seed| broken(&silent, seed).as_deref() == Some(expected)));

    let hasty = setup(Way::WaitsForAllButF, 3, 1);
    let silent = scenario(&hasty, [(hasty.nodes[2], Behaviour::Silent)]);
    assert!((0..20).all(|seed| broken(&silent, seed).is_none()));
    let two_faced = scenario(&hasty, [(hasty.nodes[0], Behaviour::Equivocate(other_value()))]);
    let split =
        (0..20).filter(|&seed| broken(&two_faced, seed).as_deref() == Some("correct nodes agree"));
    assert!(split.count() > 0);
}

#[test]
fn without_byzantine_nodes_every_mutant_is_right() {
    for way in Way::MUTANTS {
        let setup = setup(way, 4, 1);
        assert!((0..20).all(|seed| broken(&scenario(&setup, []), seed).is_none()), "{way:?}");
    }
}

#[test]
fn each_mutant_is_caught() {
    let mut caught: BTreeMap<String, usize> = BTreeMap::new();
    for way in Way::MUTANTS {
        let by = (0..300).filter(|&seed| broken(&drawn(way, 4, 1, seed), seed).is_some()).count();
        caught.insert(format!("{way:?}"), by);
    }
    assert!(caught.values().all(|&seeds| seeds >= 3), "{caught:?}");
}

/// Which behaviours catch which mutant, whichever node has them. No mutant falls to silence: a lie is needed.
#[test]
fn the_behaviours_that_catch_each_mutant() {
    let catches = |way: Way, behaviour: &Behaviour| {
        let setup = setup(way, 4, 1);
        (0..60).any(|seed| {
            let traitor = setup.nodes[usize::try_from(seed).expect("small") % 4];
            broken(&scenario(&setup, [(traitor, behaviour.clone())]), seed).is_some()
        })
    };
    let mut lines = Vec::new();
    for way in Way::MUTANTS {
        let setup = setup(way, 4, 1);
        let by = behaviours(&setup).into_iter().filter(|(_, behaviour)| catches(way, behaviour));
        let by: Vec<&str> = by.map(|(words, _)| words).collect();
        assert!(!by.is_empty() && !by.contains(&"it is silent"), "{way:?}: {by:?}");
        lines.push(format!("{way:?}\n  {}", by.join("\n  ")));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_split_is_drawn() {
    let hasty = setup(Way::WaitsForAllButF, 3, 1);
    let two_faced = scenario(&hasty, [(hasty.nodes[0], Behaviour::Equivocate(other_value()))]);
    let seed = (0..20).find(|&seed| broken(&two_faced, seed).is_some()).expect("one breaks");
    let options = show::Options { events_max: 40, ..show::Options::default() };
    insta::assert_snapshot!(diagram(&recorded(&two_faced, seed), &options));
}

#[test]
fn saved_runs_are_repeated_and_failing_ones_are_shrunk() {
    let submission = submission();
    let repeat = |scenario: &Scenario, saved: &Trace| {
        simulate::replay(scenario.clone(), saved, &mut LocalHost::new(&submission))
    };
    let right = setup(Way::Bracha, 4, 1);
    for (words, behaviour) in behaviours(&right) {
        for traitor in 0..2 {
            let scenario = scenario(&right, [(right.nodes[traitor], behaviour.clone())]);
            for seed in 0..5 {
                let saved = recorded(&scenario, seed);
                let again = repeat(&scenario, &saved);
                assert_eq!(again.difference, None, "{words}, node {traitor}, seed {seed}");
                assert_eq!(again.trace, saved, "{words}, node {traitor}, seed {seed}");
            }
        }
    }
    for way in Way::MUTANTS {
        let seed = (0..300).find(|&seed| broken(&drawn(way, 4, 1, seed), seed).is_some());
        let seed = seed.expect("it is caught");
        let scenario = drawn(way, 4, 1, seed);
        let mut run = |simulation: &mut Simulation, options: Options<'_>| {
            simulation.drive(&mut LocalHost::new(&submission), options)
        };
        let shrunk = shrink(&scenario, seed, &Origin::default(), &mut run).expect("it breaks");
        let again = repeat(&scenario, &shrunk.trace);
        assert_eq!(again.difference, None, "{way:?}");
        assert_eq!(again.trace.ending, shrunk.trace.ending, "{way:?}");
    }
}
