//! Part 2: the client. It asks until it is answered.

use faultlab::{Address, Client, Context, Node};
use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

use crate::messages::Message;
use crate::timers::{RETRY_AFTER, Timer};

/// A client of one server, with at most one pending command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvClient {
    server: Address,
    // Part 2: the pending command, its sequence number, its result.
}

impl KvClient {
    /// A client of the server at this address, without a command yet.
    pub fn new(server: Address) -> Self {
        Self { server }
    }
}

impl Client for KvClient {
    type Command = KvCommand;
    type Result = KvResult;

    /// Starts a command; the previous one has been answered.
    fn send_command(&mut self, command: KvCommand, ctx: &mut Context<Self>) {
        todo!("part 2: remember the command, send a request, set a timer")
    }

    /// The result of the last command, once known. It has no side effects.
    fn result(&self) -> Option<KvResult> {
        todo!("part 2: the result of the last command, or `None` while it is pending")
    }
}

impl Node for KvClient {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        todo!("part 2: is it the reply to the pending command? then that command has its result")
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        todo!("part 2: if that command still has no result, retransmit its request")
    }
}
