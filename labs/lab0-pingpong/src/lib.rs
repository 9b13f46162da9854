//! Lab 0: ping-pong, the smallest distributed system that has to survive something.
//!
//! A client sends a *ping* to a server, and the server answers with a *pong*. Between them is a
//! network that may lose a message, deliver it twice, or deliver it so late that nobody waits for it
//! any more. There is nothing to fill in: read the files in this order, then run the tests.
//!
//! 1. `messages.rs`: what the two nodes say to each other.
//! 2. `server.rs`: a node that reacts to messages.
//! 3. `timers.rs`: what a node can be reminded of.
//! 4. `client.rs`: a node that also reacts to timers, and that can be asked to do something.
//!
//! ```text
//!   client                    server
//!     |  Ping "hello"           |
//!     |-----------------x       |   lost
//!     |                         |
//!    [RetryTimer]               |   the client's timer runs out: it asks again
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
use lab0_vocabulary::Lab0;

pub use client::PingClient;
pub use messages::Message;
pub use server::PingServer;
pub use timers::Timer;

/// What this crate hands in: the tests make their nodes through it.
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
