//! The client: asks until it is answered.

use faultlab::{Address, Client, Context, Node};
use lab0_api::{Ping, Pong};
use serde::{Deserialize, Serialize};

use crate::timers::RETRY_AFTER;
use crate::{Message, Timer};

/// A client of one server, with at most one pending ping.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PingClient {
    server: Address,
    /// The last ping that was requested.
    ping: Option<Ping>,
    /// The answer to it.
    pong: Option<Pong>,
}

impl PingClient {
    /// A client of the server at this address, without a ping yet.
    #[must_use]
    pub fn new(server: Address) -> Self {
        Self { server, ping: None, pong: None }
    }

    /// Sends a ping, and sets a timer in case it gets lost.
    fn send(&self, ping: Ping, ctx: &mut Context<Self>) {
        ctx.send(self.server, Message::Ping(ping.clone()));
        ctx.set_timer(Timer::Retry(ping), RETRY_AFTER);
    }
}

impl Node for PingClient {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        let (Message::Pong(pong), Some(ping)) = (message, &self.ping) else {
            return;
        };
        // A late pong for an earlier ping must not be taken for the answer to this one.
        if pong.text == ping.text {
            self.pong = Some(pong);
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        let Timer::Retry(ping) = timer;
        // Once the answer is here, no timer is set again, so an idle client is silent.
        if self.pong.is_none() && self.ping.as_ref() == Some(&ping) {
            self.send(ping, ctx);
        }
    }
}

impl Client for PingClient {
    type Command = Ping;
    type Result = Pong;

    fn send_command(&mut self, ping: Ping, ctx: &mut Context<Self>) {
        self.ping = Some(ping.clone());
        self.pong = None;
        self.send(ping, ctx);
    }

    fn result(&self) -> Option<Pong> {
        self.pong.clone()
    }
}

#[cfg(test)]
mod tests {
    use faultlab::Effect;

    use super::*;

    const TEXT: &str = "hello";

    fn ping(text: &str) -> Ping {
        Ping { text: text.to_owned() }
    }

    fn pong(text: &str) -> Pong {
        Pong { text: text.to_owned() }
    }

    /// The effects of sending a ping, whether for the first time or again.
    fn effects_of_sending() -> [Effect<Message, Timer>; 2] {
        [
            Effect::Send { to: Address::new("server"), message: Message::Ping(ping(TEXT)) },
            Effect::SetTimer {
                timer: Timer::Retry(ping(TEXT)),
                min: RETRY_AFTER,
                max: RETRY_AFTER,
            },
        ]
    }

    /// A client that has just been given a ping, and the effects of that.
    fn client_with_ping() -> (PingClient, Vec<Effect<Message, Timer>>) {
        let mut client = PingClient::new(Address::new("server"));
        let effects = act(|ctx| client.send_command(ping(TEXT), ctx));
        (client, effects)
    }

    /// Runs a handler and returns its effects.
    fn act(handler: impl FnOnce(&mut Context<PingClient>)) -> Vec<Effect<Message, Timer>> {
        let mut ctx = Context::new(Address::new("client1"));
        handler(&mut ctx);
        ctx.take_effects()
    }

    #[test]
    fn a_command_becomes_a_message_and_a_timer() {
        let (client, effects) = client_with_ping();
        assert_eq!(effects, effects_of_sending());
        assert_eq!(client.result(), None);
    }

    #[test]
    fn the_answer_becomes_the_result() {
        let (mut client, _) = client_with_ping();
        act(|ctx| client.on_message(Address::new("server"), Message::Pong(pong(TEXT)), ctx));
        assert_eq!(client.result(), Some(pong(TEXT)));
    }

    #[test]
    fn a_late_answer_to_another_ping_is_ignored() {
        let (mut client, _) = client_with_ping();
        act(|ctx| client.on_message(Address::new("server"), Message::Pong(pong("older")), ctx));
        assert_eq!(client.result(), None);
    }

    #[test]
    fn without_an_answer_the_client_asks_again() {
        let (mut client, _) = client_with_ping();
        assert_eq!(act(|ctx| client.on_timer(Timer::Retry(ping(TEXT)), ctx)), effects_of_sending());
    }

    #[test]
    fn after_the_answer_the_client_is_silent() {
        let (mut client, _) = client_with_ping();
        act(|ctx| client.on_message(Address::new("server"), Message::Pong(pong(TEXT)), ctx));
        assert_eq!(act(|ctx| client.on_timer(Timer::Retry(ping(TEXT)), ctx)), []);
    }
}
