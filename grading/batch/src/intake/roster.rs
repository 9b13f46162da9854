//! The roster: who takes the course, from a CSV of one's own, an exported Canvas gradebook or a Moodle
//! grading worksheet.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

/// A student, as far as is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Student {
    /// The name of the student's folder in the results, unique in the batch.
    pub id: String,
    /// The name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The address for mail.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// The university's number for the student.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sid: String,
    /// The learning platform's own number for the student or the submission.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub platform_id: String,
    /// The group that hands in together.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
}

impl Student {
    /// Whether this may be the same person: one of the names that identify a student agrees.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let same = |mine: &str, theirs: &str| {
            !mine.is_empty() && mine.to_lowercase() == theirs.to_lowercase()
        };
        same(&self.email, &other.email)
            || same(&self.sid, &other.sid)
            || same(&self.platform_id, &other.platform_id)
            || same(&self.id, &other.id)
    }
}

/// The names that columns have, in our own roster, in Canvas and in Moodle.
const COLUMNS: [(&str, &[&str]); 6] = [
    ("id", &["student", "login", "username", "sis login id"]),
    ("name", &["name", "full name"]),
    ("email", &["email", "email address", "e-mail"]),
    ("sid", &["sid", "sis user id", "id number", "idnumber", "student id"]),
    ("platform_id", &["identifier", "canvas id"]),
    ("group", &["group", "team"]),
];

/// Reads a roster.
///
/// # Errors
/// When the file cannot be read, is no CSV, or has no column that identifies a student.
pub fn read(path: &Path) -> anyhow::Result<Vec<Student>> {
    let text = std::fs::read(path).with_context(|| format!("the roster {}", path.display()))?;
    parse(&text).with_context(|| format!("the roster {}", path.display()))
}

fn parse(text: &[u8]) -> anyhow::Result<Vec<Student>> {
    // Spreadsheets and Moodle begin a file with a byte order mark.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text);
    let header: Vec<String> = reader.headers()?.iter().map(str::to_lowercase).collect();
    let is_canvas = header.iter().any(|name| name == "sis user id" || name == "sis login id");
    let column = |field: &str| {
        let names = COLUMNS.iter().find(|(name, _)| *name == field).map_or(&[][..], |(_, all)| all);
        header.iter().position(|name| {
            // In a Canvas gradebook `Student` is the name, and `ID` the platform's number.
            match (is_canvas, name.as_str()) {
                (true, "student") => field == "name",
                (true, "id") => field == "platform_id",
                (false, "id") => field == "id",
                (_, name) => names.contains(&name),
            }
        })
    };
    let columns = COLUMNS.map(|(field, _)| column(field));
    if [0, 2, 3, 4].iter().all(|field| columns[*field].is_none()) {
        bail!("no column identifies a student; one of `student`, `email`, `sid` is needed");
    }
    let mut students: Vec<Student> = Vec::new();
    for record in reader.records() {
        let record = record?;
        let get = |field: usize| {
            columns[field].and_then(|column| record.get(column)).unwrap_or("").to_owned()
        };
        let mut student = Student {
            id: get(0),
            name: get(1),
            email: get(2),
            sid: get(3),
            // Moodle writes `Participant 123` where file names have `123`.
            platform_id: get(4).trim_start_matches("Participant ").to_owned(),
            group: get(5),
        };
        let names = [&student.id, &student.email, &student.sid, &student.platform_id];
        let Some(first) = names.into_iter().find(|name| !name.is_empty()) else {
            continue; // the row with the points possible, or a test student
        };
        if student.id.is_empty() {
            student.id = first.split('@').next().unwrap_or(first).to_owned();
        }
        if let Some(twice) = students.iter().find(|other| other.is(&student)) {
            bail!("`{}` is there twice", twice.id);
        }
        students.push(student);
    }
    Ok(students)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rosters_gradebooks_and_worksheets_are_read() {
        let own = "student,name,email,group\nada,Ada L,ada@x.edu,g1\n\nbob,Bob,bob@x.edu,g1\n";
        let own = parse(own.as_bytes()).expect("it is a roster");
        assert_eq!((own[0].id.as_str(), own[0].group.as_str(), own.len()), ("ada", "g1", 2));

        let canvas = "\u{feff}Student,ID,SIS User ID,SIS Login ID,Section,Lab 1 (77)\n\
                      \"    Points Possible\",,,,,100\n\"L, Ada\",501,A1,ada,1,\n";
        let canvas = parse(canvas.as_bytes()).expect("it is a gradebook");
        let ada = Student {
            id: "ada".to_owned(),
            name: "L, Ada".to_owned(),
            sid: "A1".to_owned(),
            platform_id: "501".to_owned(),
            ..Student::default()
        };
        assert_eq!(canvas, [ada]);

        let moodle = "Identifier,Full name,Email address,Status,Grade\n\
                      Participant 9001,Ada L,ada@x.edu,Submitted,\n";
        let moodle = parse(moodle.as_bytes()).expect("it is a worksheet");
        assert_eq!((moodle[0].id.as_str(), moodle[0].platform_id.as_str()), ("ada", "9001"));
    }

    #[test]
    fn a_roster_without_students_or_with_one_twice_is_an_error() {
        assert!(parse(b"colour\nred\n").is_err());
        let twice = parse(b"student,email\na,x@y\nb,X@Y\n").expect_err("one is there twice");
        assert_eq!(twice.to_string(), "`a` is there twice");
    }
}
