//! Errors of encoding and decoding.

use std::fmt::Display;

/// Why a value could not be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end in the middle of a value.
    #[error("the bytes end in the middle of a value")]
    CutShort,
    /// There are bytes after the end of the value.
    #[error("{0} bytes are left over after the value")]
    LeftOver(usize),
    /// A number needs more bits than its type has.
    #[error("a number does not fit its type")]
    NumberTooLarge,
    /// The bytes are not a valid `bool`, option tag, `char` or string.
    #[error("these bytes are not a {0}")]
    Invalid(&'static str),
    /// The value nests deeper than the decoder's limit.
    #[error("the value nests deeper than {0} levels")]
    TooDeep(u32),
    /// The type needs something that the format does not support.
    #[error(
        "the canonical encoding has no {0}; derive `Serialize` and `Deserialize` without special attributes"
    )]
    Unsupported(&'static str),
    /// The type's own `Serialize` or `Deserialize` failed.
    #[error("{0}")]
    Refused(String),
}

impl serde::ser::Error for CodecError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Refused(message.to_string())
    }
}

impl serde::de::Error for CodecError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Refused(message.to_string())
    }
}
