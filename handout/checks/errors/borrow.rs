use std::collections::BTreeMap;

pub struct Votes {
    votes: BTreeMap<String, u64>,
    total: u64,
}

impl Votes {
    fn count(&mut self) {
        self.total += 1;
    }

    pub fn vote(&mut self, candidate: String) {
        let votes = self.votes.entry(candidate).or_default();
        self.count();
        *votes += 1;
    }
}
