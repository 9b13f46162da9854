//! The server. It keeps a session for each client.

use std::collections::BTreeMap;

use faultlab::{Address, Application, Context, Node};
use serde::{Deserialize, Serialize};

use crate::messages::Message;
use crate::store::KvStore;
use crate::timers::Timer;

/// The server's session for one client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Session {
    newest: u64,
    reply: Message,
}

/// The server, with its store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvServer {
    store: KvStore,
    sessions: BTreeMap<Address, Session>,
}

impl KvServer {
    /// A server that keeps this store.
    pub fn new(store: KvStore) -> Self {
        Self { store, sessions: BTreeMap::new() }
    }
}

impl Node for KvServer {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        let Message::Request { sequence, command } = message else { return };
        if self.sessions.get(&from).is_none_or(|session| session.newest < sequence) {
            let reply = Message::Reply { sequence, result: self.store.execute(command) };
            self.sessions.insert(from, Session { newest: sequence, reply });
        }
        let session = &self.sessions[&from];
        if session.newest == sequence {
            ctx.send(from, session.reply.clone());
        }
    }
}
