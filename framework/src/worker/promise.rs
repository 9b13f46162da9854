//! What a node promises about its state, checked.
//!
//! What has type parameters is compiled with each submission, without optimisation, and it runs for each new state
//! of a search: so there is little of that here.

use std::hash::Hasher;

use rustc_hash::FxHasher;
use serde::de::DeserializeOwned;

use crate::Node;
use crate::codec::{self, CodecError};

/// What is seen of a copy of a state.
struct Seen {
    bytes: Result<Vec<u8>, CodecError>,
    equals_original: bool,
    hash: u64,
}

/// The first promise that this state, which has this encoding, breaks: in words.
pub(super) fn broken_by<N: Node + DeserializeOwned>(node: &N, bytes: &[u8]) -> Option<String> {
    let clone = seen(&node.clone(), node);
    let read_back = match codec::decode::<N>(bytes) {
        Ok(copy) => Ok(seen(&copy, node)),
        Err(error) => Err(error),
    };
    match judge(bytes, hash_of(node), &clone, read_back) {
        Ok(broken) => broken,
        Err(error) => Some(format!("the state does not survive its encoding: {error}")),
    }
}

fn seen<N: Node>(copy: &N, original: &N) -> Seen {
    Seen { bytes: codec::encode(copy), equals_original: copy == original, hash: hash_of(copy) }
}

fn hash_of<N: Node>(node: &N) -> u64 {
    let mut hasher = Hashing(FxHasher::default());
    node.hash(&mut hasher);
    hasher.finish()
}

/// A hasher that is compiled here, optimised, and not in a submission.
struct Hashing(FxHasher);

impl Hasher for Hashing {
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

fn judge(
    bytes: &[u8],
    hash: u64,
    clone: &Seen,
    read_back: Result<Seen, CodecError>,
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
