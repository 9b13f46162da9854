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
    // Part 2: the pending command, its sequence number, its result, as in lab 1.
}

impl PbClient {
    /// A client that knows no view, and has no command yet.
    pub fn new(view_server: Address) -> Self {
        Self { view_server, view: View::default() }
    }
}

impl Client for PbClient {
    type Command = KvCommand;
    type Result = KvResult;

    fn send_command(&mut self, command: KvCommand, ctx: &mut Context<Self>) {
        todo!(
            "part 2: remember the command; ask the primary, or first the view server who that is; set a timer"
        )
    }

    fn result(&self) -> Option<KvResult> {
        todo!("part 2: the result of the last command, or `None` as long as there is none")
    }
}

impl Node for PbClient {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        todo!("part 2: a newer view, or the reply to the pending command")
    }

    fn on_timer(&mut self, timer: Retry, ctx: &mut Context<Self>) {
        todo!("part 2: if that command still has no result, ask again; may the view have changed?")
    }
}
