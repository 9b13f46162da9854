#[derive(Clone, Debug)]
pub enum Message {
    Request { number: u64, text: String },
}

pub fn ask(text: String) -> Message {
    Message::Request { text }
}
