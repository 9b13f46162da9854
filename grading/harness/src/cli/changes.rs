//! Describes what changed since the last run of the same submission.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use faultlab_suites::{Points, TestNumber};
use serde::{Deserialize, Serialize};

use crate::report::{Report, Status};

/// Results of the last runs of a lab, kept in a file.
pub(super) struct LastRun {
    file: PathBuf,
    /// The submission's name.
    submission: String,
    kept: Kept,
}

/// Results by submission and test. A test that was not run keeps its last result.
#[derive(Default, Serialize, Deserialize)]
struct Kept(BTreeMap<String, BTreeMap<TestNumber, LastResult>>);

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct LastResult {
    status: Status,
    points: Points,
}

impl LastRun {
    /// Reads the last results of this submission. An unreadable file counts as empty.
    pub(super) fn read(file: PathBuf, submission: String) -> Self {
        let kept = fs::read_to_string(&file).ok();
        let kept = kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { file, submission, kept }
    }

    /// Describes what changed; nothing after a first run.
    pub(super) fn changes(&self, report: &Report) -> Vec<String> {
        let Some(before) = self.kept.0.get(&self.submission) else { return Vec::new() };
        let mut better = Vec::new();
        let mut worse = Vec::new();
        for test in &report.tests {
            let Some(before) = before.get(&test.number) else { continue };
            if before.points < test.points_earned {
                better.push(test.number.to_string());
            } else if before.points > test.points_earned {
                worse.push(test.number.to_string());
            }
        }
        let mut changes = Vec::new();
        if !better.is_empty() {
            changes.push(format!("better than your last run: {}", better.join(", ")));
        }
        if !worse.is_empty() {
            changes.push(format!("worse than your last run: {}", worse.join(", ")));
        }
        changes
    }

    /// Stores a run's results. A failure to do so does not fail the run.
    pub(super) fn write(mut self, report: &Report) {
        let known = self.kept.0.entry(self.submission).or_default();
        for test in &report.tests {
            known.insert(
                test.number,
                LastResult { status: test.status, points: test.points_earned },
            );
        }
        let folder = self.file.parent().map(fs::create_dir_all);
        if folder.is_some_and(|made| made.is_ok())
            && let Ok(text) = serde_json::to_string(&self.kept)
        {
            let _ = fs::write(&self.file, text);
        }
    }
}
