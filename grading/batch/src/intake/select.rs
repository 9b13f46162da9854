//! Finds the lab's files in a submission, however deeply the student nested them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bundle, Refusal};

/// The files that a lab asks students to submit.
#[derive(Clone, Debug)]
pub struct LabFiles {
    /// The folder of the lab's crate: `lab1-clientserver`.
    pub folder: String,
    /// The names of the files in its `src`, all of which are required.
    pub names: BTreeSet<String>,
    /// The folders of the crates that it builds on, which may be submitted with it.
    pub builds_on: Vec<String>,
}

/// The files that are graded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Contents by path inside the lab's `src`: the lab's files, and modules that the student
    /// added. Files of a lab that it builds on have the name of its folder before them:
    /// `lab1-clientserver/src/lib.rs`.
    pub files: BTreeMap<String, String>,
    /// Ignored files and other remarks, for the student.
    pub notes: Vec<String>,
}

/// Picks the files.
///
/// # Errors
/// If some are missing, are not text, or exist in several different versions.
pub fn select(bundle: &Bundle, lab: &LabFiles) -> Result<Selected, Refusal> {
    let root = root(bundle, lab)?;
    let mut base_labs = Vec::new();
    let mut unusable = Vec::new();
    for name in &lab.builds_on {
        let Some(root) = base_lab_root(bundle, name)? else { continue };
        match base_lab_files(bundle, name, &root) {
            Ok(files) => base_labs.push((root, files)),
            // It is as if it was absent: the lab can be graded with the reference solution.
            Err(refusal) => unusable.push(format!("{name} cannot be used: {refusal}")),
        }
    }
    let mut files = BTreeMap::new();
    let mut ignored = Vec::new();
    for (path, bytes) in &bundle.sources {
        match inside(&root, path).filter(|file| lab.names.contains(*file) || is_module(file)) {
            Some(file) => {
                files.insert(file.to_owned(), text(path, bytes)?);
            }
            None if base_labs.iter().any(|(root, _)| is_file_of(root, path)) => {}
            None => ignored.push(path.as_str()),
        }
    }
    let mut notes = notes(&files, &ignored, bundle, lab);
    notes.extend(unusable);
    files.extend(base_labs.into_iter().flat_map(|(_, files)| files));
    Ok(Selected { files, notes })
}

/// The one `src` of a lab that this one builds on, if it was submitted.
fn base_lab_root(bundle: &Bundle, name: &str) -> Result<Option<String>, Refusal> {
    let roots = bundle.sources.keys().filter_map(|path| path.strip_suffix("/lib.rs"));
    let place = format!("/{name}/src");
    let depth = |root: &str| root.split('/').count();
    let mut roots: Vec<&str> = roots.filter(|root| format!("/{root}").ends_with(&place)).collect();
    // Prefer the outermost, as for the lab itself.
    roots.sort_by_key(|root| depth(root));
    let Some(first) = roots.first() else { return Ok(None) };
    roots.retain(|root| depth(root) == depth(first));
    one_of(bundle, &roots).map(|root| Some(root.to_owned()))
}

/// The files of a lab that this one builds on.
fn base_lab_files(
    bundle: &Bundle,
    name: &str,
    root: &str,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut files = BTreeMap::new();
    for (path, bytes) in &bundle.sources {
        if let Some(file) = inside(root, path).filter(|file| is_module(file)) {
            files.insert(format!("{name}/src/{file}"), text(path, bytes)?);
        }
    }
    Ok(files)
}

fn is_file_of(root: &str, path: &str) -> bool {
    inside(root, path).is_some_and(is_module)
}

/// The first of these folders, if all have the same contents.
fn one_of<'r>(bundle: &Bundle, roots: &[&'r str]) -> Result<&'r str, Refusal> {
    let contents = |folder: &str| -> BTreeMap<&str, &[u8]> {
        let sources = bundle.sources.iter();
        sources
            .filter_map(|(path, bytes)| Some((inside(folder, path)?, bytes.as_slice())))
            .collect()
    };
    let first = contents(roots[0]);
    if roots.iter().any(|folder| contents(folder) != first) {
        let places = roots.iter().map(|folder| format!("`{folder}`")).collect();
        return Err(Refusal::Ambiguous { places });
    }
    Ok(roots[0])
}

/// The one folder with the lab's files.
fn root(bundle: &Bundle, lab: &LabFiles) -> Result<String, Refusal> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in bundle.sources.keys() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        // Every lab has a lib.rs.
        let is_other = folder.split('/').any(|part| lab.builds_on.iter().any(|base| base == part));
        if lab.names.contains(name) && !is_other {
            found.entry(folder).or_default().insert(name);
        }
    }
    let complete = found.iter().filter(|(_, names)| names.len() == lab.names.len());
    // Prefer the lab's own folder, then the outermost.
    let rank = |folder: &str| {
        let in_lab_folder = format!("/{folder}").ends_with(&format!("/{}/src", lab.folder));
        (!in_lab_folder, folder.split('/').filter(|part| !part.is_empty()).count())
    };
    let complete: Vec<&str> = complete.map(|(folder, _)| *folder).collect();
    let Some(best) = complete.iter().map(|folder| rank(folder)).min() else {
        let fullest = found.iter().max_by_key(|(folder, names)| {
            let (away, depth) = rank(folder);
            (names.len(), !away, std::cmp::Reverse(depth))
        });
        let (folder, names) = match fullest {
            Some((folder, names)) => (Some((*folder).to_owned()), names.clone()),
            None => (None, BTreeSet::new()),
        };
        let missing =
            lab.names.iter().filter(|name| !names.contains(name.as_str())).cloned().collect();
        return Err(Refusal::Missing { missing, found_in: folder });
    };
    let best: Vec<&str> = complete.into_iter().filter(|folder| rank(folder) == best).collect();
    one_of(bundle, &best).map(str::to_owned)
}

/// The path inside `root`, if it is inside.
fn inside<'p>(root: &str, path: &'p str) -> Option<&'p str> {
    if root.is_empty() { Some(path) } else { path.strip_prefix(root)?.strip_prefix('/') }
}

/// Whether an unlisted file may be a module of the student's. Files with a special meaning to Cargo
/// are not.
fn is_module(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or(path);
    let own = ["build.rs", "main.rs", "bin", "src", "tests", "examples", "benches"];
    let plain = path.split('/').all(|part| {
        let stem = part.strip_suffix(".rs").unwrap_or(part);
        stem.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    });
    // Only files in the lab's folder and one folder below it; deeper ones belong to other crates.
    plain && !own.contains(&first) && path.split('/').count() <= 2
}

fn text(path: &str, bytes: &[u8]) -> Result<String, Refusal> {
    let refuse = |hint: &str| Refusal::Text { file: path.to_owned(), hint: hint.to_owned() };
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return Err(refuse("; it looks like UTF-16, so save it as UTF-8 in your editor"));
        }
        _ => {}
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refuse(""))?;
    if text.contains('\0') {
        return Err(refuse("; it contains zero bytes"));
    }
    Ok(text.to_owned())
}

fn notes(
    files: &BTreeMap<String, String>,
    ignored: &[&str],
    bundle: &Bundle,
    lab: &LabFiles,
) -> Vec<String> {
    const NAMED_MAX: usize = 12;
    let list = |paths: &[&str]| {
        let more = paths.len().saturating_sub(NAMED_MAX);
        let named = paths[..paths.len() - more].join(", ");
        if more == 0 { named } else { format!("{named} and {more} more") }
    };
    let added: Vec<&str> =
        files.keys().map(String::as_str).filter(|file| !lab.names.contains(*file)).collect();
    let ignored: Vec<&str> =
        ignored.iter().copied().chain(bundle.others.iter().map(String::as_str)).collect();
    let mut notes = Vec::new();
    if !added.is_empty() {
        notes.push(format!("additional source files: {}", list(&added)));
    }
    if !ignored.is_empty() {
        notes.push(format!("ignored (only the lab's source files are graded): {}", list(&ignored)));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> LabFiles {
        LabFiles {
            folder: "lab9-counting".to_owned(),
            builds_on: Vec::new(),
            names: ["lib.rs", "client.rs"].map(str::to_owned).into(),
        }
    }

    fn bundle(paths: &[&str]) -> Bundle {
        let sources = paths.iter().map(|path| ((*path).to_owned(), path.as_bytes().to_vec()));
        Bundle { sources: sources.collect(), others: BTreeSet::new() }
    }

    fn chosen(paths: &[&str]) -> Result<Vec<String>, Refusal> {
        Ok(select(&bundle(paths), &lab())?.files.into_keys().collect())
    }

    #[test]
    fn files_are_found_in_any_folder() {
        let both = Ok(vec!["client.rs".to_owned(), "lib.rs".to_owned()]);
        for folder in ["", "src/", "lab9-counting/src/", "my work/labs/lab9-counting/src/"] {
            let paths = [format!("{folder}client.rs"), format!("{folder}lib.rs")];
            assert_eq!(chosen(&[&paths[0], &paths[1]]), both, "{folder}");
        }
        // Other crates also have a `lib.rs`, and Cargo would compile some of the other files.
        let whole = [
            "framework/src/lib.rs",
            "labs/lab9-counting/build.rs",
            "labs/lab9-counting/src/bin/extra.rs",
            "labs/lab9-counting/src/client.rs",
            "labs/lab9-counting/src/lib.rs",
            "labs/lab9-counting/tests/mine.rs",
            "old/client.rs",
            "old/lib.rs",
        ];
        assert_eq!(chosen(&whole), both);
    }

    #[test]
    fn additional_modules_are_selected() {
        let paths = ["src/client.rs", "src/lib.rs", "src/util.rs", "src/client/retry.rs"];
        assert_eq!(chosen(&paths).map(|files| files.len()), Ok(4));
        let selected = select(&bundle(&["client.rs", "lib.rs", "build.rs", "tests/a.rs"]), &lab());
        let notes = selected.expect("it is complete").notes;
        assert_eq!(
            notes,
            ["ignored (only the lab's source files are graded): build.rs, tests/a.rs"]
        );
    }

    #[test]
    fn labs_that_it_builds_on_come_along() {
        let lab = LabFiles { builds_on: vec!["lab8-base".to_owned()], ..lab() };
        let select = |paths: &[&str]| select(&bundle(paths), &lab);
        let names = |paths: &[&str]| -> Vec<String> {
            select(paths).expect("it is complete").files.into_keys().collect()
        };
        let both = ["client.rs", "lab8-base/src/lib.rs", "lab8-base/src/store/map.rs", "lib.rs"];
        for place in ["", "my labs/"] {
            for own in ["lab9-counting/src", "src"] {
                let paths = [
                    format!("{place}{own}/client.rs"),
                    format!("{place}{own}/lib.rs"),
                    format!("{place}lab8-base/src/lib.rs"),
                    format!("{place}lab8-base/src/store/map.rs"),
                ];
                assert_eq!(names(&paths.each_ref().map(String::as_str)), both, "{place}{own}");
            }
        }
        // It is not needed, nor are all of its files.
        assert_eq!(names(&["client.rs", "lib.rs"]), ["client.rs", "lib.rs"]);
        let alone = ["lab8-base/src/lib.rs", "lab8-base/src/client.rs"];
        let refused = select(&alone).expect_err("the lab itself is absent").to_string();
        assert_eq!(refused, "missing files: client.rs, lib.rs");
        // What cannot be read is absent, and said.
        let mut broken = bundle(&["client.rs", "lib.rs", "lab8-base/src/lib.rs"]);
        broken.sources.insert("lab8-base/src/lib.rs".to_owned(), b"\xfc".to_vec());
        let broken = super::select(&broken, &lab).expect("the lab itself is complete");
        assert_eq!(broken.files.len(), 2);
        assert!(broken.notes.iter().any(|note| note.starts_with("lab8-base cannot be used: ")));
        let twice = ["client.rs", "lib.rs", "a/lab8-base/src/lib.rs", "b/lab8-base/src/lib.rs"];
        let refused = select(&twice).expect_err("they differ").to_string();
        assert!(refused.contains("in `a/lab8-base/src` and `b/lab8-base/src`"), "{refused}");
    }

    #[test]
    fn missing_and_ambiguous_files_are_rejected() {
        let refused = |paths: &[&str]| chosen(paths).expect_err("it is refused").to_string();
        assert_eq!(refused(&["src/client.rs"]), "missing files: lib.rs (the others are in `src`)");
        assert_eq!(refused(&[]), "missing files: client.rs, lib.rs");
        assert_eq!(
            refused(&["a/client.rs", "a/lib.rs", "b/client.rs", "b/lib.rs"]),
            "found different versions of the lab's files in `a` and `b`; submit only one"
        );
    }

    #[test]
    fn only_utf_8_is_text() {
        let with = |bytes: &[u8]| {
            let mut bundle = bundle(&["client.rs", "lib.rs"]);
            bundle.sources.insert("client.rs".to_owned(), bytes.to_vec());
            select(&bundle, &lab()).map(|_| ()).map_err(|refusal| refusal.to_string())
        };
        assert_eq!(with("\u{feff}// ü".as_bytes()), Ok(()));
        assert_eq!(with(b"// \xfc"), Err("`client.rs` is not UTF-8".to_owned()));
        assert!(with(b"\xff\xfe/\0/\0").is_err_and(|error| error.contains("UTF-16")));
        assert!(with(b"a\0b").is_err_and(|error| error.contains("zero bytes")));
    }
}
