//! What a node may hold, send and say is bounded, and what is over is named or says that it was cut.

use std::time::Duration;

use faultlab::hosting::{Kind, LocalHost, STATE_BYTES_MAX, Submission, TEXT_BYTES_MAX};
use faultlab::search::Search;
use faultlab::simulate::{Limits, Options, Outcome, Scenario, Simulation, Verdict};
use faultlab::trace::{MemoryRecorder, Trace};
use faultlab::{Address, Context, Node, NodeSpec, System};
use serde::{Deserialize, Serialize};

/// What a node does each time its timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Habit {
    Grows(usize),
    Sends { messages: usize, bytes: usize },
    SetsTimers(usize),
    Logs { lines: usize, bytes: usize },
    Panics(usize),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Creature {
    habit: Habit,
    held: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Tick;

impl Node for Creature {
    type Message = Vec<u8>;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(Tick, Duration::from_millis(1));
    }

    fn on_message(&mut self, _: Address, _: Vec<u8>, _: &mut Context<Self>) {}

    fn on_timer(&mut self, _: Tick, ctx: &mut Context<Self>) {
        ctx.set_timer(Tick, Duration::from_millis(1));
        match self.habit {
            Habit::Grows(bytes) => self.held.resize(self.held.len() + bytes, 7),
            Habit::Sends { messages, bytes } => {
                for _ in 0..messages {
                    ctx.send(here(), vec![0; bytes]);
                }
            }
            Habit::SetsTimers(timers) => {
                for _ in 0..timers {
                    ctx.set_timer(Tick, Duration::from_secs(3_600));
                }
            }
            Habit::Logs { lines, bytes } => {
                for _ in 0..lines {
                    ctx.log("é".repeat(bytes / 2));
                }
            }
            Habit::Panics(bytes) => panic!("{}", "é".repeat(bytes / 2)),
        }
    }
}

fn here() -> Address {
    Address::new("creature")
}

fn submission() -> Submission {
    let make = |_, habit: Habit| Creature { habit, held: Vec::new() };
    Submission::new().with(Kind::node("creature", make))
}

fn scenario(habit: Habit) -> Scenario {
    Scenario::new().node(NodeSpec::node("creature", here(), &habit)).until(Duration::from_secs(300))
}

fn run(scenario: Scenario) -> (Outcome, Trace) {
    let submission = submission();
    let mut recorder = MemoryRecorder::new();
    let options = Options { recorder: Some(&mut recorder), ..Options::default() };
    let outcome = Simulation::new(scenario, 1).run(&mut LocalHost::new(&submission), options);
    (outcome, recorder.into_trace().expect("it was recorded"))
}

fn failure(scenario: Scenario) -> String {
    let submission = submission();
    let outcome =
        Simulation::new(scenario, 1).run(&mut LocalHost::new(&submission), Options::default());
    match outcome.verdict {
        Verdict::Failed(failure) => failure.to_string(),
        other => panic!("a failure was expected, not {other:?}"),
    }
}

#[test]
fn a_run_that_uses_too_much_fails_and_says_of_what() {
    let limits = Limits {
        steps_max: 20_000,
        sends_max: 4_000,
        timers_max: 3_000,
        sent_bytes_max: 2_000_000,
        ..Limits::default()
    };
    let failure = |habit| failure(scenario(habit).limits(limits));
    let few = Habit::Sends { messages: 1, bytes: 10 };
    let many = Habit::Sends { messages: 20, bytes: 10 };
    let long = Habit::Sends { messages: 1, bytes: 10_000 };
    assert!(failure(few).starts_with("the nodes set too many timers in "), "{}", failure(few));
    assert!(failure(few).ends_with(" ms: more than the limit of 3000"), "{}", failure(few));
    assert!(failure(many).starts_with("the nodes sent too many messages in "), "{}", failure(many));
    assert!(failure(long).starts_with("the nodes sent too many bytes in "), "{}", failure(long));
    let timers = Habit::SetsTimers(50);
    assert!(failure(timers).starts_with("the nodes set too many timers in "));
}

#[test]
fn a_step_that_does_too_much_fails() {
    let text = failure(scenario(Habit::Sends { messages: 10, bytes: 1_000_000 }));
    assert!(text.starts_with("creature's on_timer sent, set and logged 100"), "{text}");
    assert!(text.ends_with(" bytes in one step: more than the limit of 8388608"), "{text}");
}

#[test]
fn a_state_that_grows_and_grows_ends_the_run() {
    let text = failure(scenario(Habit::Grows(STATE_BYTES_MAX / 4)));
    assert!(text.starts_with("creature's on_timer left a state of 1"), "{text}");
    assert!(text.ends_with(" bytes: more than the limit of 1048576"), "{text}");
    // The same when every state is recorded, and in a search.
    let (outcome, _) = run(scenario(Habit::Grows(STATE_BYTES_MAX / 4)));
    assert!(matches!(&outcome.verdict, Verdict::Failed(failure) if failure.to_string() == text));
    let system = System::new().node("creature", here(), &Habit::Grows(STATE_BYTES_MAX / 4));
    let report = Search::new(system).depth_max(8).run(&submission());
    let result = format!("{:?}", report.result);
    assert!(result.contains("StateTooLarge"), "{result}");
}

#[test]
fn long_texts_are_cut_and_say_so() {
    let text = failure(scenario(Habit::Panics(10_000_000)));
    assert!(text.len() < TEXT_BYTES_MAX + 200, "{}", text.len());
    assert!(text.contains("ééé… (9983"), "{}", &text[text.len() - 200..]);

    let (outcome, trace) =
        run(scenario(Habit::Logs { lines: 50, bytes: 1_000_000 }).until(Duration::from_millis(20)));
    assert_eq!(outcome.verdict, Verdict::Held);
    let logged = trace.events.iter().map(|event| &event.logged).find(|logged| !logged.is_empty());
    let logged = logged.expect("something was logged");
    assert!(logged[0].ends_with("é… (983680 more bytes)"), "{}", &logged[0][16_300..]);
    assert_eq!(
        logged.last().map(String::as_str),
        Some("(the rest of what this step logs is left out)")
    );
    assert_eq!(logged.len(), 6);

    let (_, trace) = run(scenario(Habit::Grows(20_000)).until(Duration::from_millis(20)));
    let states = trace.events.iter().filter_map(|event| event.state.as_deref());
    let longest = states.max_by_key(|state| state.len()).expect("states are recorded");
    assert!(longest.len() <= TEXT_BYTES_MAX && longest.ends_with(" bytes)"), "{}", longest.len());
}

#[test]
fn a_recording_has_a_bound_and_keeps_every_event() {
    let (outcome, trace) = run(scenario(Habit::Grows(100)).until(Duration::from_secs(3)));
    assert_eq!(outcome.verdict, Verdict::Held);
    assert_eq!(trace.events.len() as u64, outcome.steps);
    let bytes = serde_json::to_string(&trace.events).expect("it is JSON").len();
    assert!(bytes < 16 << 20, "{bytes}");
    let last = trace.events.last().and_then(|event| event.state.as_deref());
    assert!(
        last.is_some_and(|state| state.ends_with("(cut: this recording is too long)")),
        "{last:?}"
    );
}
