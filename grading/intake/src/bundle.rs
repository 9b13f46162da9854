//! Bundles: the paths of all submitted files, and the contents of Rust files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use crate::{Limits, Refusal};

/// Folders that tools leave behind; their contents are never part of a submission.
const LEFT_BEHIND: [&str; 4] = [".git", "__MACOSX", ".idea", ".vscode"];

/// Folders that tools leave behind outside `src`. Inside, they may be modules.
const LEFT_BEHIND_OUTSIDE: [&str; 2] = ["target", "node_modules"];

/// A submission's content: Rust files, and the names of everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Rust files by their path inside the bundle, with `/` between folders.
    pub sources: BTreeMap<String, Vec<u8>>,
    /// Paths of other files, in order, without those that tools leave behind.
    pub others: BTreeSet<String>,
}

/// Builds a bundle, and rejects it when it exceeds a limit.
#[derive(Debug)]
pub struct BundleBuilder<'l> {
    limits: &'l Limits,
    bundle: Bundle,
    entries: u64,
    unpacked_bytes: u64,
    sources_bytes: u64,
}

impl<'l> BundleBuilder<'l> {
    /// An empty bundle.
    #[must_use]
    pub fn new(limits: &'l Limits) -> Self {
        Self { limits, bundle: Bundle::default(), entries: 0, unpacked_bytes: 0, sources_bytes: 0 }
    }

    /// The bundle.
    #[must_use]
    pub fn finish(self) -> Bundle {
        self.bundle
    }

    pub(super) fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// Counts one more entry, and checks its path.
    pub(super) fn entry(&mut self, path: &str) -> Result<String, Refusal> {
        self.entries += 1;
        if self.entries > self.limits.entries_max {
            return Err(too_large("files and folders", self.limits.entries_max));
        }
        clean_path(path, self.limits)
    }

    /// Counts bytes that are, or would be, unpacked.
    pub(super) fn unpacked(&mut self, bytes: u64) -> Result<(), Refusal> {
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(bytes);
        if self.unpacked_bytes > self.limits.unpacked_bytes_max {
            return Err(too_large("bytes, unpacked", self.limits.unpacked_bytes_max));
        }
        Ok(())
    }

    /// Adds a file. Only Rust files are read.
    ///
    /// # Errors
    /// The outer error is a failure of the reader; the inner one is a refusal.
    pub(super) fn file(
        &mut self,
        path: String,
        reader: &mut dyn Read,
    ) -> std::io::Result<Result<(), Refusal>> {
        if is_left_behind(&path) {
            return Ok(Ok(()));
        }
        if !has_extension(&path, "rs") {
            self.bundle.others.insert(path);
            return Ok(Ok(()));
        }
        let mut bytes = Vec::new();
        reader.take(self.limits.file_bytes_max + 1).read_to_end(&mut bytes)?;
        Ok(self.source(path, bytes))
    }

    fn source(&mut self, path: String, bytes: Vec<u8>) -> Result<(), Refusal> {
        let length = bytes.len() as u64;
        if length > self.limits.file_bytes_max {
            return Err(too_large(&format!("bytes in `{path}`"), self.limits.file_bytes_max));
        }
        self.sources_bytes += length;
        if self.sources_bytes > self.limits.sources_bytes_max {
            return Err(too_large("bytes of Rust files", self.limits.sources_bytes_max));
        }
        match self.bundle.sources.insert(path.clone(), bytes) {
            None => Ok(()),
            Some(_) => Err(Refusal::Twice(path)),
        }
    }
}

pub(super) fn too_large(what: &str, limit: u64) -> Refusal {
    Refusal::TooLarge { what: what.to_owned(), limit }
}

/// Whether a path lies in a folder that a tool left behind.
pub(super) fn is_left_behind(path: &str) -> bool {
    let mut is_outside = true;
    path.split('/').any(|part| {
        is_outside &= part != "src";
        LEFT_BEHIND.contains(&part)
            || part.starts_with("._")
            || is_outside && LEFT_BEHIND_OUTSIDE.contains(&part)
    })
}

/// Whether a file's name ends in `.extension`.
#[must_use]
pub fn has_extension(path: &str, extension: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.')
        .is_some_and(|(stem, found)| !stem.is_empty() && found.eq_ignore_ascii_case(extension))
}

/// A path inside a bundle: relative, without `.` and `..`, with `/` as separator (some Windows
/// archivers write `\`).
fn clean_path(path: &str, limits: &Limits) -> Result<String, Refusal> {
    if path.len() > limits.path_bytes_max {
        return Err(too_large("bytes in a file's path", limits.path_bytes_max as u64));
    }
    if path.chars().any(|letter| letter.is_control() || letter == char::REPLACEMENT_CHARACTER) {
        return Err(Refusal::Name(path.escape_debug().to_string()));
    }
    let path = path.replace('\\', "/");
    let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    if path.starts_with('/') || drive || path.split('/').any(|part| part == "..") {
        return Err(Refusal::Escapes(path));
    }
    let parts: Vec<&str> =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.len() > limits.depth_max {
        return Err(too_large("folders in folders", limits.depth_max as u64));
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_folder_is_left_behind_and_a_module_of_its_name_is_not() {
        for path in ["target/a.rs", "lab1/target/src/a.rs", "lab1/src/.git/a.rs", "src/._a.rs"] {
            assert!(is_left_behind(path), "{path}");
        }
        for path in ["src/target/a.rs", "lab1/src/client/node_modules/a.rs", "target.rs"] {
            assert!(!is_left_behind(path), "{path}");
        }
    }

    #[test]
    fn paths_stay_inside() {
        let clean = |path| clean_path(path, &Limits::default());
        assert_eq!(clean("./lab1//src\\client.rs").as_deref(), Ok("lab1/src/client.rs"));
        for path in ["/etc/passwd", "a/../../b", "..", "..\\b", "C:\\b", "c:b", "\\\\host\\b"] {
            assert!(matches!(clean(path), Err(Refusal::Escapes(_))), "{path}");
        }
        for path in ["a\0b", "a\x1b[2Jb", "a\u{fffd}"] {
            assert!(matches!(clean(path), Err(Refusal::Name(_))), "{path:?}");
        }
        for path in ["a".repeat(600), "a/".repeat(40)] {
            assert!(matches!(clean_path(&path, &Limits::default()), Err(Refusal::TooLarge { .. })));
        }
    }
}
