//! Hashes the sources that influence results, so that each result records the suite that produced it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// The folders whose sources influence results: engines, suites, lab APIs, the harness and the sandbox.
const SOURCES: [&str; 6] = [
    "framework/src",
    "grading/suites/src",
    "grading/harness/src",
    "grading/sandbox/src",
    "grading/batch/src/judge",
    "labs",
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = BTreeMap::new();
    for folder in SOURCES {
        let path = root.join(folder);
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            read(&path, folder, &mut files);
        }
    }
    let mut hasher = Sha256::new();
    for (name, bytes) in files {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    let digits: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=FAULTLAB_SUITE_HASH={digits}");
}

/// Reads every Rust file of a folder; of the labs, only files that students do not write.
fn read(folder: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        let is_skeleton = name.starts_with("labs/lab")
            && name.split('/').nth(1).is_some_and(|lab| !lab.ends_with("-api"))
            && name.split('/').nth(2) == Some("src");
        if path.is_dir() {
            read(&path, &name, files);
        } else if name.ends_with(".rs") && !is_skeleton {
            files.insert(name, fs::read(&path).unwrap_or_default());
        }
    }
}
