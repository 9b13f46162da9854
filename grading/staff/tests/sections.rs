//! The section of the book that a failing test names explains the mutant.

use std::sync::Mutex;
use std::thread;

use faultlab_staff::{Bench, sections};

/// How many of a hundred failing tests must name a section that explains the mutant.
const RIGHT_PERCENT_MIN: usize = 95;

#[test]
fn failing_tests_name_the_section_that_explains_them() {
    for lab in Bench::labs_with_mutants().expect("the folder of mutants can be read") {
        let bench = Bench::new(&lab).expect("the lab is there");
        let expected = sections::expected(&bench.mutants_folder()).expect("it can be read");
        if expected.is_empty() {
            continue;
        }
        let titles: Vec<&str> = bench.suite().all_help().map(|help| help.section).collect();
        for title in expected.values().flatten() {
            assert!(titles.contains(&title.as_str()), "{lab}: no help has the section {title}");
        }
        let mutants = bench.mutants().expect("there are mutants");
        for name in expected.keys() {
            assert!(mutants.iter().any(|mutant| mutant.name == *name), "there is no mutant {name}");
        }
        let todo: Vec<_> = mutants
            .iter()
            .filter_map(|mutant| Some((mutant, expected.get(&mutant.name)?)))
            .collect();
        let checked = Mutex::new(0);
        let wrong = Mutex::new(Vec::new());
        let next = Mutex::new(todo.iter());
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| {
                    loop {
                        let taken = next.lock().expect("no thread panics").next();
                        let Some((mutant, expected)) = taken else { break };
                        let named = sections::named(&bench, mutant).expect("it can be run");
                        *checked.lock().expect("no thread panics") += named.len();
                        let differing = named.iter().filter(|(_, title)| !expected.contains(title));
                        let lines = differing
                            .map(|(test, title)| format!("{} {test}: {title}", mutant.name));
                        wrong.lock().expect("no thread panics").extend(lines);
                    }
                });
            }
        });
        let checked = checked.into_inner().expect("no thread panics");
        let mut wrong = wrong.into_inner().expect("no thread panics");
        wrong.sort();
        println!("{lab}: {} of {checked} are right\n{}", checked - wrong.len(), wrong.join("\n"));
        assert!(checked > 0, "{lab}: no mutant fails a test");
        let allowed = checked * (100 - RIGHT_PERCENT_MIN) / 100;
        assert!(wrong.len() <= allowed, "{lab}: too many are wrong:\n{}", wrong.join("\n"));
    }
}
