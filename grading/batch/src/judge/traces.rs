//! The recordings of a submission's runs, which are kept for `--open` as far as there is room for them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use faultlab_harness::report::TestReport;

/// How much is kept of the recordings of one submission, in bytes.
pub const TRACES_BYTES_MAX: u64 = 1 << 20;

/// The file of the recording that a report shows.
pub(super) fn shown(folder: &Path, test: &TestReport) -> Option<PathBuf> {
    Some(folder.join(format!("{}-{}.trace", test.number, test.shown_seed?)))
}

/// Removes all recordings but those that reports show, and of these the longest ones that do not fit.
pub(super) fn tidy(folder: &Path, reports: &[TestReport], bytes_max: u64) {
    let shown: BTreeSet<PathBuf> =
        reports.iter().filter_map(|test| self::shown(folder, test)).collect();
    let mut kept = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        match fs::metadata(&path) {
            Ok(file) if shown.contains(&path) => kept.push((file.len(), path)),
            _ => {
                let _ = fs::remove_file(path);
            }
        }
    }
    kept.sort();
    let mut bytes = 0;
    for (length, path) in kept {
        bytes += length;
        if bytes > bytes_max {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::test;

    #[test]
    fn the_shortest_shown_recordings_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        for (name, length) in [
            ("1.1-5.trace", 60),
            ("1.2-6.trace", 30),
            ("1.3-7.trace", 50),
            ("1.2-9.trace", 1),
            ("1.2-6.printed", 1),
            ("1.2-6-first.trace", 1),
        ] {
            fs::write(file(name), "x".repeat(length)).expect("it is written");
        }
        let reports = [("1.1", 5), ("1.2", 6), ("1.3", 7)]
            .map(|(number, seed)| TestReport { shown_seed: Some(seed), ..test(number, 0, 1) });
        tidy(folder.path(), &reports, 100);
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .expect("it is there")
            .map(|entry| entry.expect("it is readable").file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, ["1.2-6.trace", "1.3-7.trace"]);
    }
}
