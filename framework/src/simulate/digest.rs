//! A run's digest: everything that happened, hashed to 64 bits.

/// Folds words and bytes into 64 bits, in order. The function must not change; golden tests contain its
/// results.
///
/// The fold multiplies to 128 bits and adds the halves (as in wyhash, Wang Yi 2019): one multiplication
/// per word, and good mixing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digest {
    state: u64,
}

impl Digest {
    pub(super) fn word(&mut self, word: u64) {
        let product =
            u128::from(self.state ^ word ^ 0xa076_1d64_78bd_642f) * 0xe703_7ed1_a0b4_28db_u128;
        self.state = (product as u64) ^ ((product >> 64) as u64);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(word));
        }
    }

    pub(super) fn value(self) -> u64 {
        self.state
    }
}
