//! The client. It asks until it is answered.

use faultlab::{Address, Client, Context, Node};
use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

use crate::messages::Message;
use crate::timers::{RETRY_AFTER, Timer};

/// A client of one server, with at most one pending command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvClient {
    server: Address,
    /// The sequence number of the last command.
    sequence: u64,
    /// The last command, until it has its result.
    command: Option<KvCommand>,
    /// The result of the last command.
    result: Option<KvResult>,
}

impl KvClient {
    /// A client of the server at this address, without a command yet.
    pub fn new(server: Address) -> Self {
        Self { server, sequence: 0, command: None, result: None }
    }

    /// Sends a request for the pending command, if there is one, and sets a timer to repeat it.
    fn ask(&self, ctx: &mut Context<Self>) {
        if let Some(command) = self.command.clone() {
            ctx.send(self.server, Message::Request { sequence: self.sequence, command });
            ctx.set_timer(Timer::Retry { sequence: self.sequence }, RETRY_AFTER);
        }
    }
}

impl Client for KvClient {
    type Command = KvCommand;
    type Result = KvResult;

    fn send_command(&mut self, command: KvCommand, ctx: &mut Context<Self>) {
        self.sequence += 1;
        self.command = Some(command);
        self.result = None;
        self.ask(ctx);
    }

    fn result(&self) -> Option<KvResult> {
        self.result.clone()
    }
}

impl Node for KvClient {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        if let Message::Reply { sequence, result } = message
            && sequence == self.sequence
        {
            self.command = None;
            self.result = Some(result);
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        let Timer::Retry { sequence } = timer;
        if sequence == self.sequence {
            self.ask(ctx);
        }
    }
}
