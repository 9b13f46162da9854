//! Packs a relocatable grader: one folder with programs, libraries and skeletons, where only
//! submissions must be compiled.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use faultlab_harness::build::{Lab, Libraries, Workspace, copy_sources};
use serde::{Deserialize, Serialize};

use crate::store;

/// The file that lists the libraries, next to the packed program.
const LIST: &str = "libraries.json";

/// The packed libraries, by paths relative to the folder.
#[derive(Debug, Serialize, Deserialize)]
struct Packed {
    stamp: String,
    files: BTreeMap<String, PathBuf>,
}

/// Packs a grader of one lab into a folder: this program, or one with hidden tests. Start it as
/// `FOLDER/target/lab/grade`, with `FAULTLAB_ROOT=FOLDER`. The labs that it builds on are packed
/// too, with their reference solutions.
///
/// # Errors
/// When something cannot be copied.
pub fn pack(
    folder: &Path,
    program: &Path,
    workspace: &Workspace,
    lab: &Lab,
    libraries: &Libraries,
) -> Result<()> {
    let place = folder.join("target/lab");
    let deps = place.join("deps");
    fs::create_dir_all(&deps).with_context(|| deps.display().to_string())?;
    copy(program, &place.join("grade"))?;
    copy(&super::launcher()?, &place.join("grade-confine"))?;
    for entry in fs::read_dir(&libraries.dependencies)? {
        let path = entry?.path();
        let is_library = path.extension().is_some_and(|end| end == "rlib" || end == "so");
        if let Some(name) = path.file_name().filter(|_| is_library) {
            copy(&path, &deps.join(name))?;
        }
    }
    let mut packed = Packed { stamp: libraries.stamp.clone(), files: BTreeMap::new() };
    for (name, file) in &libraries.files {
        let file_name = file.file_name().context("a library without a name")?;
        copy(file, &place.join(file_name))?;
        packed.files.insert(name.clone(), PathBuf::from(file_name));
    }
    store::write(&place.join(LIST), &store::to_json(&packed))?;
    pack_lab(folder, lab)?;
    for base in workspace.base_labs(lab)? {
        pack_lab(folder, &base)?;
        let solution = workspace.reference_solution(&base.name);
        let to = folder.join(solution.strip_prefix(&workspace.root)?);
        copy_sources(&solution, &to)?;
    }
    Ok(())
}

/// Packs what grading reads of a lab: its manifest, the names of its files, and its shim.
fn pack_lab(folder: &Path, lab: &Lab) -> Result<()> {
    let to = folder.join("labs").join(lab.folder_name());
    copy_sources(&lab.source(), &to.join("src"))?;
    for file in [lab.shim(), lab.folder.join("Cargo.toml")] {
        let to = to.join(file.strip_prefix(&lab.folder)?);
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        copy(&file, &to)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("{} cannot be packed", from.display()))?;
    Ok(())
}

/// The libraries packed with this program, if it was packed.
///
/// # Errors
/// When the list cannot be read.
pub fn unpacked() -> Result<Option<Libraries>> {
    let program = env::current_exe().context("cannot locate this program")?;
    let place = program.parent().context("this program is in no folder")?;
    if !place.join(LIST).is_file() {
        return Ok(None);
    }
    let packed: Packed = store::read_json(&place.join(LIST))?;
    let files = packed.files.into_iter().map(|(name, file)| (name, place.join(file))).collect();
    Ok(Some(Libraries { stamp: packed.stamp, files, dependencies: place.join("deps") }))
}
