//! The bounds within which a search crashes nodes and starts them again.

/// How often a search may crash the nodes of a group, each of which may then start again.
///
/// ```
/// use faultlab::search::RestartBounds;
///
/// // At most three crashes, at most two of the same node, and never two nodes down at the same time.
/// let bounds = RestartBounds::crashes(3).each(2).down(1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartBounds {
    pub(super) in_all: u32,
    pub(super) each: u32,
    pub(super) down: usize,
}

impl RestartBounds {
    /// At most so many crashes in all.
    #[must_use]
    pub fn crashes(in_all: u32) -> Self {
        Self { in_all, each: in_all, down: usize::MAX }
    }

    /// At most so many crashes of one node.
    #[must_use]
    pub fn each(mut self, crashes: u32) -> Self {
        self.each = crashes;
        self
    }

    /// At most so many of the nodes may be down at any moment. Nodes that have crashed before count.
    #[must_use]
    pub fn down(mut self, nodes: usize) -> Self {
        self.down = nodes;
        self
    }

    /// The bounds in words, for so many nodes.
    pub(super) fn words(self, nodes: usize) -> String {
        let plural = |count: u32, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}es"),
        };
        let mut words = format!("at most {} in all", plural(self.in_all, "crash"));
        if self.each < self.in_all && nodes > 1 {
            words += &format!(", {} of each", self.each);
        }
        if self.down < nodes && (self.down as u64) < u64::from(self.in_all) {
            words += &format!(", {} down at any moment", self.down);
        }
        words
    }
}
