//! Replays of saved simulated runs: unchanged code repeats the run, and for changed code the replay says
//! whether the run still fails and where it first differs.

mod common;

use std::time::Duration;

use common::{Fault, client, client_node, server, server_node, submission};
use faultlab::hosting::LocalHost;
use faultlab::property::{clients_done, max_wait, results_ok};
use faultlab::simulate::{Intervention, LinkConditions, Network, Options, Scenario, Simulation};
use faultlab::trace::replay::{Replay, ReplayStatus};
use faultlab::trace::show::{self, diagram};
use faultlab::trace::{Ending, EventKind, MemoryRecorder, Origin, Trace, TraceEvent, file};
use faultlab::workload::Workload;
use faultlab::{FaultModel, NodeSpec, simulate};
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

fn recorded(scenario: Scenario, seed: u64) -> Trace {
    let mut sink = MemoryRecorder::new();
    let options =
        Options { recorder: Some(&mut sink), origin: Origin::default(), ..Options::default() };
    let nodes = submission();
    Simulation::new(scenario, seed).run(&mut LocalHost::new(&nodes), options);
    // Through a file.
    file::read(&written(&sink.into_trace().expect("a recorded run has a trace"))[..]).unwrap()
}

fn again(scenario: Scenario, saved: &Trace) -> Replay {
    simulate::replay(scenario, saved, &mut LocalHost::new(&submission()))
}

/// A single client, which knows the expected results.
fn base(fault: Fault) -> Scenario {
    crowd(fault, 1).check(results_ok())
}

fn crowd(fault: Fault, clients: usize) -> Scenario {
    Scenario::new()
        .node(server_node(fault))
        .nodes((1..=clients).map(|number| client_node(number, 4)))
        .network(Network::unreliable())
        .until_done(20_000 * MS)
        .check(clients_done())
}

/// A client that gets its commands at the times at which timers of others fire.
fn at_a_rate(number: usize) -> NodeSpec {
    let work = Workload::<u64, u64>::of([1, 2, 3, 4, 5]).every(50 * MS);
    NodeSpec::client("client", client(number), &server(), work)
}

/// Scenarios that together contain every kind of event of a simulation.
fn scenarios() -> Vec<Scenario> {
    let held = |scenario: Scenario| {
        scenario
            .at(20 * MS, Intervention::Hold { from: client(1), to: server() })
            .at(400 * MS, Intervention::Repair { from: client(1), to: server() })
            .at(400 * MS, Intervention::Check(max_wait(500 * MS)))
            .when_answered(client(2), 2, Intervention::Hold { from: server(), to: client(3) })
            .when_answered(client(1), 4, Intervention::Heal)
    };
    let three = |fault| crowd(fault, 3);
    let in_order = |scenario: Scenario| {
        scenario
            .link_conditions(LinkConditions::unreliable().only_latency())
            .fault_model(FaultModel::RELIABLE_IN_ORDER_FAIL_STOP)
    };
    vec![
        base(Fault::None),
        base(Fault::ExecutesDuplicates),
        three(Fault::PanicsAt(3)),
        three(Fault::PrintsAndLogs).observe_for(300 * MS),
        in_order(three(Fault::None)),
        three(Fault::None)
            .at(20 * MS, Intervention::partition([&[client(1)], &[server(), client(2)]]))
            .at(300 * MS, Intervention::Heal)
            .at(300 * MS, Intervention::Check(max_wait(500 * MS)))
            .at(310 * MS, Intervention::Start(client_node(4, 3)))
            .when_answered(client(2), 3, Intervention::Crash(client(2)))
            .until(1_000 * MS),
        held(three(Fault::None))
            .at(25 * MS, Intervention::DropNext { from: server(), to: client(2), count: 2 }),
        in_order(held(three(Fault::None))),
        Scenario::new()
            .node(server_node(Fault::None))
            .nodes((1..=3).map(at_a_rate))
            .network(Network::unreliable())
            .until(800 * MS)
            .check(max_wait(120 * MS)),
    ]
}

#[test]
fn unchanged_code_repeats_the_run() {
    for (number, scenario) in scenarios().into_iter().enumerate() {
        for seed in 0..20 {
            let saved = recorded(scenario.clone(), seed);
            let replay = again(scenario.clone(), &saved);
            let what = format!("scenario {number}, seed {seed}");
            assert_eq!(replay.difference, None, "{what}");
            assert_eq!(replay.trace, saved, "{what}");
            match (&saved.ending, &replay.status) {
                (Some(Ending::Held), ReplayStatus::Fixed { happened, events }) => {
                    assert_eq!(happened, events, "{what}");
                }
                (Some(broken), ReplayStatus::Reproduced { ending, event, same: true }) => {
                    assert_eq!(broken, ending, "{what}");
                    assert_eq!(*event, Some(saved.events.len() - 1), "{what}");
                }
                (ending, verdict) => panic!("{what}: {ending:?} became {verdict}"),
            }
        }
    }
}

/// The first failing run of a server with this fault.
fn broken(fault: Fault) -> Trace {
    (0..100)
        .map(|seed| recorded(base(fault), seed))
        .find(|trace| !matches!(trace.ending, Some(Ending::Held)))
        .expect("one of a hundred runs fails")
}

#[test]
fn fixed_code_passes_on_the_same_network() {
    let saved = broken(Fault::ExecutesDuplicates);
    let replay = again(base(Fault::None), &saved);
    let ReplayStatus::Fixed { happened, events } = replay.status else {
        panic!("{}", replay.status)
    };
    // Only the sums differ; everything arrives at the same time.
    assert_eq!(happened, events);
    let difference = replay.difference.expect("a sum differs");
    let (then, now) = (&saved.events[difference.event], &replay.trace.events[difference.event]);
    assert_ne!(then.sent, now.sent);
    assert_eq!(then.time_ns, now.time_ns);
    assert!(difference.then.starts_with("server1 sent Sum {"), "{difference}");
    assert!(difference.now.starts_with("it sends Sum {"), "{difference}");
    // The first copy was handled correctly in both runs.
    let duplicate = matches!(then.what, EventKind::Deliver { node, .. } if node == server());
    assert!(duplicate, "{:?}", then.what);
}

/// In the saved run the link stays cut; in the new one it is repaired, and the client still repeats the same request.
#[test]
fn a_message_that_was_lost_on_a_cut_link_gets_through_when_the_link_is_repaired() {
    let cut = crowd(Fault::None, 1)
        .network(Network::reliable())
        .at(MS, Intervention::Cut { from: client(1), to: server() });
    let saved = recorded(cut.clone(), 1);
    assert!(matches!(saved.ending, Some(Ending::Violated(_))), "{:?}", saved.ending);
    let replay = again(cut.clone(), &saved);
    assert_eq!(replay.difference, None);
    let replay = again(cut.at(5_000 * MS, Intervention::Heal), &saved);
    assert!(matches!(replay.status, ReplayStatus::Fixed { .. }), "{}", replay.status);
}

/// In the saved run all clients wait for five seconds; without the cut, they get their commands much earlier.
#[test]
fn no_message_takes_longer_than_the_network_allows() {
    let slow = crowd(Fault::ExecutesDuplicates, 3)
        .at(10 * MS, Intervention::Isolate(server()))
        .at(5_000 * MS, Intervention::Heal);
    let saved = recorded(slow, 1);
    let replay = again(crowd(Fault::None, 3), &saved);
    let events = &replay.trace.events;
    for (index, event) in events.iter().enumerate() {
        for sent in &event.sent {
            let arrived = events[index..].iter().filter(
                |later| matches!(&later.what, EventKind::Deliver { id, .. } if *id == sent.id),
            );
            let sent_ns = event.time_ns.expect("a simulation has time");
            for arrival in arrived {
                let took_ns = arrival.time_ns.expect("a simulation has time") - sent_ns;
                assert!(took_ns <= 500_000_000, "{} took {took_ns} ns", sent.message);
            }
        }
    }
}

#[test]
fn without_the_panic_the_run_continues() {
    let saved = broken(Fault::PanicsAt(3));
    let replay = again(base(Fault::None), &saved);
    let ReplayStatus::Fixed { happened, events } = replay.status else {
        panic!("{}", replay.status)
    };
    assert_eq!(happened, events);
    assert!(replay.trace.events.len() > saved.events.len());
    let difference = replay.difference.expect("it does not panic");
    assert_eq!(difference.event, saved.events.len() - 1);
}

#[test]
fn another_failure_is_distinguished() {
    let saved = broken(Fault::ExecutesDuplicates);
    let replay = again(base(Fault::PanicsAt(2)), &saved);
    let ReplayStatus::Reproduced { event: None, same: false, .. } = replay.status else {
        panic!("{}", replay.status)
    };
    assert!(replay.difference.is_some());
}

#[test]
fn a_removed_message_no_longer_applies() {
    let mut saved = broken(Fault::ExecutesDuplicates);
    // As if requests had had another name.
    for event in &mut saved.events {
        if let EventKind::Deliver { message, .. } | EventKind::Lose { message, .. } =
            &mut event.what
        {
            *message = message.replace("Add {", "Plus {").replace("Sum {", "Total {");
        }
        for sent in &mut event.sent {
            sent.message = sent.message.replace("Add {", "Plus {").replace("Sum {", "Total {");
        }
    }
    let replay = again(base(Fault::None), &saved);
    let first =
        saved.events.iter().position(|event| matches!(event.what, EventKind::Deliver { .. }));
    let ReplayStatus::NoLongerApplies { event, reason } = replay.status else {
        panic!("{}", replay.status)
    };
    assert_eq!(Some(event), first);
    assert!(reason.starts_with("no `Plus` from client"), "{reason}");
}

/// A change to a trace file, as by an editor, a script or a bad disk. Positions are fractions of the file,
/// in units of 2^-16.
#[derive(Clone, Debug)]
enum Change {
    Byte { at: u16, to: u8 },
    Number { at: u16, to: u64 },
    Remove { line: u16 },
    Repeat { line: u16, times: usize },
    Move { line: u16, to: u16 },
}

fn change() -> impl Strategy<Value = Change> {
    let number =
        prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(u64::MAX - 1), 0..100_u64, any::<u64>()];
    prop_oneof![
        1 => (any::<u16>(), any::<u8>()).prop_map(|(at, to)| Change::Byte { at, to }),
        6 => (any::<u16>(), number).prop_map(|(at, to)| Change::Number { at, to }),
        2 => any::<u16>().prop_map(|line| Change::Remove { line }),
        3 => (any::<u16>(), prop_oneof![1..4_usize, 255..258_usize])
            .prop_map(|(line, times)| Change::Repeat { line, times }),
        2 => (any::<u16>(), any::<u16>()).prop_map(|(line, to)| Change::Move { line, to }),
    ]
}

fn changed(text: Vec<u8>, change: &Change) -> Vec<u8> {
    let place = |part: u16, of: usize| (usize::from(part) * of) >> 16;
    let mut lines: Vec<Vec<u8>> =
        text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return text;
    }
    match *change {
        Change::Byte { at, to } => {
            let mut text = text;
            let at = place(at, text.len());
            text[at] = to;
            return text;
        }
        Change::Number { at, to } => {
            // The next number from there.
            let is_digit = |at: &usize| text[*at].is_ascii_digit();
            let Some(start) = (place(at, text.len())..text.len()).find(is_digit) else {
                return text;
            };
            let end = (start..text.len()).find(|at| !is_digit(at)).unwrap_or(text.len());
            return [&text[..start], to.to_string().as_bytes(), &text[end..]].concat();
        }
        Change::Remove { line } => {
            lines.remove(place(line, lines.len()));
        }
        Change::Repeat { line, times } => {
            let at = place(line, lines.len());
            let line = lines[at].clone();
            lines.splice(at..at, std::iter::repeat_n(line, times));
        }
        Change::Move { line, to } => {
            let line = lines.remove(place(line, lines.len()));
            lines.insert(place(to, lines.len() + 1), line);
        }
    }
    lines.concat()
}

/// Replays a file's contents and shows the result. Returns whether it is a trace.
fn followed(scenario: Scenario, text: &[u8]) -> bool {
    let Ok(saved) = file::read(text) else { return false };
    let replay = again(scenario, &saved);
    let _ = (replay.status.to_string(), replay.difference.map(|it| it.to_string()));
    let _ = diagram(&replay.trace, &show::Options::default());
    true
}

fn written(trace: &Trace) -> Vec<u8> {
    let mut text = Vec::new();
    file::write(&mut text, trace).expect("writing to memory does not fail");
    text
}

#[test]
fn the_maximum_time_and_too_many_copies_do_not_panic() {
    for scenario in [base(Fault::None), crowd(Fault::None, 3)] {
        let saved = recorded(scenario.clone(), 1);
        let mut late = saved.clone();
        late.events.last_mut().expect("it has events").time_ns = Some(u64::MAX);
        assert!(followed(scenario.clone(), &written(&late)));

        let mut copies = saved;
        let is_delivery = |event: &TraceEvent| matches!(event.what, EventKind::Deliver { .. });
        let at = copies.events.iter().position(is_delivery).expect("something is delivered");
        let delivery = copies.events[at].clone();
        copies.events.splice(at..at, std::iter::repeat_n(delivery, 255));
        assert!(followed(scenario, &written(&copies)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_changed_file_never_panics(
        number in 0..scenarios().len(),
        seed in 0..20_u64,
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let scenario = scenarios().swap_remove(number);
        let text = written(&recorded(scenario.clone(), seed));
        followed(scenario, &changes.iter().fold(text, changed));
    }
}
