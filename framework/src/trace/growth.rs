//! Finds what grows in a run that ends because there is too much of something: pending timers, or a node's state.

use std::collections::BTreeMap;
use std::ops::Range;

use super::show::phrases::duration;
use super::{Ending, EventKind, Trace, TraceEvent};
use crate::Address;
use crate::property::Subject;

/// A figure that at least doubles this often grows.
const DOUBLINGS_MIN: usize = 4;

/// How many events of a run that grows are shown from its start, if nothing repeats in it.
const FIRST_SHOWN: usize = 20;

/// How many doublings are listed before the last one.
const LISTED_MAX: usize = 5;

/// A figure that grows until the run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    node: Address,
    figure: Figure,
    /// When the figure first was one, two, four times as large as at first, and so on.
    doublings: Vec<(u64, Option<u64>)>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    /// The timers that a node has set and that have not fired.
    Timers,
    /// The characters of a node's state as text.
    State,
}

impl Growth {
    /// What grows in a run, if something does.
    pub(super) fn of(trace: &Trace) -> Option<Self> {
        let about_state = match &trace.ending {
            Some(Ending::Violated(violation)) => match violation.about.as_deref() {
                Some(Subject::Node { node, holds: None }) => Some(*node),
                _ => None,
            },
            Some(Ending::Failed { .. }) | None => None,
            Some(Ending::Held | Ending::GoalReached { .. }) => return None,
        };
        let state = about_state.and_then(|node| {
            let sizes = sizes(&trace.events, node);
            Self::in_values(node, Figure::State, &sizes)
        });
        state.or_else(|| {
            let pending = pending_timers(&trace.events);
            let most = |values: &Values| values.iter().map(|(value, _)| *value).max();
            let (node, values) = pending.into_iter().max_by_key(|(_, values)| most(values))?;
            Self::in_values(node, Figure::Timers, &values)
        })
    }

    fn in_values(node: Address, figure: Figure, values: &Values) -> Option<Self> {
        let mut doublings: Vec<(u64, Option<u64>)> = Vec::new();
        for &(value, time_ns) in values {
            if value > 0 && doublings.last().is_none_or(|(last, _)| value >= 2 * last) {
                doublings.push((value, time_ns));
            }
        }
        (doublings.len() > DOUBLINGS_MIN).then_some(Self { node, figure, doublings })
    }

    /// The events that need not be shown of a run of so many events in which nothing repeats.
    pub(super) fn folded(count: usize) -> Range<usize> {
        FIRST_SHOWN.min(count)..count.saturating_sub(1).max(FIRST_SHOWN.min(count))
    }

    /// How the figure grows, in one sentence.
    pub(super) fn sentence(&self) -> String {
        let what = match self.figure {
            Figure::Timers => format!("Timers pending at {}", self.node),
            Figure::State => format!("Characters of {}'s state", self.node),
        };
        let step = |&(value, time_ns): &(u64, Option<u64>)| match time_ns {
            Some(time_ns) => format!("{value} at {}", duration(time_ns)),
            None => value.to_string(),
        };
        let listed = self.doublings.len().min(LISTED_MAX);
        let mut steps: Vec<String> = self.doublings[..listed].iter().map(step).collect();
        if self.doublings.len() > LISTED_MAX + 1 {
            steps.push("…".to_owned());
        }
        steps.extend(self.doublings.last().filter(|_| self.doublings.len() > listed).map(step));
        format!("{what}: {}.", steps.join(", "))
    }
}

/// The values of a figure, and when it had them.
type Values = Vec<(u64, Option<u64>)>;

/// The number of pending timers of each node after each of its events.
fn pending_timers(events: &[TraceEvent]) -> BTreeMap<Address, Values> {
    let mut pending: BTreeMap<Address, u64> = BTreeMap::new();
    let mut values: BTreeMap<Address, Values> = BTreeMap::new();
    for event in events {
        let Some(node) = event.what.node() else { continue };
        let count = pending.entry(node).or_default();
        match event.what {
            EventKind::Fire { .. } => *count = count.saturating_sub(1),
            EventKind::Crash { .. } => *count = 0,
            _ => {}
        }
        *count += event.timers.len() as u64;
        values.entry(node).or_default().push((*count, event.time_ns));
    }
    values
}

/// The most timers that were pending at one node at one moment.
pub(super) fn most_pending_timers(events: &[TraceEvent]) -> u64 {
    let pending = pending_timers(events).into_values();
    pending.flatten().map(|(count, _)| count).max().unwrap_or(0)
}

/// The sizes of a node's states.
fn sizes(events: &[TraceEvent], node: Address) -> Values {
    let of_node = events.iter().filter(|event| event.what.node() == Some(node));
    of_node
        .filter_map(|event| Some((event.state.as_ref()?.chars().count() as u64, event.time_ns)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::Violation;
    use crate::trace::{Engine, Header, Origin, SetTimer};

    /// A run in which a client sets so many timers in each event.
    fn run(timers: impl IntoIterator<Item = usize>) -> Trace {
        let client = Address::new("client1");
        let events = timers.into_iter().enumerate().map(|(at, count)| {
            let what = EventKind::Return {
                node: client,
                result: String::new(),
                value: serde_json::Value::Null,
            };
            let mut event = TraceEvent::new(Some(at as u64 * 1_000_000), what);
            let timer = SetTimer { id: 0, timer: "T".to_owned(), min_ns: 1, max_ns: 1 };
            event.timers = vec![timer; count];
            event
        });
        Trace {
            header: Header::new(
                Engine::Simulate,
                &Origin::default(),
                1,
                crate::FaultModel::default(),
                vec![client],
            ),
            events: events.collect(),
            ending: Some(Ending::Violated(Violation {
                property: "few timers".to_owned(),
                expected: "few".to_owned(),
                seen: "many".to_owned(),
                about: Some(Box::new(Subject::Timers)),
            })),
        }
    }

    #[test]
    fn a_figure_that_doubles_grows() {
        let growth = Growth::of(&run([1; 40])).expect("it grows");
        assert_eq!(
            growth.sentence(),
            "Timers pending at client1: 1 at 0ns, 2 at 1ms, 4 at 3ms, 8 at 7ms, 16 at 15ms, 32 at 31ms."
        );
        let growth = Growth::of(&run([1, 1, 2, 4, 8, 16, 32])).expect("it grows");
        assert!(growth.sentence().ends_with("16 at 4ms, …, 64 at 6ms."), "{}", growth.sentence());
    }

    #[test]
    fn a_few_timers_are_no_growth() {
        assert_eq!(Growth::of(&run([1; 10])), None);
        assert_eq!(Growth::of(&run([])), None);
        let held = Trace { ending: Some(Ending::Held), ..run([1; 40]) };
        assert_eq!(Growth::of(&held), None);
    }

    #[test]
    fn the_start_and_the_end_of_a_run_are_shown() {
        assert_eq!(Growth::folded(100), 20..99);
        assert!(Growth::folded(20).is_empty());
        assert!(Growth::folded(5).is_empty());
        assert!(Growth::folded(0).is_empty());
    }
}
