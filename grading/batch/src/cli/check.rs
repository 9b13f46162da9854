//! `--check`: says what the grader would take from an archive, and whether it compiles, before the
//! deadline.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use faultlab_harness::build::{CompileError, Source, Workspace};
use faultlab_intake::{LabFiles, Limits, ReadError, Selected, read, select};

use super::args::Args;
use super::{ALL_GRADED, NOT_ACCEPTED};
use crate::judge::{self, Machine};
use crate::output::plain;
use crate::spec;
use crate::store::Store;
use crate::usage::Usage;

/// Checks an archive or a folder.
pub(super) fn run(args: &Args, lab: &str, archive: &Path) -> anyhow::Result<u8> {
    let shown = archive.display();
    if !archive.exists() {
        return Err(Usage(format!("there is no {shown}")).into());
    }
    let workspace = Workspace::of_this_program()?;
    let (lab, _) = spec::lab(&workspace, lab).map_err(|error| Usage(error.to_string()))?;
    let files = spec::lab_files(&workspace, &lab.name)?;
    let read = read(archive, &Limits::default()).and_then(|bundle| Ok(select(&bundle, &files)?));
    let selected = match read {
        Ok(selected) => selected,
        Err(ReadError::Refused(refusal)) => {
            say(&format!("{shown}: refused: {refusal}\n"))?;
            return Ok(NOT_ACCEPTED);
        }
        Err(error @ ReadError::Io { .. }) => return Err(error.into()),
    };
    say(&format!("{shown}:\n{}", describe(&selected, &files)))?;

    let work = tempfile::tempdir().context("cannot create a temporary folder for the build")?;
    let store = Store::new(&work.path().join("results"));
    fs::create_dir_all(store.work())?;
    let folder = work.path().join("submission");
    selected.write_to(&folder).with_context(|| folder.display().to_string())?;
    let machine = Machine::probe(&store, args.require_sandbox)?;
    let source = Source::Folder(folder);
    match judge::compile(&machine, &workspace, &lab, &source, args.base_lab) {
        Ok(program) => {
            let built_on = program.base_labs.iter();
            let built_on = built_on.map(|base| format!(", built on {}", base.describe()));
            say(&format!("  compiles{}\n", built_on.collect::<String>()))?;
            Ok(ALL_GRADED)
        }
        Err(error) => {
            let error = error.downcast::<CompileError>()?;
            say(&format!("  does not compile:\n\n{}", error.plain))?;
            Ok(NOT_ACCEPTED)
        }
    }
}

/// What the grader takes, and what it does not, one line each.
fn describe(selected: &Selected, files: &LabFiles) -> String {
    let is_of_lab = |file: &&String| files.names.contains(*file);
    let found: Vec<&str> = selected.files.keys().filter(is_of_lab).map(String::as_str).collect();
    let mut text = format!("  the lab's files: {}\n", found.join(", "));
    for base in &files.builds_on {
        let prefix = format!("{base}/src/");
        let count = selected.files.keys().filter(|file| file.starts_with(&prefix)).count();
        let what = if count == 0 { "absent".to_owned() } else { format!("{count} files") };
        text.push_str(&format!("  {base}: {what}\n"));
    }
    for note in &selected.notes {
        text.push_str(&format!("  {note}\n"));
    }
    text
}

fn say(text: &str) -> io::Result<()> {
    io::stdout().write_all(plain(text).as_bytes())
}
