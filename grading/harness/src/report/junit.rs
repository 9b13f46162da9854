//! The report as JUnit XML, for continuous integration.

use std::io;

use faultlab::trace::show::is_hidden;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{AlsoBroken, Report, Status, TestReport};

/// The report as a JUnit document: one suite per part, one case per test.
#[must_use]
pub fn to_junit(report: &Report) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    write(&mut xml, report).expect("writing to memory does not fail");
    let mut text = String::from_utf8(xml.into_inner()).expect("what was written is text");
    text.push('\n');
    text
}

fn write(xml: &mut Writer<Vec<u8>>, report: &Report) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<&TestReport> = report.tests.iter().collect();
    xml.create_element("testsuites")
        .with_attributes([("name", report.lab.as_str())])
        .with_attributes(counts(&all).iter().map(|(name, count)| (*name, count.as_str())))
        .write_inner_content(|xml| {
            for part in &report.parts {
                let tests: Vec<&TestReport> =
                    all.iter().copied().filter(|test| test.number.part == part.number).collect();
                let name = format!("{} part {}: {}", report.lab, part.number, part.title);
                xml.create_element("testsuite")
                    .with_attributes([("name", name.as_str())])
                    .with_attributes(counts(&tests).iter().map(|(name, n)| (*name, n.as_str())))
                    .write_inner_content(|xml| {
                        if !report.base_labs.is_empty() {
                            base_labs(xml, report)?;
                        }
                        tests.iter().try_for_each(|test| case(xml, report, test))
                    })?;
            }
            Ok(())
        })?;
    Ok(())
}

/// Which versions of other labs the lab builds on, as properties.
fn base_labs(xml: &mut Writer<Vec<u8>>, report: &Report) -> io::Result<()> {
    xml.create_element("properties").write_inner_content(|xml| {
        for base in &report.base_labs {
            let name = format!("base-lab.{}", base.lab);
            let value = readable(&base.describe());
            xml.create_element("property")
                .with_attributes([("name", name.as_str()), ("value", value.as_str())])
                .write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

fn case(xml: &mut Writer<Vec<u8>>, report: &Report, test: &TestReport) -> io::Result<()> {
    let name = format!("{} {}", test.number, test.title);
    let element = xml
        .create_element("testcase")
        .with_attributes([("classname", report.lab.as_str()), ("name", name.as_str())]);
    let tag = match test.status {
        Status::Passed => {
            element.write_empty()?;
            return Ok(());
        }
        Status::Inconclusive => "error",
        Status::NotImplemented => "skipped",
        Status::Partial | Status::Failed | Status::TimedOut => "failure",
    };
    let reason = readable(test.shown_reason().unwrap_or_default());
    let property = readable(test.property.as_deref().unwrap_or(test.status.as_str()));
    let also: String = test
        .shown_also_broken()
        .iter()
        .map(|AlsoBroken { property, reason }| format!("also broken: {property}: {reason}\n"))
        .collect();
    let book = test.book.as_ref().map(|address| format!("the book: {address}\n"));
    let book = book.unwrap_or_default();
    let detail = readable(&format!(
        "{reason}\n{also}{book}{} of {} points, {} of {} seeds passed\n{}\n",
        test.points_earned,
        test.points_possible,
        test.seeds_passed,
        test.seeds_planned,
        test.reproduce,
    ));
    element.write_inner_content(|xml| {
        xml.create_element(tag)
            .with_attributes([("type", property.as_str()), ("message", reason.as_str())])
            .write_text_content(BytesText::new(&detail))?;
        Ok(())
    })?;
    Ok(())
}

fn counts(tests: &[&TestReport]) -> [(&'static str, String); 4] {
    let count = |statuses: &[Status]| {
        tests.iter().filter(|test| statuses.contains(&test.status)).count().to_string()
    };
    [
        ("tests", tests.len().to_string()),
        ("failures", count(&[Status::Partial, Status::Failed, Status::TimedOut])),
        ("errors", count(&[Status::Inconclusive])),
        ("skipped", count(&[Status::NotImplemented])),
    ]
}

/// Escapes characters that are invisible or change the order of their neighbours, and removes those that
/// XML cannot represent.
fn readable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' | '\n' => shown.push(character),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => {}
            _ if is_hidden(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped_or_removed() {
        assert_eq!(
            readable("a\u{202e}b\u{1b}[31m\n\tü\u{7f}\u{ffff}"),
            "a\\u{202e}b[31m\n\tü\\u{7f}"
        );
    }
}
