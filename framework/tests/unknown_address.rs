//! A message to an address without a node is the same failure in every engine, whichever handler sent it.

use std::num::NonZeroUsize;
use std::time::Duration;

use faultlab::hosting::pure::{LocalSteps, StepFailure};
use faultlab::hosting::{Kind, LocalHost, Submission};
use faultlab::search::{
    Explorer, ExplorerError, HandlerFailure, RandomWalks, Search, SearchResult,
};
use faultlab::simulate::{Options, RunFailure, Scenario, Simulation, Verdict};
use faultlab::trace::replay::{ReplayStatus, replay};
use faultlab::trace::{Ending, Origin};
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, Node, NodeSpec, System};
use serde::{Deserialize, Serialize};

/// The handler that sends to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Sender {
    Init,
    Message,
    Timer,
    FirstCommand,
    /// This is given while the result of the first one is taken, within one event.
    SecondCommand,
    Nobody,
}

/// A client that asks a server, which replies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Lost {
    sender: Sender,
    server: Option<Address>,
    result: Option<u64>,
}

impl Lost {
    fn may_send(&self, now: Sender, ctx: &mut Context<Self>) {
        if self.sender == now {
            ctx.send(Address::new("sever"), 7);
        }
    }
}

impl Node for Lost {
    type Message = u64;
    type Timer = ();

    fn init(&mut self, ctx: &mut Context<Self>) {
        if self.server.is_some() {
            self.may_send(Sender::Init, ctx);
            ctx.set_timer((), Duration::from_millis(5));
        }
    }

    fn on_message(&mut self, from: Address, message: u64, ctx: &mut Context<Self>) {
        if self.server.is_some() {
            self.result = Some(message);
        } else {
            self.may_send(Sender::Message, ctx);
            ctx.send(from, message);
        }
    }

    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        self.may_send(Sender::Timer, ctx);
    }
}

impl Client for Lost {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, command: u64, ctx: &mut Context<Self>) {
        self.result = None;
        if let Some(server) = self.server {
            ctx.send(server, command);
        }
        if command == 1 {
            self.may_send(Sender::FirstCommand, ctx);
        } else {
            self.may_send(Sender::SecondCommand, ctx);
        }
    }

    fn result(&self) -> Option<u64> {
        self.result
    }
}

type Arguments = (Sender, Option<Address>);

fn submission() -> Submission {
    let make = |_: Address, (sender, server): Arguments| Lost { sender, server, result: None };
    Submission::new().with(Kind::node("server", make)).with(Kind::client("client", make))
}

fn server() -> Address {
    Address::new("server")
}

fn system(sender: Sender) -> System {
    let none: Option<Address> = None;
    let work = Workload::<u64, u64>::of([1, 2]);
    System::new().node("server", server(), &(sender, none)).with(NodeSpec::client(
        "client",
        Address::new("client1"),
        &(sender, Some(server())),
        work,
    ))
}

fn failed(result: &SearchResult) -> &HandlerFailure {
    match result {
        SearchResult::Failed(failed) => failed,
        result => panic!("{result:?}"),
    }
}

/// Each handler, the node that fails, and the length of a shortest path to the failure.
const SENDERS: [(Sender, &str, usize); 5] = [
    (Sender::Init, "client1", 0),
    (Sender::Message, "server", 1),
    (Sender::Timer, "client1", 1),
    (Sender::FirstCommand, "client1", 0),
    (Sender::SecondCommand, "client1", 2),
];

#[test]
fn runs_searches_and_random_walks_report_the_same_failure() {
    for (sender, node, events) in SENDERS {
        let submission = submission();
        let scenario = Scenario::new().system(system(sender)).until_done(Duration::from_secs(1));
        let mut host = LocalHost::new(&submission);
        let verdict = Simulation::new(scenario, 1).run(&mut host, Options::default()).verdict;
        let Verdict::Failed(RunFailure::UnknownAddress { from, unknown }) = &verdict else {
            panic!("{sender:?}: {verdict:?}");
        };
        assert_eq!(from.as_str(), node, "{sender:?}");
        assert_eq!(
            unknown.to_string(),
            "sent 7 to `sever`, and there is no node of that name; the nodes are server, client1"
        );

        let two = NonZeroUsize::MIN.saturating_add(1);
        let search = Search::new(system(sender));
        let walks = RandomWalks { seed: 1, count: 20, depth_max: 20 };
        let reports = [
            search.run(&submission),
            search.clone().threads(two).run(&submission),
            search.clone().exact().run(&submission),
            search.random_walks(&submission, walks),
        ];
        for report in reports {
            let failed = failed(&report.result);
            assert_eq!(failed.node, *from, "{sender:?}");
            assert_eq!(failed.failure, StepFailure::UnknownAddress(unknown.clone()), "{sender:?}");
            assert_eq!(failed.path.len(), events, "{sender:?}");
        }
    }
    let report = Search::new(system(Sender::Nobody)).run(&submission());
    assert_eq!(report.result, SearchResult::Exhausted);
}

#[test]
fn the_trace_of_the_failure_is_reproduced() {
    for (sender, node, events) in SENDERS {
        let submission = submission();
        let search = Search::new(system(sender));
        let steps = LocalSteps::new(&submission, search.system().descriptors()).expect("steps");
        let report = search.run_with(&steps);
        let trace = search.trace(&steps, &Origin::default(), &report.result).expect("a trace");
        let Some(Ending::Failed { reason }) = &trace.ending else { panic!("{:?}", trace.ending) };
        assert!(reason.starts_with(&format!("{node} sent 7 to `sever`, and there is no node of")));
        // Nothing goes to the address, which has no place in a diagram.
        let sent = trace.events.iter().flat_map(|event| &event.sent);
        assert!(sent.into_iter().all(|sent| sent.to != Address::new("sever")), "{sender:?}");
        let status = replay(&trace, &mut search.traced_run(&steps)).status;
        assert!(
            matches!(status, ReplayStatus::Reproduced { same: true, .. }),
            "{sender:?}: {status:?}"
        );

        let mut explorer = match Explorer::new(&search, &steps) {
            Ok(explorer) => explorer,
            Err(ExplorerError::Failed(failed)) => {
                assert_eq!((failed.node.as_str(), events), (node, 0));
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let path = report.result.path().expect("a path").clone();
        let (last, before) = path.events.split_last().expect("an event");
        for event in before {
            explorer.perform(event).expect("possible");
        }
        assert!(matches!(explorer.perform(last), Err(ExplorerError::Failed(_))), "{sender:?}");
    }
}
