//! The canonical encoding: a value's identity, as bytes.
//!
//! Two states, messages or timers are equal if their encodings are equal. Searches count distinct
//! encodings, determinism checks compare them, and processes exchange them. The format is compact and
//! not self-describing:
//!
//! | value | bytes |
//! |---|---|
//! | unsigned integers, `char`, lengths, enum variants | LEB128: seven bits a byte, low bits first |
//! | `u8`, `i8`, `bool` | one byte |
//! | signed integers | zigzag, then LEB128 |
//! | `f32`, `f64` | the IEEE 754 bits, little-endian |
//! | strings, byte strings | length, then the bytes |
//! | options | 0, or 1 and the value |
//! | sequences, sets, maps | length, then the elements (key, value) in iteration order |
//! | structs, tuples | the fields in order |
//! | enums | the variant's index, then its fields |
//!
//! The encoder deliberately has no type parameters. A student's crate is compiled without
//! optimisation, in half a second. A concrete encoder is part of this crate, which is compiled once,
//! with optimisation.

mod decode;
mod encode;
mod error;
mod tree;

pub use error::CodecError;
pub use tree::{Fields, Scalar, Tree};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

/// The canonical encoding of a value.
///
/// # Errors
/// When the value's `Serialize` fails, or needs something that the format does not support (a sequence
/// of unknown length). A derived `Serialize` never fails.
pub fn encode<V: Serialize + ?Sized>(value: &V) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    encode_into(value, &mut bytes)?;
    Ok(bytes)
}

/// Appends the canonical encoding of a value to `bytes`.
///
/// # Errors
/// As [`encode`]; `bytes` may then contain a part of the value.
pub fn encode_into<V: Serialize + ?Sized>(
    value: &V,
    bytes: &mut Vec<u8>,
) -> Result<(), CodecError> {
    value.serialize(&mut encode::Encoder::new(bytes))
}

/// A value as a tree, with the names of its types, variants and fields, from the same `Serialize` as its encoding.
///
/// # Errors
/// As [`encode`].
pub fn tree<V: Serialize + ?Sized>(value: &V) -> Result<Tree, CodecError> {
    let (mut bytes, mut tokens) = (Vec::new(), Vec::new());
    value.serialize(&mut encode::Encoder::describing(&mut bytes, &mut tokens))?;
    Tree::of(tokens)
}

/// Decodes a value from all of `bytes`.
///
/// # Errors
/// If the bytes are cut short, have trailing bytes, nest deeper than 128 levels, or do not match the
/// type. Never panics: the bytes may be untrusted.
pub fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, CodecError> {
    let mut decoder = decode::Decoder::new(bytes);
    let value = V::deserialize(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}

/// Decodes a value from the front of `bytes`, and leaves what follows it. The value may borrow from the bytes.
///
/// # Errors
/// As [`decode`], apart from trailing bytes.
pub fn decode_from<'de, V: Deserialize<'de>>(bytes: &mut &'de [u8]) -> Result<V, CodecError> {
    let mut decoder = decode::Decoder::new(bytes);
    let value = V::deserialize(&mut decoder)?;
    *bytes = decoder.rest();
    Ok(value)
}

/// For `#[serde(serialize_with)]` on a byte string: the same encoding as that of a sequence of bytes, but
/// copied at once.
///
/// # Errors
/// When the serializer fails.
pub fn serialize_bytes<S: Serializer>(
    bytes: &impl AsRef<[u8]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes.as_ref())
}

#[cfg(test)]
mod tests;
