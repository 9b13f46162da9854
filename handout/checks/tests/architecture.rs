//! The architecture holds: `ARCHITECTURE.md` explains every dependency, crates and modules depend only on what is below.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{root, run, said, shell};

#[test]
fn every_dependency_has_its_reason() {
    let table = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let (_, table) = table.split_once("## Why each dependency is there").expect("its last part");
    let explained: BTreeSet<String> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| crate "))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_owned())
        .collect();

    let mut used = BTreeSet::new();
    for manifest in manifests() {
        let text = fs::read_to_string(root().join(manifest)).expect("a manifest");
        used.extend(dependencies(&text));
    }
    assert!(used.len() > 20, "{used:?}");
    assert_eq!(used, explained);
}

#[test]
fn the_paths_in_the_documents_exist() {
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        let text = fs::read_to_string(root().join(document)).expect("a document");
        let quoted = text.split('`').skip(1).step_by(2);
        let is_path = |word: &&str| {
            let first = word.split('/').next().unwrap_or_default();
            word.contains('/')
                && !word.contains(|c: char| c.is_whitespace() || "*<>{}".contains(c))
                && !word.contains("labN")
                && ["framework", "grading", "handout", "labs", "scripts"].contains(&first)
        };
        let paths: Vec<&str> = quoted.filter(is_path).collect();
        assert!(paths.len() > 2, "{document} names {paths:?}");
        for path in paths {
            assert!(root().join(path).exists(), "{document} names {path}");
        }
    }
}

#[test]
fn short_file_names_and_the_names_in_them_exist() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let (_, text) = text.split_once("## Where to find it").expect("the table");
    let (text, _) = text.split_once("## Design decisions").expect("what follows it");
    let mut checked = (0, 0);
    for block in blocks(text) {
        let words: Vec<&str> = block.split('`').skip(1).step_by(2).collect();
        // A short name is in the folder of the last full path before it.
        let mut folder: Option<PathBuf> = None;
        let mut sources = String::new();
        for word in &words {
            let path = root().join(word);
            if word.contains('/') && path.is_dir() {
                sources.extend(self::sources(&path).into_iter().map(|(_, text)| text));
                folder = Some(path);
            } else if word.contains('/') && path.is_file() {
                sources += &fs::read_to_string(&path).expect("a file");
                folder = path.parent().map(Path::to_owned);
            } else if is_file_name(word) {
                let beside =
                    folder.as_ref().unwrap_or_else(|| panic!("`{word}` has no folder: {block}"));
                let path = beside.join(word);
                let text = fs::read_to_string(&path);
                sources +=
                    &text.unwrap_or_else(|_| panic!("there is no {}: {block}", path.display()));
                checked.0 += 1;
            }
        }
        for word in words.iter().filter(|word| is_item(word)) {
            for name in word.split("::") {
                let found = sources
                    .split(|c: char| !is_name_part(c))
                    .any(|other| other == name || name.ends_with('_') && other.starts_with(name));
                assert!(found, "no file named here contains `{name}` of `{word}`: {block}");
            }
            checked.1 += 1;
        }
    }
    assert!(checked.0 > 30 && checked.1 > 20, "{checked:?}");
}

/// The rows of a table, and the items of a list.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in text.lines() {
        match blocks.last_mut() {
            Some(item) if line.starts_with("   ") => item.push_str(line),
            _ => blocks.push(line.to_owned()),
        }
    }
    blocks
}

/// Whether a quoted word is the name of a source file, without its folder.
fn is_file_name(word: &str) -> bool {
    !word.contains(['/', ' ']) && [".rs", ".md"].iter().any(|end| word.ends_with(end))
}

/// Whether a quoted word names something in the code.
fn is_item(word: &str) -> bool {
    word.chars().all(|c| is_name_part(c) || c == ':')
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The manifests of the workspace.
fn manifests() -> Vec<String> {
    let files = said(&run(&mut shell(&root(), "git ls-files '*Cargo.toml'")));
    // What the guide adds to the repository, and what `new-lab.sh` makes labs of, are no crates of it.
    let is_ours = |path: &&str| {
        !path.starts_with("handout/tiny-lab/") && !path.starts_with("handout/new-lab/")
    };
    files.lines().filter(is_ours).map(str::to_owned).collect()
}

/// The crates of others that a manifest names.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside
            && !line.starts_with('#')
            && let Some((name, rest)) = line.split_once(['.', ' ', '='])
            && !rest.contains("path = ")
            && !is_ours(name)
        {
            names.insert(name.to_owned());
        }
    }
    names
}

fn is_ours(name: &str) -> bool {
    name.starts_with("faultlab")
        || name.starts_with("lab") && name[3..].starts_with(|c: char| c.is_ascii_digit())
}

/// The crates of the project that each crate may depend on, apart from its tests. `api` stands for the labs' API crates.
const MAY_USE: &[(&str, &[&str])] = &[
    ("faultlab", &[]),
    ("faultlab-reference", &["faultlab"]),
    ("faultlab-peers", &["faultlab"]),
    // A lab may build on earlier labs, and speak of what these do.
    ("api", &["faultlab", "api"]),
    ("lab", &["faultlab", "api", "lab"]),
    ("faultlab-remote", &["faultlab"]),
    ("faultlab-suites", &["faultlab", "api"]),
    ("faultlab-intake", &[]),
    ("faultlab-harness", &["faultlab", "faultlab-intake", "faultlab-remote", "faultlab-suites"]),
    ("faultlab-check-history", &["faultlab", "faultlab-suites"]),
    ("faultlab-sandbox", &["faultlab-remote"]),
    (
        "faultlab-batch",
        &[
            "faultlab",
            "faultlab-intake",
            "faultlab-remote",
            "faultlab-suites",
            "faultlab-harness",
            "faultlab-sandbox",
        ],
    ),
    ("faultlab-staff", &["faultlab", "faultlab-suites", "faultlab-harness"]),
    ("faultlab-handout", &["faultlab", "faultlab-suites", "api", "lab"]),
    ("faultlab-make-handout", &[]),
];

#[test]
fn crates_depend_only_on_crates_below_them() {
    let mut crates = 0;
    for path in manifests() {
        let text = fs::read_to_string(root().join(&path)).expect("a manifest");
        let Some((_, rest)) = text.split_once("[package]\nname = \"") else { continue };
        let name = layer(rest.split('"').next().expect("a name"));
        let (_, allowed) = MAY_USE
            .iter()
            .find(|(of, _)| *of == name)
            .unwrap_or_else(|| panic!("{path}: add {name} to the list in this test"));
        for used in own_dependencies(&text) {
            let layer = layer(&used);
            assert!(allowed.contains(&layer), "{path}: {name} must not depend on {used}");
        }
        crates += 1;
    }
    assert!(crates > 12, "{crates} crates");
}

/// The name of a crate in the list above.
fn layer(name: &str) -> &str {
    match name {
        _ if name.starts_with("faultlab") => name,
        _ if name.ends_with("-api") => "api",
        _ => "lab",
    }
}

/// The crates of this project that a manifest names, apart from those only for tests.
fn own_dependencies(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]")
            && !section.contains("dev-")
            && let Some((name, _)) = line.split_once(['.', ' ', '='])
            && is_ours(name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// Nodes out of process are `grading/remote`; the engines only compute.
#[test]
fn the_framework_starts_no_process() {
    let mut files = 0;
    for (path, text) in sources(&root().join("framework/src")) {
        for word in ["std::process", "std::os::", "std::net", "io::pipe", "rustix"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
        files += 1;
    }
    assert!(files > 50, "{files} files");
}

/// All files below a folder, with their text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                files.push((path, text));
            }
        }
    }
    files
}

/// What students write against: these modules name each other, since a node's handlers take a context of its type.
const STUDENT_INTERFACE: [&str; 6] =
    ["application", "client", "context", "durable", "node", "signed"];

#[test]
fn the_frameworks_modules_form_no_cycle() {
    let uses = module_uses(&root().join("framework/src"));
    assert!(uses.len() > 10 && uses.values().map(BTreeSet::len).sum::<usize>() > 25, "{uses:?}");
    if let Some(cycle) = cycle(&uses) {
        panic!("modules of the framework depend on each other: {}", cycle.join(" -> "));
    }
    // A dependency of what is below on what is above is noticed.
    for (below, above) in [("hosting", "simulate"), ("trace", "search"), ("codec", "hosting")] {
        let mut uses = uses.clone();
        uses.get_mut(below).expect("a module").insert(above.to_owned());
        assert!(cycle(&uses).is_some(), "{below} -> {above}");
    }
}

/// For each top-level module of a crate: the others that it names.
fn module_uses(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let root = fs::read_to_string(source.join("lib.rs")).expect("the crate's root");
    let modules: BTreeSet<String> = root
        .lines()
        .filter_map(|line| line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod "))
        .map(|rest| rest.trim_end_matches(';').to_owned())
        .collect();
    // What the root exports stands for the module that it comes from.
    let mut exported = BTreeMap::new();
    for line in root.lines().filter_map(|line| line.strip_prefix("pub use ")) {
        let Some((module, names)) = line.split_once("::") else { continue };
        for name in names.split(|c: char| !c.is_alphanumeric() && c != '_') {
            exported.insert(name.to_owned(), module.to_owned());
        }
    }
    let unit = |module: &str| match module {
        _ if STUDENT_INTERFACE.contains(&module) => "interface".to_owned(),
        _ => module.to_owned(),
    };
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for module in &modules {
        let mut texts: Vec<String> =
            sources(&source.join(module)).into_iter().map(|(_, text)| text).collect();
        texts.extend(fs::read_to_string(source.join(format!("{module}.rs"))));
        let of_module = uses.entry(unit(module)).or_default();
        for text in texts {
            let code: Vec<&str> =
                text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            for rest in code.join("\n").split("crate::").skip(1) {
                for name in first_names(rest) {
                    let from = exported.get(name).map_or(name, String::as_str);
                    if modules.contains(from) && unit(from) != unit(module) {
                        of_module.insert(unit(from));
                    }
                }
            }
        }
    }
    uses
}

/// The first names of the paths that follow `crate::`: one, or each in braces.
fn first_names(rest: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let name = |text: &'_ str| text.find(|c| !is_name(c)).unwrap_or(text.len());
    let Some(list) = rest.strip_prefix('{') else { return vec![&rest[..name(rest)]] };
    let mut names = Vec::new();
    let (mut depth, mut start) = (0, true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            _ if start && is_name(c) => {
                names.push(&list[at..at + name(&list[at..])]);
                start = false;
            }
            _ => {}
        }
    }
    names
}

/// A cycle, if there is one: its modules in order, the first once more at the end.
fn cycle(uses: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit<'a>(
        module: &'a String,
        uses: &'a BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<&'a String>,
        done: &mut BTreeSet<&'a String>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|other| *other == module) {
            return Some(path[start..].iter().copied().chain([module]).cloned().collect());
        }
        if done.contains(module) {
            return None;
        }
        path.push(module);
        let found =
            uses.get(module).into_iter().flatten().find_map(|used| visit(used, uses, path, done));
        path.pop();
        done.insert(module);
        found
    }
    let mut done = BTreeSet::new();
    uses.keys().find_map(|module| visit(module, uses, &mut Vec::new(), &mut done))
}
