//! Quiet phases: who makes progress when the faults have stopped, and who is found waiting.

use std::time::Duration;

use faultlab::hosting::{Kind, LocalHost, Submission};
use faultlab::property::clients_done;
use faultlab::simulate::{
    Intervention, LinkConditions, Network, Options, Outcome, Rate, Scenario, Simulation, Verdict,
};
use faultlab::trace::MemoryRecorder;
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, Node, System};
use serde::{Deserialize, Serialize};

/// A register that anybody can set; it keeps the first value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Register {
    value: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Message {
    Set(u64),
    Done(u64),
}

impl Node for Register {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        let Message::Set(value) = message else { return };
        self.value.get_or_insert(value);
        ctx.send(from, Message::Done(value));
    }
}

/// Sets a register, and asks again if it is `patient`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Setter {
    register: Address,
    patient: bool,
    wants: u64,
    is_done: bool,
}

impl Node for Setter {
    type Message = Message;
    type Timer = ();

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        self.is_done |= message == Message::Done(self.wants);
    }

    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        if !self.is_done {
            ctx.send(self.register, Message::Set(self.wants));
            ctx.set_timer((), Duration::from_millis(100));
        }
    }
}

impl Client for Setter {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, value: u64, ctx: &mut Context<Self>) {
        (self.wants, self.is_done) = (value, false);
        ctx.send(self.register, Message::Set(value));
        if self.patient {
            ctx.set_timer((), Duration::from_millis(100));
        }
    }

    fn result(&self) -> Option<u64> {
        self.is_done.then_some(self.wants)
    }
}

fn submission() -> Submission {
    Submission::new().with(Kind::node("register", |_, ()| Register { value: None })).with(
        Kind::client("setter", |_, patient| Setter {
            register: register(),
            patient,
            wants: 0,
            is_done: false,
        }),
    )
}

fn register() -> Address {
    Address::new("register")
}

fn setter(number: usize) -> Address {
    Address::numbered("setter", number)
}

/// A register, and two clients that each set it once, to different values.
fn system(patient: bool) -> System {
    let work = |value: u64| Workload::<u64, u64>::of([value]);
    System::new()
        .node("register", register(), &())
        .client("setter", setter(1), &patient, work(1))
        .client("setter", setter(2), &patient, work(2))
}

fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let submission = submission();
    let run = |options| {
        Simulation::new(scenario.clone(), seed).run(&mut LocalHost::new(&submission), options)
    };
    let mut recorder = MemoryRecorder::new();
    let outcome = run(Options { recorder: Some(&mut recorder), ..Options::default() });
    assert_eq!(outcome, run(Options::default()), "recording changes nothing");
    outcome
}

/// Two clients in bad weather, which ends after a second.
fn weather(patient: bool) -> Scenario {
    let lossy = LinkConditions { drop: Rate::percent(100), ..LinkConditions::reliable() };
    Scenario::new().system(system(patient)).network(Network::with(lossy)).quiet_phase(
        Duration::from_secs(1),
        clients_done(),
        Duration::from_millis(500),
    )
}

#[test]
fn a_patient_client_makes_progress_when_the_faults_have_stopped() {
    for seed in 0..20 {
        let outcome = run(&weather(true), seed);
        assert!(outcome.verdict.held(), "{:?}", outcome.verdict);
        // It ends as soon as everybody is done, and not before the faults have stopped.
        assert!((1_000_000_000..1_200_000_000).contains(&outcome.time_ns), "{}", outcome.time_ns);
    }
}

#[test]
fn an_impatient_client_is_found_waiting() {
    let seen = |scenario: &Scenario| match run(scenario, 3).verdict {
        Verdict::Violated(violation) => {
            format!("expected {}\nseen {}", violation.expected, violation.seen)
        }
        other => panic!("{other:?}"),
    };
    insta::assert_snapshot!("impatient", seen(&weather(false)));
    // What is broken stays broken, and is named.
    let cut = Intervention::Cut { from: register(), to: setter(1) };
    insta::assert_snapshot!("cut", seen(&weather(true).at(Duration::from_millis(500), cut)));
    let crash = Intervention::Crash(register());
    insta::assert_snapshot!("crashed", seen(&weather(true).at(Duration::from_millis(500), crash)));
    let hold = Intervention::Hold { from: setter(2), to: register() };
    insta::assert_snapshot!("held", seen(&weather(true).at(Duration::from_millis(500), hold)));
}
