//! A mistake of a suite's author is never a student's loss: it is found before any submission runs, or, where only a
//! run can show it, ends that run as the suite's error.

use std::time::Duration;

use faultlab::hosting::{Kind, NodeFailure, Submission};
use faultlab::kinds::Interface;
use faultlab::property::{Property, View, clients_done, observe, results_ok, violated};
use faultlab::search::{Action, RandomWalks, Search};
use faultlab::simulate::{
    Intervention, LinkConditions, Network, Options, RunFailure, Scenario, Verdict,
};
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, FaultModel, Node, NodeSpec, System};
use faultlab_suites::{Mistake, Part, SearchPlan, Suite, Test, run};
use serde::{Deserialize, Serialize};

/// Servers say whether they lead; clients ask for numbers; mutes only exist.
fn interface() -> Interface {
    Interface::new()
        .node::<()>("server")
        .observed::<(), bool>()
        .client::<Address, u64, u64>("client")
        .node::<u64>("mute")
}

fn server() -> Address {
    Address::new("server1")
}

fn client() -> Address {
    Address::new("client1")
}

fn ghost() -> Address {
    Address::new("server9")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn numbers() -> Workload<u64, u64> {
    Workload::of([1, 2, 3]).expecting([1, 3, 6])
}

fn system() -> System {
    System::new().node("server", server(), &()).node("mute", Address::new("mute1"), &7_u64).client(
        "client",
        client(),
        &server(),
        numbers(),
    )
}

fn scenario() -> Scenario {
    Scenario::new().system(system()).until_done(seconds(60)).check(clients_done())
}

fn suite(tests: impl IntoIterator<Item = Test>) -> Suite {
    Suite::new("lab9", "Nine").interface(interface()).part(Part::new(1, "One").tests(tests))
}

fn simulating(scenario: impl Fn() -> Scenario + Send + Sync + 'static) -> Test {
    Test::run("1.1", "A run").asserts("something").points(1).scenario(move |_| scenario())
}

fn searching(plan: impl Fn() -> SearchPlan + Send + Sync + 'static) -> Test {
    Test::search("1.2", "A search").asserts("something").points(1).searches(move |_| plan())
}

/// The one mistake of a suite with this test.
fn mistake(test: Test) -> String {
    match &suite([test]).mistakes()[..] {
        [one] => one.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Asserts the mistake in the scenario that this makes of a right one.
fn assert_mistake(says: &[&str], wrong: impl Fn(Scenario) -> Scenario + Send + Sync + 'static) {
    let text = mistake(simulating(move || wrong(scenario())));
    for part in [&["test 1.1: "], says].concat() {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
}

/// Asserts the mistake in the property, in runs and in searches, each at every place where a property can be.
fn assert_wrong_property(says: &str, property: fn() -> Property) {
    assert_mistake(&[says], move |it| it.check(property()));
    assert_mistake(&[says], move |it| it.always(property()));
    assert_mistake(&[says], move |it| it.at(seconds(1), Intervention::Check(property())));
    assert_mistake(&[says], move |it| it.when(property(), Intervention::Crash(server())));
    let plans: [fn(Search, Property) -> SearchPlan; 4] = [
        |search, it| SearchPlan::new().exhausting("all", search.invariant(it)),
        |search, it| SearchPlan::new().exhausting("all", search.sometimes(it)),
        |search, it| SearchPlan::new().exhausting("all", search.prune(it)),
        |search, it| SearchPlan::new().reaching("it", search.goal(it)),
    ];
    for plan in plans {
        let text = mistake(searching(move || plan(Search::new(system()), property())));
        assert!(text.starts_with("test 1.2: search \""), "{text}");
        assert!(text.contains(says), "{text:?} does not say {says:?}");
    }
}

#[test]
fn a_right_suite_has_no_mistakes() {
    let right = suite([
        simulating(|| {
            scenario()
                .at(seconds(1), Intervention::Isolate(server()))
                .at(seconds(2), Intervention::Heal)
                .when_answered(client(), 3, Intervention::Crash(server()))
                .check(leads(server()))
        }),
        searching(|| {
            SearchPlan::of(Search::new(system()).invariant(results_ok()))
                .reach("an end", |search| search.goal(clients_done()))
                // Nodes without behaviour have sent nothing that could be delivered.
                .changing(|run| run.deliver(server(), client(), |_| true))
                .changing(|run| run.act(Action::Crash { node: server() }))
                .exhaust("the rest", |search| search)
        }),
    ]);
    assert_eq!(right.mistakes(), []);
    assert_eq!(right.check(), Ok(()));
}

fn leads(node: Address) -> Property {
    Property::new(format!("{node} leads"), move |view| {
        match observe::<(), bool>(view, node, &())? {
            true => Ok(()),
            false => Err(violated("a leader", "it does not lead")),
        }
    })
}

#[test]
fn interventions_name_nodes_that_exist() {
    let (from, to) = (server(), ghost());
    let naming = [
        Intervention::Cut { from, to },
        Intervention::Hold { from, to },
        Intervention::DropNext { from: to, to: from, count: 1 },
        Intervention::Isolate(ghost()),
        Intervention::partition([&[server()], &[client(), ghost()]]),
        Intervention::Crash(ghost()),
    ];
    for intervention in naming {
        let says = ["no node `server9` exists at that time; nodes: client1, mute1, server1"];
        assert_mistake(&says, move |it| it.at(seconds(1), intervention.clone()));
    }
    let network = || Network::reliable().sender(ghost(), LinkConditions::unreliable());
    assert_mistake(&["the network at the start: no node `server9`"], move |it| {
        it.network(network())
    });
    let says = "at 1s, the network's conditions change: no node `server9`";
    assert_mistake(&[says], move |it| it.at(seconds(1), Intervention::LinkConditions(network())));
}

#[test]
fn interventions_wait_for_clients_and_for_what_can_come() {
    let heal = || Intervention::Crash(server());
    assert_mistake(
        &["`server1` is not a client, so it has no results; clients: client1"],
        move |it| it.when_answered(server(), 1, heal()),
    );
    assert_mistake(&["no node `server9`"], move |it| it.when_answered(ghost(), 1, heal()));
    assert_mistake(
        &["when client1 has had 4 results, server1 crashes: client1 gets only 3 commands"],
        move |it| it.when_answered(client(), 4, heal()),
    );
    assert_mistake(&["at 70s, server1 crashes: the run ends after 60s"], move |it| {
        it.at(seconds(70), heal())
    });
}

#[test]
fn interventions_are_in_order_and_do_something() {
    let second = || NodeSpec::node("server", Address::new("server2"), &());
    let crash = || Intervention::Crash(Address::new("server2"));
    assert_mistake(&["at 1s, server2 crashes: no node `server2` exists at that time"], move |it| {
        it.at(seconds(1), crash()).at(seconds(2), Intervention::Start(second()))
    });
    assert_mistake(
        &["at 2s, server1 crashes: server1 has crashed at 1s, and never comes back"],
        |it| {
            let crash = || Intervention::Crash(server());
            it.at(seconds(1), crash()).at(seconds(2), crash())
        },
    );
    assert_mistake(&["no link is cut or held before that; put the cut first"], |it| {
        it.at(seconds(1), Intervention::Heal).at(seconds(2), Intervention::Isolate(server()))
    });
    let (from, to) = (client(), server());
    assert_mistake(&["no message is lost; give a count of at least 1"], move |it| {
        it.at(seconds(1), Intervention::DropNext { from, to, count: 0 })
    });
    assert_mistake(&["server1 needs no link to itself"], move |it| {
        it.at(seconds(1), Intervention::Cut { from: to, to })
    });
}

#[test]
fn nodes_start_at_addresses_of_their_own() {
    let again = || Intervention::Start(NodeSpec::node("server", server(), &()));
    let says = "the address `server1` is taken, and a crashed node keeps its address";
    assert_mistake(&[says], move |it| it.at(seconds(2), again()));
    assert_mistake(&[says], move |it| {
        it.at(seconds(1), Intervention::Crash(server())).at(seconds(2), again())
    });
    // Where it is a builder that refuses it.
    assert_mistake(&["two nodes have the address server1"], |it| {
        it.node(NodeSpec::node("server", server(), &()))
    });
}

#[test]
fn faults_are_in_the_model() {
    let reliable = || FaultModel::RELIABLE_IN_ORDER_FAIL_STOP;
    let (from, to) = (client(), server());
    assert_mistake(&["messages are lost, which the fault model"], move |it| {
        let lost = Intervention::DropNext { from, to, count: 1 };
        it.fault_model(reliable()).at(seconds(1), lost)
    });
    assert_mistake(&["the network at the start: ", "which the fault model"], move |it| {
        it.fault_model(reliable()).network(Network::unreliable())
    });
}

/// Makes a node with a mistake.
type Wrong = fn(Address) -> NodeSpec;

#[test]
fn nodes_are_of_kinds_that_the_lab_has() {
    let new = Address::new("new1");
    let wrong: [(Wrong, &str); 6] = [
        (
            |at| NodeSpec::node("sevrer", at, &()),
            "new1 is of the kind `sevrer`, which the lab does not have; kinds: server, client, mute",
        ),
        (
            |at| NodeSpec::node("mute", at, &"seven".to_owned()),
            "new1 is made with something else than the `u64` that a `mute` is made with",
        ),
        (
            |at| NodeSpec::client("client", at, &7_u64, numbers()),
            "new1 is made with something else than the `Address` that a `client` is made with",
        ),
        (
            |at| NodeSpec::client("server", at, &(), numbers()),
            "new1 has a workload, but the kind `server` is not a client; leave the workload out, or make it one of: \
             client",
        ),
        (
            |at| {
                NodeSpec::client(
                    "client",
                    at,
                    &server(),
                    Workload::<String, u64>::of(["a".to_owned()]),
                )
            },
            "new1's workload has commands that are no `u64`, which a `client` takes",
        ),
        (
            |at| {
                let work = Workload::<u64, Vec<u64>>::of([1]).expecting([vec![1, 2, 3]]);
                NodeSpec::client("client", at, &server(), work)
            },
            "new1's workload has expected results that are no `u64`, which a `client` takes",
        ),
    ];
    for (spec, says) in wrong {
        assert_mistake(&[says], move |it| it.node(spec(new)));
        assert_mistake(&["at 1s, new1 starts: ", says], move |it| {
            it.at(seconds(1), Intervention::Start(spec(new)))
        });
        let searched = mistake(searching(move || {
            SearchPlan::new().exhausting("all runs", Search::new(system().with(spec(new))))
        }));
        assert_eq!(searched, format!("test 1.2: search \"all runs\": {says}"));
    }
}

#[test]
fn properties_ask_nodes_what_they_answer() {
    assert_wrong_property("about server9, and there is no such node", || leads(ghost()));
    assert_wrong_property("about server9, and there is no such node", || {
        Property::new("the ghost has results", |view: &mut dyn View| {
            match view.operations(ghost()) {
                [] => Err(violated("results", "there are none")),
                _ => Ok(()),
            }
        })
    });
    assert_wrong_property("about server9, and there is no such node", || {
        // A property may not even look at what it is told.
        Property::new("the ghost does not lead", |view: &mut dyn View| {
            let asked = observe::<(), bool>(view, ghost(), &());
            if asked.is_ok_and(|leads| leads) { Err(violated("none", "it leads")) } else { Ok(()) }
        })
    });
    assert_wrong_property(
        "client1 is queried, but the kind `client` answers no queries; kinds that do: server",
        || leads(client()),
    );
    assert_wrong_property("server1 gets a query that is no `()`, which a `server` answers", || {
        Property::new("server1 leads in term 7", |view: &mut dyn View| {
            observe::<u64, bool>(view, server(), &7).map(drop)
        })
    });
}

#[test]
fn tests_and_suites_are_not_empty() {
    assert_mistake(&["the scenario has no nodes; add some with `node`"], |_| {
        Scenario::new().check(clients_done())
    });
    assert_mistake(&["the scenario has no property that must hold; add it with `check`"], |_| {
        Scenario::new().system(system())
    });
    let free = Test::run("1.1", "Free").asserts("something").points(0).scenario(|_| scenario());
    assert!(mistake(free).contains("it is worth no points; give it some with `points`"));
    let empty = Suite::new("lab9", "Nine").interface(interface());
    let said = |suite: &Suite| suite.mistakes().iter().map(Mistake::to_string).collect::<Vec<_>>();
    assert_eq!(said(&empty), ["the suite has no parts; add one with `part`"]);
    let empty = empty.part(Part::new(1, "One"));
    assert_eq!(said(&empty), ["part 1 has no tests; add one, or leave it out"]);
    let unknown = Suite::new("lab9", "Nine").part(Part::new(1, "One").test(simulating(scenario)));
    assert!(said(&unknown)[0].contains("add `.interface(lab9_api::interface())`"));
}

#[test]
fn searches_are_not_empty_and_reach_what_they_must() {
    let searched = |plan: fn() -> SearchPlan| mistake(searching(plan));
    let says = searched(SearchPlan::new);
    assert_eq!(says, "test 1.2: it searches nothing; add a search to its plan");
    let says = searched(|| SearchPlan::new().exhausting("all", Search::new(System::new())));
    assert_eq!(says, "test 1.2: search \"all\": its system has no nodes");
    let says = searched(|| SearchPlan::new().reaching("an end", Search::new(system())));
    assert!(says.contains("search \"an end\": it must reach a goal, and has none"), "{says}");
    let says = searched(|| {
        SearchPlan::new().exhausting("all", Search::new(system()).goal(clients_done()))
    });
    assert!(says.contains("it ends at its goal, and must not"), "{says}");
    let says = searched(|| {
        let walks = RandomWalks { seed: 1, count: 0, depth_max: 10 };
        SearchPlan::new().random_walks("long runs", Search::new(system()), walks)
    });
    assert!(says.contains("it takes no random walks"), "{says}");
    let says =
        searched(|| SearchPlan::new().exhausting("all", Search::new(system()).crash(ghost())));
    assert!(says.starts_with("test 1.2: the system has no node at server9 ("), "{says}");
}

#[test]
fn later_searches_are_checked_too() {
    let later = |then: fn(Search) -> Search| {
        mistake(searching(move || {
            let reached = SearchPlan::of(Search::new(system()))
                .reach("an end", |search| search.goal(clients_done()));
            reached.exhaust("the rest", then)
        }))
    };
    let says = later(|search| search.block_sends(ghost()));
    assert!(says.contains("search \"the rest\": the system has no node at server9"), "{says}");
    let says = later(|search| search.invariant(leads(client())));
    assert!(says.contains("search \"the rest\": client1 is queried"), "{says}");
    let says = mistake(searching(|| {
        SearchPlan::of(Search::new(system()))
            .exhaust("all", |search| search.invariant(results_ok()))
            .from("all")
            .exhaust("the rest", |search| search)
    }));
    assert!(says.contains("no stage before it reaches \"all\""), "{says}");
    let says = mistake(searching(|| {
        SearchPlan::of(Search::new(system()))
            .changing(|run| run.act(Action::Crash { node: ghost() }))
            .exhaust("all", |search| search)
    }));
    assert!(
        says.contains("search \"all\": ") && says.contains("there is no node server9"),
        "{says}"
    );
}

/// What a wrong suite can only be seen to ask for in a run.
mod in_a_run {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    enum Role {
        Server,
        Client { server: Address, sum: u64, waits: bool },
    }

    impl Node for Role {
        type Message = u64;
        type Timer = ();

        fn on_message(&mut self, from: Address, number: u64, ctx: &mut Context<Self>) {
            match self {
                Self::Server => ctx.send(from, number),
                Self::Client { sum, waits, .. } => {
                    *sum += number;
                    *waits = false;
                }
            }
        }
    }

    impl Client for Role {
        type Command = u64;
        type Result = u64;

        fn send_command(&mut self, number: u64, ctx: &mut Context<Self>) {
            if let Self::Client { server, waits, .. } = self {
                *waits = true;
                ctx.send(*server, number);
            }
        }

        fn result(&self) -> Option<u64> {
            match self {
                Self::Client { sum, waits: false, .. } => Some(*sum),
                _ => None,
            }
        }
    }

    fn submission() -> Submission {
        Submission::new()
            .with(Kind::node("server", |_, ()| Role::Server).observing(|_: &Role, ()| true))
            .with(Kind::client("client", |_, server| Role::Client { server, sum: 0, waits: false }))
            .with(Kind::node("mute", |_, _: u64| Role::Server))
    }

    /// The error of the suite that a run of this test ends with.
    fn error_of(test: Test) -> String {
        let suite = suite([test]);
        assert_eq!(suite.mistakes(), [], "it can be known before");
        let test = suite.tests().next().expect("it has one");
        let outcome = run(&suite, test, 1, &submission(), Options::default()).outcome;
        match outcome.verdict {
            Verdict::Failed(RunFailure::Scenario(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// A property that asks, but not before the first result.
    fn after_a_result(ask: impl Fn(&mut dyn View) -> Ask + Send + Sync + 'static) -> Property {
        Property::new("it is asked late", move |view: &mut dyn View| {
            let answered = view.operations(client()).iter().any(|it| it.result.is_some());
            if answered { ask(view) } else { Ok(()) }
        })
    }

    type Ask = Result<(), faultlab::property::CheckError>;

    #[test]
    fn the_lab_and_its_interface_agree() {
        assert_eq!(interface().differences(&submission()), [""; 0]);
        let other = Submission::new()
            .with(Kind::node("server", |_, ()| Role::Server))
            .with(Kind::node("mute", |_, _: u64| Role::Server))
            .with(Kind::node("deaf", |_, ()| Role::Server));
        assert_eq!(
            interface().differences(&other),
            [
                "the kind `server` is a node made with `()` in the submission, but a node made with `()`, which \
                 answers `()` with `bool` in the interface",
                "the submission has no kind `client`",
                "the interface has no kind `deaf`",
            ]
        );
    }

    #[test]
    fn what_is_asked_late_is_an_error_of_the_suite() {
        let late = |ask: fn(&mut dyn View) -> Ask| {
            error_of(simulating(move || scenario().check(after_a_result(ask))))
        };
        let says = late(|view| observe::<(), bool>(view, ghost(), &()).map(drop));
        assert_eq!(
            says,
            "the property \"it is asked late\": it asks about server9, and there is no such node; nodes: client1, \
             mute1, server1"
        );
        let says = late(|view| observe::<(), bool>(view, client(), &()).map(drop));
        assert!(says.contains("the kind `client` answers no queries"), "{says}");
        let says = late(|view| observe::<(), String>(view, server(), &()).map(drop));
        assert!(says.contains("a property expects `String` as server1's answer"), "{says}");
    }

    #[test]
    fn a_computed_intervention_is_an_error_of_the_suite() {
        let decided = |chosen: fn() -> Intervention| {
            let decide = move || Intervention::decide("chaos", move |_| Ok(vec![chosen()]));
            error_of(simulating(move || scenario().when_answered(client(), 1, decide())))
        };
        let says = decided(|| Intervention::Crash(ghost()));
        assert!(says.contains("no node `server9` exists at that time"), "{says}");
        let says = decided(|| Intervention::Start(NodeSpec::node("sevrer", ghost(), &())));
        assert!(says.contains("the kind `sevrer`"), "{says}");
        let says = decided(|| Intervention::Start(NodeSpec::node("server", server(), &())));
        assert!(says.contains("the address `server1` is taken"), "{says}");
    }

    /// The message with which the run of a search panics: the worker that runs it says that the test is broken.
    fn panic_of(ask: fn(&mut dyn View) -> Ask) -> String {
        let suite = suite([searching(move || {
            let search = Search::new(system()).invariant(after_a_result(ask)).depth_max(8);
            SearchPlan::new().bounded("the first events", search)
        })]);
        assert_eq!(suite.mistakes(), [], "it can be known before");
        let test = suite.tests().next().expect("it has one");
        let submission = submission();
        let ran = || run(&suite, test, 1, &submission, Options::default());
        match faultlab::hosting::catch(ran) {
            Err(NodeFailure::Panicked { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_search_asks_late_breaks_the_test() {
        let says = panic_of(|view| observe::<(), bool>(view, ghost(), &()).map(drop));
        assert!(says.contains("a property asks about server9"), "{says}");
        let says = panic_of(|view| observe::<(), bool>(view, client(), &()).map(drop));
        assert!(says.contains("the kind `client` answers no queries"), "{says}");
        let says = error_of(searching(|| {
            let ask = |view: &mut dyn View| observe::<(), String>(view, server(), &()).map(drop);
            let search = Search::new(system()).invariant(after_a_result(ask)).depth_max(8);
            SearchPlan::new().bounded("the first events", search)
        }));
        assert!(says.contains("a property expects `String` as server1's answer"), "{says}");
    }
}
