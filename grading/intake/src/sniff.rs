//! What a file is, by its first bytes, whatever its name says.

use crate::archive::Format;

/// How many of a file's first bytes are looked at: a tar file says what it is after 257 of them.
pub(super) const START_BYTES: usize = 512;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileType {
    /// An archive that can be read.
    Archive(Format),
    /// Something else that is known, with its article: `a PDF document`.
    Other(&'static str),
    /// Nothing known.
    Unknown,
}

/// What a file with these first bytes is.
pub(super) fn file_type(start: &[u8]) -> FileType {
    const MAGIC: [(&[u8], FileType); 11] = [
        // The last two begin an archive without files, and one in several pieces.
        (b"PK\x03\x04", FileType::Archive(Format::Zip)),
        (b"PK\x05\x06", FileType::Archive(Format::Zip)),
        (b"PK\x07\x08", FileType::Archive(Format::Zip)),
        (b"\x1f\x8b", FileType::Archive(Format::TarGz)),
        (b"Rar!", FileType::Other("a RAR archive")),
        (b"7z\xbc\xaf\x27\x1c", FileType::Other("a 7z archive")),
        (b"\xfd7zXZ\0", FileType::Other("an xz archive")),
        (b"BZh", FileType::Other("a bzip2 archive")),
        (b"\x28\xb5\x2f\xfd", FileType::Other("a Zstandard archive")),
        (b"%PDF", FileType::Other("a PDF document")),
        (b"\xd0\xcf\x11\xe0", FileType::Other("an old Office document")),
    ];
    if start.is_empty() {
        return FileType::Other("an empty file");
    }
    if start.get(257..262) == Some(b"ustar") {
        return FileType::Archive(Format::Tar);
    }
    // An OpenDocument file is a Zip archive whose first file says so.
    if start.starts_with(b"PK\x03\x04") && start.get(30..).is_some_and(is_open_document) {
        return FileType::Other("an OpenDocument file");
    }
    if let Some((_, found)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        return *found;
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let begins = |word: &str| {
        text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()))
    };
    if ["<!doctype html", "<html", "<head", "<body"].into_iter().any(begins) {
        return FileType::Other("a web page");
    }
    FileType::Unknown
}

fn is_open_document(after_header: &[u8]) -> bool {
    after_header.starts_with(b"mimetypeapplication/vnd.oasis.opendocument")
}

/// What a Zip archive with these files is, if it is a document of an office program.
pub(super) fn office_document(
    names: impl IntoIterator<Item = impl AsRef<str>>,
) -> Option<&'static str> {
    let mut is_office = false;
    let mut kind = "an Office document";
    for name in names {
        let name: &str = name.as_ref();
        is_office |= name == "[Content_Types].xml";
        kind = match name.split('/').next() {
            Some("word") => "a Word document",
            Some("xl") => "an Excel workbook",
            Some("ppt") => "a PowerPoint presentation",
            _ => kind,
        };
    }
    is_office.then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_whatever_their_names() {
        let mut tar = vec![b'a'; 257];
        tar.extend(b"ustar\0");
        let table: [(&[u8], FileType); 8] = [
            (b"PK\x03\x04\x14\0", FileType::Archive(Format::Zip)),
            (b"\x1f\x8b\x08", FileType::Archive(Format::TarGz)),
            (&tar, FileType::Archive(Format::Tar)),
            (b"\xef\xbb\xbf\n <!DOCTYPE HTML>", FileType::Other("a web page")),
            (b"%PDF-1.7", FileType::Other("a PDF document")),
            (b"", FileType::Other("an empty file")),
            (b"no archive", FileType::Unknown),
            (b"<", FileType::Unknown),
        ];
        for (start, expected) in table {
            assert_eq!(file_type(start), expected, "{:?}", start.escape_ascii().to_string());
        }
        let word = ["[Content_Types].xml", "word/document.xml"];
        assert_eq!(office_document(word), Some("a Word document"));
        assert_eq!(office_document(["word/lib.rs"]), None);
    }
}
