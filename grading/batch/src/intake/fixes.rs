//! Fixes: how staff put submissions right, as `fixes.toml` says it. A fix is applied each time the
//! submissions are read, so the files as handed in stay what they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use faultlab_intake::{Bundle, Limits, ReadError, read_as};
use serde::Deserialize;

use super::Contents;
use super::naming::Entry;

/// All fixes of a batch.
#[derive(Clone, Debug, Default)]
pub struct Fixes {
    all: Vec<Fix>,
    /// The folder of the file, in which added files are.
    folder: PathBuf,
}

/// What is done to one student's submission.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fix {
    /// The student's folder name in the results.
    pub student: String,
    /// Which attempt it is about, if not the last.
    pub attempt: Option<u32>,
    /// Why, for the student.
    pub reason: String,
    /// The one archive that counts.
    archive: Option<String>,
    /// New paths of Rust files, by their present ones.
    #[serde(default)]
    rename: BTreeMap<String, String>,
    /// Files to add or replace, by their paths in the submission.
    #[serde(default)]
    add: BTreeMap<String, PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fix: Vec<Fix>,
}

impl Fixes {
    /// Reads `fixes.toml`.
    ///
    /// # Errors
    /// If it cannot be read, or a fix does nothing or has no reason.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let name = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(name)?;
        let file: File = toml::from_str(&text).with_context(name)?;
        for one in &file.fix {
            let does_nothing = one.archive.is_none() && one.rename.is_empty() && one.add.is_empty();
            let student = &one.student;
            if does_nothing {
                bail!("{}: the fix for `{student}` needs `archive`, `rename` or `add`", name());
            }
            ensure!(
                !one.reason.trim().is_empty(),
                "{}: the fix for `{student}` has no reason",
                name()
            );
        }
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { all: file.fix, folder })
    }

    /// The students that it names.
    pub fn students(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|fix| fix.student.as_str())
    }

    /// The fixes of an attempt by these students; `is_last` says whether it is their last.
    pub(super) fn of<'f>(
        &'f self,
        students: &[super::Student],
        attempt: u32,
        is_last: bool,
    ) -> Vec<&'f Fix> {
        let is_meant = |fix: &&Fix| {
            students.iter().any(|student| student.id == fix.student)
                && fix.attempt.map_or(is_last, |wanted| wanted == attempt)
        };
        self.all.iter().filter(is_meant).collect()
    }

    /// Applies a fix to what was read of a submission.
    ///
    /// # Errors
    /// If it cannot be applied, with what to change in the file.
    pub(super) fn apply(
        &self,
        fix: &Fix,
        read: Result<Bundle, Contents>,
        folder: &Path,
        entries: &[Entry],
        limits: &Limits,
    ) -> anyhow::Result<Result<Bundle, Contents>> {
        let mut read = match &fix.archive {
            Some(name) => Ok(read_archive(folder, entries, name, limits)?),
            None => read,
        };
        if read.is_err() && !fix.add.is_empty() {
            // What cannot be read is replaced.
            read = Ok(Bundle::default());
        }
        let mut bundle = match read {
            Ok(bundle) => bundle,
            Err(Contents::Refused(refusal)) => {
                bail!("nothing can be renamed, because the submission is rejected: {refusal}")
            }
            Err(other) => return Ok(Err(other)),
        };
        for (from, to) in &fix.rename {
            let Some(bytes) = bundle.sources.remove(from) else {
                let there: Vec<&str> = bundle.sources.keys().map(String::as_str).collect();
                bail!("there is no Rust file `{from}` to rename; there are: {}", there.join(", "));
            };
            ensure!(
                bundle.sources.insert(to.clone(), bytes).is_none(),
                "`{from}` cannot be renamed to `{to}`, which is there too"
            );
        }
        for (path, file) in &fix.add {
            let file = self.folder.join(file);
            let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
            bundle.sources.insert(path.clone(), bytes);
        }
        Ok(Ok(bundle))
    }
}

impl Fix {
    /// What was done and why, for the student.
    pub(super) fn describe(&self) -> String {
        let archive = self.archive.iter().map(|name| format!("`{name}` counts"));
        let renamed =
            self.rename.iter().map(|(from, to)| format!("`{from}` was renamed to `{to}`"));
        let added = self.add.keys().map(|path| format!("`{path}` was added"));
        let all: Vec<String> = archive.chain(renamed).chain(added).collect();
        format!("put right by the course staff: {} ({})", all.join(", "), self.reason.trim())
    }
}

/// Reads one archive of a submission.
fn read_archive(
    folder: &Path,
    entries: &[Entry],
    name: &str,
    limits: &Limits,
) -> anyhow::Result<Bundle> {
    for entry in entries {
        let place = folder.join(&entry.name);
        let inside = place.join(name);
        let place = if entry.name == name || entry.given.as_deref() == Some(name) {
            place
        } else if !name.contains("..") && inside.is_file() {
            inside
        } else {
            continue;
        };
        return match read_as(&place, name, limits) {
            Ok(bundle) => Ok(bundle),
            Err(ReadError::Refused(refusal)) => bail!("`{name}` cannot be chosen: {refusal}"),
            Err(error) => Err(error.into()),
        };
    }
    let there: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    bail!("there is no `{name}` in the submission; there are: {}", there.join(", "))
}
