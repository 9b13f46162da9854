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
}

/// The files that are graded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Contents by path inside the lab's `src`: the lab's files, and modules that the student
    /// added.
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
    let mut files = BTreeMap::new();
    let mut ignored = Vec::new();
    for (path, bytes) in &bundle.sources {
        match inside(&root, path).filter(|file| lab.names.contains(*file) || is_module(file)) {
            Some(file) => {
                files.insert(file.to_owned(), text(path, bytes)?);
            }
            None => ignored.push(path.as_str()),
        }
    }
    let notes = notes(&files, &ignored, bundle, lab);
    Ok(Selected { files, notes })
}

/// The one folder with the lab's files.
fn root(bundle: &Bundle, lab: &LabFiles) -> Result<String, Refusal> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in bundle.sources.keys() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if lab.names.contains(name) {
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
    let contents = |folder: &str| -> BTreeMap<&str, &[u8]> {
        let sources = bundle.sources.iter();
        sources
            .filter_map(|(path, bytes)| Some((inside(folder, path)?, bytes.as_slice())))
            .collect()
    };
    let first = contents(best[0]);
    if best.iter().any(|folder| contents(folder) != first) {
        return Err(Refusal::Ambiguous {
            places: best.iter().map(|folder| format!("`{folder}`")).collect(),
        });
    }
    Ok(best[0].to_owned())
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
