//! Whose submission a file or folder is, in the naming schemes of Gradescope, Canvas and Moodle, and in
//! a folder collected by hand.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Deserialize;

use super::Student;
use super::archive::Format;

/// Files and folders that belong together: one attempt of one student or group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HandedIn {
    /// Who handed it in.
    pub students: Vec<Student>,
    /// The attempt's number, counted from 1.
    pub attempt: u32,
    /// When, as the platform says it.
    pub submitted: Option<String>,
    /// Whether the platform marks it as late.
    pub late: bool,
    /// Names in the folder of submissions, each with the name that the student gave the file, where
    /// the platform gave it another.
    pub entries: Vec<(String, Option<String>)>,
}

/// The file in which Gradescope says who handed in which folder.
pub(super) const GRADESCOPE_METADATA: &str = "submission_metadata.yml";

/// Sorts the names in a folder of submissions by student and attempt.
///
/// # Errors
/// When Gradescope's metadata cannot be read.
pub(super) fn sort(names: &[String], metadata: Option<&str>) -> anyhow::Result<Vec<HandedIn>> {
    let metadata = metadata.map(read_metadata).transpose()?.unwrap_or_default();
    let mut all: BTreeMap<(String, u32), HandedIn> = BTreeMap::new();
    for name in names {
        let found = gradescope(name, &metadata)
            .or_else(|| moodle(name))
            .or_else(|| canvas(name))
            .unwrap_or_else(|| by_hand(name));
        let key: Vec<&str> = found
            .students
            .iter()
            .map(|student| match student.platform_id.as_str() {
                "" => student.id.as_str(),
                number => number,
            })
            .collect();
        match all.entry((key.join("+"), found.attempt)) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(found);
            }
            std::collections::btree_map::Entry::Occupied(mut place) => {
                place.get_mut().late |= found.late;
                place.get_mut().entries.extend(found.entries);
            }
        }
    }
    Ok(all.into_values().collect())
}

type Metadata = BTreeMap<String, GradescopeSubmission>;

#[derive(Clone, Debug, Default, Deserialize)]
struct GradescopeSubmission {
    #[serde(rename = ":submitters", default)]
    submitters: Vec<GradescopeSubmitter>,
    #[serde(rename = ":created_at", default)]
    created_at: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct GradescopeSubmitter {
    #[serde(rename = ":name", default)]
    name: Option<String>,
    #[serde(rename = ":sid", default)]
    sid: Option<String>,
    #[serde(rename = ":email", default)]
    email: Option<String>,
}

fn read_metadata(text: &str) -> anyhow::Result<Metadata> {
    serde_saphyr::from_str(text)
        .with_context(|| format!("{GRADESCOPE_METADATA} is not as expected"))
}

fn gradescope(name: &str, metadata: &Metadata) -> Option<HandedIn> {
    let stem = Format::of(name).map_or(name, |(stem, _)| stem);
    let known = metadata.get(name).or_else(|| metadata.get(stem))?;
    let number = stem.rsplit('_').next().unwrap_or(stem);
    let students = known.submitters.iter().map(|submitter| {
        let email = submitter.email.clone().unwrap_or_default();
        let sid = submitter.sid.clone().unwrap_or_default();
        let login = email.split('@').next().unwrap_or_default();
        let id = [login, &sid, &submitter.name.clone().unwrap_or_default(), stem]
            .into_iter()
            .find(|id| !id.is_empty())
            .unwrap_or(stem)
            .to_owned();
        Student {
            id,
            name: submitter.name.clone().unwrap_or_default(),
            email,
            sid,
            ..Student::default()
        }
    });
    let mut students: Vec<Student> = students.collect();
    if students.is_empty() {
        students.push(Student {
            id: stem.to_owned(),
            platform_id: number.to_owned(),
            ..Student::default()
        });
    }
    Some(HandedIn {
        students,
        attempt: 1,
        submitted: known.created_at.clone(),
        late: false,
        entries: vec![(name.to_owned(), None)],
    })
}

/// `Ada Lovelace_9001_assignsubmission_file_`, or with a file's name behind it.
fn moodle(name: &str) -> Option<HandedIn> {
    let (who, file) = name.split_once("_assignsubmission_file")?;
    let (full_name, number) = who.rsplit_once('_')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let file = file.trim_start_matches('_');
    is_number.then(|| HandedIn {
        students: vec![Student {
            id: format!("{full_name}_{number}"),
            name: full_name.to_owned(),
            platform_id: number.to_owned(),
            ..Student::default()
        }],
        attempt: 1,
        entries: vec![(name.to_owned(), (!file.is_empty()).then(|| file.to_owned()))],
        ..HandedIn::default()
    })
}

/// `lovelaceada_LATE_501_88001_lab1.zip`.
fn canvas(name: &str) -> Option<HandedIn> {
    let mut parts = name.splitn(2, '_');
    let who = parts.next().filter(|who| !who.is_empty())?;
    let rest = parts.next()?;
    let (late, rest) = match rest.strip_prefix("LATE_").or_else(|| rest.strip_prefix("late_")) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let mut parts = rest.splitn(3, '_');
    let mut number = || {
        let part = parts.next()?;
        (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())).then_some(part)
    };
    let (user, _submission) = (number()?, number()?);
    let file = parts.next().filter(|file| !file.is_empty())?;
    Some(HandedIn {
        students: vec![Student {
            id: format!("{who}_{user}"),
            name: who.to_owned(),
            platform_id: user.to_owned(),
            ..Student::default()
        }],
        attempt: 1,
        late,
        entries: vec![(name.to_owned(), Some(without_attempt(file)))],
        ..HandedIn::default()
    })
}

/// Canvas calls a file that was handed in again `client-1.rs`.
fn without_attempt(file: &str) -> String {
    let Some((stem, extension)) = file.rsplit_once('.') else { return file.to_owned() };
    match stem.rsplit_once('-') {
        Some((first, number))
            if !first.is_empty()
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            format!("{first}.{extension}")
        }
        _ => file.to_owned(),
    }
}

/// `ada`, `ada+bob.zip` for a group, `ada#2.tar.gz` for a second attempt.
fn by_hand(name: &str) -> HandedIn {
    let stem = Format::of(name).map_or(name, |(stem, _)| stem);
    let (who, attempt) = match stem.rsplit_once('#') {
        Some((who, number)) if !who.is_empty() => match number.parse() {
            Ok(attempt) if attempt > 0 => (who, attempt),
            _ => (stem, 1),
        },
        _ => (stem, 1),
    };
    let students = who.split('+').filter(|id| !id.is_empty());
    let mut students: Vec<Student> =
        students.map(|id| Student { id: id.to_owned(), ..Student::default() }).collect();
    if students.is_empty() {
        students.push(Student { id: who.to_owned(), ..Student::default() });
    }
    HandedIn { students, attempt, entries: vec![(name.to_owned(), None)], ..HandedIn::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&str], metadata: Option<&str>) -> Vec<HandedIn> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        sort(&names, metadata).expect("the metadata is good")
    }

    #[test]
    fn gradescope_says_who_is_who() {
        let metadata = "---\nsubmission_42:\n  :submitters:\n  - :name: Ada Lovelace\n    :sid: '0017'\n    \
                        :email: ada@x.edu\n  - :name: Bob\n    :sid:\n    :email: bob@x.edu\n  \
                        :created_at: 2026-11-20 10:00:00.000000000 Z\n  :score: 3.0\n  :history: []\n";
        let found = sorted(&["submission_42", "submission_43"], Some(metadata));
        assert_eq!(found.len(), 2);
        let group = found.iter().find(|one| one.students.len() == 2).expect("a group");
        assert_eq!(
            (group.students[0].id.as_str(), group.students[0].sid.as_str()),
            ("ada", "0017")
        );
        assert_eq!(group.submitted.as_deref(), Some("2026-11-20 10:00:00.000000000 Z"));
        assert!(sort(&[], Some("- just\n- a list")).is_err());
    }

    #[test]
    fn canvas_puts_everything_in_the_name() {
        let found = sorted(
            &[
                "lovelaceada_LATE_501_88001_client-1.rs",
                "lovelaceada_LATE_501_88002_lib.rs",
                "babbage_502_88003_my_lab.zip",
            ],
            None,
        );
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].students[0].id.as_str(), found[0].late), ("lovelaceada_501", true));
        let names: Vec<_> = found[0].entries.iter().map(|(_, name)| name.as_deref()).collect();
        assert_eq!(names, [Some("client.rs"), Some("lib.rs")]);
        assert_eq!(found[1].entries[0].1.as_deref(), Some("my_lab.zip"));
    }

    #[test]
    fn moodle_and_folders_by_hand() {
        let found = sorted(
            &["Ada B Lovelace_9001_assignsubmission_file_", "bob+eve.zip", "kim", "kim#2.tar.gz"],
            None,
        );
        let ids: Vec<(String, u32)> = found
            .iter()
            .map(|one| {
                let ids: Vec<&str> = one.students.iter().map(|one| one.id.as_str()).collect();
                (ids.join(","), one.attempt)
            })
            .collect();
        let expected = [("Ada B Lovelace_9001", 1), ("bob,eve", 1), ("kim", 1), ("kim", 2)];
        assert_eq!(ids, expected.map(|(id, attempt)| (id.to_owned(), attempt)));
    }
}
