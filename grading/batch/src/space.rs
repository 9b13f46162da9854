//! The space that a batch needs on the disk of its results.

use std::path::Path;

use rustix::fs::statvfs;

use crate::judge::TRACES_BYTES_MAX;

/// What else is kept of a submission: its sources, its record and its feedback, in bytes.
const OTHERS_BYTES: u64 = 512 << 10;

/// What one judge may write besides while it works, in bytes: recordings that are removed again.
const WHILE_JUDGING_BYTES: u64 = 256 << 20;

/// A remark if the disk may become full: it has less space than this many submissions, graded by so many judges at a
/// time, can take at most.
pub(crate) fn remark(results: &Path, submissions: usize, jobs: usize) -> Option<String> {
    let disk = statvfs(results).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let needed = needed(submissions as u64, jobs as u64);
    (free < needed).then(|| {
        format!(
            "{} MiB are free for the results, and this batch may need {} MiB. If the disk becomes full, some \
             submissions have no grade until there is space and the same command runs again",
            free >> 20,
            needed >> 20
        )
    })
}

fn needed(submissions: u64, jobs: u64) -> u64 {
    submissions * (TRACES_BYTES_MAX + OTHERS_BYTES) + jobs * WHILE_JUDGING_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_may_fill_the_disk_is_said_so() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(remark(folder.path(), 0, 0), None);
        let remark = remark(folder.path(), 1 << 40, 2).expect("no disk has so much space");
        assert!(
            remark.contains(" MiB are free for the results, and this batch may need "),
            "{remark}"
        );
        assert_eq!(needed(2, 1), 2 * (TRACES_BYTES_MAX + OTHERS_BYTES) + WHILE_JUDGING_BYTES);
    }
}
