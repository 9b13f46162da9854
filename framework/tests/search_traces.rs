//! Traces of searches, and replays of saved traces after the code has changed.

mod common;

use common::{Fault, client, server, submission};
use faultlab::System;
use faultlab::hosting::Submission;
use faultlab::hosting::pure::LocalSteps;
use faultlab::property::{Property, clients_done, results_ok, violated};
use faultlab::search::{Search, SearchResult};
use faultlab::trace::replay::{Replay, ReplayStatus, replay};
use faultlab::trace::show::{Options, diagram};
use faultlab::trace::{Ending, Origin, Trace, file};
use faultlab::workload::Workload;

/// A client that adds 1 and 2, and a server with a fault.
fn search(fault: Fault) -> Search {
    let work = Workload::<u64, u64>::of([1, 2]).expecting([1, 3]);
    let system =
        System::new().node("server", server(), &fault).client("client", client(1), &server(), work);
    Search::new(system).invariant(results_ok())
}

fn steps<'s>(search: &Search, submission: &'s Submission) -> LocalSteps<'s> {
    LocalSteps::new(submission, search.system().descriptors()).expect("all kinds are there")
}

/// The finding of a search, as a trace.
fn traced(search: &Search, submission: &Submission) -> Trace {
    let origin = Origin {
        lab: "sums".to_owned(),
        test: "1.1".to_owned(),
        title: "sums are right".to_owned(),
    };
    let outcome = search.run(submission).result;
    assert!(!matches!(outcome, SearchResult::Exhausted), "something was found");
    search.trace(&steps(search, submission), &origin, &outcome).expect("it has a trace")
}

/// Saves the trace to a file, reads it, and replays it in another system.
fn again(saved: &Trace, search: &Search, submission: &Submission) -> Replay {
    let mut bytes = Vec::new();
    file::write(&mut bytes, saved).expect("writing to memory does not fail");
    let saved = file::read(&bytes[..]).expect("a trace");
    replay(&saved, &mut search.traced_run(&steps(search, submission)))
}

#[test]
fn a_violation_is_shown() {
    let trace = traced(&search(Fault::ExecutesDuplicates), &submission());
    insta::assert_snapshot!(diagram(&trace, &Options::default()));
}

#[test]
fn a_panic_is_shown() {
    let trace = traced(&search(Fault::PanicsAt(2)), &submission());
    let text = diagram(&trace, &Options::default());
    // The location of the panic changes with that file.
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("common/mod.rs")).collect();
    assert_eq!(text.lines().count(), lines.len() + 2);
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn output_is_shown_with_its_event() {
    let search = search(Fault::PrintsAndLogs).goal(clients_done());
    let submission = submission();
    let outcome = search.run(&submission).result;
    let steps = steps(&search, &submission).checking_contract(false);
    let mut handled = 0;
    let printed = || {
        handled += 1;
        // Called before and after each step. Output from before the step is not part of any step.
        if handled % 2 == 0 { format!("step {}", handled / 2) } else { "noise".to_owned() }
    };
    let walk = search.traced_run(&steps).capturing(printed);
    let trace = walk.trace(&Origin::default(), &outcome).expect("a goal has a trace");
    let (mut printed, mut logged) = (Vec::new(), Vec::new());
    for event in &trace.events {
        printed.push(event.printed.as_str());
        logged.extend(event.logged.iter().map(String::as_str));
    }
    assert_eq!(printed[..4], ["step 1", "step 2", "step 3", "step 4"]);
    assert!(!printed.contains(&"noise"));
    assert_eq!(logged, ["adding 1", "adding 2"]);
    assert_eq!(trace.ending, Some(Ending::GoalReached { goal: clients_done().name().to_owned() }));
}

#[test]
fn the_same_code_reproduces_the_same_run() {
    for fault in [Fault::ExecutesDuplicates, Fault::PanicsAt(2)] {
        let saved = traced(&search(fault), &submission());
        let replay = again(&saved, &search(fault), &submission());
        assert!(
            matches!(&replay.status, ReplayStatus::Reproduced { same: true, .. }),
            "{}",
            replay.status
        );
        assert_eq!(replay.trace, saved);
    }
}

#[test]
fn fixed_code_is_reported_as_fixed() {
    let saved = traced(&search(Fault::ExecutesDuplicates), &submission());
    let replay = again(&saved, &search(Fault::None), &submission());
    assert_eq!(
        replay.status,
        ReplayStatus::Fixed { happened: saved.events.len(), events: saved.events.len() }
    );
    assert_eq!(replay.trace.ending, Some(Ending::Held));
    // The last sum is right now, and was still matched.
    assert_eq!(replay.changed, 1);
}

#[test]
fn an_earlier_failure_is_reported() {
    let saved = traced(&search(Fault::ExecutesDuplicates), &submission());
    let replay = again(&saved, &search(Fault::PanicsAt(1)), &submission());
    assert!(
        matches!(&replay.status, ReplayStatus::Reproduced { same: false, .. }),
        "{}",
        replay.status
    );
}

#[test]
fn renamed_messages_no_longer_apply() {
    let saved = traced(&search(Fault::ExecutesDuplicates), &submission());
    let work = Workload::<u64, u64>::of([1, 2]).expecting([1, 3]);
    let system =
        System::new().node("server", server(), &()).client("client", client(1), &server(), work);
    let replay = again(&saved, &Search::new(system), &renamed::submission());
    assert_eq!(
        replay.status.to_string(),
        "no longer applies at event 4: server1 should get Add { number: 1, amount: 1 }, but no \
         `Add` from client1 is in flight to it; there is Plus(1)"
    );
}

#[test]
fn a_run_of_two_searches_is_one_trace() {
    let first =
        search(Fault::None).goal(Property::new("client1 has a result", |view| {
            match view.operations(client(1)).iter().any(|operation| operation.result.is_some()) {
                true => Ok(()),
                false => Err(violated("a result", "there is none")),
            }
        }));
    let SearchResult::GoalFound(found) = first.run(&submission()).result else { panic!("no goal") };
    let second = || {
        search(Fault::None)
            .start_from(found.state.clone())
            .crash(server())
            .invariant(clients_done().named("client1 is done, though its server is not there"))
    };
    let saved = traced(&second(), &submission());
    insta::assert_snapshot!(diagram(&saved, &Options::default()));
    let replay = again(&saved, &second(), &submission());
    assert!(
        matches!(replay.status, ReplayStatus::Reproduced { same: true, .. }),
        "{}",
        replay.status
    );
    assert_eq!(replay.trace, saved);
}

/// The same system with other names.
mod renamed {
    use faultlab::hosting::{Kind, Submission};
    use faultlab::{Address, Client, Context, Node};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub(crate) enum Message {
        Plus(u64),
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub(crate) struct Server;

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub(crate) struct Asker {
        server: Address,
    }

    impl Node for Server {
        type Message = Message;
        type Timer = ();

        fn on_message(&mut self, _: Address, _: Message, _: &mut Context<Self>) {}
    }

    impl Node for Asker {
        type Message = Message;
        type Timer = ();

        fn on_message(&mut self, _: Address, _: Message, _: &mut Context<Self>) {}
    }

    impl Client for Asker {
        type Command = u64;
        type Result = u64;

        fn send_command(&mut self, amount: u64, ctx: &mut Context<Self>) {
            ctx.send(self.server, Message::Plus(amount));
        }

        fn result(&self) -> Option<u64> {
            None
        }
    }

    pub(crate) fn submission() -> Submission {
        Submission::new()
            .with(Kind::node("server", |_, ()| Server))
            .with(Kind::client("client", |_, server: Address| Asker { server }))
    }
}
