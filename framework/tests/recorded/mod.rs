//! Where the histories are that other projects recorded. They belong to others, so they are not in the repository.
#![allow(dead_code, reason = "the benchmark needs less of it than the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// The folder that has them: `FAULTLAB_HISTORIES`, or else `../shared/data` beside the repository. A relative path
/// starts at the repository's root. Or why there is none.
///
/// # Panics
/// When `FAULTLAB_HISTORIES` names a folder without histories, which somebody expects to be there.
pub fn folder() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository's root");
    let named = std::env::var_os("FAULTLAB_HISTORIES").filter(|folder| !folder.is_empty());
    let folder = root.join(named.as_ref().map_or(Path::new("../shared/data"), Path::new));
    if folder.join("histories/verdicts.tsv").is_file() {
        return Ok(folder);
    }
    let absent = format!("there is no histories/verdicts.tsv in {}", folder.display());
    assert!(named.is_none(), "FAULTLAB_HISTORIES is set, but {absent}");
    Err(absent)
}

/// A row of a `verdicts.tsv`: a file beside it, and what is known about it.
pub struct Row {
    pub file: String,
    pub linearizable: bool,
    /// What a register starts with, where the table says so: a number or `nil`.
    pub initial: Option<String>,
}

/// The rows of the `verdicts.tsv` in this folder.
pub fn rows(folder: &Path) -> Vec<Row> {
    let table = fs::read_to_string(folder.join("verdicts.tsv")).expect("the verdicts");
    let mut lines = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let initial = header.iter().position(|&column| column == "initial");
    lines
        .map(|cells| Row {
            file: cells[0].to_owned(),
            linearizable: match cells[1] {
                "yes" => true,
                "no" => false,
                other => {
                    panic!("{}: the verdict is {other}, which is neither yes nor no", cells[0])
                }
            },
            initial: initial.map(|column| cells[column].to_owned()),
        })
        .collect()
}
