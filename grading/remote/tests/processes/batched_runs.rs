//! Batched runs are the same as runs in process, byte for byte.

use std::time::Duration;

use faultlab::byzantine::{Behaviour, Change};
use faultlab::property::{CheckError, Property, violated};
use faultlab::random::mix;
use faultlab::simulate::{
    Intervention, Latency, LinkConditions, Network, Rate, Scenario, TamperingRates,
};
use faultlab::workload::Workload;
use faultlab::{FaultModel, NodeSpec};
use faultlab_remote::{ProcessPool, RunCompletion};

use crate::common::{Fault, client, server, server_node};
use crate::support::{local, pool, run_all, run_seeds, scenario};

fn assert_same_as_local(scenario: &Scenario, seeds: u64, pool: &mut ProcessPool<'_>) {
    let remote = run_seeds(scenario, seeds, pool);
    for (seed, outcome) in (0..seeds).zip(remote) {
        assert_eq!(outcome, Some(RunCompletion::Finished(local(scenario, seed))), "seed {seed}");
    }
}

pub(super) fn batched_runs_match_in_process_runs() {
    let mut pool = pool(4);
    // More runs than advance together, and more nodes than processes.
    assert_same_as_local(&scenario(Fault::None, 1), 300, &mut pool);
    assert_same_as_local(&scenario(Fault::None, 5), 20, &mut pool);
    assert_eq!(pool.started(), 4, "the processes are reused");
}

pub(super) fn batched_runs_match_in_process_runs_under_interventions() {
    let scenarios: Vec<Scenario> = (0..600).map(anything).collect();
    let runs: Vec<_> = scenarios.iter().zip(0..).collect();
    let mut pool = pool(7);
    let ended = run_all(&runs, &mut pool).expect("processes can be started");
    for (&(scenario, seed), ended) in runs.iter().zip(ended) {
        assert_eq!(
            ended,
            Some(RunCompletion::Finished(local(scenario, seed))),
            "{seed}: {scenario:#?}"
        );
    }
}

/// A random scenario with many kinds of events. Its last check puts all states into the outcome.
fn anything(number: u64) -> Scenario {
    let mut drawn = number << 32;
    let mut below = |limit: u64| {
        drawn += 1;
        mix(drawn) % limit
    };
    let ms = Duration::from_millis;
    let states = || {
        Property::new("the outcome has all states", |view| {
            let nodes = view.nodes();
            let states: Vec<_> = nodes.into_iter().map(|node| view.state(node)).collect();
            Err(violated("nothing", format!("{states:?}")))
        })
    };
    let looked_at = || {
        Property::new("every node can be queried", |view| {
            let nodes = view.nodes();
            nodes.into_iter().try_for_each(|node| match view.state(node) {
                Ok(_) => Ok(()),
                Err(failure) => Err(CheckError::Node(node, failure)),
            })
        })
    };
    let clients = 1 + below(5) as usize;
    let mut some_client = |number: usize| {
        let kind = if below(3) == 0 { "client" } else { "hasty-client" };
        let work = match below(12) {
            0 => Workload::<u64, u64>::infinite(|turn| turn.index),
            _ => Workload::of(0..below(12)),
        };
        let work = if below(4) == 0 { work.every(ms(1 + below(30))) } else { work };
        NodeSpec::client(kind, client(number), &server(), work)
    };
    let nodes: Vec<NodeSpec> = (1..=clients).map(&mut some_client).collect();
    let late = some_client(9);
    let fault = if below(4) == 0 { Fault::PanicsAt(5) } else { Fault::None };
    let mut scenario = Scenario::new().node(server_node(fault)).nodes(nodes);
    // With slow messages, many steps are certain at a time.
    let slow = LinkConditions {
        latency: Latency::between(ms(30), ms(60)),
        ..LinkConditions::unreliable()
    };
    let (network, in_order) = (below(4), below(3) == 0);
    let allowed = |conditions: LinkConditions| {
        if in_order { conditions.only_latency() } else { conditions }
    };
    let unreliable = allowed(LinkConditions::unreliable());
    scenario = match network {
        0 | 1 => scenario.link_conditions(allowed(slow)),
        2 => scenario.network(Network::reliable().sender(server(), unreliable)),
        _ => scenario.link_conditions(unreliable),
    };
    if in_order {
        scenario = scenario.fault_model(FaultModel::RELIABLE_IN_ORDER_FAIL_STOP);
    }
    if !in_order && below(3) == 0 {
        let few = Rate::percent(8);
        let tampering = TamperingRates { corrupt: few, spoof: few, replay: few, inject: few };
        let behaviour = match below(6) {
            0 => Behaviour::Amnesia(Rate::percent(15)),
            1 => Behaviour::twin(),
            2 => Behaviour::Mutate(Rate::percent(30), Change::bytes()),
            3 => Behaviour::Mutate(Rate::percent(30), Change::nearby()),
            4 => Behaviour::Replay(Rate::percent(30)),
            _ => Behaviour::Spoof(Rate::percent(30)),
        };
        scenario = scenario
            .fault_model(FaultModel::byzantine(9))
            .link_conditions(slow.with_tampering(tampering))
            .byzantine(server(), behaviour);
    }
    for _ in 0..below(6) {
        let one = client(1 + below(clients as u64) as usize);
        let (from, to) = if below(2) == 0 { (one, server()) } else { (server(), one) };
        let what = match below(10) {
            0 => Intervention::Cut { from, to },
            1 => Intervention::Hold { from, to },
            5 if in_order => Intervention::Hold { from, to },
            2 => Intervention::Repair { from, to },
            3 => Intervention::Isolate(one),
            4 => Intervention::Heal,
            5 => Intervention::DropNext { from, to, count: 3 },
            6 => Intervention::Crash(one),
            7 => Intervention::Start(late.clone()),
            8 => Intervention::LinkConditions(Network::with(unreliable)),
            _ => Intervention::Check(looked_at()),
        };
        scenario = match below(3) {
            0 => scenario.when_answered(one, below(6), what),
            _ => scenario.at(ms(below(400)), what),
        };
    }
    scenario = match below(3) {
        0 => scenario.until(ms(below(2_000))),
        _ => scenario.until_done(ms(3_000)).observe_for(ms(below(2) * 40)),
    };
    if below(2) == 0 {
        scenario = scenario.until_stalled(ms(5 + below(400)));
    }
    scenario = match below(4) {
        0 => scenario.always(small_states(20 + below(60) as usize)),
        1 => scenario
            .always(small_states(1_000))
            .always(small_states(24 + below(60) as usize).of_each_node()),
        _ => scenario,
    };
    if below(3) == 0 {
        let limit = 20 + below(40) as usize;
        scenario = scenario.when(large_state(limit), crash_largest());
    }
    if below(6) == 0 {
        let limit = 20 + below(40) as usize;
        scenario = scenario.until_holds(large_state(limit), ms(below(2_000)));
    }
    scenario.check(states())
}

/// Some state has more than so many bytes.
fn large_state(limit: usize) -> Property {
    let small = small_states(limit);
    Property::new("a state is large", move |view| match small.check(view) {
        Ok(()) => Err(violated("a large state", "all are small")),
        Err(CheckError::Violated { .. }) => Ok(()),
        Err(failed) => Err(failed),
    })
}

/// The node with the largest state crashes.
fn crash_largest() -> Intervention {
    Intervention::decide("the node with the largest state crashes", |view| {
        let mut largest = None;
        for node in view.nodes() {
            let state = view.state(node).map_err(|failure| CheckError::Node(node, failure))?;
            largest = largest.max(Some((state.len(), node)));
        }
        Ok(largest.map(|(_, node)| Intervention::Crash(node)).into_iter().collect())
    })
}

/// No state has more than so many bytes. Runs break it at different times, and some never.
fn small_states(limit: usize) -> Property {
    Property::new("states are small", move |view| {
        for node in view.nodes() {
            let state = view.state(node).map_err(|failure| CheckError::Node(node, failure))?;
            if state.len() > limit {
                return Err(violated(
                    format!("at most {limit} bytes"),
                    format!("{node}: {state:?}"),
                ));
            }
        }
        Ok(())
    })
}

pub(super) fn out_of_process_failures_match_in_process_failures() {
    let mut pool = pool(2);
    let faults = [
        Fault::ExecutesDuplicates,
        Fault::PanicsAt(3),
        Fault::NotWritten,
        Fault::Floods,
        Fault::SendsToNobody,
        Fault::PrintsAndLogs,
    ];
    for fault in faults {
        assert_same_as_local(&scenario(fault, 1), 10, &mut pool);
    }
    assert_eq!(pool.started(), 2, "none of these ends a process");
}
