//! Finds out whose submission a file or folder is, by the naming schemes of Gradescope, Canvas, Moodle
//! and plain folders.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use anyhow::Context as _;
use faultlab_intake::without_ending;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

use super::{IntakeError, Listing, Student};

/// Files and folders that form one attempt of one student or group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawSubmission {
    /// The students who submitted it.
    pub students: Vec<Student>,
    /// The attempt's number, counted from 1.
    pub attempt: u32,
    /// When it was submitted, as reported by the platform.
    pub submitted: Option<String>,
    /// Whether the platform marks it as late.
    pub late: bool,
    /// Its entries in the folder of submissions.
    pub entries: Vec<Entry>,
}

/// A file or folder of the folder of submissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name there.
    pub name: String,
    /// The name that the student gave the file, if the platform changed it.
    pub given: Option<String>,
    /// How often the student had handed in a file of this name before, by the platform's mark.
    pub resubmission: u32,
    /// Whether it is what the student typed into a text field of the platform.
    pub is_online_text: bool,
    /// Why it is not read, if its name or file type already shows that.
    pub problem: Option<IntakeError>,
}

impl RawSubmission {
    /// An entry called `name`, submitted by these students.
    fn by(students: Vec<Student>, name: &str, given: Option<String>) -> Self {
        let entry = Entry { name: name.to_owned(), given, ..Entry::default() };
        Self { students, attempt: 1, entries: vec![entry], ..Self::default() }
    }
}

/// The file in which Gradescope lists who submitted which folder.
pub(super) const GRADESCOPE_METADATA: &str = "submission_metadata.yml";

/// Groups the contents of a folder of submissions by student and attempt. Every entry appears in
/// the result exactly once.
///
/// # Errors
/// When Gradescope's metadata cannot be read.
pub(super) fn group_by_student(found: Listing) -> anyhow::Result<Vec<RawSubmission>> {
    let metadata = found.metadata.as_deref().map(read_metadata).transpose()?.unwrap_or_default();
    let mut all: BTreeMap<(String, u32), RawSubmission> = BTreeMap::new();
    let mut in_folder = BTreeSet::new();
    for (name, problem) in found.entries {
        // macOS decomposes accented letters in names of files, so that they differ from the roster's.
        let composed: String = name.nfc().collect();
        let mut one = gradescope(&name, &metadata)
            .or_else(|| of_platform(&composed))
            .unwrap_or_else(|| from_plain_name(&composed));
        for entry in &mut one.entries {
            entry.name.clone_from(&name);
            entry.problem.clone_from(&problem);
        }
        in_folder.insert(stem(&name).to_owned());
        // On Gradescope each folder is a submission; elsewhere, a student's files are one submission.
        let owner = match metadata.contains_key(stem(&name)) || metadata.contains_key(&name) {
            true => format!("/{name}"),
            false => one.students.iter().map(owner).collect::<Vec<&str>>().join("+"),
        };
        match all.entry((owner, one.attempt)) {
            btree_map::Entry::Vacant(place) => {
                place.insert(one);
            }
            btree_map::Entry::Occupied(mut place) => {
                place.get_mut().late |= one.late;
                place.get_mut().entries.extend(one.entries);
            }
        }
    }
    for name in metadata.keys().filter(|name| !in_folder.contains(stem(name))) {
        let mut lost = gradescope(name, &metadata).unwrap_or_else(|| from_plain_name(name));
        for entry in &mut lost.entries {
            entry.problem = Some(IntakeError::Unreadable(format!(
                "{GRADESCOPE_METADATA} names `{name}`, which is not beside it; export the submissions again"
            )));
        }
        all.insert((format!("/{name}"), 1), lost);
    }
    Ok(all.into_values().collect())
}

/// Who submitted a file, as named by a platform or a person.
fn owner(student: &Student) -> &str {
    match student.platform_id.as_str() {
        "" => &student.id,
        number => number,
    }
}

/// The name without an archive's ending.
fn stem(name: &str) -> &str {
    without_ending(name)
}

/// Parses a name as a learning platform writes it. A file with such a name is a submission, whatever
/// it contains.
pub(super) fn of_platform(name: &str) -> Option<RawSubmission> {
    moodle(name).or_else(|| canvas(name))
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

fn gradescope(name: &str, metadata: &Metadata) -> Option<RawSubmission> {
    let stem = stem(name);
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
    let submitted = known.created_at.clone();
    Some(RawSubmission { submitted, ..RawSubmission::by(students, name, None) })
}

/// `Ada Lovelace_9001_assignsubmission_file_`, or with a file name appended. What was typed into Moodle's
/// text field is called `..._assignsubmission_onlinetext_`.
fn moodle(name: &str) -> Option<RawSubmission> {
    let (who, what) = name.split_once("_assignsubmission_")?;
    let (full_name, number) = who.rsplit_once('_')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let file = what.strip_prefix("file");
    let given = file.unwrap_or_default().trim_start_matches('_');
    let student = Student {
        id: format!("{full_name}_{number}"),
        name: full_name.to_owned(),
        platform_id: number.to_owned(),
        ..Student::default()
    };
    let given = (!given.is_empty()).then(|| given.to_owned());
    let mut one = RawSubmission::by(vec![student], name, given);
    one.entries[0].is_online_text = file.is_none();
    is_number.then_some(one)
}

/// `lovelaceada_LATE_501_88001_lab1.zip`.
fn canvas(name: &str) -> Option<RawSubmission> {
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
    let student = Student {
        id: format!("{who}_{user}"),
        name: who.to_owned(),
        platform_id: user.to_owned(),
        ..Student::default()
    };
    let (given, resubmission) = without_attempt(file);
    let mut one = RawSubmission { late, ..RawSubmission::by(vec![student], name, Some(given)) };
    one.entries[0].resubmission = resubmission;
    Some(one)
}

/// Canvas renames a resubmitted file to `client-1.rs`. Returns its name, and the number.
fn without_attempt(file: &str) -> (String, u32) {
    let split = |(stem, ending): (&str, &str)| {
        let (first, number) = stem.rsplit_once('-')?;
        let number = number.parse().ok().filter(|_| !number.starts_with('+'))?;
        (!first.is_empty()).then(|| (format!("{first}{ending}"), number))
    };
    let stem = stem(file);
    let stem =
        if stem == file { file.rsplit_once('.').map_or(file, |(stem, _)| stem) } else { stem };
    split(file.split_at(stem.len())).unwrap_or_else(|| (file.to_owned(), 0))
}

/// The name without a browser's mark for one more file of the same name: `fay (1)`.
fn without_copy_number(stem: &str) -> &str {
    let number = stem.strip_suffix(')').and_then(|rest| rest.rsplit_once(" ("));
    match number {
        Some((who, number))
            if !who.is_empty()
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            who
        }
        _ => stem,
    }
}

/// `ada`, `ada+bob.zip` for a group, `ada#2.tar.gz` for a second attempt. `ada (1).zip` is ada's too.
fn from_plain_name(name: &str) -> RawSubmission {
    let stem = without_copy_number(stem(name));
    let (who, attempt) = match stem.rsplit_once('#') {
        Some((who, number)) if !who.is_empty() => match number.parse() {
            Ok(attempt) if attempt > 0 => (who, attempt),
            _ => (stem, 1),
        },
        _ => (stem, 1),
    };
    let mut ids: Vec<&str> = who.split('+').map(str::trim).collect();
    // With an empty part, the plus belongs to a login: `c++fan`.
    if ids.iter().any(|id| id.is_empty()) {
        ids = vec![who.trim()];
    }
    let students = ids.into_iter().map(|id| Student { id: id.to_owned(), ..Student::default() });
    let students: Vec<Student> = students.collect();
    RawSubmission { attempt, ..RawSubmission::by(students, name, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&str], metadata: Option<&str>) -> Vec<RawSubmission> {
        group_by_student(folder(names, metadata)).expect("the metadata is good")
    }

    fn folder(names: &[&str], metadata: Option<&str>) -> Listing {
        Listing {
            entries: names.iter().map(|name| ((*name).to_owned(), None)).collect(),
            metadata: metadata.map(str::to_owned),
            ..Listing::default()
        }
    }

    #[test]
    fn gradescope_metadata_names_the_students() {
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
        assert!(group_by_student(folder(&[], Some("- just\n- a list"))).is_err());
    }

    #[test]
    fn gradescope_students_with_equal_names_are_kept_apart() {
        let submission = |number: u32, email: &str| {
            format!("submission_{number}:\n  :submitters:\n  - :name: Ada\n    :email: {email}\n")
        };
        let metadata =
            [(1, "ada@x.edu"), (2, "ada@y.edu"), (3, "eve@x.edu")].map(|(n, e)| submission(n, e));
        let found = sorted(&["submission_1", "submission_2"], Some(&metadata.concat()));
        let entries: Vec<(usize, bool)> =
            found.iter().map(|one| (one.entries.len(), one.entries[0].problem.is_some())).collect();
        assert_eq!(entries, [(1, false), (1, false), (1, true)]);
        assert_eq!(found[2].students[0].id, "eve");
    }

    #[test]
    fn plus_signs_join_members_and_belong_to_logins() {
        let ids = |name: &str| -> Vec<String> {
            from_plain_name(name).students.into_iter().map(|student| student.id).collect()
        };
        assert_eq!(ids("ada+bob.zip"), ["ada", "bob"]);
        assert_eq!(ids("m + n"), ["m", "n"]);
        assert_eq!(ids("c++fan.tar.gz"), ["c++fan"]);
        assert_eq!(ids("+"), ["+"]);
        assert_eq!(
            (ids(" ada #2"), from_plain_name(" ada #2").attempt),
            (vec!["ada".to_owned()], 2)
        );
    }

    #[test]
    fn canvas_file_names_are_parsed() {
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
        let names: Vec<_> = found[0].entries.iter().map(|entry| entry.given.as_deref()).collect();
        assert_eq!(names, [Some("client.rs"), Some("lib.rs")]);
        assert_eq!(found[1].entries[0].given.as_deref(), Some("my_lab.zip"));
    }

    #[test]
    fn a_second_file_of_one_student_is_no_second_student() {
        let table = [
            ("lab1-1.zip", ("lab1.zip", 1)),
            ("lab1-12.tar.gz", ("lab1.tar.gz", 12)),
            ("client-2.rs", ("client.rs", 2)),
            ("my-lab.zip", ("my-lab.zip", 0)),
            ("-1.zip", ("-1.zip", 0)),
        ];
        for (file, (given, number)) in table {
            assert_eq!(without_attempt(file), (given.to_owned(), number), "{file}");
        }
        let found =
            sorted(&["fay.zip", "fay (1).zip", "fay (x).zip", "fay (2)", "fay#2 (1)"], None);
        let ids: Vec<(&str, u32, usize)> = found
            .iter()
            .map(|one| (one.students[0].id.as_str(), one.attempt, one.entries.len()))
            .collect();
        assert_eq!(ids, [("fay", 1, 3), ("fay", 2, 1), ("fay (x)", 1, 1)]);
    }

    #[test]
    fn moodle_and_plain_names_are_parsed() {
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

    #[test]
    fn an_online_text_is_no_student_of_its_own() {
        let found = sorted(
            &[
                "Ann Lee_9003_assignsubmission_file_",
                "Ann Lee_9003_assignsubmission_onlinetext_",
                "Bo Ek_9004_assignsubmission_onlinetext_onlinetext.html",
            ],
            None,
        );
        let listed: Vec<(&str, Vec<bool>)> = found
            .iter()
            .map(|one| {
                let texts = one.entries.iter().map(|entry| entry.is_online_text).collect();
                (one.students[0].platform_id.as_str(), texts)
            })
            .collect();
        assert_eq!(listed, [("9003", vec![false, true]), ("9004", vec![true])]);
    }

    #[test]
    fn an_accent_written_in_two_ways_is_one_student() {
        let found = sorted(&["jose\u{301}.zip", "jos\u{e9}"], None);
        assert_eq!((found.len(), found[0].students[0].id.as_str()), (1, "jos\u{e9}"));
        let names: Vec<&str> = found[0].entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["jose\u{301}.zip", "jos\u{e9}"]);
    }

    proptest::proptest! {
        #[test]
        fn every_entry_belongs_to_one_submission(
            names in proptest::collection::btree_set(
                "[a-z#+_0-9. é]{1,12}|[a-z]{1,4}_(LATE_)?[0-9]{1,3}_[0-9]{1,3}_[a-z.0-9-]{1,9}|[a-z ]{1,5}_[0-9]{1,3}_assignsubmission_(file|onlinetext)_[a-z.]{0,5}",
                0..12,
            ),
        ) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let sorted = sorted(&names, None);
            let mut kept: Vec<&str> =
                sorted.iter().flat_map(|one| &one.entries).map(|entry| entry.name.as_str()).collect();
            kept.sort_unstable();
            proptest::prop_assert_eq!(kept, names);
            proptest::prop_assert!(sorted.iter().all(|one| !one.students.is_empty()));
        }
    }
}
