//! A sketch of lab 3 on the hosting API, to show that it supports the later labs.
//!
//! A shard server owns a replicated log (a node inside a node, through `ctx.map`). The log executes
//! an application inside an at-most-once wrapper (a lab that builds on an earlier one). The test
//! queries the log of every replica (a query that the lab's API defines). The leader is fixed,
//! so this is a log and not yet Paxos.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use faultlab::hosting::{Kind, LocalHost, Submission};
use faultlab::property::{Property, clients_done, observe, results_ok, violated};
use faultlab::simulate::{Intervention, Network, Options, Scenario, Simulation};
use faultlab::workload::Workload;
use faultlab::{Address, Application, Client, Context, Node, NodeSpec};
use serde::{Deserialize, Serialize};

// The part of lab 1.

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

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Numbered<C> {
    client: Address,
    number: u64,
    command: C,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct AtMostOnce<A: Application> {
    application: A,
    last: BTreeMap<Address, (u64, A::Result)>,
}

impl<A: Application> Application for AtMostOnce<A> {
    type Command = Numbered<A::Command>;
    type Result = Option<(u64, A::Result)>;

    fn execute(&mut self, command: Self::Command) -> Self::Result {
        let last = self.last.get(&command.client).map_or(0, |(number, _)| *number);
        if command.number > last {
            let result = self.application.execute(command.command);
            self.last.insert(command.client, (command.number, result));
        }
        self.last.get(&command.client).cloned()
    }
}

// The part of lab 3: its API (queries about the log), and a replicated log.

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum LogQuestion {
    Slot(u64),
    Length,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum LogAnswer {
    Empty,
    Accepted(Numbered<u64>),
    Chosen(Numbered<u64>),
    Length(u64),
}

type Command = Numbered<u64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum LogMessage {
    Accept { slot: u64, command: Command },
    Accepted { slot: u64 },
    Chosen { slot: u64, command: Command },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Tick;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Log {
    replicas: Vec<Address>,
    accepted: BTreeMap<u64, Command>,
    chosen: BTreeMap<u64, Command>,
    votes: BTreeMap<u64, BTreeSet<Address>>,
    executed: u64,
}

impl Log {
    fn propose(&mut self, command: Command, ctx: &mut Context<Self>) {
        let known =
            self.accepted.values().chain(self.chosen.values()).any(|other| *other == command);
        if !known {
            let slot = 1 + self.accepted.len().max(self.chosen.len()) as u64;
            self.accepted.insert(slot, command.clone());
            self.votes.entry(slot).or_default().insert(ctx.address());
            ctx.broadcast(self.others(ctx.address()), LogMessage::Accept { slot, command });
        }
    }

    fn others(&self, me: Address) -> Vec<Address> {
        self.replicas.iter().copied().filter(|&replica| replica != me).collect()
    }

    /// The next chosen command that was not executed yet.
    fn next_chosen(&mut self) -> Option<Command> {
        let command = self.chosen.get(&(self.executed + 1)).cloned()?;
        self.executed += 1;
        Some(command)
    }

    fn answer(&self, question: &LogQuestion) -> LogAnswer {
        match question {
            LogQuestion::Length => LogAnswer::Length(self.chosen.len() as u64),
            LogQuestion::Slot(slot) => match (self.chosen.get(slot), self.accepted.get(slot)) {
                (Some(command), _) => LogAnswer::Chosen(command.clone()),
                (None, Some(command)) => LogAnswer::Accepted(command.clone()),
                (None, None) => LogAnswer::Empty,
            },
        }
    }
}

impl Node for Log {
    type Message = LogMessage;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(Tick, Duration::from_millis(20)..=Duration::from_millis(40));
    }

    fn on_message(&mut self, from: Address, message: LogMessage, ctx: &mut Context<Self>) {
        match message {
            LogMessage::Accept { slot, command } => {
                self.accepted.insert(slot, command);
                ctx.send(from, LogMessage::Accepted { slot });
            }
            LogMessage::Accepted { slot } => {
                let votes = self.votes.entry(slot).or_default();
                votes.insert(from);
                if votes.len() * 2 > self.replicas.len()
                    && let Some(command) = self.accepted.get(&slot).cloned()
                {
                    self.chosen.insert(slot, command.clone());
                    ctx.broadcast(self.others(ctx.address()), LogMessage::Chosen { slot, command });
                }
            }
            LogMessage::Chosen { slot, command } => {
                self.chosen.insert(slot, command);
            }
        }
    }

    fn on_timer(&mut self, tick: Tick, ctx: &mut Context<Self>) {
        for (&slot, command) in &self.accepted {
            let command = command.clone();
            let others = self.others(ctx.address());
            if self.votes.contains_key(&slot) {
                let chosen = self.chosen.contains_key(&slot);
                let message = if chosen {
                    LogMessage::Chosen { slot, command }
                } else {
                    LogMessage::Accept { slot, command }
                };
                ctx.broadcast(others, message);
            }
        }
        ctx.set_timer(tick, Duration::from_millis(20)..=Duration::from_millis(40));
    }
}

// The part of lab 4: a server that owns a log and forwards to it.

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Message {
    Request(Command),
    Reply { number: u64, result: u64 },
    Log(LogMessage),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Timer {
    Retry(u64),
    Log(Tick),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct ShardServer<A: Application> {
    log: Log,
    application: AtMostOnce<A>,
}

impl<A: Application<Command = u64, Result = u64>> ShardServer<A> {
    fn with_log(&mut self, ctx: &mut Context<Self>, act: impl FnOnce(&mut Log, &mut Context<Log>)) {
        ctx.forward::<Log, _>(Message::Log, Timer::Log, |ctx| act(&mut self.log, ctx));
        while let Some(command) = self.log.next_chosen() {
            let client = command.client;
            if let Some((number, result)) = self.application.execute(command) {
                ctx.send(client, Message::Reply { number, result });
            }
        }
    }
}

impl<A: Application<Command = u64, Result = u64>> Node for ShardServer<A> {
    type Message = Message;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Context<Self>) {
        self.with_log(ctx, Log::init);
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Request(command) => match self.application.last.get(&command.client) {
                Some(&(number, result)) if number >= command.number => {
                    ctx.send(from, Message::Reply { number, result });
                }
                _ => self.with_log(ctx, |log, ctx| log.propose(command, ctx)),
            },
            Message::Log(message) => {
                self.with_log(ctx, |log, ctx| log.on_message(from, message, ctx));
            }
            Message::Reply { .. } => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        if let Timer::Log(tick) = timer {
            self.with_log(ctx, |log, ctx| log.on_timer(tick, ctx));
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct ShardClient {
    leader: Address,
    number: u64,
    command: Option<Command>,
    result: Option<u64>,
}

impl ShardClient {
    fn ask(&self, ctx: &mut Context<Self>) {
        if let Some(command) = &self.command {
            ctx.send(self.leader, Message::Request(command.clone()));
            ctx.set_timer(Timer::Retry(self.number), Duration::from_millis(60));
        }
    }
}

impl Node for ShardClient {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _from: Address, message: Message, _ctx: &mut Context<Self>) {
        if let Message::Reply { number, result } = message
            && number == self.number
            && self.command.take().is_some()
        {
            self.result = Some(result);
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        if timer == Timer::Retry(self.number) {
            self.ask(ctx);
        }
    }
}

impl Client for ShardClient {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, amount: u64, ctx: &mut Context<Self>) {
        self.number += 1;
        self.result = None;
        self.command =
            Some(Numbered { client: ctx.address(), number: self.number, command: amount });
        self.ask(ctx);
    }

    fn result(&self) -> Option<u64> {
        self.result
    }
}

fn submission() -> Submission {
    Submission::new()
        .with(
            Kind::node("server", |_, replicas: Vec<Address>| ShardServer::<Sum> {
                log: Log {
                    replicas,
                    accepted: BTreeMap::new(),
                    chosen: BTreeMap::new(),
                    votes: BTreeMap::new(),
                    executed: 0,
                },
                application: AtMostOnce::default(),
            })
            .observing(|server: &ShardServer<Sum>, question: LogQuestion| {
                server.log.answer(&question)
            }),
        )
        .with(Kind::client("client", |_, leader: Address| ShardClient {
            leader,
            number: 0,
            command: None,
            result: None,
        }))
}

/// No two replicas disagree about a chosen slot, and every chosen slot below the longest log of a
/// majority is chosen.
fn logs_agree(replicas: Vec<Address>) -> Property {
    Property::new("all logs agree", move |view| {
        for slot in 1..=10 {
            let mut chosen: Option<(Address, Command)> = None;
            for &replica in &replicas {
                if view.is_crashed(replica) {
                    continue;
                }
                let answer = observe(view, replica, &LogQuestion::Slot(slot))?;
                if let LogAnswer::Chosen(command) = answer {
                    let (first, known) = chosen.get_or_insert((replica, command.clone()));
                    if *known != command {
                        return Err(violated(
                            format!("slot {slot} to hold {known:?} as on {first}"),
                            format!("{replica} holds {command:?}"),
                        ));
                    }
                }
            }
            if chosen.is_none() && slot <= 5 {
                return Err(violated(format!("slot {slot} to be chosen"), "no replica has it"));
            }
        }
        Ok(())
    })
}

#[test]
fn a_node_inside_a_node_can_be_queried() {
    let replicas: Vec<Address> = (1..=3).map(|n| Address::numbered("server", n)).collect();
    let leader = replicas[0];
    let work = Workload::<u64, u64>::of([1, 2, 3, 4, 5]).expecting([1, 3, 6, 10, 15]);
    let scenario = Scenario::new()
        .nodes(replicas.iter().map(|&replica| NodeSpec::node("server", replica, &replicas)))
        .node(NodeSpec::client("client", Address::new("client1"), &leader, work))
        .network(Network::unreliable())
        .when_answered(Address::new("client1"), 2, Intervention::Crash(replicas[2]))
        .until_done(Duration::from_secs(60))
        .observe_for(Duration::from_secs(2))
        .check(clients_done())
        .check(results_ok())
        .check(logs_agree(replicas.clone()));
    let submission = submission();
    for seed in 0..30 {
        let mut host = LocalHost::new(&submission);
        let outcome = Simulation::new(scenario.clone(), seed).run(&mut host, Options::default());
        assert!(outcome.verdict.held(), "seed {seed}: {outcome:?}");
    }
}
