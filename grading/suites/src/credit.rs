//! Credit: how passed seeds become points.

use serde::{Deserialize, Serialize};

use crate::Points;

/// How a test awards its points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credit {
    /// All points when every seed passes, none otherwise.
    #[default]
    AllOrNothing,
    /// The share of seeds that pass, as a share of the points.
    ShareOfSeeds,
}

impl Credit {
    /// The points earned when `passed` of `run` seeds pass.
    #[must_use]
    pub fn earned(self, possible: Points, passed: u64, run: u64) -> Points {
        match self {
            Self::AllOrNothing if run > 0 && passed >= run => possible,
            Self::AllOrNothing => Points::ZERO,
            Self::ShareOfSeeds => possible.share(passed, run),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_seed_costs_its_share_or_all_points() {
        let ten = Points::whole(10);
        let table = [
            (Credit::AllOrNothing, 20, 20, 1_000),
            (Credit::AllOrNothing, 19, 20, 0),
            (Credit::AllOrNothing, 0, 0, 0),
            (Credit::ShareOfSeeds, 20, 20, 1_000),
            (Credit::ShareOfSeeds, 19, 20, 950),
            (Credit::ShareOfSeeds, 1, 3, 333),
            (Credit::ShareOfSeeds, 0, 0, 0),
        ];
        for (credit, passed, run, hundredths) in table {
            assert_eq!(credit.earned(ten, passed, run), Points::hundredths(hundredths));
        }
    }
}
