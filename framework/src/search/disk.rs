//! What a crash leaves of a node's stable storage: every outcome that a fault model allows, as values.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::trace::StorageFate;
use crate::{DiskFault, FaultModel};

/// How many of the last entries that were not synced a search rearranges. It keeps those before them.
const REARRANGED_MAX: usize = 4;

/// A node's stable storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Storage {
    /// The encoded record, if there is one.
    pub record: Option<Vec<u8>>,
    /// The encoded entries of the log.
    pub log: Vec<Vec<u8>>,
    /// How many of these entries, from the first one on, are synced.
    pub synced: usize,
}

/// What a crash leaves of a node's stable storage. Entries are counted from zero. The record and the synced entries are
/// left unless something else is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskOutcome {
    /// So many of the entries that were not synced are left, the first ones; all of them if there are fewer.
    Kept {
        /// How many.
        unsynced: u32,
    },
    /// These of the entries that were not synced are left, in this order.
    Reordered {
        /// Which: zero is the first one that was not synced.
        unsynced: Vec<u32>,
    },
    /// All entries that were not synced are left, but only so many bytes of the last one. The rest of it reads as zeros.
    Torn {
        /// How many bytes.
        bytes: u32,
    },
    /// The record or an entry that is left has changed.
    Corrupted {
        /// How many of the entries that were not synced are left, the first ones.
        unsynced: u32,
        /// Which value has changed: the record comes first if there is one, then the entries.
        item: u32,
        /// How.
        corruption: Corruption,
    },
    /// Nothing is left.
    Lost,
}

/// How a stored value changes. A search tries these two: the first one mostly gives another legal value, the second one
/// mostly bytes that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corruption {
    /// The lowest bit of the last byte is flipped.
    LastBit,
    /// All bits of the first byte are flipped.
    FirstByte,
}

/// A value that a restarted node finds in its storage, or misses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Which value of the storage it was; `None` for the record.
    pub(super) entry: Option<usize>,
    /// Its bytes as they are found, or as they were if they are not.
    pub(super) bytes: Vec<u8>,
    pub(super) fate: StorageFate,
}

impl Left {
    /// Whether the node finds it.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self.fate, StorageFate::Unsynced | StorageFate::Lost)
    }
}

impl Storage {
    /// How many entries are not synced.
    fn unsynced(&self) -> usize {
        self.log.len() - self.synced
    }

    /// The storage that consists of what is left. All of it is durable.
    pub(super) fn of(left: &[Left]) -> Self {
        let there = || left.iter().filter(|item| item.is_there());
        let record = there().find(|item| item.entry.is_none()).map(|item| item.bytes.clone());
        let entries = there().filter(|item| item.entry.is_some());
        let log: Vec<Vec<u8>> = entries.map(|item| item.bytes.clone()).collect();
        Self { record, synced: log.len(), log }
    }
}

impl DiskOutcome {
    /// All that a model allows for a storage, each once. Several may leave the same.
    pub(super) fn all(model: FaultModel, storage: &Storage) -> Vec<Self> {
        let unsynced = storage.unsynced() as u32;
        let mut all: Vec<Self> =
            (0..=unsynced).rev().map(|unsynced| Self::Kept { unsynced }).collect();
        if model.may_happen_to_disk(DiskFault::UnsyncedReordered) {
            let arrangements = arrangements(storage.unsynced()).into_iter();
            all.extend(arrangements.map(|unsynced| Self::Reordered { unsynced }));
        }
        if model.may_happen_to_disk(DiskFault::TornWrite)
            && let Some(last) = storage.log[storage.synced..].last()
            && let Some(end) = last.iter().rposition(|&byte| byte != 0)
        {
            all.extend((0..=end as u32).map(|bytes| Self::Torn { bytes }));
        }
        if model.may_happen_to_disk(DiskFault::Corrupted) {
            for unsynced in (0..=unsynced).rev() {
                let kept = storage.synced as u32 + unsynced;
                for item in 0..u32::from(storage.record.is_some()) + kept {
                    for corruption in [Corruption::LastBit, Corruption::FirstByte] {
                        all.push(Self::Corrupted { unsynced, item, corruption });
                    }
                }
            }
        }
        if model.may_happen_to_disk(DiskFault::Lost) {
            all.push(Self::Lost);
        }
        all
    }

    /// Whether a model allows this for a storage.
    pub(super) fn is_allowed(&self, model: FaultModel, storage: &Storage) -> bool {
        let left = |outcome: &Self| outcome.left_of(storage).map(|left| Storage::of(&left));
        let Some(wanted) = left(self) else { return false };
        Self::all(model, storage).iter().any(|it| left(it).as_ref() == Some(&wanted))
    }

    /// What is left of a storage, in the order in which the node finds it; then what it misses. `None` if the storage
    /// has no such entries.
    pub(super) fn left_of(&self, storage: &Storage) -> Option<Vec<Left>> {
        let (first, count) = (storage.synced, storage.unsynced());
        let kept = |unsynced: u32| (0..(unsynced as usize).min(count)).collect::<Vec<_>>();
        let order = match self {
            Self::Kept { unsynced } | Self::Corrupted { unsynced, .. } => kept(*unsynced),
            Self::Reordered { unsynced } => unsynced.iter().map(|&it| it as usize).collect(),
            Self::Torn { .. } | Self::Lost => kept(u32::MAX),
        };
        let is_sound =
            |(place, index): (usize, &usize)| *index < count && !order[..place].contains(index);
        if !order.iter().enumerate().all(is_sound) {
            return None;
        }
        let entry = |index: usize, fate| Left {
            entry: Some(index),
            bytes: storage.log[index].clone(),
            fate,
        };
        let record = storage.record.iter();
        let record =
            record.map(|bytes| Left { entry: None, bytes: bytes.clone(), fate: StorageFate::Kept });
        let entries = (0..first).chain(order.iter().map(|index| first + index));
        let mut left: Vec<Left> =
            record.chain(entries.map(|index| entry(index, StorageFate::Kept))).collect();
        match *self {
            Self::Kept { .. } | Self::Reordered { .. } => {}
            Self::Torn { bytes } => {
                let last = left.last_mut().filter(|_| !order.is_empty())?;
                let rest = last.bytes.get_mut(bytes as usize..)?;
                rest.fill(0);
                last.fate = StorageFate::Torn;
            }
            Self::Corrupted { item, corruption, .. } => {
                let item = left.get_mut(item as usize)?;
                match corruption {
                    Corruption::LastBit => *item.bytes.last_mut()? ^= 1,
                    Corruption::FirstByte => *item.bytes.first_mut()? ^= 0xff,
                }
                item.fate = StorageFate::Corrupted;
            }
            Self::Lost => left.iter_mut().for_each(|item| item.fate = StorageFate::Lost),
        }
        let missed = (0..count).filter(|index| !order.contains(index));
        left.extend(missed.map(|index| entry(first + index, StorageFate::Unsynced)));
        Some(left)
    }
}

impl fmt::Display for DiskOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept { unsynced: u32::MAX } => f.write_str("all that it stored"),
            Self::Kept { unsynced: 0 } => f.write_str("what was synced"),
            Self::Kept { unsynced: 1 } => f.write_str("what was synced and 1 more entry"),
            Self::Kept { unsynced } => write!(f, "what was synced and {unsynced} more entries"),
            Self::Reordered { .. } => f.write_str("entries that were not synced in another order"),
            Self::Torn { .. } => f.write_str("a torn entry"),
            Self::Corrupted { .. } => f.write_str("a corrupted value"),
            Self::Lost => f.write_str("nothing, because the disk is lost"),
        }
    }
}

/// The sequences of some of so many entries, without those that are the first ones in their order.
fn arrangements(count: usize) -> Vec<Vec<u32>> {
    let before = count.saturating_sub(REARRANGED_MAX) as u32;
    let mut all: Vec<Vec<u32>> = vec![(0..before).collect()];
    let mut grown = 0;
    while grown < all.len() {
        for next in before..count as u32 {
            if !all[grown].contains(&next) {
                let longer = all[grown].iter().copied().chain([next]).collect();
                all.push(longer);
            }
        }
        grown += 1;
    }
    all.retain(|order| !order.iter().copied().eq(0..order.len() as u32));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A record, an entry that is synced, and some that are not.
    fn storage(unsynced: &[&[u8]]) -> Storage {
        let synced: &[u8] = &[7];
        let log = [synced].into_iter().chain(unsynced.iter().copied()).map(<[u8]>::to_vec);
        Storage { record: Some(vec![9]), log: log.collect(), synced: 1 }
    }

    /// A record and a log.
    type Content = (Option<Vec<u8>>, Vec<Vec<u8>>);

    /// The records and logs that are left.
    fn left(model: FaultModel, storage: &Storage) -> BTreeSet<Content> {
        let all = DiskOutcome::all(model, storage);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
        let left = all.iter().map(|outcome| outcome.left_of(storage).expect("it is possible"));
        left.map(|left| Storage::of(&left)).map(|it| (it.record, it.log)).collect()
    }

    #[test]
    fn a_sound_disk_keeps_some_of_the_first_entries() {
        let left = left(FaultModel::UNRELIABLE_CRASH_RECOVERY, &storage(&[&[1], &[2]]));
        let log = |bytes: &[u8]| (Some(vec![9]), bytes.iter().map(|&byte| vec![byte]).collect());
        assert_eq!(left, [log(&[7]), log(&[7, 1]), log(&[7, 1, 2])].into());
    }

    #[test]
    fn torn_writes_reorder_and_tear() {
        let model = FaultModel::UNRELIABLE_CRASH_RECOVERY_TORN_WRITES;
        let found = left(model, &storage(&[&[1], &[2, 3]]));
        // Nothing, one, or both in two orders; and the last one torn after no or one byte.
        assert_eq!(found.len(), 1 + 2 + 2 + 2);
        assert!(found.contains(&(Some(vec![9]), vec![vec![7], vec![2, 3], vec![1]])));
        assert!(found.contains(&(Some(vec![9]), vec![vec![7], vec![1], vec![2, 0]])));
        assert!(found.iter().all(|(record, log)| *record == Some(vec![9]) && log[0] == [7]));
        assert_eq!(left(model, &storage(&[])).len(), 1, "what is synced is safe");
        // Of many, only the last ones change their order.
        let many: Vec<[u8; 1]> = (1..=6).map(|byte| [byte]).collect();
        let many: Vec<&[u8]> = many.iter().map(<[u8; 1]>::as_slice).collect();
        let orders = 1 + 4 + 12 + 24 + 24;
        assert_eq!(arrangements(6).len(), orders - 5, "without those in order");
        assert!(left(model, &storage(&many)).len() >= orders);
    }

    #[test]
    fn a_faulty_disk_corrupts_and_loses() {
        let model = FaultModel::UNRELIABLE_CRASH_RECOVERY_FAULTY_DISK;
        let found = left(model, &storage(&[]));
        let expected = [
            (Some(vec![9]), vec![vec![7]]),
            (Some(vec![8]), vec![vec![7]]),
            (Some(vec![0xf6]), vec![vec![7]]),
            (Some(vec![9]), vec![vec![6]]),
            (Some(vec![9]), vec![vec![0xf8]]),
            (None, vec![]),
        ];
        assert_eq!(found, expected.into());
    }

    #[test]
    fn what_a_storage_does_not_have_is_not_left() {
        let storage = storage(&[]);
        for outcome in [
            DiskOutcome::Reordered { unsynced: vec![0] },
            DiskOutcome::Torn { bytes: 0 },
            DiskOutcome::Corrupted { unsynced: 0, item: 2, corruption: Corruption::LastBit },
        ] {
            assert_eq!(outcome.left_of(&storage), None, "{outcome:?}");
        }
        let all = DiskOutcome::Kept { unsynced: u32::MAX }.left_of(&storage).expect("as it is");
        assert!(all.iter().all(|item| item.fate == StorageFate::Kept));
    }
}
