//! `ARCHITECTURE.md` explains every dependency, and no other.

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::{root, run, said, shell};

#[test]
fn every_dependency_has_its_reason() {
    let table = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the house in one page");
    let (_, table) = table.split_once("## Why each dependency is there").expect("its last part");
    let explained: BTreeSet<String> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| crate "))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_owned())
        .collect();

    let mut used = BTreeSet::new();
    let manifests = said(&run(&mut shell(&root(), "git ls-files '*Cargo.toml'")));
    for manifest in manifests.lines().filter(|path| !path.starts_with("handout/tiny-lab/")) {
        let text = fs::read_to_string(root().join(manifest)).expect("a manifest");
        used.extend(dependencies(&text));
    }
    assert!(used.len() > 20, "{used:?}");
    assert_eq!(used, explained);
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
