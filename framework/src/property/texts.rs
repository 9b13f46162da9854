//! Searches a state for many strings at once.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

/// The base of the rolling hash: any odd number that mixes bits well.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Strings that are searched for at once.
///
/// A search takes one pass over the bytes per distinct *length* of the strings (Karp and Rabin,
/// "Efficient randomized pattern-matching algorithms", 1987). The strings of a test have two or three
/// lengths.
pub(super) struct Texts {
    texts: Vec<String>,
    /// By length, the indices of the texts that have this hash.
    by_length: BTreeMap<usize, FxHashMap<u64, Vec<usize>>>,
}

impl Texts {
    pub(super) fn new(texts: Vec<String>) -> Self {
        let mut by_length: BTreeMap<usize, FxHashMap<u64, Vec<usize>>> = BTreeMap::new();
        for (index, text) in texts.iter().enumerate() {
            let hashes = by_length.entry(text.len()).or_default();
            hashes.entry(hash(text.as_bytes())).or_default().push(index);
        }
        Self { texts, by_length }
    }

    /// The number of strings.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The strings that `bytes` contains, in their order.
    pub(super) fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let mut held = vec![false; self.texts.len()];
        for (&length, hashes) in &self.by_length {
            let Some(first) = bytes.get(..length) else { continue };
            let mut rolling = hash(first);
            // The weight of a byte when it leaves the window.
            let leaving = (0..length).fold(1_u64, |worth, _| worth.wrapping_mul(BASE));
            for end in length..=bytes.len() {
                let window = &bytes[end - length..end];
                for &index in hashes.get(&rolling).into_iter().flatten() {
                    held[index] |= self.texts[index].as_bytes() == window;
                }
                if let (Some(&next), Some(&gone)) = (bytes.get(end), window.first()) {
                    rolling = rolling
                        .wrapping_mul(BASE)
                        .wrapping_add(next.into())
                        .wrapping_sub(leaving.wrapping_mul(gone.into()));
                }
            }
        }
        let texts = self.texts.iter().zip(held);
        texts.filter_map(|(text, held)| held.then_some(text.as_str())).collect()
    }
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0_u64, |hash, &byte| hash.wrapping_mul(BASE).wrapping_add(byte.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_found() {
        let texts = ["ab", "bc", "abc", "cab", "ba", ""].map(str::to_owned).to_vec();
        let texts = Texts::new(texts);
        assert_eq!(texts.found_in(b"xabcx"), ["ab", "bc", "abc", ""]);
        assert_eq!(texts.found_in(b"ab"), ["ab", ""]);
        assert_eq!(texts.found_in(b""), [""]);
    }

    proptest! {
        #[test]
        fn equals_a_separate_search_for_each(texts in prop::collection::vec("[ab]{0,4}", 0..8), whole in "[ab]{0,12}") {
            let expected: Vec<&str> =
                texts.iter().map(String::as_str).filter(|text| whole.contains(text)).collect();
            let wanted = Texts::new(texts.clone());
            prop_assert_eq!(wanted.found_in(whole.as_bytes()), expected);
        }
    }
}
