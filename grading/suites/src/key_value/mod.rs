//! What every lab with a key-value store shares: the specification of the store, the properties that its clients'
//! results must have, and the model for the linearizability checker. None of it uses the student's code.
//!
//! A lab keeps its own command and result types. It says what they mean by implementing [`StoreCommand`].

mod at_least_once;
mod exactly_once;
mod operations;
mod specification;

use faultlab::Value;

pub use at_least_once::at_least_once;
pub use exactly_once::{EXACTLY_ONCE, appended_once, exactly_once, history_model};
pub use specification::{Specification, model, results};

/// A lab's commands to its key-value store, and what they and their results mean.
pub trait StoreCommand: Value {
    /// The lab's results.
    type Result: Value;

    /// The key that the command reads or writes.
    fn key(&self) -> &str;

    /// What the command does to its key.
    fn action(&self) -> StoreAction<'_>;

    /// The lab's result that means this.
    fn result(meaning: StoreResult<'_>) -> Self::Result;

    /// What a result means. `None` for one that a store on its own never gives, such as a redirection.
    fn meaning(result: &Self::Result) -> Option<StoreResult<'_>>;
}

/// What a command does to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreAction<'a> {
    /// Reads the value.
    Get,
    /// Replaces the value with this one.
    Put(&'a str),
    /// Appends this text to the value. A missing value counts as empty.
    Append(&'a str),
}

impl<'a> StoreAction<'a> {
    /// The text that the command writes, if it writes.
    fn written(self) -> Option<&'a str> {
        match self {
            Self::Get => None,
            Self::Put(value) | Self::Append(value) => Some(value),
        }
    }
}

/// What a result means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreResult<'a> {
    /// To a get: the value.
    Value(&'a str),
    /// To a get: the key has no value.
    KeyNotFound,
    /// To a put: done.
    PutDone,
    /// To an append: the whole new value.
    Appended(&'a str),
}

#[cfg(test)]
mod tests {
    use faultlab::Address;
    use faultlab::linearizability::{CheckResult, check};
    use lab1_api::{KvCommand, KvResult};
    use serde::{Deserialize, Serialize};

    use super::operations::StoreOperation;
    use super::*;

    /// An operation on the key `k`: its client, command and result, and when it was called and returned.
    pub(super) fn operation<C: StoreCommand>(
        client: usize,
        command: C,
        result: C::Result,
        called: u64,
        returned: u64,
    ) -> StoreOperation<C> {
        let client = Address::numbered("client", client);
        StoreOperation::<C> {
            client,
            command,
            result: Some(result),
            called,
            returned: Some(returned),
        }
    }

    pub(super) fn append(value: &str) -> KvCommand {
        KvCommand::Append { key: "k".to_owned(), value: value.to_owned() }
    }

    pub(super) fn appended(whole: &str) -> KvResult {
        KvResult::Appended(whole.to_owned())
    }

    /// The commands of another lab: one register per shard, and a result that a store never gives.
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    enum Shard {
        Read { shard: String },
        Write { shard: String, text: String },
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    enum ShardResult {
        Text(Option<String>),
        Written,
        WrongGroup,
    }

    impl StoreCommand for Shard {
        type Result = ShardResult;

        fn key(&self) -> &str {
            match self {
                Self::Read { shard } | Self::Write { shard, .. } => shard,
            }
        }

        fn action(&self) -> StoreAction<'_> {
            match self {
                Self::Read { .. } => StoreAction::Get,
                Self::Write { text, .. } => StoreAction::Put(text),
            }
        }

        fn result(meaning: StoreResult<'_>) -> ShardResult {
            match meaning {
                StoreResult::Value(text) => ShardResult::Text(Some(text.to_owned())),
                StoreResult::KeyNotFound => ShardResult::Text(None),
                StoreResult::PutDone | StoreResult::Appended(_) => ShardResult::Written,
            }
        }

        fn meaning(result: &ShardResult) -> Option<StoreResult<'_>> {
            match result {
                ShardResult::Text(Some(text)) => Some(StoreResult::Value(text)),
                ShardResult::Text(None) => Some(StoreResult::KeyNotFound),
                ShardResult::Written => Some(StoreResult::PutDone),
                ShardResult::WrongGroup => None,
            }
        }
    }

    #[test]
    fn another_lab_brings_its_own_commands() {
        let write = |text: &str| Shard::Write { shard: "s".to_owned(), text: text.to_owned() };
        let read = || Shard::Read { shard: "s".to_owned() };
        let text = |text: &str| ShardResult::Text(Some(text.to_owned()));
        assert_eq!(
            results(&[read(), write("a]"), read()]),
            [ShardResult::Text(None), ShardResult::Written, text("a]")]
        );
        let last = |seen: ShardResult| {
            let operations = vec![
                operation(1, write("a]"), ShardResult::Written, 10, 20),
                operation(1, write("b]"), ShardResult::Written, 30, 40),
                operation(2, read(), seen, 50, 60),
            ];
            let possible = at_least_once::none_impossible::<Shard>(&operations).is_ok();
            let history = faultlab::linearizability::History::new(operations).expect("a history");
            let once =
                matches!(check(&model::<Shard>(), &history), CheckResult::Linearizable { .. });
            (possible, once)
        };
        assert_eq!(last(text("b]")), (true, true));
        assert_eq!(last(text("a]")), (true, false));
        assert_eq!(last(ShardResult::WrongGroup), (false, false));
    }
}
