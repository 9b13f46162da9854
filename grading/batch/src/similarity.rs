//! `--export-similarity`: lays sources out for tools that look for copied code, and compares how
//! submissions behave.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use faultlab_harness::build::{Workspace, student_files};
use faultlab_harness::report::{Report, Status};

use crate::batch_results::{Attempt, BatchResults};
use crate::output::tables::cell;
use crate::policy::Corrections;
use crate::spec::Spec;
use crate::store::{self, Store, write};
use crate::usage::Usage;

/// Exports the submissions of `store` to `out`. Returns what to tell the user.
///
/// # Errors
/// If there are no results, or `out` is not empty or cannot be written.
pub fn export(store: &Store, out: &Path) -> anyhow::Result<String> {
    let spec = Spec::read(store)?;
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let is_empty = fs::read_dir(out)?.next().is_none();
    ensure!(is_empty, Usage(format!("{} is not empty; give another folder", out.display())));
    let workspace = Workspace::of_this_program()?;
    let lab = workspace.lab(&spec.lab)?.with_context(|| format!("no lab named {}", spec.lab))?;
    let mut skeleton = BTreeMap::new();
    for file in student_files(&lab.source())? {
        let text = fs::read_to_string(lab.source().join(&file))?;
        skeleton.insert(file.display().to_string(), text);
    }
    lay_out(out, "skeleton", &skeleton)?;

    let Spec { submissions, missing, .. } = &spec;
    let book = BatchResults::open(store, submissions, missing, &Corrections::default());
    let mut behaviours: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut count, mut unchanged) = (0, Vec::new());
    let mut done = std::collections::BTreeSet::new();
    for entry in book.entries() {
        let Some(attempt) = entry.attempt() else { continue };
        let Some(key) = &attempt.key else { continue };
        let name = name_of(attempt);
        // A group's submission is listed for each member.
        if !done.insert(name.clone()) {
            continue;
        }
        let files = store.get_sources(key)?;
        if store::sources(&files) == store::sources(&skeleton) {
            unchanged.push(name);
            continue;
        }
        lay_out(out, &format!("submissions/{name}"), &files)?;
        if let Some(behaviour) = attempt.report().and_then(behaviour) {
            behaviours.entry(behaviour).or_default().push(name);
        }
        count += 1;
    }
    write(&out.join("behaviour.csv"), &table(&behaviours)?)?;
    write(&out.join("README.txt"), readme(out).as_bytes())?;
    let mut said = format!("{count} submissions and the skeleton: {}\n", out.display());
    if !unchanged.is_empty() {
        said.push_str(&format!("left out, equal to the skeleton: {}\n", unchanged.join(", ")));
    }
    said.push_str(&readme(out));
    Ok(said)
}

fn name_of(attempt: &Attempt) -> String {
    let students = attempt.submission.students.iter().map(|student| student.id.as_str());
    students.collect::<Vec<&str>>().join("+")
}

/// Writes files to a folder for tools that compare folders, and to one file for those that compare files.
fn lay_out(out: &Path, name: &str, files: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let mut whole = String::new();
    for (path, text) in files {
        let place = out.join(name).join(path);
        let folder = place.parent().unwrap_or(out);
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        fs::write(&place, text).with_context(|| place.display().to_string())?;
        whole.push_str(text);
        whole.push('\n');
    }
    let place = out.join("one-file").join(format!("{name}.rs"));
    let folder = place.parent().unwrap_or(out);
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    fs::write(&place, whole).with_context(|| place.display().to_string())
}

/// How a submission behaves, as a text that is equal for equal behaviour. The searches of a suite visit
/// every order of messages and timers, so the sizes of what they saw depend on which messages are sent when
/// and on which states of the nodes are different, and on no name or value. Nothing if there is too little
/// to compare.
fn behaviour(report: &Report) -> Option<String> {
    const SEARCHES_MIN: usize = 3;
    let tests = report.tests.iter().filter(|test| test.status != Status::NotImplemented);
    let searches: Vec<String> = tests
        .flat_map(|test| test.searches.iter().map(move |search| (test.number, search)))
        .filter(|(_, search)| search.states > 1)
        .map(|(number, search)| {
            let (states, depth) = (search.states, search.depth);
            format!("{number}: {states}/{depth}/{}/{}", search.transitions, search.handler_calls)
        })
        .collect();
    (searches.len() >= SEARCHES_MIN).then(|| searches.join(", "))
}

/// `behaviour.csv`: those that behave like another submission. The smallest groups come first: what few
/// share says more than what most share.
fn table(behaviours: &BTreeMap<String, Vec<String>>) -> anyhow::Result<Vec<u8>> {
    let mut shared: Vec<&Vec<String>> =
        behaviours.values().filter(|names| names.len() > 1).collect();
    shared.sort_by_key(|names| (names.len(), *names));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["group", "size", "submission"])?;
    for (index, names) in shared.iter().enumerate() {
        for name in *names {
            let (group, size) = ((index + 1).to_string(), names.len().to_string());
            writer.write_record([&group, &size, &cell(name)])?;
        }
    }
    Ok(writer.into_inner()?)
}

fn readme(out: &Path) -> String {
    let out = faultlab_harness::shell::quoted(&out.display().to_string());
    format!(
        "\
JPlag:  java -jar jplag.jar -l rust -bc {out}/skeleton {out}/submissions
Dolos:  dolos run -l rust -i {out}/one-file/skeleton.rs {out}/one-file/submissions/*.rs

behaviour.csv lists submissions that send the same messages at the same times and have equally many
different states, in every search of the suite, whatever their code looks like. It is a hint and no proof:
the same design, such as the one in the lectures, behaves in the same way.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{report, test};

    #[test]
    fn equal_behaviour_is_a_hint_and_small_groups_come_first() {
        let groups = [("x", vec!["a", "b", "c"]), ("y", vec!["d"]), ("z", vec!["e", "f"])];
        let groups = groups.map(|(behaviour, names)| {
            (behaviour.to_owned(), names.into_iter().map(str::to_owned).collect())
        });
        let table = String::from_utf8(table(&groups.into()).expect("memory")).expect("text");
        assert_eq!(table, "group,size,submission\n1,2,e\n1,2,f\n2,3,a\n2,3,b\n2,3,c\n");
        // Without searches there is nothing to compare.
        assert_eq!(behaviour(&report(&[test("1.1", 5, 5)])), None);
    }
}
