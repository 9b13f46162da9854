//! Nodes that stand in for servers, so that a view server can be tested before there are any.

use std::marker::PhantomData;
use std::time::Duration;

use faultlab::{Address, Client, Context, Node};
use serde::{Deserialize, Serialize};

use crate::{LabMessage, View, ViewMessage};

/// How often a [`Pinger`] pings.
const PING_EVERY: Duration = Duration::from_millis(25);

/// The command of a [`ScriptedPinger`]: ping once. The result is a view that the view server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PingWith {
    /// With the number 0, as a server that has no state yet.
    Zero,
    /// With the number of the newest view that it has been sent.
    Known,
}

/// Pings once a command, and never again by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct ScriptedPinger<M> {
    view_server: Address,
    known: u64,
    shown: Option<View>,
    message: PhantomData<fn() -> M>,
}

impl<M> ScriptedPinger<M> {
    /// Pings this view server.
    #[must_use]
    pub fn new(view_server: Address) -> Self {
        Self { view_server, known: 0, shown: None, message: PhantomData }
    }
}

impl<M: LabMessage> Node for ScriptedPinger<M> {
    type Message = M;
    type Timer = ();

    fn on_message(&mut self, _: Address, message: M, _: &mut Context<Self>) {
        if let Some(ViewMessage::Current(view)) = message.view_message() {
            self.known = self.known.max(view.number);
            self.shown.get_or_insert(*view);
        }
    }
}

impl<M: LabMessage> Client for ScriptedPinger<M> {
    type Command = PingWith;
    type Result = View;

    fn send_command(&mut self, with: PingWith, ctx: &mut Context<Self>) {
        self.shown = None;
        let number = match with {
            PingWith::Zero => 0,
            PingWith::Known => self.known,
        };
        ctx.send(self.view_server, ViewMessage::Ping { number }.into());
    }

    fn result(&self) -> Option<View> {
        self.shown
    }
}

/// Pings for ever, with the number of the newest view that it has been sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Pinger<M> {
    view_server: Address,
    view: View,
    message: PhantomData<fn() -> M>,
}

impl<M> Pinger<M> {
    /// Pings this view server.
    #[must_use]
    pub fn new(view_server: Address) -> Self {
        Self { view_server, view: View::default(), message: PhantomData }
    }

    /// The newest view that it has been sent.
    #[must_use]
    pub fn view(&self) -> View {
        self.view
    }
}

impl<M: LabMessage> Node for Pinger<M> {
    type Message = M;
    type Timer = ();

    fn init(&mut self, ctx: &mut Context<Self>) {
        self.on_timer((), ctx);
    }

    fn on_message(&mut self, _: Address, message: M, _: &mut Context<Self>) {
        if let Some(ViewMessage::Current(view)) = message.view_message()
            && view.number > self.view.number
        {
            self.view = *view;
        }
    }

    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        ctx.send(self.view_server, ViewMessage::Ping { number: self.view.number }.into());
        ctx.set_timer((), PING_EVERY);
    }
}
