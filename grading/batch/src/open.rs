//! `--open STUDENT`: shows a student's failing run from its recording, without running the
//! student's code.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::Path;

use anyhow::{Context as _, ensure};
use faultlab::trace::file;
use faultlab_harness::build::BaseLabOrigin;
use faultlab_harness::report::{self, BaseLab, Report, TestReport};
use faultlab_harness::shell::quoted;
use faultlab_suites::{Points, TestNumber};

use crate::anonymous;
use crate::batch_results::BatchResults;
use crate::output::plain;
use crate::policy::Corrections;
use crate::spec::Spec;
use crate::store::Store;
use crate::usage::Usage;

/// Shows the run of a test in which a student lost points: the named test, or else the first such
/// test, of the last attempt.
///
/// # Errors
/// When there is no such student, test or recording.
pub fn run(store: &Store, student: &str, test: Option<TestNumber>) -> anyhow::Result<u8> {
    let spec = Spec::read(store)?;
    let real = anonymous::who(store, student)?.unwrap_or_else(|| student.to_owned());
    // Shows the requested name, so that anonymous results stay anonymous.
    let name = plain(student);
    let book = BatchResults::open(store, &spec.submissions, &spec.missing, &Corrections::default());
    let entries = book.entries();
    let entry = entries.iter().find(|entry| entry.student.id == real);
    let entry =
        entry.with_context(|| format!("no student `{name}` in {}", store.root().display()))?;
    let mut out = io::stdout();
    let Some((attempt, outcome)) =
        entry.attempt().and_then(|attempt| Some((attempt, attempt.outcome.as_ref()?)))
    else {
        let reason = entry.attempt().and_then(|attempt| attempt.reason.as_deref());
        let status = entry.status().as_str().replace('-', " ");
        writeln!(out, "{name}: {status}")?;
        if let Some(reason) = reason {
            writeln!(out, "{}", plain(reason))?;
        }
        return Ok(0);
    };
    let report = &outcome.report;
    let base_labs = report.base_labs.iter().map(BaseLab::describe);
    let submission_dir = store.submission_dir(&outcome.key);
    writeln!(out, "{name}: {} of {} points", report.points_earned, report.points_possible)?;
    for base in base_labs {
        writeln!(out, "built on {base}")?;
    }
    match (&attempt.report().and_then(|report| report.compile_error.as_deref()), test) {
        (Some(error), _) => writeln!(out, "it does not compile:\n{}", plain(error))?,
        (None, wanted) => match chosen(report, wanted)? {
            Some(test) => show(test, &spec.lab, &report.base_labs, &submission_dir, &mut out)?,
            None => writeln!(out, "no points were lost")?,
        },
    }
    writeln!(out, "source files: {}", submission_dir.join("src").display())?;
    Ok(0)
}

/// The test to be shown.
fn chosen(report: &Report, wanted: Option<TestNumber>) -> anyhow::Result<Option<&TestReport>> {
    let lost =
        |test: &&TestReport| test.points_earned.missing_to(test.points_possible) > Points::ZERO;
    let Some(number) = wanted else {
        let recorded = |test: &&TestReport| lost(test) && test.excerpt.is_some();
        return Ok(report.tests.iter().find(recorded).or_else(|| report.tests.iter().find(lost)));
    };
    let test = report.tests.iter().find(|test| test.number == number);
    ensure!(test.is_some(), Usage(format!("{} has no test {number}", report.lab)));
    Ok(test)
}

fn show(
    test: &TestReport,
    lab: &str,
    base_labs: &[BaseLab],
    submission_dir: &Path,
    out: &mut impl io::Write,
) -> anyhow::Result<()> {
    writeln!(out, "{} {}: {}", test.number, test.title, test.status.as_str())?;
    if let Some(property) = &test.property {
        writeln!(out, "what broke: {}", plain(property))?;
    }
    if let Some(reason) = &test.reason {
        writeln!(out, "{}", plain(reason))?;
    }
    for also in &test.also_broken {
        writeln!(out, "also broken: {}", plain(&also.property))?;
        writeln!(out, "{}", plain(&also.reason))?;
    }
    let sources = quoted(&submission_dir.join("src").display().to_string());
    // The student's own base labs are in the folder of source files.
    let is_reference = |base: &BaseLab| base.used == BaseLabOrigin::Reference;
    let base_lab = if base_labs.iter().any(is_reference) { " --base-lab reference" } else { "" };
    let mut commands = Vec::new();
    if let Some(seed) = test.shown_seed {
        let path = submission_dir.join("traces").join(format!("{}-{seed}.trace", test.number));
        if let Ok(file) = File::open(&path) {
            let trace =
                file::read(BufReader::new(file)).with_context(|| path.display().to_string())?;
            writeln!(out, "\n{}", plain(&report::excerpt(&trace)))?;
            let path = quoted(&path.display().to_string());
            commands.push(format!(
                "./scripts/run-tests.sh {lab} --submission {sources}{base_lab} --replay {path}"
            ));
        } else if let Some(excerpt) = &test.excerpt {
            writeln!(out, "\n{}", plain(excerpt))?;
            writeln!(
                out,
                "\nThe recording was too long to keep. The last command below runs it again."
            )?;
        }
    }
    commands.push(format!("{} --submission {sources}{base_lab}", test.reproduce));
    writeln!(out, "\nThese commands run the student's code without a sandbox:")?;
    for command in commands {
        writeln!(out, "  {command}")?;
    }
    Ok(())
}
