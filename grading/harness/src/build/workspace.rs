//! The workspace: where the labs are, and where caches are kept.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The workspace that contains the labs and the caches.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The folder with the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    /// The profile that this program was built with, from which the libraries are taken.
    pub profile: String,
}

/// A lab in the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lab {
    /// Its name, which is also its crate's: `lab1`.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
}

impl Lab {
    /// The folder with the student's files.
    #[must_use]
    pub fn source(&self) -> PathBuf {
        self.folder.join("src")
    }

    /// The program that links the lab's suite with its crate.
    #[must_use]
    pub fn shim(&self) -> PathBuf {
        self.folder.join("tests").join("suite.rs")
    }
}

impl Workspace {
    /// The workspace that this program was built in.
    ///
    /// # Errors
    /// When the program is not where Cargo puts programs.
    pub fn of_this_program() -> Result<Self> {
        // `target/PROFILE/run-tests`, or `target/PROFILE/deps/TEST` for a test.
        let program = env::current_exe().context("cannot locate this program")?;
        let mut folder = program.parent().context("this program is in no folder")?;
        if folder.ends_with("deps") {
            folder = folder.parent().unwrap_or(folder);
        }
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(profile) => profile,
            None => "release",
        };
        let root = match env::var_os("FAULTLAB_ROOT") {
            Some(root) => PathBuf::from(root),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        };
        Ok(Self {
            root: root.canonicalize().with_context(|| format!("no folder {}", root.display()))?,
            target: folder.parent().context("this program is not in a target folder")?.to_owned(),
            profile: profile.to_owned(),
        })
    }

    /// The cache folder.
    #[must_use]
    pub fn cache_dir(&self) -> PathBuf {
        self.target.join("faultlab")
    }

    /// The lab of this name: the folder below `labs/` whose name starts with it and that has a shim.
    #[must_use]
    pub fn lab(&self, name: &str) -> Option<Lab> {
        self.labs().into_iter().find(|lab| lab.name == name)
    }

    /// All labs, by name.
    #[must_use]
    pub fn labs(&self) -> Vec<Lab> {
        let entries = fs::read_dir(self.root.join("labs")).into_iter().flatten().flatten();
        let lab = |folder: PathBuf| {
            let name = folder.file_name()?.to_str()?.split_once('-')?.0.to_owned();
            let lab = Lab { name, folder };
            lab.shim().is_file().then_some(lab)
        };
        let mut labs: Vec<Lab> = entries.filter_map(|entry| lab(entry.path())).collect();
        labs.sort_by(|left, right| left.name.cmp(&right.name));
        labs
    }
}
