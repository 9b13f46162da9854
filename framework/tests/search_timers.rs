//! Timers in searches: a pending timer is identified by its value and its durations.

use std::collections::BTreeSet;
use std::time::Duration;

use faultlab::hosting::pure::LocalSteps;
use faultlab::hosting::{Kind, LocalHost, Submission};
use faultlab::property::{Property, observe, violated};
use faultlab::search::{Explorer, PathEvent, RandomWalks, Search, SearchResult};
use faultlab::simulate::{Scenario, Simulation};
use faultlab::trace::Origin;
use faultlab::trace::replay::{ReplayStatus, replay};
use faultlab::{Address, Context, Node, NodeSpec, System};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Alarm {
    Wake,
    Late,
}

/// Sets `Wake` for 20 ms and for 5 ms, and sets `Late` for 7 ms when `Wake` first fires.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Sleeper {
    fired: Vec<Alarm>,
}

impl Node for Sleeper {
    type Message = ();
    type Timer = Alarm;

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(Alarm::Wake, Duration::from_millis(20));
        ctx.set_timer(Alarm::Wake, Duration::from_millis(5));
    }

    fn on_message(&mut self, _: Address, (): (), _: &mut Context<Self>) {}

    fn on_timer(&mut self, alarm: Alarm, ctx: &mut Context<Self>) {
        self.fired.push(alarm);
        if self.fired == [Alarm::Wake] {
            ctx.set_timer(Alarm::Late, Duration::from_millis(7));
        }
    }
}

fn sleeper() -> Address {
    Address::new("sleeper")
}

fn submission() -> Submission {
    let make = |_: Address, ()| Sleeper { fired: Vec::new() };
    Submission::new()
        .with(Kind::node("sleeper", make).observing(|node: &Sleeper, ()| node.fired.clone()))
}

fn search() -> Search {
    Search::new(System::new().node("sleeper", sleeper(), &()))
}

/// The property that the timers never fire in this order.
fn never(sequence: &'static [Alarm]) -> Property {
    Property::new(format!("never {sequence:?}"), move |view| {
        let fired: Vec<Alarm> = observe(view, sleeper(), &())?;
        if fired == sequence {
            Err(violated("another order", format!("{fired:?}")))
        } else {
            Ok(())
        }
    })
}

const CLOCK_ORDER: &[Alarm] = &[Alarm::Wake, Alarm::Late, Alarm::Wake];

#[test]
fn equal_timers_with_overlapping_durations_may_fire_in_either_order() {
    // In simulated time: Wake at 5, Late at 12, Wake at 20.
    let scenario = Scenario::new()
        .node(NodeSpec::node("sleeper", sleeper(), &()))
        .until(Duration::from_millis(30))
        .check(never(CLOCK_ORDER));
    let submission = submission();
    let mut host = LocalHost::new(&submission);
    let run = Simulation::new(scenario, 1).run(&mut host, Default::default());
    assert!(!run.verdict.held(), "{:?}", run.verdict);

    let report = search().invariant(never(CLOCK_ORDER)).run(&submission);
    let SearchResult::Violated(found) = report.result else { panic!("{:?}", report.result) };
    let fired: Vec<u64> = found
        .path()
        .events
        .iter()
        .map(|event| match event {
            PathEvent::Fire { min_ns, max_ns, .. } if min_ns == max_ns => min_ns / 1_000_000,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(fired, [5, 7, 20]);
}

#[test]
fn exactly_the_orders_that_durations_allow_are_explored() {
    let submission = submission();
    let possible = |sequence| {
        let report = search().invariant(never(sequence)).run(&submission);
        match report.result {
            SearchResult::Violated(_) => true,
            SearchResult::Exhausted => false,
            other => panic!("{other:?}"),
        }
    };
    use Alarm::{Late, Wake};
    // The 20 ms timer was set first, so it does not delay the others. The 7 ms timer may overtake
    // it, but not the 5 ms timer, which was set earlier and is shorter.
    assert!(possible(&[Wake, Wake, Late]));
    assert!(possible(&[Wake, Late, Wake]));
    assert!(!possible(&[Late]));
    // None; the 5 ms or the 20 ms timer; both; the 5 ms timer and Late; all, in two orders.
    assert_eq!(search().run(&submission).statistics.states, 7);
}

#[test]
fn replays_fire_the_same_timer() {
    let submission = submission();
    let search = search().invariant(never(CLOCK_ORDER));
    let steps = LocalSteps::new(&submission, search.system().descriptors()).expect("it starts");
    let report = search.run_with(&steps);
    let origin = Origin::default();
    let trace = search.trace(&steps, &origin, &report.result).expect("a violation has a run");
    let replayed = replay(&trace, &mut search.traced_run(&steps));
    assert!(matches!(replayed.status, ReplayStatus::Reproduced { same: true, .. }), "{replayed:?}");
    assert_eq!(replayed.trace.events, trace.events);
}

#[test]
fn random_walks_and_minimisation_distinguish_timers_by_duration() {
    let probes = RandomWalks { seed: 1, count: 50, depth_max: 10 };
    let report = search().invariant(never(CLOCK_ORDER)).random_walks(&submission(), probes);
    let SearchResult::Violated(found) = report.result else { panic!("{:?}", report.result) };
    assert_eq!(found.path().len(), 3);
}

#[test]
fn explorers_choose_timers_by_duration() {
    let submission = submission();
    let begin = search();
    let steps = LocalSteps::new(&submission, begin.system().descriptors()).expect("it starts");
    for (ms, then) in [(5, 20), (20, 5)] {
        let mut explorer = Explorer::new(&begin, &steps).expect("nodes that start");
        let fired = explorer.fire_timer(sleeper(), |timer| timer.min_ns == ms * 1_000_000);
        assert_eq!(fired, Ok(true));
        let state = explorer.state();
        let left: BTreeSet<u64> =
            state.nodes[0].timers.iter().map(|timer| timer.min_ns / 1_000_000).collect();
        assert_eq!(left, BTreeSet::from([7, then]));
        // A search continues from there.
        let on = search().start_from(state).invariant(never(CLOCK_ORDER)).run(&submission);
        assert_eq!(matches!(on.result, SearchResult::Violated(_)), ms == 5, "{:?}", on.result);
    }
}
