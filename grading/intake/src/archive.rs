//! Reads a submission from a `.zip`, `.tar` or `.tar.gz` in memory, with size limits.
//!
//! Nothing is unpacked to disk. Only the contents of Rust files are kept. Sizes that the archive
//! claims are never trusted, and neither is its name: its first bytes say what it is.

use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use zip::result::ZipError;

use crate::bundle::{BundleBuilder, too_large};
use crate::folder;
use crate::refusal::{ReadError, Refusal};
use crate::sniff::{FileType, START_BYTES, file_type, office_document};

/// The format of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Zip,
    Tar,
    TarGz,
}

impl Format {
    const NAMES: [(&'static str, Self); 4] =
        [(".zip", Self::Zip), (".tar", Self::Tar), (".tar.gz", Self::TarGz), (".tgz", Self::TarGz)];

    /// The format of an archive, by its name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::split(name).map(|(_, format)| format)
    }

    /// The name without the archive's ending, and the format.
    fn split(name: &str) -> Option<(&str, Self)> {
        Self::NAMES.iter().find_map(|&(ending, format)| {
            let split = name.len().checked_sub(ending.len()).filter(|split| *split > 0)?;
            let (stem, found) = name.split_at_checked(split)?;
            found.eq_ignore_ascii_case(ending).then_some((stem, format))
        })
    }
}

/// Whether a file is an archive that can be read, by its name.
#[must_use]
pub fn is_archive(name: &str) -> bool {
    Format::of(name).is_some()
}

/// Extensions of known archives that are not supported.
const NOT_OPENED: [&str; 12] = [
    ".rar", ".7z", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".gz", ".xz", ".bz2",
    ".zst", ".lz",
];

/// The name without the extension of an unsupported archive.
fn not_opened(name: &str) -> Option<&str> {
    NOT_OPENED.iter().find_map(|ending| {
        let (stem, found) = name.split_at_checked(name.len().checked_sub(ending.len())?)?;
        (!stem.is_empty() && found.eq_ignore_ascii_case(ending)).then_some(stem)
    })
}

/// Whether a file is an archive that cannot be read, by its name.
#[must_use]
pub fn is_unsupported_archive(name: &str) -> bool {
    !is_archive(name) && not_opened(name).is_some()
}

/// The name without an archive's ending.
#[must_use]
pub fn without_ending(name: &str) -> &str {
    Format::split(name).map(|(stem, _)| stem).or_else(|| not_opened(name)).unwrap_or(name)
}

/// Reads the archive at `place`, whose name `name` is.
pub(super) fn read(
    place: &Path,
    name: &str,
    filler: &mut BundleBuilder<'_>,
) -> Result<(), ReadError> {
    let file = folder::open(place, name)?;
    read_any(BufReader::new(file), name, filler).map_err(|error| match error {
        ArchiveError::Refused(refusal) => refusal.into(),
        // If a file was opened but cannot be read, that is the disk's fault, not the student's.
        ArchiveError::Io(error) if error.raw_os_error().is_some() => folder::failed(place, error),
        ArchiveError::Io(error) => broken(name, &error),
        ArchiveError::Zip(error) => broken(name, &error),
    })
}

/// Reads an archive that was inside another one.
pub(super) fn read_bytes(
    bytes: Vec<u8>,
    name: &str,
    filler: &mut BundleBuilder<'_>,
) -> Result<(), ReadError> {
    read_any(Cursor::new(bytes), name, filler).map_err(|error| match error {
        ArchiveError::Refused(refusal) => refusal.into(),
        ArchiveError::Io(error) => broken(name, &error),
        ArchiveError::Zip(error) => broken(name, &error),
    })
}

/// Reads an archive by what its first bytes say, or else its name.
fn read_any(
    mut reader: impl Read + Seek,
    name: &str,
    filler: &mut BundleBuilder<'_>,
) -> Result<(), ArchiveError> {
    let mut start = Vec::with_capacity(START_BYTES);
    reader.by_ref().take(START_BYTES as u64).read_to_end(&mut start)?;
    reader.rewind()?;
    let found = file_type(&start);
    let format = match (found, Format::of(name)) {
        (FileType::Archive(format), _) => format,
        (FileType::Other(what), _) => {
            let (name, what) = (name.to_owned(), what.to_owned());
            return Err(Refusal::NotAnArchive { name, what }.into());
        }
        (FileType::Unknown, Some(format)) => format,
        (FileType::Unknown, None) => return Err(Refusal::Format(name.to_owned()).into()),
    };
    let result = match format {
        Format::Zip => read_zip(&mut reader, name, filler),
        Format::Tar => read_tar(&mut reader, filler),
        Format::TarGz => read_tar(MultiGzDecoder::new(&mut reader), filler),
    };
    let is_cut_off = match &result {
        Err(ArchiveError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => true,
        Err(_) if found != FileType::Archive(format) => false,
        Err(ArchiveError::Io(_)) => format == Format::Tar && is_at_end(&mut reader)?,
        Err(ArchiveError::Zip(_)) => lacks_end(&mut reader)?,
        Ok(()) | Err(ArchiveError::Refused(_)) => false,
    };
    if is_cut_off { Err(Refusal::CutOff(name.to_owned()).into()) } else { result }
}

/// Whether everything was read.
fn is_at_end(reader: &mut (impl Read + Seek)) -> io::Result<bool> {
    Ok(reader.stream_position()? == reader.seek(SeekFrom::End(0))?)
}

/// Whether a Zip archive lacks the list of its files, with which it ends.
fn lacks_end(reader: &mut (impl Read + Seek)) -> io::Result<bool> {
    const SIGNATURE: &[u8] = b"PK\x05\x06";
    /// The end's own bytes, and the longest comment after it.
    const END_BYTES_MAX: u64 = 22 + u16::MAX as u64;
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(length.saturating_sub(END_BYTES_MAX)))?;
    let mut end = Vec::new();
    reader.take(END_BYTES_MAX).read_to_end(&mut end)?;
    Ok(!end.windows(SIGNATURE.len()).any(|bytes| bytes == SIGNATURE))
}

fn broken(archive: &str, error: &dyn std::error::Error) -> ReadError {
    Refusal::Broken { archive: archive.to_owned(), error: error.to_string() }.into()
}

#[derive(Debug, thiserror::Error)]
enum ArchiveError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Io(io::Error),
    #[error(transparent)]
    Zip(ZipError),
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        // The error may be a refusal that one of our readers returned.
        match error.downcast::<Refusal>() {
            Ok(refusal) => Self::Refused(refusal),
            Err(error) => Self::Io(error),
        }
    }
}

impl From<ZipError> for ArchiveError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => error.into(),
            error => Self::Zip(error),
        }
    }
}

fn read_zip(
    reader: &mut (impl Read + Seek),
    archive_name: &str,
    filler: &mut BundleBuilder<'_>,
) -> Result<(), ArchiveError> {
    let mut archive = zip::ZipArchive::new(reader)?;
    if archive.len() as u64 > filler.limits().entries_max {
        let limit = filler.limits().entries_max;
        return Err(too_large("files and folders", limit).into());
    }
    if let Some(what) = office_document(archive.file_names().flatten()) {
        let (name, what) = (archive_name.to_owned(), what.to_owned());
        return Err(Refusal::NotAnArchive { name, what }.into());
    }
    for index in 0..archive.len() {
        // Opened without decompression, since skipped entries may use any method.
        let entry = archive.by_index_raw(index)?;
        let name = match std::str::from_utf8(entry.name_raw()) {
            Ok(name) => name.to_owned(),
            // A name in some old code page. It may be decoded wrongly, but its path is checked.
            Err(_) => entry.name()?.into_owned(),
        };
        let path = filler.entry(name.as_bytes())?;
        // The upper half of the attributes is the file mode, if a Unix archiver wrote it.
        let special = entry
            .unix_mode()
            .is_some_and(|mode| !matches!(mode & 0o170_000, 0 | 0o100_000 | 0o040_000));
        if entry.is_symlink() {
            filler.refuse(path, Refusal::Link)?;
            continue;
        } else if special {
            filler.refuse(path, Refusal::Special)?;
            continue;
        }
        let (is_dir, claimed) = (entry.is_dir(), entry.size());
        drop(entry);
        if is_dir {
            continue;
        }
        if filler.reads(&path) {
            let mut entry = Counted { inner: archive.by_index(index)?, bytes: 0 };
            let taken = filler.file(path, &mut entry)?;
            let read = entry.bytes;
            taken?;
            filler.unpacked(read)?;
        } else {
            filler.unpacked(claimed)?;
            filler.file(path, &mut io::empty())??;
        }
    }
    Ok(())
}

/// A reader that counts bytes.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Fails with a refusal when more is read than a whole submission may unpack to, including headers.
struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                let refusal = too_large("bytes, unpacked", self.limit);
                return Err(io::Error::other(refusal));
            }
        }
        Ok(read)
    }
}

/// Bytes of the header in which a tar file keeps a long name.
const TAR_EXTENSION_BYTES_MAX: u64 = 64 << 10;

fn read_tar(reader: impl Read, filler: &mut BundleBuilder<'_>) -> Result<(), ArchiveError> {
    use tar::EntryType;
    let limit = filler.limits().unpacked_bytes_max;
    let mut archive = tar::Archive::new(Bounded { inner: reader, left: limit, limit });
    // Raw entries: headers with long names are read here, within limits. The library would read as
    // much as they claim.
    let mut long_name = None;
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::XGlobalHeader | EntryType::GNULongLink => continue,
            EntryType::GNULongName => {
                let mut name = extension(&mut entry)?;
                while name.last() == Some(&0) {
                    name.pop();
                }
                long_name = Some(name);
                continue;
            }
            EntryType::XHeader => {
                let bytes = extension(&mut entry)?;
                for record in tar::PaxExtensions::new(&bytes) {
                    let record = record?;
                    match record.key_bytes() {
                        b"path" => long_name = Some(record.value_bytes().to_vec()),
                        b"size" => {
                            return Err(too_large("bytes, unpacked", limit).into());
                        }
                        _ => {}
                    }
                }
                continue;
            }
            _ => {}
        }
        let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let path = filler.entry(&name)?;
        match kind {
            EntryType::Directory => {}
            EntryType::Regular | EntryType::Continuous => {
                let (is_read, size) = (filler.reads(&path), entry.size());
                let mut entry = Counted { inner: &mut entry, bytes: 0 };
                filler.file(path, &mut entry)??;
                if is_read && entry.bytes < size {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
            }
            EntryType::Link | EntryType::Symlink => filler.refuse(path, Refusal::Link)?,
            _ => filler.refuse(path, Refusal::Special)?,
        }
    }
    Ok(())
}

fn extension(entry: &mut impl Read) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    entry.take(TAR_EXTENSION_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > TAR_EXTENSION_BYTES_MAX {
        return Err(too_large("bytes in a file's path", TAR_EXTENSION_BYTES_MAX).into());
    }
    Ok(bytes)
}
