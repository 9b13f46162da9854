//! A correct solution of lab 1, built differently: the wrapper keeps one entry for each client in a list,
//! the client that was served last in front.

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

/// How the tests use the wrapper.
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
