//! Small protocols with one mistake each, whose failing runs shrink to a handful of events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::*;
use crate::hosting::{Kind, LocalHost, Submission};
use crate::property::{CheckError, Property, clients_done, violated};
use crate::simulate::{Latency, LinkConditions, Network, Rate};
use crate::simulate::{NthMessage, replay};
use crate::trace::EventKind;
use crate::trace::replay::ReplayStatus;
use crate::workload::Workload;
use crate::{Client, Context, Node, codec};

const MS: Duration = Duration::from_millis(1);

/// The mistake of a register's server or client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Mistake {
    None,
    /// The server executes a request again that comes twice.
    ExecutesAgain,
    /// The client does not repeat its request.
    GivesUp,
    /// The server executes an old request after a newer one of the same client.
    ExecutesLate,
    /// The server panics when it has executed this many requests.
    Panics(usize),
}

/// A client asks for its n-th increase; the server answers with its number of executed requests by this client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Message {
    Add(u64),
    Sum(u64, u64),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Server {
    mistake: Mistake,
    /// For each client: its requests that were executed, in order.
    executed: BTreeMap<Address, Vec<u64>>,
}

impl Node for Server {
    type Message = Message;
    type Timer = u64;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        let Message::Add(number) = message else { return };
        let done = self.executed.entry(from).or_default();
        let newest = done.last().copied().unwrap_or(0);
        let executes = match self.mistake {
            Mistake::ExecutesAgain => true,
            Mistake::ExecutesLate => newest != number,
            _ => newest < number,
        };
        if executes {
            done.push(number);
        }
        let sum = done.len() as u64;
        ctx.send(from, Message::Sum(number, sum));
        if self.mistake == Mistake::Panics(self.executed.values().map(Vec::len).sum()) {
            panic!("it is too much");
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Adder {
    mistake: Mistake,
    server: Address,
    number: u64,
    sum: Option<u64>,
}

impl Adder {
    fn ask(&self, ctx: &mut Context<Self>) {
        ctx.send(self.server, Message::Add(self.number));
        if self.mistake != Mistake::GivesUp {
            ctx.set_timer(self.number, 20 * MS..=30 * MS);
        }
    }
}

impl Node for Adder {
    type Message = Message;
    type Timer = u64;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        if let Message::Sum(number, sum) = message
            && number == self.number
        {
            self.sum = Some(sum);
        }
    }

    fn on_timer(&mut self, number: u64, ctx: &mut Context<Self>) {
        if number == self.number && self.sum.is_none() {
            self.ask(ctx);
        }
    }
}

impl Client for Adder {
    type Command = ();
    type Result = u64;

    fn send_command(&mut self, (): (), ctx: &mut Context<Self>) {
        self.number += 1;
        self.sum = None;
        self.ask(ctx);
    }

    fn result(&self) -> Option<u64> {
        self.sum
    }
}

/// Each client's n-th command is its n-th execution.
fn counted_once() -> Property {
    Property::new("each command counts once", |view| {
        for client in view.clients() {
            for (number, operation) in (1..).zip(view.operations(client)) {
                let Some(result) = &operation.result else { continue };
                let sum: u64 = codec::decode(result)
                    .map_err(|error| CheckError::Undecided(error.to_string()))?;
                if sum != number {
                    return Err(violated(format!("{number}"), format!("{client} got {sum}")));
                }
            }
        }
        Ok(())
    })
}

fn submission() -> Submission {
    Submission::new()
        .with(Kind::node("server", |_, mistake| Server { mistake, executed: BTreeMap::new() }))
        .with(Kind::client("adder", |_, (mistake, server)| Adder {
            mistake,
            server,
            number: 0,
            sum: None,
        }))
}

fn client(number: usize) -> Address {
    Address::numbered("client", number)
}

/// Four clients with thirty commands each, over a bad network.
fn scenario(mistake: Mistake) -> Scenario {
    let server = Address::new("server");
    let adder = |number| {
        let work = Workload::<(), u64>::template(30, |_| ());
        NodeSpec::client("adder", client(number), &(mistake, server), work)
    };
    let latency = Latency::between(MS, 10 * MS).with_slow(Rate::percent(10), 300 * MS);
    let conditions = LinkConditions {
        drop: Rate::percent(10),
        duplicate: Rate::percent(10),
        latency,
        ..LinkConditions::reliable()
    };
    Scenario::new()
        .node(NodeSpec::node("server", server, &mistake))
        .nodes((1..=4).map(adder))
        .network(Network::with(conditions))
        .until_done(Duration::from_secs(60))
        .until_stalled(Duration::from_secs(5))
        .check(counted_once())
        .check(clients_done())
}

/// The same, and the scenario loses messages too.
fn disturbed(mistake: Mistake) -> Scenario {
    let server = Address::new("server");
    scenario(mistake)
        .at(10 * MS, Intervention::Cut { from: client(4), to: server })
        .at(40 * MS, Intervention::Heal)
        .at(50 * MS, Intervention::DropNext { from: server, to: client(2), count: 1 })
}

/// Shrinks a run on nodes in this process.
fn shrunk(scenario: &Scenario, seed: u64) -> Option<Shrunk> {
    let submission = submission();
    shrink(scenario, seed, &Origin::default(), &mut |simulation, options| {
        simulation.drive(&mut LocalHost::new(&submission), options)
    })
    .ok()
}

/// The diagram of a shrunk run, and its deviations.
fn show(shrunk: &Shrunk) -> String {
    let options = crate::trace::show::Options { events_max: 1_000, ..Default::default() };
    let diagram = crate::trace::show::diagram(&shrunk.trace, &options);
    format!("{diagram}\n{:#?}", shrunk.deviations)
}

/// The shrunk run of the first seed that breaks. Checks what holds for all shrunk runs.
fn first(mistake: Mistake) -> Shrunk {
    let scenario = scenario(mistake);
    let shrunk = (0..20).find_map(|seed| shrunk(&scenario, seed)).expect("a seed breaks");
    check(&scenario, &shrunk);
    shrunk
}

/// A shrunk run breaks, is no longer than the original one, and is reproduced from its trace.
fn check(scenario: &Scenario, shrunk: &Shrunk) {
    assert!(shrunk.trace.events.len() <= shrunk.original_events + 4, "{shrunk:?}");
    assert!(shrunk.steps < STEPS_MAX);
    let replay = replay(scenario.clone(), &shrunk.trace, &mut LocalHost::new(&submission()));
    assert!(
        matches!(replay.status, ReplayStatus::Reproduced { same: true, .. }),
        "{}",
        replay.status
    );
    assert_eq!(replay.difference, None);
}

#[test]
fn a_duplicate_that_is_executed_twice() {
    let shrunk = first(Mistake::ExecutesAgain);
    let trace = &shrunk.trace;
    // Starts, two commands, two requests and a copy, the replies, the results.
    assert!(trace.events.len() <= 13, "{}", show(&shrunk));
    assert!(shrunk.original_events > 200);
    assert_eq!(shrunk.scenario.system.nodes().len(), 2);
    assert!(shrunk.scenario.timeline.is_empty());
    assert!(shrunk.deviations.len() <= 2, "{:?}", shrunk.deviations);
}

#[test]
fn a_client_that_gives_up_after_a_loss() {
    let shrunk = first(Mistake::GivesUp);
    // Starts, one command, one message lost.
    assert!(shrunk.trace.events.len() <= 7, "{}", show(&shrunk));
    assert!(matches!(shrunk.deviations[..], [Deviation::Lost(_)] | []), "{:?}", shrunk.deviations);
}

#[test]
fn a_late_request_that_is_executed_after_a_newer_one() {
    let shrunk = first(Mistake::ExecutesLate);
    assert!(shrunk.trace.events.len() <= 20, "{}", show(&shrunk));
    assert_eq!(shrunk.scenario.system.nodes().len(), 2);
}

#[test]
fn a_panic_keeps_what_leads_to_it() {
    let shrunk = first(Mistake::Panics(3));
    let commands = |event: &&TraceEvent| matches!(event.what, EventKind::Command { .. });
    assert_eq!(shrunk.trace.events.iter().filter(commands).count(), 3);
    assert!(shrunk.deviations.is_empty(), "{:?}", shrunk.deviations);
}

#[test]
fn a_run_that_does_not_break_is_not_shrunk() {
    for seed in 0..5 {
        let shrunk = shrunk(&scenario(Mistake::None), seed);
        assert!(shrunk.is_none(), "{shrunk:#?}");
    }
}

#[test]
fn the_same_input_gives_the_same_run() {
    let scenario = scenario(Mistake::ExecutesLate);
    let results: Vec<_> =
        (0..2).map(|_| shrunk(&scenario, 3).map(|it| (it.trace, it.runs))).collect();
    assert_eq!(results[0], results[1]);
}

#[test]
fn every_shrunk_run_still_breaks_the_same_property() {
    let mistakes =
        [Mistake::ExecutesAgain, Mistake::GivesUp, Mistake::ExecutesLate, Mistake::Panics(7)];
    for mistake in mistakes {
        for (seed, scenario) in (0..12).flat_map(|seed| {
            [scenario(mistake), disturbed(mistake)].map(|scenario| (seed, scenario))
        }) {
            let simulation = Simulation::new(scenario.clone(), seed);
            let original = simulation.run(&mut LocalHost::new(&submission()), Options::default());
            let shrunk = shrunk(&scenario, seed);
            assert_eq!(shrunk.is_some(), !original.verdict.held(), "{mistake:?}, seed {seed}");
            let Some(shrunk) = shrunk else { continue };
            assert_eq!(Cause::of(&shrunk.outcome.verdict), Cause::of(&original.verdict));
            check(&scenario, &shrunk);
        }
    }
}

#[test]
fn a_repair_stays_as_long_as_something_needs_it() {
    let scenario = disturbed(Mistake::None);
    let fair = Fair::new(&scenario, &Cause::UnknownAddress);
    let without = |interventions: &[usize]| Reduction {
        interventions: interventions.iter().copied().collect::<BTreeSet<_>>(),
        ..Reduction::default()
    };
    assert!(fair.allows(&without(&[0])));
    assert!(fair.allows(&without(&[2])));
    assert!(!fair.allows(&without(&[1])));
    assert!(fair.allows(&without(&[0, 1])));
}

#[test]
fn a_restart_stays_as_long_as_its_node_has_crashed() {
    let server = Address::new("server");
    let timeline = [
        Intervention::Crash(server),
        Intervention::Restart(server),
        Intervention::Restart(server),
        Intervention::CrashInHandler(server),
        Intervention::Restart(server),
    ];
    let scenario = (1..)
        .zip(timeline)
        .fold(Scenario::new(), |scenario, (second, what)| scenario.at(second * 1_000 * MS, what));
    let allows = |scenario: &Scenario, interventions: &[usize]| {
        let interventions = interventions.iter().copied().collect();
        let reduction = Reduction { interventions, ..Reduction::default() };
        Fair::new(scenario, &Cause::UnknownAddress).allows(&reduction)
    };
    // Without its crash, a restart is a reboot, which may be left out too.
    for fair in [&[0][..], &[0, 1], &[2], &[3], &[3, 4], &[0, 1, 2, 3, 4]] {
        assert!(allows(&scenario, fair), "{fair:?}");
    }
    for unfair in [&[1][..], &[4], &[2, 4]] {
        assert!(!allows(&scenario, unfair), "{unfair:?}");
    }
    // A decision may crash any node.
    let decided = Scenario::new()
        .at(MS, Intervention::decide("something", |_| Ok(Vec::new())))
        .at(2 * MS, Intervention::Restart(server));
    assert!(!allows(&decided, &[1]));
}

#[test]
fn a_property_may_depend_on_interventions() {
    let property = |property: Property| {
        let scenario = Scenario::new().check(property);
        let fair = Fair::new(&scenario, &Cause::Violated("it holds".to_owned()));
        let left_out = Reduction { interventions: BTreeSet::from([0]), ..Reduction::default() };
        (fair.commands, fair.allows(&left_out))
    };
    let holds = || Property::new("it holds", |_| Ok(()));
    assert_eq!(property(holds()), (true, true));
    assert_eq!(property(holds().depends_on_commands()), (false, true));
    assert_eq!(property(holds().depends_on_interventions()), (true, false));
}

#[test]
fn a_command_is_skipped_only_if_the_results_of_the_others_are_known() {
    let asking = |work: Workload<u64, u64>| NodeSpec::client("adder", client(1), &(), work);
    let sums = |numbers: &[u64]| {
        let add = |sum: &mut u64, number: &u64| {
            *sum += number;
            Some(*sum)
        };
        numbers.iter().scan(0, add).collect()
    };
    let scripted = asking(Workload::scripted([1, 2, 3], sums));
    let none = Scenario::new();
    let fair = Fair::new(&none, &Cause::UnknownAddress);
    assert!(fair.may_skip_commands(&asking(Workload::of([1, 2, 3]))));
    assert!(!fair.may_skip_commands(&asking(Workload::of([1, 2, 3]).expecting([1, 3, 6]))));
    assert!(fair.may_skip_commands(&scripted));

    let encoded = |sum: u64| codec::encode(&sum).expect("a number encodes");
    let commands = BTreeMap::from([(client(1), vec![0, 2])]);
    let reduction = Reduction { commands, ..Reduction::default() };
    let reduced = Scenario::new().node(scripted).reduced(&reduction);
    let work = reduced.system.nodes()[0].workload.clone().expect("it is a client");
    assert_eq!(work.expected(0), Some(&encoded(1)[..]));
    assert_eq!(work.expected(1), Some(&encoded(4)[..]));
    assert_eq!(work.expected(2), None);
    assert_eq!(work.expected_of(&[1]), Some(vec![encoded(3)]));
}

#[test]
fn messages_that_are_hindered_in_a_row_are_counted_by_link() {
    let message = |from: usize, before| NthMessage { from: client(from), to: client(9), before };
    let lost = |from, before| Deviation::Lost(message(from, before));
    assert_eq!(hindered_in_a_row(&[]), 0);
    assert_eq!(hindered_in_a_row(&[lost(1, 4), lost(2, 5), lost(1, 6)]), 1);
    let delayed = Deviation::Delayed(message(1, 5), 1_000);
    let again = Deviation::Again(message(1, 7), 1_000);
    assert_eq!(hindered_in_a_row(&[lost(1, 6), delayed, lost(1, 4), again]), 3);
}

#[test]
fn a_property_that_depends_on_what_is_left_out_is_left_out_too() {
    let holds = |name: &str| Property::new(name, |_| Ok(()));
    let names = |reduction: &Reduction| -> Vec<String> {
        let scenario = Scenario::new()
            .check(holds("always"))
            .check(holds("with commands").depends_on_commands())
            .check(holds("with interventions").depends_on_interventions());
        let reduced = scenario.reduced(reduction);
        reduced.checks.iter().map(|property| property.name().to_owned()).collect()
    };
    let interventions = BTreeSet::from([0]);
    let without = Reduction { interventions, ..Reduction::default() };
    assert_eq!(names(&without), ["always", "with commands"]);
    let clients = BTreeSet::from([client(1)]);
    let without = Reduction { clients, ..Reduction::default() };
    assert_eq!(names(&without), ["always", "with interventions"]);
    assert_eq!(names(&Reduction::default()).len(), 3);
}
