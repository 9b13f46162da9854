//! Bytes as text: two hexadecimal digits each.

use std::fmt::Write;

/// The text for these bytes.
pub(crate) fn of(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that a text stands for, if it is one of [`of`].
pub(crate) fn read(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(read(&of(&bytes)), Some(bytes));
        assert_eq!(of(&[0, 10, 255]), "000aff");
        assert_eq!(read(""), Some(Vec::new()));
        for wrong in ["0", "0g", "000", "é0"] {
            assert_eq!(read(wrong), None);
        }
    }
}
