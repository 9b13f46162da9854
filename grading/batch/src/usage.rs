//! Usage errors.

/// A usage error, in a few words for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);
