//! Lab NN: TITLE. Fill in every `todo!`.

// While there are `todo!`s, some parameters and imports are unused. Delete this line once all are
// filled in.
#![allow(unused_imports, unused_variables, dead_code)]

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
        todo!("part 1: answer a request")
    }
}

/// Asks a server for doubles, one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asker {
    server: Address,
    // Part 1: what it waits for, and its last result.
}

impl Client for Asker {
    type Command = Double;
    type Result = Doubled;

    fn send_command(&mut self, Double(number): Double, ctx: &mut Context<Self>) {
        todo!("part 1: remember the number, send a request, set a timer")
    }

    fn result(&self) -> Option<Doubled> {
        todo!("part 1: the double, or `None` as long as it is not known")
    }
}

impl Node for Asker {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        todo!("part 1: is it the answer that the client waits for? then it has the result")
    }

    fn on_timer(&mut self, Retry(number): Retry, ctx: &mut Context<Self>) {
        todo!("part 1: if the client still waits for it, ask again")
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
        Asker { server }
    }
}
