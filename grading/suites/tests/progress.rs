//! Progress as a suite says it: a check of every fair run, and a run that ends with a quiet phase, on nodes that get there
//! and on nodes that need not.

use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::kinds::Interface;
use faultlab::property::{Property, clients_done, observe};
use faultlab::search::{LeadsTo, Search};
use faultlab::simulate::{Intervention, Network, Options, Scenario, Verdict};
use faultlab::trace::replay::ReplayStatus;
use faultlab::trace::{MemoryRecorder, Trace};
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, Node, NodeSpec, System};
use faultlab_suites::{EndCondition, Part, Run, SearchPlan, Suite, Test, replay_saved, run};
use serde::{Deserialize, Serialize};

/// Echoes numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Echo;

impl Node for Echo {
    type Message = u64;
    type Timer = ();

    fn on_message(&mut self, from: Address, number: u64, ctx: &mut Context<Self>) {
        ctx.send(from, number);
    }
}

/// Asks for an echo: until it hears one, or once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Caller {
    server: Address,
    is_patient: bool,
    called: Option<u64>,
    heard: Option<u64>,
}

impl Caller {
    fn call(&self, number: u64, ctx: &mut Context<Self>) {
        ctx.send(self.server, number);
        if self.is_patient {
            ctx.set_timer((), Duration::from_millis(100));
        }
    }
}

impl Node for Caller {
    type Message = u64;
    type Timer = ();

    fn on_message(&mut self, _: Address, number: u64, _: &mut Context<Self>) {
        if self.called == Some(number) {
            (self.called, self.heard) = (None, Some(number));
        }
    }

    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        if let Some(number) = self.called {
            self.call(number, ctx);
        }
    }
}

impl Client for Caller {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, number: u64, ctx: &mut Context<Self>) {
        (self.called, self.heard) = (Some(number), None);
        self.call(number, ctx);
    }

    fn result(&self) -> Option<u64> {
        self.heard
    }
}

fn submission(is_patient: bool) -> Submission {
    Submission::new().with(Kind::node("server", |_, ()| Echo)).with(Kind::client(
        "client",
        move |_, server| Caller { server, is_patient, called: None, heard: None },
    ))
}

fn interface() -> Interface {
    Interface::new().node::<()>("server").client::<Address, u64, u64>("client")
}

const SERVER: &str = "server";

fn system() -> System {
    let (server, client) = (Address::new(SERVER), Address::new("client1"));
    let work = Workload::<u64, u64>::of([7]).expecting([7]);
    System::new()
        .with(NodeSpec::node("server", server, &()))
        .with(NodeSpec::client("client", client, &server, work))
}

fn suite(goal: fn() -> Property) -> Suite {
    let checked = Test::search("1.1", "Whoever calls is answered")
        .asserts("no fair run goes on for ever without an answer")
        .points(5)
        .searches(move |_| {
            let leads_to = LeadsTo::always(goal());
            SearchPlan::new().progressing("an answer", Search::new(system()), leads_to)
        });
    let quiet = Test::run("1.2", "The weather clears up")
        .asserts("within a second after the faults have stopped, the client is answered")
        .points(5)
        .scenario(move |_| {
            let server = Address::new(SERVER);
            let cut = Intervention::Isolate(server);
            Scenario::new()
                .system(system())
                .network(Network::unreliable())
                .at(Duration::ZERO, cut)
                .at(Duration::from_secs(9), Intervention::Heal)
                .quiet_phase(Duration::from_secs(10), goal(), Duration::from_secs(1))
        });
    Suite::new("lab9", "Nine")
        .interface(interface())
        .part(Part::new(1, "One").tests([checked, quiet]))
}

fn run_recorded(suite: &Suite, index: usize, nodes: &Submission) -> (Run, Trace) {
    let test = suite.tests().nth(index).expect("a test");
    let mut recorder = MemoryRecorder::new();
    let options = Options { recorder: Some(&mut recorder), ..Options::default() };
    let run = run(suite, test, 5, nodes, options);
    (run, recorder.into_trace().unwrap_or_else(|| panic!("nothing was recorded")))
}

#[test]
fn who_gets_there_passes() {
    let suite = suite(clients_done);
    assert!(suite.check().is_ok());
    for test in suite.tests() {
        let run = run(&suite, test, 5, &submission(true), Options::default());
        assert!(run.outcome.verdict.held(), "{:?}", run.outcome.verdict);
    }
}

#[test]
fn who_need_not_get_there_fails_with_a_run_that_can_be_replayed() {
    let suite = suite(clients_done);
    let says = [
        ("every fair run gets there: every client gets all its results", "is not sent again"),
        ("every client gets all its results", "was lost: its link is cut"),
    ];
    for (index, (property, reason)) in says.into_iter().enumerate() {
        let (run, trace) = run_recorded(&suite, index, &submission(false));
        let Verdict::Violated(violation) = &run.outcome.verdict else {
            panic!("{:?}", run.outcome.verdict)
        };
        assert_eq!(violation.property, property);
        assert!(violation.seen.contains("client1"), "{violation}");
        assert!(violation.seen.contains(reason), "{violation}");
        for summary in &run.searches {
            assert_eq!(summary.outcome, EndCondition::InvariantViolated);
        }
        let again = |nodes: &Submission| {
            replay_saved(&suite, &trace, nodes, &mut String::new)
                .expect("it is of the suite")
                .status
        };
        let status = again(&submission(false));
        assert!(matches!(status, ReplayStatus::Reproduced { same: true, .. }), "{status:?}");
        let status = again(&submission(true));
        assert!(!matches!(status, ReplayStatus::Reproduced { .. }), "{status:?}");
    }
}

#[test]
fn a_goal_that_asks_for_what_is_not_there_is_the_suites_mistake() {
    let wrong = || {
        Property::new("the server leads", |view| {
            observe::<(), bool>(view, Address::new(SERVER), &()).map(drop)
        })
    };
    let error = suite(wrong).check().expect_err("it has a mistake").to_string();
    let says = "the kind `server` answers no queries";
    assert!(error.matches(says).count() >= 2, "{error}");
}
