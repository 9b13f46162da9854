//! The property `linearizable` of simulated runs: clients may perform several operations at one instant, and
//! in a search the property says what to use instead.

use std::time::Duration;

use faultlab::hosting::{Kind, LocalHost, Submission};
use faultlab::linearizability::{Sequential, linearizable};
use faultlab::property::clients_done;
use faultlab::search::{Search, SearchResult as Searched};
use faultlab::simulate::{Options, Scenario, Simulation, Verdict};
use faultlab::workload::Workload;
use faultlab::{Address, Application, Client, Context, Node, NodeSpec, System};
use serde::{Deserialize, Serialize};

/// The model: each command returns the sum so far.
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

/// A client that computes the sum itself and answers immediately. It is wrong from a given command on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Knowing {
    sum: u64,
    commands: u64,
    wrong_from: u64,
    result: Option<u64>,
}

impl Node for Knowing {
    type Message = ();
    type Timer = ();

    fn on_message(&mut self, _: Address, (): (), _: &mut Context<Self>) {}

    fn on_timer(&mut self, (): (), _: &mut Context<Self>) {}
}

impl Client for Knowing {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, amount: u64, _: &mut Context<Self>) {
        self.commands += 1;
        self.sum += amount;
        let wrong = u64::from(self.commands >= self.wrong_from);
        self.result = Some(self.sum + 100 * wrong);
    }

    fn result(&self) -> Option<u64> {
        self.result
    }
}

fn submission() -> Submission {
    Submission::new().with(Kind::client("knowing", |_, wrong_from: u64| Knowing {
        sum: 0,
        commands: 0,
        wrong_from,
        result: None,
    }))
}

fn work() -> Workload<u64, u64> {
    Workload::of([1, 2, 3, 4, 5])
}

fn verdict(wrong_from: u64) -> Verdict {
    let scenario = Scenario::new()
        .node(NodeSpec::client("knowing", Address::new("client1"), &wrong_from, work()))
        .until_done(Duration::from_secs(1))
        .check(clients_done())
        .check(linearizable(Sequential::new(Sum::default())));
    let submission = submission();
    Simulation::new(scenario, 1).run(&mut LocalHost::new(&submission), Options::default()).verdict
}

#[test]
fn commands_answered_at_one_instant_are_in_the_clients_order() {
    assert_eq!(verdict(u64::MAX), Verdict::Held);
}

#[test]
fn a_wrong_answer_among_those_of_one_instant_is_found() {
    let Verdict::Violated(violation) = verdict(3) else { panic!("the third answer is wrong") };
    assert_eq!(violation.property, "results are linearizable");
    insta::assert_snapshot!(violation.seen);
}

#[test]
fn in_a_search_the_property_says_what_to_use_instead() {
    let system = System::new().client("knowing", Address::new("client1"), &u64::MAX, work());
    let search = Search::new(system).invariant(linearizable(Sequential::new(Sum::default())));
    let Searched::Violated(found) = search.run(&submission()).result else {
        panic!("a property that is not decided never counts as holding")
    };
    let text = found.violation().expect("what was found").to_string();
    assert!(text.contains("Search::monitor(Linearizable::new(..))"), "{text}");
}
