#[derive(Clone, Debug)]
pub enum Message {
    Request { sequence: u64, text: String },
}

pub fn ask(text: String) -> Message {
    Message::Request { text }
}
