pub struct Asker {
    answer: Option<String>,
    looked: bool,
}

impl Asker {
    pub fn result(&self) -> Option<String> {
        self.looked = true;
        self.answer.clone()
    }
}
