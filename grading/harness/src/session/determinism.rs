//! Checks determinism: runs the same seed in fresh and in used processes.

use faultlab::trace::{Divergence, Trace};

use super::finding::{Finding, property};
use crate::report::Status;
use crate::supervisor::WorkerFailure;

/// A rerun of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rerun {
    /// In a fresh process.
    Fresh,
    /// In a fresh process, and there again after another seed.
    Used,
    /// While being recorded.
    Recorded,
}

impl Rerun {
    /// Part of its trace's file name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "-first",
            Self::Used | Self::Recorded => "-second",
        }
    }
}

/// The index of the seed to repeat, and of the one run in between: the first two whose runs
/// finished.
pub(super) fn checked(ends: &[Option<(u64, u64)>]) -> Option<(usize, usize)> {
    let mut ended =
        ends.iter().enumerate().filter(|(_, end)| end.is_some()).map(|(index, _)| index);
    let index = ended.next()?;
    Some((index, ended.next().unwrap_or(index)))
}

/// Compares the digests of one seed's runs: the original, the fresh rerun, and the reruns of a used
/// worker (which ran it, another seed, and it again).
///
/// `None` if all are equal; `Err` if a worker failed for its own reasons.
pub(super) fn judge(
    ordinary: u64,
    repeated: &[(Rerun, Result<u64, WorkerFailure>)],
) -> Option<Result<Rerun, String>> {
    let of = |wanted: Rerun| {
        repeated.iter().filter(move |(repetition, _)| *repetition == wanted).map(|(_, end)| end)
    };
    for end in [Rerun::Fresh, Rerun::Used].into_iter().flat_map(of) {
        if let Err(failure @ (WorkerFailure::Unavailable(_) | WorkerFailure::Cancelled)) = end {
            return Some(Err(format!("a rerun {failure}")));
        }
    }
    let fresh = of(Rerun::Fresh).next();
    let mut used = of(Rerun::Used);
    let second_fresh = used.next();
    // A failed batch has an error in it; a batch that was never requested is empty.
    let differs = |left: Option<&Result<u64, WorkerFailure>>,
                   right: &Result<u64, WorkerFailure>| match (left, right) {
        (None, _) => false,
        (Some(Ok(left)), Ok(right)) => left != right,
        // The original run finished, but the process failed this time.
        _ => true,
    };
    let fresh = fresh?;
    if differs(second_fresh, fresh) {
        return Some(Ok(Rerun::Fresh));
    }
    if differs(used.next_back(), fresh) || differs(Some(fresh), &Ok(ordinary)) {
        return Some(Ok(Rerun::Used));
    }
    None
}

/// The finding for runs that differ, with the place where they differ if it is known.
pub(super) fn finding(repetition: Rerun, seed: u64, difference: Option<&str>) -> Finding {
    let mut reason = match repetition {
        Rerun::Fresh => format!(
            "two runs of seed {seed} differ: something other than state, messages and timers influences them (the clock, randomness, hash map order, a thread)"
        ),
        Rerun::Used | Rerun::Recorded => format!(
            "seed {seed} runs differently in a fresh process than in one that has run before: the code keeps something outside the nodes (a global, a `static`, a file)"
        ),
    };
    if let Some(difference) = difference {
        reason.push_str(&format!("; the runs differ {difference}"));
    }
    Finding::new(Status::Failed, property::DETERMINISM, reason)
}

/// Describes where two recorded runs first differ, and returns the first run up to there.
pub(super) fn first_difference(first: &Trace, second: &Trace) -> Option<(String, Trace)> {
    let divergence = Divergence::between(first, second)?;
    let mut upto = first.clone();
    upto.events.truncate(divergence.event + 1);
    upto.ending = None;
    Some((divergence.to_string(), upto))
}

#[cfg(test)]
mod tests {
    use faultlab_remote::{ProcessExit, ProcessFailure};

    use super::*;

    #[test]
    fn each_pair_of_differing_runs_has_its_own_finding() {
        let repeated = |fresh, used: [u64; 3]| {
            let mut repeated = vec![(Rerun::Fresh, Ok(fresh))];
            repeated.extend(used.map(|digest| (Rerun::Used, Ok(digest))));
            repeated
        };
        assert_eq!(judge(1, &repeated(1, [1, 9, 1])), None);
        assert_eq!(judge(1, &repeated(1, [2, 9, 1])), Some(Ok(Rerun::Fresh)));
        assert_eq!(judge(1, &repeated(1, [1, 9, 2])), Some(Ok(Rerun::Used)));
        assert_eq!(judge(2, &repeated(1, [1, 9, 1])), Some(Ok(Rerun::Used)));
        assert_eq!(judge(1, &[(Rerun::Fresh, Ok(1))]), None);
        assert_eq!(judge(2, &[(Rerun::Fresh, Ok(1))]), Some(Ok(Rerun::Used)));
        let mut lost = repeated(1, [1, 9, 1]);
        lost[0].1 = Err(ProcessFailure::Ended(ProcessExit::Exited(0)).into());
        assert_eq!(judge(1, &lost), Some(Ok(Rerun::Fresh)));
        lost[0].1 = Err(WorkerFailure::Unavailable("no disk".to_owned()));
        assert!(matches!(judge(1, &lost), Some(Err(_))));
    }

    #[test]
    fn runs_that_all_failed_are_not_rerun() {
        assert_eq!(checked(&[None, None]), None);
        assert_eq!(checked(&[None, Some((1, 1))]), Some((1, 1)));
        assert_eq!(checked(&[Some((1, 1)), None, Some((1, 1))]), Some((0, 2)));
    }
}
