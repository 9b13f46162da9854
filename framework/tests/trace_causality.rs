//! Causality: what could have caused an event, and orders that respect it.

mod handmade;

use faultlab::trace::causality::{Causality, readable, readable_order};
use faultlab::trace::show::{Options, diagram};
use faultlab::trace::{Engine, EventKind, Trace, TraceEvent};
use handmade::Builder;
use proptest::prelude::*;

/// Two clients that talk to two servers at the same time, with interleaved events.
fn mixed() -> Trace {
    let mut trace =
        Builder::new(Engine::Search, "Mixed", &["client1", "client2", "server1", "server2"]);
    trace.call("client1", "A").send("server1", "A");
    trace.call("client2", "B").send("server2", "B");
    trace.deliver(1).send("client1", "A done");
    trace.deliver(2).send("client2", "B done");
    trace.deliver(1);
    trace.deliver(3).returns("client1", "A done");
    trace.deliver(4).returns("client2", "B done");
    trace.violated("B is never done", "no result", "client2 got B done")
}

#[test]
fn events_are_ordered_by_messages_and_nodes() {
    let trace = mixed();
    let causality = Causality::new(&trace.events);
    let past = causality.past([trace.events.len() - 1]);
    let past: Vec<usize> = (0..past.len()).filter(|&index| past[index]).collect();
    assert_eq!(past, [1, 3, 7, 8]);
    assert_eq!((causality.origin(4), causality.earlier(4)), (Some(0), Some(2)));
    assert!(causality.past([]).into_iter().all(|past| !past));
    assert!(causality.past([999]).into_iter().all(|past| !past));
}

#[test]
fn consequences_follow_their_causes() {
    let trace = mixed();
    assert_eq!(readable_order(&trace.events), [0, 2, 4, 1, 3, 5, 6, 7, 8]);
    let options = Options { width: 100, ..Options::default() };
    insta::assert_snapshot!(diagram(&readable(&trace), &options));
}

#[test]
fn events_with_times_keep_their_order() {
    let trace = handmade::late_duplicate();
    assert_eq!(readable(&trace), trace);
}

/// A run of `nodes` nodes with random events: calls, returns, deliveries of any sent message, and changes of
/// the network.
fn any_run(nodes: usize, steps: &[(u8, usize, usize)]) -> Trace {
    let names: Vec<String> = (0..nodes).map(|number| format!("node{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut trace = Builder::new(Engine::Search, "Any", &names);
    let mut sent = 0;
    for &(kind, first, second) in steps {
        let (node, other) = (names[first % nodes], names[second % nodes]);
        match kind % 8 {
            0 => drop(trace.call(node, "C")),
            1 => drop(trace.returns(node, "R")),
            2 if second % 4 == 0 => drop(trace.network("cut")),
            3 if sent > 0 => drop(trace.lose(second as u64 % sent + 1, "the link is cut")),
            _ if sent > 0 => drop(trace.deliver(second as u64 % sent + 1)),
            _ => drop(trace.call(node, "C")),
        }
        if first % 3 > 0 && !matches!(kind % 8, 2 | 3) {
            trace.send(other, "M");
            sent += 1;
        }
    }
    trace.cut_off()
}

fn is_history(event: &TraceEvent) -> bool {
    matches!(event.what, EventKind::Command { .. } | EventKind::Return { .. })
}

fn is_intervention(event: &TraceEvent) -> bool {
    matches!(event.what, EventKind::Network { .. } | EventKind::Check { .. })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_readable_order_keeps_causality(
        nodes in 1..6_usize,
        steps in prop::collection::vec((any::<u8>(), 0..100_usize, 0..100_usize), 0..60),
    ) {
        let trace = any_run(nodes, &steps);
        let events = &trace.events;
        let order = readable_order(events);
        let mut position = vec![usize::MAX; events.len()];
        for (at, &index) in order.iter().enumerate() {
            position[index] = at;
        }
        prop_assert!(position.iter().all(|&at| at != usize::MAX));
        prop_assert_eq!(order.last().copied(), events.len().checked_sub(1));
        let causality = Causality::new(events);
        for later in 0..events.len() {
            for cause in causality.earlier(later).into_iter().chain(causality.origin(later)) {
                prop_assert!(position[cause] < position[later]);
            }
            for earlier in 0..later {
                let tied = is_history(&events[earlier]) && is_history(&events[later])
                    || is_intervention(&events[earlier])
                    || is_intervention(&events[later])
                    || later + 1 == events.len();
                prop_assert!(!tied || position[earlier] < position[later], "{earlier} {later} {order:?}");
            }
        }
    }
}
