//! The cache of builds: one folder for each, of which the least recently used are removed. A build in use is held,
//! and is not removed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How many builds are kept.
const KEPT_MAX: usize = 24;

/// A build that was used this recently is kept, even beyond [`KEPT_MAX`].
const KEPT_AGE: Duration = Duration::from_secs(600);

/// A file of a build. Its folder is not removed from the cache until the last clone of this is dropped, or the process
/// has ended.
#[derive(Clone, Debug)]
pub(super) struct HeldBuild {
    pub(super) file: PathBuf,
    /// Open, with a lock on the folder.
    _folder: Arc<File>,
}

impl HeldBuild {
    /// Holds a build, if it is there.
    fn take(folder: &Path, file: &str) -> io::Result<Option<Self>> {
        let opened = match File::open(folder) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // Whoever removes a build holds its lock until it is gone. Without locks, as on some network disks, only its
        // age protects it.
        let _ = flock(&opened, FlockOperation::LockShared);
        let file = folder.join(file);
        if !file.is_file() {
            return Ok(None);
        }
        // The folder's modification time is the time of its last use.
        let _ = opened.set_modified(SystemTime::now());
        Ok(Some(Self { file, _folder: Arc::new(opened) }))
    }
}

/// A file of the build with this name in a folder of builds, which `make` makes in the folder that it is given if it
/// is not there.
///
/// # Errors
/// The errors of `make`, or that the build cannot be written.
pub(super) fn cached(
    builds: &Path,
    name: &str,
    file: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<HeldBuild> {
    let folder = builds.join(name);
    if let Some(held) = HeldBuild::take(&folder, file)? {
        return Ok(held);
    }
    fs::create_dir_all(builds)?;
    // Compiled in a temporary folder and moved into place, so that a build is complete or absent.
    let aside = tempfile::Builder::new().prefix("building-").tempdir_in(builds)?;
    make(aside.path())?;

    let aside = aside.keep();
    if fs::rename(&aside, &folder).is_err() {
        // Another process has built it in the meantime.
        let _ = fs::remove_dir_all(&aside);
    }
    let Some(held) = HeldBuild::take(&folder, file)? else {
        bail!("{} cannot be written", folder.display());
    };
    prune(builds, KEPT_MAX, KEPT_AGE);
    Ok(held)
}

/// Removes the least recently used builds beyond `kept_max`, except those in use and those used within `kept_age`.
fn prune(builds: &Path, kept_max: usize, kept_age: Duration) {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let mut old: Vec<(SystemTime, PathBuf)> = fs::read_dir(builds)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((modified(&entry.path())?, entry.path())))
        .collect();
    old.sort();
    let surplus = old.len().saturating_sub(kept_max);
    for (modified, folder) in old.into_iter().take(surplus) {
        if modified.elapsed().is_ok_and(|age| age >= kept_age) {
            remove_unless_held(&folder);
        }
    }
}

/// Removes a build that is not in use.
fn remove_unless_held(folder: &Path) {
    let Ok(opened) = File::open(folder) else { return };
    let locked = flock(&opened, FlockOperation::NonBlockingLockExclusive);
    if locked != Err(Errno::WOULDBLOCK) {
        let _ = fs::remove_dir_all(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(builds: &Path, name: &str) -> HeldBuild {
        let make = |folder: &Path| Ok(fs::write(folder.join("suite"), name)?);
        cached(builds, name, "suite", make).expect("it is built")
    }

    #[test]
    fn a_held_build_is_not_removed() {
        let place = tempfile::tempdir().expect("a folder");
        let builds = place.path().join("builds");
        let slow = build(&builds, "slow");
        let used_again = slow.clone();
        drop(slow);
        for number in 0..3 {
            drop(build(&builds, &format!("later-{number}")));
        }
        prune(&builds, 1, Duration::ZERO);
        assert_eq!(fs::read_to_string(&used_again.file).expect("it is there"), "slow");
        let left = fs::read_dir(&builds).expect("it is there").count();
        assert_eq!(left, 2, "the held one, and the one that was used last");

        drop(used_again);
        prune(&builds, 0, Duration::ZERO);
        assert_eq!(fs::read_dir(&builds).expect("it is there").count(), 0);
    }

    #[test]
    fn a_build_is_made_once_and_again_after_it_was_removed() {
        let place = tempfile::tempdir().expect("a folder");
        let mut made = 0;
        for round in 0..3 {
            let make = |folder: &Path| {
                made += 1;
                Ok(fs::write(folder.join("suite"), "")?)
            };
            let held = cached(place.path(), "a", "suite", make).expect("it is built");
            drop(held);
            if round == 1 {
                prune(place.path(), 0, Duration::ZERO);
            }
        }
        assert_eq!(made, 2);
    }

    /// One thread removes builds as fast as it can, also unfinished ones, and others use them: a build that is held
    /// stays.
    #[test]
    fn removing_and_holding_do_not_race() {
        let place = tempfile::tempdir().expect("a folder");
        let hold = |name: &str| {
            let make = |folder: &Path| Ok(fs::write(folder.join("suite"), name)?);
            // What is removed before it is held is not the cache's fault: no age protects it here.
            let held = cached(place.path(), name, "suite", make).ok()?;
            assert!(held.file.is_file(), "a held build is gone");
            Some(held)
        };
        let held: usize = std::thread::scope(|scope| {
            let use_builds = |worker: usize| {
                let names = (0..200).map(move |round| format!("b{}", (worker + round) % 4));
                names.filter_map(|name| hold(&name)).count()
            };
            let workers: Vec<_> =
                (0..3).map(|worker| scope.spawn(move || use_builds(worker))).collect();
            for _ in 0..400 {
                prune(place.path(), 0, Duration::ZERO);
            }
            workers.into_iter().map(|worker| worker.join().expect("no assertion failed")).sum()
        });
        assert!(held > 0, "no build was held");
    }
}
