//! Scenes: small, hand-made runs that each show one thing. The students' book prints them.

use std::time::Duration;

use faultlab::hosting::{LocalHost, Submission};
use faultlab::property::{Property, clients_done, not_retained, results_ok, silent_for, violated};
use faultlab::simulate::{
    Intervention, Latency, LinkConditions, Network, Options, Scenario, Simulation,
};
use faultlab::trace::show::{self, diagram};
use faultlab::trace::{MemoryRecorder, Origin, Trace, file};
use faultlab::workload::Workload;
use faultlab::{Address, NodeSpec};
use lab0_api::{Ping, Pong};
use lab1_api::KvResult::{Appended, PutDone, Value};
use lab1_api::{KvCommand, KvResult, submission};

use crate::mutants;

/// A run to be shown.
pub struct Scene {
    /// The name of the file that shows it, without its ending.
    pub name: &'static str,
    lab: &'static str,
    title: &'static str,
    submission: Submission,
    scenario: Scenario,
}

impl Scene {
    fn lab1(name: &'static str, title: &'static str, nodes: Submission, run: Scenario) -> Self {
        Self { name, lab: "lab1", title, submission: nodes, scenario: run }
    }

    /// The run as a diagram.
    ///
    /// # Panics
    /// When there is no run to show.
    #[must_use]
    pub fn draw(&self) -> String {
        let mut sink = MemoryRecorder::new();
        let mut nodes = LocalHost::new(&self.submission);
        let origin =
            Origin { lab: self.lab.to_owned(), test: String::new(), title: self.title.to_owned() };
        let options = Options { recorder: Some(&mut sink), origin, ..Options::default() };
        Simulation::new(self.scenario.clone(), 1).run(&mut nodes, options);
        let trace = sink.into_trace().expect("a run that was recorded leaves a trace");
        let trace = as_at_home(&trace);
        diagram(&trace, &show::Options { width: 80, events_max: 60, ..show::Options::default() })
    }
}

/// The trace with the places of the mutants' code as a student would see them.
fn as_at_home(trace: &Trace) -> Trace {
    let mut text = Vec::new();
    file::write(&mut text, trace).expect("writing to memory does not fail");
    let text = String::from_utf8(text).expect("a trace is text");
    let mut pieces = text.split(concat!(env!("OUT_DIR"), "/mutants/"));
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        // What follows is the mutant's name, and then its file.
        shown.push_str("src");
        shown.push_str(piece.find('/').map_or(piece, |slash| &piece[slash..]));
    }
    file::read(shown.as_bytes()).expect("what was written can be read")
}

/// All scenes: the worked example's, then the mistakes'.
#[must_use]
pub fn all() -> Vec<Scene> {
    let mut scenes = vec![lost_ping()];
    scenes.extend(mistakes());
    scenes
}

fn lost_ping() -> Scene {
    let text = |text: &str| text.to_owned();
    let work = Workload::<Ping, Pong>::of([Ping { text: text("hello") }])
        .expecting([Pong { text: text("hello") }]);
    let scenario = Scenario::new()
        .node(NodeSpec::node("server", server(), &()))
        .node(NodeSpec::client("client", client(1), &server(), work))
        .link_conditions(always(10))
        .at(ms(0), lose(client(1), server()))
        .until_done(ms(1_000))
        .observe_for(ms(100))
        .check(clients_done())
        .check(results_ok());
    Scene {
        name: "lab0-lost-ping",
        lab: "lab0",
        title: "The first ping is lost",
        submission: lab0_api::submission::<lab0::Lab>(),
        scenario,
    }
}

fn mistakes() -> Vec<Scene> {
    vec![
        Scene::lab1(
            "mistakes/no-retransmission",
            "The first request is lost",
            submission::<mutants::no_retransmission::Lab>(),
            one([(put("x", "a"), PutDone)])
                .at(ms(0), lose(client(1), server()))
                .until_done(ms(1_000)),
        ),
        Scene::lab1(
            "mistakes/no-at-most-once",
            "A reply is lost",
            submission::<mutants::no_at_most_once::Lab>(),
            append_whose_reply_is_lost(),
        ),
        Scene::lab1(
            "mistakes/duplicates-executed",
            "A reply is lost",
            submission::<mutants::duplicates_executed::Lab>(),
            append_whose_reply_is_lost(),
        ),
        Scene::lab1(
            "mistakes/new-number",
            "A reply is lost",
            submission::<mutants::new_number_for_each_retransmission::Lab>(),
            append_whose_reply_is_lost(),
        ),
        Scene::lab1(
            "mistakes/swallowed",
            "A reply is lost",
            submission::<mutants::duplicates_swallowed::Lab>(),
            append_whose_reply_is_lost().until_done(ms(350)),
        ),
        Scene::lab1(
            "mistakes/late-request",
            "A request comes very late",
            submission::<mutants::late_requests_executed::Lab>(),
            one([(put("x", "old"), PutDone), (put("x", "new"), PutDone), (get("x"), value("new"))])
                .network(Network::with(always(10)).receiver(server(), always(145)))
                .at(ms(1), Intervention::LinkConditions(Network::with(always(10))))
                .when_answered(client(1), 2, lose(client(1), server())),
        ),
        Scene::lab1(
            "mistakes/stale-reply",
            "A reply comes very late",
            submission::<mutants::stale_reply_accepted::Lab>(),
            one([(append("x", "a"), appended("a")), (append("y", "b"), appended("b"))])
                .network(Network::with(always(10)).sender(server(), always(125)))
                .at(ms(20), Intervention::LinkConditions(Network::with(always(10))))
                .when_answered(client(1), 1, lose(client(1), server())),
        ),
        Scene::lab1(
            "mistakes/one-memory",
            "Two clients",
            submission::<mutants::one_memory_for_all_clients::Lab>(),
            stage([
                (client(1), vec![(append("x", "a"), appended("a"))]),
                (client(2), vec![(append("y", "b"), appended("b"))]),
            ]),
        ),
        Scene::lab1(
            "mistakes/results-by-command",
            "The same question twice",
            submission::<mutants::results_by_command::Lab>(),
            one([
                (put("x", "a"), PutDone),
                (get("x"), value("a")),
                (put("x", "b"), PutDone),
                (get("x"), value("b")),
            ]),
        ),
        Scene::lab1(
            "mistakes/old-result",
            "Two commands, one after the other",
            submission::<mutants::old_result_shown::Lab>(),
            one([(append("x", "a"), appended("a")), (append("x", "b"), appended("ab"))]),
        ),
        Scene::lab1(
            "mistakes/panics",
            "A reply comes twice",
            submission::<mutants::panics_on_stale_reply::Lab>(),
            one([(put("x", "a"), PutDone), (put("x", "b"), PutDone)])
                .network(Network::with(always(10)).sender(server(), always(105)))
                .at(ms(20), Intervention::LinkConditions(Network::with(always(10)))),
        ),
        Scene::lab1(
            "mistakes/never-silent",
            "One command, and then nothing to do",
            submission::<mutants::retransmits_for_ever::Lab>(),
            one([(put("x", "a"), PutDone)]).observe_for(ms(250)).check(silent_for(ms(200))),
        ),
        Scene::lab1(
            "mistakes/timers-multiply",
            "Three commands, one of which waits for its answer",
            submission::<mutants::timers_multiply::Lab>(),
            one([(put("x", "a"), PutDone), (put("x", "b"), PutDone), (put("x", "c"), PutDone)])
                .when_answered(client(1), 2, Intervention::Isolate(server()))
                .at(ms(250), Intervention::Check(few_timers(4))),
        ),
        Scene::lab1(
            "mistakes/keeps-everything",
            "A value is overwritten twice",
            submission::<mutants::everything_kept_for_ever::Lab>(),
            one([
                (append("x", "long ago"), appended("long ago")),
                (put("x", "a"), PutDone),
                (put("x", "b"), PutDone),
            ])
            .check(not_retained(["long ago".to_owned()])),
        ),
    ]
}

/// What is said to the clients, and what they must be answered.
type Script = Vec<(KvCommand, KvResult)>;

/// A server, and clients that are told what to do, on a network on which everything takes 10 ms.
fn stage(clients: impl IntoIterator<Item = (Address, Script)>) -> Scenario {
    let clients = clients.into_iter().map(|(address, script)| {
        let (commands, results): (Vec<_>, Vec<_>) = script.into_iter().unzip();
        let work = Workload::of(commands).expecting(results);
        NodeSpec::client("client", address, &server(), work)
    });
    Scenario::new()
        .node(NodeSpec::node("server", server(), &()))
        .nodes(clients)
        .link_conditions(always(10))
        .until_done(ms(1_000))
        .check(results_ok())
        .check(clients_done())
}

fn one(script: impl Into<Script>) -> Scenario {
    stage([(client(1), script.into())])
}

fn append_whose_reply_is_lost() -> Scenario {
    one([(append("x", "a"), appended("a"))]).at(ms(0), lose(server(), client(1)))
}

/// No more than this many timers have fired: those of the answered commands, and one each 100 ms.
fn few_timers(limit: u64) -> Property {
    Property::new("timers do not pile up", move |view| match view.traffic() {
        Some(traffic) if traffic.timers_fired > limit => Err(violated(
            format!("at most {limit} timers to fire"),
            format!("{} fired", traffic.timers_fired),
        )),
        _ => Ok(()),
    })
}

fn server() -> Address {
    Address::new("server")
}

fn client(number: usize) -> Address {
    Address::numbered("client", number)
}

fn lose(from: Address, to: Address) -> Intervention {
    Intervention::DropNext { from, to, count: 1 }
}

fn always(milliseconds: u64) -> LinkConditions {
    LinkConditions { latency: Latency::fixed(ms(milliseconds)), ..LinkConditions::reliable() }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn get(key: &str) -> KvCommand {
    KvCommand::Get { key: key.to_owned() }
}

fn put(key: &str, value: &str) -> KvCommand {
    KvCommand::Put { key: key.to_owned(), value: value.to_owned() }
}

fn append(key: &str, value: &str) -> KvCommand {
    KvCommand::Append { key: key.to_owned(), value: value.to_owned() }
}

fn value(text: &str) -> KvResult {
    Value(text.to_owned())
}

fn appended(text: &str) -> KvResult {
    Appended(text.to_owned())
}
