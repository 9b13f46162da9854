//! What outlives a crash of a node, by ids: its stable storage, and how often it has restarted.
//!
//! Only nodes that may come back have any of this. For all others, a search keeps nothing of what they write.

use rustc_hash::FxHashMap;

use super::disk::{DiskOutcome, Storage};
use super::handlers::{Cause, NONE};
use super::intern::{Blobs, Lists, Records};
use super::pairs::PairMap;
use crate::FaultModel;
use crate::hosting::StorageBytes;

/// What outlives a crash of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Durable {
    /// How often it has restarted.
    pub(super) restarts: u32,
    /// Its storage, as a list: the record or [`NONE`], the number of synced entries, and the entries, by ids of
    /// [`Durability::values`]. If it has stored nothing, the list is empty.
    pub(super) storage: u32,
}

/// What a restarted node finds.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The outcome that leaves it; the first one if there are several.
    pub(super) outcome: DiskOutcome,
    /// What is in its storage then, as in [`Durable::storage`].
    pub(super) storage: u32,
    /// The same as the input of `restore`: an id of [`Durability::inputs`].
    pub(super) input: u32,
}

/// An effect of a handler, by ids, as two entries of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EffectId {
    /// A message was sent.
    Send(u32),
    /// A timer was set.
    SetTimer(u32),
    /// This record was saved.
    Save(u32),
    /// This entry was appended.
    Append(u32),
    /// The log was synced.
    Sync,
}

impl EffectId {
    /// Its two entries.
    pub(super) fn packed(self) -> [u32; 2] {
        match self {
            Self::Send(id) => [0, id],
            Self::SetTimer(id) => [1, id],
            Self::Save(id) => [2, id],
            Self::Append(id) => [3, id],
            Self::Sync => [4, 0],
        }
    }

    /// The effects of a list.
    ///
    /// # Panics
    /// If it is not a list of effects.
    pub(super) fn of(list: &[u32]) -> impl Iterator<Item = Self> {
        list.chunks_exact(2).map(|pair| match *pair {
            [0, id] => Self::Send(id),
            [1, id] => Self::SetTimer(id),
            [2, id] => Self::Save(id),
            [3, id] => Self::Append(id),
            [4, _] => Self::Sync,
            _ => panic!("not a list of effects"),
        })
    }
}

/// The storages and effects of the nodes that may come back.
pub(super) struct Durability {
    /// By node: whether it may come back after a crash.
    comes_back: Vec<bool>,
    /// By node: the id of its state when it is made, or [`NONE`] if it never comes back.
    made: Vec<u32>,
    pub(super) durables: Records<Durable>,
    /// Records and entries; the tag is the node's index.
    pub(super) values: Blobs,
    /// Inputs of `restore`; the tag is the node's index.
    pub(super) inputs: Blobs,
    /// From a state and a cause to the list of the handler's effects.
    effects: PairMap,
    found: Vec<Found>,
    /// For a node and its storage: which of `found` it may find. Used for look-ups only; never iterated.
    found_in: FxHashMap<(usize, u32), (u32, u32)>,
}

impl Durability {
    /// Of these nodes, none of which has stored anything.
    pub(super) fn new(comes_back: Vec<bool>) -> Self {
        let mut durables = Records::new();
        durables.intern(Durable { restarts: 0, storage: Lists::EMPTY });
        Self {
            made: vec![NONE; comes_back.len()],
            comes_back,
            durables,
            values: Blobs::default(),
            inputs: Blobs::default(),
            effects: PairMap::new(),
            found: Vec::new(),
            found_in: FxHashMap::default(),
        }
    }

    /// Whether a node may come back after a crash.
    #[inline]
    pub(super) fn comes_back(&self, node: usize) -> bool {
        self.comes_back[node]
    }

    /// Notes the state in which a node is made.
    pub(super) fn note_made(&mut self, node: usize, state: u32) {
        self.made[node] = state;
    }

    /// The state in which a node is made.
    pub(super) fn made(&self, node: usize) -> u32 {
        self.made[node]
    }

    /// Notes the effects of a handler.
    pub(super) fn note_effects(&mut self, (state, cause): (u32, Cause), effects: u32) {
        self.effects.insert(state, cause.packed(), effects);
    }

    /// The list of the effects of a handler that has been called.
    pub(super) fn effects(&self, state: u32, cause: Cause) -> u32 {
        self.effects.get(state, cause.packed()).unwrap_or(Lists::EMPTY)
    }

    /// The storage that is this list.
    pub(super) fn storage(&self, list: &[u32]) -> Storage {
        let [record, synced, log @ ..] = list else { return Storage::default() };
        let bytes = |&id: &u32| self.values.bytes(id).to_vec();
        Storage {
            record: Some(record).filter(|&&record| record != NONE).map(bytes),
            log: log.iter().map(bytes).collect(),
            synced: *synced as usize,
        }
    }

    /// The list of a node's storage.
    pub(super) fn intern(&mut self, node: usize, storage: &Storage, lists: &mut Lists) -> u32 {
        let mut value = |bytes: &Vec<u8>| self.values.intern(node as u64, bytes);
        let record = storage.record.as_ref().map_or(NONE, &mut value);
        let log: Vec<u32> = storage.log.iter().map(value).collect();
        if record == NONE && log.is_empty() {
            return Lists::EMPTY;
        }
        let list: Vec<u32> = [record, storage.synced as u32].into_iter().chain(log).collect();
        lists.intern(&list)
    }

    /// The storage after a handler's effects.
    pub(super) fn written(lists: &mut Lists, storage: u32, effects: u32) -> u32 {
        let (mut record, mut synced, mut log) = match lists.get(storage) {
            [record, synced, log @ ..] => (*record, *synced, log.to_vec()),
            _ => (NONE, 0, Vec::new()),
        };
        for effect in EffectId::of(lists.get(effects)) {
            match effect {
                EffectId::Save(value) => record = value,
                EffectId::Append(value) => log.push(value),
                EffectId::Sync => synced = log.len() as u32,
                EffectId::Send(_) | EffectId::SetTimer(_) => {}
            }
        }
        if record == NONE && log.is_empty() {
            return Lists::EMPTY;
        }
        let list: Vec<u32> = [record, synced].into_iter().chain(log).collect();
        lists.intern(&list)
    }

    /// Computes what a node may find in a storage, each once.
    pub(super) fn find_all(
        &mut self,
        model: FaultModel,
        (node, storage): (usize, u32),
        lists: &mut Lists,
    ) {
        if self.found_in.contains_key(&(node, storage)) {
            return;
        }
        let start = self.found.len();
        let before = self.storage(lists.get(storage));
        for outcome in DiskOutcome::all(model, &before) {
            let Some(left) = outcome.left_of(&before) else { continue };
            let after = Storage::of(&left);
            let storage = self.intern(node, &after, lists);
            if self.found[start..].iter().any(|found| found.storage == storage) {
                continue;
            }
            let record = after.record.as_deref();
            let log = after.log.iter().map(Vec::as_slice);
            let input = StorageBytes::new(record, log).encode();
            let input = self.inputs.intern(node as u64, &input);
            self.found.push(Found { outcome, storage, input });
        }
        let range = (start as u32, self.found.len() as u32);
        self.found_in.insert((node, storage), range);
    }

    /// The indices of what a node may find in a storage, if that has been computed.
    pub(super) fn all_found(&self, node: usize, storage: u32) -> std::ops::Range<u32> {
        let range = self.found_in.get(&(node, storage)).copied();
        range.map_or(0..0, |(start, end)| start..end)
    }

    /// The index of what an outcome leaves in a storage for which that has been computed.
    pub(super) fn position(
        &mut self,
        (node, storage): (usize, u32),
        outcome: &DiskOutcome,
        lists: &mut Lists,
    ) -> Option<u32> {
        let before = self.storage(lists.get(storage));
        let after = Storage::of(&outcome.left_of(&before)?);
        let after = self.intern(node, &after, lists);
        self.all_found(node, storage).find(|&index| self.found(index).storage == after)
    }

    /// What a restarted node finds, by its index.
    pub(super) fn found(&self, index: u32) -> &Found {
        &self.found[index as usize]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.durables.memory_bytes()
            + self.values.memory_bytes()
            + self.inputs.memory_bytes()
            + self.effects.memory_bytes()
            + self.found.capacity() * size_of::<Found>()
    }
}
