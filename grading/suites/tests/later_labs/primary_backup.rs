//! A stand-in for lab 2: a view server, servers with one key, and clients that append to it.

use std::collections::BTreeMap;
use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::{Address, Application, Client, Context, Node};
use serde::{Deserialize, Serialize};

/// A view: its number, and who serves in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct View {
    pub number: u64,
    pub primary: Option<Address>,
    pub backup: Option<Address>,
}

/// What is wrong with the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    None,
    /// The primary answers before the backup has the command.
    AnswersFirst,
    /// The backup says nothing when it has the command.
    SilentBackup,
    /// A new backup gets no state.
    ForgetsState,
}

/// The value of the key, and what each client was answered last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Store {
    value: String,
    last: BTreeMap<Address, (u64, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Append {
    client: Address,
    number: u64,
    text: String,
}

impl Store {
    fn apply(&mut self, append: &Append) -> String {
        let last = self.last.entry(append.client).or_default();
        if append.number > last.0 {
            self.value += &append.text;
            *last = (append.number, self.value.clone());
        }
        last.1.clone()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    Ping(u64),
    GetView,
    View(View),
    Request(Append),
    Reply(u64, String),
    Sync(u64, Store),
    Synced(u64),
    Forward(u64, Append),
    Forwarded(u64, Append),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tick;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct ViewServer {
    view: View,
    is_acked: bool,
    /// For each server, how many ticks it has not pinged.
    missed: BTreeMap<Address, u8>,
}

impl ViewServer {
    fn advance(&mut self) {
        let View { number, primary, backup } = self.view;
        let is_alive = |server: &Address| self.missed.get(server).is_some_and(|&missed| missed < 2);
        let mut idle = self.missed.keys().filter(|&server| is_alive(server)).copied();
        let idle = idle.find(|&server| Some(server) != primary && Some(server) != backup);
        let (primary_after, backup_after) =
            match (primary.filter(is_alive), backup.filter(is_alive)) {
                (Some(primary), Some(backup)) => (Some(primary), Some(backup)),
                (Some(primary), None) => (Some(primary), idle),
                (None, Some(backup)) => (Some(backup), idle),
                (None, None) => return,
            };
        if self.is_acked && (primary_after, backup_after) != (primary, backup) {
            self.is_acked = false;
            self.view = View { number: number + 1, primary: primary_after, backup: backup_after };
        }
    }
}

impl Node for ViewServer {
    type Message = Message;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(Tick, Duration::from_millis(100));
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        if let Message::Ping(number) = message {
            self.missed.insert(from, 0);
            if self.view.number == 0 {
                self.view = View { number: 1, primary: Some(from), backup: None };
            } else if self.view.primary == Some(from) && number == self.view.number {
                self.is_acked = true;
            }
            self.advance();
        }
        ctx.send(from, Message::View(self.view));
    }

    fn on_timer(&mut self, tick: Tick, ctx: &mut Context<Self>) {
        self.missed.values_mut().for_each(|missed| *missed = (*missed + 1).min(2));
        self.advance();
        ctx.set_timer(tick, Duration::from_millis(100));
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Server {
    fault: Fault,
    view: View,
    /// Whether it has the state of its view, and so has its backup.
    is_ready: bool,
    store: Store,
    pending: Option<Append>,
}

impl Server {
    fn ping(&self, ctx: &mut Context<Self>) {
        let number = if self.is_ready { self.view.number } else { 0 };
        ctx.send(view_server(), Message::Ping(number));
    }

    fn enter(&mut self, view: View, ctx: &mut Context<Self>) {
        (self.view, self.pending, self.is_ready) = (view, None, false);
        match view.backup {
            Some(backup) if view.primary == Some(ctx.address()) => {
                let store = match self.fault {
                    Fault::ForgetsState => Store::default(),
                    _ => self.store.clone(),
                };
                ctx.send(backup, Message::Sync(view.number, store));
            }
            None if view.primary == Some(ctx.address()) => {
                self.is_ready = true;
                self.ping(ctx);
            }
            _ => {}
        }
    }

    fn request(&mut self, append: Append, ctx: &mut Context<Self>) {
        let is_known =
            self.store.last.get(&append.client).is_some_and(|last| last.0 >= append.number);
        match self.view.backup {
            Some(backup) if !is_known => {
                if self.pending.is_none() {
                    self.pending = Some(append.clone());
                    ctx.send(backup, Message::Forward(self.view.number, append.clone()));
                    if self.fault == Fault::AnswersFirst {
                        self.answer(&append, ctx);
                    }
                }
            }
            _ => self.answer(&append, ctx),
        }
    }

    fn answer(&mut self, append: &Append, ctx: &mut Context<Self>) {
        let value = self.store.apply(append);
        ctx.send(append.client, Message::Reply(append.number, value));
    }
}

impl Node for Server {
    type Message = Message;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<Self>) {
        self.ping(ctx);
        ctx.set_timer(Tick, Duration::from_millis(25));
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        let me = Some(ctx.address());
        let (is_primary, is_backup) = (self.view.primary == me, self.view.backup == me);
        let is_now = |number: u64| number == self.view.number;
        match message {
            Message::View(view) if view.number > self.view.number => self.enter(view, ctx),
            Message::Sync(number, store) if is_backup && is_now(number) => {
                if !self.is_ready {
                    (self.store, self.is_ready) = (store, true);
                }
                ctx.send(from, Message::Synced(number));
            }
            Message::Synced(number) if is_primary && is_now(number) && !self.is_ready => {
                self.is_ready = true;
                self.ping(ctx);
            }
            Message::Request(append) if is_primary && self.is_ready => self.request(append, ctx),
            Message::Forward(number, append) if is_backup && self.is_ready && is_now(number) => {
                self.store.apply(&append);
                if self.fault != Fault::SilentBackup {
                    ctx.send(from, Message::Forwarded(number, append));
                }
            }
            Message::Forwarded(number, append)
                if is_primary && is_now(number) && self.pending.as_ref() == Some(&append) =>
            {
                self.pending = None;
                self.answer(&append, ctx);
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, tick: Tick, ctx: &mut Context<Self>) {
        self.ping(ctx);
        ctx.set_timer(tick, Duration::from_millis(25));
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Asking {
    number: u64,
    text: String,
    result: Option<String>,
}

impl Node for Asking {
    type Message = Message;
    type Timer = Tick;

    fn on_message(&mut self, _: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::View(View { primary: Some(primary), .. }) if self.result.is_none() => {
                let (client, number, text) = (ctx.address(), self.number, self.text.clone());
                ctx.send(primary, Message::Request(Append { client, number, text }));
            }
            Message::Reply(number, value) if number == self.number => {
                self.result.get_or_insert(value);
            }
            _ => {}
        }
    }
}

impl Client for Asking {
    type Command = String;
    type Result = String;

    fn send_command(&mut self, text: String, ctx: &mut Context<Self>) {
        *self = Self { number: self.number + 1, text, result: None };
        ctx.send(view_server(), Message::GetView);
    }

    fn result(&self) -> Option<String> {
        self.result.clone()
    }
}

/// One copy of the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OneCopy(String);

impl Application for OneCopy {
    type Command = String;
    type Result = String;

    fn execute(&mut self, text: String) -> String {
        self.0 += &text;
        self.0.clone()
    }
}

pub fn view_server() -> Address {
    Address::new("viewserver")
}

pub fn submission(fault: Fault) -> Submission {
    let server = move |_: Address, ()| Server {
        fault,
        view: View::default(),
        is_ready: false,
        store: Store::default(),
        pending: None,
    };
    Submission::new()
        .with(
            Kind::node("view-server", |_, ()| ViewServer::default())
                .observing(|server: &ViewServer, ()| server.view),
        )
        .with(
            Kind::node("server", server).observing(|server: &Server, ()| {
                if server.is_ready { server.view.number } else { 0 }
            }),
        )
        .with(Kind::client("client", |_, ()| Asking::default()))
}
