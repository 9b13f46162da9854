//! The clients' commands and results, with their times. Most properties are about these.

use crate::Address;

/// One command of a client, with its result if there was one.
///
/// Commands and results are canonical encodings; the lab's API crate can decode them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The client.
    pub client: Address,
    /// The encoded command.
    pub command: Vec<u8>,
    /// The encoded result that the workload expects, if it expects one.
    pub expected: Option<Vec<u8>>,
    /// The encoded result, if the client has one.
    pub result: Option<Vec<u8>>,
    /// When the command was given, in nanoseconds; 0 in a search, whose states have no times.
    pub call_ns: u64,
    /// When the result was taken, in nanoseconds; 0 in a search.
    pub return_ns: Option<u64>,
}
