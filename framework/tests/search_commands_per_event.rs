//! Clients that answer many commands in one event: every answer is checked, and a search that stops
//! at the limit says so.

use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::property::{Property, violated};
use faultlab::search::{Limit, Search, SearchResult};
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, Node, System, codec};
use serde::{Deserialize, Serialize};

/// Answers each command immediately with its number, except the command `wrong_at`, which it answers with
/// 0. Its timer does nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Eager {
    wrong_at: u64,
    result: Option<u64>,
    has_fired: bool,
}

impl Node for Eager {
    type Message = ();
    type Timer = ();

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer((), Duration::from_millis(1));
    }

    fn on_message(&mut self, _: Address, (): (), _: &mut Context<Self>) {}

    fn on_timer(&mut self, (): (), _: &mut Context<Self>) {
        self.has_fired = true;
    }
}

impl Client for Eager {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, command: u64, _: &mut Context<Self>) {
        self.result = Some(if command == self.wrong_at { 0 } else { command });
    }

    fn result(&self) -> Option<u64> {
        self.result
    }
}

/// A client with this many commands, numbered from one, or with an infinite workload.
fn search(commands: Option<u64>, wrong_at: u64) -> Search {
    let work = match commands {
        Some(count) => Workload::<u64, u64>::template(count, |turn| turn.index + 1),
        None => Workload::infinite(|turn| turn.index + 1),
    };
    Search::new(System::new().client("client", client(), &wrong_at, work))
}

/// The property that every result is the number of its command.
fn answers_are_right() -> Property {
    Property::new("answers are right", |view| {
        for (expected, operation) in (1..).zip(view.operations(client())) {
            match operation.result.as_deref().map(codec::decode::<u64>) {
                Some(Ok(answer)) if answer != expected => {
                    return Err(violated(expected.to_string(), answer.to_string()));
                }
                _ => {}
            }
        }
        Ok(())
    })
}

fn client() -> Address {
    Address::new("client1")
}

fn submission() -> Submission {
    let make = |_: Address, wrong_at| Eager { wrong_at, result: None, has_fired: false };
    Submission::new().with(Kind::client("client", make))
}

#[test]
fn every_answer_in_one_event_is_checked() {
    for commands in [1, 128, 129, 500, 1_000] {
        let right = search(Some(commands), 0).invariant(answers_are_right()).run(&submission());
        assert_eq!(right.result, SearchResult::Exhausted, "{commands} commands");
        assert_eq!(right.statistics.states, 2, "before and after the timer");
        let wrong =
            search(Some(commands), commands).invariant(answers_are_right()).run(&submission());
        assert!(
            matches!(wrong.result, SearchResult::Violated(_)),
            "{commands}: {:?}",
            wrong.result
        );
    }
}

#[test]
fn an_infinite_workload_reaches_the_command_limit() {
    let limit = |commands| {
        SearchResult::LimitReached(Limit::CommandsPerEvent { client: client(), commands })
    };
    let submission = submission();
    assert_eq!(search(None, 0).run(&submission).result, limit(1_000));
    assert_eq!(search(Some(1_001), 0).run(&submission).result, limit(1_000));
    let few = || search(None, 0).commands_per_event_max(7);
    assert_eq!(few().run(&submission).result, limit(7));
    // Another limit does not hide it.
    assert_eq!(few().depth_max(0).run(&submission).result, limit(7));
    assert_eq!(few().states_max(1).run(&submission).result, limit(7));
    let probes = faultlab::search::RandomWalks { seed: 1, count: 3, depth_max: 5 };
    assert_eq!(few().random_walks(&submission, probes).result, limit(7));
    // Answers before the limit are checked.
    let wrong =
        search(None, 5).commands_per_event_max(7).invariant(answers_are_right()).run(&submission);
    assert!(matches!(wrong.result, SearchResult::Violated(_)), "{:?}", wrong.result);
    let wrong_later = search(None, 8).commands_per_event_max(7).invariant(answers_are_right());
    assert_eq!(wrong_later.run(&submission).result, limit(7));
}

#[test]
fn the_state_at_the_limit_is_checked_but_not_expanded() {
    let answers = Property::new("seven answers", |view| {
        match view.operations(client()).iter().filter(|it| it.result.is_some()).count() {
            7 => Ok(()),
            other => Err(violated("7", other.to_string())),
        }
    });
    let search = search(None, 0).commands_per_event_max(7).invariant(answers);
    let report = search.run(&submission());
    assert!(matches!(report.result, SearchResult::LimitReached(_)), "{:?}", report.result);
    assert_eq!(report.statistics.states, 1);
}
