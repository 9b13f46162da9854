//! Comments by hand: `comments.csv` has them per student and test, and `rubric.csv` those that many
//! students get.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use faultlab_suites::{Points, TestNumber};
use serde::{Deserialize, Serialize};

use crate::input_table::InputTable;

/// A comment on a student's submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The student's folder name in the results.
    pub student: String,
    /// The test that it is about, or the whole submission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestNumber>,
    /// The item of the rubric, if it is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub item: String,
    /// What it does to the points.
    pub points: PointsChange,
    /// The text.
    pub text: String,
    /// Its line in the file, counted from 1.
    #[serde(skip)]
    pub line: u64,
}

/// What a comment does to the points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointsChange {
    /// Nothing.
    #[default]
    Nothing,
    /// The student gets these points more.
    More(Points),
    /// The student gets these points less, but never fewer than 0.
    Less(Points),
}

impl PointsChange {
    /// The points after the change.
    #[must_use]
    pub fn apply(self, points: Points) -> Points {
        match self {
            Self::Nothing => points,
            Self::More(more) => points + more,
            Self::Less(less) => less.missing_to(points),
        }
    }

    /// As a document writes it: ` (2 points less)`, or nothing.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::More(points) => format!(" ({} more)", count(points)),
            Self::Less(points) => format!(" ({} less)", count(points)),
        }
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let parse = |text: &str| -> anyhow::Result<Points> {
            serde_json::from_str(text).with_context(|| format!("`{text}` are no points"))
        };
        Ok(match (text, text.strip_prefix('-')) {
            ("" | "0", _) => Self::Nothing,
            (_, Some(less)) => Self::Less(parse(less)?),
            (more, None) => Self::More(parse(more.strip_prefix('+').unwrap_or(more))?),
        })
    }
}

fn count(points: Points) -> String {
    if points == Points::whole(1) { "1 point".to_owned() } else { format!("{points} points") }
}

/// An item of a rubric.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    points: PointsChange,
    text: String,
}

/// Reads the comments in `comments`; those that name an item of the rubric get its text and points.
///
/// # Errors
/// If a file cannot be read, or a comment names no known item and has no text.
pub fn read(comments: &Path, rubric: Option<&Path>) -> anyhow::Result<Vec<Comment>> {
    let bytes = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let rubric = match rubric {
        Some(path) => parse_rubric(&bytes(path)?).with_context(|| path.display().to_string())?,
        None => BTreeMap::new(),
    };
    parse(&bytes(comments)?, &rubric).with_context(|| comments.display().to_string())
}

#[derive(Deserialize)]
struct RubricRow {
    item: String,
    #[serde(default)]
    points: String,
    comment: String,
}

fn parse_rubric(bytes: &[u8]) -> anyhow::Result<BTreeMap<String, Item>> {
    let table = InputTable::decode(bytes)?;
    let mut reader = table.reader();
    let header = reader.headers()?.clone();
    let mut rubric = BTreeMap::new();
    for record in reader.records() {
        let record = record?;
        let line = table.line_of(&record);
        let row: RubricRow =
            record.deserialize(Some(&header)).with_context(|| format!("line {line}"))?;
        let points = PointsChange::parse(&row.points).with_context(|| format!("line {line}"))?;
        if rubric.insert(row.item.clone(), Item { points, text: row.comment }).is_some() {
            bail!("line {line}: the item `{}` is there twice", row.item);
        }
    }
    Ok(rubric)
}

#[derive(Deserialize)]
struct CommentRow {
    student: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    item: String,
    #[serde(default)]
    points: String,
    #[serde(default)]
    comment: String,
}

fn parse(bytes: &[u8], rubric: &BTreeMap<String, Item>) -> anyhow::Result<Vec<Comment>> {
    let table = InputTable::decode(bytes)?;
    let mut reader = table.reader();
    let header = reader.headers()?.clone();
    let mut all = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = table.line_of(&record);
        let at = || format!("line {line}");
        let row: CommentRow = record.deserialize(Some(&header)).with_context(at)?;
        let item = match row.item.as_str() {
            "" => None,
            name => Some(
                rubric
                    .get(name)
                    .with_context(|| format!("line {line}: the rubric has no item `{name}`"))?,
            ),
        };
        let own = (!row.comment.is_empty()).then_some(row.comment.as_str());
        let texts: Vec<&str> = item.map(|item| item.text.as_str()).into_iter().chain(own).collect();
        if texts.is_empty() {
            bail!("line {line}: the comment for `{}` is empty", row.student);
        }
        let points = match (row.points.as_str(), item) {
            ("", Some(item)) => item.points,
            (points, _) => PointsChange::parse(points).with_context(at)?,
        };
        let test = match row.test.as_str() {
            "" => None,
            number => Some(number.parse().with_context(at)?),
        };
        let text = texts.join(" ");
        all.push(Comment { student: row.student, test, item: row.item, points, text, line });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUBRIC: &str =
        "item,points,comment\nnames,-1.5,Names say nothing.\nproof,+2,A fine proof.\n";

    fn parsed(rows: &str) -> anyhow::Result<Vec<Comment>> {
        let rubric = parse_rubric(RUBRIC.as_bytes()).expect("it is a rubric");
        parse(format!("student,test,item,points,comment\n{rows}").as_bytes(), &rubric)
    }

    #[test]
    fn comments_take_texts_and_points_from_the_rubric() {
        let all = parsed("ada,,names,,Look at `x`.\nbob,2.1,,,Why?\nkim,,proof,1,\n")
            .expect("they are good");
        assert_eq!(all[0].text, "Names say nothing. Look at `x`.");
        assert_eq!(all[0].points.apply(Points::whole(1)), Points::ZERO);
        assert_eq!(all[0].points.apply(Points::whole(5)), Points::hundredths(350));
        assert_eq!(
            (all[1].test.map(|test| test.to_string()), all[1].points),
            (Some("2.1".to_owned()), PointsChange::Nothing)
        );
        assert_eq!(all[2].points, PointsChange::More(Points::whole(1)));
        assert_eq!(all[2].points.describe(), " (1 point more)");
    }

    #[test]
    fn a_wrong_comment_is_named_by_its_line() {
        for (row, expected) in [
            ("ada,,colour,,\n", "line 2: the rubric has no item `colour`"),
            ("ada,,,,\n", "line 2: the comment for `ada` is empty"),
            ("ada,,,,x\nada,two,,,x\n", "line 3"),
            ("ada,,,much,x\n", "line 2"),
        ] {
            assert_eq!(parsed(row).expect_err(row).to_string(), expected);
        }
        assert!(parse_rubric(b"item,points,comment\na,,x\na,,y\n").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read_or_rejected(rows in "([a-c]{0,2},([0-9.]{0,3}),(names)?,[-+0-9.e]{0,5},[a-z\"]{0,3}\n){0,4}") {
            if let Ok(all) = parsed(&rows) {
                proptest::prop_assert!(all.iter().all(|one| !one.text.is_empty()));
            }
        }
    }
}
