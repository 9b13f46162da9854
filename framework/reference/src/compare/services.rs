//! Services with faults: the linearizability monitor must agree with brute force.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use faultlab::codec;
use faultlab::hosting::LocalHost;
use faultlab::linearizability::{Sequential, linearizable};
use faultlab::property::{CheckError, Property, View};
use faultlab::random::mix;
use faultlab::search::{Limit, Linearizable, SearchResult};
use faultlab::simulate::{self, Latency, LinkConditions, Network, Options, Simulation};

use super::agreement::Seen;
use crate::brute::{FullHistory, Operation, is_linearizable};
use crate::claim::{Claims, RUN, Verdict};
use crate::explorer::{Bounds, End, explore};
use crate::service::{Service, Store, step};

/// Compares a service in a search and in some simulated runs.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    for run in 0..4 {
        compare_run(seed, run)?;
    }
    compare_search(seed)
}

fn compare_search(seed: u64) -> Result<Seen, String> {
    let service = Service::drawn(seed, 5, mix(seed ^ 7).is_multiple_of(4));
    let world = service.world(FullHistory::new(step));
    let start = world.start().map_err(|_| "too many commands at the start".to_owned())?;
    let claims = Claims::default();
    let bounds = Bounds { depth_max: Some(14), states_max: 2_000 };
    let Some(exploration) = explore(&world, &start, &claims, bounds) else {
        return Ok(Seen::default());
    };
    let depth_max = exploration.depth_max.unwrap_or(usize::MAX);
    let model = Sequential::new(Store::default());
    let search = service.search().monitor(Linearizable::new(RUN, model)).depth_max(depth_max);
    let report = search.run(&Service::submission());
    let violated = Verdict::Violated(RUN.to_owned());
    let agree = match (&exploration.end, &report.result) {
        (End::Exhausted, SearchResult::Exhausted) => true,
        (End::DepthLimit, SearchResult::LimitReached(Limit::Depth(depth))) => *depth == depth_max,
        (End::Found(depth, verdicts), SearchResult::Violated(found)) => {
            verdicts.contains(&violated) && found.path().len() == *depth
        }
        _ => false,
    };
    if !agree {
        return Err(format!(
            "{service:?}\n  reference: {:?}\n  search:    {:?}",
            exploration.end, report.result
        ));
    }
    if let SearchResult::Violated(found) = &report.result {
        let path = &found.path().events;
        crate::terms::check_path(&world, &start, &claims, path, (&violated, found))
            .map_err(|wrong| format!("{service:?}: {wrong}"))?;
    }
    Ok(Seen {
        states: exploration.states,
        exhausted: exploration.end == End::Exhausted,
        found: matches!(exploration.end, End::Found(..)),
    })
}

/// A random network. On many of them, many events happen at one instant.
pub(super) fn network(seed: u64) -> Network {
    match seed % 4 {
        0 => Network::reliable(),
        1 => Network::unreliable(),
        2 => Network::with(LinkConditions {
            latency: Latency::fixed(Duration::from_millis(5)),
            ..LinkConditions::reliable()
        }),
        _ => Network::with(LinkConditions {
            latency: Latency::between(Duration::from_millis(1), Duration::from_millis(2)),
            ..LinkConditions::unreliable()
        }),
    }
}

fn compare_run(seed: u64, run: u64) -> Result<(), String> {
    let service = Service::drawn(seed, 7, true);
    let by_brute_force = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&by_brute_force);
    let record = Property::new("operations can be read", move |view| {
        let operations = operations(view)?;
        let verdict = (is_linearizable(step, &operations), operations);
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
        Ok(())
    });
    let scenario = service
        .scenario()
        .network(network(mix(seed) ^ run))
        .check(record)
        .check(linearizable(Sequential::new(Store::default())));
    let submission = Service::submission();
    let outcome = Simulation::new(scenario, mix(seed ^ mix(run)))
        .run(&mut LocalHost::new(&submission), Options::default());
    let expected = by_brute_force.lock().unwrap_or_else(PoisonError::into_inner).take();
    let agree = match (&expected, &outcome.verdict) {
        (Some((is_linearizable, _)), simulate::Verdict::Held) => *is_linearizable,
        (Some((is_linearizable, _)), simulate::Verdict::Violated(violation)) => {
            // Any other violation would be wrong for possible operations.
            !is_linearizable && violation.expected.starts_with("results that one copy")
        }
        _ => false,
    };
    if agree {
        return Ok(());
    }
    Err(format!(
        "{service:?}, simulated run {run}\n  reference: {expected:?}\n  property:  {:?}",
        outcome.verdict
    ))
}

/// The operations of a run's clients.
fn operations(view: &mut dyn View) -> Result<Vec<Operation>, CheckError> {
    let number = |bytes: &[u8]| {
        codec::decode::<u64>(bytes)
            .map_err(|error| faultlab::property::violated("a number", error.to_string()))
    };
    let mut all = BTreeMap::new();
    for client in view.clients() {
        for (index, operation) in view.operations(client).iter().enumerate() {
            let result = operation.result.as_deref().map(number).transpose()?;
            let operation = Operation {
                client,
                command: number(&operation.command)?,
                called: operation.call_ns,
                returned: result.zip(operation.return_ns),
            };
            all.insert((client, index), operation);
        }
    }
    Ok(all.into_values().collect())
}
