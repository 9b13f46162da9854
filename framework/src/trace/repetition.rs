//! Finds where the events of a run repeat, so that a diagram shows one round of them.
//!
//! A client without an answer asks again until the run ends; a test of memory gives a thousand commands, one after
//! another. Such a run is a *lasso*: it leads somewhere, and then goes round in circles. Two events are alike if
//! they differ only in times, ids, numbers and strings.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::show::variant;
use super::{EventKind, TraceEvent};

/// The most events in a round.
const PERIOD_MAX: usize = 24;

/// The fewest events worth folding.
const FOLDED_MIN: usize = 6;

/// The fewest rounds that make a repetition.
const ROUNDS_MIN: usize = 3;

/// Events that repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repetition {
    /// The first event of the first round.
    pub(super) first: usize,
    /// How many events a round has.
    pub(super) period: usize,
    /// The event after the last one, which may be in the middle of a round.
    pub(super) end: usize,
    /// Whether the rounds differ in nothing but times and ids.
    pub(super) is_exact: bool,
}

impl Repetition {
    /// The events after the first round.
    pub(super) fn folded(&self) -> Range<usize> {
        self.first + self.period..self.end
    }

    /// How many whole rounds follow the first one.
    pub(super) fn times(&self) -> usize {
        self.folded().len() / self.period
    }

    /// Ends before the first round, after the first one, that contains one of these events.
    pub(super) fn end_before(&mut self, events: &BTreeSet<usize>) {
        let folded = self.folded();
        if let Some(event) = events.range(folded.start..folded.end.max(folded.start)).next() {
            self.end = event - (event - self.first) % self.period;
        }
    }

    /// The event of the first round that is like this one.
    fn in_first_round(&self, index: usize) -> usize {
        self.first + (index - self.first) % self.period
    }
}

/// Where the events repeat, in order.
pub(super) fn repetitions(events: &[TraceEvent]) -> Vec<Repetition> {
    let mut interned = Interned::default();
    let alike: Vec<u32> = events.iter().map(|event| interned.number(shape(event, true))).collect();
    let exact: Vec<u32> = events.iter().map(|event| interned.number(shape(event, false))).collect();
    // For each period and each event: how many events from here on are like the one a period later.
    let matches: Vec<Vec<usize>> = (1..=PERIOD_MAX)
        .map(|period| {
            let mut lengths = vec![0; events.len() + 1];
            for index in (0..events.len().saturating_sub(period)).rev() {
                if alike[index] == alike[index + period] {
                    lengths[index] = lengths[index + 1] + 1;
                }
            }
            lengths
        })
        .collect();
    let mut found = Vec::new();
    let mut first = 0;
    while first < events.len() {
        let longest = (1..=PERIOD_MAX)
            .map(|period| (matches[period - 1][first], period))
            .filter(|&(length, period)| length >= FOLDED_MIN && length >= (ROUNDS_MIN - 1) * period)
            // Of equally long ones, the one with the shortest rounds.
            .max_by_key(|&(length, period)| (length, std::cmp::Reverse(period)));
        match longest {
            Some((length, period)) => {
                let end = first + length + period;
                let is_exact = (first..first + length).all(|at| exact[at] == exact[at + period]);
                found.push(Repetition { first, period, end, is_exact });
                first = end;
            }
            None => first += 1,
        }
    }
    found
}

/// The repetition of which this event is in a later round.
pub(super) fn folded_at(repetitions: &[Repetition], index: usize) -> Option<&Repetition> {
    let after = repetitions.partition_point(|repetition| repetition.first <= index);
    repetitions[..after].last().filter(|repetition| repetition.folded().contains(&index))
}

/// The event of a repetition's first round that is like this one; the event itself if it is in none.
pub(super) fn in_first_round(repetitions: &[Repetition], index: usize) -> usize {
    folded_at(repetitions, index).map_or(index, |repetition| repetition.in_first_round(index))
}

/// Texts as numbers. Used for lookups only; never iterated.
#[derive(Default)]
struct Interned(HashMap<String, u32>);

impl Interned {
    fn number(&mut self, text: String) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(text).or_insert(next)
    }
}

/// What an event has in common with those of other rounds. `alike` leaves out numbers, strings and states.
fn shape(event: &TraceEvent, alike: bool) -> String {
    let text = |text: &str| if alike { skeleton(text) } else { text.to_owned() };
    let mut shape = match &event.what {
        EventKind::Deliver { node, from, message, copy, .. } => {
            format!("deliver {node} {from} {copy:?} {}", text(message))
        }
        EventKind::Lose { node, from, message, reason, .. } => {
            format!("lose {node} {from} {reason} {}", text(message))
        }
        EventKind::Fire { node, timer, .. } => format!("fire {node} {}", text(timer)),
        EventKind::Command { node, command, .. } => format!("command {node} {}", text(command)),
        EventKind::Return { node, result, .. } => format!("return {node} {}", text(result)),
        // Everything else is worth being shown.
        other => format!("{other:?} {:?}", event.time_ns),
    };
    for sent in &event.sent {
        let message = if alike { variant(&sent.message).to_owned() } else { text(&sent.message) };
        shape.push_str(&format!("\nsends {} {message}", sent.to));
    }
    for timer in &event.timers {
        let name = if alike { variant(&timer.timer) } else { &timer.timer };
        shape.push_str(&format!("\nsets {name}"));
        if !alike {
            shape.push_str(&format!(" {} {}", timer.min_ns, timer.max_ns));
        }
    }
    if let Some(failure) = &event.failure {
        shape.push_str(&format!("\nfails {failure}"));
    }
    match &event.state {
        Some(state) if !alike => shape.push_str(&format!("\nstate {state}")),
        _ => {}
    }
    shape
}

/// A text without numbers and strings. A list of them counts as one.
fn skeleton(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' => {
                let mut escaped = false;
                for character in rest.by_ref() {
                    if character == '"' && !escaped {
                        break;
                    }
                    escaped = character == '\\' && !escaped;
                }
                out.push('_');
            }
            _ if character.is_ascii_digit() => {
                while rest.next_if(char::is_ascii_digit).is_some() {}
                out.push('_');
            }
            _ => out.push(character),
        }
    }
    while out.contains("_, _") {
        out = out.replace("_, _", "_");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;
    use crate::trace::Incarnation;

    fn fire(node: &str, timer: &str) -> TraceEvent {
        let node = Address::new(node);
        let (id, incarnation) = (0, Incarnation::FIRST);
        TraceEvent::new(Some(0), EventKind::Fire { node, id, timer: timer.to_owned(), incarnation })
    }

    /// A run in which each letter is a timer.
    fn run(letters: &str) -> Vec<TraceEvent> {
        letters.chars().map(|letter| fire("node1", &format!("T{letter}"))).collect()
    }

    fn found(letters: &str) -> Vec<(usize, usize, usize)> {
        let found = repetitions(&run(letters));
        found.iter().map(|it| (it.first, it.period, it.end)).collect()
    }

    #[test]
    fn a_lasso_is_what_leads_to_a_round_and_the_round() {
        assert_eq!(found("xyabcabcabcabc"), [(2, 3, 14)]);
        assert_eq!(found("xyabcabcabcabz"), [(2, 3, 13)]);
        assert_eq!(found("aaaaaaaaz"), [(0, 1, 8)]);
        let lasso = &repetitions(&run("xyabcabcabcab"))[0];
        assert_eq!((lasso.folded(), lasso.times()), (5..13, 2));
        assert_eq!(in_first_round(std::slice::from_ref(lasso), 9), 3);
        assert_eq!(in_first_round(std::slice::from_ref(lasso), 3), 3);
    }

    #[test]
    fn a_repetition_ends_before_the_round_of_an_event() {
        let mut lasso = repetitions(&run("xyabcabcabcabc")).remove(0);
        lasso.end_before(&BTreeSet::from([3, 20]));
        assert_eq!(lasso.folded(), 5..14);
        lasso.end_before(&BTreeSet::from([12]));
        assert_eq!((lasso.folded(), lasso.times()), (5..11, 2));
    }

    #[test]
    fn too_little_is_no_repetition() {
        assert_eq!(found("abcabc"), []);
        assert_eq!(found("aaaa"), []);
        assert_eq!(found("abcdefgh"), []);
    }

    #[test]
    fn two_repetitions_may_follow_each_other() {
        assert_eq!(found("abababababcdcdcdcdcd"), [(0, 2, 10), (10, 2, 20)]);
    }

    #[test]
    fn rounds_may_differ_in_numbers_and_strings() {
        let rounds = |text: &dyn Fn(usize) -> String| {
            let events: Vec<TraceEvent> = (0..9).map(|at| fire("node1", &text(at))).collect();
            let found = repetitions(&events);
            found.first().map(|it| it.is_exact)
        };
        assert_eq!(rounds(&|_| "Retry(7)".to_owned()), Some(true));
        assert_eq!(rounds(&|at| format!("Retry({at})")), Some(false));
        assert_eq!(rounds(&|at| format!("Retry {{ \"a{at}\\\"\" }}")), Some(false));
        assert_eq!(rounds(&|at| format!("All({:?})", vec![1; at + 1])), Some(false));
        let letters = |at: usize| "abcdefghi"[at..=at].to_owned();
        assert_eq!(rounds(&|at| format!("T{}", letters(at))), None);
    }
}
