//! Runs the suites on correct solutions and mutants: one trial per submission, and one for the
//! tables.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use faultlab_harness::report::TestReport;
use faultlab_staff::{Bench, KnownSubmission, Table, lost};
use faultlab_suites::TestNumber;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> Result<ExitCode> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for lab in Bench::labs_with_mutants()? {
        trials.extend(trials_of(&lab)?);
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

fn trials_of(lab: &str) -> Result<Vec<Trial>> {
    let bench = Arc::new(Bench::new(lab)?);
    let table = Arc::new(Table::read(&bench.mutants_folder())?);
    let mut trials = Vec::new();
    {
        let (bench, table) = (Arc::clone(&bench), Arc::clone(&table));
        trials
            .push(Trial::test(format!("{lab}::table"), move || table_is_complete(&bench, &table)));
    }
    for solution in bench.solutions()? {
        let bench = Arc::clone(&bench);
        let name = format!("{lab}::solution::{}", solution.name);
        trials.push(Trial::test(name, move || loses_exactly(&bench, &solution, &BTreeSet::new())));
    }
    for mutant in bench.mutants()? {
        let (bench, table) = (Arc::clone(&bench), Arc::clone(&table));
        let name = format!("{lab}::mutant::{}", mutant.name);
        trials.push(Trial::test(name, move || {
            let expected = table.losses.get(&mutant.name).ok_or("it is not in table.tsv")?;
            loses_exactly(&bench, &mutant, expected)
        }));
    }
    Ok(trials)
}

/// The tables match the existing mutants and tests; every mutant is caught; and every test is the
/// only one to catch some mutant, or has a reason to be kept.
fn table_is_complete(bench: &Bench, table: &Table) -> Result<(), Failed> {
    let mutants: BTreeSet<String> =
        bench.mutants()?.into_iter().map(|mutant| mutant.name).collect();
    let tests: BTreeSet<TestNumber> = bench.tests().map(|test| test.number()).collect();
    let mut wrong = Vec::new();
    for (name, lost) in &table.losses {
        if !mutants.contains(name) {
            wrong.push(format!("there is no mutant `{name}`"));
        }
        if lost.is_empty() {
            wrong.push(format!("no test catches `{name}`"));
        }
        wrong.extend(lost.difference(&tests).map(|number| format!("there is no test {number}")));
    }
    for number in table.redundant.keys().filter(|number| !tests.contains(number)) {
        wrong.push(format!("stays.tsv names test {number}, which does not exist"));
    }
    for &number in &tests {
        match (table.caught_only_by(number).next(), table.redundant.contains_key(&number)) {
            (Some(mutant), true) => wrong.push(format!(
                "{number} needs no reason to stay: it is the only test that catches `{mutant}`"
            )),
            (None, false) if table.has_enough_mutants(tests.len()) => wrong.push(format!(
                "{number} is never the only test that catches a mutant: add a reason to stays.tsv"
            )),
            _ => {}
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn loses_exactly(
    bench: &Bench,
    subject: &KnownSubmission,
    expected: &BTreeSet<TestNumber>,
) -> Result<(), Failed> {
    let reports = bench.run(subject)?;
    let lost: BTreeSet<TestNumber> = lost(&reports).into_iter().collect();
    let mut wrong = Vec::new();
    for number in expected.difference(&lost) {
        wrong.push(format!("it should lose {number}, but passes it"));
    }
    for number in lost.difference(expected) {
        let why = reports.iter().find(|report| report.number == *number).map(why);
        wrong.push(format!("it should not lose {number}: {}", why.unwrap_or_default()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn why(report: &TestReport) -> String {
    let of = format!("{} of {} seeds passed", report.seeds_passed, report.seeds_planned);
    let property = report.property.as_deref().unwrap_or_default();
    format!("{of}; {property}; {}", report.reason.as_deref().unwrap_or_default())
}
