//! Slips of the wrapper: what it did with the first command whose result is wrong.

use std::collections::BTreeMap;

use faultlab::trace::{EventKind, Trace};
use faultlab::{Address, Application};
use lab1_api::{AmoCommand, Entry, Journal, Receipt};

/// What the wrapper did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slip {
    /// It gave no result for a repeated command.
    Unanswered,
    /// It executed a repeated command.
    RepeatedExecuted,
    /// It executed a command that was older than its client's last one.
    LateExecuted,
    /// It took a command for another client's with the same number.
    AnothersResult,
    /// It took a command for another one because they are equal.
    ResultByCommand,
    /// Something else.
    Other,
}

/// A command that was executed, and what it should return.
struct Executed {
    client: Address,
    sequence: u64,
    entry: Entry,
    receipt: Receipt,
}

impl Slip {
    /// The slip in a run of the wrapper, if a result in it is wrong.
    pub(super) fn of(run: &Trace) -> Option<Self> {
        let mut commands = run.events.iter().filter_map(|event| match &event.what {
            EventKind::Command { value, .. } => serde_json::from_value(value.clone()).ok(),
            _ => None,
        });
        let mut results = run.events.iter().filter_map(|event| match &event.what {
            EventKind::Return { value, .. } => serde_json::from_value(value.clone()).ok(),
            _ => None,
        });
        let given = std::iter::from_fn(|| Some((commands.next()?, results.next()?)));
        Self::in_results(given)
    }

    fn in_results(
        given: impl Iterator<Item = (AmoCommand<Entry>, Option<Receipt>)>,
    ) -> Option<Self> {
        let mut journal = Journal::default();
        let mut executed: Vec<Executed> = Vec::new();
        let mut newest: BTreeMap<Address, usize> = BTreeMap::new();
        // What came since the last new command: late ones, and repeats.
        let (mut has_late, mut has_repeats) = (false, false);
        for (AmoCommand { client, sequence, command }, result) in given {
            let known = newest.get(&client).map(|&at| &executed[at]);
            if known.is_some_and(|known| sequence < known.sequence) {
                has_late = true;
                continue;
            }
            let repeats = known.filter(|known| known.sequence == sequence);
            let is_repeat = repeats.is_some();
            let expected = match repeats {
                Some(known) => known.receipt.clone(),
                None => journal.execute(command.clone()),
            };
            if result.as_ref() == Some(&expected) {
                if is_repeat {
                    has_repeats = true;
                } else {
                    newest.insert(client, executed.len());
                    executed.push(Executed { client, sequence, entry: command, receipt: expected });
                    (has_late, has_repeats) = (false, false);
                }
                continue;
            }
            let Some(seen) = result else {
                let is_anothers =
                    executed.iter().any(|it| it.client != client && it.sequence >= sequence);
                return Some(match (is_repeat, is_anothers) {
                    (true, _) => Self::Unanswered,
                    (false, true) => Self::AnothersResult,
                    (false, false) => Self::Other,
                });
            };
            let mut reused = executed.iter().filter(|it| it.receipt == seen);
            // A repeat that was executed leaves the entry that was the last one anyway.
            let is_late = has_late
                && seen.position > expected.position
                && (!has_repeats || seen.previous != expected.previous);
            return Some(match reused.next() {
                Some(it) if it.client != client && it.sequence == sequence => Self::AnothersResult,
                Some(it) if it.entry == command => Self::ResultByCommand,
                Some(it) if it.client != client => Self::AnothersResult,
                Some(_) => Self::Other,
                None if is_late && !is_repeat => Self::LateExecuted,
                None if seen.position > expected.position => Self::RepeatedExecuted,
                None => Self::Other,
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slip of a wrapper that gives these positions for these commands; 0 for no result.
    fn slip(script: &[(&str, u64, &str, u64)]) -> Option<Slip> {
        let mut texts: BTreeMap<u64, &str> = BTreeMap::new();
        let given = script.iter().map(|&(client, sequence, text, position)| {
            texts.entry(position).or_insert(text);
            let previous = texts.get(&(position.wrapping_sub(1))).map(|text| (*text).to_owned());
            let receipt = (position > 0).then_some(Receipt { position, previous });
            let command = Entry { text: text.to_owned() };
            (AmoCommand { client: Address::new(client), sequence, command }, receipt)
        });
        Slip::in_results(given)
    }

    #[test]
    fn the_first_wrong_result_tells_what_happened() {
        let a = ("a", 1, "x", 1);
        assert_eq!(slip(&[a, a, ("a", 2, "y", 2)]), None);
        assert_eq!(slip(&[a, ("a", 1, "x", 0)]), Some(Slip::Unanswered));
        assert_eq!(slip(&[a, ("a", 1, "x", 2)]), Some(Slip::RepeatedExecuted));
        assert_eq!(slip(&[a, a, ("a", 2, "y", 3)]), Some(Slip::RepeatedExecuted));
        let b = ("a", 2, "y", 2);
        assert_eq!(slip(&[a, b, ("a", 1, "x", 0), ("a", 3, "z", 4)]), Some(Slip::LateExecuted));
        let executed_late = [a, b, ("a", 1, "x", 0), b, ("a", 3, "z", 4)];
        assert_eq!(slip(&executed_late), Some(Slip::LateExecuted));
        assert_eq!(slip(&[a, ("b", 1, "y", 1)]), Some(Slip::AnothersResult));
        assert_eq!(slip(&[a, ("a", 2, "x", 1)]), Some(Slip::ResultByCommand));
        assert_eq!(slip(&[a, ("a", 2, "y", 1)]), Some(Slip::Other));
    }
}
