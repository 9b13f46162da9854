//! Lab 2: the key-value store of lab 1 survives the crash of a server. A *primary* answers clients, a *backup* has
//! everything that the primary has answered, and a *view service* says who is who.
//!
//! First read this lab's chapter in the handout. Then fill in every `todo!`, part by part:
//!
//! | part | what | where |
//! |---|---|---|
//! | 1 | the view service, a plain state machine | `views.rs` |
//! | 2 | primary and backup, and their clients | `messages.rs`, `server.rs`, `client.rs`, `timers.rs` |
//!
//! ```text
//!                       who serves?
//!      client  ------------------------------>  view server
//!        |  ^                                    +-----------+
//!        |  |                                    |  Views    |   part 1
//!        |  |                                    +-----------+
//! Request|  |Reply                    I am alive   ^  |  ^  | the view
//!        v  |                    +-----------------+  |  |  |
//!      primary  <----------------|--------------------+  |  v
//!     +-----------+              |        forward      backup
//!     |  Replica  |  --------------------------->    +-----------+
//!     +-----------+  <---------------------------    |  Replica  |   part 2
//!                              executed              +-----------+
//! ```
//!
//! You may add files, fields, variants and functions. The tests see your code only through the
//! `impl Lab2 for Lab` below.

// While there are `todo!`s, some parameters and imports are unused. Delete this line once all are
// filled in.
#![allow(unused_imports, unused_variables, dead_code)]

pub mod client;
pub mod messages;
pub mod server;
pub mod store;
pub mod timers;
pub mod view_server;
pub mod views;

use faultlab::Address;
use lab2_api::Lab2;

use crate::client::PbClient;
use crate::messages::Message;
use crate::server::PbServer;
use crate::view_server::ViewServer;
use crate::views::Views;

/// The entry point for the tests: they construct their nodes through it.
pub struct Lab;

impl Lab2 for Lab {
    type Message = Message;
    type ViewService = Views;
    type ViewServer = ViewServer;
    type Server = PbServer;
    type Client = PbClient;

    fn view_service() -> Views {
        Views::default()
    }

    fn view_server() -> ViewServer {
        ViewServer::default()
    }

    fn service(view_server: &ViewServer) -> &Views {
        view_server.views()
    }

    fn server(view_server: Address) -> PbServer {
        PbServer::new(view_server)
    }

    fn client(view_server: Address) -> PbClient {
        PbClient::new(view_server)
    }
}
