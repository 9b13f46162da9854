//! A submission: the kinds of nodes that a student provides, by name.

use super::guarded::GuardedKind;
use super::{NodeFailure, NodeKind};

/// The kinds of nodes that a student's code provides for a lab.
///
/// Each lab's API crate builds one from the student's types; engines look kinds up by name.
#[derive(Default)]
pub struct Submission {
    kinds: Vec<Box<dyn NodeKind>>,
}

impl Submission {
    /// A submission that provides nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind of node. Its panics become failures.
    ///
    /// # Panics
    /// If there is already a kind with that name, which is a bug in the API crate.
    #[must_use]
    pub fn with(mut self, kind: impl NodeKind + 'static) -> Self {
        self.add(Box::new(kind));
        self
    }

    /// Not generic, so that it is not compiled for each kind.
    fn add(&mut self, kind: Box<dyn NodeKind>) {
        assert!(self.kind(kind.name()).is_err(), "two kinds are called `{}`", kind.name());
        self.kinds.push(Box::new(GuardedKind(kind)));
    }

    /// The kind with this name.
    ///
    /// # Errors
    /// [`NodeFailure::NotProvided`] when there is none.
    pub fn kind(&self, name: &str) -> Result<&dyn NodeKind, NodeFailure> {
        self.kinds
            .iter()
            .find(|kind| kind.name() == name)
            .map(AsRef::as_ref)
            .ok_or_else(|| NodeFailure::NotProvided(format!("`{name}`")))
    }

    /// All kinds, in the order in which they were added.
    pub fn kinds(&self) -> impl Iterator<Item = &dyn NodeKind> {
        self.kinds.iter().map(AsRef::as_ref)
    }
}
