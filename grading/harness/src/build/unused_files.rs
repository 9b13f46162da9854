//! Finds source files that are not part of the crate, because no `mod` line names them.
//!
//! The compiler ignores such files silently. This looks for the names only, so that it is never wrong about a file that
//! is compiled.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::student_files;

/// Describes the files in a crate's `src` that no other file names as a module, each in a sentence with the line to add.
/// `shown_as` is the name of the folder in messages.
pub(crate) fn describe(folder: &Path, shown_as: &str) -> Vec<String> {
    let Ok(files) = student_files(folder) else { return Vec::new() };
    let texts: BTreeMap<PathBuf, String> = files
        .into_iter()
        .filter_map(|file| fs::read_to_string(folder.join(&file)).ok().map(|text| (file, text)))
        .collect();
    unused(&texts)
        .into_iter()
        .map(|(file, module, parent)| {
            format!(
                "{shown_as}/{} is not compiled; if you need it, add `mod {module};` to {shown_as}/{}",
                file.display(),
                parent.display()
            )
        })
        .collect()
}

/// The files that no other one names: each with the name of its module, and the file that would declare it.
fn unused(texts: &BTreeMap<PathBuf, String>) -> Vec<(PathBuf, String, PathBuf)> {
    let is_named = |file: &Path, module: &str| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        texts.iter().any(|(other, text)| {
            other != file && (declares(text, module) || text.contains(&format!("{name}\"")))
        })
    };
    let mut found = Vec::new();
    for file in texts.keys() {
        let folder = file.parent().unwrap_or(Path::new(""));
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // `a/mod.rs` is the module `a`, which is declared one folder up.
        let (module, folder) = match (stem.as_str(), folder.file_name()) {
            ("mod", Some(name)) => {
                (name.to_string_lossy().into_owned(), folder.parent().unwrap_or(Path::new("")))
            }
            _ => (stem, folder),
        };
        let is_root = folder == Path::new("") && (module == "lib" || module == "main");
        if !is_root && !is_named(file, &module) {
            found.push((file.clone(), module, parent_of(folder, texts)));
        }
    }
    found
}

/// The file that declares the modules in a folder.
fn parent_of(folder: &Path, texts: &BTreeMap<PathBuf, String>) -> PathBuf {
    if folder == Path::new("") {
        return PathBuf::from("lib.rs");
    }
    let own = folder.join("mod.rs");
    if texts.contains_key(&own) { own } else { folder.with_extension("rs") }
}

/// Whether a text contains `mod NAME;`, even in a comment.
fn declares(text: &str, module: &str) -> bool {
    let mut words = text.split_whitespace();
    let names = [format!("{module};"), format!("r#{module};")];
    while let Some(word) = words.next() {
        // `mod a` and `;` may be apart.
        if word.ends_with("mod")
            && let Some(next) = words.clone().next()
            && (names.iter().any(|name| next.starts_with(name.as_str())) || next == module)
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unused_of(files: &[(&str, &str)]) -> Vec<(String, String, String)> {
        let texts =
            files.iter().map(|(file, text)| (PathBuf::from(file), (*text).to_owned())).collect();
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        unused(&texts)
            .into_iter()
            .map(|(file, module, by)| (text(file), module, text(by)))
            .collect()
    }

    #[test]
    fn a_file_without_its_mod_line_is_found() {
        let files = [
            ("lib.rs", "mod client;\npub(crate) mod deep;\n#[path = \"odd.rs\"] mod other;\n"),
            ("client.rs", "#[cfg(test)]\nmod tests {}\nmod client_tests;"),
            ("client_tests.rs", ""),
            ("deep/mod.rs", "mod r#in;"),
            ("deep/in.rs", ""),
            ("deep/lost.rs", ""),
            ("odd.rs", ""),
            ("retry.rs", "// mod retry;"),
            ("flat/part.rs", ""),
            ("flat.rs", ""),
        ];
        let lost = |file: &str, module: &str, by: &str| {
            (file.to_owned(), module.to_owned(), by.to_owned())
        };
        assert_eq!(
            unused_of(&files),
            [
                lost("deep/lost.rs", "lost", "deep/mod.rs"),
                lost("flat/part.rs", "part", "flat.rs"),
                lost("flat.rs", "flat", "lib.rs"),
                lost("retry.rs", "retry", "lib.rs"),
            ]
        );
    }
}
