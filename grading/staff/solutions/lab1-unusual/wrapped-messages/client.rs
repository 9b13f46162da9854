//! The client. It asks until it is answered.

use faultlab::{Address, Client, Context, Node};
use lab1_api::{AmoCommand, KvCommand, KvResult};
use serde::{Deserialize, Serialize};

use crate::messages::Message;
use crate::timers::{RETRY_AFTER, Timer};

/// A client of one server, with at most one pending command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvClient {
    server: Address,
    /// The last command, answered or not.
    asked: Option<AmoCommand<KvCommand>>,
    /// The result of the last command.
    result: Option<KvResult>,
}

impl KvClient {
    /// A client of the server at this address, without a command yet.
    pub fn new(server: Address) -> Self {
        Self { server, asked: None, result: None }
    }
}

impl Client for KvClient {
    type Command = KvCommand;
    type Result = KvResult;

    fn send_command(&mut self, command: KvCommand, ctx: &mut Context<Self>) {
        let sequence = self.asked.as_ref().map_or(1, |asked| asked.sequence + 1);
        let asked = AmoCommand { client: ctx.address(), sequence, command };
        self.asked = Some(asked.clone());
        self.result = None;
        ctx.send(self.server, Message::Request(asked));
        ctx.set_timer(Timer::Retry { sequence }, RETRY_AFTER);
    }

    fn result(&self) -> Option<KvResult> {
        self.result.clone()
    }
}

impl Node for KvClient {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        if let (Message::Reply(reply), Some(asked)) = (message, &self.asked)
            && reply.sequence == asked.sequence
        {
            self.result = Some(reply.result);
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        let Timer::Retry { sequence } = timer;
        if let Some(asked) = &self.asked
            && self.result.is_none()
            && sequence == asked.sequence
        {
            ctx.send(self.server, Message::Request(asked.clone()));
            ctx.set_timer(Timer::Retry { sequence }, RETRY_AFTER);
        }
    }
}
