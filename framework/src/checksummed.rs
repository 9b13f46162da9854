//! Values with a checksum, for disks that may damage what they store.

use serde::{Deserialize, Serialize};

use crate::{Value, codec};

/// A value with a checksum, for stable storage that may damage what it holds. If a part of the stored bytes is torn off,
/// or a byte has changed, [`get`](Checksummed::get) says so.
///
/// ```
/// use faultlab::Checksummed;
///
/// // In `Durable`: `type Entry = Checksummed<u64>`. Before `append`:
/// let entry = Checksummed::new(7_u64);
/// // In `restore`:
/// match entry.get() {
///     Some(value) => assert_eq!(*value, 7),
///     None => panic!("the disk has damaged it"),
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checksummed<V> {
    value: V,
    checksum: u32,
}

impl<V: Value> Checksummed<V> {
    /// This value with its checksum.
    #[must_use]
    pub fn new(value: V) -> Self {
        let checksum = checksum(&value);
        Self { value, checksum }
    }

    /// The value, unless its checksum is wrong.
    #[must_use]
    pub fn get(&self) -> Option<&V> {
        (self.checksum == checksum(&self.value)).then_some(&self.value)
    }

    /// The same, as an owned value.
    #[must_use]
    pub fn into_value(self) -> Option<V> {
        (self.checksum == checksum(&self.value)).then_some(self.value)
    }
}

/// The checksum of a value: never 0, which is what a disk has in place of a checksum that it did not write.
fn checksum(value: &impl Value) -> u32 {
    let bytes = codec::encode(value).unwrap_or_default();
    crc32(&bytes).max(1)
}

/// CRC-32 (ISO 3309): it detects every change within 32 bits in a row.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            let low = (crc & 1).wrapping_neg();
            crc = (crc >> 1) ^ (0xedb8_8320 & low);
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        // The check value that catalogues of CRCs give for it.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn every_changed_byte_and_every_torn_end_is_noticed() {
        let value = (300_u64, "an entry of a log".to_owned(), vec![0_u8, 0, 1]);
        let stored = Checksummed::new(value.clone());
        assert_eq!(stored.get(), Some(&value));
        assert_eq!(stored.clone().into_value(), Some(value));
        let bytes = codec::encode(&stored).expect("it encodes");
        let is_trusted = |bytes: &[u8]| {
            let read = codec::decode::<Checksummed<(u64, String, Vec<u8>)>>(bytes);
            read.is_ok_and(|read| read.get().is_some())
        };
        assert!(is_trusted(&bytes));
        for at in 0..bytes.len() {
            for change in 1..=255 {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                assert!(!is_trusted(&changed), "byte {at} changed by {change}");
            }
            let mut torn = bytes.clone();
            torn[at..].fill(0);
            assert!(!is_trusted(&torn), "torn at {at}");
        }
    }
}
