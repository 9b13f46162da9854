//! Bad usage: what was asked for makes no sense.

/// Bad usage, in a few words for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);
