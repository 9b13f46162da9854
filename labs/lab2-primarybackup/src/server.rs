//! Part 2: a server: the primary, the backup, or idle.

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
    store: Replica,
    // Part 2: is it ready to serve in this view? Which request waits for the backup?
}

impl PbServer {
    /// A server that knows no view.
    pub fn new(view_server: Address) -> Self {
        Self { view_server, view: View::default(), store: Replica::default() }
    }
}

impl Node for PbServer {
    type Message = Message;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<Self>) {
        todo!(
            "part 2: ping the view server, with a `ViewMessage::Ping`, and set the timer for the next ping"
        )
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        todo!(
            "part 2: a newer view begins, a client asks, or the other server of the view sends something"
        )
    }

    fn on_timer(&mut self, tick: Tick, ctx: &mut Context<Self>) {
        todo!("part 2: ping again; with which number? what else may have been lost?")
    }
}
