//! The server. It executes each command of its clients once, and replies with the results.

use std::collections::BTreeMap;

use faultlab::{Address, Application, Context, Node};
use lab1_api::AmoCommand;
use serde::{Deserialize, Serialize};

use crate::at_most_once::AtMostOnce;
use crate::messages::Message;
use crate::store::KvStore;
use crate::timers::Timer;

/// The server, with its store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvServer {
    store: AtMostOnce<KvStore>,
    /// The last request of each client, and the reply.
    last: BTreeMap<Address, (Message, Message)>,
}

impl KvServer {
    /// A server that keeps this store.
    pub fn new(store: KvStore) -> Self {
        Self { store: AtMostOnce::new(store), last: BTreeMap::new() }
    }
}

impl Node for KvServer {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        if let Some((request, reply)) = self.last.get(&from)
            && *request == message
        {
            ctx.send(from, reply.clone());
            return;
        }
        if let Message::Request { sequence, command } = message.clone()
            && let Some(result) = self.store.execute(AmoCommand { client: from, sequence, command })
        {
            let reply = Message::Reply { sequence, result };
            self.last.insert(from, (message, reply.clone()));
            ctx.send(from, reply);
        }
    }
}
