//! `results.json` for Gradescope.

use super::feedback::{self, TestFeedback};
use super::text::{markdown, markdown_block, plain};
use crate::batch_results::{Attempt, Entry, Status};
use faultlab_suites::Points;
use serde::Serialize;

/// The document.
#[derive(Debug, Serialize)]
struct Results {
    /// Without a score and tests, Gradescope shows that the autograder failed and gives no points. This
    /// is right for an infrastructure error.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<Points>,
    output: String,
    output_format: &'static str,
    visibility: &'static str,
    stdout_visibility: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tests: Vec<TestResult>,
}

#[derive(Debug, Serialize)]
struct TestResult {
    number: String,
    name: String,
    score: Points,
    max_score: Points,
    status: &'static str,
    output: String,
    output_format: &'static str,
    visibility: &'static str,
}

/// The document for one student. `visibility` is Gradescope's: `visible`, `after_published`, ...
#[must_use]
pub fn results(entry: &Entry<'_>, visibility: &'static str) -> Vec<u8> {
    let mut output = format!("{}\n", feedback::short(entry));
    let attempt = entry.attempt();
    let notes = entry.notes();
    for line in notes.iter().chain(entry.grade().iter().flat_map(|grade| &grade.steps)) {
        output.push_str(&format!("\n{}\n", markdown(line)));
    }
    match (entry.status(), attempt.and_then(|attempt| attempt.reason.as_deref())) {
        (Status::DoesNotCompile, Some(reason)) => {
            output.push_str(&format!("\nThe compiler says:\n\n{}", markdown_block(reason)));
        }
        (Status::Refused, Some(reason)) => output.push_str(&format!("\n{}\n", markdown(reason))),
        _ => {}
    }
    output.push_str(&feedback::base_lab_errors(entry));
    output.push_str(&feedback::general_comments(entry));
    if attempt.and_then(Attempt::report).is_some_and(|report| !report.complete) {
        output.push_str(
            "\nThese are partial results. If they do not change, the autograder ran out of time: submit again.\n",
        );
    }
    let (lost, kept) = feedback::tests(entry);
    let mut shown: Vec<TestFeedback<'_>> = lost.into_iter().chain(kept).collect();
    shown.sort_by_key(|shown| shown.test.number);
    let results = Results {
        score: entry.points(),
        output,
        output_format: "md",
        visibility,
        stdout_visibility: "hidden",
        tests: shown.iter().map(|shown| test(shown, visibility)).collect(),
    };
    crate::store::to_json(&results)
}

fn test(shown: &TestFeedback<'_>, visibility: &'static str) -> TestResult {
    let whole = shown.lost() == Points::ZERO;
    let mut output = String::new();
    feedback::test_markdown(shown, &mut output);
    TestResult {
        number: shown.test.number.to_string(),
        name: plain(shown.title()).into_owned(),
        score: shown.grade.earned,
        max_score: shown.grade.possible,
        status: if whole { "passed" } else { "failed" },
        output,
        output_format: "md",
        visibility,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::book;

    #[test]
    fn an_infra_error_has_no_score() {
        let book = book();
        let of = |id: &str| -> Value {
            let entries = book.entries();
            let entry = entries.iter().find(|entry| entry.student.id == id).expect("a student");
            serde_json::from_slice(&results(entry, "visible")).expect("it is JSON")
        };
        let ada = of("ada");
        assert_eq!(ada["score"], json!(7));
        assert_eq!(ada["tests"][1]["score"], json!(2));
        assert_eq!(ada["tests"][1]["max_score"], json!(10));
        assert_eq!(ada["tests"][1]["status"], json!("failed"));
        for refused in ["bob", "eve"] {
            assert_eq!(of(refused)["score"], json!(0));
        }
        let kim = of("kim");
        assert_eq!((kim.get("score"), kim.get("tests")), (None, None), "{kim}");
        assert!(kim["output"].as_str().expect("a text").starts_with("no grade yet"), "{kim}");
    }
}
