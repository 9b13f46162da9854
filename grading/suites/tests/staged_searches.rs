//! Plans whose searches go from state to state.

use std::sync::atomic::{AtomicU64, Ordering};

use faultlab::hosting::{Kind, Submission};
use faultlab::property::{
    Property, Subject, clients_done, observe, results_ok, violated, watching,
};
use faultlab::search::{RandomWalks, Search};
use faultlab::simulate::{Options, RunFailure, ScenarioError, Verdict};
use faultlab::trace::replay::ReplayStatus;
use faultlab::trace::{EventKind, MemoryRecorder, Trace};
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, Node, System};
use faultlab_suites::{EndCondition, Part, Run, SearchPlan, Suite, Test, replay_saved, run};
use serde::{Deserialize, Serialize};

/// A server counts requests. A wrong one counts every copy of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Role {
    Server { is_wrong: bool, seen: Vec<(Address, u64)> },
    Client { number: u64, count: Option<u64> },
}

/// The number of a request, or the count after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Message {
    Count { number: u64 },
    Counted { number: u64, count: u64 },
}

impl Node for Role {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match (self, message) {
            (Self::Server { is_wrong, seen }, Message::Count { number }) => {
                if *is_wrong && seen.len() < 5 || !seen.contains(&(from, number)) {
                    seen.push((from, number));
                }
                ctx.send(from, Message::Counted { number, count: seen.len() as u64 });
            }
            (Self::Client { number, count }, Message::Counted { number: of, count: after })
                if of == *number =>
            {
                count.get_or_insert(after);
            }
            _ => {}
        }
    }
}

impl Client for Role {
    type Command = ();
    type Result = u64;

    fn send_command(&mut self, (): (), ctx: &mut Context<Self>) {
        if let Self::Client { number, count } = self {
            (*number, *count) = (*number + 1, None);
            ctx.send(server(), Message::Count { number: *number });
        }
    }

    fn result(&self) -> Option<u64> {
        if let Self::Client { count, .. } = self { *count } else { None }
    }
}

fn server() -> Address {
    Address::new("server")
}

fn client(number: usize) -> Address {
    Address::numbered("client", number)
}

fn submission(is_wrong: bool) -> Submission {
    Submission::new()
        .with(
            Kind::node("server", move |_, ()| Role::Server { is_wrong, seen: Vec::new() })
                .observing(|server: &Role, ()| match server {
                    Role::Server { seen, .. } => seen.len() as u64,
                    Role::Client { .. } => 0,
                }),
        )
        .with(Kind::client("client", |_, ()| Role::Client { number: 0, count: None }))
}

/// A server, a client with two commands, and a second one with one, which starts later.
fn counting() -> Search {
    let work = |commands: usize| Workload::<(), u64>::of(vec![(); commands]).expecting(1..=2);
    let system = System::new()
        .node("server", server(), &())
        .client("client", client(1), &(), work(2))
        .client("client", client(2), &(), work(1));
    Search::new(system).starts_later(client(2)).states_max(10_000)
}

/// The server has counted this many.
fn counted(count: u64) -> Property {
    Property::new(format!("the server has counted {count}"), move |view| {
        match observe::<(), u64>(view, server(), &())? {
            seen if seen == count => Ok(()),
            seen => Err(violated(format!("a count of {count}"), format!("it is {seen}"))
                .about(Subject::node(server()))),
        }
    })
}

/// A suite with this test only.
fn suite(plan: impl Fn() -> SearchPlan + Send + Sync + 'static) -> Suite {
    let test = Test::search("1.1", "Counting").asserts("counts are right").points(1);
    Suite::new("lab", "Counting").part(Part::new(1, "One").test(test.searches(move |_| plan())))
}

fn run_recorded(suite: &Suite, is_wrong: bool) -> (Run, Option<Trace>) {
    let test = suite.tests().next().expect("a test");
    let mut recorder = MemoryRecorder::new();
    let options = Options { recorder: Some(&mut recorder), ..Options::default() };
    let run = run(suite, test, 0, &submission(is_wrong), options);
    (run, recorder.into_trace())
}

fn endings(run: &Run) -> Vec<(&str, EndCondition)> {
    run.searches.iter().map(|search| (search.title.as_str(), search.outcome)).collect()
}

fn plan() -> SearchPlan {
    let walks = RandomWalks { seed: 3, count: 20, depth_max: 20 };
    SearchPlan::of(counting())
        .reach("client1 is done", |search| search.goal(clients_done()))
        .changing(|run| run.drop_messages(|_, to, _| to == server()))
        .changing(|run| run.start(client(2)))
        .reach("client2 is done too", |search| search.goal(clients_done()))
        .explore("the server counts three", |search| search.prune(counted(4)).invariant(counted(3)))
        .from("client1 is done")
        .walk("nothing more happens", walks, |search| search.invariant(counted(2)))
        .exhaust("the results stay right", |search| search.invariant(results_ok()))
}

#[test]
fn stages_start_where_earlier_ones_ended_or_where_the_plan_says() {
    let (run, trace) = run_recorded(&suite(plan), false);
    assert!(run.outcome.verdict.held(), "{:?}", run.outcome);
    let exhausted = EndCondition::SpaceExhausted;
    assert_eq!(
        endings(&run),
        [
            ("client1 is done", EndCondition::GoalFound),
            ("client2 is done too", EndCondition::GoalFound),
            ("the server counts three", exhausted),
            ("nothing more happens", EndCondition::LimitReached),
            ("the results stay right", exhausted),
        ]
    );
    assert_eq!(trace, None, "nothing failed");
}

#[test]
fn a_failing_stage_shows_the_stages_before_it_and_can_be_replayed() {
    let suite = suite(plan);
    let (run, trace) = run_recorded(&suite, true);
    let Verdict::Violated(violation) = &run.outcome.verdict else { panic!("{:?}", run.outcome) };
    assert_eq!(violation.seen, "it is 4");
    let trace = trace.expect("a run");
    let stages = trace.events.iter().filter_map(|event| match &event.what {
        EventKind::Stage { title } => Some(title.as_str()),
        _ => None,
    });
    let stages: Vec<_> = stages.collect();
    assert_eq!(stages, ["client1 is done", "client2 is done too", "the server counts three"]);
    let replayed = replay_saved(&suite, &trace, &submission(true), &mut String::new);
    let status = replayed.expect("the test exists").status;
    assert!(matches!(status, ReplayStatus::Reproduced { same: true, .. }), "{status}");
}

#[test]
fn stages_after_a_goal_that_need_not_exist_are_left_out() {
    let plan = || {
        SearchPlan::of(counting())
            .seek("the server counts three", |search| search.goal(counted(3)))
            .exhaust("it never does", |search| search.invariant(counted(0)))
    };
    let (run, _) = run_recorded(&suite(plan), false);
    assert!(run.outcome.verdict.held(), "{:?}", run.outcome);
    assert_eq!(endings(&run), [("the server counts three", EndCondition::SpaceExhausted)]);
    let (run, _) = run_recorded(&suite(plan), true);
    assert!(!run.outcome.verdict.held(), "the second stage starts at a count of three");
}

#[test]
fn an_impossible_change_is_an_error_of_the_test() {
    let plan = || {
        SearchPlan::of(counting())
            .changing(|run| run.start(client(1)))
            .exhaust("anything", |search| search)
    };
    let (run, trace) = run_recorded(&suite(plan), false);
    let Verdict::Failed(RunFailure::Scenario(ScenarioError::Search { reason })) =
        &run.outcome.verdict
    else {
        panic!("{:?}", run.outcome)
    };
    assert_eq!(reason, "this cannot happen now: client1 starts (client1 has started already)");
    assert_eq!(trace, None);
}

/// A stage starts from a run that it makes again. Nodes that differ from time to time are at fault if it does not get there.
#[test]
fn nodes_that_start_otherwise_each_time_break_the_stages_after_the_first() {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let servers = Kind::node("server", |_, ()| Role::Server { is_wrong: false, seen: Vec::new() })
        .observing(|_: &Role, ()| 0_u64);
    let clients = Kind::client("client", |_, ()| Role::Client {
        number: STARTED.fetch_add(1, Ordering::Relaxed),
        count: None,
    });
    let submission = Submission::new().with(servers).with(clients);
    let suite = suite(|| {
        let any = |_: &mut u64, _, _: u64| Ok(());
        SearchPlan::of(counting().monitor(watching("anything", [server()], &(), any)))
            .reach("client1 is done", |search| search.goal(clients_done()))
            .exhaust("the rest", |search| search)
    });
    let test = suite.tests().next().expect("a test");
    let run = run(&suite, test, 0, &submission, Options::default());
    let Verdict::Violated(violation) = run.outcome.verdict else { panic!("{:?}", run.outcome) };
    assert_eq!(violation.property, "the same state and the same event give the same outcome");
    assert!(
        violation.seen.starts_with("the run to \"client1 is done\", made again"),
        "{violation:?}"
    );
}

#[test]
#[should_panic(expected = "no stage before it reaches \"what\"")]
fn a_plan_goes_back_only_to_a_goal() {
    let _ = SearchPlan::of(counting()).exhaust("what", |search| search).from("what");
}

/// A plan whose second goal is missed, because nothing reaches the server there.
fn cut_off() -> SearchPlan {
    SearchPlan::of(counting())
        .reach("client1 is done", |search| search.goal(clients_done()))
        .changing(|run| run.start(client(2)))
        .reach("client2 is done too", |search| search.block_receives(server()).goal(clients_done()))
}

#[test]
fn a_missed_goal_says_how_near_it_came_and_shows_the_run_there() {
    let suite = suite(cut_off);
    let (run, trace) = run_recorded(&suite, false);
    let Verdict::Violated(violation) = &run.outcome.verdict else { panic!("{:?}", run.outcome) };
    assert_eq!(violation.property, "client2 is done too can be reached");
    assert_eq!(violation.expected, "some run to get there from \"client1 is done\"");
    assert_eq!(
        violation.seen,
        "none does: all 1 reachable states were seen; the nearest state is 0 events away (commands answered: 2). \
         There, it does not hold that every client gets all its results: expected every command to be answered; \
         client2 has no result for command 1, (). Next, this is needed and cannot happen: server gets Count { \
         number: 1 } from client2 (no message from client2 to server is delivered)"
    );
    assert_eq!(violation.about, Some(Box::new(Subject::wait(client(2), 0))));
    let trace = trace.expect("the run to the nearest state");
    let last = trace.events.iter().rev().find_map(|event| event.what.node());
    assert_eq!(last, Some(client(2)), "its start is the last event");
    // The run is replayed as one that still comes no nearer, or as one that does.
    let replayed = replay_saved(&suite, &trace, &submission(false), &mut String::new);
    let status = replayed.expect("the test exists").status;
    assert!(matches!(status, ReplayStatus::Reproduced { same: true, .. }), "{status}");
}

#[test]
fn a_run_to_a_missed_goal_is_fixed_once_the_goal_is_reached() {
    let (_, trace) = run_recorded(&suite(cut_off), false);
    let open = || {
        SearchPlan::of(counting())
            .reach("client1 is done", |search| search.goal(clients_done()))
            .changing(|run| run.start(client(2)))
            .reach("client2 is done too", |search| search.goal(clients_done()))
    };
    let trace = trace.expect("a run");
    let replayed = replay_saved(&suite(open), &trace, &submission(false), &mut String::new);
    let status = replayed.expect("the test exists").status;
    assert!(!matches!(status, ReplayStatus::Reproduced { .. }), "{status}");
}
