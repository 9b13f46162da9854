//! Writes the generated texts of the students' book: `regenerate DIR`. `regenerate DIR points` writes only what the labs are
//! worth.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use faultlab_handout::{compile_errors, scenes, worth};

fn main() -> Result<()> {
    let out = PathBuf::from(env::args_os().nth(1).context("usage: regenerate DIR [points]")?);
    let only_points = match env::args().nth(2).as_deref() {
        None => false,
        Some("points") => true,
        Some(other) => bail!("{other} is not `points`; usage: regenerate DIR [points]"),
    };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    for suite in worth::shown(&source) {
        let points = format!("{}-points", suite.lab());
        write(&out.join(&points).with_extension("md"), &worth::parts(&suite))?;
        write(&out.join(&points).with_extension("txt"), &worth::tests(&suite))?;
    }
    if only_points {
        return Ok(());
    }
    for scene in scenes::all() {
        write(&out.join(scene.name).with_extension("txt"), &scene.draw())?;
    }
    let scratch = tempfile::tempdir()?;
    for name in compile_errors::all()? {
        let message = compile_errors::message(&name, &scratch.path().join("mine"))?;
        write(&out.join("errors").join(name).with_extension("txt"), &message)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
