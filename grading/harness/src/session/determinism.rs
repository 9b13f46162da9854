//! Whether runs can be repeated: the same seed, in fresh processes and in used ones.

use faultlab::trace::{Trace, TraceEvent, What};

use super::finding::{Finding, property, virtual_time};
use crate::report::Status;
use crate::supervisor::Loss;

/// A repetition of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Repetition {
    /// In a process that has done nothing before.
    Fresh,
    /// In such a process, and there again after another seed.
    Used,
    /// While it was recorded.
    Recorded,
}

impl Repetition {
    /// Part of the name of its trace's file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "-first",
            Self::Used | Self::Recorded => "-second",
        }
    }
}

/// The index of the seed that is repeated, and that of the one run between: the first two whose runs
/// came to their end.
pub(super) fn checked(ends: &[Option<(u64, u64)>]) -> Option<(usize, usize)> {
    let mut ended =
        ends.iter().enumerate().filter(|(_, end)| end.is_some()).map(|(index, _)| index);
    let index = ended.next()?;
    Some((index, ended.next().unwrap_or(index)))
}

/// Compares the digests of one seed's runs: the ordinary one's, that of the fresh repetition, and those
/// of the worker that was used in between (which ran it, another, and it again).
///
/// `None` when all are alike; `Err` when a worker failed for reasons of its own.
pub(super) fn judge(
    ordinary: u64,
    repeated: &[(Repetition, Result<u64, Loss>)],
) -> Option<Result<Repetition, String>> {
    let of = |wanted: Repetition| {
        repeated.iter().filter(move |(repetition, _)| *repetition == wanted).map(|(_, end)| end)
    };
    for end in [Repetition::Fresh, Repetition::Used].into_iter().flat_map(of) {
        if let Err(loss @ (Loss::Unusable(_) | Loss::Cancelled)) = end {
            return Some(Err(format!("a repetition of a run {loss}")));
        }
    }
    let fresh = of(Repetition::Fresh).next();
    let mut used = of(Repetition::Used);
    let also_fresh = used.next();
    // A batch that was lost has an error in it; one that was not asked for has nothing.
    let differs = |left: Option<&Result<u64, Loss>>, right: &Result<u64, Loss>| match (left, right)
    {
        (None, _) => false,
        (Some(Ok(left)), Ok(right)) => left != right,
        // It came to its end before, and was lost now.
        _ => true,
    };
    let fresh = fresh?;
    if differs(also_fresh, fresh) {
        return Some(Ok(Repetition::Fresh));
    }
    if differs(used.next_back(), fresh) || differs(Some(fresh), &Ok(ordinary)) {
        return Some(Ok(Repetition::Used));
    }
    None
}

/// What a report says about runs that differ, and where they part if that is known.
pub(super) fn finding(repetition: Repetition, seed: u64, parting: Option<&str>) -> Finding {
    let mut reason = match repetition {
        Repetition::Fresh => format!(
            "seed {seed} was run twice and did not go the same way: something other than state, messages and timers decides what happens (the clock, randomness, the order of a hash map, a thread)"
        ),
        Repetition::Used | Repetition::Recorded => format!(
            "seed {seed} goes one way in a fresh process and another in one that has run before: something is kept outside the nodes (a global, a `static`, a file)"
        ),
    };
    if let Some(parting) = parting {
        reason.push_str(&format!("; the runs part {parting}"));
    }
    Finding::new(Status::Failed, property::DETERMINISM, reason)
}

/// Where two recorded runs part, in words, and the first of them up to there.
pub(super) fn parting(first: &Trace, second: &Trace) -> Option<(String, Trace)> {
    let longest = first.events.len().max(second.events.len());
    let index = (0..longest).find(|&index| first.events.get(index) != second.events.get(index))?;
    let (left, right) = (first.events.get(index), second.events.get(index));
    let what = match (left, right) {
        (Some(left), Some(right)) if left.what == right.what && left.time_ns == right.time_ns => {
            difference(left, right)
        }
        _ => format!("one goes on with {}, the other with {}", name(left), name(right)),
    };
    let time = left.or(right).and_then(|event| event.time_ns).map(virtual_time);
    let at = time.map(|time| format!(" ({time})")).unwrap_or_default();
    let mut upto = first.clone();
    upto.events.truncate(index + 1);
    upto.ending = None;
    Some((format!("at event {}{at}: {what}", index + 1), upto))
}

/// How the same event went differently.
fn difference(left: &TraceEvent, right: &TraceEvent) -> String {
    let event = name(Some(left));
    let texts = |event: &TraceEvent| {
        let sent: Vec<String> =
            event.sent.iter().map(|sent| format!("{} to {}", sent.message, sent.to)).collect();
        let timers: Vec<String> = event.timers.iter().map(|timer| timer.timer.clone()).collect();
        (sent.join(", "), timers.join(", "))
    };
    let ((sent, timers), (other_sent, other_timers)) = (texts(left), texts(right));
    let pair = |what: &str, left: &str, right: &str| {
        let or_nothing =
            |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
        format!(
            "after {event}, one run {what} {}, the other {}",
            or_nothing(left),
            or_nothing(right)
        )
    };
    if sent != other_sent {
        pair("sends", &sent, &other_sent)
    } else if timers != other_timers {
        pair("sets", &timers, &other_timers)
    } else if left.state != right.state {
        let line = |event: &TraceEvent, other: &TraceEvent| {
            let lines = |event: &TraceEvent| -> Vec<String> {
                event
                    .state
                    .iter()
                    .flat_map(|state| state.lines())
                    .map(|line| line.trim().to_owned())
                    .collect()
            };
            let other = lines(other);
            lines(event).into_iter().find(|line| !other.contains(line)).unwrap_or_default()
        };
        pair("leaves the state with", &line(left, right), &line(right, left))
    } else {
        format!("after {event}, what was printed, logged or failed differs")
    }
}

/// An event, in words.
fn name(event: Option<&TraceEvent>) -> String {
    let Some(event) = event else { return "nothing more".to_owned() };
    match &event.what {
        What::Start { node, .. } => format!("the start of {node}"),
        What::Deliver { node, message, .. } => format!("{message} arriving at {node}"),
        What::Lose { node, message, .. } => format!("{message} to {node} being lost"),
        What::Fire { node, timer, .. } => format!("{node}'s timer {timer}"),
        What::Command { node, command, .. } => format!("{node} being given {command}"),
        What::Return { node, result, .. } => format!("{node} having {result}"),
        What::Crash { node } => format!("the crash of {node}"),
        What::Network { change } => change.clone(),
        What::Check { property } => format!("the check of \"{property}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_that_differs_has_its_meaning() {
        let repeated = |fresh, used: [u64; 3]| {
            let mut repeated = vec![(Repetition::Fresh, Ok(fresh))];
            repeated.extend(used.map(|digest| (Repetition::Used, Ok(digest))));
            repeated
        };
        assert_eq!(judge(1, &repeated(1, [1, 9, 1])), None);
        assert_eq!(judge(1, &repeated(1, [2, 9, 1])), Some(Ok(Repetition::Fresh)));
        assert_eq!(judge(1, &repeated(1, [1, 9, 2])), Some(Ok(Repetition::Used)));
        assert_eq!(judge(2, &repeated(1, [1, 9, 1])), Some(Ok(Repetition::Used)));
        assert_eq!(judge(1, &[(Repetition::Fresh, Ok(1))]), None);
        assert_eq!(judge(2, &[(Repetition::Fresh, Ok(1))]), Some(Ok(Repetition::Used)));
        let mut lost = repeated(1, [1, 9, 1]);
        lost[0].1 = Err(Loss::Exited(0));
        assert_eq!(judge(1, &lost), Some(Ok(Repetition::Fresh)));
        lost[0].1 = Err(Loss::Unusable("no disk".to_owned()));
        assert!(matches!(judge(1, &lost), Some(Err(_))));
    }

    #[test]
    fn runs_that_all_were_lost_are_not_repeated() {
        assert_eq!(checked(&[None, None]), None);
        assert_eq!(checked(&[None, Some((1, 1))]), Some((1, 1)));
        assert_eq!(checked(&[Some((1, 1)), None, Some((1, 1))]), Some((0, 2)));
    }
}
