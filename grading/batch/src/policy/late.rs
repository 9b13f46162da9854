//! Penalties for late submissions.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use faultlab_suites::Points;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ZonedDateTime};
use serde::{Deserialize, Deserializer, de};

/// The deadline, and the penalty for missing it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Late {
    /// The deadline, and the clock on which days are counted.
    #[serde(deserialize_with = "deadline")]
    pub due: ZonedDateTime,
    /// Minutes after the deadline that cost nothing.
    #[serde(default)]
    pub grace_minutes: u32,
    /// The penalty per started day, in percent of the earned points.
    pub percent_per_day: u64,
    /// The maximum penalty, in percent of the earned points.
    #[serde(default = "everything")]
    pub percent_max: u64,
    /// Late days per student over the term that cost nothing.
    #[serde(default)]
    pub budget_days: Option<u64>,
    /// How many of these each student used in earlier labs.
    #[serde(skip)]
    pub used_days: BTreeMap<String, u64>,
    /// Additional hours until the deadline, by student.
    #[serde(default)]
    pub extension_hours: BTreeMap<String, u32>,
    /// Submission times that the platform does not report, or reports wrongly.
    #[serde(default, deserialize_with = "moments")]
    pub submitted: BTreeMap<String, Timestamp>,
}

fn everything() -> u64 {
    100
}

/// The lateness of one submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// It is on time.
    InTime,
    /// It is late.
    Late {
        /// Started days.
        days: u64,
        /// The penalty, in percent of the earned points.
        percent: u64,
    },
    /// The platform does not report a readable submission time.
    Unknown(String),
}

impl Late {
    /// The lateness of a submission by these students at this time. A group has the longest
    /// extension of its members.
    #[must_use]
    pub fn lateness(&self, students: &[&str], submitted: Option<&str>) -> Lateness {
        let by_hand = students.iter().filter_map(|id| self.submitted.get(*id)).max();
        let submitted = match (by_hand, submitted.map(parse_moment)) {
            (Some(moment), _) => *moment,
            (None, Some(Ok(moment))) => moment,
            (None, Some(Err(error))) => return Lateness::Unknown(format!("{error:#}")),
            (None, None) => {
                return Lateness::Unknown("the submission time is unknown".to_owned());
            }
        };
        let hours = students.iter().filter_map(|id| self.extension_hours.get(*id)).max();
        let allowed = SignedDuration::from_hours(hours.copied().unwrap_or(0).into())
            + SignedDuration::from_mins(self.grace_minutes.into());
        let Ok(due) = self.due.checked_add(allowed) else { return Lateness::InTime };
        if submitted <= due.timestamp() {
            return Lateness::InTime;
        }
        let days = started_days(&due, submitted);
        Lateness::Late { days, percent: self.percent(days) }
    }

    /// The penalty for this many days, in percent.
    fn percent(&self, days: u64) -> u64 {
        days.saturating_mul(self.percent_per_day).min(self.percent_max).min(100)
    }

    /// The lateness after a student's budget has paid for as many days as it can, and how many these are.
    #[must_use]
    pub fn after_budget(&self, student: &str, lateness: Lateness) -> (Lateness, u64) {
        let Lateness::Late { days, .. } = lateness else { return (lateness, 0) };
        let used = self.used_days.get(student).copied().unwrap_or_default();
        let paid = self.budget_days.unwrap_or_default().saturating_sub(used).min(days);
        match days - paid {
            0 => (Lateness::InTime, paid),
            left => (Lateness::Late { days: left, percent: self.percent(left) }, paid),
        }
    }
}

/// The days that have begun after the deadline, on its clock: each ends at the deadline's time of day, so that one
/// with a change of the clock has 23 or 25 hours.
fn started_days(due: &ZonedDateTime, submitted: Timestamp) -> u64 {
    let is_over = |days: i64| {
        let end = due.checked_add(Span::new().try_days(days).unwrap_or_default());
        end.is_ok_and(|end| end.timestamp() < submitted)
    };
    let hours = submitted.duration_since(due.timestamp()).as_hours();
    // A change of the clock moves the end of a day by less than a day.
    let mut days = (hours / 24 - 1).max(1);
    while is_over(days) {
        days += 1;
    }
    days.unsigned_abs()
}

impl Lateness {
    /// The points that remain after the penalty.
    #[must_use]
    pub fn left(&self, points: Points) -> Points {
        match self {
            Self::InTime | Self::Unknown(_) => points,
            Self::Late { percent, .. } => points.share(100 - percent, 100),
        }
    }
}

fn deadline<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ZonedDateTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_deadline(&text).map_err(|error| de::Error::custom(format!("{error:#}")))
}

/// Parses a time with an offset, or with a time zone: `2026-11-20T23:59:00[Europe/Berlin]`. With an offset, every day
/// has 24 hours.
fn parse_deadline(text: &str) -> anyhow::Result<ZonedDateTime> {
    let Some((local, zone)) = text.trim().strip_suffix(']').and_then(|text| text.split_once('['))
    else {
        return Ok(parse_moment(text)?.to_zoned_datetime(TimeZone::UTC));
    };
    let zone = TimeZone::get(zone)
        .with_context(|| format!("`{zone}` is not a time zone, such as Europe/Berlin"))?;
    // With an offset too, the offset says which moment it is.
    if let Ok(moment) = local.parse::<Timestamp>() {
        return Ok(moment.to_zoned_datetime(zone));
    }
    let local: DateTime = local.parse().with_context(|| format!("`{local}` is no time"))?;
    let moment = zone.to_ambiguous_zoned_datetime(local);
    moment.unambiguous().with_context(|| {
        format!(
            "on that clock, {local} does not exist or exists twice: add its offset, such as +01:00"
        )
    })
}

fn moments<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Timestamp>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    let parsed = texts.into_iter().map(|(student, text)| Ok((student, parse_moment(&text)?)));
    parsed.collect::<anyhow::Result<_>>().map_err(|error| de::Error::custom(format!("{error:#}")))
}

/// Parses a time: RFC 3339, or as Gradescope writes it (`2026-11-20 10:00:00.000000000 Z`, `... +0100`).
fn parse_moment(text: &str) -> anyhow::Result<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let (time, offset) = text.rsplit_once(' ').ok_or_else(|| {
        anyhow!("`{text}` is not a time with an offset, such as 2026-11-20T23:59:00+01:00")
    })?;
    let time: DateTime = time.parse().with_context(|| format!("`{text}` is no moment"))?;
    let offset = match offset {
        "Z" | "UTC" => "+00:00".to_owned(),
        other if other.len() == 5 && other.is_ascii() => format!("{}:{}", &other[..3], &other[3..]),
        other => other.to_owned(),
    };
    format!("{time}{offset}").parse().with_context(|| format!("`{text}` is no moment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late() -> Late {
        Late {
            due: parse_deadline("2026-11-20T23:59:00+01:00").expect("it is one"),
            grace_minutes: 10,
            percent_per_day: 20,
            percent_max: 50,
            budget_days: None,
            used_days: BTreeMap::new(),
            extension_hours: [("ada".to_owned(), 48)].into(),
            submitted: [("kim".to_owned(), parse_moment("2026-11-21T12:00:00Z").expect("it is"))]
                .into(),
        }
    }

    #[test]
    fn each_started_day_costs() {
        let table = [
            ("2026-11-20T23:59:00+01:00", Lateness::InTime),
            ("2026-11-20 23:09:00.000000000 Z", Lateness::InTime),
            ("2026-11-20 23:09:01 Z", Lateness::Late { days: 1, percent: 20 }),
            ("2026-11-22 00:10:00 +0100", Lateness::Late { days: 2, percent: 40 }),
            ("2026-12-20T00:00:00Z", Lateness::Late { days: 30, percent: 50 }),
        ];
        for (submitted, expected) in table {
            assert_eq!(late().lateness(&["bob"], Some(submitted)), expected, "{submitted}");
        }
        assert_eq!(
            late().lateness(&["bob", "ada"], Some("2026-11-22T20:00:00Z")),
            Lateness::InTime
        );
        assert_eq!(late().lateness(&["kim"], None), Lateness::Late { days: 1, percent: 20 });
        assert!(matches!(late().lateness(&["bob"], Some("yesterday")), Lateness::Unknown(_)));
        assert!(matches!(late().lateness(&["bob"], None), Lateness::Unknown(_)));
    }

    #[test]
    fn a_budget_pays_for_late_days_until_it_is_used() {
        let late =
            Late { budget_days: Some(3), used_days: [("kim".to_owned(), 2)].into(), ..late() };
        let after =
            |student, days| late.after_budget(student, Lateness::Late { days, percent: 20 * days });
        assert_eq!(after("bob", 2), (Lateness::InTime, 2));
        assert_eq!(after("bob", 4), (Lateness::Late { days: 1, percent: 20 }, 3));
        assert_eq!(after("kim", 2), (Lateness::Late { days: 1, percent: 20 }, 1));
        assert_eq!(late.after_budget("kim", Lateness::InTime), (Lateness::InTime, 0));
        let without = Late { budget_days: None, ..late };
        let two = Lateness::Late { days: 2, percent: 40 };
        assert_eq!(without.after_budget("bob", two.clone()), (two, 0));
    }

    #[test]
    fn extensions_and_used_days_come_from_tables() {
        let folder = tempfile::tempdir().expect("a folder");
        let table = |text: &str| {
            let path = folder.path().join("table.csv");
            std::fs::write(&path, text).expect("it is written");
            path
        };
        let mut late = late();
        let path = table("student;hours;reason\nbob;24;ill\n");
        late.read_extensions(&path).expect("it is a table");
        assert_eq!(late.extension_hours["bob"], 24);
        // The policy and the table both name ada.
        let error = late.read_extensions(&table("student,hours\nada,24\n")).expect_err("twice");
        assert!(format!("{error:#}").ends_with("line 2: `ada` has two extensions"), "{error:#}");
        late.read_late_days(&table("student,here,total\nbob,1,2\n")).expect("it is a table");
        assert_eq!(late.used_days["bob"], 2);
        assert!(late.read_late_days(&table("student,total\nbob,-1\n")).is_err());
    }

    #[test]
    fn days_are_days_on_the_clock_of_the_deadline() {
        let due = |text: &str| Late {
            due: parse_deadline(text).expect("it is a deadline"),
            grace_minutes: 0,
            ..late()
        };
        let days = |late: &Late, submitted: &str| match late.lateness(&["bob"], Some(submitted)) {
            Lateness::Late { days, .. } => days,
            Lateness::InTime => 0,
            Lateness::Unknown(why) => panic!("{why}"),
        };
        // Clocks go back in the night after the deadline: the first day has 25 hours.
        let autumn = due("2026-10-24T20:00:00[Europe/Berlin]");
        assert_eq!(days(&autumn, "2026-10-24T20:00:00+02:00"), 0);
        assert_eq!(days(&autumn, "2026-10-24T20:00:01+02:00"), 1);
        assert_eq!(days(&autumn, "2026-10-25T19:30:00+01:00"), 1);
        assert_eq!(days(&autumn, "2026-10-25T20:00:00+01:00"), 1);
        assert_eq!(days(&autumn, "2026-10-25T20:00:01+01:00"), 2);
        assert_eq!(days(&autumn, "2026-11-03T20:00:00+01:00"), 10);
        // They go forward: the first day has 23 hours.
        let spring = due("2026-03-28T20:00:00[Europe/Berlin]");
        assert_eq!(days(&spring, "2026-03-29T20:00:00+02:00"), 1);
        assert_eq!(days(&spring, "2026-03-29T20:00:01+02:00"), 2);
        // With an offset alone, a day has 24 hours.
        assert_eq!(days(&due("2026-10-24T20:00:00+02:00"), "2026-10-25T19:30:00+01:00"), 2);
        // Summer time begins in the other direction in the south.
        let south = due("2026-04-04T20:00:00[Australia/Sydney]");
        assert_eq!(days(&south, "2026-04-05T20:00:00+10:00"), 1);
    }

    #[test]
    fn a_deadline_that_its_clock_does_not_show_once_is_an_error() {
        let error = |text: &str| parse_deadline(text).expect_err("it is no deadline").to_string();
        for twice_or_never in ["2026-10-25T02:30:00", "2026-03-29T02:30:00"] {
            let error = error(&format!("{twice_or_never}[Europe/Berlin]"));
            assert!(error.contains("does not exist or exists twice: add its offset"), "{error}");
        }
        let first = parse_deadline("2026-10-25T02:30:00+02:00[Europe/Berlin]").expect("it is one");
        assert_eq!(first.to_string(), "2026-10-25T02:30:00+02:00[Europe/Berlin]");
        assert!(error("2026-10-25T12:30:00[Europe/Atlantis]").contains("is not a time zone"));
        assert!(error("2026-10-25T12:30:00").contains("is not a time with an offset"));
    }

    #[test]
    fn remaining_points_are_exact() {
        let left = Lateness::Late { days: 2, percent: 40 }.left(Points::hundredths(1_005));
        assert_eq!(left, Points::hundredths(603));
    }
}
