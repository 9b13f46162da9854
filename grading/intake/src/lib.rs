//! Intake of one submission: reads a folder or an archive within limits, and finds the lab's files
//! in it.
//!
//! `run-tests.sh`, `submit.sh` and the grader all use this, so that they agree what belongs to a
//! submission.

mod archive;
mod bundle;
mod folder;
mod hints;
mod limits;
mod refusal;
mod select;
mod sniff;
mod student_file;

use std::fs;
use std::path::Path;

pub use archive::{is_archive, is_unsupported_archive, without_ending};
pub use bundle::{Bundle, BundleBuilder, has_extension};
pub use limits::Limits;
pub use refusal::{ReadError, Refusal};
pub use select::{LabFiles, Selected, select};
pub use student_file::is_student_file;

/// Reads the folder, archive or source file at `place`. If it contains nothing but an archive and
/// files that are no sources, reads that archive instead.
///
/// # Errors
/// If it is refused or cannot be read.
pub fn read(place: &Path, limits: &Limits) -> Result<Bundle, ReadError> {
    read_as(place, &place.file_name().unwrap_or_default().to_string_lossy(), limits)
}

/// Like [`read`], for something that the student called `name`.
///
/// # Errors
/// As [`read`].
pub fn read_as(place: &Path, name: &str, limits: &Limits) -> Result<Bundle, ReadError> {
    let mut builder = BundleBuilder::new(limits);
    builder.add(place, name)?;
    inner(builder.finish(), place, name, limits)
}

/// The contents of the archive in `outer`, which was read from `place`, if there are no sources beside it.
/// Archives inside that one are not looked into.
fn inner(outer: Bundle, place: &Path, name: &str, limits: &Limits) -> Result<Bundle, ReadError> {
    let is_archive = |path: &&String| {
        // An escaped name is not the file's.
        (is_archive(path) || is_unsupported_archive(path)) && !path.contains('\\')
    };
    let archives: Vec<&String> = outer.others.iter().filter(is_archive).collect();
    if !outer.sources.is_empty() || archives.is_empty() {
        return Ok(outer);
    }
    let read = |inner: &String| {
        let mut builder = BundleBuilder::new(limits);
        builder.remark(format!("the files are in the archive `{inner}`"));
        if place.is_dir() {
            // A platform may have put the uploaded archive into a folder.
            let place = place.join(inner);
            builder.add(&place, inner)?;
            return self::inner(builder.finish(), &place, inner, limits);
        }
        let mut finder = BundleBuilder::that_wants(inner, limits);
        finder.add(place, name)?;
        if let Some(bytes) = finder.found() {
            archive::read_bytes(bytes, inner, &mut builder)?;
        }
        Ok(builder.finish())
    };
    let candidates = archives.into_iter().take(ARCHIVES_MAX).map(|one| (one.clone(), read(one)));
    the_one_with_sources(candidates.collect())
}

/// How many archives of one submission are looked into.
const ARCHIVES_MAX: usize = 8;

/// Of several archives of one submission, the contents of the only one that has sources; of equal ones, the
/// first.
///
/// # Errors
/// If two differ, or none could be read.
pub fn the_one_with_sources(
    archives: Vec<(String, Result<Bundle, ReadError>)>,
) -> Result<Bundle, ReadError> {
    let mut names = Vec::new();
    let mut chosen: Option<Bundle> = None;
    let mut remarks = Vec::new();
    let mut other = None;
    for (name, read) in archives {
        match read {
            Ok(bundle) if !bundle.sources.is_empty() => {
                if chosen.as_ref().is_none_or(|chosen| chosen.sources != bundle.sources) {
                    names.push(name);
                }
                chosen.get_or_insert(bundle);
            }
            // The machine's fault; it may be the one that counts.
            Err(error @ ReadError::Io { .. }) => return Err(error),
            Ok(_) => {
                remarks.push(format!("ignored: `{name}` contains no Rust source"));
                other = other.or(Some(read));
            }
            Err(ReadError::Refused(ref refusal)) => {
                remarks.push(format!("ignored: {refusal}"));
                other = other.or(Some(read));
            }
        }
    }
    match (chosen, other) {
        (Some(_), _) if names.len() > 1 => Err(Refusal::SeveralArchives { archives: names }.into()),
        (Some(mut bundle), _) => {
            bundle.remarks.extend(remarks);
            Ok(bundle)
        }
        (None, Some(other)) => other,
        (None, None) => Ok(Bundle::default()),
    }
}

impl BundleBuilder<'_> {
    /// Adds the folder or the archive at `place`, or a file with this name.
    ///
    /// # Errors
    /// If it is refused or cannot be read.
    pub fn add(&mut self, place: &Path, name: &str) -> Result<(), ReadError> {
        let kind = fs::symlink_metadata(place).map_err(|error| folder::failed(place, error))?;
        if kind.is_symlink() {
            Err(Refusal::Link(name.to_owned()).into())
        } else if kind.is_dir() {
            folder::read(place, self)
        } else if is_archive(name) || is_unsupported_archive(name) {
            archive::read(place, name, self)
        } else {
            let path = self.entry(name.as_bytes())?;
            let mut file = folder::open(place, name)?;
            self.file(path, &mut file).map_err(|error| folder::failed(place, error))??;
            Ok(())
        }
    }
}
