//! Checks determinism: runs the same seed in fresh and in used processes.

use std::collections::BTreeMap;

use faultlab::trace::{Divergence, Trace};

use crate::report::Status;
use crate::session::finding::{Finding, property};
use crate::supervisor::WorkerFailure;
use crate::worker::protocol::Compared;

/// A rerun of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::session) enum Rerun {
    /// In a fresh process.
    Fresh,
    /// In a fresh process, and there again after another seed.
    Used,
    /// While being recorded.
    Recorded,
}

impl Rerun {
    /// The suffix of its trace's file.
    pub(in crate::session) fn suffix(self) -> &'static str {
        match self {
            Self::Fresh => "-first",
            Self::Used | Self::Recorded => "-second",
        }
    }
}

/// The digests of one seed's reruns, in order.
type Reruns = Vec<(Rerun, Result<u64, WorkerFailure>)>;

/// What is known about a test's determinism.
#[derive(Debug, Default)]
pub(super) struct Determinism {
    /// Whether reruns are known to end as the first runs did, so that none are needed.
    pub(super) is_confirmed: bool,
    /// The reruns so far.
    pub(super) reruns: Reruns,
    /// The recordings of two reruns that differ.
    pub(super) traces: BTreeMap<Rerun, Trace>,
    /// The rerun that differs.
    differing: Option<Rerun>,
    finding: Option<Finding>,
}

impl Determinism {
    /// The finding that runs are not deterministic, or could not be repeated.
    pub(super) fn finding(&self) -> Option<&Finding> {
        self.finding.as_ref()
    }

    /// Takes in all reruns at once, if they show a difference; returns whether they do.
    pub(super) fn compare(
        &mut self,
        first: u64,
        digests: Compared,
        traces: [Option<Trace>; 2],
    ) -> bool {
        let Compared { fresh, second_fresh, used } = digests;
        let reruns = vec![
            (Rerun::Fresh, Ok(fresh)),
            (Rerun::Used, Ok(second_fresh)),
            (Rerun::Used, Ok(used)),
        ];
        if !matches!(judge(first, &reruns), Some(Ok(_))) {
            return false;
        }
        self.reruns = reruns;
        let traces = [Rerun::Fresh, Rerun::Used].into_iter().zip(traces);
        self.traces = traces.filter_map(|(rerun, trace)| Some((rerun, trace?))).collect();
        true
    }

    /// Notes that the recording of this seed's run, in a fresh worker, differs from its first run.
    pub(super) fn recording_differs(&mut self, seed: u64) {
        self.finding.get_or_insert_with(|| finding(Rerun::Recorded, seed, None));
    }

    /// Judges the reruns of this seed, whose first run had the digest `first`. Returns the one that
    /// differs, if recordings are needed to say where.
    pub(super) fn judge(&mut self, first: u64, seed: u64) -> Option<Rerun> {
        let differing = match judge(first, &self.reruns) {
            Some(Ok(rerun)) => rerun,
            Some(Err(why)) => {
                self.finding = Some(Finding::infra_error(why));
                return None;
            }
            // The recording may have differed where nothing else did.
            None if self.finding.is_some() => Rerun::Recorded,
            None => return None,
        };
        self.differing = Some(differing);
        self.finding = Some(finding(differing, seed, None));
        (self.traces.len() < 2).then_some(differing)
    }

    /// Says where the recorded reruns of this seed first differ, and returns the trace up to there.
    pub(super) fn explain(&mut self, seed: u64) -> Option<Trace> {
        let (first, second) = (self.traces.get(&Rerun::Fresh)?, self.traces.get(&Rerun::Used)?);
        let (difference, upto) = first_difference(first, second)?;
        self.finding = Some(finding(self.differing?, seed, Some(&difference)));
        Some(upto)
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
fn judge(
    first: u64,
    reruns: &[(Rerun, Result<u64, WorkerFailure>)],
) -> Option<Result<Rerun, String>> {
    let of = |wanted: Rerun| {
        reruns.iter().filter(move |(rerun, _)| *rerun == wanted).map(|(_, end)| end)
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
    if differs(used.next_back(), fresh) || differs(Some(fresh), &Ok(first)) {
        return Some(Ok(Rerun::Used));
    }
    None
}

/// The finding for runs that differ, with the place where they differ if it is known.
fn finding(rerun: Rerun, seed: u64, difference: Option<&str>) -> Finding {
    let mut reason = match rerun {
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
fn first_difference(first: &Trace, second: &Trace) -> Option<(String, Trace)> {
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
