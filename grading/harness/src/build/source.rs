//! A submission's source files, wherever they come from: those of the lab, and those of the labs that it
//! builds on.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use faultlab_intake::{LabFiles, Limits, ReadError, is_student_file};
use tempfile::TempDir;

use super::{BaseLabOrigin, BaseLabRule, Lab, Workspace, unused_files};

/// Where a submission comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The lab's own `src/`.
    Lab,
    /// A folder with the same layout. Base labs may be in it or beside it, in folders with their own
    /// names.
    Folder(PathBuf),
    /// A patch on the reference solution.
    Patch(PathBuf),
    /// An archive, as students hand it in. It goes through the same intake as in grading.
    Archive(PathBuf),
}

/// The source files of a submission, ready to be compiled.
#[derive(Debug)]
pub struct SubmissionSources {
    /// The labs that it builds on, in the order in which they are compiled.
    pub base_labs: Vec<BaseLabSources>,
    /// How these are chosen.
    pub rule: BaseLabRule,
    /// The lab itself.
    pub top: Sources,
}

/// The versions of a base lab.
#[derive(Debug)]
pub struct BaseLabSources {
    /// The lab.
    pub lab: Lab,
    /// The student's own.
    pub own: Option<Sources>,
    /// The reference solution.
    pub reference: Option<Sources>,
}

/// The source files of one crate.
#[derive(Debug)]
pub struct Sources {
    /// The folder.
    pub folder: PathBuf,
    /// The name of the folder in messages, if not its own.
    pub shown_as: Option<String>,
    /// The temporary folder, if one was made for this; it is removed with this value.
    made: Option<TempDir>,
}

/// Why there is nothing to compile. The text is printed unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(String);

impl SourceError {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }
}

impl Source {
    /// The submission that a path names: a folder, a patch or an archive.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        if path.extension().is_some_and(|extension| extension == "patch") {
            Self::Patch(path.to_owned())
        } else if faultlab_intake::is_archive(&path.to_string_lossy()) && !path.is_dir() {
            Self::Archive(path.to_owned())
        } else {
            Self::Folder(path.to_owned())
        }
    }

    /// The files.
    ///
    /// # Errors
    /// If there are none, or the patch does not apply; in one line.
    pub fn files(
        &self,
        workspace: &Workspace,
        lab: &Lab,
        rule: BaseLabRule,
    ) -> Result<SubmissionSources> {
        if let Self::Archive(archive) = self {
            let unpacked = unpack(workspace, lab, archive)?;
            let folder = Self::Folder(unpacked.path().canonicalize()?);
            let mut sources = folder.files(workspace, lab, rule)?;
            sources.top.made = Some(unpacked);
            return Ok(sources);
        }
        let base_labs = workspace.base_labs(lab)?;
        let top = match self {
            Self::Lab => Sources::of(lab.source(), None),
            Self::Folder(folder) | Self::Archive(folder) => {
                let (folder, name) = submission_folder(folder, lab)?;
                // With several crates, messages say which one they are about.
                let src = if base_labs.is_empty() { "src".to_owned() } else { name };
                Sources::of(folder, Some(src))
            }
            Self::Patch(patch) => {
                let made = TempDir::with_prefix("faultlab-")?;
                let folder = made.path().canonicalize()?;
                apply(workspace, lab, patch, &folder)?;
                Sources { folder, shown_as: Some("src".to_owned()), made: Some(made) }
            }
        };
        let base_labs = base_labs.into_iter().map(|base| BaseLabSources {
            own: self.own_base_lab(&base, lab, &top, rule),
            reference: Some(workspace.reference_solution(&base.name))
                .filter(|folder| folder.join("lib.rs").is_file())
                .map(|folder| {
                    Sources::of(folder, Some(format!("the reference solution of {}", base.name)))
                }),
            lab: base,
        });
        Ok(SubmissionSources { base_labs: base_labs.collect(), rule, top })
    }

    /// The student's own version of a base lab.
    fn own_base_lab(
        &self,
        base: &Lab,
        lab: &Lab,
        top: &Sources,
        rule: BaseLabRule,
    ) -> Option<Sources> {
        if let Self::Folder(folder) = self {
            let name = base.folder_name();
            let mut places = vec![folder.join(&name), folder.join("labs").join(&name)];
            // The folder may be the lab's own, with other labs beside it.
            let mut above = top.folder.as_path();
            if above.ends_with("src") {
                above = above.parent().unwrap_or(above);
            }
            if above.ends_with(lab.folder_name()) {
                places.extend(above.parent().map(|above| above.join(&name)));
            }
            let found = places.into_iter().map(|place| place.join("src"));
            let found = found.filter_map(|src| src.canonicalize().ok());
            let mut found = found.filter(|src| src.join("lib.rs").is_file());
            if let Some(src) = found.next() {
                return Some(Sources::of(src, Some(format!("{name}/src"))));
            }
        }
        let at_home = Sources::of(base.source(), None);
        (!rule.in_grading && at_home.folder.join("lib.rs").is_file()).then_some(at_home)
    }
}

/// The folder with the lab's files in a submission's folder, and its name for messages.
fn submission_folder(folder: &Path, lab: &Lab) -> Result<(PathBuf, String), SourceError> {
    let shown = folder.display();
    let name = lab.folder_name();
    let layout = format!("{name}/src");
    let Ok(found) = folder.canonicalize() else {
        return Err(SourceError(format!("no folder `{shown}`")));
    };
    if !found.is_dir() {
        return Err(SourceError(format!("`{shown}` is neither a folder nor an archive")));
    }
    // A whole crate, its `src`, and a folder with several crates are accepted.
    let crates = [found.join(&name), found.join("labs").join(&name)];
    let mut candidates = crates.map(|lab| lab.join("src")).to_vec();
    candidates.extend([found.clone(), found.join("src")]);
    match candidates.into_iter().find(|folder| folder.join("lib.rs").is_file()) {
        Some(folder) => Ok((folder, layout)),
        None => Err(SourceError(format!(
            "`{shown}` has no lib.rs; a submission has the layout of labs/{layout}"
        ))),
    }
}

/// Writes the student's files that an archive contains to a temporary folder.
fn unpack(workspace: &Workspace, lab: &Lab, archive: &Path) -> Result<TempDir> {
    let shown = archive.display();
    if !archive.is_file() {
        return Err(SourceError(format!("no archive `{shown}`")).into());
    }
    let refused = |why: &dyn Display| SourceError(format!("`{shown}` would not be graded: {why}"));
    let bundle = match faultlab_intake::read(archive, &Limits::default()) {
        Ok(bundle) => bundle,
        Err(ReadError::Refused(refusal)) => return Err(refused(&refusal).into()),
        Err(error @ ReadError::Io { .. }) => return Err(error.into()),
    };
    let selected = faultlab_intake::select(&bundle, &lab_files(workspace, lab)?);
    let selected = selected.map_err(|refusal| refused(&refusal))?;
    let unpacked = TempDir::with_prefix("faultlab-")?;
    selected.write_to(unpacked.path())?;
    Ok(unpacked)
}

/// The files that a lab asks students to submit.
///
/// # Errors
/// When the labs cannot be read.
pub fn lab_files(workspace: &Workspace, lab: &Lab) -> Result<LabFiles> {
    let files = student_files(&lab.source())?.into_iter();
    let names = files.filter(|file| file.parent() == Some(Path::new("")));
    let builds_on = workspace.base_labs(lab)?;
    Ok(LabFiles {
        folder: lab.folder_name(),
        names: names.map(|file| file.to_string_lossy().into_owned()).collect(),
        builds_on: builds_on.iter().map(Lab::folder_name).collect(),
    })
}

/// Applies a patch to a copy of the reference solution.
fn apply(workspace: &Workspace, lab: &Lab, patch: &Path, folder: &Path) -> Result<()> {
    let shown = patch.display();
    let Ok(patch) = patch.canonicalize() else {
        return Err(SourceError(format!("no patch `{shown}`")).into());
    };
    let solution = workspace.reference_solution(&lab.name);
    if !solution.is_dir() {
        let name = &lab.name;
        return Err(
            SourceError(format!("no reference solution of {name} to apply the patch to")).into()
        );
    }
    copy_sources(&solution, folder)?;
    let output = Command::new("git")
        .args(["apply", "--whitespace=nowarn", "-p1"])
        .arg(&patch)
        .current_dir(folder)
        // Do not use the git configuration of whatever repository the folder is in.
        .env("GIT_CEILING_DIRECTORIES", folder)
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| SourceError(format!("cannot run git to apply the patch: {error}")))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        return Err(SourceError(format!(
            "`{shown}` does not apply to the reference solution: {message}"
        ))
        .into());
    }
    Ok(())
}

/// Copies the student's files of a folder.
///
/// # Errors
/// When one cannot be read or written.
pub fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    for path in student_files(from)? {
        let (from, to) = (from.join(&path), to.join(&path));
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        fs::copy(&from, &to).with_context(|| from.display().to_string())?;
    }
    Ok(())
}

impl SubmissionSources {
    /// The folders that a student may change, for the labs that are used.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        let wanted = |base: &BaseLabSources| match self.rule.wanted {
            BaseLabOrigin::Own => base.own.as_ref().map(|own| own.folder.clone()),
            BaseLabOrigin::Reference => None,
        };
        let base_labs = self.base_labs.iter().filter_map(wanted);
        std::iter::once(self.top.folder.clone()).chain(base_labs).collect()
    }
}

impl Sources {
    /// Describes each source file that is not compiled because no `mod` line names it. `root` is the workspace's folder,
    /// to which the messages' paths are relative.
    #[must_use]
    pub fn unused_files(&self, root: &Path) -> Vec<String> {
        let folder = self.folder.strip_prefix(root).unwrap_or(&self.folder);
        let shown_as = self.shown_as.clone().unwrap_or_else(|| folder.display().to_string());
        unused_files::describe(&self.folder, &shown_as)
    }

    fn of(folder: PathBuf, shown_as: Option<String>) -> Self {
        Self { folder, shown_as, made: None }
    }

    /// Each source file's path and contents, in order: the input of a build.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn contents(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let files = student_files(&self.folder)?.into_iter();
        files.map(|path| Ok((path.clone(), fs::read(self.folder.join(path))?))).collect()
    }
}

/// The student's files in a lab's `src`, as paths in it, in order; see [`is_student_file`].
///
/// # Errors
/// When a folder cannot be read.
pub fn student_files(src: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let inside = path.strip_prefix(src).unwrap_or(&path);
            if path.is_dir() {
                let name = path.file_name().unwrap_or_default();
                if !name.as_encoded_bytes().starts_with(b".") {
                    folders.push(path);
                }
            } else if inside.to_str().is_some_and(is_student_file) {
                found.push(inside.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
