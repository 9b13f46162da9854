//! Lab 0: ping-pong, the smallest distributed system with failures to survive.
//!
//! A client sends a *ping* to a server, and the server answers with a *pong*. The network between
//! them may lose a message, deliver it twice, or deliver it so late that the client no longer waits
//! for it. There is nothing to fill in. Read the files in this order, then run the tests.
//!
//! 1. `messages.rs`: the messages between the two nodes.
//! 2. `server.rs`: a node that reacts to messages.
//! 3. `timers.rs`: the timers that a node can set.
//! 4. `client.rs`: a node that also reacts to timers, and that takes commands.
//!
//! ```text
//!   client                    server
//!     |  Ping "hello"           |
//!     |-----------------x       |   lost
//!     |                         |
//!    [Retry]                    |   the client's timer runs out: it asks again
//!     |  Ping "hello"           |
//!     |------------------------>|
//!     |           Pong "hello"  |
//!     |<------------------------|
//! ```

pub mod client;
pub mod messages;
pub mod server;
pub mod timers;

use faultlab::Address;
use lab0_api::Lab0;

pub use client::PingClient;
pub use messages::Message;
pub use server::PingServer;
pub use timers::Timer;

/// The entry point for the tests: they construct their nodes through it.
pub struct Lab;

impl Lab0 for Lab {
    type Server = PingServer;
    type Client = PingClient;

    fn server() -> PingServer {
        PingServer
    }

    fn client(server: Address) -> PingClient {
        PingClient::new(server)
    }
}
