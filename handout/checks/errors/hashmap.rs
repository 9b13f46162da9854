use std::collections::HashMap;

use faultlab::Application;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Votes {
    votes: HashMap<String, u64>,
}

impl Application for Votes {
    type Command = String;
    type Result = u64;

    fn execute(&mut self, candidate: String) -> u64 {
        let votes = self.votes.entry(candidate).or_default();
        *votes += 1;
        *votes
    }
}
