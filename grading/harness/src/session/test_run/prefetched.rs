//! Prefetched results of a test.

use std::collections::BTreeMap;
use std::path::PathBuf;

use faultlab_suites::Kind;

use super::{SeedRun, TestRun};
use crate::session::determinism::{self, Rerun};
use crate::session::finding::Finding;
use crate::session::prefetch::Prefetched;
use crate::worker::protocol::{Compared, Comparison, RunName};

impl TestRun<'_> {
    /// Takes in prefetched results.
    pub(in crate::session) fn apply_prefetched(&mut self, known: &Prefetched) {
        self.determinism_known = known.is_repeatable(self.test.number());
        for index in 0..self.seeds.len() {
            match known.end(self.test.number(), self.seeds[index]) {
                Some(Ok(answer)) => self.note(index, answer),
                // It hung even when run alone, but not for the timeout that counts.
                Some(Err(failure)) if failure.is_hang() => {
                    self.failed_runs.push((index, failure.clone()));
                }
                Some(Err(failure)) => {
                    let finding = Some(Finding::of_worker_failure(failure, None, ""));
                    self.runs[index] = Some(SeedRun { finding, end: None, searches: Vec::new() });
                    if failure.never_ends() {
                        self.prefetched.insert(index);
                        return self.skip_remaining_seeds(index);
                    }
                }
                None => continue,
            }
            self.prefetched.insert(index);
        }
    }

    /// Whether it simulates, and all its runs were prefetched to their end.
    pub(super) fn is_prefetched(&self) -> bool {
        self.test.kind() != Kind::Search
            && self.prefetched.len() == self.seeds.len()
            && self.failed_runs.is_empty()
    }

    /// The run to compare, if it is known that some run differs when repeated.
    pub(in crate::session) fn to_be_compared(&self) -> Option<Comparison> {
        let (index, other) = determinism::checked(&self.ends())?;
        let trace = |repetition: Rerun| self.trace_path(index, repetition.name());
        (self.is_prefetched() && !self.determinism_known).then(|| Comparison {
            run: self.name(index),
            other: self.name(other),
            traces: [trace(Rerun::Fresh), trace(Rerun::Used)],
        })
    }

    /// Takes in comparisons that show a difference.
    pub(in crate::session) fn apply_comparisons(&mut self, compared: &BTreeMap<RunName, Compared>) {
        let Some(Comparison { run, .. }) = self.to_be_compared() else { return };
        let Some(&Compared { fresh, second_fresh, used }) = compared.get(&run) else { return };
        let Some((index, _)) = determinism::checked(&self.ends()) else { return };
        let Some((ordinary, _)) = self.runs[index].as_ref().and_then(|run| run.end) else { return };
        let repeated = vec![
            (Rerun::Fresh, Ok(fresh)),
            (Rerun::Used, Ok(second_fresh)),
            (Rerun::Used, Ok(used)),
        ];
        if !matches!(determinism::judge(ordinary, &repeated), Some(Ok(_))) {
            return;
        }
        self.determinism_known = true;
        self.repeated = repeated;
        for repetition in [Rerun::Fresh, Rerun::Used] {
            let trace = self.read_trace(index, repetition.name());
            self.recorded_repetitions.extend(trace.map(|trace| (repetition, trace)));
        }
    }

    /// Whether it is known that a run's reruns differ.
    pub(super) fn differs(&self) -> bool {
        self.determinism_known && !self.repeated.is_empty()
    }

    /// The failing run to show, and its trace file, if known.
    pub(in crate::session) fn to_be_recorded(&self) -> Option<(RunName, PathBuf)> {
        if !self.is_prefetched() || self.differs() {
            return None;
        }
        let index = self.shown()?;
        self.runs[index].as_ref()?.end?;
        Some((self.name(index), self.trace_path(index, "")))
    }

    /// Takes in the digests of recorded failing runs, and continues.
    pub(in crate::session) fn apply_recordings(&mut self, recorded: &BTreeMap<RunName, u64>) {
        if let Some((name, _)) = self.to_be_recorded()
            && let Some(index) = self.seeds.iter().position(|&seed| seed == name.seed)
            && let Some((digest, _)) = self.runs[index].as_ref().and_then(|run| run.end)
            && recorded.get(&name) == Some(&digest)
        {
            self.trace = self.read_trace(index, "").map(|trace| (index, trace));
        }
        self.advance();
    }
}
