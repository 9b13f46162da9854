//! Optional labs: a handout has them only if it is asked to.
//!
//! A lab is optional if its `Cargo.toml` says so:
//!
//! ```toml
//! [package.metadata.lab]
//! optional = true
//! ```

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml_edit::{DocumentMut, Item};

use crate::manifest;

/// The labs that are not in a handout.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    labs: Vec<String>,
}

impl LeftOut {
    /// The optional labs of the course in `root`, except those that are `wanted`.
    ///
    /// # Errors
    /// When a wanted lab is not optional, or there is none of that name.
    pub(super) fn of(root: &Path, wanted: &[String]) -> Result<Self> {
        let optional = optional(root)?;
        if let Some(unknown) = wanted.iter().find(|lab| !optional.contains(lab)) {
            let known = if optional.is_empty() { "none".to_owned() } else { optional.join(", ") };
            bail!("there is no optional lab `{unknown}`; optional labs: {known}");
        }
        let labs = optional.into_iter().filter(|lab| !wanted.contains(lab)).collect();
        Ok(Self { labs })
    }

    /// Whether a file, given by its path in the course, belongs to one of these labs.
    pub(super) fn has(&self, path: &str) -> bool {
        self.labs.iter().any(|lab| {
            let places = ["labs", "grading/suites/src", "handout/src"];
            let name = places.iter().find_map(|place| path.strip_prefix(place)?.strip_prefix('/'));
            let rest = name.and_then(|name| name.strip_prefix(lab.as_str()));
            rest.is_some_and(|rest| rest.starts_with(['-', '/', '.']))
        })
    }

    /// Takes these labs out of the list of labs in `out`, the crate of the suites.
    pub(super) fn unlist(&self, out: &Path) -> Result<()> {
        let suites = out.join("grading/suites");
        manifest::edit(&suites.join("Cargo.toml"), |manifest| {
            for lab in &self.labs {
                let dependencies = manifest["dependencies"].as_table_like_mut();
                dependencies.context("no dependencies")?.remove(&format!("{lab}-api"));
            }
            Ok(())
        })?;
        let list = suites.join("src/lib.rs");
        let text = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
        fs::write(&list, self.without_entries(&text))?;
        Ok(())
    }

    /// The list of labs, in Rust, without these.
    fn without_entries(&self, list: &str) -> String {
        let is_entry = |line: &str| {
            let named = |lab: &String| line == format!("pub mod {lab};") || line.trim() == lab;
            self.labs.iter().any(named)
        };
        list.split_inclusive('\n').filter(|line| !is_entry(line.trim_end())).collect()
    }
}

/// The optional labs of a course, in order.
fn optional(root: &Path) -> Result<Vec<String>> {
    let mut labs = Vec::new();
    for entry in fs::read_dir(root.join("labs"))? {
        let path = entry?.path().join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let manifest: DocumentMut = text.parse().with_context(|| path.display().to_string())?;
        let package = &manifest["package"];
        let of_lab = package.get("metadata").and_then(|metadata| metadata.get("lab"));
        let is_optional = of_lab.and_then(|lab| lab.get("optional")).and_then(Item::as_bool);
        if is_optional == Some(true) {
            let name = package.get("name").and_then(Item::as_str).context("a crate has a name")?;
            labs.push(name.to_owned());
        }
    }
    labs.sort();
    Ok(labs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(labs: &[&str]) -> LeftOut {
        LeftOut { labs: labs.iter().map(|&lab| lab.to_owned()).collect() }
    }

    #[test]
    fn a_labs_files_are_told_by_their_names() {
        let left_out = left_out(&["lab5"]);
        for path in [
            "labs/lab5-api/src/lib.rs",
            "labs/lab5-broadcast/Cargo.toml",
            "grading/suites/src/lab5.rs",
            "grading/suites/src/lab5/mod.rs",
            "handout/src/lab5.md",
            "handout/src/lab5-mistakes.md",
        ] {
            assert!(left_out.has(path), "{path}");
        }
        for path in ["labs/lab50-x/Cargo.toml", "handout/src/lab51.md", "framework/src/lab5.rs"] {
            assert!(!left_out.has(path), "{path}");
        }
    }

    #[test]
    fn a_lab_is_taken_out_of_both_lists() {
        let list =
            "pub mod lab1;\npub mod lab5;\n\nlabs! {\n    lab1\n    lab5\n}\n// lab5 is optional\n";
        let expected = "pub mod lab1;\n\nlabs! {\n    lab1\n}\n// lab5 is optional\n";
        assert_eq!(left_out(&["lab5"]).without_entries(list), expected);
        assert_eq!(left_out(&[]).without_entries(list), list);
    }

    #[test]
    fn a_lab_is_optional_if_its_manifest_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, more) in [
            ("lab1", ""),
            ("lab6", "[package.metadata.lab]\noptional = true\n"),
            ("lab7", "[package.metadata.lab]\noptional = false\n"),
        ] {
            let lab = folder.path().join("labs").join(format!("{name}-x"));
            fs::create_dir_all(&lab).expect("made");
            let manifest = format!("[package]\nname = \"{name}\"\n{more}");
            fs::write(lab.join("Cargo.toml"), manifest).expect("written");
        }
        let of = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|&lab| lab.to_owned()).collect();
            LeftOut::of(folder.path(), &wanted).map(|left_out| left_out.labs)
        };
        assert_eq!(of(&[]).expect("valid"), ["lab6"]);
        assert!(of(&["lab6"]).expect("valid").is_empty());
        let error = of(&["lab7"]).expect_err("it is not optional").to_string();
        assert_eq!(error, "there is no optional lab `lab7`; optional labs: lab6");
    }
}
