//! Grades a single submission in Gradescope's folder layout. `results.json` is rewritten after
//! every test, so a timeout keeps the points earned so far.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use faultlab_harness::build::Workspace;
use faultlab_harness::report::Report;
use serde::Deserialize;

use crate::batch_results::{Attempt, Entry, SubmissionEntry};
use crate::grading_record::{GradingRecord, InfraError};
use crate::intake::{self, Contents, Limits, Student, Submission};
use crate::judge;
use crate::output;
use crate::policy::{Corrections, Policy};
use crate::spec::{self, Spec};
use crate::store::{self, Key, Store};

/// The fields of Gradescope's metadata that are used here.
#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    users: Vec<User>,
}

#[derive(Debug, Deserialize)]
struct User {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: Option<String>,
}

/// Grades `autograder/submission` and writes `autograder/results/results.json`. `spec` has no
/// submissions yet.
///
/// # Errors
/// On an infrastructure error, which `results.json` also reports if it can be written.
pub fn grade(autograder: &Path, mut spec: Spec, policy: &Policy) -> anyhow::Result<()> {
    let files = spec::lab_files(&Workspace::of_this_program()?, &spec.lab)?;
    let metadata = fs::read(autograder.join("submission_metadata.json")).unwrap_or_default();
    let metadata: Metadata = serde_json::from_slice(&metadata).unwrap_or_default();
    let (contents, notes) =
        intake::read_one(&autograder.join("submission"), &files, &Limits::default());
    let mut submission = Submission {
        students: students(metadata.users),
        attempt: 1,
        submitted: metadata.created_at,
        late: false,
        from: vec!["submission".to_owned()],
        notes,
        fixes: Vec::new(),
        contents,
    };

    let folder = tempfile::tempdir().context("cannot create a temporary folder for the build")?;
    let store = Store::new(folder.path());
    let mut key = None;
    if let Contents::Files(files) = &mut submission.contents {
        let this = Key::of(&spec.hashes(store::sources(files)));
        store.put_sources(&this, files)?;
        files.clear();
        key = Some(this);
    }
    let listed = SubmissionEntry { submission, key };
    spec.submissions.push(listed.clone());
    let results = autograder.join("results");
    fs::create_dir_all(&results).with_context(|| results.display().to_string())?;
    spec.write(&store)?;

    let which = policy.attempts;
    let corrections = Corrections { policy: policy.clone(), ..Corrections::default() };
    let write =
        |outcome: Option<GradingRecord>, failed: Option<InfraError>| -> anyhow::Result<()> {
            let attempt = Attempt::of(&listed, outcome, failed, &corrections);
            let student = &attempt.submission.students[0];
            let attempts = vec![&attempt];
            let entry = Entry { student, attempts, counts: 0, by_hand: None, comments: &[], which };
            let path = results.join("results.json");
            store::write(&path, &output::gradescope(&entry, "visible"))
                .with_context(|| path.display().to_string())
        };
    let Some(key) = &listed.key else { return write(None, None) };
    let mut so_far = |report: &Report| {
        // If this fails, the results are written again after the next test.
        let _ = write(Some(judge::provisional(key, &spec, report.clone())), None);
    };
    match judge::judge(&store, key, Some(&mut so_far)) {
        Ok(()) => write(store.outcome(key), None),
        Err(error) => {
            let failed = InfraError { what: format!("{error:#}"), at: String::new() };
            write(None, Some(failed))?;
            Err(error)
        }
    }
}

fn students(users: Vec<User>) -> Vec<Student> {
    let mut students: Vec<Student> = users
        .into_iter()
        .map(|user| {
            let email = user.email.unwrap_or_default();
            let id = email.split('@').next().unwrap_or_default().to_owned();
            Student { id, name: user.name.unwrap_or_default(), email, ..Student::default() }
        })
        .collect();
    if students.is_empty() {
        students.push(Student { id: "submission".to_owned(), ..Student::default() });
    }
    students
}
