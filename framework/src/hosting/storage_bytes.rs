//! What a node's stable storage holds, as bytes.

use serde::{Deserialize, Serialize};

use crate::codec::{self, CodecError, serialize_bytes};

/// What a node's stable storage holds when it starts again after a crash: its record and its log, each value in canonical
/// encoding, or in what a damaged disk made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageBytes<'a> {
    #[serde(borrow)]
    record: Option<ValueBytes<'a>>,
    #[serde(borrow)]
    log: Vec<ValueBytes<'a>>,
}

/// A stored value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct ValueBytes<'a>(#[serde(serialize_with = "serialize_bytes")] &'a [u8]);

impl<'a> StorageBytes<'a> {
    /// This record and this log.
    pub fn new(record: Option<&'a [u8]>, log: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { record: record.map(ValueBytes), log: log.into_iter().map(ValueBytes).collect() }
    }

    /// As bytes.
    ///
    /// # Panics
    /// Never: it always encodes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self).expect("byte strings encode")
    }

    /// The storage that these bytes hold.
    ///
    /// # Errors
    /// When they are not those of a storage.
    pub(super) fn read(mut bytes: &'a [u8]) -> Result<Self, CodecError> {
        codec::decode_from(&mut bytes)
    }

    /// The record.
    pub(super) fn record(&self) -> Option<&'a [u8]> {
        self.record.map(|record| record.0)
    }

    /// The entries of the log.
    pub(super) fn log(&self) -> Vec<&'a [u8]> {
        self.log.iter().map(|entry| entry.0).collect()
    }
}
