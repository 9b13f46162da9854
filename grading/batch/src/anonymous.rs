//! Anonymous grading: students under names that say nothing, the same in every run over one folder of
//! results.

use std::fs;

use anyhow::Context as _;

use crate::intake::{Intake, Student};
use crate::output::line;
use crate::store::{self, Store};

/// Replaces everything that says who a student is. Who is who is written to `.work/who.csv`.
///
/// # Errors
/// When that, or the secret that names depend on, cannot be kept.
pub fn replace(intake: &mut Intake, store: &Store) -> anyhow::Result<()> {
    let secret = secret(store)?;
    let mut who = csv::Writer::from_writer(Vec::new());
    who.write_record(["anonymous", "student", "name", "email", "sid"])?;
    let mut hide = |student: &mut Student| -> anyhow::Result<()> {
        let name = format!("student-{}", &store::hash(&[("", &secret), ("", &student.id)])[..10]);
        let cells = [&name, &student.id, &student.name, &student.email, &student.sid];
        who.write_record(cells.map(|cell| line(cell)))?;
        *student = Student { id: name, ..Student::default() };
        Ok(())
    };
    for submission in &mut intake.submissions {
        submission.students.iter_mut().try_for_each(&mut hide)?;
        submission.from.clear();
    }
    intake.missing.iter_mut().try_for_each(&mut hide)?;
    intake.submissions.sort_by(|one, other| {
        (&one.students[0].id, one.attempt).cmp(&(&other.students[0].id, other.attempt))
    });
    let path = store.work().join("who.csv");
    store::write(&path, &who.into_inner()?).with_context(|| path.display().to_string())
}

/// A secret of this folder of results: without it, names could be found by trying all students.
fn secret(store: &Store) -> anyhow::Result<String> {
    let path = store.work().join("secret");
    if let Ok(secret) = fs::read_to_string(&path) {
        return Ok(secret);
    }
    let mut bytes = [0; 16];
    let mut source = fs::File::open("/dev/urandom")?;
    std::io::Read::read_exact(&mut source, &mut bytes)?;
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    store::write(&path, secret.as_bytes()).with_context(|| path.display().to_string())?;
    Ok(secret)
}
