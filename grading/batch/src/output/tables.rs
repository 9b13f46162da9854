//! CSV tables: the summary, a gradebook, and filled-in Canvas and Moodle gradebooks.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail};
use faultlab_harness::build::BaseLabOrigin;

pub use super::text::cell;
use crate::batch_results::{Attempt, BatchResults, Entry};
use crate::intake::Student;
use crate::policy::Late;

/// `summary.csv`: student, status, points per part and in total.
///
/// # Errors
/// None in practice, since writing to memory does not fail.
pub fn summary(book: &BatchResults, parts: &[u32]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = ["student", "name", "status"].map(str::to_owned).to_vec();
    header.extend(parts.iter().map(|part| format!("part_{part}")));
    header.extend(["earned", "possible", "points", "attempt", "remarks"].map(str::to_owned));
    writer.write_record(&header)?;
    for entry in book.entries() {
        let grade = entry.grade();
        let mut row = vec![
            cell(&entry.student.id),
            cell(&entry.student.full_name()),
            entry.status().as_str().to_owned(),
        ];
        for part in parts {
            let part = grade.and_then(|grade| grade.parts.iter().find(|one| one.number == *part));
            row.push(part.map(|part| part.earned.to_string()).unwrap_or_default());
        }
        row.push(grade.map(|grade| grade.earned.to_string()).unwrap_or_default());
        row.push(grade.map(|grade| grade.possible.to_string()).unwrap_or_default());
        row.push(entry.points().map(|points| points.to_string()).unwrap_or_default());
        let attempt = entry.attempt();
        row.push(attempt.map(|one| one.submission.attempt.to_string()).unwrap_or_default());
        row.push(cell(&remarks(&entry)));
        writer.write_record(&row)?;
    }
    Ok(writer.into_inner()?)
}

fn remarks(entry: &Entry<'_>) -> String {
    let reason = entry.attempt().and_then(|attempt| attempt.reason.as_deref()).unwrap_or_default();
    let reason = reason.lines().next().unwrap_or_default();
    let steps = entry.grade().map(|grade| grade.steps.join("; ")).unwrap_or_default();
    let mut remarks: Vec<String> = vec![reason.to_owned(), steps];
    remarks.extend(entry.attempt().iter().flat_map(|attempt| attempt.submission.fixes.clone()));
    // That the student's own was used goes without saying.
    let base_labs = entry.attempt().map_or(&[][..], Attempt::base_labs).iter();
    let replaced = base_labs.filter(|base| base.used == BaseLabOrigin::Reference);
    remarks.extend(replaced.map(|base| format!("built on {}", base.describe())));
    remarks.extend(entry.note_on_groups());
    remarks.retain(|text| !text.is_empty());
    remarks.join("; ")
}

/// A gradebook with one row per student, ready to be joined with another by name, email or student
/// number. Students without a grade have empty points, not zero.
///
/// # Errors
/// As [`summary`].
pub fn gradebook(book: &BatchResults) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["student", "name", "email", "sid", "points", "possible", "status"])?;
    for entry in book.entries() {
        let Student { id, email, sid, .. } = entry.student;
        writer.write_record([
            &cell(id),
            &cell(&entry.student.full_name()),
            &cell(email),
            &cell(sid),
            &entry.points().map(|points| points.to_string()).unwrap_or_default(),
            &entry.grade().map(|grade| grade.possible.to_string()).unwrap_or_default(),
            entry.status().as_str(),
        ])?;
    }
    Ok(writer.into_inner()?)
}

/// `late-days.csv`: the late days that each student has used, for the next lab of the term.
///
/// # Errors
/// As [`summary`].
pub fn late_days(entries: &[Entry<'_>], late: &Late) -> anyhow::Result<Vec<u8>> {
    let mut totals: BTreeMap<&str, (u64, u64)> =
        late.used_days.iter().map(|(student, used)| (student.as_str(), (0, *used))).collect();
    for entry in entries {
        let here = entry.grade().map_or(0, |grade| grade.late_days);
        let (used_here, total) = totals.entry(&entry.student.id).or_default();
        *used_here = here;
        *total += here;
    }
    let budget = late.budget_days.unwrap_or_default();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["student", "here", "total", "left"])?;
    for (student, (here, total)) in totals {
        let left = budget.saturating_sub(total);
        writer.write_record([
            &cell(student),
            &here.to_string(),
            &total.to_string(),
            &left.to_string(),
        ])?;
    }
    Ok(writer.into_inner()?)
}

/// The result of filling in a gradebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The gradebook, unchanged except for the grades.
    pub csv: Vec<u8>,
    /// How many grades were filled in.
    pub count: usize,
    /// Graded students without a row in it.
    pub without_row: Vec<String>,
}

/// Fills in an exported Canvas gradebook. `column` is the assignment's column, or a unique part of
/// its name. No column is added, because that would create an assignment.
///
/// # Errors
/// If it is not a Canvas gradebook, or the column is ambiguous.
pub fn fill_canvas(book: &BatchResults, exported: &[u8], column: &str) -> anyhow::Result<Filled> {
    let table = Table::read(exported)?;
    let grade = table.column_like(column)?;
    let identities: [(&str, Field); 3] = [
        ("ID", |student| &student.platform_id),
        ("SIS User ID", |student| &student.sid),
        ("SIS Login ID", Student::login),
    ];
    table.fill(book, &identities, grade, None)
}

/// Fills in a Moodle grading worksheet. A student without a grade gets no feedback either, because
/// that would erase an existing grade.
///
/// # Errors
/// If it is not a grading worksheet.
pub fn fill_moodle(book: &BatchResults, exported: &[u8]) -> anyhow::Result<Filled> {
    let table = Table::read(exported)?;
    let grade = table.column("Grade").ok_or_else(|| anyhow!("there is no column `Grade`"))?;
    let identities: [(&str, Field); 4] = [
        ("Identifier", |student| &student.platform_id),
        ("Email address", |student| &student.email),
        ("ID number", |student| &student.sid),
        ("Username", Student::login),
    ];
    let feedback = table.column("Feedback comments");
    table.fill(book, &identities, grade, feedback)
}

/// The field that identifies a student in a column.
type Field = fn(&Student) -> &String;

/// An exported CSV file.
struct Table {
    /// Whether it begins with a byte order mark.
    mark: bool,
    /// Whether its lines end in a carriage return and a line feed.
    crlf: bool,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(exported: &[u8]) -> anyhow::Result<Self> {
        let (mark, text) = match exported.strip_prefix(b"\xef\xbb\xbf") {
            Some(text) => (true, text),
            None => (false, exported),
        };
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let mut rows = reader
            .records()
            .map(|record| Ok(record?.iter().map(str::to_owned).collect()))
            .collect::<Result<Vec<Vec<String>>, csv::Error>>()
            .context("the exported gradebook is not CSV")?;
        if rows.is_empty() {
            bail!("the exported gradebook is empty");
        }
        let header = rows.remove(0);
        let crlf = text.windows(2).any(|pair| pair == b"\r\n");
        Ok(Self { mark, crlf, header, rows })
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column.trim() == name)
    }

    /// The column of this name, or the only one whose name contains it.
    fn column_like(&self, name: &str) -> anyhow::Result<usize> {
        if let Some(column) = self.column(name) {
            return Ok(column);
        }
        let wanted = name.to_lowercase();
        let like = self.header.iter().enumerate();
        let like: Vec<usize> = like
            .filter(|(_, column)| column.to_lowercase().contains(&wanted))
            .map(|(index, _)| index)
            .collect();
        match like[..] {
            [only] => Ok(only),
            [] => bail!("no column is called `{name}`; there are: {}", self.header.join(", ")),
            _ => bail!("several columns match `{name}`; give the full name"),
        }
    }

    fn fill(
        mut self,
        book: &BatchResults,
        identities: &[(&str, Field)],
        grade: usize,
        feedback: Option<usize>,
    ) -> anyhow::Result<Filled> {
        let columns: Vec<_> = identities
            .iter()
            .filter_map(|(name, field)| Some((self.column(name)?, field)))
            .collect();
        if columns.is_empty() {
            let names: Vec<&str> = identities.iter().map(|(name, _)| *name).collect();
            bail!("the exported gradebook has none of these columns: {}", names.join(", "));
        }
        let mut count = 0;
        let mut without_row = Vec::new();
        for entry in book.entries() {
            let Some(points) = entry.points() else { continue };
            let row = self.rows.iter_mut().find(|row| {
                columns.iter().any(|(column, field)| {
                    let mine = field(entry.student);
                    let theirs = row.get(*column).map(|cell| cell.trim()).unwrap_or_default();
                    let theirs = theirs.strip_prefix("Participant ").unwrap_or(theirs);
                    !mine.is_empty() && mine == theirs
                })
            });
            let Some(row) = row else {
                without_row.push(entry.student.label());
                continue;
            };
            count += 1;
            row.resize(row.len().max(grade + 1), String::new());
            row[grade] = points.to_string();
            if let Some(feedback) = feedback.filter(|feedback| *feedback < row.len()) {
                row[feedback] = cell(&super::feedback::short(&entry));
            }
        }
        Ok(Filled { csv: self.write()?, count, without_row })
    }

    fn write(self) -> anyhow::Result<Vec<u8>> {
        let terminator =
            if self.crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let bytes = if self.mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        let mut writer =
            csv::WriterBuilder::new().flexible(true).terminator(terminator).from_writer(bytes);
        writer.write_record(&self.header)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        Ok(writer.into_inner()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::book;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("it is text")
    }

    #[test]
    fn the_summary_has_a_row_for_every_student() {
        let summary = text(summary(&book(), &[1, 2]).expect("memory does not fail"));
        let expected = "\
student,name,status,part_1,part_2,earned,possible,points,attempt,remarks
ada,'=Ada(),graded,7,0,7,20,7,1,
bob,Bob \\u{202e}B,does-not-compile,,,0,0,0,1,error: expected `;`
eve,,refused,,,,,0,1,`lib.rs` is a link; submit the file itself
kim,,infrastructure-error,,,,,,1,the disk is full
zoe,,not-submitted,,,,,,,
";
        assert_eq!(summary, expected);
    }

    #[test]
    fn a_canvas_gradebook_keeps_its_columns() {
        let exported = "\u{feff}Student,ID,SIS Login ID,Section,Lab 0 (70),Lab 1 (77),Total\r\n\
                            Points Possible,,,,10,20,\r\n\
                        \"L, Ada\",501,ada,S1,10,,99\r\n\"K, Kim\",504,kim,S1,10,5,99\r\n";
        let filled = fill_canvas(&book(), exported.as_bytes(), "lab 1").expect("it is one");
        // Kim has no grade yet and keeps the old one.
        let expected = exported.replace("S1,10,,99", "S1,10,7,99");
        assert_eq!((text(filled.csv), filled.count), (expected, 1));
        assert_eq!(filled.without_row, ["bob", "eve"]);
        let error = fill_canvas(&book(), exported.as_bytes(), "lab").expect_err("two are like it");
        assert!(error.to_string().contains("several columns"));
        assert!(fill_canvas(&book(), exported.as_bytes(), "Lab 2").is_err());
        assert!(fill_canvas(&book(), b"a,Lab 1\n", "Lab 1").is_err());
    }

    #[test]
    fn a_moodle_worksheet_gets_feedback_only_with_a_grade() {
        let exported = "Identifier,Full name,Email address,Status,Grade,Feedback comments\n\
                        Participant 9,Ada,ada@x.edu,Submitted,,\n\
                        Participant 8,Kim,kim@x.edu,Submitted,3,before\n";
        let filled = fill_moodle(&book(), exported.as_bytes()).expect("it is one");
        let expected = "Identifier,Full name,Email address,Status,Grade,Feedback comments\n\
                        Participant 9,Ada,ada@x.edu,Submitted,7,7 of 20 points\n\
                        Participant 8,Kim,kim@x.edu,Submitted,3,before\n";
        assert_eq!(text(filled.csv), expected);
        assert!(fill_moodle(&book(), b"Email address\n").is_err());
    }

    proptest::proptest! {
        /// In any exported gradebook, only grades and feedback change.
        #[test]
        fn only_grades_change(
            rows in proptest::collection::vec(
                proptest::collection::vec("[a-z ,\"\n=é]{0,6}|ada|501", 1..5), 0..5),
            broken in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
        ) {
            let _ = fill_canvas(&book(), &broken, "Lab");
            let _ = fill_moodle(&book(), &broken);
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            writer.write_record(["Student", "SIS Login ID", "Lab 1 (7)"]).expect("memory");
            rows.iter().for_each(|row| writer.write_record(row).expect("memory"));
            let exported = writer.into_inner().expect("memory");
            let filled = fill_canvas(&book(), &exported, "Lab").expect("it is a grade book");
            let (before, after) = (Table::read(&exported), Table::read(&filled.csv));
            let (before, after) = (before.expect("it is"), after.expect("it is"));
            proptest::prop_assert_eq!(before.header, after.header);
            proptest::prop_assert_eq!(before.rows.len(), after.rows.len());
            for (before, after) in before.rows.iter().zip(&after.rows) {
                for (column, cell) in before.iter().enumerate().filter(|(column, _)| *column != 2) {
                    proptest::prop_assert_eq!(Some(cell), after.get(column));
                }
            }
        }
    }
}
