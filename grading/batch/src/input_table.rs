//! CSV files that come from outside: spreadsheets write them in several encodings, with several
//! delimiters and line ends.

use std::io::Cursor;

use anyhow::{Context as _, bail};
use unicode_normalization::UnicodeNormalization as _;

/// The text of a CSV file, and how to read it.
#[derive(Clone, Debug)]
pub(crate) struct InputTable {
    text: String,
    delimiter: u8,
    /// Lines before the header.
    lines_before: u64,
}

impl InputTable {
    /// Decodes a CSV file: UTF-8 or UTF-16, with or without a byte order mark. Accented letters are
    /// composed, as macOS does not write them.
    ///
    /// # Errors
    /// If it is in another encoding.
    pub(crate) fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        let text: String = decode(bytes)?.nfc().collect();
        // The reader counts lines by their line feeds.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        // Excel reads the delimiter from a first line `sep=;`, and some programs write one for it.
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let first = first.trim_end().to_ascii_lowercase();
        let (text, delimiter, lines_before) = match first.strip_prefix("sep=").map(str::as_bytes) {
            Some(&[delimiter]) => (rest.to_owned(), delimiter, 1),
            // A tab was trimmed.
            Some([]) => (rest.to_owned(), b'\t', 1),
            _ => {
                let delimiter = likely_delimiter(&text);
                (text, delimiter, 0)
            }
        };
        Ok(Self { text, delimiter, lines_before })
    }

    /// A reader of the table, whose first row is the header.
    pub(crate) fn reader(&self) -> csv::Reader<Cursor<&[u8]>> {
        csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(Cursor::new(self.text.as_bytes()))
    }

    /// The line in the file at which a record begins, counted from 1.
    pub(crate) fn line_of(&self, record: &csv::StringRecord) -> u64 {
        record.position().map_or(0, csv::Position::line) + self.lines_before
    }
}

fn decode(bytes: &[u8]) -> anyhow::Result<String> {
    let wide = |bytes: &[u8], join: fn([u8; 2]) -> u16| {
        let units: Vec<u16> =
            bytes.chunks(2).map(|pair| join([pair[0], *pair.get(1).unwrap_or(&0)])).collect();
        String::from_utf16(&units).context("it is not valid UTF-16")
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf_8(rest),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        // A header begins with a letter, one byte of which is zero in UTF-16.
        [first, 0, ..] if *first != 0 => wide(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => wide(bytes, u16::from_be_bytes),
        _ => utf_8(bytes),
    }
}

fn utf_8(bytes: &[u8]) -> anyhow::Result<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            bail!(
                "line {line}: it is not UTF-8; in the spreadsheet program, save it as `CSV UTF-8`"
            )
        }
    }
}

/// The delimiter that the header contains most often: spreadsheets in some languages write semicolons.
fn likely_delimiter(text: &str) -> u8 {
    let line = text.lines().next().unwrap_or_default();
    let count = |wanted: u8| line.bytes().filter(|byte| *byte == wanted).count();
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a table, with their lines.
    fn rows(bytes: &[u8]) -> Vec<(u64, Vec<String>)> {
        let table = InputTable::decode(bytes).expect("it is a table");
        let mut reader = table.reader();
        let rows = reader.records().map(|record| {
            let record = record.expect("it is CSV");
            (table.line_of(&record), record.iter().map(str::to_owned).collect())
        });
        rows.collect()
    }

    fn utf_16(text: &str, mark: bool, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mark = mark.then_some('\u{feff}');
        let text: String = mark.into_iter().chain(text.chars()).collect();
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_encoding_delimiter_and_line_end_is_read() {
        let expected = [(2, vec!["josé".to_owned(), "José, K".to_owned()])];
        let comma = "student,name\njosé,\"José, K\"\n";
        let semicolon = "student;name\r\njosé;José, K\r\n";
        let decomposed = "student;name\njose\u{301};Jose\u{301}, K\n";
        for text in [comma, semicolon, decomposed, &semicolon.replace("\r\n", "\r")] {
            assert_eq!(rows(text.as_bytes()), expected, "{text:?}");
            assert_eq!(rows(format!("\u{feff}{text}").as_bytes()), expected);
            for mark in [true, false] {
                assert_eq!(rows(&utf_16(text, mark, u16::to_le_bytes)), expected);
                assert_eq!(rows(&utf_16(text, mark, u16::to_be_bytes)), expected);
            }
        }
        let marked = format!("\u{feff}sep=;\r\n{semicolon}");
        assert_eq!(rows(marked.as_bytes()), [(3, expected[0].1.clone())]);
        assert_eq!(rows(b"sep=\t\nstudent\tname\na,b\tc"), [(3, vec!["a,b".into(), "c".into()])]);
        let error = InputTable::decode(b"student\na\nM\xfcller\n").expect_err("it is Latin-1");
        assert!(error.to_string().starts_with("line 3: it is not UTF-8"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_rejected(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
            if let Ok(table) = InputTable::decode(&bytes) {
                for record in table.reader().records().flatten() {
                    proptest::prop_assert!(table.line_of(&record) > 0);
                }
            }
        }
    }
}
