//! What lab 1's commands mean to the key-value oracle, and the contract of its wrapper.

use std::collections::BTreeMap;

use faultlab::property::{Property, Subject, results_satisfy, violated};
use faultlab::{Address, Application};
use lab1_api::{AmoCommand, Entry, Journal, KvCommand, KvResult, Receipt};

use crate::key_value::{StoreAction, StoreCommand, StoreResult};

impl StoreCommand for KvCommand {
    type Result = KvResult;

    fn key(&self) -> &str {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Append { key, .. } => key,
        }
    }

    fn action(&self) -> StoreAction<'_> {
        match self {
            Self::Get { .. } => StoreAction::Get,
            Self::Put { value, .. } => StoreAction::Put(value),
            Self::Append { value, .. } => StoreAction::Append(value),
        }
    }

    fn result(meaning: StoreResult<'_>) -> KvResult {
        match meaning {
            StoreResult::Value(value) => KvResult::Value(value.to_owned()),
            StoreResult::KeyNotFound => KvResult::KeyNotFound,
            StoreResult::PutDone => KvResult::PutDone,
            StoreResult::Appended(whole) => KvResult::Appended(whole.to_owned()),
        }
    }

    fn meaning(result: &KvResult) -> Option<StoreResult<'_>> {
        Some(match result {
            KvResult::Value(value) => StoreResult::Value(value),
            KvResult::KeyNotFound => StoreResult::KeyNotFound,
            KvResult::PutDone => StoreResult::PutDone,
            KvResult::Appended(whole) => StoreResult::Appended(whole),
        })
    }
}

/// The wrapper's contract: a new command is executed, a repeated one gets the same result as the
/// first time, and an outdated one may get any result.
#[must_use]
pub fn at_most_once() -> Property {
    let name = "every entry is written at most once, and answered as often as it is asked for";
    results_satisfy::<AmoCommand<Entry>, Option<Receipt>>(name, |answered| {
        let mut journal = Journal::default();
        let mut newest: BTreeMap<Address, (u64, Receipt)> = BTreeMap::new();
        let all = answered.iter().flat_map(|(node, pairs)| {
            pairs
                .iter()
                .enumerate()
                .map(move |(index, pair)| (Subject::operation(*node, index), pair))
        });
        for (subject, (numbered, result)) in all {
            let AmoCommand { client, sequence, command } = numbered;
            let is_new = newest.get(client).is_none_or(|(newest, _)| newest < sequence);
            if is_new {
                newest.insert(*client, (*sequence, journal.execute(command.clone())));
            }
            let (newest, receipt) = &newest[client];
            if newest == sequence && result.as_ref() != Some(receipt) {
                let copy = if is_new { "" } else { ", asked for again," };
                let seen = match result {
                    Some(receipt) => format!("{receipt:?}"),
                    None => "no result".to_owned(),
                };
                return Err(violated(
                    format!(
                        "{client}'s command {sequence}{copy} to give {receipt:?}, since all before \
                         it were executed once"
                    ),
                    format!("it gave {seen}"),
                )
                .about(subject));
            }
        }
        Ok(())
    })
}
