//! A file system that is mounted for a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Something mounted on a folder, until this is dropped.
pub struct Mounted(PathBuf);

impl Mounted {
    /// An empty disk of so many bytes; `None` without root.
    pub fn small_disk(place: &Path, bytes: usize) -> Option<Self> {
        fs::create_dir_all(place).expect("a folder");
        let disk = Self(place.to_owned());
        let size = format!("size={bytes}");
        mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], place).then_some(disk)
    }

    /// The folder itself, but read-only; `None` without root.
    pub fn read_only(place: &Path) -> Option<Self> {
        let disk = Self(place.to_owned());
        let path = place.display().to_string();
        (mount(&["--bind", &path], place) && mount(&["-o", "remount,bind,ro"], place))
            .then_some(disk)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

fn mount(words: &[&str], place: &Path) -> bool {
    let output = Command::new("mount").args(words).arg(place).output();
    output.is_ok_and(|output| output.status.success())
}
