//! The explorer: what can happen, actions from outside, snapshots, traces and errors.

mod common;

use common::{Fault, client, client_node, server, server_node, submission};
use faultlab::codec::{self, Fields, Scalar, Tree};
use faultlab::hosting::Submission;
use faultlab::hosting::pure::LocalSteps;
use faultlab::linearizability::Sequential;
use faultlab::property::{clients_done, results_ok};
use faultlab::search::{
    Action, Explorer, ExplorerError, Linearizable, Obstacle, PathEvent, Role, Search, SearchResult,
};
use faultlab::trace::causality::readable;
use faultlab::trace::replay::{ReplayStatus, replay};
use faultlab::trace::{Ending, EventKind, Origin, Trace, file};
use faultlab::{Address, Application, System};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// A server with a fault, and clients that add numbers.
fn search(fault: Fault, clients: usize, commands: u64) -> Search {
    let system = System::new().with(server_node(fault));
    let clients = (1..=clients).map(|number| client_node(number, commands));
    Search::new(clients.fold(system, System::with)).invariant(results_ok()).goal(clients_done())
}

fn steps<'s>(search: &Search, submission: &'s Submission) -> LocalSteps<'s> {
    LocalSteps::new(submission, search.system().descriptors()).expect("all kinds are there")
}

/// The only enabled event that these words describe.
fn event(explorer: &Explorer<'_>, words: &str) -> PathEvent {
    let enabled = explorer.enabled();
    let found: Vec<_> =
        enabled.iter().filter(|event| explorer.text(event).contains(words)).collect();
    assert_eq!(found.len(), 1, "{words}: {found:?}");
    found[0].clone()
}

fn texts(explorer: &Explorer<'_>) -> Vec<String> {
    explorer.enabled().iter().map(|event| explorer.text(event)).collect()
}

fn obstacle(result: Result<bool, ExplorerError>) -> Obstacle {
    match result {
        Err(ExplorerError::NotPossible { obstacle, .. }) => obstacle,
        other => panic!("{other:?}"),
    }
}

/// The request of a client's first command.
const ADD: &str = "server1 gets Add { number: 1, amount: 1 } from client1";
const SUM: &str = "client1 gets Sum { number: 1, sum: 1 } from server1";

#[test]
fn events_are_described_and_performed() {
    let (search, submission) = (search(Fault::None, 1, 2), submission());
    let steps = steps(&search, &submission);
    let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
    assert_eq!(texts(&explorer), [ADD, "client1's timer Retry { number: 1 } fires"]);
    assert_eq!(explorer.perform(&event(&explorer, "Add")), Ok(true));
    assert_eq!(explorer.perform(&event(&explorer, "Add")), Ok(false), "a duplicate");
    assert_eq!(explorer.path().len(), 2);

    let description = explorer.describe();
    let [server1, client1] = &description.nodes[..] else { panic!("{description:?}") };
    assert!(server1.state.contains("sum: 1"), "{}", server1.state);
    assert_eq!((server1.kind.as_str(), &server1.client), ("server", &None));
    assert_eq!(server1.messages[0].message, "Add { number: 1, amount: 1 }");
    assert_eq!(client1.timers[0].min.as_millis(), 50);
    let operations = &client1.client.as_ref().expect("a client").operations;
    assert_eq!((operations[0].command.as_str(), &operations[0].result), ("1", &None));

    explorer.perform(&event(&explorer, SUM)).expect("it is possible");
    let client1 = explorer.describe().nodes[1].client.clone().expect("a client");
    let results: Vec<_> = client1.operations.iter().map(|it| it.result.as_deref()).collect();
    assert_eq!((results, client1.is_done), (vec![Some("1"), None], false));
    let answers: Vec<_> =
        explorer.check().into_iter().map(|it| (it.role, it.result.is_ok())).collect();
    assert_eq!(answers, [(Role::Invariant, true), (Role::Goal, false)]);
}

#[test]
fn a_dropped_message_is_not_delivered_until_it_is_sent_again() {
    let (search, submission) = (search(Fault::None, 1, 1), submission());
    let steps = steps(&search, &submission);
    let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
    let add = event(&explorer, ADD);
    let PathEvent::Deliver { message, .. } = add.clone() else { panic!("{add:?}") };
    let drop = Action::Drop { from: client(1), to: server(), message };
    explorer.act(drop.clone()).expect("it is in the network");
    assert_eq!(obstacle(explorer.perform(&add)), Obstacle::NotSent);
    assert_eq!(obstacle(explorer.act(drop)), Obstacle::NotSent);
    assert_eq!(texts(&explorer), ["client1's timer Retry { number: 1 } fires"]);
    explorer.perform(&event(&explorer, "Retry")).expect("it is pending");
    assert_eq!(explorer.perform(&add), Ok(true));
}

#[test]
fn a_cut_link_delivers_nothing_until_it_is_restored() {
    let (search, submission) = (search(Fault::None, 2, 1), submission());
    let steps = steps(&search, &submission);
    let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
    let add = event(&explorer, ADD);
    let (from, to) = (client(1), server());
    assert_eq!(explorer.act(Action::Cut { from, to }), Ok(true));
    assert_eq!(explorer.act(Action::Cut { from, to }), Ok(false));
    assert_eq!(obstacle(explorer.perform(&add)), Obstacle::Cut { from, to });
    assert_eq!(explorer.describe().cut, [(from, to)]);
    let texts = texts(&explorer);
    assert!(texts[0].contains("from client2"), "the other link is not cut: {texts:?}");
    explorer.act(Action::Restore { from, to }).expect("both nodes exist");
    assert_eq!(explorer.perform(&add), Ok(true));

    assert_eq!(explorer.partition(&[&[server(), client(1)], &[client(2)]]), Ok(true));
    let two = client(2);
    let cut = [(server(), two), (client(1), two), (two, server()), (two, client(1))];
    assert_eq!(explorer.describe().cut, cut);
    explorer.perform(&event(&explorer, SUM)).expect("they are in one group");
    assert_eq!((explorer.heal(), explorer.heal()), (Ok(true), Ok(false)));
    assert!(explorer.enabled().iter().any(|event| explorer.text(event).contains("from client2")));
}

#[test]
fn a_crashed_node_does_nothing_and_its_messages_remain() {
    let (search, submission) = (search(Fault::None, 1, 1), submission());
    let steps = steps(&search, &submission);
    let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
    let add = event(&explorer, ADD);
    let retry = event(&explorer, "Retry");
    explorer.act(Action::Crash { node: client(1) }).expect("it has not crashed");
    assert_eq!(texts(&explorer), [ADD]);
    assert_eq!(obstacle(explorer.perform(&retry)), Obstacle::Crashed(client(1)));
    let again = explorer.act(Action::Crash { node: client(1) });
    assert_eq!(obstacle(again), Obstacle::Crashed(client(1)));
    assert_eq!(explorer.perform(&add), Ok(true));
    // The answer is in flight, and is never delivered.
    let client1 = &explorer.describe().nodes[1];
    assert!(client1.is_crashed);
    assert_eq!(client1.messages[0].obstacle, Some(Obstacle::Crashed(client(1))));
    assert!(explorer.perform(&client1.messages[0].event).is_err());
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Sum(u64);

impl Application for Sum {
    type Command = u64;
    type Result = u64;

    fn execute(&mut self, amount: u64) -> u64 {
        self.0 += amount;
        self.0
    }
}

fn command(amount: u64) -> Action {
    Action::Command { client: client(1), command: codec::encode(&amount).expect("it encodes") }
}

#[test]
fn a_client_that_is_done_can_be_given_commands() {
    let monitor = || Linearizable::new("sums are right", Sequential::new(Sum(0)));
    let system = || System::new().with(server_node(Fault::None)).with(client_node(1, 1));
    let search = Search::new(system()).monitor(monitor());
    let submission = submission();
    let steps = steps(&search, &submission);
    let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
    assert_eq!(obstacle(explorer.act(command(5))), Obstacle::NotDone(client(1)));
    for words in [ADD, SUM] {
        explorer.perform(&event(&explorer, words)).expect("it is possible");
    }
    // Two branches with different commands at the same index.
    let done = explorer.snapshot();
    for amount in [5, 7] {
        explorer.return_to(&done);
        assert_eq!(explorer.act(command(amount)), Ok(true));
        assert_eq!(obstacle(explorer.act(command(amount))), Obstacle::NotDone(client(1)));
        explorer.perform(&event(&explorer, &format!("amount: {amount}"))).expect("it was sent");
        let waiting = explorer.state();
        explorer.perform(&event(&explorer, "number: 2, sum")).expect("it was sent");
        let client1 = explorer.describe().nodes[1].client.clone().expect("a client");
        assert_eq!(client1.operations[1].command, amount.to_string());
        assert_eq!(client1.operations[1].result, Some((amount + 1).to_string()));
        assert!(client1.is_done);
        assert!(explorer.check().iter().all(|it| it.result.is_ok()));

        // A search from there knows the command: with it, the sums are right, and with a wrong initial sum they
        // are not.
        let report = search.clone().start_from(waiting.clone()).run(&submission);
        assert_eq!(report.result, SearchResult::Exhausted);
        let goal = Search::new(system()).start_from(waiting).goal(clients_done());
        let SearchResult::GoalFound(found) = goal.run(&submission).result else {
            panic!("the client gets its second result")
        };
        assert_eq!(found.state.nodes[1].results.len(), 2);
        let wrong = Linearizable::new("sums are right", Sequential::new(Sum(1)));
        let wrong = Search::new(system()).monitor(wrong).start_from(explorer.state());
        assert!(matches!(wrong.run(&submission).result, SearchResult::Violated(_)));
    }
}

#[test]
fn what_cannot_be_done_is_an_error() {
    let (search, submission) = (search(Fault::None, 1, 1), submission());
    let steps = steps(&search, &submission);
    let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
    let state = explorer.state();
    let nobody = Address::new("nobody");
    let encoded = |value: u64| codec::encode(&value).expect("it encodes");
    let actions = [
        (Action::Crash { node: nobody }, Obstacle::NoNode(nobody)),
        (Action::Cut { from: nobody, to: server() }, Obstacle::NoNode(nobody)),
        (Action::Command { client: server(), command: encoded(1) }, Obstacle::NotAClient(server())),
    ];
    for (action, expected) in actions {
        assert_eq!(obstacle(explorer.act(action)), expected);
    }
    let fire = PathEvent::Fire { node: server(), timer: encoded(1), min_ns: 1, max_ns: 1 };
    assert_eq!(obstacle(explorer.perform(&fire)), Obstacle::NotPending);
    let error = explorer.act(Action::Crash { node: nobody }).expect_err("there is no such node");
    assert_eq!(
        error.to_string(),
        "this cannot happen now: nobody crashes (there is no node nobody)"
    );
    assert_eq!(explorer.state(), state, "nothing has happened");

    for words in [ADD, SUM] {
        explorer.perform(&event(&explorer, words)).expect("it is possible");
    }
    let unreadable = Action::Command { client: client(1), command: vec![255; 20] };
    assert!(matches!(obstacle(explorer.act(unreadable)), Obstacle::Unreadable(_)));
}

#[test]
#[should_panic(expected = "the snapshot is of another explorer")]
fn a_snapshot_belongs_to_its_explorer() {
    let (search, submission) = (search(Fault::None, 1, 1), submission());
    let steps = steps(&search, &submission);
    let one = Explorer::new(&search, &steps).expect("nodes that start");
    let mut other = Explorer::new(&search, &steps).expect("nodes that start");
    other.return_to(&one.snapshot());
}

#[test]
fn a_failure_ends_the_run_and_one_can_go_back() {
    let (search, submission) = (search(Fault::PanicsAt(1), 1, 1), submission());
    let steps = steps(&search, &submission);
    let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
    let start = explorer.snapshot();
    let failed = explorer.perform(&event(&explorer, ADD));
    let Err(ExplorerError::Failed(failed)) = failed else { panic!("{failed:?}") };
    assert_eq!((failed.node, failed.path.len()), (server(), 1));
    assert_eq!(explorer.failure(), Some(&*failed));
    assert!(explorer.enabled().is_empty());
    let crash = explorer.act(Action::Crash { node: client(1) });
    assert_eq!(obstacle(crash), Obstacle::Failed(server()));
    let trace = explorer.trace(&Origin::default());
    assert!(trace.events.last().is_some_and(|event| event.failure.is_some()));
    assert!(matches!(trace.ending, Some(Ending::Failed { .. })));
    explorer.return_to(&start);
    assert!(explorer.failure().is_none() && explorer.path().is_empty());
    assert_eq!(explorer.enabled().len(), 2);
}

/// Performs the events of a search's finding.
fn follow(explorer: &mut Explorer<'_>, result: &SearchResult) {
    for event in &result.path().expect("a finding").events {
        explorer.perform(event).expect("the search has performed it");
    }
}

#[test]
fn a_path_of_a_search_has_the_trace_of_the_search() {
    let submission = submission();
    for fault in [Fault::None, Fault::ExecutesDuplicates] {
        let search = search(fault, 2, 2);
        let search = if fault == Fault::None { search_for_goal() } else { search };
        let result = search.run(&submission).result;
        let steps = steps(&search, &submission);
        let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
        follow(&mut explorer, &result);
        let expected = search.trace(&steps, &Origin::default(), &result);
        assert_eq!(Some(readable(&explorer.trace(&Origin::default()))), expected);
    }
}

fn search_for_goal() -> Search {
    let system = System::new().with(server_node(Fault::None)).with(client_node(1, 2));
    Search::new(system).goal(clients_done())
}

fn saved(trace: &Trace) -> Trace {
    let mut bytes = Vec::new();
    file::write(&mut bytes, trace).expect("writing to memory does not fail");
    file::read(&bytes[..]).expect("a trace")
}

/// A stage that begins with actions: they are in the trace of what is found later, once, and a replay performs them.
#[test]
fn actions_are_shown_and_replayed() {
    let (search, submission) = (search(Fault::None, 2, 1), submission());
    let steps = steps(&search, &submission);
    let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
    let add = event(&explorer, ADD);
    let PathEvent::Deliver { message, .. } = add.clone() else { panic!("{add:?}") };
    explorer.perform(&add).expect("it is possible");
    explorer.act(Action::Drop { from: client(1), to: server(), message }).expect("it was sent");
    explorer.act(Action::Cut { from: client(2), to: server() }).expect("both nodes exist");
    explorer.act(Action::Crash { node: server() }).expect("it has not crashed");
    let second = || {
        Search::new(search.system().clone())
            .start_from(explorer.state())
            .crash(server())
            .invariant(clients_done().named("clients are done, though the server has crashed"))
    };
    let second = second();
    let result = second.run(&submission).result;
    let trace = second.trace(&steps, &Origin::default(), &result).expect("a violation");
    let of_actions: Vec<&EventKind> = trace
        .events
        .iter()
        .map(|event| &event.what)
        .filter(|what| {
            matches!(
                what,
                EventKind::Lose { .. } | EventKind::Network { .. } | EventKind::Crash { .. }
            )
        })
        .collect();
    let [
        EventKind::Lose { reason, .. },
        EventKind::Network { change },
        EventKind::Crash { node, .. },
    ] = of_actions[..]
    else {
        panic!("{of_actions:?}")
    };
    assert_eq!((reason.as_str(), *node), ("it was dropped", server()));
    assert_eq!(change, "no message from client2 to server1");
    let replayed = replay(&saved(&trace), &mut second.traced_run(&steps));
    assert!(
        matches!(replayed.status, ReplayStatus::Reproduced { same: true, .. }),
        "{}",
        replayed.status
    );
    assert_eq!(replayed.trace, trace);
}

/// Everything that an explorer says about its state.
fn everything(explorer: &Explorer<'_>) -> impl PartialEq + std::fmt::Debug + use<> {
    (explorer.state(), explorer.enabled(), explorer.describe(), explorer.check())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever happens in between, a snapshot leads back to the same state.
    #[test]
    fn snapshots_lead_back(choices in prop::collection::vec((0_usize..100, 0_usize..8), 1..40)) {
        let (search, submission) = (search(Fault::ExecutesDuplicates, 2, 2), submission());
        let steps = steps(&search, &submission);
        let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
        let mut kept = vec![(explorer.snapshot(), everything(&explorer))];
        for (choice, action) in choices {
            let enabled = explorer.enabled();
            match (action, enabled.get(choice % enabled.len().max(1))) {
                (0, _) => drop(explorer.act(Action::Cut { from: client(1), to: server() })),
                (1, _) if choice < 10 => drop(explorer.act(Action::Crash { node: client(2) })),
                (2, Some(PathEvent::Deliver { node, from, message })) => {
                    let message = message.clone();
                    let drop = Action::Drop { from: *from, to: *node, message };
                    prop_assert_eq!(explorer.act(drop), Ok(true));
                }
                (3, _) => {
                    let (snapshot, then) = &kept[choice % kept.len()];
                    explorer.return_to(snapshot);
                    prop_assert_eq!(&everything(&explorer), then);
                }
                (_, Some(event)) => drop(explorer.perform(event).expect("it is enabled")),
                (_, None) => {}
            }
            kept.push((explorer.snapshot(), everything(&explorer)));
        }
        for (snapshot, then) in &kept {
            explorer.return_to(snapshot);
            prop_assert_eq!(&everything(&explorer), then);
        }
    }
}

/// A struct or variant as text, without its type's name.
fn outline(tree: &Tree) -> String {
    let fields = |fields: &Fields| match fields {
        Fields::Unit => String::new(),
        Fields::Positional(parts) => {
            format!("({})", parts.iter().map(outline).collect::<Vec<_>>().join(", "))
        }
        Fields::Named(named) => {
            let named = named.iter().map(|(name, value)| format!("{name}: {}", outline(value)));
            format!(" {{ {} }}", named.collect::<Vec<_>>().join(", "))
        }
    };
    match tree {
        Tree::Struct { name, fields: its } => format!("{name}{}", fields(its)),
        Tree::Variant { variant, fields: its, .. } => format!("{variant}{}", fields(its)),
        Tree::Scalar(Scalar::Unsigned(number)) => number.to_string(),
        Tree::Scalar(Scalar::Bool(value)) => value.to_string(),
        Tree::Text(text) => format!("\"{text}\""),
        Tree::Tuple(parts) => {
            format!("({})", parts.iter().map(outline).collect::<Vec<_>>().join(", "))
        }
        Tree::Option(None) => "None".to_owned(),
        Tree::Option(Some(value)) => format!("Some({})", outline(value)),
        Tree::Map(entries) => {
            let entry =
                |(key, value): &(Tree, Tree)| format!("{}: {}", outline(key), outline(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn a_description_has_the_same_values_as_trees() {
    let (search, submission) = (search(Fault::None, 1, 2), submission());
    let steps = steps(&search, &submission);
    let mut explorer = Explorer::new(&search, &steps).expect("nodes that start");
    for words in [ADD, SUM] {
        let event = event(&explorer, words);
        explorer.perform(&event).expect("possible");
    }
    let mut compared = 0;
    let mut compare = |structure: &Option<Tree>, shown: &str| {
        let structure = outline(structure.as_ref().expect("a structure"));
        // `Debug` shows a state on several lines, and addresses without quotation marks.
        let bare = |text: &str| text.replace(|c: char| c.is_whitespace() || c == '"', "");
        let shown = bare(shown).replace(",}", "}").replace(",)", ")");
        assert_eq!(bare(&structure), shown);
        compared += 1;
    };
    for node in explorer.describe().nodes {
        compare(&node.structure, &node.state);
        for message in node.messages {
            compare(&message.structure, &message.message);
        }
        for timer in node.timers {
            compare(&timer.structure, &timer.timer);
        }
        for operation in node.client.iter().flat_map(|client| &client.operations) {
            compare(&operation.structure, &operation.command);
            if let Some(result) = &operation.result {
                compare(&operation.result_structure, result);
            }
        }
    }
    assert!(compared >= 8, "{compared}");
}

/// A run of an explorer with every kind of action, saved and read again.
fn run_with_actions(search: &Search, steps: &LocalSteps<'_>) -> Trace {
    let mut explorer = Explorer::new(search, steps).expect("nodes that start");
    let perform = |explorer: &mut Explorer<'_>, words: &str| {
        let event = event(explorer, words);
        explorer.perform(&event).expect("possible");
    };
    perform(&mut explorer, ADD);
    let (from, to) = (server(), client(1));
    explorer.act(Action::Cut { from, to }).expect("possible");
    explorer.act(Action::Restore { from, to }).expect("possible");
    perform(&mut explorer, SUM);
    // The workload is done; this command is not part of it.
    let command = codec::encode(&5_u64).expect("it encodes");
    explorer.act(Action::Command { client: client(1), command }).expect("possible");
    let late = event(&explorer, ADD);
    let PathEvent::Deliver { message, .. } = late else { panic!("{late:?}") };
    explorer.act(Action::Drop { from: client(1), to: server(), message }).expect("possible");
    explorer.act(Action::Crash { node: server() }).expect("possible");
    let mut text = Vec::new();
    file::write(&mut text, &explorer.trace(&Origin::default())).expect("it is written");
    file::read(&text[..]).expect("it is read")
}

#[test]
fn a_saved_run_is_replayed_with_what_was_done_from_outside() {
    let submission = submission();
    let system = System::new().with(server_node(Fault::None)).with(client_node(1, 1));
    let search = Search::new(system).invariant(results_ok());
    let steps = steps(&search, &submission);
    let saved = run_with_actions(&search, &steps);
    let kinds = |trace: &Trace| -> Vec<String> {
        trace.events.iter().map(|event| format!("{:?}", event.what)).collect()
    };
    let has = |name: &str| kinds(&saved).iter().filter(|kind| kind.starts_with(name)).count();
    assert_eq!(["Command", "Lose", "Crash", "Network"].map(has), [2, 1, 1, 2]);
    let again = replay(&saved, &mut search.traced_run(&steps));
    assert!(matches!(again.status, ReplayStatus::Fixed { .. }), "{}", again.status);
    assert_eq!(again.trace.events, saved.events);

    // What can no longer happen is refused, with the reason.
    let refused = |change: &dyn Fn(&mut EventKind)| {
        let mut changed = saved.clone();
        changed.events.iter_mut().for_each(|event| change(&mut event.what));
        match replay(&changed, &mut search.traced_run(&steps)).status {
            ReplayStatus::NoLongerApplies { reason, .. } => reason,
            status => panic!("{status}"),
        }
    };
    let other_message = refused(&|what| {
        if let EventKind::Lose { message, .. } = what {
            message.push('!');
        }
    });
    assert!(
        other_message.ends_with("from client1 to server1 is in the network"),
        "{other_message}"
    );
    let other_link = refused(&|what| {
        if let EventKind::Network { change } = what {
            change.push('!');
        }
    });
    assert!(other_link.ends_with("which is not so in this search"), "{other_link}");
    let no_command = refused(&|what| {
        if let EventKind::Command { value, .. } = what {
            *value = "not a number".into();
        }
    });
    assert_eq!(no_command, "client1's command 5 is unknown");
    // A model that loses no messages.
    let in_order = search.clone().fault_model(faultlab::FaultModel::RELIABLE_IN_ORDER_FAIL_STOP);
    let status = replay(&saved, &mut in_order.traced_run(&steps)).status;
    let ReplayStatus::NoLongerApplies { reason, .. } = &status else { panic!("{status}") };
    assert!(reason.contains("in the network"), "{reason}");
}
