//! `results.json`, as Gradescope reads it.

use faultlab_suites::Points;
use serde::Serialize;
use serde_json::{Value, json};

use super::feedback::{self, Shown};
use super::text::{markdown, markdown_block, plain};
use crate::book::{Entry, Status};

/// The document.
#[derive(Debug, Serialize)]
struct Results {
    score: Value,
    output: String,
    output_format: &'static str,
    visibility: &'static str,
    stdout_visibility: &'static str,
    tests: Vec<TestResult>,
}

#[derive(Debug, Serialize)]
struct TestResult {
    number: String,
    name: String,
    score: Value,
    max_score: Value,
    status: &'static str,
    output: String,
    output_format: &'static str,
    visibility: &'static str,
}

/// The document for one student. `visibility` is Gradescope's: `visible`, `after_published` ...
#[must_use]
pub fn results(entry: &Entry<'_>, visibility: &'static str) -> Vec<u8> {
    let mut output = format!("{}\n", feedback::short(entry));
    let attempt = entry.attempt();
    let notes = attempt.iter().flat_map(|attempt| &attempt.submission.notes);
    for line in notes.chain(entry.grade().iter().flat_map(|grade| &grade.steps)) {
        output.push_str(&format!("\n{}\n", markdown(line)));
    }
    match (entry.status(), attempt.and_then(|attempt| attempt.reason.as_deref())) {
        (Status::DoesNotCompile, Some(reason)) => {
            output.push_str(&format!("\nThe compiler says:\n\n{}", markdown_block(reason)));
        }
        (Status::Refused, Some(reason)) => output.push_str(&format!("\n{}\n", markdown(reason))),
        _ => {}
    }
    let (lost, kept) = feedback::tests(entry);
    let mut shown: Vec<Shown<'_>> = lost.into_iter().chain(kept).collect();
    shown.sort_by_key(|shown| shown.test.number);
    let results = Results {
        score: number(entry.points().unwrap_or_default()),
        output,
        output_format: "md",
        visibility,
        stdout_visibility: "hidden",
        tests: shown.iter().map(|shown| test(shown, visibility)).collect(),
    };
    crate::store::to_json(&results)
}

fn test(shown: &Shown<'_>, visibility: &'static str) -> TestResult {
    let whole = shown.lost() == Points::ZERO;
    let mut output = String::new();
    feedback::test_markdown(shown, &mut output);
    TestResult {
        number: shown.test.number.to_string(),
        name: plain(shown.title()).into_owned(),
        score: number(shown.grade.earned),
        max_score: number(shown.grade.possible),
        status: if whole { "passed" } else { "failed" },
        output,
        output_format: "md",
        visibility,
    }
}

fn number(points: Points) -> Value {
    json!(points)
}
