use faultlab::{Address, Context, Node};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    Hello,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Timer {}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Greeter;

impl Node for Greeter {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, _: Message, _: &mut Context<Self>) {}
}
