//! The report as a web page: self-contained, without scripts, and readable on a narrow screen.

use std::fmt::Write;

use faultlab::trace::Trace;
use faultlab::trace::html::{self, STYLE, escape};

use super::cause::{Cause, causes};
use super::style::status;
use super::terminal::{number_of, which_run};
use super::{Report, Status, TestReport};

/// The style of the page around its runs. A run wider than the screen scrolls by itself, not the page.
const PAGE_STYLE: &str = include_str!("html.css");

/// The report as a complete page, with one run for each cause. `run` gives a test's recorded run, and
/// at most `events_max` of its events are drawn.
#[must_use]
pub fn to_html(
    report: &Report,
    run: &dyn Fn(&TestReport) -> Option<Trace>,
    events_max: usize,
) -> String {
    let name = format!("{}: {}", report.lab, report.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{0}</title>\n\
         <style>\n{STYLE}{PAGE_STYLE}</style>\n<main>\n<h1>{0}</h1>\n",
        escape(&name)
    );
    let partial = if report.complete { "" } else { " Not all tests of the lab were run." };
    let _ = writeln!(
        out,
        "<p><strong>{} of {} points</strong>, {} per run test, suite seed {}.{partial}</p>",
        report.points_earned,
        report.points_possible,
        number_of(report.seeds, "seed"),
        report.seed,
    );
    if let Some(error) = &report.compile_error {
        let _ = writeln!(out, "<pre>{}</pre>", escape(error));
    }
    for part in &report.parts {
        let _ = writeln!(
            out,
            "<h2>Part {}: {} <small>{}/{}</small></h2>\n<ul class=\"tests\">",
            part.number,
            escape(&part.title),
            part.points_earned,
            part.points_possible
        );
        for test in report.tests.iter().filter(|test| test.number.part == part.number) {
            let _ = writeln!(out, "<li>{}</li>", status_line(test));
        }
        out.push_str("</ul>\n");
    }
    if report.compile_error.is_none() {
        for cause in causes(report) {
            failure(&mut out, &cause, run(cause.shown).as_ref(), events_max);
        }
    }
    out.push_str("</main>\n</html>\n");
    out
}

fn status_line(test: &TestReport) -> String {
    let (word, _) = status(test.status);
    let todo = test.reason.as_deref().filter(|_| test.status == Status::NotImplemented);
    let todo = todo.map(|todo| format!("<br><small>{}</small>", escape(todo)));
    format!(
        "<b class=\"status {}\">{word}</b> {} {} <small>{}/{}</small>{}",
        test.status.as_str(),
        test.number,
        escape(&test.title),
        test.points_earned,
        test.points_possible,
        todo.unwrap_or_default(),
    )
}

/// The tests that fail for one cause, with a run that shows it.
fn failure(out: &mut String, cause: &Cause<'_>, run: Option<&Trace>, events_max: usize) {
    let test = cause.shown;
    let _ = writeln!(out, "<section class=\"cause\">\n<h2>{}</h2>\n<dl>", status_line(test));
    let mut row = |label: &str, text: &str| {
        let _ = writeln!(out, "<dt>{label}</dt><dd>{}</dd>", escape(text));
    };
    row("asserts", &test.asserts);
    if let Some(property) = &test.property {
        row(test.status.property_label(), property);
    }
    row("because", test.shown_reason().unwrap_or("unknown"));
    for also in test.shown_also_broken() {
        row("also broken", &also.property);
        row("because", &also.reason);
    }
    if !cause.same.is_empty() {
        row("the same", &cause.describe_same());
    }
    if let Some(address) = &test.book {
        row("the book", &format!("book/{address}"));
    }
    row("the run", &which_run(test));
    let _ = writeln!(out, "<dt>again</dt><dd><code>{}</code></dd>\n</dl>", escape(&test.reproduce));
    match (run, test.shown_excerpt()) {
        (Some(run), _) => out.push_str(&html::figure(run, events_max)),
        (None, Some(excerpt)) => {
            let _ = writeln!(out, "<pre>{}</pre>", escape(excerpt));
        }
        (None, None) => {}
    }
    out.push_str("</section>\n");
}
