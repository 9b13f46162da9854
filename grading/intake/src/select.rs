//! Finds the lab's files in a submission, however deeply the student nested them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use crate::hints::hints;
use crate::{Bundle, Refusal, is_student_file};

/// The files that a lab asks students to submit.
#[derive(Clone, Debug)]
pub struct LabFiles {
    /// The folder of the lab's crate: `lab1-clientserver`.
    pub folder: String,
    /// The names of the files in its `src`, by which that is found in a submission.
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

impl Selected {
    /// Writes the files to a folder, which then has the layout of a submission.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        for (path, text) in &self.files {
            let file = folder.join(path);
            fs::create_dir_all(file.parent().unwrap_or(folder))?;
            fs::write(file, text)?;
        }
        Ok(())
    }
}

/// Picks the files.
///
/// # Errors
/// If some are missing, are not text, or exist in several different versions.
pub fn select(bundle: &Bundle, lab: &LabFiles) -> Result<Selected, Refusal> {
    let root = root(bundle, lab)?;
    let mut sources = Sources { bundle, taken: BTreeSet::new(), remarks: Vec::new() };
    let mut base_labs = BTreeMap::new();
    for name in &lab.builds_on {
        let Some(root) = base_lab_root(bundle, name)? else { continue };
        match sources.take(&root, |file| file == "lib.rs", |_| false) {
            Ok(files) => {
                let named = |(file, text)| (format!("{name}/src/{file}"), text);
                base_labs.extend(files.into_iter().map(named));
            }
            // It is as if it was absent: the lab can be graded with the reference solution.
            Err(refusal) => sources.remarks.push(format!("{name} cannot be used: {refusal}")),
        }
    }
    let is_needed = |file: &str| lab.names.contains(file);
    let mut files = sources.take(&root, is_needed, |path| lab.is_of_base_lab(path))?;
    let mut notes = notes(&files, &sources.ignored(), lab);
    notes.extend(sources.remarks);
    notes.extend(bundle.remarks.iter().cloned());
    files.extend(base_labs);
    Ok(Selected { files, notes })
}

impl LabFiles {
    /// Whether a path lies in the folder of a lab that this one builds on.
    fn is_of_base_lab(&self, path: &str) -> bool {
        path.split('/').any(|part| self.builds_on.iter().any(|base| base == part))
    }
}

/// The source files of a bundle, and what became of them.
struct Sources<'b> {
    bundle: &'b Bundle,
    /// The paths of the student's files.
    taken: BTreeSet<&'b str>,
    /// Why some of these cannot be used.
    remarks: Vec<String>,
}

impl<'b> Sources<'b> {
    /// The contents of the student's files in `root`, by their paths there. One that is not text is an
    /// error if it is needed, and else a remark: if something uses it, the submission does not compile.
    fn take(
        &mut self,
        root: &str,
        is_needed: impl Fn(&str) -> bool,
        is_elsewhere: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        let mut files = BTreeMap::new();
        let mut remarks = Vec::new();
        for (path, bytes) in &self.bundle.sources {
            let file = inside(root, path).filter(|file| is_student_file(file));
            let Some(file) = file.filter(|_| !is_elsewhere(path)) else { continue };
            match text(path, bytes) {
                Ok(text) => drop(files.insert(file.to_owned(), text)),
                Err(refusal) if is_needed(file) => return Err(refusal),
                Err(refusal) => remarks.push(format!("ignored: {refusal}")),
            }
            self.taken.insert(path);
        }
        self.remarks.extend(remarks);
        Ok(files)
    }

    /// The files that are not the student's.
    fn ignored(&self) -> Vec<&'b str> {
        let sources = self.bundle.sources.keys().map(String::as_str);
        let sources = sources.filter(|path| !self.taken.contains(path));
        sources.chain(self.bundle.others.iter().map(String::as_str)).collect()
    }
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
        let place = |folder: &&str| match *folder {
            "" => "the top level".to_owned(),
            folder => format!("`{folder}`"),
        };
        let places = roots.iter().map(place).collect();
        return Err(Refusal::Ambiguous { places });
    }
    Ok(roots[0])
}

/// The one folder with the lab's files: one that has them all, or else one whose `lib.rs` names none
/// of those that it lacks.
fn root(bundle: &Bundle, lab: &LabFiles) -> Result<String, Refusal> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in bundle.sources.keys() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        // Every lab has a lib.rs.
        if lab.names.contains(name) && !lab.is_of_base_lab(folder) {
            found.entry(folder).or_default().insert(name);
        }
    }
    // Prefer the fullest, then the lab's own folder, then the outermost.
    let rank = |(folder, names): (&&str, &BTreeSet<&str>)| {
        let in_lab_folder = format!("/{folder}").ends_with(&format!("/{}/src", lab.folder));
        let depth = folder.split('/').filter(|part| !part.is_empty()).count();
        (Reverse(names.len()), !in_lab_folder, depth)
    };
    let Some(best) = found.iter().map(rank).min() else {
        let missing: Vec<String> = lab.names.iter().cloned().collect();
        let hints = hints(bundle, &missing, None);
        return Err(Refusal::Missing { missing, found_in: None, hints });
    };
    let best: Vec<&str> =
        found.iter().filter(|one| rank(*one) == best).map(|(folder, _)| *folder).collect();
    let folder = best[0];
    let names = &found[folder];
    let missing: Vec<String> =
        lab.names.iter().filter(|name| !names.contains(name.as_str())).cloned().collect();
    if names.contains("lib.rs") {
        let path = if folder.is_empty() { "lib.rs".to_owned() } else { format!("{folder}/lib.rs") };
        let text = String::from_utf8_lossy(&bundle.sources[&path]);
        if !missing.iter().any(|name| declares(&text, name.trim_end_matches(".rs"))) {
            return one_of(bundle, &best).map(str::to_owned);
        }
    }
    let hints = hints(bundle, &missing, Some(folder));
    Err(Refusal::Missing { missing, found_in: Some(folder.to_owned()), hints })
}

/// Whether a source file has the line `mod NAME;`, possibly with `pub`, so that it needs another file.
/// With an attribute before it, which may name another place, this is not known.
fn declares(text: &str, module: &str) -> bool {
    let declaration = format!("mod {module};");
    let mut has_attribute = false;
    for line in text.lines().map(str::trim) {
        let code = line.split("//").next().unwrap_or_default().trim();
        let visible = code.strip_prefix("pub").map(str::trim_start);
        let visible = visible.map(|rest| match rest.strip_prefix('(') {
            Some(rest) => rest.split_once(')').map_or(rest, |(_, rest)| rest.trim_start()),
            None => rest,
        });
        if visible.unwrap_or(code) == declaration && !has_attribute {
            return true;
        }
        has_attribute = code.starts_with("#[") || has_attribute && code.is_empty();
    }
    false
}

/// The path inside `root`, if it is inside.
fn inside<'p>(root: &str, path: &'p str) -> Option<&'p str> {
    if root.is_empty() { Some(path) } else { path.strip_prefix(root)?.strip_prefix('/') }
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

fn notes(files: &BTreeMap<String, String>, ignored: &[&str], lab: &LabFiles) -> Vec<String> {
    const NAMED_MAX: usize = 12;
    let list = |paths: &[&str]| {
        let more = paths.len().saturating_sub(NAMED_MAX);
        let named = paths[..paths.len() - more].join(", ");
        if more == 0 { named } else { format!("{named} and {more} more") }
    };
    let added: Vec<&str> =
        files.keys().map(String::as_str).filter(|file| !lab.names.contains(*file)).collect();
    let mut notes = Vec::new();
    if !added.is_empty() {
        notes.push(format!("additional source files: {}", list(&added)));
    }
    if !ignored.is_empty() {
        notes.push(format!("ignored (only the lab's source files are graded): {}", list(ignored)));
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
        Bundle { sources: sources.collect(), ..Bundle::default() }
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
        // Other crates also have a `lib.rs`. Any file in `src` may be a module.
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
        let files = ["bin/extra.rs", "client.rs", "lib.rs"].map(str::to_owned).to_vec();
        assert_eq!(chosen(&whole), Ok(files));
    }

    #[test]
    fn additional_modules_are_selected_whatever_their_names() {
        let modules = [
            "bin/mod.rs",
            "client/retry/backoff.rs",
            "client copy.rs",
            "größe.rs",
            "main.rs",
            "re-try.rs",
            "target/mod.rs",
            "tests/mod.rs",
            "util.rs",
        ];
        for place in ["", "src/", "labs/lab9-counting/src/"] {
            let mut paths = vec![format!("{place}client.rs"), format!("{place}lib.rs")];
            paths.extend(modules.iter().map(|module| format!("{place}{module}")));
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            assert_eq!(chosen(&paths).map(|files| files.len()), Ok(modules.len() + 2), "{place}");
        }
        let selected = select(&bundle(&["src/client.rs", "src/lib.rs", "src/util.rs"]), &lab());
        assert_eq!(selected.expect("complete").notes, ["additional source files: util.rs"]);
        let paths = ["src/client.rs", "src/lib.rs", "build.rs", "src/.old/a.rs", "tests/a.rs"];
        assert_eq!(
            select(&bundle(&paths), &lab()).expect("complete").notes,
            [
                "ignored (only the lab's source files are graded): build.rs, src/.old/a.rs, tests/a.rs"
            ]
        );
    }

    #[test]
    fn a_file_that_is_not_text_is_ignored_unless_it_is_the_labs() {
        let mut odd = bundle(&["client.rs", "lib.rs"]);
        odd.sources.insert("notes.rs".to_owned(), b"\xfc".to_vec());
        let selected = select(&odd, &lab()).expect("complete");
        assert_eq!(selected.files.len(), 2);
        assert_eq!(selected.notes, ["ignored: `notes.rs` is not UTF-8"]);
    }

    #[test]
    fn a_file_that_lib_rs_does_not_name_need_not_exist() {
        let with = |lib: &str| {
            let mut bundle = bundle(&["src/lib.rs", "src/kv_client.rs", "framework/src/lib.rs"]);
            bundle.sources.insert("src/lib.rs".to_owned(), lib.as_bytes().to_vec());
            select(&bundle, &lab()).map(|selected| selected.files.len()).map_err(|e| e.to_string())
        };
        assert_eq!(with("// mod client;\npub mod kv_client;"), Ok(2));
        assert_eq!(with("#[path = \"kv_client.rs\"]\nmod client;"), Ok(2));
        let missing = "missing files: client.rs (the others are in `src`)";
        for lib in ["mod client;", "pub mod client; // it", "use a;\n  pub(crate) mod client;"] {
            assert_eq!(with(lib), Err(missing.to_owned()), "{lib}");
        }
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
        assert_eq!(refused(&[]), "missing files: client.rs, lib.rs; it contains no files");
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
