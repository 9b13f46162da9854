//! Fits the crates' manifests to what is in a handout: members, targets, dependencies and settings for
//! what is not there are taken out.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, TableLike, Value};

/// Fits all manifests in `out`, which were copied from `course`.
pub(super) fn fit(course: &Path, out: &Path) -> Result<()> {
    let root = out.join("Cargo.toml");
    let (there, gone) = edit(&root, |manifest| fit_workspace(manifest, course, out))?;
    for member in there {
        let folder = out.join(member);
        edit(&folder.join("Cargo.toml"), |manifest| fit_crate(manifest, &folder))?;
    }
    let gone: Vec<String> =
        gone.iter().map(|member| name_of(&course.join(member))).collect::<Result<_>>()?;
    edit(&root, |manifest| {
        fit_profiles(manifest, &gone);
        Ok(())
    })
}

/// The name of the crate in a folder.
fn name_of(folder: &Path) -> Result<String> {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let manifest: DocumentMut = text.parse().with_context(|| path.display().to_string())?;
    let name = manifest.get("package").and_then(|package| package.get("name"));
    let name = name.and_then(Item::as_str).context("a crate has a name");
    Ok(name.with_context(|| path.display().to_string())?.to_owned())
}

/// Changes a manifest.
pub(super) fn edit<T>(
    path: &Path,
    change: impl FnOnce(&mut DocumentMut) -> Result<T>,
) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut manifest: DocumentMut = text.parse().with_context(|| path.display().to_string())?;
    let changed = change(&mut manifest)?;
    fs::write(path, manifest.to_string())?;
    Ok(changed)
}

/// Leaves the members and dependencies that are there. What `cargo test` takes by default are the labs. Returns
/// the members that are there, and those that were taken out. Each member is named, so that a copy of a lab that
/// a student puts aside is none.
fn fit_workspace(
    manifest: &mut DocumentMut,
    course: &Path,
    out: &Path,
) -> Result<(Vec<String>, Vec<String>)> {
    let workspace = manifest["workspace"].as_table_mut().context("no workspace")?;
    let members = workspace["members"].as_array_mut().context("no members")?;
    let mut named = Vec::new();
    for member in members.iter().filter_map(|member| member.as_str()) {
        match member.strip_suffix("/*") {
            Some(folder) => named.extend(crates_in(course, folder)?),
            None => named.push(member.to_owned()),
        }
    }
    let (there, gone): (Vec<String>, Vec<String>) =
        named.into_iter().partition(|path| out.join(path).exists());
    members.clear();
    for member in &there {
        members.push_formatted(Value::from(member).decorated("\n    ", ""));
    }
    members.set_trailing_comma(true);
    members.set_trailing("\n");

    let labs: Array = there.iter().filter(|path| path.starts_with("labs/")).collect();
    workspace.insert("default-members", labs.into());

    let is_there = |dependency: &Item| {
        let path = dependency.get("path").and_then(Item::as_str);
        path.is_none_or(|path| out.join(path).exists())
    };
    if let Some(dependencies) = workspace["dependencies"].as_table_like_mut() {
        remove(dependencies, |_, dependency| !is_there(dependency));
    }
    Ok((there, gone))
}

/// The crates in a folder of the course, by name.
fn crates_in(course: &Path, folder: &str) -> Result<Vec<String>> {
    let mut crates = Vec::new();
    for entry in fs::read_dir(course.join(folder)).with_context(|| folder.to_owned())? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && path.join("Cargo.toml").is_file()
        {
            crates.push(format!("{folder}/{name}"));
        }
    }
    crates.sort();
    Ok(crates)
}

/// Leaves the profiles' settings but those for members that are `gone`: Cargo warns of these each time.
fn fit_profiles(manifest: &mut DocumentMut, gone: &[String]) {
    let Some(profiles) = manifest.get_mut("profile").and_then(Item::as_table_like_mut) else {
        return;
    };
    for (_, profile) in profiles.iter_mut() {
        let Some(profile) = profile.as_table_like_mut() else { continue };
        if let Some(packages) = profile.get_mut("package").and_then(Item::as_table_like_mut) {
            remove(packages, |name, _| gone.iter().any(|gone| gone == name));
            if packages.is_empty() {
                profile.remove("package");
            }
        }
    }
}

/// Leaves the targets whose files are there, and the dependencies for tests that are still used.
fn fit_crate(manifest: &mut DocumentMut, folder: &Path) -> Result<()> {
    for (kind, folder_of_kind) in [("test", "tests"), ("bench", "benches"), ("example", "examples")]
    {
        let Some(targets) = manifest.get_mut(kind).and_then(Item::as_array_of_tables_mut) else {
            continue;
        };
        keep_targets(targets, |name, path| match path {
            Some(path) => folder.join(path).exists(),
            None => folder.join(folder_of_kind).join(name).with_extension("rs").exists(),
        });
        if targets.is_empty() {
            manifest.remove(kind);
        }
    }
    let code = code_below(folder)?;
    let unused = |name: &str| {
        let name = name.replace('-', "_");
        !code.contains(&format!("{name}::")) && !code.contains(&format!("{name}!"))
    };
    if let Some(dependencies) =
        manifest.get_mut("dev-dependencies").and_then(Item::as_table_like_mut)
    {
        remove(dependencies, |name, _| unused(name));
        if dependencies.is_empty() {
            manifest.remove("dev-dependencies");
        }
    }
    Ok(())
}

fn keep_targets(targets: &mut ArrayOfTables, keep: impl Fn(&str, Option<&str>) -> bool) {
    targets.retain(|target| {
        let text = |key| target.get(key).and_then(Item::as_str);
        keep(text("name").unwrap_or_default(), text("path"))
    });
}

fn remove(table: &mut dyn TableLike, unwanted: impl Fn(&str, &Item) -> bool) {
    let names: Vec<String> = table
        .iter()
        .filter(|(name, item)| unwanted(name, item))
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in names {
        table.remove(&name);
    }
}

/// All Rust code of a crate, in one text.
fn code_below(folder: &Path) -> Result<String> {
    let mut code = String::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            code.push_str(&code_below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_taken_out() {
        let (course, folder) = (tempfile::tempdir(), tempfile::tempdir());
        let (course, folder) = (course.expect("a folder"), folder.expect("a folder"));
        let (course, out) = (course.path(), folder.path());
        fs::create_dir(course.join("staff")).expect("made");
        let staff = "[package]\nname = \"course-staff\"\n";
        fs::write(course.join("staff/Cargo.toml"), staff).expect("written");
        for (path, text) in [
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"labs/a\", \"staff\"]\ndefault-members = [\"staff\"]\n\
                 [workspace.dependencies]\na = { path = \"labs/a\" }\ns = { path = \"staff\" }\n\
                 serde = \"1\"\n[profile.lab.package.course-staff]\nopt-level = 1\n\
                 [profile.dev.package.a]\nopt-level = 1\n\
                 [profile.dev.package.serde_json]\nopt-level = 3\n\
                 [profile.dev.package.\"*\"]\nopt-level = 2\n",
            ),
            (
                "labs/a/Cargo.toml",
                "[package]\nname = \"a\"\n[dev-dependencies]\nkept-one = \"1\"\ninsta = \"1\"\n\
                 [[test]]\nname = \"suite\"\nharness = false\n[[test]]\nname = \"gone\"\n",
            ),
            ("labs/a/src/lib.rs", "use kept_one::Thing;"),
            ("labs/a/tests/suite.rs", "fn main() {}"),
        ] {
            fs::create_dir_all(out.join(path).parent().expect("a folder")).expect("made");
            fs::write(out.join(path), text).expect("written");
        }
        fit(course, out).expect("fits");
        let read = |path| fs::read_to_string(out.join(path)).expect("read");
        assert_eq!(
            read("Cargo.toml"),
            "[workspace]\nmembers = [\n    \"labs/a\",\n]\ndefault-members = [\"labs/a\"]\n\
             [workspace.dependencies]\na = { path = \"labs/a\" }\nserde = \"1\"\n\
             [profile.dev.package.a]\nopt-level = 1\n\
             [profile.dev.package.serde_json]\nopt-level = 3\n\
             [profile.dev.package.\"*\"]\nopt-level = 2\n"
        );
        assert_eq!(
            read("labs/a/Cargo.toml"),
            "[package]\nname = \"a\"\n[dev-dependencies]\nkept-one = \"1\"\n\
             [[test]]\nname = \"suite\"\nharness = false\n"
        );
    }
}
