//! The policy: turns raw points into final points, without running anything again.

pub mod comments;
mod extensions;
mod late;
pub mod overrides;
mod rounding;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use faultlab_harness::report::Report;
use faultlab_suites::{Points, Suite, TestNumber};
use serde::Deserialize;

pub use comments::Comment;
pub use late::{Late, Lateness};
pub use overrides::Override;
pub use rounding::{Direction, Rounding};

/// How raw points become final points. Without a policy, they are equal.
///
/// ```
/// let policy: faultlab_batch::policy::Policy = r#"
///     attempts = "best"
///     [late]
///     due = "2026-11-20T23:59:00[Europe/Berlin]"
///     percent_per_day = 10
///     extension_hours = { ada = 48 }
///     [rounding]
///     to = 0.5
///     [tests."2.3"]
///     withdrawn = "it asked for what the lab does not demand"
///     [tests."2.4"]
///     points = 8
///     seeds = 50
/// "#
/// .parse()
/// .unwrap();
/// assert_eq!(policy.tests.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Which of several attempts counts.
    #[serde(default)]
    pub attempts: Attempts,
    /// Which submission counts for a student who is in several groups, by its name in the folder of submissions.
    #[serde(default)]
    pub counts: BTreeMap<String, String>,
    /// The penalty for late submissions.
    #[serde(default)]
    pub late: Option<Late>,
    /// How final points are rounded.
    #[serde(default)]
    pub rounding: Option<Rounding>,
    /// Tests that count differently than in the suite.
    #[serde(default, deserialize_with = "by_number")]
    pub tests: BTreeMap<TestNumber, TestPolicy>,
}

/// What turns raw points into final ones.
#[derive(Clone, Debug, Default)]
pub struct Corrections {
    /// The policy.
    pub policy: Policy,
    /// Points given by hand.
    pub overrides: Vec<Override>,
    /// Comments by hand.
    pub comments: Vec<Comment>,
    /// The report of a submission whose tests were not run. Overrides apply to it where there is none.
    pub not_run: Option<Report>,
}

impl Corrections {
    /// What was done by hand for a student.
    #[must_use]
    pub fn by_hand(&self, student: &str) -> ByHand<'_> {
        let overrides = self.overrides.iter().filter(|one| one.student == student).collect();
        let comments = self.comments.iter().filter(|one| one.student == student).collect();
        ByHand { overrides, comments }
    }
}

/// What was done by hand for one student.
#[derive(Clone, Debug, Default)]
pub struct ByHand<'c> {
    /// Points given by hand.
    pub overrides: Vec<&'c Override>,
    /// Comments.
    pub comments: Vec<&'c Comment>,
}

impl ByHand<'_> {
    /// Whether it gives or takes points.
    #[must_use]
    pub fn has_points(&self) -> bool {
        let changes = |comment: &&Comment| comment.points != comments::PointsChange::Nothing;
        !self.overrides.is_empty() || self.comments.iter().any(changes)
    }
}

/// Which of several attempts counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attempts {
    /// The last one.
    #[default]
    Last,
    /// The one with the most final points; the first of equal ones.
    Best,
}

/// How a test counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestPolicy {
    /// Why the test was withdrawn, if it was; then it does not count.
    #[serde(default)]
    pub withdrawn: Option<String>,
    /// Its weight, instead of the suite's.
    #[serde(default)]
    pub points: Option<Points>,
    /// With how many seeds it runs, instead of as many as the others.
    #[serde(default, deserialize_with = "seeds")]
    pub seeds: Option<u64>,
}

/// The most seeds of a test.
pub const SEEDS_MAX: u64 = 1_000_000;

fn seeds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let seeds = u64::deserialize(deserializer)?;
    match (1..=SEEDS_MAX).contains(&seeds) {
        true => Ok(Some(seeds)),
        false => Err(serde::de::Error::custom(format!(
            "a test runs with 1 to {SEEDS_MAX} seeds, not with {seeds}"
        ))),
    }
}

impl Policy {
    /// Checks that every test it names exists in the suite.
    ///
    /// # Errors
    /// Names the first test that does not exist.
    pub fn check(&self, suite: &Suite) -> anyhow::Result<()> {
        self.tests.keys().try_for_each(|number| check_test(suite, *number))
    }

    /// The tests that run with a number of seeds of their own.
    #[must_use]
    pub fn seeds(&self) -> BTreeMap<TestNumber, u64> {
        self.tests.iter().filter_map(|(number, test)| Some((*number, test.seeds?))).collect()
    }

    /// The students that it names.
    pub fn students(&self) -> impl Iterator<Item = &str> {
        let late = self.late.iter();
        late.flat_map(|late| late.extension_hours.keys().chain(late.submitted.keys()))
            .chain(self.counts.keys())
            .map(String::as_str)
    }
}

/// Checks that a suite has a test with this number.
///
/// # Errors
/// When it has none.
pub fn check_test(suite: &Suite, number: TestNumber) -> anyhow::Result<()> {
    match suite.tests().any(|test| test.number() == number) {
        true => Ok(()),
        false => bail!("{} has no test {number}", suite.lab()),
    }
}

impl std::str::FromStr for Policy {
    type Err = toml::de::Error;

    fn from_str(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// Reads a policy.
///
/// # Errors
/// When the file cannot be read or is not a policy.
pub fn read(path: &Path) -> anyhow::Result<Policy> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.parse().with_context(|| path.display().to_string())
}

fn by_number<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<TestNumber, TestPolicy>, D::Error> {
    // TOML keys are strings.
    let by_text = BTreeMap::<String, TestPolicy>::deserialize(deserializer)?;
    let parse = |(number, policy): (String, TestPolicy)| Ok((number.parse()?, policy));
    let parsed: Result<_, faultlab_suites::TestNumberError> =
        by_text.into_iter().map(parse).collect();
    parsed.map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_policy_is_an_error() {
        assert_eq!("".parse(), Ok(Policy::default()));
        for wrong in [
            "atempts = \"best\"",
            "attempts = \"worst\"",
            "[tests.\"2\"]\npoints = 1",
            "[tests.\"2.1\"]\npoint = 1",
            "[tests.\"2.1\"]\nseeds = 0",
            "[tests.\"2.1\"]\nseeds = 1000001",
            "[tests.\"2.1\"]\nseeds = -1",
            "[late]\ndue = \"tomorrow\"\npercent_per_day = 1",
        ] {
            assert!(wrong.parse::<Policy>().is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        /// Any policy is rejected, or applied to any points without a panic.
        #[test]
        fn policies_are_rejected_or_applied(
            text in "(attempts|\\[late\\]|\\[rounding\\]|\\[tests|[a-z_]{1,6}|[ =\"\\.0-9\n\\[\\]{},-]){0,20}",
            grace in proptest::prelude::any::<u32>(),
            hours in proptest::prelude::any::<u32>(),
            percent in proptest::prelude::any::<u32>(),
            submitted in "[0-9TZ:+ .-]{0,30}|(-?0{0,2}[0-9]{4,6})-01-01T00:00:00Z",
        ) {
            let _ = text.parse::<Policy>();
            let text = format!(
                "[late]\ndue = \"2026-11-20T23:59:00Z\"\ngrace_minutes = {grace}\n\
                 percent_per_day = {percent}\nextension_hours = {{ ada = {hours} }}\n"
            );
            let policy: Policy = text.parse().expect("it is a policy");
            let late = policy.late.expect("it says what is late");
            let left = late.lateness(&["ada"], Some(&submitted)).left(Points::whole(10));
            proptest::prop_assert!(left <= Points::whole(10));
        }
    }
}
