//! Checks a node's contract: what every node must guarantee about its state.
//!
//! Generic code is compiled with each submission, without optimisation, and runs for each new state
//! of a search. So there is as little of it as possible.

use std::hash::Hasher;

use rustc_hash::FxHasher;
use serde::de::DeserializeOwned;

use crate::Node;
use crate::codec::{self, CodecError};

/// The observed properties of a copy of a state.
struct CopyCheck {
    bytes: Result<Vec<u8>, CodecError>,
    equals_original: bool,
    hash: u64,
}

/// Describes the first contract violation of a state with this encoding.
pub(super) fn violation_of<N: Node + DeserializeOwned>(node: &N, bytes: &[u8]) -> Option<String> {
    let clone = seen(&node.clone(), node);
    let read_back = match codec::decode::<N>(bytes) {
        Ok(copy) => Ok(seen(&copy, node)),
        Err(error) => Err(error),
    };
    match first_violation(bytes, hash_of(node), &clone, read_back) {
        Ok(broken) => broken,
        Err(error) => Some(format!("the state does not survive its encoding: {error}")),
    }
}

fn seen<N: Node>(copy: &N, original: &N) -> CopyCheck {
    CopyCheck { bytes: codec::encode(copy), equals_original: copy == original, hash: hash_of(copy) }
}

fn hash_of<N: Node>(node: &N) -> u64 {
    let mut hasher = OptimizedHasher(FxHasher::with_seed(SEED));
    node.hash(&mut hasher);
    hasher.finish()
}

/// Any number but 0. Starting from 0, this hasher would ignore zeros.
const SEED: usize = 1;

/// A hasher that is compiled here, optimised, and not with each submission.
struct OptimizedHasher(FxHasher);

impl Hasher for OptimizedHasher {
    #[inline(never)]
    fn finish(&self) -> u64 {
        self.0.finish()
    }

    #[inline(never)]
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    #[inline(never)]
    fn write_u8(&mut self, value: u8) {
        self.0.write_u8(value);
    }

    #[inline(never)]
    fn write_u16(&mut self, value: u16) {
        self.0.write_u16(value);
    }

    #[inline(never)]
    fn write_u32(&mut self, value: u32) {
        self.0.write_u32(value);
    }

    #[inline(never)]
    fn write_u128(&mut self, value: u128) {
        self.0.write_u128(value);
    }

    #[inline(never)]
    fn write_u64(&mut self, value: u64) {
        self.0.write_u64(value);
    }

    #[inline(never)]
    fn write_usize(&mut self, value: usize) {
        self.0.write_usize(value);
    }

    #[inline(never)]
    fn write_isize(&mut self, value: isize) {
        self.0.write_isize(value);
    }
}

fn first_violation(
    bytes: &[u8],
    hash: u64,
    clone: &CopyCheck,
    read_back: Result<CopyCheck, CodecError>,
) -> Result<Option<String>, CodecError> {
    if clone.bytes.as_ref().map_err(Clone::clone)? != bytes {
        return Ok(Some("a clone of the state encodes differently from its original".to_owned()));
    }
    let read_back = read_back?;
    if read_back.bytes.as_ref().map_err(Clone::clone)? != bytes {
        return Ok(Some(
            "the state encodes differently after it was encoded and read back".to_owned(),
        ));
    }
    for (what, copy) in
        [("a clone of the state", clone), ("the state, encoded and read back,", &read_back)]
    {
        if !copy.equals_original {
            return Ok(Some(format!("{what} is not equal to its original (`PartialEq`)")));
        }
        if copy.hash != hash {
            return Ok(Some(format!("{what} does not hash like its original (`Hash`)")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{Address, Context};

    /// The part of the contract that the node violates.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    enum Odd {
        Nothing,
        Clone,
        Eq,
        Hash,
    }

    /// A node that knows whether it is a clone.
    #[derive(Debug, Serialize, Deserialize)]
    struct Copied {
        odd: Odd,
        #[serde(skip)]
        copies: u64,
        encoded: u64,
    }

    impl Clone for Copied {
        fn clone(&self) -> Self {
            let encoded = self.encoded + u64::from(self.odd == Odd::Clone);
            Self { odd: self.odd, copies: self.copies + 1, encoded }
        }
    }

    impl PartialEq for Copied {
        fn eq(&self, other: &Self) -> bool {
            self.odd != Odd::Eq || self.copies == other.copies
        }
    }

    impl Eq for Copied {}

    impl Hash for Copied {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.encoded.hash(state);
            if self.odd == Odd::Hash {
                self.copies.hash(state);
            }
        }
    }

    impl Node for Copied {
        type Message = ();
        type Timer = ();

        fn on_message(&mut self, _: Address, (): (), _: &mut Context<Self>) {}
    }

    fn said(odd: Odd) -> Option<String> {
        let node = Copied { odd, copies: 0, encoded: 0 };
        violation_of(&node, &codec::encode(&node).expect("it encodes"))
    }

    #[test]
    fn each_contract_violation_is_named() {
        assert_eq!(said(Odd::Nothing), None);
        for (odd, words) in
            [(Odd::Clone, "encodes differently"), (Odd::Eq, "not equal"), (Odd::Hash, "hash like")]
        {
            let said = said(odd).expect("a violation");
            assert!(said.starts_with("a clone of the state") && said.contains(words), "{said}");
        }
    }

    #[test]
    fn numbers_of_all_widths_are_hashed() {
        let hash = |value: &dyn Fn(&mut OptimizedHasher)| {
            let mut hasher = OptimizedHasher(FxHasher::with_seed(SEED));
            value(&mut hasher);
            hasher.finish()
        };
        let mut hashes = vec![hash(&|_| {})];
        hashes.push(hash(&|to| 0_u8.hash(to)));
        hashes.push(hash(&|to| (0_u16, 0_u16).hash(to)));
        hashes.push(hash(&|to| (0_u32, 0_u16, 0_u8).hash(to)));
        hashes.push(hash(&|to| 1_u64.hash(to)));
        hashes.push(hash(&|to| 2_u128.hash(to)));
        hashes.push(hash(&|to| (-3_isize).hash(to)));
        hashes.push(hash(&|to| 4_usize.hash(to)));
        hashes.push(hash(&|to| "text".hash(to)));
        let distinct: std::collections::BTreeSet<u64> = hashes.iter().copied().collect();
        assert_eq!(distinct.len(), hashes.len(), "{hashes:?}");
    }
}
