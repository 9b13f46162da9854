//! What every fair run must reach: clients and servers that get there, and others that need not.

use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::property::{Property, clients_done, observe, results_ok, violated};
use faultlab::search::{
    Lasso, LeadsTo, Limit, ProgressResult, RestartBounds, Search, SearchResult,
};
use faultlab::trace::replay::{ReplayStatus, replay};
use faultlab::trace::show::{Options, diagram};
use faultlab::trace::{Origin, Trace};
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, FaultModel, Node, System};
use serde::{Deserialize, Serialize};

/// How often a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Asks {
    Once,
    Twice,
    UntilAnswered,
    /// And it counts how often.
    UntilAnsweredAndCounts,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Asker {
    server: Address,
    asks: Asks,
    asked: u32,
    answer: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Message {
    Request(u64),
    Reply(u64),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Retry(u64);

const RETRY_AFTER: Duration = Duration::from_millis(10);

impl Asker {
    fn ask(&mut self, number: u64, ctx: &mut Context<Self>) {
        ctx.send(self.server, Message::Request(number));
        self.asked = match self.asks {
            Asks::UntilAnswered => 1,
            _ => self.asked + 1,
        };
        let again = match self.asks {
            Asks::Once => false,
            Asks::Twice => self.asked < 2,
            Asks::UntilAnswered | Asks::UntilAnsweredAndCounts => true,
        };
        if again {
            ctx.set_timer(Retry(number), RETRY_AFTER);
        }
    }
}

impl Node for Asker {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        if let Message::Reply(number) = message {
            self.answer = Some(number);
        }
    }

    fn on_timer(&mut self, Retry(number): Retry, ctx: &mut Context<Self>) {
        if self.answer.is_none() {
            self.ask(number, ctx);
        }
    }
}

impl Client for Asker {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, number: u64, ctx: &mut Context<Self>) {
        (self.answer, self.asked) = (None, 0);
        self.ask(number, ctx);
    }

    fn result(&self) -> Option<u64> {
        self.answer
    }
}

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Answers {
    Always,
    /// It does not answer a number a second time.
    OnceEach,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Server {
    answers: Answers,
    seen: Option<u64>,
}

impl Node for Server {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        let Message::Request(number) = message else { return };
        if self.answers == Answers::Always || self.seen != Some(number) {
            self.seen = Some(number);
            ctx.send(from, Message::Reply(number));
        }
    }
}

/// Ticks for ever, and asks nobody.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Clock {
    is_even: bool,
}

impl Node for Clock {
    type Message = Message;
    type Timer = Retry;

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(Retry(0), RETRY_AFTER);
    }

    fn on_message(&mut self, _: Address, _: Message, _: &mut Context<Self>) {}

    fn on_timer(&mut self, retry: Retry, ctx: &mut Context<Self>) {
        self.is_even = !self.is_even;
        ctx.set_timer(retry, RETRY_AFTER);
    }
}

fn submission() -> Submission {
    Submission::new()
        .with(
            Kind::node("server", |_, answers| Server { answers, seen: None })
                .observing(|server: &Server, ()| server.seen.is_some()),
        )
        .with(Kind::node("clock", |_, ()| Clock { is_even: true }))
        .with(Kind::client("client", |_, asks| Asker {
            server: server(),
            asks,
            asked: 0,
            answer: None,
        }))
}

fn server() -> Address {
    Address::new("server")
}

fn client() -> Address {
    Address::new("client1")
}

fn search(answers: Answers, asks: Asks) -> Search {
    let work = Workload::<u64, u64>::of([7]).expecting([7]);
    let system = System::new().node("server", server(), &answers);
    Search::new(system.client("client", client(), &asks, work)).invariant(results_ok())
}

fn answered() -> LeadsTo {
    LeadsTo::always(clients_done())
}

fn avoided(search: &Search, leads_to: &LeadsTo) -> Lasso {
    match search.progress(&submission(), leads_to).result {
        ProgressResult::Avoided(lasso) => *lasso,
        other => panic!("it can be avoided: {other:?}"),
    }
}

/// The lasso in words and as a picture. Replaying its trace reproduces it, but not with `right`.
fn shown(wrong: &Search, right: Option<&Search>, leads_to: &LeadsTo) -> String {
    let lasso = avoided(wrong, leads_to);
    let submission = submission();
    let provide = |search: &Search| {
        let steps =
            faultlab::hosting::pure::LocalSteps::new(&submission, search.system().descriptors());
        steps.expect("they are provided")
    };
    let trace = wrong.lasso_trace(&provide(wrong), &Origin::default(), &lasso);
    let again = |search: &Search, saved: &Trace| {
        let steps = provide(search);
        let mut run = search.traced_run(&steps).owing(leads_to);
        replay(saved, &mut run).status
    };
    let status = again(wrong, &trace);
    assert!(matches!(status, ReplayStatus::Reproduced { same: true, .. }), "{status:?}");
    if let Some(right) = right {
        let status = again(right, &trace);
        assert!(!matches!(status, ReplayStatus::Reproduced { .. }), "{status:?}");
    }
    format!("{}\n\n{}", lasso.violation(), diagram(&trace, &Options::default()))
}

#[test]
fn who_asks_until_answered_is_answered() {
    let report = search(Answers::Always, Asks::UntilAnswered).progress(&submission(), &answered());
    assert_eq!(report.result, ProgressResult::Inevitable);
    assert!(report.statistics.states >= 3, "{:?}", report.statistics);
    // Other nodes' events do not matter, however many there are.
    let search = search(Answers::Always, Asks::UntilAnswered);
    let with_clock = Search::new(search.system().clone().node("clock", Address::new("clock"), &()));
    let report = with_clock.progress(&submission(), &answered());
    assert_eq!(report.result, ProgressResult::Inevitable);
}

#[test]
fn who_asks_once_may_wait_for_ever() {
    let once = search(Answers::Always, Asks::Once);
    let right = search(Answers::Always, Asks::UntilAnswered);
    insta::assert_snapshot!(shown(&once, Some(&right), &answered()));
    // Twice is no better.
    let lasso = avoided(&search(Answers::Always, Asks::Twice), &answered());
    assert_eq!((lasso.before.len(), lasso.round.len()), (1, 0), "{lasso:?}");
    // On a network that loses nothing, once is enough.
    let reliable = once.fault_model(FaultModel::RELIABLE_IN_ORDER_FAIL_STOP);
    assert_eq!(reliable.progress(&submission(), &answered()).result, ProgressResult::Inevitable);
}

#[test]
fn a_server_that_answers_once_keeps_its_client_waiting() {
    let wrong = search(Answers::OnceEach, Asks::UntilAnswered);
    let right = search(Answers::Always, Asks::UntilAnswered);
    insta::assert_snapshot!(shown(&wrong, Some(&right), &answered()));
}

#[test]
fn who_asks_a_crashed_server_waits_for_ever() {
    let crashed = search(Answers::Always, Asks::UntilAnswered).crash(server());
    insta::assert_snapshot!(avoided(&crashed, &answered()).violation().to_string());
    let cut = search(Answers::Always, Asks::UntilAnswered).block_link(server(), client());
    insta::assert_snapshot!(avoided(&cut, &answered()).violation().to_string());
    // A client whose timers never fire asks once.
    let stopped = search(Answers::Always, Asks::UntilAnswered).stop_timers(client());
    assert!(avoided(&stopped, &answered()).round.is_empty());
}

#[test]
fn who_asks_a_server_that_the_search_may_crash_may_wait_for_ever() {
    let mortal =
        |at_most| search(Answers::Always, Asks::UntilAnswered).may_crash([server()], at_most);
    let shown = shown(&mortal(1), None, &answered());
    assert!(shown.contains("is sent again and again, but server has crashed"), "{shown}");
    // The bound holds in the graph of states, too.
    let report = mortal(0).progress(&submission(), &answered());
    assert_eq!(report.result, ProgressResult::Inevitable);
}

#[test]
fn a_loop_goes_round_everything_that_must_happen() {
    let search = search(Answers::OnceEach, Asks::UntilAnswered);
    let search = Search::new(search.system().clone().node("clock", Address::new("clock"), &()));
    let lasso = avoided(&search, &answered());
    let nodes: Vec<Address> = lasso.round.events.iter().filter_map(|event| event.node()).collect();
    // The clock ticks twice, so that its state is the same again; the client asks, and the server hears it.
    for (node, times) in [(Address::new("clock"), 2), (client(), 1), (server(), 1)] {
        let count = nodes.iter().filter(|&&it| it == node).count();
        assert!(count >= times, "{node} in {nodes:?}");
    }
    assert_eq!(lasso.about, Some(faultlab::property::Subject::wait(client(), 0)));
}

#[test]
fn what_begins_later_must_be_reached_after_that() {
    let asked = || {
        Property::new("the server has been asked", |view| {
            if observe::<(), bool>(view, server(), &())? {
                Ok(())
            } else {
                Err(violated("it", "not yet"))
            }
        })
    };
    // A client that asks once need not ask successfully, and then nothing is owed. If the reply is lost, it is.
    let once = search(Answers::Always, Asks::Once);
    let never = LeadsTo::whenever(clients_done(), clients_done());
    assert_eq!(once.progress(&submission(), &never).result, ProgressResult::Inevitable);
    let leads_to = LeadsTo::whenever(asked(), clients_done());
    let lasso = avoided(&once, &leads_to);
    assert_eq!((lasso.before.len(), lasso.round.len()), (1, 0), "{lasso:?}");
    let right = search(Answers::Always, Asks::UntilAnswered);
    assert_eq!(right.progress(&submission(), &leads_to).result, ProgressResult::Inevitable);
}

#[test]
fn a_limit_is_no_success() {
    let stopped = |search: Search| match search.progress(&submission(), &answered()).result {
        ProgressResult::Stopped(SearchResult::LimitReached(limit)) => limit,
        other => panic!("it stops at a limit: {other:?}"),
    };
    let counting = || search(Answers::Always, Asks::UntilAnsweredAndCounts);
    assert_eq!(stopped(counting().states_max(50)), Limit::States(50));
    assert_eq!(stopped(counting().depth_max(2)), Limit::Depth(2));
    // A loop that is found is one, even if not everything was seen.
    let work = Workload::<u64, u64>::of([7]);
    let deaf = System::new().node("server", server(), &Answers::OnceEach);
    let deaf = deaf.client("client", client(), &Asks::Once, work);
    let limited = Search::new(deaf).depth_max(1);
    assert!(avoided(&limited, &answered()).round.is_empty());
}

#[test]
fn what_is_wrong_on_the_way_comes_first() {
    let work = Workload::<u64, u64>::of([7]).expecting([8]);
    let system = System::new().node("server", server(), &Answers::Always);
    let system = system.client("client", client(), &Asks::UntilAnswered, work);
    let search = Search::new(system).invariant(results_ok());
    let report = search.progress(&submission(), &answered());
    let ProgressResult::Stopped(SearchResult::Violated(found)) = report.result else {
        panic!("a result is wrong: {:?}", report.result)
    };
    assert_eq!(found.property, "results are right");
    // From a pruned state, a run is not followed.
    let pruned =
        self::search(Answers::Always, Asks::Once).prune(Property::new("anything", |_| Ok(())));
    assert_eq!(pruned.progress(&submission(), &answered()).result, ProgressResult::Inevitable);
}

#[test]
fn nodes_that_start_again_are_refused() {
    let restarts = search(Answers::Always, Asks::UntilAnswered)
        .fault_model(FaultModel::UNRELIABLE_CRASH_RECOVERY)
        .may_restart([server()], RestartBounds::crashes(1));
    let report = restarts.progress(&submission(), &answered());
    let ProgressResult::Stopped(SearchResult::InvalidStart(why)) = report.result else {
        panic!("{:?}", report.result)
    };
    assert_eq!(why, "progress is not checked where nodes may crash and start again");
}
