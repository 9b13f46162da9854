//! Stable storage: what nodes write, and what a crash leaves of it. A second implementation of the search's rules.

use std::collections::BTreeSet;

use faultlab::search::{Corruption, DiskOutcome};
use faultlab::{DiskFault, FaultModel, Stored, codec};

/// How many of the last entries that were not synced may be left in another order.
const REARRANGED_MAX: usize = 4;

/// What a node has written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disk {
    /// The record.
    pub record: Option<Vec<u8>>,
    /// The entries that are synced.
    pub synced: Vec<Vec<u8>>,
    /// The later ones.
    pub unsynced: Vec<Vec<u8>>,
}

impl Disk {
    /// Makes all entries durable.
    pub fn sync(&mut self) {
        self.synced.append(&mut self.unsynced);
    }

    /// What a node that starts again can read.
    #[must_use]
    pub fn read(&self) -> Stored<u64, u64> {
        let number = |bytes: &Vec<u8>| codec::decode::<u64>(bytes).ok();
        let record = self.record.as_ref().map(number);
        let entries: Vec<_> = self.synced.iter().chain(&self.unsynced).map(number).collect();
        let is_damaged = record == Some(None) || entries.contains(&None);
        Stored {
            record: record.flatten(),
            log: entries.into_iter().flatten().collect(),
            is_damaged,
        }
    }

    /// The same record, and a log of the synced entries and these, all of them durable.
    fn with(&self, more: Vec<Vec<u8>>) -> Self {
        let synced = self.synced.iter().cloned().chain(more).collect();
        Self { record: self.record.clone(), synced, unsynced: Vec::new() }
    }

    /// All that a crash may leave.
    #[must_use]
    pub fn left(&self, model: FaultModel) -> BTreeSet<Self> {
        let kept =
            (0..=self.unsynced.len()).map(|count| self.with(self.unsynced[..count].to_vec()));
        let mut all: BTreeSet<Self> = kept.clone().collect();
        if model.may_happen_to_disk(DiskFault::UnsyncedReordered) {
            let first = self.unsynced.len().saturating_sub(REARRANGED_MAX);
            let (safe, rest) = self.unsynced.split_at(first);
            for order in orders(rest) {
                all.insert(self.with(safe.iter().cloned().chain(order).collect()));
            }
        }
        if model.may_happen_to_disk(DiskFault::TornWrite) && !self.unsynced.is_empty() {
            let mut torn = self.unsynced.clone();
            let last = torn.len() - 1;
            for at in (0..torn[last].len()).rev() {
                torn[last][at] = 0;
                all.insert(self.with(torn.clone()));
            }
        }
        if model.may_happen_to_disk(DiskFault::Corrupted) {
            for sound in kept {
                for corruption in [Corruption::LastBit, Corruption::FirstByte] {
                    for place in 0..=sound.synced.len() {
                        all.extend(sound.corrupted(place.checked_sub(1), corruption));
                    }
                }
            }
        }
        if model.may_happen_to_disk(DiskFault::Lost) {
            all.insert(Self::default());
        }
        all
    }

    /// The same with a changed entry, or a changed record.
    fn corrupted(&self, entry: Option<usize>, corruption: Corruption) -> Option<Self> {
        let mut disk = self.clone();
        let bytes = match entry {
            None => disk.record.as_mut()?,
            Some(entry) => disk.synced.get_mut(entry)?,
        };
        match corruption {
            Corruption::LastBit => *bytes.last_mut()? ^= 1,
            Corruption::FirstByte => bytes[0] = !bytes[0],
        }
        Some(disk)
    }

    /// What this outcome leaves, if that is possible.
    #[must_use]
    pub fn after(&self, outcome: &DiskOutcome) -> Option<Self> {
        let kept = |count: u32| {
            self.with(self.unsynced[..(count as usize).min(self.unsynced.len())].to_vec())
        };
        match outcome {
            DiskOutcome::Kept { unsynced } => Some(kept(*unsynced)),
            DiskOutcome::Reordered { unsynced } => {
                let entry = |&index: &u32| self.unsynced.get(index as usize).cloned();
                Some(self.with(unsynced.iter().map(entry).collect::<Option<_>>()?))
            }
            DiskOutcome::Torn { bytes } => {
                let mut torn = self.unsynced.clone();
                let last = torn.last_mut()?;
                last[*bytes as usize..].fill(0);
                Some(self.with(torn))
            }
            DiskOutcome::Corrupted { unsynced, item, corruption } => {
                let sound = kept(*unsynced);
                let entry = match sound.record {
                    Some(_) => (*item as usize).checked_sub(1),
                    None => Some(*item as usize),
                };
                sound.corrupted(entry, *corruption)
            }
            DiskOutcome::Lost => Some(Self::default()),
        }
    }
}

/// All sequences of some of these, each at most once.
fn orders(entries: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let mut all = vec![Vec::new()];
    for (index, first) in entries.iter().enumerate() {
        let mut others = entries.to_vec();
        others.remove(index);
        for mut order in orders(&others) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}
