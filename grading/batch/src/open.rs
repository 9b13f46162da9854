//! `--open STUDENT`: a student's failing run again, from its recording. No code of the student's is run.

use std::fs::File;
use std::io::{self, BufReader, Write as _};

use anyhow::{Context as _, anyhow};
use faultlab::trace::file;
use faultlab_harness::report;
use faultlab_suites::{Points, TestNumber};

use crate::output::{StudentResult, plain};
use crate::spec::Spec;
use crate::store::{self, Key, Store};

/// Shows the run of a test that a student lost points in: the first such test, unless one is named.
///
/// # Errors
/// When there is no such student, test or recording.
pub fn run(store: &Store, student: &str, test: Option<TestNumber>) -> anyhow::Result<u8> {
    let spec = Spec::read(store)?;
    let known = || spec.submissions.iter().flat_map(|one| &one.submission.students);
    let student = known()
        .find(|known| known.id == student)
        .ok_or_else(|| anyhow!("`{}` handed in nothing", plain(student)))?;
    let result: StudentResult = store::read_json(&store.student(&student.id).join("result.json"))?;
    let mut out = io::stdout();
    if let Some(reason) = &result.grading.reason {
        writeln!(out, "{}", plain(reason))?;
    }
    let (Some(report), Some(hashes)) = (&result.report, &result.grading.hashes) else {
        return Ok(0);
    };
    let lost = |test: &&report::TestReport| {
        test.points_earned.missing_to(test.points_possible) > Points::ZERO
    };
    let shown = match test {
        Some(number) => report.tests.iter().find(|test| test.number == number),
        None => report
            .tests
            .iter()
            .find(|test| lost(test) && test.shown_seed.is_some())
            .or_else(|| report.tests.iter().find(lost)),
    };
    let Some(shown) = shown else {
        writeln!(out, "{} lost nothing", student.id)?;
        return Ok(0);
    };
    writeln!(out, "{} {}: {}", shown.number, shown.title, shown.status.as_str())?;
    if let Some(reason) = &shown.reason {
        writeln!(out, "{}", plain(reason))?;
    }
    let unit = store.unit(&Key::of(hashes));
    if let Some(seed) = shown.shown_seed {
        let path = unit.join("traces").join(format!("{}-{seed}.trace", shown.number));
        if let Ok(file) = File::open(&path) {
            let trace =
                file::read(BufReader::new(file)).with_context(|| path.display().to_string())?;
            writeln!(out, "\n{}", plain(&report::excerpt(&trace)))?;
            writeln!(out, "the whole run: {}", path.display())?;
        }
    }
    let sources = unit.join("src");
    writeln!(out, "the files: {}", sources.display())?;
    writeln!(
        out,
        "run it again, without confinement: {} --submission {}",
        shown.reproduce,
        sources.display()
    )?;
    Ok(0)
}
