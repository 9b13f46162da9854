//! Lab 1: a key-value store that clients reach over a network that loses, duplicates and reorders
//! messages.
//!
//! First read `lab0-pingpong` and this lab's chapter of the book. Then fill in every `todo!`,
//! part by part:
//!
//! | part | what | where |
//! |---|---|---|
//! | 1 | the key-value store, a plain state machine | `store.rs` |
//! | 2 | *at-least-once* requests: ask again until answered | `messages.rs`, `timers.rs`, `client.rs`, `server.rs` |
//! | 3 | *exactly-once*: a command that arrives again is not executed again | `at_most_once.rs`, `server.rs` |
//!
//! ```text
//!      client                            server
//!   +-----------+   Request          +----------------------+
//!   | KvClient  | -----------------> | KvServer             |
//!   |  + timer  |                    |  +-----------------+ |
//!   |           | <----------------- |  | AtMostOnce      | |   part 3
//!   +-----------+             Reply  |  |  +-----------+  | |
//!                                    |  |  |  KvStore  |  | |   part 1
//!                                    |  |  +-----------+  | |
//!                                    |  +-----------------+ |
//!                                    +----------------------+
//! ```
//!
//! You may add files, fields, variants and functions. The tests see your code only through the
//! `impl Lab1 for Lab` below.

// While there are `todo!`s, some parameters and imports are unused. Delete this line once all are
// filled in.
#![allow(unused_imports, unused_variables)]

pub mod at_most_once;
pub mod client;
pub mod messages;
pub mod server;
pub mod store;
pub mod timers;

use faultlab::{Address, Application};
use lab1_api::{AmoCommand, AtMostOnceWrapper, Lab1};
use serde::de::DeserializeOwned;

use crate::at_most_once::AtMostOnce;
use crate::client::KvClient;
use crate::server::KvServer;
use crate::store::KvStore;

/// The entry point for the tests: they construct their nodes through it.
pub struct Lab;

impl Lab1 for Lab {
    type Store = KvStore;
    type Server = KvServer;
    type Client = KvClient;
    type AtMostOnce<A: Application + DeserializeOwned> = AtMostOnce<A>;

    fn store() -> KvStore {
        KvStore::default()
    }

    fn server() -> KvServer {
        KvServer::new(KvStore::default())
    }

    fn client(server: Address) -> KvClient {
        KvClient::new(server)
    }
}

/// How the tests use your wrapper. Change this only if you change the types of its commands or
/// results.
impl<A: Application> AtMostOnceWrapper<A> for AtMostOnce<A> {
    fn new(application: A) -> Self {
        AtMostOnce::new(application)
    }

    fn command(command: AmoCommand<A::Command>) -> AmoCommand<A::Command> {
        command
    }

    fn result(result: Option<A::Result>) -> Option<A::Result> {
        result
    }
}
