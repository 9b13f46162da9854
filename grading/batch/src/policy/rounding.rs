//! Rounding of final points.

use faultlab_suites::Points;
use serde::Deserialize;

/// How final points are rounded. The arithmetic is exact, so grades are the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounding {
    /// The step: points are rounded to a multiple of this.
    pub to: Points,
    /// Which multiple to round to.
    #[serde(default)]
    pub direction: Direction,
}

/// Which multiple points are rounded to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The nearest one; the upper one of two equally near.
    #[default]
    Nearest,
    /// The one above.
    Up,
    /// The one below.
    Down,
}

impl Rounding {
    /// The rounded points. A step of 0 does not change them.
    #[must_use]
    pub fn round(self, points: Points) -> Points {
        let step = self.to.as_hundredths();
        if step == 0 {
            return points;
        }
        let points = points.as_hundredths();
        let steps = match self.direction {
            Direction::Nearest => (points + step / 2) / step,
            Direction::Up => points.div_ceil(step),
            Direction::Down => points / step,
        };
        Points::hundredths(steps * step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_rounded_to_multiples() {
        let table = [
            (Direction::Nearest, 50, 1_024, 1_000),
            (Direction::Nearest, 50, 1_025, 1_050),
            (Direction::Up, 100, 1_001, 1_100),
            (Direction::Down, 100, 1_099, 1_000),
            (Direction::Up, 100, 1_000, 1_000),
            (Direction::Up, 0, 1_001, 1_001),
        ];
        for (direction, step, points, expected) in table {
            let rounding = Rounding { to: Points::hundredths(step), direction };
            assert_eq!(rounding.round(Points::hundredths(points)), Points::hundredths(expected));
        }
    }
}
