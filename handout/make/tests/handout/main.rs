//! The tests of one made handout. They share it, because compiling it takes the longest.

#[path = "../common/mod.rs"]
mod common;

mod contents;
mod editor;
mod journey;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The made handout, in the hands of one test. When the test ends, the handout is as it was made.
struct Handout {
    made: &'static Made,
    _in_use: MutexGuard<'static, ()>,
}

/// The handout as it was made.
struct Made {
    folder: PathBuf,
    /// What git says: the titles of the commits, and every file that is not committed.
    git: String,
}

/// Takes the handout, and makes it for the first test that does so. It has the optional labs, too.
fn handout() -> Handout {
    static MADE: OnceLock<Made> = OnceLock::new();
    static IN_USE: Mutex<()> = Mutex::new(());
    let in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    let made = MADE.get_or_init(|| {
        let folder = common::empty_folder("handout");
        let made = common::run(common::maker().args(["--with", "lab5", "--out"]).arg(&folder));
        assert!(made.status.success(), "{}", common::said(&made));
        let line = "git log --format=%s && git status --porcelain --ignored";
        let git = common::said(&common::run(&mut common::shell(&folder, line)));
        Made { folder, git }
    });
    Handout { made, _in_use: in_use }
}

impl Drop for Handout {
    fn drop(&mut self) {
        let line = "git checkout --quiet . && git clean --quiet --force -d -x";
        common::run(&mut common::shell(&self.made.folder, line));
    }
}
