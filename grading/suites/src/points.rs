//! Points: what each test is worth and what a submission earned.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of points, exact to the hundredth. In JSON, a number without trailing zeros: `5`,
/// `4.25`.
///
/// Hundredths are counted, so sums are exact and a grade is the same on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Points {
    hundredths: u64,
}

impl Points {
    /// No points.
    pub const ZERO: Self = Self { hundredths: 0 };

    /// A whole number of points.
    #[must_use]
    pub fn whole(points: u32) -> Self {
        Self { hundredths: u64::from(points) * 100 }
    }

    /// A number of hundredths of a point.
    #[must_use]
    pub fn hundredths(hundredths: u64) -> Self {
        Self { hundredths }
    }

    /// The number of hundredths.
    #[must_use]
    pub fn as_hundredths(self) -> u64 {
        self.hundredths
    }

    /// The share `part / whole` of these points, rounded down to the hundredth, so that less than
    /// the whole never counts as the whole. Zero if `whole` is 0.
    #[must_use]
    pub fn share(self, part: u64, whole: u64) -> Self {
        let share = u128::from(self.hundredths) * u128::from(part.min(whole));
        let share = share.checked_div(u128::from(whole)).unwrap_or(0);
        Self { hundredths: u64::try_from(share).unwrap_or(self.hundredths) }
    }

    /// The points missing to `whole`; zero if there are more.
    #[must_use]
    pub fn missing_to(self, whole: Self) -> Self {
        Self { hundredths: whole.hundredths.saturating_sub(self.hundredths) }
    }
}

impl Add for Points {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { hundredths: self.hundredths + other.hundredths }
    }
}

impl Sum for Points {
    fn sum<I: Iterator<Item = Self>>(points: I) -> Self {
        points.fold(Self::ZERO, Self::add)
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.hundredths / 100, self.hundredths % 100);
        f.pad(&match rest {
            0 => whole.to_string(),
            rest if rest % 10 == 0 => format!("{whole}.{}", rest / 10),
            rest => format!("{whole}.{rest:02}"),
        })
    }
}

impl Serialize for Points {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.hundredths.is_multiple_of(100) {
            serializer.serialize_u64(self.hundredths / 100)
        } else {
            serializer.serialize_f64(self.hundredths as f64 / 100.0)
        }
    }
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let points = f64::deserialize(deserializer)?;
        // 2^53 hundredths are exact, and more than any course awards.
        if !(0.0..=9.0e13).contains(&points) {
            return Err(de::Error::custom(format!("{points} is not a number of points")));
        }
        Ok(Self { hundredths: (points * 100.0).round() as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down() {
        let points = Points::whole(5);
        assert_eq!(points.share(20, 20), points);
        assert_eq!(points.share(17, 20).to_string(), "4.25");
        assert_eq!(points.share(999_999, 1_000_000).to_string(), "4.99");
        assert_eq!(points.share(0, 20), Points::ZERO);
        assert_eq!(points.share(0, 0), Points::ZERO);
    }

    #[test]
    fn numbers_have_no_needless_digits() {
        let shown = |hundredths| {
            let points = Points::hundredths(hundredths);
            let json = serde_json::to_string(&points).expect("points are a number");
            assert_eq!(serde_json::from_str::<Points>(&json).expect("it is"), points);
            (points.to_string(), json)
        };
        assert_eq!(shown(500), ("5".to_owned(), "5".to_owned()));
        assert_eq!(shown(450), ("4.5".to_owned(), "4.5".to_owned()));
        assert_eq!(shown(405), ("4.05".to_owned(), "4.05".to_owned()));
        assert!(serde_json::from_str::<Points>("-1").is_err());
    }
}
