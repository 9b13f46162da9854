//! Part 2: a server: the primary, the backup, or idle.

use std::collections::VecDeque;

use faultlab::{Address, Context, Node};
use lab1_api::{AmoCommand, KvCommand};
use lab2_api::{View, ViewMessage};
use serde::{Deserialize, Serialize};

use crate::messages::Message;
use crate::store::Replica;
use crate::timers::{PING_EVERY, Tick};

/// A server, with its copy of the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PbServer {
    view_server: Address,
    /// The newest view that it knows.
    view: View,
    /// The number of the newest view in which it could serve. A primary with a backup can serve once the backup has
    /// the state; a backup, once it has the state.
    ready: u64,
    store: Replica,
    /// The requests that the backup has not confirmed, each once. The first one is forwarded.
    pending: VecDeque<AmoCommand<KvCommand>>,
}

impl PbServer {
    /// A server that knows no view.
    pub fn new(view_server: Address) -> Self {
        let view = View::default();
        Self { view_server, view, ready: 0, store: Replica::default(), pending: VecDeque::new() }
    }

    fn is_ready(&self) -> bool {
        self.ready == self.view.number
    }

    /// Whether this server is the backup of the view with this number, and this other one its primary.
    fn is_backup_of(&self, primary: Address, view: u64, ctx: &Context<Self>) -> bool {
        view == self.view.number
            && self.view.primary == Some(primary)
            && self.view.backup == Some(ctx.address())
    }

    /// Whether this server is the primary of the view with this number, and this other one its backup.
    fn is_primary_of(&self, backup: Address, view: u64, ctx: &Context<Self>) -> bool {
        view == self.view.number
            && self.view.primary == Some(ctx.address())
            && self.view.backup == Some(backup)
    }

    fn ping(&self, ctx: &mut Context<Self>) {
        ctx.send(self.view_server, ViewMessage::Ping { number: self.ready }.into());
    }

    fn enter(&mut self, view: View, ctx: &mut Context<Self>) {
        self.view = view;
        self.pending.clear();
        if view.primary == Some(ctx.address()) {
            if view.backup.is_none() {
                self.ready = view.number;
                self.ping(ctx);
            }
            self.send_unconfirmed(ctx);
        }
    }

    /// The primary sends its backup what that has not confirmed: the state, or a request.
    fn send_unconfirmed(&self, ctx: &mut Context<Self>) {
        let View { number: view, primary, backup: Some(backup) } = self.view else { return };
        if primary != Some(ctx.address()) {
            return;
        }
        if !self.is_ready() {
            ctx.send(backup, Message::Transfer { view, store: self.store.clone() });
        } else if let Some(command) = self.pending.front().cloned() {
            ctx.send(backup, Message::Forward { view, command });
        }
    }

    fn request(&mut self, command: AmoCommand<KvCommand>, ctx: &mut Context<Self>) {
        if self.view.primary != Some(ctx.address()) {
            // Its client will ask the view server.
        } else if !self.is_ready() {
            // The client asks again.
        } else if self.view.backup.is_none() {
            self.answer(command, ctx);
        } else {
            let waits = |it: &AmoCommand<KvCommand>| {
                it.client == command.client && it.sequence >= command.sequence
            };
            if !self.pending.iter().any(waits) {
                self.pending.push_back(command);
            }
            if self.pending.len() == 1 {
                self.send_unconfirmed(ctx);
            }
        }
    }

    fn answer(&mut self, command: AmoCommand<KvCommand>, ctx: &mut Context<Self>) {
        let (client, sequence) = (command.client, command.sequence);
        if let Some(result) = self.store.execute(command) {
            ctx.send(client, Message::Reply { sequence, result });
        }
    }
}

impl Node for PbServer {
    type Message = Message;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<Self>) {
        self.on_timer(Tick, ctx);
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::View(ViewMessage::Current(view)) if view.number > self.view.number => {
                self.enter(view, ctx);
            }
            Message::Request { sequence, command } => {
                self.request(AmoCommand { client: from, sequence, command }, ctx);
            }
            Message::Transfer { view, store } if self.is_backup_of(from, view, ctx) => {
                // A late copy must not undo what was executed since.
                if !self.is_ready() {
                    self.store = store;
                    self.ready = view;
                }
                ctx.send(from, Message::Transferred { view });
            }
            Message::Transferred { view } if self.is_primary_of(from, view, ctx) => {
                if !self.is_ready() {
                    self.ready = view;
                    self.ping(ctx);
                }
            }
            Message::Forward { view, command }
                if self.is_backup_of(from, view, ctx) && self.is_ready() =>
            {
                self.store.execute(command.clone());
                ctx.send(from, Message::Forwarded { view, command });
            }
            Message::Forwarded { view, command }
                if self.is_primary_of(from, view, ctx)
                    && self.pending.front() == Some(&command) =>
            {
                self.pending.pop_front();
                self.answer(command, ctx);
                self.send_unconfirmed(ctx);
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, tick: Tick, ctx: &mut Context<Self>) {
        self.ping(ctx);
        self.send_unconfirmed(ctx);
        ctx.set_timer(tick, PING_EVERY);
    }
}
