//! Timers in searches: a pending timer is identified by its value and its durations.

use std::collections::BTreeSet;
use std::time::Duration;

use faultlab::property::{Property, observe, violated};
use faultlab::search::{Outcome, PathEvent, Probes, Search, System};
use faultlab::simulate::{NodeSpec, Origin, Scenario, Simulation};
use faultlab::trace::replay::{Verdict, replay};
use faultlab::worker::pure::LocalSteps;
use faultlab::worker::{Kind, LocalHost, Submission};
use faultlab::{Address, Context, Node};
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

/// The timers never fire in this order.
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
fn either_of_two_timers_of_one_value_may_fire_if_their_durations_allow_it() {
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
    let Outcome::Violated(found) = report.outcome else { panic!("{:?}", report.outcome) };
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
fn every_order_that_durations_allow_is_a_state_and_no_other() {
    let submission = submission();
    let possible = |sequence| {
        let report = search().invariant(never(sequence)).run(&submission);
        match report.outcome {
            Outcome::Violated(_) => true,
            Outcome::Exhausted => false,
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
fn what_is_found_is_replayed_with_the_timer_that_fired() {
    let submission = submission();
    let search = search().invariant(never(CLOCK_ORDER));
    let steps = LocalSteps::new(&submission, search.system().roster().to_vec()).expect("it starts");
    let report = search.run_with(&steps);
    let origin = Origin::default();
    let trace = search.trace(&steps, &origin, &report.outcome).expect("a violation has a run");
    let replayed = replay(&trace, &mut search.walk(&steps));
    assert!(matches!(replayed.verdict, Verdict::Reproduced { same: true, .. }), "{replayed:?}");
    assert_eq!(replayed.trace.events, trace.events);
}

#[test]
fn probes_find_it_and_minimising_keeps_the_timers_apart() {
    let probes = Probes { seed: 1, count: 50, depth_max: 10 };
    let report = search().invariant(never(CLOCK_ORDER)).probe(&submission(), probes);
    let Outcome::Violated(found) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(found.path().len(), 3);
}

#[test]
fn a_timer_is_fired_by_hand_by_its_durations() {
    let submission = submission();
    let begin = search();
    let steps = LocalSteps::new(&submission, begin.system().roster().to_vec()).expect("it starts");
    for (ms, then) in [(5, 20), (20, 5)] {
        let mut hand = begin.by_hand(&steps).expect("nodes that start");
        let fired = hand.fire_timer(sleeper(), |timer| timer.min_ns == ms * 1_000_000);
        assert_eq!(fired, Ok(true));
        let state = hand.state();
        let left: BTreeSet<u64> =
            state.nodes[0].timers.iter().map(|timer| timer.min_ns / 1_000_000).collect();
        assert_eq!(left, BTreeSet::from([7, then]));
        // A search continues from there.
        let on = search().start_from(state).invariant(never(CLOCK_ORDER)).run(&submission);
        assert_eq!(matches!(on.outcome, Outcome::Violated(_)), ms == 5, "{:?}", on.outcome);
    }
}
