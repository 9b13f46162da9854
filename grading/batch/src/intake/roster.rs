//! Rosters: the students in the course, from a CSV file, an exported Canvas gradebook or a Moodle
//! grading worksheet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::input_table::InputTable;

/// A student. Unknown fields are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Student {
    /// The name of the student's folder in the results, unique in the batch.
    pub id: String,
    /// The name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The email address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// The university's student number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sid: String,
    /// The platform's own id for the student or the submission.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub platform_id: String,
    /// The group that submits together.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The section of the course.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub section: String,
    /// What the platform or the roster calls the student, if that cannot be the folder's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub known_as: String,
}

impl Student {
    /// Whether this is the same person, by ids and email addresses.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        same(&self.email, &other.email)
            || same(&self.sid, &other.sid)
            || same(&self.platform_id, &other.platform_id)
    }

    /// Whether this may be the same person: the logins match, and no other field differs.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let contradicts = |mine: &str, theirs: &str| {
            !mine.is_empty() && !theirs.is_empty() && !same(mine, theirs)
        };
        same(&self.id, &other.id)
            && !contradicts(&self.email, &other.email)
            && !contradicts(&self.sid, &other.sid)
    }

    /// What says who has this `id`, if the id does not: a name was changed to be a folder's name and there
    /// is no other, or another student has almost the same one.
    fn identity(&self) -> Vec<&str> {
        let is_numbered = self.id.contains('~');
        let mut words: Vec<&str> = Vec::new();
        if is_numbered || !self.known_as.is_empty() && self.name.is_empty() {
            for word in [&self.known_as, &self.name, &self.email, &self.sid, &self.platform_id] {
                if !word.is_empty() && *word != self.id && !words.contains(&word.as_str()) {
                    words.push(word);
                }
            }
        }
        words
    }

    /// What the platform or the roster calls the student.
    #[must_use]
    pub fn login(&self) -> &String {
        if self.known_as.is_empty() { &self.id } else { &self.known_as }
    }

    /// The `id`, and whose it is if it does not say.
    #[must_use]
    pub fn label(&self) -> String {
        let identity = self.identity().join(", ");
        if identity.is_empty() { self.id.clone() } else { format!("{} ({identity})", self.id) }
    }

    /// The name, and who this is if the `id` does not say.
    #[must_use]
    pub fn full_name(&self) -> String {
        let mut others = self.identity();
        others.retain(|word| *word != self.name);
        match (self.name.as_str(), others.join(", ")) {
            ("", others) => others,
            (name, others) if others.is_empty() => name.to_owned(),
            (name, others) => format!("{name} ({others})"),
        }
    }

    /// Identifies this student if there is no roster.
    pub(super) fn person(&self) -> String {
        let Self { platform_id, email, sid, id, .. } = self;
        let names = [platform_id, email, sid, id].into_iter().find(|name| !name.is_empty());
        names.cloned().unwrap_or_default()
    }

    /// Fills empty fields with the other's.
    pub(super) fn complete_from(&mut self, other: Self) {
        for (mine, theirs) in [
            (&mut self.name, other.name),
            (&mut self.email, other.email),
            (&mut self.sid, other.sid),
            (&mut self.platform_id, other.platform_id),
        ] {
            if mine.is_empty() {
                *mine = theirs;
            }
        }
    }
}

fn same(mine: &str, theirs: &str) -> bool {
    !mine.is_empty() && mine.to_lowercase() == theirs.to_lowercase()
}

/// A student's position on the roster. A login that fits several students only if upper and lower case do not count
/// fits none of them.
pub(super) fn find(roster: &[Student], student: &Student) -> Option<usize> {
    let by_number = roster.iter().position(|known| known.is(student));
    let like = || {
        let like = roster.iter().enumerate().filter(|(_, known)| known.may_be(student));
        let mut like: Vec<(usize, &Student)> = like.collect();
        if like.len() > 1 {
            like.retain(|(_, known)| known.id == student.id);
        }
        if let [(place, _)] = like[..] { Some(place) } else { None }
    };
    by_number.or_else(like)
}

/// The students of a submission whose name was split at its plus signs, or the one student on the roster whose login
/// contains them.
pub(super) fn joined(roster: &[Student], parts: Vec<Student>) -> Vec<Student> {
    let ids: Vec<&str> = parts.iter().map(|part| part.id.as_str()).collect();
    let whole = Student { id: ids.join("+"), ..Student::default() };
    let is_login = parts.len() > 1
        && roster.iter().any(|known| same(&known.id, &whole.id))
        // On platforms, the members of a group have more than a login.
        && parts.iter().all(|part| *part == Student { id: part.id.clone(), ..Student::default() });
    if is_login { vec![whole] } else { parts }
}

/// The members of the group with this name, if it is one.
pub(super) fn group(roster: &[Student], name: &Student) -> Vec<Student> {
    // Platforms drop spaces and punctuation when they turn a group's name into a file name.
    let letters = |text: &str| -> String {
        text.chars()
            .filter(|letter| letter.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    let names = [letters(&name.id), letters(&name.name)];
    let is_theirs = |student: &&Student| {
        let group = letters(&student.group);
        !group.is_empty() && names.contains(&group)
    };
    roster.iter().filter(is_theirs).cloned().collect()
}

/// Column names in plain CSV rosters, in Canvas and in Moodle.
const COLUMNS: [(&str, &[&str]); 7] = [
    ("id", &["student", "login", "username", "sis login id"]),
    ("name", &["name", "full name"]),
    ("email", &["email", "email address", "e-mail"]),
    ("sid", &["sid", "sis user id", "id number", "idnumber", "student id"]),
    ("platform_id", &["identifier", "canvas id"]),
    ("group", &["group", "team"]),
    ("section", &["section", "tutorial"]),
];

/// Reads a roster.
///
/// # Errors
/// When the file cannot be read, is not CSV, or has no column that identifies a student.
pub fn read(path: &Path) -> anyhow::Result<Vec<Student>> {
    let text = std::fs::read(path).with_context(|| format!("the roster {}", path.display()))?;
    parse(&text).with_context(|| format!("the roster {}", path.display()))
}

fn parse(text: &[u8]) -> anyhow::Result<Vec<Student>> {
    let table = InputTable::decode(text)?;
    let mut reader = table.reader();
    let header: Vec<String> = reader.headers()?.iter().map(str::to_lowercase).collect();
    let is_canvas = header.iter().any(|name| name == "sis user id" || name == "sis login id");
    let column = |field: &str| {
        let names = COLUMNS.iter().find(|(name, _)| *name == field).map_or(&[][..], |(_, all)| all);
        header.iter().position(|name| {
            // In a Canvas gradebook `Student` is the name, and `ID` the platform's id.
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
        bail!("no column identifies a student; add one of `student`, `email`, `sid`");
    }
    let mut students: Vec<Student> = Vec::new();
    for record in reader.records() {
        let record = record?;
        let get = |field: usize| {
            columns[field].and_then(|column| record.get(column)).unwrap_or("").to_owned()
        };
        let student = Student {
            id: get(0),
            name: get(1),
            email: get(2),
            sid: get(3),
            // Moodle writes `Participant 123` where file names have `123`.
            platform_id: get(4).trim_start_matches("Participant ").to_owned(),
            group: get(5),
            section: get(6),
            known_as: String::new(),
        };
        let names = [&student.id, &student.email, &student.sid, &student.platform_id];
        let Some(first) = names.into_iter().find(|name| !name.is_empty()) else {
            continue; // the row with the points possible, or a test student
        };
        let twice = |other: &&Student| {
            other.is(&student) || !student.id.is_empty() && other.id == student.id
        };
        if students.iter().any(|other| twice(&other)) {
            bail!("line {}: `{first}` appears twice", table.line_of(&record));
        }
        students.push(student);
    }
    name_by_address(&mut students);
    Ok(students)
}

/// Students without a login get one from their email address, if it is unique.
fn name_by_address(students: &mut [Student]) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    let short = |student: &Student| {
        let Student { id, email, sid, platform_id, .. } = student;
        let first = [id, email, sid, platform_id].into_iter().find(|name| !name.is_empty());
        let first = first.cloned().unwrap_or_default();
        let login = first.split('@').next().filter(|login| !login.is_empty());
        (login.unwrap_or(&first).to_owned(), first)
    };
    for student in students.iter() {
        let name = if student.id.is_empty() { short(student).0 } else { student.id.clone() };
        *count.entry(name.to_lowercase()).or_default() += 1;
    }
    let mut taken: BTreeSet<String> =
        students.iter().map(|student| student.id.to_lowercase()).collect();
    for student in students.iter_mut().filter(|student| student.id.is_empty()) {
        let (login, first) = short(student);
        let plain = if count[&login.to_lowercase()] > 1 { first } else { login };
        let numbered = (2..).map(|number| format!("{plain}~{number}"));
        let mut free = std::iter::once(plain.clone()).chain(numbered);
        let free = free.find(|name| taken.insert(name.to_lowercase()));
        student.id = free.unwrap_or(plain);
    }
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
            section: "1".to_owned(),
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
        assert_eq!(twice.to_string(), "line 3: `b` appears twice");
    }

    #[test]
    fn logins_that_differ_in_case_are_two_students() {
        let roster = parse(b"student\nKim\nkim\nEve\nc++fan\n").expect("it is a roster");
        let by = |id: &str| Student { id: id.to_owned(), ..Student::default() };
        assert_eq!(find(&roster, &by("Kim")), Some(0));
        assert_eq!(find(&roster, &by("kim")), Some(1));
        assert_eq!(find(&roster, &by("KIM")), None, "it may be either");
        assert_eq!(find(&roster, &by("eve")), Some(2));
        let parts = |name: &str| name.split('+').map(by).collect::<Vec<Student>>();
        assert_eq!(joined(&roster, parts("c++fan")), [by("c++fan")]);
        assert_eq!(joined(&roster, parts("kim+Eve")), parts("kim+Eve"));
        assert!(parse(b"student\nkim\nkim\n").is_err());
    }

    #[test]
    fn equal_logins_with_different_addresses_are_two_students() {
        let roster = parse("email;name\nada@x.edu;A\nADA@y.edu;B\neve@x.edu;E\n".as_bytes());
        let roster = roster.expect("it is a roster, with semicolons");
        let ids: Vec<&str> = roster.iter().map(|student| student.id.as_str()).collect();
        assert_eq!(ids, ["ada@x.edu", "ADA@y.edu", "eve"]);
        let by = |id: &str, email: &str| Student {
            id: id.to_owned(),
            email: email.to_owned(),
            ..Student::default()
        };
        assert_eq!(find(&roster, &by("ada", "ada@y.edu")), Some(1));
        assert_eq!(find(&roster, &by("eve", "")), Some(2));
        assert_eq!(find(&roster, &by("eve", "eve@z.edu")), None);
    }

    #[test]
    fn an_id_that_says_nothing_comes_with_a_name() {
        let student = |id: &str, known_as: &str, name: &str| Student {
            id: id.to_owned(),
            known_as: known_as.to_owned(),
            name: name.to_owned(),
            email: "x@y".to_owned(),
            ..Student::default()
        };
        let table = [
            (student("ada", "", ""), "ada", ""),
            (student("ada", "", "Ada L"), "ada", "Ada L"),
            (student("a-b", "a b", ""), "a-b (a b, x@y)", "a b, x@y"),
            (student("a-b", "a b", "A. B"), "a-b", "A. B"),
            (student("a-b~2", "a b", "B, A"), "a-b~2 (a b, B, A, x@y)", "B, A (a b, x@y)"),
        ];
        for (student, label, name) in table {
            assert_eq!((student.label().as_str(), student.full_name().as_str()), (label, name));
        }
    }

    proptest::proptest! {
        /// Any roster is read or rejected, and every student with an id in it is found.
        #[test]
        fn any_roster_is_read_or_rejected(
            text in "(student|email|name|sid)([,;](email|name|group))?\n([a-c@,;\"\u{feff}é\n\r0-9]{0,30}\n){0,6}",
            broken in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40),
        ) {
            let _ = parse(&broken);
            if let Ok(students) = parse(text.as_bytes()) {
                let ids: BTreeSet<&str> =
                    students.iter().map(|student| student.id.as_str()).collect();
                proptest::prop_assert_eq!(ids.len(), students.len());
                proptest::prop_assert!(students.iter().all(|student| !student.id.is_empty()));
            }
        }
    }
}
