//! Lab 9: tickets. No two clients may ever get the same one; a number that nobody gets does no harm.

use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::{Address, Client, Context, Node};
use lab9_api::Draw;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    Draw,
    Ticket(u64),
}

/// Perhaps it is time to ask again, if this is still the last ticket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Retry(u64);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Server {
    given: u64,
}

impl Node for Server {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        if message == Message::Draw {
            self.given += 1;
            ctx.send(from, Message::Ticket(self.given));
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Drawer {
    server: Address,
    last: u64,
    waiting: bool,
}

impl Drawer {
    pub fn new(server: Address) -> Self {
        Self { server, last: 0, waiting: false }
    }
}

impl Node for Drawer {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        // The server counts upwards, so a ticket that is not above the last is a copy or comes late.
        if let Message::Ticket(number) = message
            && self.waiting
            && number > self.last
        {
            (self.last, self.waiting) = (number, false);
        }
    }

    fn on_timer(&mut self, Retry(last): Retry, ctx: &mut Context<Self>) {
        if self.waiting && last == self.last {
            self.send_command(Draw, ctx);
        }
    }
}

impl Client for Drawer {
    type Command = Draw;
    type Result = u64;

    fn send_command(&mut self, _: Draw, ctx: &mut Context<Self>) {
        self.waiting = true;
        ctx.send(self.server, Message::Draw);
        ctx.set_timer(Retry(self.last), Duration::from_millis(100));
    }

    fn result(&self) -> Option<u64> {
        (!self.waiting).then_some(self.last)
    }
}

/// What this crate hands in.
pub fn submission() -> Submission {
    Submission::new()
        .with(Kind::node("server", |_address, ()| Server::default()))
        .with(Kind::client("client", |_address, server: Address| Drawer::new(server)))
}
