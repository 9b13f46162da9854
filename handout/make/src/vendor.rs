//! The sources of all dependencies, so that a handout is built without a network; without what only systems
//! need that a handout does not run on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use toml_edit::{DocumentMut, Item, value};

use crate::publish::run;

/// What a handout is built on. (Windows is not among them: there it is Linux, in WSL.)
const TARGETS: &[&str] = &[
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
];

/// Tells Cargo where the sources are. (`cargo vendor` prints this, but not when it is asked to be quiet.)
const CONFIG: &str = "\
[source.crates-io]
replace-with = \"vendored-sources\"

[source.vendored-sources]
directory = \"vendor\"
";

/// Brings the sources in. `cargo` makes a call of Cargo in the folder `out`.
pub(super) fn bring_in(out: &Path, cargo: &impl Fn() -> Command) -> Result<()> {
    run(cargo().args(["vendor", "--quiet", "--locked", "--versioned-dirs"]))?;
    fs::create_dir_all(out.join(".cargo"))?;
    fs::write(out.join(".cargo/config.toml"), CONFIG)?;

    let mut needed = BTreeSet::new();
    for target in TARGETS {
        needed.extend(needed_on(target, cargo)?);
    }
    for entry in fs::read_dir(out.join("vendor"))? {
        let folder = entry?.path();
        let name = folder.file_name().and_then(|name| name.to_str()).context("a crate's folder")?;
        if !needed.contains(name) {
            empty(&folder).with_context(|| folder.display().to_string())?;
        }
    }
    Ok(())
}

/// The folders of the crates that are compiled for this target.
fn needed_on(target: &str, cargo: &impl Fn() -> Command) -> Result<BTreeSet<String>> {
    let words = ["metadata", "--offline", "--locked", "--format-version", "1"];
    let metadata = run(cargo().args(words).args(["--filter-platform", target]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let used: BTreeSet<String> = list(&metadata["resolve"]["nodes"])
        .iter()
        .filter_map(|node| node["id"].as_str().map(str::to_owned))
        .collect();
    let mut folders = BTreeSet::new();
    for package in list(&metadata["packages"]) {
        if package["id"].as_str().is_some_and(|id| used.contains(id)) {
            let text = |key: &str| package[key].as_str().context("metadata of a package");
            folders.insert(format!("{}-{}", text("name")?, text("version")?));
        }
    }
    ensure!(!folders.is_empty(), "no crate is needed on {target}");
    Ok(folders)
}

/// Leaves of a crate what Cargo reads to decide that it is not needed: its manifest, and a library with
/// nothing in it.
fn empty(folder: &Path) -> Result<()> {
    let mut manifest: DocumentMut = fs::read_to_string(folder.join("Cargo.toml"))?.parse()?;
    let sums: Value =
        serde_json::from_str(&fs::read_to_string(folder.join(".cargo-checksum.json"))?)?;
    fs::remove_dir_all(folder)?;

    for targets in ["bin", "example", "test", "bench"] {
        manifest.remove(targets);
    }
    if let Some(package) = manifest.get_mut("package").and_then(Item::as_table_like_mut) {
        package.insert("build", value(false));
        // A package that links to something needs a build script.
        package.remove("links");
    }
    let library = manifest.get("lib").and_then(|library| library.get("path"));
    let library = folder.join(library.and_then(Item::as_str).unwrap_or("src/lib.rs"));
    fs::create_dir_all(library.parent().context("a file is in a folder")?)?;
    fs::write(library, "// Not needed on the systems that this handout is for.\n")?;
    fs::write(folder.join("Cargo.toml"), manifest.to_string())?;
    // Cargo compares the files that are listed here, and this one sum with the lock file.
    let sums = serde_json::json!({ "files": {}, "package": sums["package"] });
    fs::write(folder.join(".cargo-checksum.json"), sums.to_string())?;
    Ok(())
}
