//! The lives of nodes in a trace: which incarnation each is in, and by which numbers it has stored what.

use super::disk::{DiskOutcome, Storage};
use crate::hosting::{EncodedEffect, Output, Payload};
use crate::trace::builder::{Texts, text};
use crate::trace::{Incarnation, StoredItem, TraceEvent, WriteId};

/// One node.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// The present incarnation, or the last one if the node is down.
    pub(super) incarnation: Incarnation,
    pub(super) is_down: bool,
    storage: Storage,
    /// The numbers of the writes that stored the record and the entries.
    record: WriteId,
    log: Vec<WriteId>,
}

impl Life {
    /// Takes in what the node wrote in an event, up to its crash if it crashed in the handler. The event has the
    /// numbers.
    pub(super) fn write(&mut self, event: &TraceEvent, output: &Output) {
        let effects = match event.interrupted_after {
            Some(after) => output.effects_before_crash(after as usize),
            None => output.effects(),
        };
        let mut ids = event.stored.iter().map(|write| write.id);
        for effect in effects {
            match *effect {
                EncodedEffect::Save { record } => {
                    let Some(id) = ids.next() else { return };
                    self.record = id;
                    self.storage.record = Some(output.get(record).to_vec());
                }
                EncodedEffect::Append { entry } => {
                    let Some(id) = ids.next() else { return };
                    self.log.push(id);
                    self.storage.log.push(output.get(entry).to_vec());
                }
                EncodedEffect::Sync => {
                    ids.next();
                    self.storage.synced = self.storage.log.len();
                }
                EncodedEffect::Send { .. }
                | EncodedEffect::SetTimer { .. }
                | EncodedEffect::Log { .. } => {}
            }
        }
    }

    /// What the node with this index finds and misses if it starts again now.
    pub(super) fn found(
        &self,
        texts: &mut impl Texts,
        node: usize,
        outcome: &DiskOutcome,
    ) -> Vec<StoredItem> {
        let left = outcome.left_of(&self.storage).unwrap_or_default().into_iter();
        left.map(|item| {
            let what = if item.entry.is_none() { Payload::Record } else { Payload::Entry };
            StoredItem {
                id: item.entry.map_or(self.record, |entry| self.log[entry]),
                key: String::new(),
                value: text(texts, node, what, &item.bytes),
                bytes: item.bytes.len() as u64,
                fate: item.fate,
            }
        })
        .collect()
    }

    /// Takes in that the node starts again.
    pub(super) fn restart(&mut self, outcome: &DiskOutcome) {
        let left = outcome.left_of(&self.storage).unwrap_or_default();
        let there = left.iter().filter(|item| item.is_there());
        self.log = there.filter_map(|item| Some(self.log[item.entry?])).collect();
        self.storage = Storage::of(&left);
        self.incarnation = self.incarnation.next();
        self.is_down = false;
    }
}
