//! Both engines do to messages what the fault model allows, and nothing else.

use std::num::NonZeroUsize;
use std::time::Duration;

use faultlab::hosting::pure::LocalSteps;
use faultlab::hosting::{Kind, LocalHost, Submission};
use faultlab::property::{Property, observe, violated};
use faultlab::search::{
    Action, Explorer, ExplorerError, Obstacle, PathEvent, RandomWalks, Search, SearchResult,
};
use faultlab::simulate::{
    Intervention, LinkConditions, Network, Options, Rate, Scenario, ScenarioError, Simulation,
};
use faultlab::trace::replay::{ReplayStatus, replay};
use faultlab::trace::{EventKind, MemoryRecorder, Origin};
use faultlab::{Address, Context, FaultModel, Node, System, codec};
use serde::{Deserialize, Serialize};

const UNRELIABLE: FaultModel = FaultModel::UNRELIABLE_FAIL_STOP;
const IN_ORDER: FaultModel = FaultModel::RELIABLE_IN_ORDER_FAIL_STOP;

/// What the senders send, in this order.
const SENT: [u64; 3] = [5, 5, 3];

/// Sends to a listener when it starts, or records the first messages that it gets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Talker {
    listener: Option<Address>,
    got: Vec<(Address, u64)>,
}

impl Node for Talker {
    type Message = u64;
    type Timer = ();

    fn init(&mut self, ctx: &mut Context<Self>) {
        for message in SENT {
            if let Some(listener) = self.listener {
                ctx.send(listener, message);
            }
        }
    }

    fn on_message(&mut self, from: Address, message: u64, _: &mut Context<Self>) {
        if self.got.len() < 4 {
            self.got.push((from, message));
        }
    }
}

fn submission() -> Submission {
    let make = |_: Address, listener: Option<Address>| Talker { listener, got: Vec::new() };
    let from = |it: &Talker, sender: Address| -> Vec<u64> {
        it.got.iter().filter(|(from, _)| *from == sender).map(|&(_, message)| message).collect()
    };
    Submission::new().with(Kind::node("talker", make).observing(from))
}

fn listener() -> Address {
    Address::new("listener")
}

fn sender(number: usize) -> Address {
    Address::numbered("sender", number)
}

/// A listener, and senders to it; the listener also sends to itself if it is to.
fn system(senders: usize, to_itself: bool) -> System {
    let own = to_itself.then(listener);
    let system = System::new().node("talker", listener(), &own);
    (1..=senders)
        .map(sender)
        .fold(system, |system, sender| system.node("talker", sender, &Some(listener())))
}

/// The property that what the listener got from this sender is as described.
fn got(
    sender: Address,
    name: &str,
    is_so: impl Fn(&[u64]) -> bool + Send + Sync + 'static,
) -> Property {
    Property::new(name, move |view| {
        let got: Vec<u64> = observe(view, listener(), &sender)?;
        if is_so(&got) { Ok(()) } else { Err(violated("it", format!("{got:?}"))) }
    })
}

fn in_order(sender: Address) -> Property {
    got(sender, &format!("{sender}'s messages arrive once and in order"), |got| {
        SENT.starts_with(got)
    })
}

#[test]
fn a_search_offers_every_fault_that_the_model_allows_and_no_other() {
    let faults: [(&str, IsSo, Allows); 3] = [
        ("a message overtakes another", |got| got.first() == Some(&3), FaultModel::may_reorder),
        ("a message arrives twice", |got| got == [3, 3], FaultModel::may_duplicate),
        ("a message arrives too often", |got| got == [5, 5, 5], FaultModel::may_duplicate),
    ];
    for (name, is_so, allows) in faults {
        for model in [UNRELIABLE, IN_ORDER] {
            let goal = got(sender(1), name, is_so);
            let report =
                Search::new(system(1, false)).fault_model(model).goal(goal).run(&submission());
            if allows(model) {
                assert!(matches!(report.result, SearchResult::GoalFound(_)), "{model}: {name}");
            } else {
                assert_eq!(report.result, SearchResult::Exhausted, "{model}: {name}");
                // The listener has got none, one, two or all three.
                assert_eq!(report.statistics.states, 4, "{model}: {name}");
            }
        }
    }
}

/// Whether messages that arrived in this order are an example of a fault.
type IsSo = fn(&[u64]) -> bool;

/// Whether a model allows a fault.
type Allows = fn(FaultModel) -> bool;

#[test]
fn nothing_of_that_depends_on_threads_orders_or_the_comparison_of_states() {
    let search = || {
        let search = Search::new(system(2, true)).fault_model(IN_ORDER);
        [sender(1), sender(2), listener()].into_iter().fold(search, |search, sender| {
            search
                .invariant(in_order(sender))
                .sometimes(got(sender, "it got two", |got| got == [5, 5]))
        })
    };
    let two = NonZeroUsize::MIN.saturating_add(1);
    let first = search().run(&submission());
    assert_eq!(first.result, SearchResult::Exhausted);
    assert_eq!(first.never_held, [""; 0]);
    assert_eq!(first.hints, []);
    for search in [search().threads(two), search().all_orders(), search().exact()] {
        let report = search.run(&submission());
        assert_eq!(report.result, SearchResult::Exhausted);
        assert_eq!(report.statistics.states, first.statistics.states);
    }
    let walks = RandomWalks { seed: 5, count: 30, depth_max: 20 };
    let walked = search().random_walks(&submission(), walks);
    assert!(matches!(walked.result, SearchResult::LimitReached(_)), "{:?}", walked.result);
    // Of three nodes, each has three messages for the listener.
    assert_eq!(walked.statistics.depth, 9);
}

#[test]
fn an_explorer_says_why_the_model_does_not_allow_something() {
    let search = Search::new(system(1, false)).fault_model(IN_ORDER);
    let submission = submission();
    let steps = LocalSteps::new(&submission, search.system().descriptors()).expect("steps");
    let mut explorer = Explorer::new(&search, &steps).expect("a start");
    let encoded = |message: u64| codec::encode(&message).expect("it encodes");
    let delivery = |message| PathEvent::Deliver {
        node: listener(),
        from: sender(1),
        message: encoded(message),
    };
    assert_eq!(explorer.enabled(), [delivery(5)]);
    assert_eq!(explorer.obstacle(&delivery(3)), Some(Obstacle::EarlierMessage("5".to_owned())));
    let drop = Action::Drop { from: sender(1), to: listener(), message: encoded(5) };
    let Err(ExplorerError::NotPossible { obstacle, .. }) = explorer.act(drop.clone()) else {
        panic!("a message was lost");
    };
    assert_eq!(obstacle, Obstacle::NotInModel(IN_ORDER));
    assert_eq!(
        obstacle.to_string(),
        "the fault model (reliable in-order network, fail-stop nodes) does not allow that"
    );
    // A cut link delays its messages, in every model.
    let (from, to) = (sender(1), listener());
    explorer.act(Action::Cut { from, to }).expect("links can be cut");
    assert_eq!(explorer.obstacle(&delivery(5)), Some(Obstacle::Cut { from, to }));
    assert_eq!(explorer.enabled(), []);
    explorer.act(Action::Restore { from, to }).expect("links can be restored");
    for (message, left) in [(5, 2), (5, 1), (3, 0)] {
        assert_eq!(explorer.enabled(), [delivery(message)]);
        explorer.perform(&delivery(message)).expect("possible");
        assert_eq!(explorer.describe().nodes[0].messages.len(), left);
    }
    assert_eq!(explorer.obstacle(&delivery(5)), Some(Obstacle::NotSent));

    // The same is possible where messages can be lost. Such a state is no start for a search where they cannot.
    let lossy = Search::new(system(1, false));
    let mut explorer = Explorer::new(&lossy, &steps).expect("a start");
    explorer.act(drop).expect("messages can be lost");
    let state = explorer.state();
    let report = lossy.clone().start_from(state.clone()).run(&submission);
    assert_eq!(report.result, SearchResult::Exhausted);
    let report = search.clone().start_from(state.clone()).run(&submission);
    let SearchResult::InvalidStart(reason) = report.result else { panic!("{:?}", report.result) };
    assert!(reason.contains("reliable in-order network"), "{reason}");
    let search = search.clone().start_from(state);
    assert!(matches!(Explorer::new(&search, &steps), Err(ExplorerError::InvalidStart(_))));
}

#[test]
fn a_trace_numbers_equal_messages_apart_if_each_arrives_once() {
    let goal = got(sender(1), "all have arrived", |got| got == SENT);
    let search = Search::new(system(1, false)).fault_model(IN_ORDER).goal(goal);
    let submission = submission();
    let steps = LocalSteps::new(&submission, search.system().descriptors()).expect("steps");
    let report = search.run_with(&steps);
    let trace = search.trace(&steps, &Origin::default(), &report.result).expect("a goal");
    assert_eq!(trace.header.fault_model, "reliable-in-order-fail-stop");
    let arrived: Vec<_> = trace
        .events
        .iter()
        .filter_map(|event| match &event.what {
            EventKind::Deliver { id, copy, .. } => Some((*id, format!("{copy:?}"))),
            _ => None,
        })
        .collect();
    assert_eq!(arrived, [1, 2, 3].map(|id| (id, "Original".to_owned())));
    let status = replay(&trace, &mut search.traced_run(&steps)).status;
    assert!(matches!(status, ReplayStatus::Fixed { happened: 5, .. }), "{status:?}");
}

#[test]
fn a_state_that_was_found_is_a_start_in_the_same_model() {
    let goal = got(sender(1), "one has arrived", |got| got == [5]);
    let search = || Search::new(system(2, false)).fault_model(IN_ORDER);
    let report = search().goal(goal).run(&submission());
    let SearchResult::GoalFound(found) = report.result else { panic!("{:?}", report.result) };
    let report = search().invariant(in_order(sender(1))).start_from(found.state).run(&submission());
    assert_eq!(report.result, SearchResult::Exhausted);
    // Three of one sender that have arrived or not, after the first, and four of the other; the listener records the
    // order in which they came.
    let all = search().run(&submission()).statistics.states;
    assert!(report.statistics.states < all, "{} of {all}", report.statistics.states);
}

/// A scenario of the same nodes.
fn scenario() -> Scenario {
    Scenario::new().system(system(2, true)).until(Duration::from_secs(2))
}

#[test]
fn a_scenario_may_ask_for_no_fault_beyond_its_model() {
    let second = Duration::from_secs(1);
    let (from, to) = (sender(1), listener());
    let loses = LinkConditions { drop: Rate::percent(1), ..LinkConditions::reliable() };
    let duplicates = LinkConditions { duplicate: Rate::percent(1), ..LinkConditions::reliable() };
    let asking = [
        scenario().link_conditions(loses),
        scenario().network(Network::reliable().sender(from, duplicates)),
        scenario().network(Network::reliable().link(from, to, loses)),
        scenario().at(second, Intervention::LinkConditions(Network::with(duplicates))),
        scenario().at(second, Intervention::DropNext { from, to, count: 1 }),
    ];
    let errors = asking.map(|scenario| {
        scenario.validate().expect("everything is allowed on an unreliable network");
        let error = scenario.fault_model(IN_ORDER).validate().expect_err("a fault too many");
        assert!(matches!(error, ScenarioError::NotInModel { model: IN_ORDER, .. }), "{error}");
        error.to_string()
    });
    let model = "which the fault model (reliable in-order network, fail-stop nodes) does not allow";
    let expected = [
        "the network at the start: the network loses messages, ",
        "the network at the start: the network duplicates messages, ",
        "the network at the start: the network loses messages, ",
        "at 1s, the network's conditions change: the network duplicates messages, ",
        "at 1s, the next message from sender1 to listener is lost: messages are lost, ",
    ];
    assert_eq!(errors, expected.map(|text| format!("{text}{model}")));
    let allowed = scenario()
        .at(second, Intervention::Cut { from, to })
        .at(second, Intervention::Crash(to))
        .link_conditions(LinkConditions::unreliable().only_latency());
    allowed.fault_model(IN_ORDER).validate().expect("every model has these");
}

#[test]
fn a_run_has_every_fault_that_the_model_allows_and_no_other() {
    let submission = submission();
    let arrived = |scenario: Scenario, seed: u64| -> Vec<(Address, u64)> {
        let mut recorder = MemoryRecorder::new();
        let options = Options { recorder: Some(&mut recorder), ..Options::default() };
        Simulation::new(scenario, seed).run(&mut LocalHost::new(&submission), options);
        let trace = recorder.into_trace().expect("a trace");
        let messages = trace.events.iter().filter_map(|event| match &event.what {
            EventKind::Deliver { from, id, .. } => Some((*from, *id)),
            _ => None,
        });
        messages.collect()
    };
    let (mut reordered, mut doubled, mut lost) = (0, 0, 0);
    for seed in 0..40 {
        let unreliable = scenario().network(Network::unreliable());
        let all = arrived(unreliable, seed);
        for from in [sender(1), sender(2)] {
            let ids: Vec<u64> =
                all.iter().filter(|(by, _)| *by == from).map(|&(_, id)| id).collect();
            let mut sorted = ids.clone();
            sorted.sort_unstable();
            reordered += usize::from(ids != sorted);
            sorted.dedup();
            doubled += usize::from(sorted.len() < ids.len());
            lost += usize::from(sorted.len() < SENT.len());
        }
        let only_latency = LinkConditions::unreliable().only_latency();
        let all = arrived(scenario().link_conditions(only_latency).fault_model(IN_ORDER), seed);
        for from in [sender(1), sender(2), listener()] {
            let ids: Vec<u64> =
                all.iter().filter(|(by, _)| *by == from).map(|&(_, id)| id).collect();
            assert_eq!(ids.len(), SENT.len(), "seed {seed}: each once");
            assert!(ids.is_sorted(), "seed {seed}: in order, also to itself: {ids:?}");
        }
    }
    assert!(reordered > 0 && doubled > 0 && lost > 0, "{reordered} {doubled} {lost}");
}
