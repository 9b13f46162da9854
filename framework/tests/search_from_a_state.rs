//! Searches with a monitor that start from a state: the monitor knows the run that led there, whichever
//! search found the state.

use std::time::Duration;

use faultlab::hosting::pure::LocalSteps;
use faultlab::hosting::{Kind, Submission};
use faultlab::linearizability::Sequential;
use faultlab::property::{Property, violated};
use faultlab::search::{Explorer, Limit, Linearizable, RandomWalks, Search, SearchResult, State};
use faultlab::workload::Workload;
use faultlab::{Address, Application, Client, Context, Node, System, codec};
use serde::{Deserialize, Serialize};

/// A server that stores a total, or a client that requests it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Role {
    Server { total: u64 },
    Client { server: Address, asked: u64, answered: Option<u64> },
}

/// A request or a reply: the command's number and the total.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Message {
    Add(u64),
    Total(u64, u64),
}

impl Node for Role {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match (self, message) {
            (Self::Server { total }, Message::Add(number)) => {
                // This is exactly-once for a single client: any number but the next is a duplicate.
                *total = (*total).max(number);
                ctx.send(from, Message::Total(number, *total));
            }
            (Self::Client { asked, answered, .. }, Message::Total(number, total))
                if number == *asked =>
            {
                answered.get_or_insert(total);
            }
            _ => {}
        }
    }
}

impl Client for Role {
    type Command = ();
    type Result = u64;

    fn send_command(&mut self, (): (), ctx: &mut Context<Self>) {
        if let Self::Client { server, asked, answered } = self {
            *asked += 1;
            *answered = None;
            ctx.send(*server, Message::Add(*asked));
        }
    }

    fn result(&self) -> Option<u64> {
        match self {
            Self::Client { answered, .. } => *answered,
            Self::Server { .. } => None,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Counter(u64);

impl Application for Counter {
    type Command = ();
    type Result = u64;

    fn execute(&mut self, (): ()) -> u64 {
        self.0 += 1;
        self.0
    }
}

fn server() -> Address {
    Address::new("server")
}

fn client() -> Address {
    Address::new("client")
}

fn submission() -> Submission {
    let make = |_: Address, server| Role::Client { server, asked: 0, answered: None };
    Submission::new()
        .with(Kind::node("server", |_, ()| Role::Server { total: 0 }))
        .with(Kind::client("client", make))
}

/// A client with three commands.
fn search() -> Search {
    let system = System::new().node("server", server(), &()).client(
        "client",
        client(),
        &server(),
        Workload::<(), u64>::of([(), (), ()]),
    );
    Search::new(system)
}

/// The same with a monitor. `offset` is the model's initial total; with 0 the system is correct.
fn watched(offset: u64) -> Search {
    let model = Sequential::new(Counter(offset));
    search().monitor(Linearizable::new("totals are right", model))
}

fn has_answers(count: usize) -> Property {
    Property::new(format!("{count} answers"), move |view| {
        let answered = view.operations(client()).iter().filter(|it| it.result.is_some()).count();
        if answered == count { Ok(()) } else { Err(violated("others", answered.to_string())) }
    })
}

fn found(outcome: SearchResult) -> State {
    match outcome {
        SearchResult::GoalFound(found) => found.state,
        other => panic!("{other:?}"),
    }
}

/// States in which the client has this many answers, one for each way to obtain one.
fn states(answers: usize) -> Vec<State> {
    let submission = submission();
    let goal = || search().goal(has_answers(answers));
    let probes = RandomWalks { seed: 5, count: 20, depth_max: 30 };
    let begin = search();
    let steps = LocalSteps::new(&submission, begin.system().descriptors()).expect("it starts");
    let mut explorer = Explorer::new(&begin, &steps).expect("nodes that start");
    for number in 1..=answers as u64 {
        let is = |message: Message| move |bytes: &[u8]| codec::decode(bytes) == Ok(message.clone());
        let asked = explorer.deliver(client(), server(), is(Message::Add(number)));
        let answered = explorer.deliver(server(), client(), is(Message::Total(number, number)));
        assert_eq!((asked, answered), (Ok(true), Ok(true)));
    }
    vec![
        found(goal().run(&submission).result),
        found(watched(0).goal(has_answers(answers)).run(&submission).result),
        found(goal().random_walks(&submission, probes).result),
        found(watched(0).goal(has_answers(answers)).random_walks(&submission, probes).result),
        explorer.state(),
        explorer.state().dropping(|_, _, _| true),
    ]
}

#[test]
fn a_monitor_replays_the_run_to_the_start_state() {
    for answers in 0..=3 {
        for (index, state) in states(answers).into_iter().enumerate() {
            let right = watched(0).start_from(state.clone()).run(&submission());
            assert_eq!(right.result, SearchResult::Exhausted, "{answers} answers, state {index}");
            let right = watched(0)
                .start_from(state.clone())
                .random_walks(&submission(), RandomWalks { seed: 1, count: 5, depth_max: 10 });
            assert_eq!(right.result, SearchResult::LimitReached(Limit::RandomWalks(5)));
            // For this model the first answer is wrong, so every later state violates the property.
            let wrong = watched(1).start_from(state.clone()).run(&submission());
            let emptied = index == 5;
            match wrong.result {
                SearchResult::Violated(found) if answers > 0 => {
                    assert_eq!(found.path(), &state.path)
                }
                SearchResult::Violated(_) => assert!(!emptied),
                SearchResult::Exhausted => assert!(emptied && answers == 0),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_chain_of_stages_sees_the_whole_run() {
    let submission = submission();
    let mut state = found(search().goal(has_answers(1)).run(&submission).result);
    for answers in 2..=3 {
        let stage = search().start_from(state).goal(has_answers(answers));
        state = found(stage.run(&submission).result);
        let end = watched(0).start_from(state.clone()).run(&submission);
        assert_eq!(end.result, SearchResult::Exhausted);
    }
}

#[test]
fn restrictions_do_not_apply_to_the_replayed_path() {
    let state = states(1).swap_remove(0);
    let cut = watched(0).start_from(state).block_link(client(), server()).crash(server());
    assert_eq!(cut.run(&submission()).result, SearchResult::Exhausted);
}

#[test]
fn a_state_with_an_unreplayable_path_is_rejected() {
    let mut without_path = states(2).swap_remove(0);
    without_path.path.events.clear();
    let report = watched(0).start_from(without_path.clone()).run(&submission());
    let SearchResult::InvalidStart(reason) = &report.result else { panic!("{:?}", report.result) };
    assert!(reason.contains("results that client holds"), "{reason}");
    // Without a monitor, the run is not needed.
    let report = search().start_from(without_path).run(&submission());
    assert_eq!(report.result, SearchResult::Exhausted);

    let mut torn = states(2).swap_remove(0);
    torn.path.events.remove(0);
    let report = watched(0).start_from(torn).run(&submission());
    let SearchResult::InvalidStart(reason) = &report.result else { panic!("{:?}", report.result) };
    assert!(reason.contains("event 1 of its path is not possible"), "{reason}");
}

#[test]
fn a_message_listed_twice_in_a_state_is_in_flight_once() {
    let once = states(1).swap_remove(0);
    let mut twice = once.clone();
    for node in &mut twice.nodes {
        node.inbox.extend(node.inbox.clone());
    }
    let [once, twice] =
        [once, twice].map(|state| search().start_from(state).run(&submission()).statistics);
    assert_eq!(once.transitions, twice.transitions);
    assert_eq!(once.states, twice.states);
}

#[test]
#[should_panic(expected = "the state and the system have different nodes")]
fn a_state_of_another_system_is_rejected() {
    let system = System::new().node("server", Address::new("other"), &());
    let _ = Search::new(system).start_from(states(0).swap_remove(0));
}

#[test]
fn all_invariants_violated_in_a_state_are_reported() {
    let never = |name: &'static str, at: usize| {
        Property::new(name, move |view| match has_answers(at).check(view) {
            Ok(()) => Err(violated("another number", format!("{at} answers"))),
            Err(_) => Ok(()),
        })
    };
    let search = search()
        .invariant(never("first", 1))
        .invariant(never("second", 2))
        .invariant(never("third", 1).of_each_client());
    let SearchResult::Violated(found) = search.run(&submission()).result else {
        panic!("it is violated")
    };
    assert_eq!(found.property, "first");
    let others: Vec<_> = found.also_violated.iter().map(|other| other.property.as_str()).collect();
    assert_eq!(others, ["third"]);
    // When the monitor's property is violated, the invariants violated in the same state are
    // reported too.
    let search = watched(1).invariant(never("first", 1));
    let SearchResult::Violated(found) = search.run(&submission()).result else {
        panic!("it is violated")
    };
    assert_eq!(found.property, "totals are right");
    assert_eq!(found.also_violated.len(), 1);
}

/// The time limit holds even if properties and handlers are slow. One full round takes more than
/// ten seconds here.
#[test]
fn the_time_limit_holds_within_a_round() {
    const LIMIT: Duration = Duration::from_millis(300);
    let slow_property = || {
        Property::new("slow", |_| {
            std::thread::sleep(Duration::from_millis(5));
            Ok(())
        })
    };
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Slow {
        is_slow: bool,
        seen: Vec<u64>,
    }
    impl Node for Slow {
        type Message = u64;
        type Timer = u64;

        fn init(&mut self, ctx: &mut Context<Self>) {
            for timer in 0..12 {
                ctx.set_timer(timer, Duration::from_millis(1)..=Duration::from_millis(9));
            }
        }

        fn on_message(&mut self, _: Address, _: u64, _: &mut Context<Self>) {}

        fn on_timer(&mut self, timer: u64, _: &mut Context<Self>) {
            if self.is_slow {
                std::thread::sleep(Duration::from_millis(1));
            }
            self.seen.push(timer);
        }
    }
    let submission =
        Submission::new().with(Kind::node("slow", |_, is_slow| Slow { is_slow, seen: Vec::new() }));
    let system = |is_slow| System::new().node("slow", Address::new("slow"), &is_slow);
    let searches = [
        Search::new(system(true)),
        Search::new(system(false)).invariant(slow_property()),
        Search::new(system(false)).invariant(slow_property().of_each_node()),
    ];
    for search in searches {
        let search = search.allow_divergence().time_max(LIMIT);
        let probes = RandomWalks { seed: 1, count: 10_000, depth_max: 12 };
        for report in [search.run(&submission), search.random_walks(&submission, probes)] {
            assert_eq!(report.result, SearchResult::LimitReached(Limit::Time(LIMIT)));
            let took = report.statistics.elapsed;
            assert!(took >= LIMIT && took < LIMIT * 6, "{took:?}");
        }
    }
}
