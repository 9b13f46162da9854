//! A node's stable storage: what it has written, and what a crash leaves of it.

use crate::DiskFault;
use crate::hosting::StorageBytes;
use crate::random::Random;
use crate::trace::{StorageFate, WriteId};

/// Counted for each entry in addition to its bytes, so that empty entries are limited too.
const ENTRY_OVERHEAD: usize = 32;

/// What a node has written to its stable storage.
#[derive(Debug, Default)]
pub(super) struct Disk {
    record: Option<Written>,
    log: Vec<Written>,
    /// How many entries of the log are durable.
    synced: usize,
    /// The size of the log.
    log_bytes: usize,
    /// What happens to it by the next restart.
    faults: Vec<DiskFault>,
    /// What the present incarnation finds, in the order in which it does; then what it misses.
    pub(super) found: Vec<Found>,
    /// The same as bytes for the node.
    pub(super) found_bytes: Vec<u8>,
}

/// A record or an entry.
#[derive(Clone, Debug)]
struct Written {
    id: WriteId,
    bytes: Vec<u8>,
}

/// A record or an entry that a restarted node finds, or misses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: WriteId,
    pub(super) is_record: bool,
    /// Its bytes as they are found, or as they were if they are not.
    pub(super) bytes: Vec<u8>,
    pub(super) fate: StorageFate,
}

impl Found {
    fn new(written: Written, is_record: bool, fate: StorageFate) -> Self {
        Self { id: written.id, is_record, bytes: written.bytes, fate }
    }

    fn is_there(&self) -> bool {
        !matches!(self.fate, StorageFate::Unsynced | StorageFate::Lost)
    }
}

impl Disk {
    pub(super) fn save(&mut self, id: WriteId, record: &[u8]) {
        self.record = Some(Written { id, bytes: record.to_vec() });
    }

    pub(super) fn append(&mut self, id: WriteId, entry: &[u8]) {
        self.log_bytes += entry.len() + ENTRY_OVERHEAD;
        self.log.push(Written { id, bytes: entry.to_vec() });
    }

    pub(super) fn sync(&mut self) {
        self.synced = self.log.len();
    }

    /// The size of what is stored, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let record = self.record.as_ref().map_or(0, |record| record.bytes.len());
        record + self.log_bytes
    }

    /// Takes in a fault, which is seen in the next restart.
    pub(super) fn fails(&mut self, fault: DiskFault) {
        self.faults.push(fault);
    }

    /// Decides what is left for an incarnation that starts.
    pub(super) fn restart(&mut self, random: &mut Random) {
        let faults = std::mem::take(&mut self.faults);
        let has = |fault| faults.contains(&fault);
        let unsynced = self.log.split_off(self.synced);
        let record = self.record.take().map(|it| Found::new(it, true, StorageFate::Kept));
        let synced = self.log.drain(..).map(|entry| Found::new(entry, false, StorageFate::Kept));
        let mut found: Vec<Found> = record.into_iter().chain(synced).collect();
        let sound = found.len();
        let order = left_of_unsynced(unsynced.len(), &has, random);
        let mut unsynced: Vec<Option<Written>> = unsynced.into_iter().map(Some).collect();
        for index in order {
            let entry = unsynced[index].take().expect("each is left once");
            found.push(Found::new(entry, false, StorageFate::Kept));
        }
        if has(DiskFault::TornWrite) && found.len() > sound {
            let last = found.last_mut().expect("at least one is left");
            tear(last, random);
        }
        if has(DiskFault::Corrupted) {
            corrupt(&mut found, random);
        }
        if has(DiskFault::Lost) {
            found.iter_mut().for_each(|item| item.fate = StorageFate::Lost);
        }
        let missed = unsynced.into_iter().flatten();
        found.extend(missed.map(|entry| Found::new(entry, false, StorageFate::Unsynced)));
        self.keep(found);
    }

    /// Takes in what is left. All of it is durable.
    fn keep(&mut self, found: Vec<Found>) {
        let written = |item: &Found| Written { id: item.id, bytes: item.bytes.clone() };
        let there = || found.iter().filter(|item| item.is_there());
        self.record = there().find(|item| item.is_record).map(written);
        self.log = there().filter(|item| !item.is_record).map(written).collect();
        self.synced = self.log.len();
        self.log_bytes = self.log.iter().map(|entry| entry.bytes.len() + ENTRY_OVERHEAD).sum();
        let record = self.record.as_ref().map(|record| record.bytes.as_slice());
        let log = self.log.iter().map(|entry| entry.bytes.as_slice());
        self.found_bytes = StorageBytes::new(record, log).encode();
        self.found = found;
    }
}

/// Which of so many entries that were not synced are left, in which order.
fn left_of_unsynced(
    count: usize,
    has: &impl Fn(DiskFault) -> bool,
    random: &mut Random,
) -> Vec<usize> {
    let all: Vec<usize> = (0..count).collect();
    if count == 0 || has(DiskFault::UnsyncedLost) {
        Vec::new()
    } else if has(DiskFault::UnsyncedReordered) {
        let left = random.between(1, count as u64);
        random.sample(&all, left as usize)
    } else if has(DiskFault::TornWrite) {
        all
    } else {
        let left = random.between(0, count as u64);
        all[..left as usize].to_vec()
    }
}

/// Leaves only a part of an entry; the rest is zeros. An entry that ends in nothing but zeros stays as it is.
fn tear(entry: &mut Found, random: &mut Random) {
    let Some(last) = entry.bytes.iter().rposition(|&byte| byte != 0) else { return };
    let cut = random.below(last as u64 + 1) as usize;
    entry.bytes[cut..].fill(0);
    entry.fate = StorageFate::Torn;
}

/// Changes a byte of one of these.
fn corrupt(found: &mut [Found], random: &mut Random) {
    let mut whole: Vec<&mut Found> = found
        .iter_mut()
        .filter(|item| item.fate == StorageFate::Kept && !item.bytes.is_empty())
        .collect();
    if whole.is_empty() {
        return;
    }
    let place = random.below(whole.len() as u64) as usize;
    let item = &mut whole[place];
    let at = random.below(item.bytes.len() as u64) as usize;
    item.bytes[at] ^= random.between(1, 255) as u8;
    item.fate = StorageFate::Corrupted;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::random::Stream;

    /// A disk with a record, two entries that are synced, and three that are not.
    fn disk() -> Disk {
        let mut disk = Disk::default();
        disk.save(1, b"old");
        disk.save(2, b"record");
        for (id, entry) in [(3, b"aa"), (4, b"bb")] {
            disk.append(id, entry);
        }
        disk.sync();
        for (id, entry) in [(5, b"cc"), (6, b"dd"), (7, b"ee")] {
            disk.append(id, entry);
        }
        disk
    }

    /// What is left in each of many restarts with these faults: texts, and fates of what is damaged or gone.
    fn restarts(faults: &[DiskFault]) -> BTreeSet<(String, Vec<StorageFate>)> {
        let restart = |seed| {
            let mut disk = disk();
            faults.iter().for_each(|&fault| disk.fails(fault));
            disk.restart(&mut Random::new(seed, Stream::Disks));
            let texts = |item: &Found| String::from_utf8_lossy(&item.bytes).into_owned();
            let there = disk.found.iter().filter(|item| item.is_there()).map(texts);
            let text = there.collect::<Vec<_>>().join(" ");
            let fates = disk.found.iter().map(|item| item.fate);
            (text, fates.filter(|&fate| fate != StorageFate::Kept).collect())
        };
        (0..300).map(restart).collect()
    }

    fn texts(faults: &[DiskFault]) -> BTreeSet<String> {
        restarts(faults).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn a_crash_leaves_some_of_the_first_entries_that_were_not_synced() {
        let expected =
            ["record aa bb", "record aa bb cc", "record aa bb cc dd", "record aa bb cc dd ee"];
        assert_eq!(texts(&[]), expected.map(str::to_owned).into());
        assert_eq!(texts(&[DiskFault::UnsyncedLost]), [expected[0].to_owned()].into());
    }

    #[test]
    fn entries_that_were_not_synced_may_be_left_in_any_order() {
        let texts = texts(&[DiskFault::UnsyncedReordered]);
        // One, two or three of them, in any order.
        assert_eq!(texts.len(), 3 + 6 + 6);
        assert!(texts.contains("record aa bb ee cc"));
        assert!(texts.iter().all(|text| text.starts_with("record aa bb ")));
    }

    #[test]
    fn a_torn_write_leaves_a_part_of_the_last_entry() {
        let texts = texts(&[DiskFault::TornWrite]);
        let torn = ["record aa bb cc dd e\0", "record aa bb cc dd \0\0"];
        assert_eq!(texts, torn.map(str::to_owned).into());
        // What is synced is never torn.
        let mut disk = disk();
        disk.sync();
        disk.fails(DiskFault::TornWrite);
        disk.restart(&mut Random::new(1, Stream::Disks));
        assert!(disk.found.iter().all(|item| item.fate == StorageFate::Kept));
    }

    #[test]
    fn a_disk_may_be_corrupted_or_lost() {
        let sound = restarts(&[DiskFault::UnsyncedLost]);
        let corrupted = restarts(&[DiskFault::UnsyncedLost, DiskFault::Corrupted]);
        assert!(corrupted.is_disjoint(&sound));
        let fates = [StorageFate::Corrupted]
            .into_iter()
            .chain([StorageFate::Unsynced; 3])
            .collect::<Vec<_>>();
        assert!(corrupted.iter().all(|(_, found)| *found == fates));
        assert_eq!(texts(&[DiskFault::Lost]), [String::new()].into());
    }

    #[test]
    fn what_was_found_is_durable() {
        let mut disk = disk();
        disk.fails(DiskFault::TornWrite);
        disk.restart(&mut Random::new(1, Stream::Disks));
        let first: Vec<_> = disk.found.iter().map(|item| item.bytes.clone()).collect();
        disk.restart(&mut Random::new(2, Stream::Disks));
        let second: Vec<_> = disk.found.iter().map(|item| item.bytes.clone()).collect();
        assert_eq!(first, second);
        assert!(disk.found.iter().all(|item| item.fate == StorageFate::Kept));
    }
}
