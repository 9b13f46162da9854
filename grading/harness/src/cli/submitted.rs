//! `--files-to-submit`: lists a student's files for `submit.sh`.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;

use super::{ALL_POINTS, Request};
use crate::build::student_files;

/// Prints a line for each file: its path in the archive, a tab, and the file. A lab that builds on
/// others brings their files along, each lab in the folder of its crate.
pub(super) fn list(request: &Request<'_>) -> Result<u8> {
    let Request { workspace, lab, .. } = request;
    let mut labs = workspace.base_labs(lab)?;
    let is_alone = labs.is_empty();
    labs.insert(0, lab.clone());
    let mut out = io::stdout().lock();
    for lab in labs {
        let place = if is_alone { "src".to_owned() } else { format!("{}/src", lab.folder_name()) };
        for file in student_files(&lab.source())? {
            let source = lab.source().join(&file);
            writeln!(out, "{}\t{}", Path::new(&place).join(&file).display(), source.display())?;
        }
    }
    Ok(ALL_POINTS)
}
