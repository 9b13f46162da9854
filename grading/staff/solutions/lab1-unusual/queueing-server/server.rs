//! The server. It executes each command of its clients once, and replies with the results.

use std::collections::BTreeMap;

use faultlab::{Address, Application, Context, Node};
use lab1_api::{AmoCommand, KvCommand};
use serde::{Deserialize, Serialize};

use crate::at_most_once::AtMostOnce;
use crate::messages::Message;
use crate::store::KvStore;
use crate::timers::{Timer, WAIT_FOR_MORE};

/// The server, with its store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvServer {
    store: AtMostOnce<KvStore>,
    /// The newest request of each client, until it is executed. While there is one, a timer is set.
    waiting: BTreeMap<Address, (u64, KvCommand)>,
}

impl KvServer {
    /// A server that keeps this store.
    pub fn new(store: KvStore) -> Self {
        Self { store: AtMostOnce::new(store), waiting: BTreeMap::new() }
    }
}

impl Node for KvServer {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        let Message::Request { sequence, command } = message else { return };
        if self.waiting.is_empty() {
            ctx.set_timer(Timer::ServeAll, WAIT_FOR_MORE);
        }
        if self.waiting.get(&from).is_none_or(|(newest, _)| *newest < sequence) {
            self.waiting.insert(from, (sequence, command));
        }
    }

    fn on_timer(&mut self, _: Timer, ctx: &mut Context<Self>) {
        for (client, (sequence, command)) in std::mem::take(&mut self.waiting) {
            if let Some(result) = self.store.execute(AmoCommand { client, sequence, command }) {
                ctx.send(client, Message::Reply { sequence, result });
            }
        }
    }
}
