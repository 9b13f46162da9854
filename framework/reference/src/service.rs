//! Random services with faults: a register that clients read, write and append to, on one or two servers.

mod case;
mod store;

pub use case::Service;
pub use store::{Store, step};

use std::collections::BTreeMap;
use std::time::Duration;

use faultlab::{Address, Application, Client, Context, Node};
use serde::{Deserialize, Serialize};

use crate::world::Plain;

/// The fault of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fault {
    /// None.
    None,
    /// The server executes a request each time it arrives.
    ExecutesAgain,
    /// The server answers an already executed request with its last answer to any client.
    AnswersWithTheLast,
    /// The server answers every third request without keeping its effect.
    Forgets,
    /// The server answers reads with the value before the last change.
    ReadsThePast,
    /// Reads go to a second server, which receives changes only after they were answered.
    ReadsACopy,
    /// The client accepts any answer.
    TakesAnyAnswer,
    /// The client answers a read immediately with the last value it received.
    RemembersReads,
    /// The server treats requests of two clients with the same number as one.
    MixesUpClients,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::ExecutesAgain,
        Self::AnswersWithTheLast,
        Self::Forgets,
        Self::ReadsThePast,
        Self::ReadsACopy,
        Self::TakesAnyAnswer,
        Self::RemembersReads,
        Self::MixesUpClients,
    ];
}

/// A node of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// A server, which stores the value.
    Server(Server),
    /// A client.
    Asker(Asker),
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Server {
    fault: Fault,
    other: Option<Address>,
    value: u64,
    before: u64,
    executed: u64,
    last_answer: u64,
    /// The number and the answer of each client's last request.
    answers: BTreeMap<Address, (u64, u64)>,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asker {
    fault: Fault,
    servers: [Address; 2],
    /// Whether it retransmits if there is no answer.
    retries: bool,
    number: u64,
    command: u64,
    told: Option<u64>,
    result: Option<u64>,
}

/// The constructor arguments of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Made {
    /// A server, with the server to which it forwards changes.
    Server(Fault, Option<Address>),
    /// A client, with the servers for changes and for reads.
    Asker(Fault, [Address; 2], bool),
}

impl Role {
    /// A node that has not started.
    #[must_use]
    pub fn new(made: Made) -> Self {
        match made {
            Made::Server(fault, other) => Self::Server(Server {
                fault,
                other,
                value: 0,
                before: 0,
                executed: 0,
                last_answer: 0,
                answers: BTreeMap::new(),
            }),
            Made::Asker(fault, servers, retries) => Self::Asker(Asker {
                fault,
                servers,
                retries,
                number: 0,
                command: 0,
                told: None,
                result: None,
            }),
        }
    }
}

/// The content of a message, which is sent as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Ask { number: u64, command: u64 },
    Answer { number: u64, value: u64 },
    Changed(u64),
}

impl Message {
    fn packed(self) -> u64 {
        let (kind, number, value) = match self {
            Self::Ask { number, command } => (0, number, command),
            Self::Answer { number, value } => (1, number, value),
            Self::Changed(value) => (2, 0, value),
        };
        kind << 62 | number << 48 | value & 0xffff_ffff_ffff
    }

    fn unpacked(packed: u64) -> Self {
        let (number, value) = (packed >> 48 & 0x3fff, packed & 0xffff_ffff_ffff);
        match packed >> 62 {
            0 => Self::Ask { number, command: value },
            1 => Self::Answer { number, value },
            _ => Self::Changed(value),
        }
    }
}

impl Server {
    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Role>) {
        match message {
            Message::Ask { number, command } => {
                let value = self.answer(from, number, command, ctx);
                self.last_answer = value;
                ctx.send(from, Message::Answer { number, value }.packed());
            }
            Message::Changed(value) => self.value = value,
            Message::Answer { .. } => {}
        }
    }

    fn answer(
        &mut self,
        client: Address,
        number: u64,
        command: u64,
        ctx: &mut Context<Role>,
    ) -> u64 {
        let client =
            if self.fault == Fault::MixesUpClients { Address::new("anybody") } else { client };
        if let Some(&(last, answer)) = self.answers.get(&client)
            && number <= last
            && self.fault != Fault::ExecutesAgain
        {
            return if self.fault == Fault::AnswersWithTheLast { self.last_answer } else { answer };
        }
        let mut store = Store(self.value);
        let mut answer = store.execute(command);
        self.executed = (self.executed + 1) % 3;
        if store.0 == self.value {
            if self.fault == Fault::ReadsThePast {
                answer = self.before;
            }
        } else if self.fault != Fault::Forgets || self.executed != 0 {
            self.before = self.value;
            self.value = store.0;
            ctx.broadcast(self.other, Message::Changed(self.value).packed());
        }
        self.answers.insert(client, (number, answer));
        answer
    }
}

impl Asker {
    fn ask(&self, ctx: &mut Context<Role>) {
        let server = self.servers[usize::from(self.command == store::READ)];
        ctx.send(server, Message::Ask { number: self.number, command: self.command }.packed());
        if self.retries {
            ctx.set_timer(self.number, Duration::from_millis(50));
        }
    }
}

impl Node for Role {
    type Message = u64;
    type Timer = u64;

    fn on_message(&mut self, from: Address, message: u64, ctx: &mut Context<Self>) {
        match (self, Message::unpacked(message)) {
            (Self::Server(server), message) => server.on_message(from, message, ctx),
            (Self::Asker(asker), Message::Answer { number, value }) => {
                let is_wanted = number == asker.number || asker.fault == Fault::TakesAnyAnswer;
                if is_wanted && asker.result.is_none() {
                    asker.result = Some(value);
                    asker.told = Some(value);
                }
            }
            (Self::Asker(_), _) => {}
        }
    }

    fn on_timer(&mut self, timer: u64, ctx: &mut Context<Self>) {
        if let Self::Asker(asker) = self
            && asker.result.is_none()
            && asker.number == timer
        {
            asker.ask(ctx);
        }
    }
}

impl Client for Role {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, command: u64, ctx: &mut Context<Self>) {
        let Self::Asker(asker) = self else { return };
        asker.number += 1;
        asker.command = command;
        asker.result = None;
        if asker.fault == Fault::RemembersReads && command == store::READ && asker.told.is_some() {
            asker.result = asker.told;
        } else {
            asker.ask(ctx);
        }
    }

    fn result(&self) -> Option<u64> {
        match self {
            Self::Server(_) => None,
            Self::Asker(asker) => asker.result,
        }
    }
}

impl Plain for Role {
    fn observed(&self) -> u64 {
        match self {
            Self::Server(server) => server.value,
            Self::Asker(asker) => asker.number,
        }
    }
}
