//! Signatures as an ideal object: a value that only the node whose name it bears can have made.
//!
//! # How it works, and why it is sound
//!
//! A [`Signed`] value has its signer, a tag and the value. The tag is a keyed hash (SipHash-2-4) of the signer's name and
//! the value's encoding. The key is a constant of this module, which no other code can name. So:
//!
//! - **Only a context signs.** The one way to a tag is [`Context::sign`](crate::Context::sign), in the name of the context's
//!   own node. A node does not choose that name: the engine made the context.
//! - **Contexts that a node makes for itself sign nothing.** [`Context::new`](crate::Context::new) is there for unit tests.
//!   What it signs has the tag of another key, and does not decode. The same holds for nodes that a node's own code hosts.
//! - **Whoever decodes verifies.** A signed value whose tag is wrong does not decode, whoever made it: a
//!   corrupting network, a Byzantine node that changes its messages, or a student's code that puts the parts together. Such a
//!   message never reaches a handler. If the network or a Byzantine node has changed it, it is lost, and the trace says so.
//! - **It is the same everywhere**: the tag depends on nothing but name and value. So states and messages stay comparable,
//!   runs can be repeated, searches can tell equal states, and nodes may run in any process.
//!
//! A signature says who made the value, not when or for whom: it can be sent again, by anybody. Put a round or a receiver into
//! the value if that matters.
//!
//! It is an ideal object, not cryptography. The key is in every process that hosts nodes, and is the same in every run.
//! Code that reads the memory of its process could find it; handlers are safe Rust and have no way to. Code could hold a tag
//! as a number that its author has copied from an earlier run; a reader of the code sees that.

use std::cell::Cell;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Address, Value, codec};

/// A value with the signature of a node; see [`Context::sign`](crate::Context::sign).
///
/// ```
/// use faultlab::{Address, Context, Node, Signed};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)] struct Relay;
/// impl Node for Relay {
///     type Message = Signed<u64>;
///     type Timer = ();
///
///     fn on_message(&mut self, from: Address, vote: Signed<u64>, ctx: &mut Context<Self>) {
///         // Whoever relayed it, `vote.signer()` has voted for `vote.value()`.
///         let confirmed = ctx.sign(*vote.value());
///         ctx.send(vote.signer(), confirmed);
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unverified<T>", bound = "T: Value")]
pub struct Signed<T> {
    signer: Address,
    tag: u64,
    value: T,
}

impl<T> Signed<T> {
    /// The node that signed it.
    #[must_use]
    pub fn signer(&self) -> Address {
        self.signer
    }

    /// What it signed.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// What it signed, without the signature.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T: Value> Signed<T> {
    /// The value as this node signs it.
    pub(crate) fn new(signer: Address, value: T, seal: Seal) -> Self {
        let tag = tag(signer, &value, seal);
        Self { signer, tag, value }
    }
}

impl<T: fmt::Debug> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("by", &self.signer).field("value", &self.value).finish()
    }
}

/// The parts of a signed value, whose tag may be wrong.
#[derive(Deserialize)]
#[serde(rename = "Signed")]
struct Unverified<T> {
    signer: Address,
    tag: u64,
    value: T,
}

/// A signature that its signer did not make.
#[derive(Debug, thiserror::Error)]
#[error("{0} did not sign this")]
struct NotSigned(Address);

impl<T: Value> TryFrom<Unverified<T>> for Signed<T> {
    type Error = NotSigned;

    fn try_from(parts: Unverified<T>) -> Result<Self, NotSigned> {
        let Unverified { signer, tag: claimed, value } = parts;
        if tag(signer, &value, Seal::Engine) == claimed {
            Ok(Self { signer, tag: claimed, value })
        } else {
            Err(NotSigned(signer))
        }
    }
}

/// Whose context signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seal {
    /// An engine's: the signature is valid.
    Engine,
    /// One that a unit test made, or a node for itself: the signature does not decode.
    Practice,
}

impl Seal {
    fn key(self) -> [u64; 2] {
        match self {
            Self::Engine => [0x8f3a_61c2_5d94_07be, 0x2b7e_90d1_f6a8_43c5],
            Self::Practice => [0, 0],
        }
    }
}

thread_local! {
    /// How many hosted nodes run their own code on this thread, one within the other.
    static OWN_CODE: Cell<u32> = const { Cell::new(0) };
}

/// The code of a hosted node that is running: a handler, its constructor, or what reads its state.
pub(crate) struct OwnCode;

impl OwnCode {
    /// Begins it. Returns how it signs: a node that another node's code hosts signs nothing.
    pub(crate) fn begin() -> (Self, Seal) {
        let outer = OWN_CODE.replace(OWN_CODE.get() + 1);
        (Self, if outer == 0 { Seal::Engine } else { Seal::Practice })
    }
}

impl Drop for OwnCode {
    fn drop(&mut self) {
        OWN_CODE.set(OWN_CODE.get() - 1);
    }
}

/// The tag of a value that a node signs.
fn tag(signer: Address, value: &impl Serialize, seal: Seal) -> u64 {
    let mut bytes = Vec::new();
    let encoded = codec::encode_into(&signer, &mut bytes)
        .and_then(|()| codec::encode_into(value, &mut bytes));
    // A value that has no encoding cannot be sent either.
    if encoded.is_err() {
        bytes.clear();
    }
    sip_hash(seal.key(), &bytes)
}

/// SipHash-2-4 (Aumasson, Bernstein, *SipHash: a fast short-input PRF*, INDOCRYPT 2012). Written out, because the standard
/// library does not promise that its own hash stays the same.
fn sip_hash([k0, k1]: [u64; 2], bytes: &[u8]) -> u64 {
    let mut state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let mut take = |word: u64| {
        state[3] ^= word;
        (0..2).for_each(|_| sip_round(&mut state));
        state[0] ^= word;
    };
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().for_each(|word| take(u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len() as u8;
    take(u64::from_le_bytes(last));
    state[2] ^= 0xff;
    (0..4).for_each(|_| sip_round(&mut state));
    state.iter().fold(0, |hash, word| hash ^ word)
}

fn sip_round([v0, v1, v2, v3]: &mut [u64; 4]) {
    *v0 = v0.wrapping_add(*v1);
    *v1 = v1.rotate_left(13) ^ *v0;
    *v0 = v0.rotate_left(32);
    *v2 = v2.wrapping_add(*v3);
    *v3 = v3.rotate_left(16) ^ *v2;
    *v0 = v0.wrapping_add(*v3);
    *v3 = v3.rotate_left(21) ^ *v0;
    *v2 = v2.wrapping_add(*v1);
    *v1 = v1.rotate_left(17) ^ *v2;
    *v2 = v2.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_its_authors() {
        // The test vector in the appendix of the paper.
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let bytes: Vec<u8> = (0..15).collect();
        assert_eq!(sip_hash(key, &bytes), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn a_signed_value_is_read_back_and_any_change_is_noticed() {
        let signed = Signed::new(Address::new("server1"), "five".to_owned(), Seal::Engine);
        let bytes = codec::encode(&signed).expect("it encodes");
        assert_eq!(codec::decode::<Signed<String>>(&bytes), Ok(signed));
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                let read = codec::decode::<Signed<String>>(&changed);
                assert!(read.is_err(), "{read:?}");
            }
        }
    }

    #[test]
    fn what_a_node_signs_for_itself_does_not_decode() {
        let practice = Signed::new(Address::new("server1"), 5_u64, Seal::Practice);
        let bytes = codec::encode(&practice).expect("it encodes");
        let error = codec::decode::<Signed<u64>>(&bytes).expect_err("the engine did not make it");
        assert_eq!(error.to_string(), "server1 did not sign this");
        assert_eq!(format!("{practice:?}"), "Signed { by: server1, value: 5 }");
        let (outer, seal) = OwnCode::begin();
        assert_eq!((seal, OwnCode::begin().1), (Seal::Engine, Seal::Practice));
        drop(outer);
        assert_eq!(OwnCode::begin().1, Seal::Engine);
    }
}
