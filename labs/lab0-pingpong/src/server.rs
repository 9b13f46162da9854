//! The server: answers every ping.

use faultlab::{Address, Context, Node};
use lab0_api::Pong;
use serde::{Deserialize, Serialize};

use crate::{Message, Timer};

/// A stateless server: its answer depends on nothing but the message.
///
/// That is why a duplicated ping does no harm here. (Lab 1 is about servers for which it does.)
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PingServer;

impl Node for PingServer {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Ping(ping) => ctx.send(from, Message::Pong(Pong { text: ping.text })),
            // A server never receives a pong.
            Message::Pong(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use faultlab::Effect;
    use lab0_api::Ping;

    use super::*;

    #[test]
    fn a_ping_is_answered_to_its_sender() {
        let client = Address::new("client1");
        let ping = Message::Ping(Ping { text: "hello".to_owned() });

        let mut ctx = Context::new(Address::new("server"));
        PingServer.on_message(client, ping, &mut ctx);

        let pong = Message::Pong(Pong { text: "hello".to_owned() });
        assert_eq!(ctx.effects(), [Effect::Send { to: client, message: pong }]);
    }
}
