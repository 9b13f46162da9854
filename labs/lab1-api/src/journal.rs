//! A journal: a second, smaller application, which shows that a wrapper works for any.

use faultlab::Application;
use serde::{Deserialize, Serialize};

/// An application that is not a key-value store. It counts the entries written to it, and keeps
/// only the text of the last one.
///
/// Every execution is visible in its results: an entry written twice takes two positions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Journal {
    entries: u64,
    last: Option<String>,
}

/// The journal's only command: add this entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// The text to write.
    pub text: String,
}

/// What the journal answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Receipt {
    /// The entry's position in the journal, counted from 1.
    pub position: u64,
    /// The text of the entry before it.
    pub previous: Option<String>,
}

impl Application for Journal {
    type Command = Entry;
    type Result = Receipt;

    fn execute(&mut self, entry: Entry) -> Receipt {
        self.entries += 1;
        Receipt { position: self.entries, previous: self.last.replace(entry.text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_execution_is_visible_and_only_the_last_text_is_kept() {
        let mut journal = Journal::default();
        let write = |journal: &mut Journal, text: &str| {
            let receipt = journal.execute(Entry { text: text.to_owned() });
            (receipt.position, receipt.previous)
        };
        assert_eq!(write(&mut journal, "a"), (1, None));
        assert_eq!(write(&mut journal, "b"), (2, Some("a".to_owned())));
        assert_eq!(write(&mut journal, "b"), (3, Some("b".to_owned())));
        assert_eq!(journal, Journal { entries: 3, last: Some("b".to_owned()) });
    }
}
