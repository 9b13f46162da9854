//! Intake: turns a folder of submitted files into a list of submissions, each with the files to
//! grade or the reason it is rejected.

mod entries;
pub mod fixes;
mod naming;
pub mod roster;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use faultlab_intake::{
    Bundle, ReadError, has_extension, is_archive, is_unsupported_archive, select,
};
use serde::{Deserialize, Serialize};

pub use faultlab_intake::{LabFiles, Limits, Refusal};
pub use fixes::Fixes;
pub use roster::Student;

use naming::RawSubmission;

/// One attempt of one student or group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The students who submitted it.
    pub students: Vec<Student>,
    /// The attempt's number, counted from 1.
    pub attempt: u32,
    /// When it was submitted, as reported by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted: Option<String>,
    /// Whether the platform marks it as late.
    pub late: bool,
    /// Its names in the folder of submissions.
    pub from: Vec<String>,
    /// Ignored files and other remarks, for the student.
    pub notes: Vec<String>,
    /// How staff put it right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<String>,
    /// Its files, or why there are none.
    pub contents: Contents,
}

/// The result of reading a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// Its files, by path inside the lab's `src`.
    Files(BTreeMap<String, String>),
    /// It was rejected and earns no points.
    Refused(Refusal),
    /// It could not be read. This is not the student's fault, and is retried.
    Unreadable(String),
}

/// Everything that was submitted.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// The submissions, ordered by student and attempt.
    pub submissions: Vec<Submission>,
    /// Students on the roster who submitted nothing.
    pub missing: Vec<Student>,
    /// What else was in the folder, and who is not on the roster.
    pub left_out: LeftOut,
}

/// What the intake left out, or could not assign, for staff to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The ids of submitters who are not on the roster, if there is one.
    pub not_on_roster: Vec<String>,
    /// Files that belong to no submission.
    pub ignored_files: Vec<String>,
    /// Hidden files and folders, which are not looked into.
    pub hidden: Vec<String>,
}

/// A problem found before a submission is read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum IntakeError {
    /// The submission's fault: it is rejected.
    Refused(Refusal),
    /// The grader's or the platform's fault: it is retried.
    Unreadable(String),
}

impl From<IntakeError> for Contents {
    fn from(problem: IntakeError) -> Self {
        match problem {
            IntakeError::Refused(refusal) => Self::Refused(refusal),
            IntakeError::Unreadable(why) => Self::Unreadable(why),
        }
    }
}

/// The contents of a folder of submissions.
#[derive(Clone, Debug, Default)]
struct Listing {
    /// Each submitted entry, with its problem if the name or file type already shows one.
    entries: Vec<(String, Option<IntakeError>)>,
    /// Gradescope's metadata.
    metadata: Option<String>,
    /// Other files.
    ignored_files: Vec<String>,
    /// Hidden files and folders.
    hidden: Vec<String>,
}

/// Names that the results folder uses itself.
const TAKEN: [&str; 14] = [
    "summary.csv",
    "gradebook.csv",
    "canvas.csv",
    "moodle.csv",
    "overrides.csv",
    "comments.csv",
    "extensions.csv",
    "failures.csv",
    "fixes.toml",
    "late-days.csv",
    "rubric.csv",
    "policy.toml",
    "regrade.json",
    "index.html",
];

/// Reads a folder of submissions.
///
/// # Errors
/// If the folder, its metadata or the roster cannot be read. Problems of a single submission go
/// into its [`Contents`].
pub fn read(
    folder: &Path,
    roster: Option<&Path>,
    lab: &LabFiles,
    limits: &Limits,
) -> anyhow::Result<Intake> {
    read_fixed(folder, roster, lab, limits, &Fixes::default())
}

/// Like [`read`], and puts submissions right.
///
/// # Errors
/// As [`read`], and if a fix cannot be applied.
pub fn read_fixed(
    folder: &Path,
    roster: Option<&Path>,
    lab: &LabFiles,
    limits: &Limits,
    fixes: &Fixes,
) -> anyhow::Result<Intake> {
    let roster = roster.map(roster::read).transpose()?;
    let folder = &whole_export(folder);
    let mut found = list(folder)?;
    let (of_students, ignored_files) = std::mem::take(&mut found.ignored_files)
        .into_iter()
        .partition(|name| is_named_after_a_student(name, roster.as_deref().unwrap_or_default()));
    let of_students: Vec<String> = of_students;
    found.entries.extend(of_students.into_iter().map(|name| (name, None)));
    if found.entries.is_empty() {
        bail!("{} contains no submissions (folders, .zip, .tar or .tar.gz)", folder.display());
    }
    let hidden = std::mem::take(&mut found.hidden);
    let mut handed_in = naming::group_by_student(found)?;
    let (mut missing, not_on_roster) = assign(&mut handed_in, roster.as_deref());
    add_those_with_files(&mut handed_in, &mut missing, fixes)?;
    let is_last: Vec<bool> = (0..handed_in.len()).map(|index| is_last(&handed_in, index)).collect();
    let submissions = handed_in.into_iter().zip(is_last);
    let submissions = submissions
        .map(|(one, is_last)| {
            let fixes = Applied { of: fixes, these: fixes.of(&one.students, one.attempt, is_last) };
            let student = one.students[0].id.clone();
            collect(folder, one, lab, limits, &fixes)
                .with_context(|| format!("the fix for `{student}`"))
        })
        .collect::<anyhow::Result<Vec<Submission>>>()?;
    Ok(Intake { submissions, missing, left_out: LeftOut { not_on_roster, ignored_files, hidden } })
}

/// Whether a file that is neither an archive nor Rust source is called like a student on the roster:
/// `ada.docx`. It is then what this student handed in.
fn is_named_after_a_student(file: &str, roster: &[Student]) -> bool {
    let id = file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned();
    roster::find(roster, &Student { id, ..Student::default() }).is_some()
}

/// The folder inside a platform's export that holds the submissions; Gradescope wraps them in one.
fn whole_export(folder: &Path) -> PathBuf {
    let inside: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    match inside.as_slice() {
        [only] if only.join(naming::GRADESCOPE_METADATA).is_file() => only.clone(),
        _ => folder.to_owned(),
    }
}

/// Reads a folder or an archive that is a single submission. Returns its contents, with remarks.
#[must_use]
pub fn read_one(place: &Path, lab: &LabFiles, limits: &Limits) -> (Contents, Vec<String>) {
    match bundle_or_contents(faultlab_intake::read(place, limits)) {
        Ok(bundle) => selected(&bundle, lab),
        Err(contents) => (contents, Vec::new()),
    }
}

/// Lists a folder of submissions, with every entry that may be a submission.
fn list(folder: &Path) -> anyhow::Result<Listing> {
    let reading = || format!("the submissions in {}", folder.display());
    if folder.is_file() {
        bail!("{} is a file; unpack it and pass the folder", folder.display());
    }
    let mut found = Listing::default();
    for entry in fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let kind = entry.file_type().with_context(reading)?;
        let name = match entry.file_name().into_string() {
            Ok(name) => name,
            Err(name) => {
                // Non-UTF-8 bytes are escaped, so that no two names become equal.
                let name = name.as_encoded_bytes().escape_ascii().to_string();
                found.entries.push((name.clone(), Some(IntakeError::Refused(Refusal::Name(name)))));
                continue;
            }
        };
        let refused =
            |refusal: fn(String) -> Refusal| Some(IntakeError::Refused(refusal(name.clone())));
        let problem = if name == naming::GRADESCOPE_METADATA {
            let text = fs::read_to_string(entry.path());
            found.metadata = Some(text.with_context(|| entry.path().display().to_string())?);
            continue;
        } else if name.starts_with('.') || name == "__MACOSX" {
            found.hidden.push(name);
            continue;
        } else if kind.is_symlink() {
            refused(Refusal::Link)
        } else if !(kind.is_dir() || kind.is_file()) {
            refused(Refusal::Special)
        } else if kind.is_dir()
            || is_archive(&name)
            || is_unsupported_archive(&name)
            || has_extension(&name, "rs")
            || naming::of_platform(&name).is_some()
        {
            None
        } else {
            found.ignored_files.push(name);
            continue;
        };
        found.entries.push((name, problem));
    }
    found.entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    found.ignored_files.sort();
    found.hidden.sort();
    Ok(found)
}

/// Looks every student up on the roster and gives each a unique folder name. Returns the students on
/// the roster who submitted nothing, and the submitters who are not on it.
fn assign(
    handed_in: &mut [RawSubmission],
    roster: Option<&[Student]>,
) -> (Vec<Student>, Vec<String>) {
    let all = roster.unwrap_or_default();
    // Each student's index in the roster.
    let mut places: Vec<Vec<Option<usize>>> = Vec::new();
    for one in handed_in.iter_mut() {
        one.students = roster::joined(all, std::mem::take(&mut one.students));
        if let [only] = one.students.as_slice() {
            let group = roster::group(all, only);
            if !group.is_empty() {
                one.students = group;
            }
        }
        let known = one.students.iter_mut().map(|student| {
            let place = roster::find(all, student)?;
            let platform = std::mem::replace(student, all[place].clone());
            student.complete_from(platform);
            Some(place)
        });
        places.push(known.collect());
    }
    share_with_group(handed_in, &mut places, all);
    let present: BTreeSet<usize> = places.iter().flatten().copied().flatten().collect();
    let missing = (0..all.len()).filter(|place| !present.contains(place));
    let mut missing: Vec<(Option<usize>, Student)> =
        missing.map(|place| (Some(place), all[place].clone())).collect();

    // A student has the same folder for every attempt.
    let mut folders: BTreeMap<String, String> = BTreeMap::new();
    let mut taken: BTreeSet<String> = TAKEN.map(str::to_owned).into();
    let students = handed_in.iter_mut().zip(&places);
    let students = students.flat_map(|(one, places)| one.students.iter_mut().zip(places));
    let students = students.map(|(student, place)| (*place, student));
    for (place, student) in students.chain(missing.iter_mut().map(|(place, one)| (*place, one))) {
        let person = place.map_or_else(|| student.person(), |place| format!("/{place}"));
        let folder = folders.entry(person).or_insert_with(|| {
            let plain = folder_name(&student.id);
            let numbered = (2..).map(|number| format!("{plain}~{number}"));
            let mut free = std::iter::once(plain.clone()).chain(numbered);
            let free = free.find(|name| taken.insert(name.to_lowercase()));
            free.unwrap_or(plain)
        });
        if student.id != *folder {
            student.known_as = std::mem::replace(&mut student.id, folder.clone());
        }
    }
    let strangers = handed_in.iter().zip(&places);
    let strangers = strangers.flat_map(|(one, places)| one.students.iter().zip(places));
    let strangers: BTreeSet<String> = strangers
        .filter(|(_, place)| roster.is_some() && place.is_none())
        .map(|(student, _)| student.id.clone())
        .collect();
    number_attempts(handed_in);
    (missing.into_iter().map(|(_, student)| student).collect(), strangers.into_iter().collect())
}

/// Counts a group member's submission for the others too, if none of them submitted anything.
fn share_with_group(
    handed_in: &mut [RawSubmission],
    places: &mut [Vec<Option<usize>>],
    roster: &[Student],
) {
    let present: BTreeSet<usize> = places.iter().flatten().copied().flatten().collect();
    let mut shared: BTreeMap<&str, usize> = BTreeMap::new();
    for (one, places) in handed_in.iter_mut().zip(places) {
        let [Some(place)] = places[..] else { continue };
        let group = roster[place].group.as_str();
        // If several members submitted, each counts only for itself.
        let members = || (0..roster.len()).filter(|other| roster[*other].group == group);
        if group.is_empty() || members().filter(|other| present.contains(other)).count() != 1 {
            continue;
        }
        *shared.entry(group).or_default() += 1;
        for other in members().filter(|other| *other != place) {
            one.students.push(roster[other].clone());
            places.push(Some(other));
        }
    }
}

/// Orders submissions by student and attempt. Attempts with the same number, as on platforms, are
/// ordered by time.
fn number_attempts(handed_in: &mut [RawSubmission]) {
    let ids = |one: &RawSubmission| -> Vec<String> {
        one.students.iter().map(|student| student.id.clone()).collect()
    };
    handed_in.sort_by_cached_key(|one| (ids(one), one.attempt, one.submitted.clone()));
    for index in 1..handed_in.len() {
        let (before, after) = handed_in.split_at_mut(index);
        let (last, next) = (&before[index - 1], &mut after[0]);
        if ids(last) == ids(next) && next.attempt <= last.attempt {
            next.attempt = last.attempt + 1;
        }
    }
}

/// A name that is safe as a folder name, in a URL and on a terminal.
fn folder_name(raw: &str) -> String {
    const LETTERS_MAX: usize = 64;
    let safe = |letter: char| match letter {
        '-' | '_' | '.' | '@' => letter,
        _ if letter.is_alphanumeric() => letter,
        _ => '-',
    };
    let name: String = raw.chars().take(LETTERS_MAX).map(safe).collect();
    let name = name.trim_start_matches(['.', '-']).trim_end_matches('.');
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

/// Makes a submission for each student who submitted nothing and whose files staff add.
///
/// # Errors
/// If a fix is for nobody in the batch.
fn add_those_with_files(
    handed_in: &mut Vec<RawSubmission>,
    missing: &mut Vec<Student>,
    fixes: &Fixes,
) -> anyhow::Result<()> {
    for id in fixes.students() {
        let all = handed_in.iter().flat_map(|one| &one.students);
        if all.clone().any(|student| student.id == id) {
            continue;
        }
        let Some(place) = missing.iter().position(|student| student.id == id) else {
            bail!("there is a fix for `{id}`, and no such student in this batch");
        };
        let students = vec![missing.remove(place)];
        handed_in.push(RawSubmission { students, attempt: 1, ..RawSubmission::default() });
    }
    Ok(())
}

/// Whether this is the last attempt of its first student.
fn is_last(handed_in: &[RawSubmission], index: usize) -> bool {
    let (one, first) = (&handed_in[index], &handed_in[index].students[0].id);
    let is_later = |other: &RawSubmission| {
        other.attempt > one.attempt && other.students.iter().any(|student| student.id == *first)
    };
    !handed_in.iter().any(is_later)
}

/// The fixes of one submission.
struct Applied<'f> {
    of: &'f Fixes,
    these: Vec<&'f fixes::Fix>,
}

fn collect(
    folder: &Path,
    one: RawSubmission,
    lab: &LabFiles,
    limits: &Limits,
    fixes: &Applied<'_>,
) -> anyhow::Result<Submission> {
    let problem = one.entries.iter().find_map(|entry| entry.problem.clone());
    let mut read = match problem {
        Some(problem) => Err(problem.into()),
        None if one.entries.is_empty() => Ok(Bundle::default()),
        None => bundle_or_contents(entries::read(folder, &one.entries, limits)),
    };
    for fix in &fixes.these {
        read = fixes.of.apply(fix, read, folder, &one.entries, limits)?;
    }
    let (contents, notes) = match read {
        Ok(bundle) => selected(&bundle, lab),
        Err(contents) => (contents, Vec::new()),
    };
    Ok(Submission {
        fixes: fixes.these.iter().map(|fix| fix.describe()).collect(),
        students: one.students,
        attempt: one.attempt,
        submitted: one.submitted,
        late: one.late,
        from: one.entries.into_iter().map(|entry| entry.name).collect(),
        notes,
        contents,
    })
}

/// What was read, or why there is nothing.
fn bundle_or_contents(read: Result<Bundle, ReadError>) -> Result<Bundle, Contents> {
    read.map_err(|error| match error {
        ReadError::Refused(refusal) => Contents::Refused(refusal),
        error @ ReadError::Io { .. } => Contents::Unreadable(error.to_string()),
    })
}

/// The files that are graded, with remarks.
fn selected(bundle: &Bundle, lab: &LabFiles) -> (Contents, Vec<String>) {
    match select(bundle, lab) {
        Err(refusal) => (Contents::Refused(refusal), Vec::new()),
        Ok(selected) => (Contents::Files(selected.files), selected.notes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn student(id: &str) -> Student {
        Student { id: id.to_owned(), ..Student::default() }
    }

    #[test]
    fn folder_names_are_safe_and_unique() {
        let table = [
            ("ada", "ada"),
            ("José Ñ", "José-Ñ"),
            ("../../etc", "etc"),
            (".hidden", "hidden"),
            ("a/b\\c\0d", "a-b-c-d"),
            ("\u{202e}evil\x1b[31m", "evil--31m"),
            ("...", "unnamed"),
        ];
        for (raw, expected) in table {
            assert_eq!(folder_name(raw), expected, "{raw:?}");
        }
        let one = |id| RawSubmission {
            students: vec![student(id)],
            attempt: 1,
            ..RawSubmission::default()
        };
        let mut all = vec![one("a b"), one("a-b"), one("A/B"), one("a b"), one("Index.html")];
        let _ = assign(&mut all, None);
        let ids: Vec<(&str, u32)> =
            all.iter().map(|one| (one.students[0].id.as_str(), one.attempt)).collect();
        let expected = [("A-B~3", 1), ("Index.html~2", 1), ("a-b", 1), ("a-b", 2), ("a-b~2", 1)];
        assert_eq!(ids, expected);
    }

    #[test]
    fn the_roster_identifies_students_and_groups() {
        let known = |id: &str, group: &str, number: &str| Student {
            group: group.to_owned(),
            platform_id: number.to_owned(),
            ..student(id)
        };
        let roster =
            [known("ada", "team1", "501"), known("bob", "team1", ""), known("eve", "", "")];
        let one = |student| RawSubmission { students: vec![student], ..RawSubmission::default() };
        let ids = |mut all: Vec<RawSubmission>| {
            let (missing, strangers) = assign(&mut all, Some(&roster));
            let students = |one: &RawSubmission| -> Vec<String> {
                one.students.iter().map(|student| student.id.clone()).collect()
            };
            let all: Vec<String> = all.iter().map(|one| students(one).join("+")).collect();
            let missing: Vec<String> = missing.into_iter().map(|student| student.id).collect();
            format!("{} | {} | {}", all.join(" "), missing.join(" "), strangers.join(" "))
        };
        assert_eq!(ids(vec![one(student("team1"))]), "ada+bob | eve | ");
        // A platform's file name consists of the group's name and a number.
        let team = Student { name: "Team 1".to_owned(), ..known("Team 1_77", "", "77") };
        assert_eq!(ids(vec![one(team)]), "ada+bob | eve | ");
        // One submission counts for the group; two count only for their submitters.
        assert_eq!(ids(vec![one(known("lovelace_501", "", "501"))]), "ada+bob | eve | ");
        let each = vec![one(student("bob")), one(student("ada")), one(student("zoe"))];
        assert_eq!(ids(each), "ada bob zoe | eve | zoe");
    }
}
