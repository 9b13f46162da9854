//! Compile errors that the students' book explains: small wrong files in `errors/`, and what the compiler
//! says about them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};

/// The folder of the wrong files.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("errors")
}

/// The names of all wrong files, without their ending.
///
/// # Errors
/// When the folder cannot be read.
pub fn all() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).context("a file has a name")?;
        names.push(name.to_owned());
    }
    names.sort();
    Ok(names)
}

/// What the compiler says about a wrong file, up to its first advice. `scratch` is an empty folder.
///
/// # Errors
/// When the compiler cannot be run, or has nothing to say.
pub fn message(name: &str, scratch: &Path) -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let framework = root.join("framework");
    fs::create_dir_all(scratch.join("src"))?;
    fs::copy(root.join("Cargo.lock"), scratch.join("Cargo.lock"))?;
    fs::copy(folder().join(name).with_extension("rs"), scratch.join("src/my_file.rs"))?;
    fs::write(scratch.join("src/lib.rs"), "#![allow(dead_code)]\npub mod my_file;\n")?;
    let manifest = format!(
        "[package]\nname = \"mine\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nfaultlab = {{ path = {framework:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n"
    );
    fs::write(scratch.join("Cargo.toml"), manifest)?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["check", "--quiet", "--offline", "--color", "never"])
        .current_dir(scratch)
        .env("CARGO_TARGET_DIR", scratch.parent().context("a scratch folder")?.join("target"))
        .env_remove("RUSTFLAGS")
        .output()?;
    let said = String::from_utf8(output.stderr)?;
    if output.status.success() || !said.contains("error[") {
        bail!("{name}: {said}");
    }
    // The compiler's advice, and where a trait stands on this machine, are cut off.
    let lines: Vec<&str> = said
        .lines()
        .take_while(|line| !line.starts_with("note:") && !line.starts_with("help:"))
        .filter(|line| !line.trim_start().starts_with("= note: required for"))
        .take_while(|line| !line.is_empty())
        .collect();
    let end = lines.iter().rposition(|line| line.trim() != "|").map_or(0, |last| last + 1);
    Ok(lines[..end].join("\n") + "\n")
}
