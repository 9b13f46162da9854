//! Parts 2 and 3: the server. It executes clients' commands and replies with the results.

use faultlab::{Address, Application, Context, Node};
use serde::{Deserialize, Serialize};

use crate::messages::Message;
use crate::store::KvStore;
use crate::timers::Timer;

/// The server, with its store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvServer {
    // Part 2: the store executes every request that arrives.
    // Part 3: make this an `AtMostOnce<KvStore>`, which executes each command only once.
    store: KvStore,
}

impl KvServer {
    /// A server that keeps this store.
    pub fn new(store: KvStore) -> Self {
        Self { store }
    }
}

impl Node for KvServer {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        todo!("part 2: execute the request's command and send the result to the client")
    }
}
