//! The view of the file system that bubblewrap gives a program: a few of the machine's files and
//! folders, each at its own path.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// A path with more symbolic links than this is treated as a loop.
const LINKS_MAX: u32 = 40;

/// The visible part of the machine's files.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Visible real paths.
    read: BTreeSet<PathBuf>,
    /// Writable real paths.
    write: BTreeSet<PathBuf>,
    /// Symbolic links that lead to them, by real path.
    links: BTreeMap<PathBuf, PathBuf>,
}

impl View {
    /// Adds a readable file or folder and the links that lead to it. Nothing happens if it does not
    /// exist.
    pub(crate) fn read(&mut self, path: &Path) {
        if let Some(real) = self.resolve(path, LINKS_MAX) {
            self.read.insert(real);
        }
    }

    /// Adds a writable folder.
    pub(crate) fn write(&mut self, path: &Path) {
        if let Some(real) = self.resolve(path, LINKS_MAX) {
            self.write.insert(real);
        }
    }

    /// The readable and the writable real paths.
    pub(crate) fn real_paths(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        (self.read.iter().cloned().collect(), self.write.iter().cloned().collect())
    }

    /// bubblewrap's arguments for this view.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        let places = self.read.iter().chain(&self.write).chain(self.links.keys());
        let folders = places
            .filter(|place| !self.is_inside(place))
            .flat_map(|place| place.ancestors().skip(1).filter(|folder| *folder != Path::new("/")));
        // bubblewrap would create these itself, but only root could access them.
        for folder in folders.collect::<BTreeSet<_>>() {
            arguments.extend(["--perms".into(), "0755".into(), "--dir".into(), folder.into()]);
        }
        // Paths are sorted, so folders come before their contents.
        let read = self.read.iter().map(|path| (path, "--ro-bind"));
        let write = self.write.iter().map(|path| (path, "--bind"));
        for (path, bind) in read.chain(write).collect::<BTreeSet<_>>() {
            arguments.extend([bind.into(), path.into(), path.into()]);
        }
        for (place, target) in &self.links {
            if !self.is_inside(place) {
                arguments.extend(["--symlink".into(), target.into(), place.into()]);
            }
        }
        arguments
    }

    /// Whether a path is inside a visible folder.
    fn is_inside(&self, place: &Path) -> bool {
        place
            .ancestors()
            .skip(1)
            .any(|outer| self.read.contains(outer) || self.write.contains(outer))
    }

    /// Returns the real path, and records the links that lead to it.
    fn resolve(&mut self, path: &Path, links_left: u32) -> Option<PathBuf> {
        let mut real = PathBuf::from("/");
        let mut components = path.components();
        while let Some(component) = components.next() {
            match component {
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
                Component::ParentDir => {
                    real.pop();
                }
                Component::Normal(name) => {
                    let place = real.join(name);
                    let kind = fs::symlink_metadata(&place).ok()?.file_type();
                    if !kind.is_symlink() {
                        real = place;
                        continue;
                    }
                    let target = fs::read_link(&place).ok()?;
                    self.links.insert(place, target.clone());
                    let rest = real.join(target).join(components.as_path());
                    return self.resolve(&rest, links_left.checked_sub(1)?);
                }
            }
        }
        Some(real)
    }
}

/// The shared libraries that this program has loaded, and the loader: every Rust program needs
/// them.
pub(crate) fn runtime_libraries() -> BTreeSet<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mapped = maps.lines().filter_map(|line| line.find('/').map(|start| &line[start..]));
    let libraries = mapped.filter(|path| path.contains(".so")).map(PathBuf::from);
    // The C library looks for the others under these names, which are links on some machines.
    let folders = libraries.clone().filter_map(|path| Some(path.parent()?.to_owned()));
    let folders: BTreeSet<PathBuf> = folders.collect();
    let names = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2"];
    let named = folders.iter().flat_map(|folder| names.map(|name| folder.join(name)));
    let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    libraries.chain(named).chain(loaders.map(PathBuf::from)).filter(|path| path.exists()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_to_a_file_are_visible() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        fs::create_dir_all(real.join("versions/2")).unwrap();
        fs::write(real.join("versions/2/tool"), "").unwrap();
        std::os::unix::fs::symlink("versions/2", real.join("current")).unwrap();
        let mut view = View::default();
        view.read(&real.join("current/tool"));
        view.read(&real.join("missing"));
        assert_eq!(view.real_paths().0, [real.join("versions/2/tool")]);
        let arguments = view.arguments();
        let link: Vec<OsString> =
            ["--symlink".into(), "versions/2".into(), real.join("current").into()].into();
        assert!(arguments.ends_with(&link));
        let folders = arguments.iter().filter(|argument| *argument == "--dir").count();
        assert_eq!(folders, real.join("versions/2").ancestors().count() - 1);
    }

    #[test]
    fn a_loop_of_links_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("b", folder.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("b")).unwrap();
        let mut view = View::default();
        view.read(&folder.path().join("a"));
        assert!(view.real_paths().0.is_empty());
    }
}
