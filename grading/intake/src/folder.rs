//! Reads a submission from a folder, never following links out of it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::bundle::{BundleBuilder, EntryPath};
use crate::refusal::{ReadError, Refusal};

/// Reads everything in `folder`.
pub(super) fn read(folder: &Path, filler: &mut BundleBuilder<'_>) -> Result<(), ReadError> {
    read_inside(folder, b"", filler)
}

fn read_inside(
    folder: &Path,
    inside: &[u8],
    filler: &mut BundleBuilder<'_>,
) -> Result<(), ReadError> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|error| failed(folder, error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let place = entry.path();
        let name = entry.file_name();
        let name = name.as_bytes();
        let path = if inside.is_empty() { name.to_vec() } else { [inside, b"/", name].concat() };
        let place_inside = filler.entry(&path)?;
        if place_inside.is_left_behind() {
            continue;
        }
        let kind = entry.file_type().map_err(|error| failed(&place, error))?;
        if kind.is_symlink() {
            filler.refuse(place_inside, Refusal::Link)?;
        } else if kind.is_dir() {
            read_inside(&place, &path, filler)?;
        } else if kind.is_file() {
            read_file(&place, place_inside, filler)?;
        } else {
            filler.refuse(place_inside, Refusal::Special)?;
        }
    }
    Ok(())
}

fn read_file(
    place: &Path,
    path: EntryPath,
    filler: &mut BundleBuilder<'_>,
) -> Result<(), ReadError> {
    let mut file = open(place, &path.path)?;
    let length = file.metadata().map_err(|error| failed(place, error))?.len();
    filler.unpacked(length)?;
    filler.file(path, &mut file).map_err(|error| failed(place, error))??;
    Ok(())
}

/// Opens a file, which must be a regular one even if it was replaced a moment ago.
pub(super) fn open(place: &Path, path: &str) -> Result<File, ReadError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file =
        OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(place).map_err(
            |error| match error.raw_os_error() {
                Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
                    Refusal::Link(path.to_owned()).into()
                }
                _ => failed(place, error),
            },
        )?;
    if !file.metadata().map_err(|error| failed(place, error))?.is_file() {
        return Err(Refusal::Special(path.to_owned()).into());
    }
    Ok(file)
}

pub(super) fn failed(place: &Path, error: io::Error) -> ReadError {
    ReadError::Io { path: place.display().to_string(), error }
}
