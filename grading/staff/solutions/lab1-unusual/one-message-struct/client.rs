//! The client. It asks until it is answered.

use faultlab::{Address, Client, Context, Node};
use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

use crate::messages::Message;
use crate::timers::{RETRY_AFTER, Timer};

/// A client's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum State {
    Idle,
    Waiting(KvCommand),
    Answered(KvResult),
}

/// A client of one server, with at most one pending command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvClient {
    server: Address,
    /// How many commands were started.
    sequence: u64,
    state: State,
}

impl KvClient {
    /// A client of the server at this address, without a command yet.
    pub fn new(server: Address) -> Self {
        Self { server, sequence: 0, state: State::Idle }
    }

    /// While there is no reply, sends the request and sets a timer to repeat it.
    fn ask(&self, ctx: &mut Context<Self>) {
        if let State::Waiting(command) = &self.state {
            let (sequence, command) = (self.sequence, Some(command.clone()));
            ctx.send(self.server, Message { sequence, command, result: None });
            ctx.set_timer(Timer::Retry { sequence }, RETRY_AFTER);
        }
    }
}

impl Client for KvClient {
    type Command = KvCommand;
    type Result = KvResult;

    fn send_command(&mut self, command: KvCommand, ctx: &mut Context<Self>) {
        self.sequence += 1;
        self.state = State::Waiting(command);
        self.ask(ctx);
    }

    fn result(&self) -> Option<KvResult> {
        match &self.state {
            State::Answered(result) => Some(result.clone()),
            State::Idle | State::Waiting(_) => None,
        }
    }
}

impl Node for KvClient {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        match message.result {
            Some(result) if message.sequence == self.sequence => {
                self.state = State::Answered(result)
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        if timer == (Timer::Retry { sequence: self.sequence }) {
            self.ask(ctx);
        }
    }
}
