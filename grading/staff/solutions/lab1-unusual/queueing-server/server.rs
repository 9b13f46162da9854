//! The server. It executes what clients ask, each command once, and tells them what came out.

use faultlab::{Address, Application, Context, Node};
use lab1_vocabulary::KvCommand;
use serde::{Deserialize, Serialize};

use crate::at_most_once::{AmoCommand, AtMostOnce};
use crate::messages::Message;
use crate::store::KvStore;
use crate::timers::{QUEUE_FOR, Timer};

/// The server, with the store that it keeps.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvServer {
    store: AtMostOnce<KvStore>,
    /// What has arrived and was not executed yet. While there is something, a timer is set.
    queue: Vec<AmoCommand<KvCommand>>,
}

impl KvServer {
    /// A server that keeps this store.
    pub fn new(store: KvStore) -> Self {
        Self { store: AtMostOnce::new(store), queue: Vec::new() }
    }
}

impl Node for KvServer {
    type Message = Message;
    type Timer = Timer;

    fn on_message(
        &mut self,
        from: Address,
        message: Message,
        ctx: &mut Context<'_, Message, Timer>,
    ) {
        if let Message::Request { number, command } = message {
            if self.queue.is_empty() {
                ctx.set_timer(Timer::EmptyQueue, QUEUE_FOR);
            }
            let command = AmoCommand { client: from, number, command };
            if !self.queue.contains(&command) {
                self.queue.push(command);
            }
        }
    }

    fn on_timer(&mut self, _: Timer, ctx: &mut Context<'_, Message, Timer>) {
        for command in std::mem::take(&mut self.queue) {
            let (client, number) = (command.client, command.number);
            if let Some(result) = self.store.execute(command) {
                ctx.send(client, Message::Reply { number, result });
            }
        }
    }
}
