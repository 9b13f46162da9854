//! The report as JSON.

use super::Report;

/// The report as an indented JSON document that ends in a line break.
#[must_use]
pub fn to_json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("a report is plain data");
    text.push('\n');
    text
}
