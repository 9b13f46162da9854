//! Searches that may crash nodes and start them again: what each fault does, within which bounds, and which solutions
//! survive it.

#[path = "fixtures/durable_notebook.rs"]
mod notebook;

use std::num::NonZeroUsize;
use std::time::Duration;

use faultlab::hosting::pure::LocalSteps;
use faultlab::hosting::{Kind, Submission};
use faultlab::property::{Property, clients_done, observe, results_ok, violated};
use faultlab::search::{
    Action, Barrier, DiskOutcome, Explorer, ExplorerError, Measure, Obstacle, PathEvent,
    RandomWalks, Report, RestartBounds, Search, SearchResult,
};
use faultlab::trace::replay::{ReplayStatus, replay};
use faultlab::trace::show::{self, diagram};
use faultlab::trace::{EventKind, Origin, Trace, file};
use faultlab::{
    Address, Context, Durable, FaultModel, NetworkModel, Node, NodeModel, Stored, System,
};
use serde::{Deserialize, Serialize};

use notebook::Way;

const CRASH_RECOVERY: FaultModel = FaultModel::UNRELIABLE_CRASH_RECOVERY;
const TORN_WRITES: FaultModel = FaultModel::UNRELIABLE_CRASH_RECOVERY_TORN_WRITES;
const FAULTY_DISK: FaultModel = FaultModel::UNRELIABLE_CRASH_RECOVERY_FAULTY_DISK;
const IN_ORDER: FaultModel =
    FaultModel { network: NetworkModel::ReliableInOrder, nodes: NodeModel::CrashRecovery };

/// A search of the notebook's server and a client with two commands, in which the server may crash once.
fn notebook(way: Way, model: FaultModel) -> Search {
    let system = System::new().with(notebook::server_node(way)).with(notebook::client_node(2));
    Search::new(system)
        .fault_model(model)
        .may_restart([notebook::server()], RestartBounds::crashes(1))
        .invariant(results_ok())
}

fn run(search: &Search) -> Report {
    search.run(&notebook::submission())
}

/// The trace of a finding, written to a file and read again.
fn saved(search: &Search, report: &Report, submission: &Submission) -> Trace {
    let steps = LocalSteps::new(submission, search.system().descriptors()).expect("nodes");
    let trace = search.trace(&steps, &Origin::default(), &report.result).expect("a trace");
    let replayed = replay(&trace, &mut search.traced_run(&steps));
    let status = &replayed.status;
    let is_repeated = match report.result {
        SearchResult::GoalFound(_) => matches!(status, ReplayStatus::Fixed { .. }),
        _ => matches!(status, ReplayStatus::Reproduced { same: true, .. }),
    };
    assert!(is_repeated, "{status}");
    assert_eq!(replayed.trace.events, trace.events);
    let mut text = Vec::new();
    file::write(&mut text, &trace).expect("it is written");
    let read = file::read(&text[..]).expect("it is read");
    assert_eq!(read, trace);
    read
}

#[test]
fn right_servers_survive_all_restarts() {
    for way in Way::RIGHT {
        for model in [CRASH_RECOVERY, TORN_WRITES] {
            let report = run(&notebook(way, model).sometimes(clients_done()));
            assert_eq!(report.result, SearchResult::Exhausted, "{way:?}");
            assert_eq!(report.never_held, Vec::<String>::new());
            assert_eq!(report.faults, ["server1 may crash and restart: at most 1 crash in all"]);
        }
    }
}

#[test]
fn each_wrong_server_is_found_with_a_shortest_run() {
    for (way, model, events, is_cut_short) in [
        // The request, the answer, the crash, the restart, the second request, and its answer.
        (Way::SavesNothing, CRASH_RECOVERY, 6, false),
        // The crash is within the first request's handler.
        (Way::SavesAfterAnswering, CRASH_RECOVERY, 5, true),
        // The crash is between the save and the answer. Then it executes the same request again.
        (Way::ForgetsAnswers, CRASH_RECOVERY, 4, true),
        (Way::NeverSyncs, CRASH_RECOVERY, 6, false),
        // The crash is between the append and the sync.
        (Way::TrustsTornEntries, TORN_WRITES, 4, true),
    ] {
        let search = notebook(way, model);
        let report = run(&search);
        let SearchResult::Violated(found) = &report.result else {
            panic!("{way:?}: {:?}", report.result)
        };
        assert_eq!(found.path().len(), events, "{way:?}: {:?}", found.path());
        let trace = saved(&search, &report, &notebook::submission());
        let is_within =
            found.path().events.iter().any(|event| matches!(event, PathEvent::Interrupted { .. }));
        assert_eq!(is_within, is_cut_short, "{way:?}");
        let within = trace.events.iter().find(|event| event.interrupted_after.is_some());
        assert_eq!(within.and_then(|event| event.interrupted_after), is_cut_short.then_some(1));
    }
}

#[test]
fn a_wrong_server_is_found_only_with_the_fault_that_it_does_not_survive() {
    let torn = run(&notebook(Way::TrustsTornEntries, CRASH_RECOVERY));
    assert_eq!(torn.result, SearchResult::Exhausted);
    let base = |way| {
        let system = System::new().with(notebook::server_node(way)).with(notebook::client_node(2));
        Search::new(system).fault_model(CRASH_RECOVERY).invariant(results_ok())
    };
    for way in [Way::SavesNothing, Way::SavesAfterAnswering] {
        assert_eq!(run(&base(way)).result, SearchResult::Exhausted, "nobody crashes");
        let for_good = base(way).may_crash([notebook::server()], 1);
        assert_eq!(run(&for_good).result, SearchResult::Exhausted, "nobody comes back");
    }
    let faulty = run(&notebook(Way::SavesAll, FAULTY_DISK)).result;
    assert!(matches!(faulty, SearchResult::Violated(_)), "a record may be lost: {faulty:?}");
}

#[test]
fn a_run_with_a_restart_is_drawn() {
    let search = notebook(Way::TrustsTornEntries, TORN_WRITES);
    let trace = saved(&search, &run(&search), &notebook::submission());
    insta::assert_snapshot!(diagram(&trace, &show::Options::default()));
}

#[test]
fn walks_restart_nodes_too() {
    for way in [Way::SavesNothing, Way::SavesAfterAnswering] {
        let search = notebook(way, CRASH_RECOVERY);
        let walks = RandomWalks { seed: 3, count: 2_000, depth_max: 25 };
        let report = search.random_walks(&notebook::submission(), walks);
        let shortest = run(&search).result.path().map(|path| path.len());
        assert_eq!(report.result.path().map(|path| path.len()), shortest, "{way:?}");
        saved(&search, &report, &notebook::submission());
    }
}

/// What nodes of these tests do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Role {
    /// Stores a record and three entries, the first of which it syncs, and shows what it finds.
    Keeper,
    /// Counts its restarts, and saves the count.
    Counter,
    /// The same, and then tells the hearer.
    Reporter,
    /// Counts its starts, and is not durable.
    Forgetful,
    /// Sends the numbers 1 and 2 to the hearer.
    Sender,
    /// Shows the numbers that it has got since its start, and sets a timer, with which it sends itself 7.
    Hearer,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Actor {
    role: Role,
    /// What the keeper found: its record, its entries, and whether there is damage.
    found: Option<(Option<u64>, Vec<u64>, bool)>,
    numbers: Vec<u64>,
}

impl Node for Actor {
    type Message = u64;
    type Timer = u64;

    fn init(&mut self, ctx: &mut Context<Self>) {
        match self.role {
            Role::Keeper => {
                ctx.save(&5);
                ctx.append(&1);
                ctx.sync();
                ctx.append(&2);
                ctx.append(&3);
            }
            Role::Forgetful => self.numbers.push(1),
            Role::Sender => {
                ctx.send(named("hearer"), 1);
                ctx.send(named("hearer"), 2);
            }
            Role::Hearer => ctx.set_timer(1, Duration::from_millis(5)),
            Role::Counter | Role::Reporter => {}
        }
    }

    fn on_message(&mut self, _: Address, number: u64, _: &mut Context<Self>) {
        if !self.numbers.contains(&number) {
            self.numbers.push(number);
        }
    }

    fn on_timer(&mut self, timer: u64, _: &mut Context<Self>) {
        self.numbers.push(100 + timer);
    }
}

impl Durable for Actor {
    type Record = u64;
    type Entry = u64;

    fn restore(&mut self, stored: Stored<u64, u64>, ctx: &mut Context<Self>) {
        match self.role {
            Role::Keeper => self.found = Some((stored.record, stored.log, stored.is_damaged)),
            Role::Counter | Role::Reporter => {
                let count = stored.record.unwrap_or(0) + 1;
                self.numbers.push(count);
                ctx.save(&count);
                if self.role == Role::Reporter {
                    ctx.send(named("hearer"), count);
                }
            }
            Role::Hearer => ctx.set_timer(2, Duration::from_millis(5)),
            Role::Forgetful | Role::Sender => {}
        }
    }
}

fn actors() -> Submission {
    let make = |_: Address, role| Actor { role, found: None, numbers: Vec::new() };
    let show = |actor: &Actor, ()| (actor.found.clone(), actor.numbers.clone());
    Submission::new()
        .with(Kind::node("durable", make).durable().observing(show))
        .with(Kind::node("forgetful", make).observing(show))
}

fn named(name: &str) -> Address {
    Address::new(name)
}

fn play(search: &Search) -> Report {
    search.run(&actors())
}

fn acting(roles: &[(&str, Role)], model: FaultModel) -> Search {
    let kind = |role| if role == Role::Forgetful { "forgetful" } else { "durable" };
    let system = roles
        .iter()
        .fold(System::new(), |system, &(name, role)| system.node(kind(role), named(name), &role));
    Search::new(system).fault_model(model)
}

type Shown = (Option<(Option<u64>, Vec<u64>, bool)>, Vec<u64>);

/// A running node shows this.
fn shows(name: &'static str, is_it: impl Fn(&Shown) -> bool + Send + Sync + 'static) -> Property {
    Property::new(format!("{name} shows it"), move |view| {
        let shown: Shown = observe(view, named(name), &())?;
        let is_it = !view.is_crashed(named(name)) && is_it(&shown);
        if is_it { Ok(()) } else { Err(violated("it", format!("{shown:?}"))) }
    })
}

fn is_reached(search: Search, goal: Property) -> bool {
    match play(&search.goal(goal)).result {
        SearchResult::GoalFound(_) => true,
        SearchResult::Exhausted => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_outcome_of_a_disk_is_reached_in_its_model_and_in_no_weaker_one() {
    let search = |model| {
        acting(&[("keeper", Role::Keeper)], model)
            .may_restart([named("keeper")], RestartBounds::crashes(1))
    };
    // The start, the crash, and each outcome.
    for (model, outcomes) in [(CRASH_RECOVERY, 3), (TORN_WRITES, 6), (FAULTY_DISK, 24)] {
        let report = play(&search(model));
        assert_eq!(report.result, SearchResult::Exhausted);
        assert_eq!(report.statistics.states, 2 + outcomes, "{model}");
    }
    let found = |model, record: Option<u64>, log: &[u64], is_damaged| {
        let wanted = Some((record, log.to_vec(), is_damaged));
        is_reached(search(model), shows("keeper", move |shown| shown.0 == wanted))
    };
    let all = [CRASH_RECOVERY, TORN_WRITES, FAULTY_DISK];
    let reached = |record, log, is_damaged| all.map(|model| found(model, record, log, is_damaged));
    assert_eq!(reached(Some(5), &[1], false), [true; 3], "the unsynced entries are lost");
    assert_eq!(reached(Some(5), &[1, 2], false), [true; 3], "the tail is lost");
    assert_eq!(reached(Some(5), &[1, 2, 3], false), [true; 3], "nothing is lost");
    assert_eq!(reached(Some(5), &[1, 3, 2], false), [false, true, true], "another order");
    assert_eq!(reached(Some(5), &[1, 2, 0], false), [false, true, true], "torn");
    assert_eq!(reached(Some(4), &[1, 2, 3], false), [false, false, true], "another record");
    assert_eq!(reached(None, &[1, 2, 3], true), [false, false, true], "an unreadable record");
    assert_eq!(reached(Some(5), &[0, 2, 3], false), [false, false, true], "another entry");
    assert_eq!(reached(None, &[], false), [false, false, true], "a lost disk");
    assert_eq!(reached(Some(5), &[], false), [false; 3], "what is synced is not lost alone");
}

/// The counter has restarted so often.
fn restarted(name: &'static str, count: u64) -> Property {
    shows(name, move |shown| shown.1 == [count])
}

fn both_down() -> Property {
    Property::new("both are down", |view| {
        let both = view.is_crashed(named("a")) && view.is_crashed(named("b"));
        if both { Ok(()) } else { Err(violated("both", "not both")) }
    })
}

#[test]
fn every_bound_holds() {
    let nodes = [named("a"), named("b")];
    let search = |bounds| {
        acting(&[("a", Role::Counter), ("b", Role::Counter)], CRASH_RECOVERY)
            .may_restart(nodes, bounds)
    };
    for crashes in 0..3 {
        let base = search(RestartBounds::crashes(crashes));
        for count in 1..4 {
            let is_within = u64::from(crashes) >= count;
            assert_eq!(is_reached(base.clone(), restarted("a", count)), is_within);
        }
        let both = Property::new("both have restarted", move |view| {
            for name in nodes {
                let shown: Shown = observe(view, name, &())?;
                if shown.1.is_empty() {
                    return Err(violated("a restart", name.to_string()));
                }
            }
            Ok(())
        });
        assert_eq!(is_reached(base, both), crashes >= 2, "the bound is shared");
    }
    let each = search(RestartBounds::crashes(3).each(1));
    assert!(!is_reached(each.clone(), restarted("a", 2)));
    assert!(is_reached(each.clone(), both_down()));
    let one_down = search(RestartBounds::crashes(3).down(1));
    assert!(!is_reached(one_down.clone(), both_down()));
    assert!(is_reached(one_down.clone(), restarted("b", 3)), "a restart makes room for a crash");
    // A node that has crashed before counts as down, and does not come back.
    assert!(!is_reached(one_down.clone().crash(named("a")), restarted("b", 1)));
    let faults = |search: &Search| search.faults().join("; ");
    assert_eq!(faults(&each), "a, b may crash and restart: at most 3 crashes in all, 1 of each");
    let words = "a, b may crash and restart: at most 3 crashes in all, 1 down at any moment";
    assert_eq!(faults(&one_down), words);
}

#[test]
fn a_node_crashes_within_its_restore() {
    // In order, nothing that was sent is lost on its way to a node that stays. So if the hearer misses the first count, the
    // node had saved it and crashed before it sent it.
    let roles = [("reporter", Role::Reporter), ("hearer", Role::Hearer)];
    let search = |crashes| {
        acting(&roles, IN_ORDER)
            .stop_timers(named("hearer"))
            .may_restart([named("reporter")], RestartBounds::crashes(crashes))
    };
    let missed = || shows("hearer", |shown| shown.1 == [2]);
    assert!(!is_reached(search(1), missed()));
    let search = search(2).goal(missed());
    let report = play(&search);
    let path = report.result.path().expect("it is reached");
    // The crash, the restart with the next crash, the next restart, and the message.
    assert_eq!(path.len(), 4, "{path:?}");
    let trace = saved(&search, &report, &actors());
    let within = trace.events.iter().find(|event| event.interrupted_after.is_some());
    let within = within.expect("a crash within a handler");
    assert!(matches!(within.what, EventKind::Restart { .. }) && within.sent.is_empty());
}

#[test]
fn memory_and_timers_are_gone_and_messages_are_not() {
    let roles = [("sender", Role::Sender), ("hearer", Role::Hearer)];
    let search =
        |model| acting(&roles, model).may_restart([named("hearer")], RestartBounds::crashes(1));
    let hears = |numbers: &[u64]| {
        let numbers = numbers.to_vec();
        shows("hearer", move |shown| shown.1 == numbers)
    };
    let reaches = |model, numbers| is_reached(search(model), hears(numbers));
    // What was under way before the crash arrives after it, and so does the new timer.
    assert!(reaches(CRASH_RECOVERY, &[1, 102, 2]));
    // The first incarnation's timer fires in no later one, and its numbers are forgotten.
    assert!(reaches(CRASH_RECOVERY, &[1, 101, 2]));
    let both = shows("hearer", |shown| shown.1.contains(&101) && shown.1.contains(&102));
    assert!(!is_reached(search(CRASH_RECOVERY), both));
    // In order, a message that arrives at a node that is down is lost, and the next one is not.
    assert!(reaches(IN_ORDER, &[2, 102]));
    assert!(!is_reached(
        acting(&roles, IN_ORDER),
        shows("hearer", |shown| shown.1.first() == Some(&2))
    ));
    assert!(!reaches(IN_ORDER, &[2, 1]));
}

#[test]
fn a_node_that_is_not_durable_starts_as_new() {
    let search = acting(
        &[("it", Role::Forgetful), ("sender", Role::Sender), ("hearer", Role::Hearer)],
        CRASH_RECOVERY,
    )
    .stop_timers(named("hearer"))
    .may_restart([named("it")], RestartBounds::crashes(2))
    .invariant(Property::new("it starts once", |view| {
        let shown: Shown = observe(view, named("it"), &())?;
        if shown.1 == [1] { Ok(()) } else { Err(violated("1", format!("{shown:?}"))) }
    }));
    assert_eq!(play(&search).result, SearchResult::Exhausted);
}

#[test]
fn a_search_that_cannot_restart_its_nodes_is_invalid() {
    let invalid = |search: &Search| match run(search).result {
        SearchResult::InvalidStart(reason) => reason,
        other => panic!("{other:?}"),
    };
    let fail_stop = notebook(Way::SavesAll, FaultModel::UNRELIABLE_FAIL_STOP);
    assert!(invalid(&fail_stop).contains("does not allow that"), "{}", invalid(&fail_stop));
    let client = notebook(Way::SavesAll, CRASH_RECOVERY)
        .may_restart([notebook::client()], RestartBounds::crashes(1));
    assert!(invalid(&client).contains("client1, which is a client"), "{}", invalid(&client));
}

#[test]
fn an_explorer_crashes_and_restarts_nodes() {
    let submission = actors();
    let search = acting(&[("keeper", Role::Keeper), ("a", Role::Counter)], TORN_WRITES);
    let steps = LocalSteps::new(&submission, search.system().descriptors()).expect("nodes");
    let mut explorer = Explorer::new(&search, &steps).expect("it starts");
    let obstacle = |result: Result<bool, ExplorerError>| match result {
        Err(ExplorerError::NotPossible { obstacle, .. }) => obstacle,
        other => panic!("{other:?}"),
    };
    let keeper = named("keeper");
    assert_eq!(obstacle(explorer.restart(keeper)), Obstacle::Running(keeper));
    assert_eq!(explorer.act(Action::Crash { node: keeper }), Ok(true));
    let lost = Action::Restart { node: keeper, outcome: DiskOutcome::Lost };
    assert!(matches!(obstacle(explorer.act(lost)), Obstacle::NotStored(_)));
    let reordered = DiskOutcome::Reordered { unsynced: vec![1, 0] };
    let restart = PathEvent::Outside(Action::Restart { node: keeper, outcome: reordered });
    assert_eq!(explorer.perform(&restart), Ok(true));
    let shown: Shown =
        faultlab::codec::decode(&steps_observe(&steps, &explorer, 0)).expect("it shows something");
    assert_eq!(shown.0, Some((Some(5), vec![1, 3, 2], false)));
    // What is left is durable from then on.
    assert_eq!(explorer.state().nodes[0].storage.synced, 3);
    assert_eq!(explorer.state().nodes[0].restarts, 1);

    // A crash within restore: it has saved nothing.
    let a = named("a");
    explorer.act(Action::Crash { node: a }).expect("it crashes");
    let kept = DiskOutcome::Kept { unsynced: 0 };
    let restart = PathEvent::Outside(Action::Restart { node: a, outcome: kept });
    assert_eq!(explorer.crash_within(restart, 0), Ok(true));
    assert_eq!(explorer.state().nodes[1].storage.record, None);
    assert_eq!(explorer.state().nodes[1].restarts, 1);
    // A search goes on from there: it is down, and comes back if it may.
    let going_on = search.clone().start_from(explorer.state());
    assert!(!is_reached(going_on.clone(), restarted("a", 1)));
    let may = going_on.may_restart([a], RestartBounds::crashes(0));
    assert!(is_reached(may.clone(), restarted("a", 1)), "it comes back without another crash");
    assert!(!is_reached(may, restarted("a", 2)));

    // The run is replayed.
    explorer.restart(a).expect("it restarts");
    let trace = explorer.trace(&Origin::default());
    let again = replay(&trace, &mut search.traced_run(&steps));
    assert!(matches!(again.status, ReplayStatus::Fixed { .. }), "{}", again.status);
    assert_eq!(again.trace.events, trace.events);
    let restarts = trace.events.iter().filter_map(|event| match &event.what {
        EventKind::Restart { incarnation, .. } => {
            Some((incarnation.number(), event.interrupted_after))
        }
        _ => None,
    });
    assert_eq!(restarts.collect::<Vec<_>>(), [(2, None), (2, Some(0)), (3, None)]);

    let fail_stop = acting(&[("a", Role::Counter)], FaultModel::UNRELIABLE_FAIL_STOP);
    let steps = LocalSteps::new(&submission, fail_stop.system().descriptors()).expect("nodes");
    let mut explorer = Explorer::new(&fail_stop, &steps).expect("it starts");
    explorer.act(Action::Crash { node: a }).expect("it crashes");
    let model = FaultModel::UNRELIABLE_FAIL_STOP;
    assert_eq!(obstacle(explorer.restart(a)), Obstacle::NotInModel(model));
}

/// What a node shows where an explorer is.
fn steps_observe(steps: &LocalSteps<'_>, explorer: &Explorer<'_>, node: usize) -> Vec<u8> {
    use faultlab::hosting::pure::PureSteps;
    let question = faultlab::codec::encode(&()).expect("it encodes");
    steps.observe(node, &explorer.state().nodes[node].state, &question).expect("it answers")
}

#[test]
fn orders_and_threads_change_nothing() {
    let nodes = [named("a"), named("b"), named("hearer")];
    let roles = [
        ("a", Role::Counter),
        ("b", Role::Counter),
        ("sender", Role::Sender),
        ("hearer", Role::Hearer),
    ];
    let search = acting(&roles, CRASH_RECOVERY)
        .may_restart(nodes, RestartBounds::crashes(3).each(2).down(1));
    let reports = [
        play(&search),
        play(&search.clone().all_orders()),
        play(&search.clone().exact()),
        play(&search.clone().threads(NonZeroUsize::MIN.saturating_add(1))),
    ];
    for report in &reports {
        let counts =
            |it: &Report| (it.statistics.states, it.statistics.depth, it.statistics.transitions);
        assert_eq!((&report.result, counts(report)), (&reports[0].result, counts(&reports[0])));
    }
    assert!(reports[0].statistics.tried < reports[1].statistics.tried, "some orders are skipped");
}

#[test]
fn a_missed_goal_names_a_restart_or_a_crash_that_is_needed() {
    let submission = actors();
    let base = || acting(&[("a", Role::Counter), ("b", Role::Counter)], CRASH_RECOVERY);
    let barrier = |search: &Search| {
        let steps = LocalSteps::new(&submission, search.system().descriptors()).expect("nodes");
        match search.near_miss_with(&steps).expect("it is missed").barrier {
            Barrier::Event { event, obstacle, .. } => (event, obstacle),
            other => panic!("{other:?}"),
        }
    };
    // It crashes and may not come back.
    let down = Measure::new("nodes down", |view| Ok(2 - view.nodes().len() as u64));
    let search = base().may_crash([named("a")], 1).goal(restarted("a", 1)).measure(down.clone());
    let (event, obstacle) = barrier(&search);
    assert!(event.starts_with("a restarts"), "{event}");
    assert_eq!(obstacle, Obstacle::NotChosen);
    // It has come back as often as it may.
    let search = base()
        .may_restart([named("a"), named("b")], RestartBounds::crashes(2).each(1))
        .goal(restarted("a", 2))
        .measure(Measure::new("restarts of a", |view| {
            let shown: Shown = observe(view, named("a"), &())?;
            Ok(shown.1.first().copied().unwrap_or(0))
        }));
    assert_eq!(barrier(&search), ("a crashes".to_owned(), Obstacle::NotChosen));
}
