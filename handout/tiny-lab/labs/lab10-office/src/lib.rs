//! Lab 10: an office with several desks. At each desk, lab 9 hands out the tickets.

use faultlab::hosting::{Kind, Submission};
use faultlab::{Address, Client, Context, Node};
use lab9::{Drawer, Server};
use lab9_api::Draw;
use lab10_api::Visit;
use serde::{Deserialize, Serialize};

/// A message of lab 9, and the desk that it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message(usize, lab9::Message);

/// A timer of lab 9, and the desk that it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timer(usize, lab9::Retry);

/// A ticket server for each desk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Office(Vec<Server>);

impl Node for Office {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, Message(desk, message): Message, ctx: &mut Context<Self>) {
        let Some(server) = self.0.get_mut(desk) else { return };
        ctx.forward(
            |message| Message(desk, message),
            |timer| Timer(desk, timer),
            |ctx: &mut Context<Server>| server.on_message(from, message, ctx),
        );
    }
}

/// A client of lab 9 for each desk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Visitor {
    drawers: Vec<Drawer>,
    /// Where the last ticket was drawn.
    at: usize,
}

impl Visitor {
    /// Lets the client of lab 9 at a desk act.
    fn at_desk(
        &mut self,
        desk: usize,
        ctx: &mut Context<Self>,
        act: impl FnOnce(&mut Drawer, &mut Context<Drawer>),
    ) {
        let Some(drawer) = self.drawers.get_mut(desk) else { return };
        ctx.forward(
            |message| Message(desk, message),
            |timer| Timer(desk, timer),
            |ctx| act(drawer, ctx),
        );
    }
}

impl Node for Visitor {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, Message(desk, message): Message, ctx: &mut Context<Self>) {
        self.at_desk(desk, ctx, |drawer, ctx| drawer.on_message(from, message, ctx));
    }

    fn on_timer(&mut self, Timer(desk, timer): Timer, ctx: &mut Context<Self>) {
        self.at_desk(desk, ctx, |drawer, ctx| drawer.on_timer(timer, ctx));
    }
}

impl Client for Visitor {
    type Command = Visit;
    type Result = u64;

    fn send_command(&mut self, Visit(desk): Visit, ctx: &mut Context<Self>) {
        self.at = desk;
        self.at_desk(desk, ctx, |drawer, ctx| drawer.send_command(Draw, ctx));
    }

    fn result(&self) -> Option<u64> {
        self.drawers.get(self.at)?.result()
    }
}

/// What this crate hands in.
pub fn submission() -> Submission {
    Submission::new()
        .with(Kind::node("office", |_, desks: usize| Office(vec![Server::default(); desks])))
        .with(Kind::client("client", |_address, (office, desks): (Address, usize)| Visitor {
            drawers: vec![Drawer::new(office); desks],
            at: 0,
        }))
}
