#[derive(Clone, Debug)]
pub enum Message {
    Ping,
    Pong,
    Goodbye,
}

pub fn is_answer(message: Message) -> bool {
    match message {
        Message::Ping => false,
        Message::Pong => true,
    }
}
