//! Test numbers: a part, and a place within the part.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A test's number, such as `2.4`: the fourth test of part 2. A string in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TestNumber {
    /// The part.
    pub part: u32,
    /// The place in the part, counted from 1.
    pub place: u32,
}

/// Why a text is not a test number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a test number, such as `2.4`")]
pub struct TestNumberError(String);

impl FromStr for TestNumber {
    type Err = TestNumberError;

    fn from_str(text: &str) -> Result<Self, TestNumberError> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        text.split_once('.')
            .and_then(|(part, place)| Some(Self { part: number(part)?, place: number(place)? }))
            .ok_or_else(|| TestNumberError(text.to_owned()))
    }
}

impl fmt::Display for TestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.part, self.place))
    }
}

impl Serialize for TestNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TestNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_strictly_and_ordered_as_numbers() {
        let number = |text: &str| text.parse::<TestNumber>();
        assert_eq!(number("2.4"), Ok(TestNumber { part: 2, place: 4 }));
        assert!(number("2.4").expect("it is one") < number("2.10").expect("it is one"));
        for wrong in ["", "2", "2.", ".4", "2.x", "+2.4", "2.4.1", "2.99999999999"] {
            assert_eq!(number(wrong), Err(TestNumberError(wrong.to_owned())));
        }
    }
}
