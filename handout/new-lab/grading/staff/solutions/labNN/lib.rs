//! The reference solution of lab NN.

use std::time::Duration;

use faultlab::{Address, Client, Context, Node};
use labNN_api::{Double, Doubled, LabNN};
use serde::{Deserialize, Serialize};

/// The messages between client and server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// A client asks the server to double this number.
    Request(u64),
    /// The server's answer: the number, and its double.
    Reply(u64, u64),
}

/// Perhaps it is time to ask again, if the client still waits for the double of this number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Retry(u64);

/// How long a client waits before it asks again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Doubles numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Server;

impl Node for Server {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        if let Message::Request(number) = message {
            ctx.send(from, Message::Reply(number, 2 * number));
        }
    }
}

/// Asks a server for doubles, one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asker {
    server: Address,
    /// The number whose double it waits for.
    asked: Option<u64>,
    last: Option<Doubled>,
}

impl Asker {
    fn ask(&mut self, number: u64, ctx: &mut Context<Self>) {
        ctx.send(self.server, Message::Request(number));
        ctx.set_timer(Retry(number), RETRY_AFTER);
    }
}

impl Client for Asker {
    type Command = Double;
    type Result = Doubled;

    fn send_command(&mut self, Double(number): Double, ctx: &mut Context<Self>) {
        self.asked = Some(number);
        self.ask(number, ctx);
    }

    fn result(&self) -> Option<Doubled> {
        if self.asked.is_some() { None } else { self.last.clone() }
    }
}

impl Node for Asker {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        // Another number's reply is a copy, or comes late.
        if let Message::Reply(number, double) = message
            && self.asked == Some(number)
        {
            self.asked = None;
            self.last = Some(Doubled(double));
        }
    }

    fn on_timer(&mut self, Retry(number): Retry, ctx: &mut Context<Self>) {
        if self.asked == Some(number) {
            self.ask(number, ctx);
        }
    }
}

/// The entry point for the tests: they construct their nodes through it.
pub struct Lab;

impl LabNN for Lab {
    type Server = Server;
    type Client = Asker;

    fn server() -> Server {
        Server
    }

    fn client(server: Address) -> Asker {
        Asker { server, asked: None, last: None }
    }
}
