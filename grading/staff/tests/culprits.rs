//! The run that a failing test shows marks the event at fault; and if it is shrunk, it fails as the original does, and
//! only because of the code.

use std::sync::Mutex;
use std::thread;

use faultlab_harness::build::BaseLabOrigin;
use faultlab_staff::culprits::{self, Culprit};
use faultlab_staff::{Bench, Table};

/// How many of a hundred culprits must be right.
const RIGHT_PERCENT_MIN: usize = 95;

#[test]
fn shown_runs_mark_the_event_at_fault_and_are_fair() {
    for lab in Bench::labs_with_mutants().expect("the folder of mutants can be read") {
        let bench = Bench::new(&lab).expect("the lab is there");
        let table = Table::read(&bench.mutants_folder()).expect("the table can be read");
        let expected = culprits::expected(&bench.mutants_folder()).expect("the table can be read");
        let mutants = bench.mutants().expect("there are mutants");
        for name in expected.keys() {
            assert!(mutants.iter().any(|mutant| mutant.name == *name), "there is no mutant {name}");
        }
        let mut todo = Vec::new();
        for mutant in &mutants {
            let test = culprits::first_run_test(&bench, &table, &mutant.name);
            todo.extend(
                test.zip(expected.get(&mutant.name)).map(|(test, line)| (mutant, test, line)),
            );
        }
        let reference = bench.solutions().expect("there are solutions").swap_remove(0);
        let origin = Some(BaseLabOrigin::Reference);
        let reference = bench.compile(&reference.source, origin).expect("it compiles");
        let wrong = Mutex::new(Vec::new());
        let unfair = Mutex::new(Vec::new());
        let next = Mutex::new(todo.iter());
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| {
                    loop {
                        let taken = next.lock().expect("no thread panics").next();
                        let Some((mutant, test, expected)) = taken else { break };
                        let run = culprits::shown_run(&bench, mutant, *test);
                        let run = run.expect("it compiles").expect("it fails");
                        let found = Culprit::of(&run.trace);
                        let mut problems = Vec::new();
                        if !run.report.is_shrunk_alike() {
                            problems.push(format!("another cause: {:?}", run.report.shrinking));
                        }
                        problems.extend(
                            bench
                                .replay_as_fixed(&reference, &run.trace)
                                .err()
                                .map(|error| format!("with the reference: {error}")),
                        );
                        let name = &mutant.name;
                        unfair.lock().expect("no thread panics").extend(
                            problems.iter().map(|problem| format!("{name} {test}: {problem}")),
                        );
                        if found.as_ref().is_none_or(|found| !expected.contains(found)) {
                            let line = format!("{name} {test}: {found:?}, expected {expected:?}");
                            wrong.lock().expect("no thread panics").push(line);
                        }
                    }
                });
            }
        });
        let unfair = unfair.into_inner().expect("no thread panics");
        let wrong = wrong.into_inner().expect("no thread panics");
        let allowed = todo.len() * (100 - RIGHT_PERCENT_MIN) / 100;
        println!("{} of {} are right\n{}", todo.len() - wrong.len(), todo.len(), wrong.join("\n"));
        assert!(unfair.is_empty(), "{}", unfair.join("\n"));
        assert!(wrong.len() <= allowed, "too many are wrong:\n{}", wrong.join("\n"));
    }
}
