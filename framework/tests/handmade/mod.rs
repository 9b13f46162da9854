//! Handwritten traces, for testing code that reads and shows traces.
#![allow(dead_code, reason = "each test uses some of them")]

use faultlab::hosting::NodeFailure;
use faultlab::property::{Subject, Violation};
use faultlab::trace::{
    CopyKind, Ending, Engine, EventKind, Fate, Header, Origin, Provenance, SentMessage, SetTimer,
    Trace, TraceEvent, file,
};
use faultlab::{Address, FaultModel};

/// A run with faults of every kind that the format knows.
pub(crate) fn faults() -> Trace {
    file::read(&include_bytes!("../saved/version-2.jsonl")[..]).expect("a trace")
}

/// Builds a trace event by event. Effects are added to the last event.
pub(crate) struct Builder {
    trace: Trace,
    next_id: u64,
    next_timer: u64,
    now_ns: Option<u64>,
}

pub(crate) fn address(name: &str) -> Address {
    Address::new(name)
}

impl Builder {
    pub(crate) fn new(engine: Engine, title: &str, nodes: &[&str]) -> Self {
        let origin =
            Origin { lab: "lab1".to_owned(), test: "3.2".to_owned(), title: title.to_owned() };
        let nodes = nodes.iter().map(|name| address(name)).collect();
        let header = Header::new(engine, &origin, 42, FaultModel::default(), nodes);
        let now_ns = (engine != Engine::Search).then_some(0);
        let trace = Trace { header, events: Vec::new(), ending: None };
        Self { trace, next_id: 1, next_timer: 1, now_ns }
    }

    pub(crate) fn at(&mut self, microseconds: u64) -> &mut Self {
        self.now_ns = self.now_ns.map(|_| microseconds * 1_000);
        self
    }

    pub(crate) fn event(&mut self, what: EventKind) -> &mut Self {
        self.trace.events.push(TraceEvent::new(self.now_ns, what));
        self
    }

    fn last(&mut self) -> &mut TraceEvent {
        self.trace.events.last_mut().expect("an event was added")
    }

    pub(crate) fn start(&mut self, node: &str, kind: &str, state: &str) -> &mut Self {
        self.event(EventKind::start(address(node), kind)).state(state)
    }

    pub(crate) fn call(&mut self, node: &str, command: &str) -> &mut Self {
        let value = serde_json::Value::String(command.to_owned());
        self.event(EventKind::Command { node: address(node), command: command.to_owned(), value })
    }

    pub(crate) fn returns(&mut self, node: &str, result: &str) -> &mut Self {
        let value = serde_json::Value::String(result.to_owned());
        self.event(EventKind::Return { node: address(node), result: result.to_owned(), value })
    }

    fn sending(&self, id: u64) -> (Address, Address, String) {
        let mut sendings = self
            .trace
            .events
            .iter()
            .flat_map(|event| event.sent.iter().map(move |sent| (event.what.node(), sent)));
        match sendings.find(|(_, sent)| sent.id == id) {
            Some((Some(from), sent)) => (from, sent.to, sent.message.clone()),
            _ => panic!("no node sent {id}"),
        }
    }

    pub(crate) fn deliver(&mut self, id: u64) -> &mut Self {
        let (from, node, message) = self.sending(id);
        let before =
            self.trace.events.iter().any(
                |event| matches!(event.what, EventKind::Deliver { id: other, .. } if other == id),
            );
        let copy = if before { CopyKind::Duplicate } else { CopyKind::Original };
        self.event(EventKind::deliver((from, node), id, message, copy))
    }

    pub(crate) fn lose(&mut self, id: u64, reason: &str) -> &mut Self {
        let (from, node, message) = self.sending(id);
        let provenance = Provenance::default();
        self.event(EventKind::Lose {
            node,
            from,
            id,
            message,
            reason: reason.to_owned(),
            provenance,
        })
    }

    pub(crate) fn fire(&mut self, node: &str, id: u64, timer: &str) -> &mut Self {
        self.event(EventKind::fire(address(node), id, timer.to_owned()))
    }

    pub(crate) fn crash(&mut self, node: &str) -> &mut Self {
        self.event(EventKind::crash(address(node)))
    }

    pub(crate) fn network(&mut self, change: &str) -> &mut Self {
        self.event(EventKind::Network { change: change.to_owned() })
    }

    pub(crate) fn state(&mut self, state: &str) -> &mut Self {
        self.last().state = Some(state.to_owned());
        self
    }

    pub(crate) fn send_as(&mut self, to: &str, message: &str, fate: Fate) -> &mut Self {
        let id = self.next_id;
        self.next_id += 1;
        let sent = SentMessage::new(id, address(to), message.to_owned(), fate);
        self.last().sent.push(sent);
        self
    }

    pub(crate) fn send(&mut self, to: &str, message: &str) -> &mut Self {
        let fate = if self.now_ns.is_some() { Fate::Once } else { Fate::Open };
        self.send_as(to, message, fate)
    }

    pub(crate) fn timer(&mut self, timer: &str, ms: u64) -> &mut Self {
        let id = self.next_timer;
        self.next_timer += 1;
        let ns = ms * 1_000_000;
        self.last().timers.push(SetTimer { id, timer: timer.to_owned(), min_ns: ns, max_ns: ns });
        self
    }

    pub(crate) fn log(&mut self, line: &str) -> &mut Self {
        self.last().logged.push(line.to_owned());
        self
    }

    pub(crate) fn print(&mut self, text: &str) -> &mut Self {
        self.last().printed.push_str(text);
        self
    }

    pub(crate) fn panics(&mut self, message: &str, location: &str) -> &mut Self {
        self.last().failure = Some(NodeFailure::Panicked {
            message: message.to_owned(),
            location: Some(location.to_owned()),
        });
        self
    }

    pub(crate) fn violated(&mut self, property: &str, expected: &str, seen: &str) -> Trace {
        self.end(Ending::Violated(Violation {
            property: property.to_owned(),
            expected: expected.to_owned(),
            seen: seen.to_owned(),
            about: None,
        }))
    }

    /// A violation about one operation.
    pub(crate) fn wrong_result(
        &mut self,
        (client, index): (&str, usize),
        property: &str,
        expected: &str,
        seen: &str,
    ) -> Trace {
        self.end(Ending::Violated(Violation {
            property: property.to_owned(),
            expected: expected.to_owned(),
            seen: seen.to_owned(),
            about: Some(Box::new(Subject::operation(address(client), index))),
        }))
    }

    pub(crate) fn end(&mut self, ending: Ending) -> Trace {
        self.trace.ending = Some(ending);
        self.trace.clone()
    }

    pub(crate) fn cut_off(&self) -> Trace {
        self.trace.clone()
    }
}

fn client(number: u32, pending: &str) -> String {
    let pending = match pending {
        "" => "None".to_owned(),
        command => format!("Some(\n        {command},\n    )"),
    };
    format!(
        "SimpleClient {{\n    server: server1,\n    number: {number},\n    pending: {pending},\n}}"
    )
}

fn server(data: &str, last: &str) -> String {
    let map = |entries: &str| match entries {
        "" => "{}".to_owned(),
        entry => format!("{{\n            {entry},\n        }}"),
    };
    format!(
        "SimpleServer {{\n    app: AtMostOnce {{\n        data: {},\n        last: {},\n    }},\n}}",
        map(data),
        map(last)
    )
}

fn request(number: u32, command: &str) -> String {
    format!("Request {{ number: {number}, command: {command} }}")
}

fn reply(number: u32, result: &str) -> String {
    format!("Reply {{ number: {number}, result: {result} }}")
}

/// A request is lost and sent again; a copy of it arrives after the client has moved on, and is
/// executed.
pub(crate) fn late_duplicate() -> Trace {
    let mut trace = Builder::new(
        Engine::Simulate,
        "One client appends over an unreliable network",
        &["client1", "server1"],
    );
    let (a, b) = ("Append(\"x\", \"a\")", "Append(\"x\", \"b\")");
    trace.start("client1", "client", &client(0, ""));
    trace.start("server1", "server", &server("", ""));
    trace.call("client1", a).state(&client(1, a));
    trace.send_as("server1", &request(1, a), Fate::Dropped).timer("Retry { number: 1 }", 100);
    trace.at(100_000).fire("client1", 1, "Retry { number: 1 }");
    trace.send_as("server1", &request(1, a), Fate::Twice).timer("Retry { number: 1 }", 100);
    trace.at(112_417).deliver(2).state(&server("\"x\": \"a\"", "client1: 1"));
    trace.log("executing Append(\"x\", \"a\") for client1");
    trace.send("client1", &reply(1, "AppendResult(\"a\")"));
    trace.at(121_060).deliver(3).state(&client(1, ""));
    trace.at(121_060).returns("client1", "AppendResult(\"a\")");
    trace.at(121_060).call("client1", b).state(&client(2, b));
    trace.send("server1", &request(2, b)).timer("Retry { number: 2 }", 100);
    trace.at(130_201).deliver(4).state(&server("\"x\": \"ab\"", "client1: 2"));
    trace.log("executing Append(\"x\", \"b\") for client1");
    trace.send_as("client1", &reply(2, "AppendResult(\"ab\")"), Fate::Dropped);
    trace.at(200_000).fire("client1", 2, "Retry { number: 1 }");
    trace.at(214_900).deliver(2).state(&server("\"x\": \"aba\"", "client1: 1"));
    trace.log("executing Append(\"x\", \"a\") for client1");
    trace.send_as("client1", &reply(1, "AppendResult(\"aba\")"), Fate::Dropped);
    trace.at(221_060).fire("client1", 3, "Retry { number: 2 }");
    trace.send("server1", &request(2, b)).timer("Retry { number: 2 }", 100);
    trace.at(229_514).deliver(7).state(&server("\"x\": \"abab\"", "client1: 2"));
    trace.log("executing Append(\"x\", \"b\") for client1");
    trace.send("client1", &reply(2, "AppendResult(\"abab\")"));
    trace.at(238_002).deliver(8).state(&client(2, ""));
    trace.at(238_002).returns("client1", "AppendResult(\"abab\")");
    trace.wrong_result(
        ("client1", 1),
        "results are right",
        "client1's command 2, Append(\"x\", \"b\"), to return AppendResult(\"ab\")",
        "it returned AppendResult(\"abab\")",
    )
}

/// A primary is partitioned away and continues alone, and the partition heals.
pub(crate) fn partition() -> Trace {
    let nodes = ["client1", "client2", "primary", "backup"];
    let mut trace = Builder::new(Engine::Simulate, "A partition heals", &nodes);
    for (node, kind) in nodes.into_iter().zip(["client", "client", "server", "server"]) {
        trace.start(node, kind, &format!("{} {{ view: 1 }}", kind));
    }
    trace.at(10_000).network("partition: {client1, primary} from {client2, backup}");
    trace.at(11_000).call("client1", "Put(\"k\", \"1\")").send("primary", "Put(\"k\", \"1\")");
    trace.at(13_500).deliver(1);
    trace.send_as("backup", "Forward { put: (\"k\", \"1\") }", Fate::Cut);
    trace.send("client1", "Done");
    trace.at(20_000).call("client2", "Get(\"k\")").send("backup", "Get(\"k\")");
    trace.at(21_000).deliver(3).returns("client1", "Ok");
    trace
        .at(24_000)
        .deliver(4)
        .send_as("primary", "Ask", Fate::Once)
        .send("client2", "Value(None)");
    trace.at(25_000).lose(5, "the link is cut");
    trace.at(30_000).network("healed");
    trace.at(31_000).deliver(6);
    trace.at(31_000).returns("client2", "Value(None)");
    trace.violated(
        "every history is linearizable",
        "Get(\"k\") of client2 to return Some(\"1\"), as client1's Put had returned before",
        "it returned None",
    )
}

/// A coordinator crashes between two messages of a broadcast.
pub(crate) fn crash() -> Trace {
    let mut trace =
        Builder::new(Engine::Search, "Nobody decides alone", &["leader", "node1", "node2"]);
    trace.start("leader", "node", "Node {\n    role: Leader,\n    decided: None,\n}");
    trace.start("node1", "node", "Node {\n    role: Follower,\n    decided: None,\n}");
    trace.start("node2", "node", "Node {\n    role: Follower,\n    decided: None,\n}");
    trace.call("leader", "Propose(7)");
    trace.send("node1", "Decide(7)").send("node2", "Decide(7)").send("leader", "Decide(7)");
    trace.timer("Heartbeat", 50);
    trace.deliver(3).state("Node {\n    role: Leader,\n    decided: Some(\n        7,\n    ),\n}");
    trace
        .deliver(1)
        .state("Node {\n    role: Follower,\n    decided: Some(\n        7,\n    ),\n}");
    trace.fire("leader", 1, "Heartbeat").timer("Heartbeat", 50);
    trace.crash("leader");
    trace.violated(
        "all or none decide",
        "node2 to have decided 7 like node1",
        "node2 has decided nothing, and nobody is left who would tell it",
    )
}

/// A handler panics.
pub(crate) fn panic() -> Trace {
    let mut trace = Builder::new(Engine::Simulate, "A missing key", &["client1", "server1"]);
    trace.start("client1", "client", &client(0, "")).start("server1", "server", &server("", ""));
    trace.call("client1", "Get(\"nothing\")").send("server1", &request(1, "Get(\"nothing\")"));
    trace.at(8_000).deliver(1);
    trace.print("looking for \u{1b}[31mnothing\u{1b}[0m\nin 0 keys\t(none)\n");
    let message = "called `Option::unwrap()` on a `None` value";
    trace.panics(message, "src/server.rs:31:44");
    trace.end(Ending::Failed {
        reason: format!("server1 panicked: {message}, at src/server.rs:31:44"),
    })
}

/// Three hundred pings, then one pong too many.
pub(crate) fn long() -> Trace {
    let mut trace =
        Builder::new(Engine::Simulate, "Many pings", &["client1", "client2", "server1"]);
    trace.start("client1", "client", "Ping(0)");
    trace.start("client2", "client", "Ping(0)");
    trace.start("server1", "server", "Pong { served: 0 }");
    let mut late = 0;
    for number in 1..=150_u64 {
        let client = if number % 3 == 0 { "client2" } else { "client1" };
        let id = trace.next_id;
        let now = number * 10_000;
        trace.at(now).call(client, &format!("Ping({number})"));
        if number == 120 {
            late = id;
            trace.send_as("server1", &format!("Ping({number})"), Fate::Twice);
        } else {
            trace.send("server1", &format!("Ping({number})"));
        }
        trace.at(now + 3_000).deliver(id).state(&format!("Pong {{\n    served: {number},\n}}"));
        trace.send(client, &format!("Pong({number})"));
        trace.at(now + 6_000).deliver(id + 1).returns(client, &format!("Pong({number})"));
    }
    trace.at(1_520_000).deliver(late).state("Pong {\n    served: 151,\n}");
    trace.violated("pings are served once", "150 pings to be served", "server1 has served 151")
}

/// A ballot among more servers than there are columns.
pub(crate) fn crowd() -> Trace {
    let names: Vec<String> = (1..=12).map(|number| format!("server{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut trace = Builder::new(Engine::Search, "A crowd votes", &names);
    for name in &names {
        trace.start(name, "server", "Voter { promised: 0 }");
    }
    trace.fire("server1", 0, "Campaign");
    for name in &names[1..] {
        trace.send(name, "Prepare { ballot: (1, server1) }");
    }
    trace
        .deliver(1)
        .state("Voter { promised: 1 }")
        .send("server1", "Promise { ballot: (1, server1) }");
    trace.deliver(12);
    trace.deliver(1);
    trace.violated("a majority promises", "7 promises", "one was enough")
}

/// A run in which nodes send and print arbitrary text.
pub(crate) fn strange(nodes: usize, texts: &[String]) -> Trace {
    let names: Vec<String> = (0..nodes).map(|number| format!("node{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut trace = Builder::new(Engine::Search, &texts[0], &names);
    for (number, text) in texts.iter().enumerate() {
        let (node, other) = (names[number % nodes], names[(number * 7 + 1) % nodes]);
        trace.call(node, text).state(text).print(text).log(text).send(other, text).timer(text, 1);
        trace.deliver(number as u64 + 1).state(text).panics(text, text);
    }
    trace.violated(&texts[0], &texts[0], &texts[0])
}

/// Three clients share a server that executes duplicates. The wrong result is in the middle of a long run.
pub(crate) fn crowded() -> Trace {
    let names = ["client1", "client2", "client3", "server1"];
    let mut trace = Builder::new(Engine::Simulate, "Clients that share a key", &names);
    trace.start("server1", "server", "Server {\n    value: \"\",\n}");
    for name in &names[..3] {
        trace.start(name, "client", "Client {\n    pending: None,\n}");
    }
    let mut value = String::new();
    let mut late = 0;
    for round in 1..=20_u64 {
        for (turn, client) in names[..3].iter().enumerate() {
            let now = round * 30_000 + turn as u64 * 8_000;
            let added = format!("{}{round};", &client[6..]);
            let command = format!("Append {{ key: \"k\", value: \"{added}\" }}");
            let repeated = round == 9 && turn == 1;
            trace.at(now).call(client, &command);
            let id = trace.next_id;
            let fate = if repeated { Fate::Twice } else { Fate::Once };
            let request = format!("Request {{ number: {round}, command: {command} }}");
            trace.send_as("server1", &request, fate).timer("Retry", 100);
            trace.state(&format!("Client {{\n    pending: Some(\n        {round},\n    ),\n}}"));
            for copy in 0..if repeated { 2 } else { 1 } {
                value += &added;
                let state = format!("Server {{\n    value: \"{value}\",\n}}");
                trace.at(now + 3_000 + copy * 900).deliver(id).state(&state);
                let reply = format!("Reply {{ number: {round}, result: Appended(\"{value}\") }}");
                trace.send(client, &reply);
            }
            let reply = trace.next_id - 1;
            trace.at(now + 6_000).deliver(reply).state("Client {\n    pending: None,\n}");
            trace.returns(client, &format!("Appended(\"{value}\")"));
            if repeated {
                late = trace.trace.events.len() - 1;
            }
        }
    }
    let EventKind::Return { result, .. } = trace.trace.events[late].what.clone() else {
        panic!("the last event of a turn is a return")
    };
    trace.wrong_result(
        ("client2", 8),
        "every command takes effect exactly once",
        "results that some order of the commands explains",
        &format!("client2 got {result} for Append {{ key: \"k\", value: \"29;\" }}"),
    )
}
