//! The closed loop of a client driver: it gives its client a command, waits for the result, and then gives the
//! next command.
//!
//! This is the rule alone, without I/O, time or storage. A simulation keeps it together with the operations and their
//! times; a search packs it into a number.

/// How far a client driver is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClosedLoop {
    /// The number of results that it has taken.
    pub(crate) answered: u64,
    /// Whether it waits for the result of a command.
    pub(crate) is_waiting: bool,
}

impl ClosedLoop {
    /// The index of the command to give next; `None` while the driver waits, and after the last command. `count` is
    /// the number of commands of the workload, `None` if it is infinite.
    #[inline]
    pub(crate) fn next(self, count: Option<u64>) -> Option<u64> {
        let has_next = count.is_none_or(|count| self.answered < count);
        (!self.is_waiting && has_next).then_some(self.answered)
    }

    /// Whether the driver has all results of its workload and waits for nothing.
    #[inline]
    pub(crate) fn is_done(self, count: Option<u64>) -> bool {
        !self.is_waiting && count.is_some_and(|count| self.answered >= count)
    }

    /// The driver after it has given a command.
    #[inline]
    pub(crate) fn after_command(self) -> Self {
        Self { is_waiting: true, ..self }
    }

    /// The driver after it has taken the result that its client shows after an event. `None` if it waits for no
    /// result: what the client then shows belongs to an earlier command.
    #[inline]
    pub(crate) fn after_result(self) -> Option<Self> {
        self.is_waiting.then_some(Self { answered: self.answered + 1, is_waiting: false })
    }
}
