//! The server. It executes each command of its clients once, and replies with the results.

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
}

impl KvServer {
    /// A server that keeps this store.
    pub fn new(store: KvStore) -> Self {
        Self { store: AtMostOnce::new(store) }
    }
}

impl Node for KvServer {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        if let Message::Request { sequence, command } = message
            && let Some(result) =
                self.store.execute(AmoCommand { client: from, sequence, command: command.clone() })
        {
            ctx.send(from, Message::Reply { sequence, command, result });
        }
    }
}
