//! Pending timers: a list in the order in which they were set, and the equivalence of such lists.

use std::cmp::Ordering;

/// A pending timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// The timer's value.
    pub value: u64,
    /// Its shortest duration, in nanoseconds.
    pub min_ns: u64,
    /// Its longest duration, in nanoseconds.
    pub max_ns: u64,
}

impl Timer {
    /// Whether the order in which two timers were set matters, because one of them must then fire first.
    fn is_bound_to(&self, other: &Self) -> bool {
        self == other || self.max_ns <= other.min_ns || other.max_ns <= self.min_ns
    }
}

/// The pending timers of a node.
///
/// Two lists are equivalent if one becomes the other by swapping neighbours that are not bound to each
/// other. That is the case exactly if, for any two timers that are bound to each other (a timer is bound to
/// itself), both lists are equal after all other timers are removed. So these shortened lists are compared.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    list: Vec<Timer>,
    meaning: Vec<(Timer, Timer, Vec<Timer>)>,
}

impl Timers {
    /// These timers, in the order in which they were set.
    #[must_use]
    pub fn new(list: Vec<Timer>) -> Self {
        let mut distinct = list.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let mut meaning = Vec::new();
        for (index, one) in distinct.iter().enumerate() {
            for other in distinct[index..].iter().filter(|other| one.is_bound_to(other)) {
                let only = list.iter().filter(|timer| *timer == one || *timer == other);
                meaning.push((*one, *other, only.copied().collect()));
            }
        }
        Self { list, meaning }
    }

    /// The timers, in a possible order in which they were set.
    #[must_use]
    pub fn list(&self) -> &[Timer] {
        &self.list
    }

    /// The timers that may fire next. Of equal timers only the first may, so each is listed once.
    #[must_use]
    pub fn may_fire(&self) -> Vec<Timer> {
        let mut first = Vec::new();
        for (index, timer) in self.list.iter().enumerate() {
            let earlier = &self.list[..index];
            let must_wait = earlier.iter().any(|it| it.max_ns <= timer.min_ns || it == timer);
            if !must_wait {
                first.push(*timer);
            }
        }
        first
    }

    /// The timers after setting another one.
    #[must_use]
    pub fn with(&self, timer: Timer) -> Self {
        let mut list = self.list.clone();
        list.push(timer);
        Self::new(list)
    }

    /// The timers after this one fired; `None` if it is not pending.
    #[must_use]
    pub fn without(&self, timer: Timer) -> Option<Self> {
        let index = self.list.iter().position(|it| *it == timer)?;
        let mut list = self.list.clone();
        list.remove(index);
        Some(Self::new(list))
    }
}

impl PartialEq for Timers {
    fn eq(&self, other: &Self) -> bool {
        self.meaning == other.meaning
    }
}

impl Eq for Timers {}

impl PartialOrd for Timers {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timers {
    fn cmp(&self, other: &Self) -> Ordering {
        self.meaning.cmp(&other.meaning)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// All lists that are reachable by swapping neighbours.
    fn all_equivalent(list: Vec<Timer>) -> BTreeSet<Vec<Timer>> {
        let mut seen = BTreeSet::from([list.clone()]);
        let mut open = vec![list];
        while let Some(list) = open.pop() {
            for index in 1..list.len() {
                if !list[index - 1].is_bound_to(&list[index]) {
                    let mut next = list.clone();
                    next.swap(index - 1, index);
                    if seen.insert(next.clone()) {
                        open.push(next);
                    }
                }
            }
        }
        seen
    }

    #[test]
    fn lists_are_equal_exactly_if_swapping_neighbours_makes_them_the_same() {
        let timer = |value, min_ns, max_ns| Timer { value, min_ns, max_ns };
        let kinds = [timer(0, 1, 1), timer(0, 2, 4), timer(1, 1, 3), timer(1, 3, 5)];
        let number = |code: usize| (0..5).map(|digit| kinds[code >> (2 * digit) & 3]).collect();
        for one in (0..1024).step_by(7) {
            let list: Vec<Timer> = number(one);
            let equivalent = all_equivalent(list.clone());
            for other in 0..1024 {
                let other: Vec<Timer> = number(other);
                let same = Timers::new(list.clone()) == Timers::new(other.clone());
                assert_eq!(same, equivalent.contains(&other), "{list:?} {other:?}");
            }
        }
    }
}
