//! What a node is made of.

use serde::Serialize;

use crate::{Address, codec};

/// What a node is made of: its kind, its address and its constructor arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDescriptor {
    /// The name of its kind in the submission.
    pub kind: String,
    /// Its address.
    pub address: Address,
    /// The encoding of its constructor arguments.
    pub arguments: Vec<u8>,
}

impl NodeDescriptor {
    /// A node of this kind, constructed with these arguments.
    ///
    /// # Panics
    /// When the arguments cannot be encoded.
    #[must_use]
    pub fn new(kind: &str, address: Address, arguments: &impl Serialize) -> Self {
        let arguments = codec::encode(arguments).expect("a node's arguments encode");
        Self { kind: kind.to_owned(), address, arguments }
    }
}
