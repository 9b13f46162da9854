//! Part 2: the client. It asks the primary until it is answered.

use faultlab::{Address, Client, Context, Node};
use lab1_api::{KvCommand, KvResult};
use lab2_api::{View, ViewMessage};
use serde::{Deserialize, Serialize};

use crate::messages::Message;
use crate::timers::{RETRY_AFTER, Retry};

/// A client of whichever server is the primary, with at most one pending command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PbClient {
    view_server: Address,
    /// The newest view that it knows.
    view: View,
    /// The sequence number of the last command.
    sequence: u64,
    /// The last command, until it has its result.
    command: Option<KvCommand>,
    /// The result of the last command.
    result: Option<KvResult>,
}

impl PbClient {
    /// A client without a command yet.
    pub fn new(view_server: Address) -> Self {
        Self { view_server, view: View::default(), sequence: 0, command: None, result: None }
    }

    /// Sends a request for the pending command to the primary, if there is one and it is known.
    fn ask(&self, ctx: &mut Context<Self>) {
        if let (Some(command), Some(primary)) = (self.command.clone(), self.view.primary) {
            ctx.send(primary, Message::Request { sequence: self.sequence, command });
        }
    }

    fn ask_for_view(&self, ctx: &mut Context<Self>) {
        ctx.send(self.view_server, ViewMessage::GetView.into());
    }

    fn set_timer(&self, ctx: &mut Context<Self>) {
        ctx.set_timer(Retry { sequence: self.sequence }, RETRY_AFTER);
    }
}

impl Client for PbClient {
    type Command = KvCommand;
    type Result = KvResult;

    fn send_command(&mut self, command: KvCommand, ctx: &mut Context<Self>) {
        self.sequence += 1;
        self.command = Some(command);
        self.result = None;
        if self.view.primary.is_none() {
            self.ask_for_view(ctx);
        }
        self.ask(ctx);
        self.set_timer(ctx);
    }

    fn result(&self) -> Option<KvResult> {
        self.result.clone()
    }
}

impl Node for PbClient {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, _: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::View(ViewMessage::Current(view)) if view.number > self.view.number => {
                self.view = view;
                self.ask(ctx);
            }
            Message::Reply { sequence, result } if sequence == self.sequence => {
                self.command = None;
                self.result = Some(result);
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, Retry { sequence }: Retry, ctx: &mut Context<Self>) {
        if sequence == self.sequence && self.command.is_some() {
            self.ask_for_view(ctx);
            self.ask(ctx);
            self.set_timer(ctx);
        }
    }
}
