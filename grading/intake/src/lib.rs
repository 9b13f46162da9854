//! Intake of one submission: reads a folder or an archive within limits, and finds the lab's files
//! in it.
//!
//! `run-tests.sh`, `submit.sh` and the grader all use this, so that they agree what belongs to a
//! submission.

mod archive;
mod bundle;
mod folder;
mod limits;
mod refusal;
mod select;
mod student_file;

use std::fs;
use std::path::Path;

pub use archive::{is_archive, is_unsupported_archive, without_ending};
pub use bundle::{Bundle, BundleBuilder, has_extension};
pub use limits::Limits;
pub use refusal::{ReadError, Refusal};
pub use select::{LabFiles, Selected, select};
pub use student_file::is_student_file;

/// Reads the folder, archive or source file at `place`. If a folder contains nothing but an archive
/// and files that are no sources, reads the archive.
///
/// # Errors
/// If it is refused or cannot be read.
pub fn read(place: &Path, limits: &Limits) -> Result<Bundle, ReadError> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    if is_unsupported_archive(&name) && !place.is_dir() {
        return Err(Refusal::Format(name.into_owned()).into());
    }
    let mut builder = BundleBuilder::new(limits);
    builder.add(place, &name)?;
    let bundle = builder.finish();
    // A platform may have put the uploaded archive into a folder.
    let archives: Vec<&String> = bundle.others.iter().filter(|path| is_archive(path)).collect();
    match archives[..] {
        [inner] if bundle.sources.is_empty() && place.is_dir() => {
            let mut builder = BundleBuilder::new(limits);
            builder.add(&place.join(inner), inner)?;
            Ok(builder.finish())
        }
        _ => Ok(bundle),
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
        } else if let Some(format) = archive::Format::of(name) {
            archive::read(place, format, self)
        } else {
            let path = self.entry(name)?;
            let mut file = folder::open(place, name)?;
            self.file(path, &mut file).map_err(|error| folder::failed(place, error))??;
            Ok(())
        }
    }
}
