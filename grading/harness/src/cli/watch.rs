//! `--watch`: reruns on every save.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use anyhow::Result;
use faultlab_suites::Test;

use super::{ALL_POINTS, Request, run_once, sources};
use crate::build::Source;

/// How often files are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(150);

/// Watches the modification times of files.
pub(super) struct FileWatcher {
    places: Vec<PathBuf>,
    seen: Vec<(PathBuf, SystemTime, u64)>,
}

impl FileWatcher {
    fn new(places: Vec<PathBuf>) -> Self {
        let mut watch = Self { places, seen: Vec::new() };
        watch.seen = watch.look();
        watch
    }

    /// Whether a file was saved, added or removed since the last call of `note`.
    pub(super) fn has_changed(&mut self) -> bool {
        self.look() != self.seen
    }

    /// Records the current state of the files.
    fn note(&mut self) {
        self.seen = self.look();
    }

    fn look(&self) -> Vec<(PathBuf, SystemTime, u64)> {
        let mut files = Vec::new();
        let mut places = self.places.clone();
        while let Some(place) = places.pop() {
            let Ok(metadata) = fs::metadata(&place) else { continue };
            if metadata.is_dir() {
                let entries = fs::read_dir(&place).into_iter().flatten().flatten();
                places.extend(entries.map(|entry| entry.path()).filter(|path| {
                    path.is_dir() || path.extension().is_some_and(|extension| extension == "rs")
                }));
            } else {
                let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((place, modified, metadata.len()));
            }
        }
        files.sort();
        files
    }
}

/// Runs, waits for a save, and runs again, until Ctrl-C.
pub(super) fn run(request: &Request<'_>, tests: &[&Test], interrupted: &AtomicBool) -> Result<u8> {
    let mut places = sources(request)?.folders();
    if let Source::Folder(path) | Source::Patch(path) | Source::Archive(path) = &request.source {
        places[0].clone_from(path);
    }
    let mut watch = FileWatcher::new(places);
    loop {
        watch.note();
        if io::IsTerminal::is_terminal(&io::stdout()) {
            write!(anstream::stdout(), "\x1b[2J\x1b[H")?;
        }
        run_once(request, tests, interrupted, Some(&mut watch))?;
        if !watch.has_changed() {
            writeln!(anstream::stdout(), "{:>12} for changes; press Ctrl-C to stop", "Waiting")?;
        }
        while !watch.has_changed() {
            if interrupted.load(Ordering::Relaxed) {
                return Ok(ALL_POINTS);
            }
            thread::sleep(POLL_INTERVAL);
        }
        // Editors save in several steps.
        thread::sleep(Duration::from_millis(30));
    }
}
