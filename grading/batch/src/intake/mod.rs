//! Intake: a folder of what students handed in becomes a list of submissions, each with exactly the
//! files that are graded, or with the reason why it is not.

mod archive;
mod bundle;
mod folder;
mod limits;
mod naming;
mod refusal;
pub mod roster;
mod select;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

pub use bundle::Bundle;
pub use limits::Limits;
pub use refusal::{ReadError, Refusal};
pub use roster::Student;
pub use select::{LabFiles, Selected, select};

use archive::Format;
use bundle::Filler;
use naming::HandedIn;

/// One attempt of one student or group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Who handed it in.
    pub students: Vec<Student>,
    /// The attempt's number, counted from 1.
    pub attempt: u32,
    /// When it was handed in, as the platform says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted: Option<String>,
    /// Whether the platform marks it as late.
    pub late: bool,
    /// The names that it has in the folder of submissions.
    pub from: Vec<String>,
    /// What was ignored, and other remarks, for the student.
    pub notes: Vec<String>,
    /// What became of it on the way in.
    pub contents: Contents,
}

/// What became of a submission on the way in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// Its files, by path inside the lab's `src`.
    Files(BTreeMap<String, String>),
    /// It is refused, and gets no points.
    Refused(Refusal),
    /// It could not be read, through no fault of the student's. To be tried again.
    Unreadable(String),
}

/// Everything that came in.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// What was handed in, ordered by student and attempt.
    pub submissions: Vec<Submission>,
    /// Students of the roster who handed in nothing.
    pub missing: Vec<Student>,
}

/// Reads a folder of submissions.
///
/// # Errors
/// When the folder itself, its metadata or the roster cannot be read. What is wrong with a single
/// submission stands in its [`Contents`].
pub fn read(
    folder: &Path,
    roster: Option<&Path>,
    lab: &LabFiles,
    limits: &Limits,
) -> anyhow::Result<Intake> {
    let roster = roster.map(roster::read).transpose()?;
    let (names, metadata) = list(folder)?;
    let mut handed_in = naming::sort(&names, metadata.as_deref())?;
    let missing = assign(&mut handed_in, roster.as_deref());
    let submissions = handed_in.into_iter().map(|one| collect(folder, one, lab, limits)).collect();
    Ok(Intake { submissions, missing })
}

/// Reads a folder that is itself the one submission.
#[must_use]
pub fn read_one(folder: &Path, lab: &LabFiles, limits: &Limits) -> (Contents, Vec<String>) {
    let mut filler = Filler::new(limits);
    let result = folder::read(folder, &mut filler).and_then(|()| {
        let bundle = filler.finish();
        // The archive that the student uploaded, if the platform has not opened it.
        let archive = bundle.others.iter().find_map(|path| Some((path, Format::of(path)?.1)));
        match archive {
            Some((path, format)) if bundle.sources.is_empty() => {
                let mut filler = Filler::new(limits);
                archive::read(&folder.join(path), format, &mut filler)?;
                Ok(filler.finish())
            }
            _ => Ok(bundle),
        }
    });
    contents(result, lab)
}

/// The names in the folder that are submissions, and Gradescope's metadata.
fn list(folder: &Path) -> anyhow::Result<(Vec<String>, Option<String>)> {
    let reading = || format!("the submissions in {}", folder.display());
    let mut names = Vec::new();
    let mut metadata = None;
    for entry in fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let Ok(name) = entry.file_name().into_string() else {
            bail!("the name `{}` is not plain UTF-8 text", entry.file_name().display());
        };
        let is_folder = entry.file_type().with_context(reading)?.is_dir();
        if name == naming::GRADESCOPE_METADATA {
            metadata = Some(fs::read_to_string(entry.path()).with_context(reading)?);
        } else if name.starts_with('.') || name == "__MACOSX" {
            // left behind by a tool
        } else if is_folder || Format::of(&name).is_some() || bundle::has_extension(&name, "rs") {
            names.push(name);
        }
    }
    if names.is_empty() {
        bail!("{} holds no submission: no folder and no .zip, .tar or .tar.gz", folder.display());
    }
    names.sort();
    Ok((names, metadata))
}

/// Gives every student the identity that the roster knows, and a folder name that nobody else has.
/// Returns who is on the roster and handed in nothing.
fn assign(handed_in: &mut [HandedIn], roster: Option<&[Student]>) -> Vec<Student> {
    let mut present = BTreeSet::new();
    for one in handed_in.iter_mut() {
        if let (Some(roster), [only]) = (roster, one.students.as_slice()) {
            let group: Vec<Student> = roster
                .iter()
                .filter(|student| !student.group.is_empty() && student.group == only.id)
                .cloned()
                .collect();
            if !group.is_empty() {
                one.students = group;
            }
        }
        for student in &mut one.students {
            let known = roster.and_then(|roster| roster.iter().position(|known| known.is(student)));
            if let (Some(index), Some(roster)) = (known, roster) {
                present.insert(index);
                let platform = std::mem::take(student);
                *student = roster[index].clone();
                for (known, told) in [
                    (&mut student.name, platform.name),
                    (&mut student.email, platform.email),
                    (&mut student.sid, platform.sid),
                    (&mut student.platform_id, platform.platform_id),
                ] {
                    if known.is_empty() {
                        *known = told;
                    }
                }
            }
        }
    }
    let missing = roster.unwrap_or_default().iter().enumerate();
    let missing = missing.filter(|(index, _)| !present.contains(index));
    let mut missing: Vec<Student> = missing.map(|(_, student)| student.clone()).collect();

    // The same raw name is the same student, in every attempt.
    let mut folders: BTreeMap<String, String> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let all = handed_in.iter_mut().flat_map(|one| &mut one.students).chain(&mut missing);
    for student in all {
        let folder = folders.entry(student.id.clone()).or_insert_with(|| {
            let plain = folder_name(&student.id);
            let numbered = (2..).map(|number| format!("{plain}~{number}"));
            let mut free = std::iter::once(plain.clone()).chain(numbered);
            let free = free.find(|name| !taken.contains(&name.to_lowercase()));
            free.unwrap_or(plain)
        });
        taken.insert(folder.to_lowercase());
        student.id.clone_from(folder);
    }
    missing
}

/// A name that is safe as a folder's, in a URL and on a terminal.
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

fn collect(folder: &Path, one: HandedIn, lab: &LabFiles, limits: &Limits) -> Submission {
    let (contents, notes) = contents(read_bundle(folder, &one, limits), lab);
    Submission {
        students: one.students,
        attempt: one.attempt,
        submitted: one.submitted,
        late: one.late,
        from: one.entries.into_iter().map(|(name, _)| name).collect(),
        notes,
        contents,
    }
}

/// What becomes of what was read, with remarks.
fn contents(bundle: Result<Bundle, ReadError>, lab: &LabFiles) -> (Contents, Vec<String>) {
    match bundle {
        Err(ReadError::Refused(refusal)) => (Contents::Refused(refusal), Vec::new()),
        Err(error @ ReadError::Io { .. }) => (Contents::Unreadable(error.to_string()), Vec::new()),
        Ok(bundle) => match select(&bundle, lab) {
            Err(refusal) => (Contents::Refused(refusal), Vec::new()),
            Ok(selected) => (Contents::Files(selected.files), selected.notes),
        },
    }
}

fn read_bundle(folder: &Path, one: &HandedIn, limits: &Limits) -> Result<Bundle, ReadError> {
    let mut filler = Filler::new(limits);
    for (name, given) in &one.entries {
        let place = folder.join(name);
        let kind = fs::symlink_metadata(&place)
            .map_err(|error| folder::failed(&place, error))?
            .file_type();
        if kind.is_symlink() {
            return Err(Refusal::Link(name.clone()).into());
        } else if kind.is_dir() {
            folder::read(&place, &mut filler)?;
        } else if let Some((_, format)) = Format::of(name) {
            archive::read(&place, format, &mut filler)?;
        } else {
            let path = filler.entry(given.as_deref().unwrap_or(name))?;
            let mut file = folder::open(&place, name)?;
            filler.file(path, &mut file).map_err(|error| folder::failed(&place, error))??;
        }
    }
    // A platform's folder around the archive that the student uploaded.
    let bundle = filler.finish();
    let archives: Vec<&String> =
        bundle.others.iter().filter(|path| Format::of(path).is_some()).collect();
    if let ([inner], true, [(name, _)]) =
        (archives.as_slice(), bundle.sources.is_empty(), one.entries.as_slice())
    {
        let place: PathBuf = folder.join(name).join(inner);
        if let (Some((_, format)), true) = (Format::of(inner), folder.join(name).is_dir()) {
            let mut filler = Filler::new(limits);
            archive::read(&place, format, &mut filler)?;
            return Ok(filler.finish());
        }
    }
    Ok(bundle)
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
        let one = |id| HandedIn { students: vec![student(id)], ..HandedIn::default() };
        let mut all = [one("a b"), one("a-b"), one("A/B"), one("a b")];
        let _ = assign(&mut all, None);
        let ids: Vec<&str> = all.iter().map(|one| one.students[0].id.as_str()).collect();
        assert_eq!(ids, ["a-b", "a-b~2", "A-B~3", "a-b"]);
    }

    #[test]
    fn the_roster_names_students_groups_and_who_is_missing() {
        let known = |id: &str, group: &str, number: &str| Student {
            group: group.to_owned(),
            platform_id: number.to_owned(),
            ..student(id)
        };
        let roster =
            [known("ada", "team1", "501"), known("bob", "team1", ""), known("eve", "", "")];
        let mut all = [
            HandedIn { students: vec![student("team1")], ..HandedIn::default() },
            HandedIn { students: vec![known("lovelace_501", "", "501")], ..HandedIn::default() },
        ];
        let missing = assign(&mut all, Some(&roster));
        assert_eq!(all[0].students.len(), 2);
        assert_eq!(all[1].students[0].id, "ada");
        assert_eq!(missing, [known("eve", "", "")]);
    }
}
