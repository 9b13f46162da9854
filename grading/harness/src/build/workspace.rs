//! The workspace: where the labs are, and where caches are kept.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

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
    /// The labs whose crates it uses, by name: those among its `Cargo.toml`'s dependencies.
    pub builds_on: Vec<String>,
}

impl Lab {
    /// The folder with the student's files.
    #[must_use]
    pub fn source(&self) -> PathBuf {
        self.folder.join("src")
    }

    /// The folder's own name: `lab1-clientserver`.
    #[must_use]
    pub fn folder_name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
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
    ///
    /// # Errors
    /// As [`labs`](Self::labs).
    pub fn lab(&self, name: &str) -> Result<Option<Lab>> {
        Ok(self.labs()?.into_iter().find(|lab| lab.name == name))
    }

    /// All labs, by name.
    ///
    /// # Errors
    /// When the folder of labs, or a lab's `Cargo.toml`, cannot be read.
    pub fn labs(&self) -> Result<Vec<Lab>> {
        let folder = self.root.join("labs");
        let cannot_read = || format!("cannot read {}", folder.display());
        let mut labs = Vec::new();
        for entry in fs::read_dir(&folder).with_context(cannot_read)? {
            let folder = entry.with_context(cannot_read)?.path();
            let name = folder.file_name().and_then(|name| name.to_str()?.split_once('-'));
            let Some((name, _)) = name else { continue };
            let lab = Lab { name: name.to_owned(), folder, builds_on: Vec::new() };
            if lab.shim().try_exists().with_context(cannot_read)? {
                labs.push(lab);
            }
        }
        labs.sort_by(|left, right| left.name.cmp(&right.name));
        let names: Vec<String> = labs.iter().map(|lab| lab.name.clone()).collect();
        for lab in &mut labs {
            let manifest = lab.folder.join("Cargo.toml");
            let read = || labs_used(&fs::read_to_string(&manifest)?, &names);
            lab.builds_on = read().with_context(|| manifest.display().to_string())?;
        }
        Ok(labs)
    }

    /// The labs that a lab builds on, directly or not, in the order in which they are compiled: each
    /// after those that it builds on itself.
    ///
    /// # Errors
    /// When the labs cannot be read, or build on each other in a circle.
    pub fn base_labs(&self, lab: &Lab) -> Result<Vec<Lab>> {
        let mut ordered = Vec::new();
        add_base_labs(&self.labs()?, lab, &mut Vec::new(), &mut ordered)?;
        Ok(ordered)
    }

    /// The folder with the reference solution of a lab. Students have none.
    #[must_use]
    pub fn reference_solution(&self, lab: &str) -> PathBuf {
        self.root.join("grading/staff/solutions").join(lab)
    }
}

/// The labs among the dependencies of a manifest.
fn labs_used(manifest: &str, labs: &[String]) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest.parse()?;
    let mut used = Vec::new();
    for (name, dependency) in
        manifest.get("dependencies").and_then(toml::Value::as_table).into_iter().flatten()
    {
        let package = dependency.get("package").and_then(toml::Value::as_str).unwrap_or(name);
        if !labs.iter().any(|lab| lab == package) {
            continue;
        }
        if package != name {
            bail!("the dependency `{name}` renames {package}; a lab is used under its own name");
        }
        used.push(name.clone());
    }
    Ok(used)
}

/// Appends the labs that a lab builds on to `ordered`. `above` are the labs that led here.
fn add_base_labs(
    labs: &[Lab],
    lab: &Lab,
    above: &mut Vec<String>,
    ordered: &mut Vec<Lab>,
) -> Result<()> {
    if above.contains(&lab.name) {
        bail!("labs build on each other in a circle: {} -> {}", above.join(" -> "), lab.name);
    }
    above.push(lab.name.clone());
    for base in labs.iter().filter(|base| lab.builds_on.contains(&base.name)) {
        add_base_labs(labs, base, above, ordered)?;
        if !ordered.contains(base) {
            ordered.push(base.clone());
        }
    }
    above.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace of labs, each with the dependencies of its manifest.
    fn workspace(labs: &[(&str, &str)]) -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, dependencies) in labs {
            let lab = folder.path().join("labs").join(format!("{name}-something"));
            fs::create_dir_all(lab.join("tests")).expect("a folder");
            fs::write(lab.join("tests/suite.rs"), "").expect("written");
            let text = format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}");
            fs::write(lab.join("Cargo.toml"), text).expect("written");
        }
        let root = folder.path().to_owned();
        let workspace = Workspace { target: root.join("target"), profile: "lab".to_owned(), root };
        (folder, workspace)
    }

    fn base_labs(workspace: &Workspace, lab: &str) -> Result<Vec<String>> {
        let lab = workspace.lab(lab)?.context("there is such a lab")?;
        Ok(workspace.base_labs(&lab)?.into_iter().map(|lab| lab.name).collect())
    }

    #[test]
    fn base_labs_come_after_those_that_they_build_on() {
        let (_folder, workspace) = workspace(&[
            ("lab1", "serde.workspace = true\nlab1-api = { path = \"../lab1-api\" }"),
            ("lab2", "lab1.workspace = true"),
            ("lab3", "[dependencies.lab2]\npath = \"../lab2-something\""),
            ("lab4", "lab1 = { path = \"../lab1-something\" }\nlab3.workspace = true"),
        ]);
        let of = |lab| base_labs(&workspace, lab).expect("they are in order");
        assert_eq!(of("lab1"), [""; 0]);
        assert_eq!(of("lab2"), ["lab1"]);
        assert_eq!(of("lab4"), ["lab1", "lab2", "lab3"]);
        let lab4 = workspace.lab("lab4").expect("read").expect("it is there");
        assert_eq!(lab4.builds_on, ["lab1", "lab3"]);
    }

    #[test]
    fn circles_and_renamed_labs_are_errors() {
        let (_folder, circle) = workspace(&[
            ("lab1", "lab3.workspace = true"),
            ("lab2", "lab1.workspace = true"),
            ("lab3", "lab2.workspace = true"),
        ]);
        let error = base_labs(&circle, "lab2").expect_err("a circle").to_string();
        assert!(error.ends_with("in a circle: lab2 -> lab1 -> lab3 -> lab2"), "{error}");
        let (_folder, renamed) = workspace(&[
            ("lab1", ""),
            ("lab2", "store = { package = \"lab1\", path = \"../lab1-something\" }"),
        ]);
        let error = format!("{:#}", base_labs(&renamed, "lab2").expect_err("it is renamed"));
        assert!(error.contains("`store` renames lab1"), "{error}");
    }
}
