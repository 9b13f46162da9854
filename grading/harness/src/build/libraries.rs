//! The prebuilt libraries that a submission and its shim are linked against.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::Workspace;

/// The libraries that this program itself was built with: engine, remote nodes, suites, lab APIs and serde. They
/// are compiled once, and submissions are compiled against them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Libraries {
    /// Identifies this version of the libraries.
    pub stamp: String,
    /// Each library's file, by crate name.
    pub files: BTreeMap<String, PathBuf>,
    /// The folder with their dependencies.
    pub dependencies: PathBuf,
}

/// The relevant part of Cargo's message about a built crate.
#[derive(Deserialize)]
struct Artifact {
    reason: String,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Default, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Libraries {
    /// The libraries of a workspace. Cargo is queried once; the answer is cached until this
    /// program's own file changes, which it does whenever one of its libraries does.
    ///
    /// # Errors
    /// When Cargo cannot be run or does not report the libraries.
    pub fn of(workspace: &Workspace) -> Result<Self> {
        let stamp = stamp(workspace)?;
        let kept = workspace.cache_dir().join(format!("libraries-{}.json", workspace.profile));
        if let Ok(text) = fs::read_to_string(&kept)
            && let Ok(libraries) = serde_json::from_str::<Self>(&text)
            && libraries.stamp == stamp
            && libraries.files.values().all(|file| file.is_file())
        {
            return Ok(libraries);
        }
        let libraries = Self::ask_cargo(workspace, "faultlab-harness", stamp)?;
        fs::create_dir_all(workspace.cache_dir())?;
        fs::write(&kept, serde_json::to_string_pretty(&libraries)?)?;
        Ok(libraries)
    }

    /// A package of the workspace, and the libraries that it was built with.
    ///
    /// # Errors
    /// When Cargo cannot build it.
    pub fn of_package(workspace: &Workspace, package: &str) -> Result<Self> {
        Self::ask_cargo(workspace, package, stamp(workspace)?)
    }

    fn ask_cargo(workspace: &Workspace, package: &str, stamp: String) -> Result<Self> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let output = Command::new(cargo)
            .args(["build", "--quiet", "--package", package, "--lib"])
            .args(["--message-format", "json-render-diagnostics"])
            .args(["--profile", &workspace.profile])
            .arg("--target-dir")
            .arg(&workspace.target)
            .current_dir(&workspace.root)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        if !output.status.success() {
            bail!("cargo could not build the libraries");
        }
        let mut files = BTreeMap::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(artifact) = serde_json::from_str::<Artifact>(line) else { continue };
            let is_library = artifact.target.kind.iter().any(|kind| kind == "lib");
            if artifact.reason != "compiler-artifact" || !is_library {
                continue;
            }
            let name = artifact.target.name.replace('-', "_");
            let is_rlib = |file: &&PathBuf| file.extension().is_some_and(|end| end == "rlib");
            if let Some(file) = artifact.filenames.iter().find(is_rlib) {
                files.insert(name, file.clone());
            }
        }
        let wanted = |name: &String| {
            name == "serde" || name.starts_with("faultlab") || name.ends_with("_api")
        };
        files.retain(|name, _| wanted(name));
        for name in ["serde", "faultlab", "faultlab_remote", "faultlab_suites", "faultlab_harness"]
        {
            if !files.contains_key(name) {
                bail!("cargo does not say where the library `{name}` is");
            }
        }
        let folder = if workspace.profile == "dev" { "debug" } else { &workspace.profile };
        Ok(Self { stamp, files, dependencies: workspace.target.join(folder).join("deps") })
    }
}

/// A text that changes whenever this program's file does.
fn stamp(workspace: &Workspace) -> Result<String> {
    let program = env::current_exe()?;
    let modified = fs::metadata(&program)?.modified()?;
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{} {} {}", workspace.root.display(), program.display(), since.as_nanos()))
}
