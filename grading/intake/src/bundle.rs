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
    /// Paths of other files, in order, without those that tools leave behind. Bytes that are not text are
    /// escaped.
    pub others: BTreeSet<String>,
    /// Remarks for the student on what was read.
    pub remarks: Vec<String>,
}

impl Bundle {
    /// Adds what another bundle of the same submission contains.
    ///
    /// # Errors
    /// If both contain a source file of the same path with different contents.
    pub fn merge(&mut self, other: Self) -> Result<(), Refusal> {
        for (path, bytes) in other.sources {
            match self.sources.get(&path) {
                Some(there) if *there != bytes => return Err(Refusal::Twice(path)),
                _ => drop(self.sources.insert(path, bytes)),
            }
        }
        self.others.extend(other.others);
        self.remarks.extend(other.remarks);
        Ok(())
    }
}

/// The path of an entry of a folder or an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntryPath {
    /// The path inside the submission, with `/` between folders. What is not plain text is escaped.
    pub path: String,
    /// Whether nothing was escaped.
    is_plain: bool,
}

impl EntryPath {
    /// Whether it lies in a folder that a tool left behind.
    pub(super) fn is_left_behind(&self) -> bool {
        is_left_behind(&self.path)
    }
}

/// Builds a bundle, and rejects it when it exceeds a limit.
#[derive(Debug)]
pub struct BundleBuilder<'l> {
    limits: &'l Limits,
    bundle: Bundle,
    entries: u64,
    unpacked_bytes: u64,
    sources_bytes: u64,
    /// A file that is kept although it is no Rust file: an archive in this archive.
    wanted: Option<Wanted>,
}

/// A file whose contents are wanted, whatever it is.
#[derive(Debug)]
struct Wanted {
    path: String,
    bytes: Option<Vec<u8>>,
}

impl<'l> BundleBuilder<'l> {
    /// An empty bundle.
    #[must_use]
    pub fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            bundle: Bundle::default(),
            entries: 0,
            unpacked_bytes: 0,
            sources_bytes: 0,
            wanted: None,
        }
    }

    /// A builder that only finds the contents of the file at `path`.
    pub(super) fn that_wants(path: &str, limits: &'l Limits) -> Self {
        let wanted = Wanted { path: path.to_owned(), bytes: None };
        Self { wanted: Some(wanted), ..Self::new(limits) }
    }

    /// The contents of the wanted file, if it was there.
    pub(super) fn found(self) -> Option<Vec<u8>> {
        self.wanted?.bytes
    }

    /// Whether the contents of the file at `path` are needed.
    pub(super) fn reads(&self, path: &EntryPath) -> bool {
        match &self.wanted {
            Some(wanted) => wanted.path == path.path,
            None => has_extension(&path.path, "rs") && !path.is_left_behind(),
        }
    }

    /// Adds a remark for the student.
    pub(super) fn remark(&mut self, remark: String) {
        self.bundle.remarks.push(remark);
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
    pub(super) fn entry(&mut self, path: &[u8]) -> Result<EntryPath, Refusal> {
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

    /// Adds a file. Only Rust files are read; what others are called does not matter.
    ///
    /// # Errors
    /// The outer error is a failure of the reader; the inner one is a refusal.
    pub(super) fn file(
        &mut self,
        path: EntryPath,
        reader: &mut dyn Read,
    ) -> std::io::Result<Result<(), Refusal>> {
        if !self.reads(&path) {
            if !path.is_left_behind() {
                self.bundle.others.insert(path.path);
            }
            return Ok(Ok(()));
        }
        let mut bytes = Vec::new();
        if let Some(wanted) = &mut self.wanted {
            let limit = self.limits.inner_archive_bytes_max;
            reader.take(limit + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > limit {
                return Ok(Err(too_large(&format!("bytes in `{}`", path.path), limit)));
            }
            wanted.bytes = Some(bytes);
            return Ok(Ok(()));
        }
        if !path.is_plain {
            return Ok(Err(Refusal::Name(path.path)));
        }
        reader.take(self.limits.file_bytes_max + 1).read_to_end(&mut bytes)?;
        Ok(self.source(path.path, bytes))
    }

    /// Refuses a link or a device, unless a tool left it behind.
    pub(super) fn refuse(
        &self,
        path: EntryPath,
        refusal: fn(String) -> Refusal,
    ) -> Result<(), Refusal> {
        if path.is_left_behind() { Ok(()) } else { Err(refusal(path.path)) }
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
        match self.bundle.sources.get(&path) {
            Some(there) if *there != bytes => return Err(Refusal::Twice(path)),
            _ => {}
        }
        self.bundle.sources.insert(path, bytes);
        Ok(())
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
/// archivers write `\`). Control characters and what is not UTF-8 are escaped.
fn clean_path(path: &[u8], limits: &Limits) -> Result<EntryPath, Refusal> {
    if path.len() > limits.path_bytes_max {
        return Err(too_large("bytes in a file's path", limits.path_bytes_max as u64));
    }
    let path: Vec<u8> = path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    let mut shown = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || letter == char::REPLACEMENT_CHARACTER {
                shown.extend(letter.escape_unicode());
            } else {
                shown.push(letter);
            }
        }
        shown.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    let drive = path.get(1) == Some(&b':') && path[0].is_ascii_alphabetic();
    if shown.starts_with('/') || drive || shown.split('/').any(|part| part == "..") {
        return Err(Refusal::Escapes(shown));
    }
    let parts: Vec<&str> =
        shown.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.len() > limits.depth_max {
        return Err(too_large("folders in folders", limits.depth_max as u64));
    }
    // Only what was escaped contains a backslash.
    Ok(EntryPath { path: parts.join("/"), is_plain: !shown.contains('\\') })
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
        let clean = |path: &str| clean_path(path.as_bytes(), &Limits::default());
        let path = clean("./lab1//src\\client.rs").expect("it is inside");
        assert_eq!(path, EntryPath { path: "lab1/src/client.rs".to_owned(), is_plain: true });
        for path in ["/etc/passwd", "a/../../b", "..", "..\\b", "C:\\b", "c:b", "\\\\host\\b"] {
            assert!(matches!(clean(path), Err(Refusal::Escapes(_))), "{path}");
        }
        for path in ["a".repeat(600), "a/".repeat(40)] {
            assert!(matches!(clean(&path), Err(Refusal::TooLarge { .. })));
        }
    }

    #[test]
    fn only_a_rust_file_needs_a_plain_name() {
        let table: [(&[u8], &str); 5] = [
            (b"Icon\r", "Icon\\u{d}"),
            (b"M\xfcll.txt", "M\\xfcll.txt"),
            (b"a\0b", "a\\u{0}b"),
            ("a\u{fffd}".as_bytes(), "a\\u{fffd}"),
            (b"old\xff/.DS_Store", "old\\xff/.DS_Store"),
        ];
        let limits = Limits::default();
        let add = |path: &[u8]| {
            let mut builder = BundleBuilder::new(&limits);
            let path = builder.entry(path)?;
            builder.file(path, &mut &b""[..]).expect("memory can be read")?;
            Ok(builder.finish())
        };
        for (path, shown) in table {
            let bundle = add(path).expect("it is ignored");
            assert_eq!(bundle.others.into_iter().collect::<Vec<String>>(), [shown]);
        }
        for path in [&b"a\x1b[2Jb.rs"[..], b"M\xfcll.RS", b"M\xfcll/lib.rs"] {
            assert!(matches!(add(path), Err(Refusal::Name(_))));
        }
        assert_eq!(add(b"target/M\xfcll.rs"), Ok(Bundle::default()));
    }
}
