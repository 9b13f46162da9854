//! Lab 2, with a queue at the primary: a request that comes while another one is under way is kept. A server that is
//! not the primary says nothing, so clients learn new views by their timer only.

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
