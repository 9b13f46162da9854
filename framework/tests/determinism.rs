//! The simulation detects nondeterministic nodes, and names the first event that differs, its handler and
//! the difference.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::simulate::{Irreproducible, Scenario, check};
use faultlab::trace::{
    Divergence, Divergent, Engine, EventKind, Header, Origin, Trace, TraceEvent,
};
use faultlab::{Address, Context, FaultModel, Node, NodeSpec};
use serde::{Deserialize, Serialize};

/// The part of the node's behaviour that is random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Mood {
    Steady,
    Message,
    Order,
    TimerOrder,
    Duration,
    Timer,
    State,
    Log,
    Panic,
}

/// A node's state about another node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Peer {
    asked: u64,
    token: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Moody {
    mood: Mood,
    peers: BTreeMap<Address, Peer>,
}

/// A random number that no seed determines.
fn chance() -> u64 {
    RandomState::new().hash_one(1)
}

fn peer(number: usize) -> Address {
    Address::numbered("peer", number)
}

const PEERS: usize = 12;

impl Node for Moody {
    type Message = u64;
    type Timer = u64;

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(7, Duration::from_millis(20));
    }

    fn on_message(&mut self, _: Address, _: u64, _: &mut Context<Self>) {}

    fn on_timer(&mut self, timer: u64, ctx: &mut Context<Self>) {
        if timer != 7 {
            return;
        }
        let is = |mood| self.mood == mood;
        let peers: Vec<Address> = (0..PEERS).map(peer).collect();
        let in_any_order: HashSet<Address> = peers.iter().copied().collect();
        match self.mood {
            Mood::Order => in_any_order.iter().for_each(|&peer| ctx.send(peer, 1)),
            _ => peers.iter().for_each(|&peer| ctx.send(peer, 1)),
        }
        if is(Mood::Message) {
            ctx.send(peer(3), chance());
        }
        if is(Mood::TimerOrder) {
            let timers: HashSet<u64> = (100..120).collect();
            timers.iter().for_each(|&timer| ctx.set_timer(timer, Duration::from_secs(1)));
        }
        if is(Mood::Duration) {
            ctx.set_timer(8, Duration::from_nanos(1_000_000 + chance() % 1_000_000_000));
        }
        if is(Mood::Timer) {
            ctx.set_timer(8 + chance(), Duration::from_secs(1));
        }
        if is(Mood::Log) {
            ctx.log(format_args!("it is {}", chance()));
        }
        assert!(!is(Mood::Panic), "it was {}", chance());
        for &address in &peers {
            let token = if is(Mood::State) && address == peer(5) { chance() } else { 1 };
            self.peers.insert(address, Peer { asked: 1, token });
        }
    }
}

fn submission() -> Submission {
    let make = |_, mood: Mood| Moody { mood, peers: BTreeMap::new() };
    Submission::new().with(Kind::node("moody", make))
}

fn scenario(mood: Mood) -> Scenario {
    let peers = (0..PEERS).map(|number| NodeSpec::node("moody", peer(number), &Mood::Steady));
    Scenario::new()
        .node(NodeSpec::node("moody", Address::new("moody"), &mood))
        .nodes(peers)
        .until(Duration::from_millis(30))
}

fn irreproducible(mood: Mood) -> Irreproducible {
    match check(40..43, |_| scenario(mood), &submission()) {
        Ok(_) => panic!("{mood:?} is not detected"),
        Err(irreproducible) => irreproducible,
    }
}

/// The first difference between its runs. Checks everything that all moods have in common.
fn divergence(mood: Mood) -> Divergence {
    let irreproducible = irreproducible(mood);
    assert_eq!(irreproducible.seed, 40);
    let text = irreproducible.to_string();
    let divergence = *irreproducible.divergence.expect("a text differs");
    assert!(text.ends_with(&format!("; the runs differ {divergence}")), "{text}");
    assert_eq!(divergence.node, Some(Address::new("moody")));
    assert_eq!(divergence.handler, Some("on_timer"));
    assert_eq!(divergence.time_ns, Some(20_000_000));
    let start =
        format!("at event {} (0.020000 s), in moody's on_timer, given 7: ", divergence.event + 1);
    assert!(divergence.to_string().starts_with(&start), "{divergence}");
    divergence
}

#[test]
fn deterministic_runs_pass() {
    let runs =
        check(0..20, |_| scenario(Mood::Steady), &submission()).expect("it is deterministic");
    let seeds: Vec<u64> = runs.iter().map(|(seed, _)| *seed).collect();
    assert_eq!(seeds, (0..20).collect::<Vec<_>>());
    assert!(runs.iter().all(|(_, outcome)| outcome.verdict.held()));
}

#[test]
fn a_sample_of_the_seeds_is_run_twice() {
    // Seeds 0 and 8 are in the sample.
    let moody_from = |first: u64| {
        let mood = move |seed| if seed >= first { Mood::Message } else { Mood::Steady };
        check(0..16, |seed| scenario(mood(seed)), &submission())
    };
    assert_eq!(moody_from(5).expect_err("seed 8 is in the sample").seed, 8);
    moody_from(9).expect("none of these is in the sample");
}

#[test]
fn a_different_message_is_named() {
    let divergence = divergence(Mood::Message);
    let Divergent::Sent { first, second } = &divergence.how else { panic!("{divergence}") };
    assert_eq!((first.len(), second.len()), (1, 1), "{divergence}");
    assert!(first[0].ends_with(" to peer3") && second[0].ends_with(" to peer3"), "{divergence}");
}

#[test]
fn a_different_order_of_messages_or_timers_is_named() {
    let sends = divergence(Mood::Order);
    assert!(matches!(sends.how, Divergent::SendOrder { .. }), "{sends}");
    assert!(sends.to_string().contains("same messages, but in different orders"), "{sends}");
    let timers = divergence(Mood::TimerOrder);
    assert!(matches!(timers.how, Divergent::TimerOrder { .. }), "{timers}");
}

#[test]
fn a_different_timer_duration_is_named() {
    let divergence = divergence(Mood::Duration);
    let Divergent::TimerDuration { timer, first, second } = &divergence.how else {
        panic!("{divergence}")
    };
    assert_eq!(timer, "8");
    assert_ne!(first, second);
    assert!(divergence.to_string().contains("sets the timer 8 for "), "{divergence}");
    let timer = self::divergence(Mood::Timer);
    assert!(matches!(timer.how, Divergent::Timers { .. }), "{timer}");
}

#[test]
fn the_differing_field_of_a_state_is_named() {
    let divergence = divergence(Mood::State);
    let Divergent::State { field, first, second } = &divergence.how else { panic!("{divergence}") };
    assert_eq!(*field, ["peers", "peer5", "token"], "{divergence}");
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    assert!(first != second && is_number(first) && is_number(second), "{divergence}");
}

#[test]
fn different_log_lines_and_failures_are_named() {
    let logged = divergence(Mood::Log);
    assert!(matches!(logged.how, Divergent::Logged { .. }), "{logged}");
    let failed = divergence(Mood::Panic);
    assert!(matches!(failed.how, Divergent::Failure { .. }), "{failed}");
}

/// A trace in which a node starts with this state.
fn trace(state: &str) -> Trace {
    let node = Address::new("server1");
    let what = EventKind::start(node, "server");
    let mut event = TraceEvent::new(Some(0), what);
    event.state = Some(state.to_owned());
    let origin = Origin::default();
    let header = Header::new(Engine::Simulate, &origin, 1, FaultModel::default(), vec![node]);
    Trace { header, events: vec![event], ending: None }
}

#[test]
fn the_print_order_of_a_map_is_not_a_difference() {
    let one = trace("State {\n    map: {\n        1: 2,\n        3: 4,\n    },\n}");
    let other = trace("State {\n    map: {\n        3: 4,\n        1: 2,\n    },\n}");
    assert_eq!(Divergence::between(&one, &other), None);
    let more = trace("State {\n    map: {\n        1: 2,\n        3: 5,\n    },\n}");
    let divergence = Divergence::between(&one, &more).expect("the value of 3 differs");
    assert_eq!(
        divergence.to_string(),
        "at event 1 (0.000000 s), in server1's init: one run leaves the field map.3 with 4, the other with 5"
    );
}

#[test]
fn a_run_that_ends_early_is_a_difference() {
    let mut longer = trace("1");
    let crash = EventKind::crash(Address::new("server1"));
    longer.events.push(TraceEvent::new(Some(5_000_000), crash));
    let divergence = Divergence::between(&longer, &trace("1")).expect("one is longer");
    assert_eq!(
        divergence.to_string(),
        "at event 2 (0.005000 s): one run continues with the crash of server1, the other with nothing more"
    );
}
