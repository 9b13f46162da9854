//! Pending timers: their possible firing orders, and a normal form for equivalent lists.
//!
//! A node's pending timers are listed in the order in which they were set. A timer set later cannot
//! fire before one whose longest duration is at most its own shortest. Without a clock, durations
//! imply nothing else. Two timers that do not constrain each other may be listed in either order; one
//! of the equivalent lists is the normal form.

/// A timer with its bounds; `id` identifies its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pending {
    pub(super) id: u32,
    pub(super) min_ns: u64,
    pub(super) max_ns: u64,
}

impl Pending {
    /// Whether this timer, set before `later`, must fire before it.
    pub(super) fn precedes(&self, later: &Self) -> bool {
        self.max_ns <= later.min_ns
    }

    /// Whether it matters which of the two was set first.
    fn is_ordered_with(&self, other: &Self) -> bool {
        self.precedes(other) || other.precedes(self) || self == other
    }
}

/// Whether the timer at `index` may fire next, and is the first of its equals that may.
pub(super) fn may_fire(timers: &[Pending], index: usize) -> bool {
    timers[..index]
        .iter()
        .all(|earlier| !earlier.precedes(&timers[index]) && *earlier != timers[index])
}

/// Normalises a list: of the timers that could come first, the smallest does, and so on (the
/// lexicographic normal form of a Mazurkiewicz trace).
pub(super) fn normalise(timers: &mut [Pending]) {
    for place in 0..timers.len() {
        let rest = &timers[place..];
        let smallest = (0..rest.len())
            .filter(|&index| {
                rest[..index].iter().all(|earlier| !earlier.is_ordered_with(&rest[index]))
            })
            .min_by_key(|&index| rest[index])
            .unwrap_or(0);
        timers[place..=place + smallest].rotate_right(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(id: u32, ns: u64) -> Pending {
        Pending { id, min_ns: ns, max_ns: ns }
    }

    #[test]
    fn timers_of_one_length_fire_in_order() {
        let timers = [exact(7, 10), exact(3, 10), exact(7, 10)];
        assert_eq!([true, false, false], [0, 1, 2].map(|index| may_fire(&timers, index)));
        let mut same = timers;
        normalise(&mut same);
        assert_eq!(same, timers, "their order is part of the state");
    }

    #[test]
    fn a_shorter_timer_may_overtake_a_longer_one() {
        let timers = [exact(1, 100), exact(2, 10)];
        assert!(may_fire(&timers, 0) && may_fire(&timers, 1));
        let other_way = [exact(2, 10), exact(1, 100)];
        assert!(may_fire(&other_way, 0) && !may_fire(&other_way, 1));
        let (mut first, mut second) = (timers, other_way);
        normalise(&mut first);
        normalise(&mut second);
        assert_ne!(first, second, "set in the other order, they constrain each other");
    }

    #[test]
    fn overlapping_ranges_have_one_form() {
        let (a, b) =
            (Pending { id: 1, min_ns: 10, max_ns: 20 }, Pending { id: 2, min_ns: 15, max_ns: 30 });
        let (mut first, mut second) = ([a, b], [b, a]);
        normalise(&mut first);
        normalise(&mut second);
        assert_eq!(first, second);
        // Two equal timers lead to the same successor, whichever fires.
        assert!(may_fire(&[a, a], 0) && !may_fire(&[a, a], 1));
    }
}
