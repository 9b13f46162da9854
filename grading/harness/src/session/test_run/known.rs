//! Prefetched results of a test.

use std::collections::BTreeMap;
use std::path::PathBuf;

use faultlab_suites::Kind;

use super::{SeedRun, TestRun};
use crate::session::ahead::Known;
use crate::session::determinism::{self, Repetition};
use crate::session::finding::Finding;
use crate::supervisor::Loss;
use crate::worker::protocol::{Compared, Comparison, RunName};

impl TestRun<'_> {
    /// Takes in prefetched results.
    pub(in crate::session) fn know(&mut self, known: &Known) {
        self.is_compared = known.is_repeatable(self.test.number());
        for index in 0..self.seeds.len() {
            match known.end(self.test.number(), self.seeds[index]) {
                Some(Ok(answer)) => self.note(index, answer),
                // It hung while alone, but not for the time limit that counts.
                Some(Err(Loss::Hung)) => self.suspects.push((index, Loss::Hung)),
                Some(Err(loss)) => {
                    let finding = Some(Finding::of_loss(loss, None, ""));
                    self.runs[index] = Some(SeedRun { finding, end: None, searches: Vec::new() });
                    if loss.is_endless() {
                        self.ahead.insert(index);
                        return self.end_behind(index);
                    }
                }
                None => continue,
            }
            self.ahead.insert(index);
        }
    }

    /// Whether it simulates, and all its runs were prefetched to their end.
    pub(super) fn is_known(&self) -> bool {
        self.test.kind() != Kind::Search
            && self.ahead.len() == self.seeds.len()
            && self.suspects.is_empty()
    }

    /// The run to compare, if it is known that some run differs when repeated.
    pub(in crate::session) fn to_be_compared(&self) -> Option<Comparison> {
        let (index, other) = determinism::checked(&self.ends())?;
        let trace = |repetition: Repetition| self.trace_path(index, repetition.name());
        (self.is_known() && !self.is_compared).then(|| Comparison {
            run: self.name(index),
            other: self.name(other),
            traces: [trace(Repetition::Fresh), trace(Repetition::Used)],
        })
    }

    /// Takes in comparisons that show a difference.
    pub(in crate::session) fn know_compared(&mut self, compared: &BTreeMap<RunName, Compared>) {
        let Some(Comparison { run, .. }) = self.to_be_compared() else { return };
        let Some(&Compared { fresh, also_fresh, used }) = compared.get(&run) else { return };
        let Some((index, _)) = determinism::checked(&self.ends()) else { return };
        let Some((ordinary, _)) = self.runs[index].as_ref().and_then(|run| run.end) else { return };
        let repeated = vec![
            (Repetition::Fresh, Ok(fresh)),
            (Repetition::Used, Ok(also_fresh)),
            (Repetition::Used, Ok(used)),
        ];
        if !matches!(determinism::judge(ordinary, &repeated), Some(Ok(_))) {
            return;
        }
        self.is_compared = true;
        self.repeated = repeated;
        for repetition in [Repetition::Fresh, Repetition::Used] {
            let trace = self.read_trace(index, repetition.name());
            self.recorded_repetitions.extend(trace.map(|trace| (repetition, trace)));
        }
    }

    /// Whether it is known that a run's reruns differ.
    pub(super) fn differs(&self) -> bool {
        self.is_compared && !self.repeated.is_empty()
    }

    /// The failing run to show, and its trace file, if known.
    pub(in crate::session) fn to_be_recorded(&self) -> Option<(RunName, PathBuf)> {
        if !self.is_known() || self.differs() {
            return None;
        }
        let index = self.shown()?;
        self.runs[index].as_ref()?.end?;
        Some((self.name(index), self.trace_path(index, "")))
    }

    /// Takes in the digests of recorded failing runs, and continues.
    pub(in crate::session) fn know_recorded(&mut self, recorded: &BTreeMap<RunName, u64>) {
        if let Some((name, _)) = self.to_be_recorded()
            && let Some(index) = self.seeds.iter().position(|&seed| seed == name.seed)
            && let Some((digest, _)) = self.runs[index].as_ref().and_then(|run| run.end)
            && recorded.get(&name) == Some(&digest)
        {
            self.trace = self.read_trace(index, "").map(|trace| (index, trace));
        }
        self.go_on();
    }
}
