//! Tables about deadlines: extensions, and the late days that students used in earlier labs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::Late;
use crate::input_table::InputTable;

#[derive(Deserialize)]
struct ExtensionRow {
    student: String,
    hours: u32,
}

#[derive(Deserialize)]
struct LateDaysRow {
    student: String,
    total: u64,
}

/// Reads a table and hands over its rows, each with its line.
fn rows<R: serde::de::DeserializeOwned>(
    path: &Path,
    mut each: impl FnMut(u64, R) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut read = || {
        let table = InputTable::decode(&std::fs::read(path)?)?;
        let mut reader = table.reader();
        let header = reader.headers()?.clone();
        for record in reader.records() {
            let record = record?;
            let line = table.line_of(&record);
            let row = record.deserialize(Some(&header)).with_context(|| format!("line {line}"))?;
            each(line, row)?;
        }
        anyhow::Ok(())
    };
    read().with_context(|| path.display().to_string())
}

impl Late {
    /// Adds the extensions of a table `student,hours`. Other columns, such as a reason, are for staff.
    ///
    /// # Errors
    /// If it cannot be read, or a student has two extensions.
    pub fn read_extensions(&mut self, path: &Path) -> anyhow::Result<()> {
        rows(path, |line, ExtensionRow { student, hours }| {
            if self.extension_hours.contains_key(&student) {
                bail!("line {line}: `{student}` has two extensions");
            }
            self.extension_hours.insert(student, hours);
            Ok(())
        })
    }

    /// Reads how many late days each student used in earlier labs: the `late-days.csv` of the one before.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read_late_days(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut used = BTreeMap::new();
        rows(path, |line, LateDaysRow { student, total }| {
            if used.insert(student.clone(), total).is_some() {
                bail!("line {line}: `{student}` is there twice");
            }
            Ok(())
        })?;
        self.used_days = used;
        Ok(())
    }
}
