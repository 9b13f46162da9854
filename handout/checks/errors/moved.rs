pub struct Last {
    text: Option<String>,
}

impl Last {
    pub fn remember_and_return(&mut self, text: String) -> String {
        self.text = Some(text);
        text
    }
}
