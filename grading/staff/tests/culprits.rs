//! The excerpt of a failing run marks the event at fault.

use std::sync::Mutex;
use std::thread;

use faultlab_staff::{Bench, Table, culprits};

/// How many of a hundred culprits must be right.
const RIGHT_PERCENT_MIN: usize = 95;

#[test]
fn excerpts_mark_the_event_at_fault() {
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
        let wrong = Mutex::new(Vec::new());
        let next = Mutex::new(todo.iter());
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| {
                    loop {
                        let taken = next.lock().expect("no thread panics").next();
                        let Some((mutant, test, expected)) = taken else { break };
                        let found = culprits::found(&bench, mutant, *test).expect("it fails");
                        if found.as_ref().is_none_or(|found| !expected.contains(found)) {
                            let name = &mutant.name;
                            let line = format!("{name} {test}: {found:?}, expected {expected:?}");
                            wrong.lock().expect("no thread panics").push(line);
                        }
                    }
                });
            }
        });
        let wrong = wrong.into_inner().expect("no thread panics");
        let allowed = todo.len() * (100 - RIGHT_PERCENT_MIN) / 100;
        println!("{} of {} are right\n{}", todo.len() - wrong.len(), todo.len(), wrong.join("\n"));
        assert!(wrong.len() <= allowed, "too many are wrong:\n{}", wrong.join("\n"));
    }
}
