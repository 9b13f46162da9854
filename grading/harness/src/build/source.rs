//! A submission's source files, wherever they come from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;
use tempfile::TempDir;

use super::{Lab, Workspace};

/// Where a submission comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The lab's own `src/`.
    Lab,
    /// A folder with the same layout.
    Folder(PathBuf),
    /// A patch on the reference solution.
    Patch(PathBuf),
}

/// A submission's files, ready to be compiled.
#[derive(Debug)]
pub struct Sources {
    /// The folder.
    pub folder: PathBuf,
    /// The name of the folder in messages, if not its own.
    pub shown_as: Option<&'static str>,
    /// The temporary folder, if one was made for this; it is removed with this value.
    _made: Option<TempDir>,
}

/// Why there is nothing to compile. The text is printed unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(String);

impl Source {
    /// The submission that a path names: a folder, or a patch.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        if path.extension().is_some_and(|extension| extension == "patch") {
            Self::Patch(path.to_owned())
        } else {
            Self::Folder(path.to_owned())
        }
    }

    /// The files.
    ///
    /// # Errors
    /// If there are none, or the patch does not apply; in one line.
    pub fn files(&self, workspace: &Workspace, lab: &Lab) -> Result<Sources> {
        match self {
            Self::Lab => Ok(Sources { folder: lab.source(), shown_as: None, _made: None }),
            Self::Folder(folder) => {
                let folder = submission_folder(folder, lab)?;
                Ok(Sources { folder, shown_as: Some("src"), _made: None })
            }
            Self::Patch(patch) => {
                let made = TempDir::with_prefix("faultlab-")?;
                let folder = made.path().canonicalize()?;
                apply(workspace, lab, patch, &folder)?;
                Ok(Sources { folder, shown_as: Some("src"), _made: Some(made) })
            }
        }
    }
}

fn submission_folder(folder: &Path, lab: &Lab) -> Result<PathBuf, SourceError> {
    let shown = folder.display();
    let layout = lab.folder.file_name().map(Path::new).unwrap_or(&lab.folder).join("src");
    let layout = layout.display();
    let Ok(found) = folder.canonicalize() else {
        return Err(SourceError(format!("no folder `{shown}`")));
    };
    if !found.is_dir() {
        return Err(SourceError(format!("`{shown}` is neither a folder nor a `.patch` file")));
    }
    // Both a whole crate and its `src` are accepted.
    let candidates = [found.clone(), found.join("src")];
    candidates.into_iter().find(|folder| folder.join("lib.rs").is_file()).ok_or_else(|| {
        SourceError(format!(
            "`{shown}` has no lib.rs; a submission has the layout of labs/{layout}"
        ))
    })
}

/// Applies a patch to a copy of the reference solution.
fn apply(workspace: &Workspace, lab: &Lab, patch: &Path, folder: &Path) -> Result<()> {
    let shown = patch.display();
    let Ok(patch) = patch.canonicalize() else {
        return Err(SourceError(format!("no patch `{shown}`")).into());
    };
    let solution = workspace.root.join("grading/staff/solutions").join(&lab.name);
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

/// Copies the `.rs` files of a folder and the folders in it.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            let inner = to.join(name);
            fs::create_dir_all(&inner)?;
            copy_sources(&path, &inner)?;
        } else if is_source(&path) {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

impl Sources {
    /// Each `.rs` file's path and contents, in order: the input of a build.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn contents(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut contents = Vec::new();
        collect(&self.folder, &self.folder, &mut contents)?;
        contents.sort();
        Ok(contents)
    }
}

fn collect(root: &Path, folder: &Path, contents: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, contents)?;
        } else if is_source(&path) {
            let place = path.strip_prefix(root).unwrap_or(&path).to_owned();
            contents.push((place, fs::read(&path)?));
        }
    }
    Ok(())
}
