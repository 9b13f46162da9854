//! Histories that seeds make up, with known verdicts: the files in `tests/data/histories`, and smaller ones.
//!
//! A good history is linearizable by construction. A bad one has a flaw, and an argument why no order explains it. If
//! a change to the generator is intended, run the tests with `FAULTLAB_BLESS=1`, and they write the files anew.

mod key_value;
mod oracle;
mod register;
mod run;

use std::collections::BTreeSet;
use std::fs;
use std::mem::discriminant;
use std::path::{Path, PathBuf};

use faultlab::linearizability::formats::{self, Options, Recorded};
use faultlab::linearizability::{CheckResult, Checker, models};
use faultlab::random::{Random, Stream};

use key_value::KeyValue;
use register::{Register, Values};
use run::{Object, Operations, Shape};

/// A file, what it tells, and the flaw of a bad one.
struct Generated {
    file: String,
    history: History,
}

enum History {
    Register(Operations<Register>, Option<register::Flaw>),
    KeyValue(Operations<KeyValue>, Option<key_value::Flaw>),
}

impl Generated {
    fn text(&self) -> String {
        match &self.history {
            History::Register(operations, _) => run::text::<Register>(operations),
            History::KeyValue(operations, _) => run::text::<KeyValue>(operations),
        }
    }

    /// Why it is not linearizable, if it is not.
    fn flaw(&self) -> Option<String> {
        match &self.history {
            History::Register(operations, flaw) => {
                flaw.as_ref().map(|flaw| flaw.sentence(operations))
            }
            History::KeyValue(operations, flaw) => {
                flaw.as_ref().map(|flaw| flaw.sentence(operations))
            }
        }
    }

    fn is_linearizable(&self) -> bool {
        self.flaw().is_none()
    }
}

/// Every file. The same seeds make the same bytes, on every machine.
fn generated() -> Vec<Generated> {
    use key_value::Fault::{LostAppend, StaleGet, Swapped};
    use register::Fault::{Back, FailedCas, StaleCas, StaleRead};

    let with_few_values = [StaleRead, StaleCas, StaleRead, FailedCas, StaleRead, StaleCas];
    let with_unique_values = [Back, StaleRead, Back, StaleRead, Back, Back];
    let faults = [with_few_values, with_unique_values].concat();
    let mut all = Vec::new();
    for number in 0..24 {
        let mut random = Random::new(number, Stream::Setup);
        let shape = Shape {
            processes: 5,
            operations: random.between(80, 130) as usize,
            timeouts: 120_000,
            stays: 600_000,
            ends_early: number % 4 >= 2,
            forgotten: None,
        };
        let values = if number < 12 { Values::Few } else { Values::Unique };
        let history = if number % 2 == 0 {
            History::Register(register::good(&shape, values, &mut random), None)
        } else {
            let fault = faults[number as usize / 2];
            let (operations, flaw) = register::bad(&shape, values, fault, &mut random);
            History::Register(operations, Some(flaw))
        };
        all.push(Generated { file: format!("register/register_{number:02}.log"), history });
    }
    for (seed, processes, operations, timeouts, fault) in
        [(101, 1, 60, 0, StaleGet), (214, 10, 300, 0, LostAppend), (150, 50, 600, 10_000, Swapped)]
    {
        const KEYS: u64 = 10;
        let shape = Shape {
            processes,
            operations,
            timeouts,
            stays: 300_000,
            ends_early: false,
            forgotten: None,
        };
        let name = |verdict| format!("kv/c{processes:02}-{verdict}.txt");
        let good = key_value::run(&shape, KEYS, &mut Random::new(seed, Stream::Setup));
        all.push(Generated { file: name("ok"), history: History::KeyValue(good, None) });
        let mut random = Random::new(seed + 1, Stream::Setup);
        let (operations, flaw) = key_value::bad(&shape, KEYS, fault, &mut random);
        let history = History::KeyValue(operations, Some(flaw));
        all.push(Generated { file: name("bad"), history });
    }
    all
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/histories")
}

fn files_in(folder: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for kind in ["register", "kv"] {
        for entry in fs::read_dir(folder.join(kind)).expect("a folder") {
            let name = entry.expect("a file").file_name();
            files.insert(format!("{kind}/{}", name.to_str().expect("a name")));
        }
    }
    files
}

#[test]
fn the_files_are_what_the_seeds_make() {
    let generated = generated();
    let mut verdicts = "file\tlinearizable\twhy\n".to_owned();
    for one in &generated {
        let (linearizable, why) = match one.flaw() {
            None => {
                ("yes", "each command was executed once between its call and its return".to_owned())
            }
            Some(flaw) => ("no", flaw),
        };
        verdicts += &format!("{}\t{linearizable}\t{why}\n", one.file);
    }
    let mut files: Vec<(String, String)> =
        generated.iter().map(|one| (one.file.clone(), one.text())).collect();
    files.push(("verdicts.tsv".to_owned(), verdicts));

    let folder = folder();
    if std::env::var_os("FAULTLAB_BLESS").is_some() {
        for (file, text) in &files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file is written");
        }
    }
    for (file, text) in &files {
        let there = fs::read_to_string(folder.join(file)).unwrap_or_default();
        assert!(
            there == *text,
            "{file} is not what its seed makes; if that is intended, run this test with FAULTLAB_BLESS=1"
        );
    }
    let expected: BTreeSet<String> = generated.iter().map(|one| one.file.clone()).collect();
    assert_eq!(files_in(&folder), expected, "files that no seed makes");
}

#[test]
fn half_of_the_verdicts_are_yes() {
    let generated = generated();
    let count = |kind: &str, linearizable: bool| {
        let of_kind = generated.iter().filter(|one| one.file.starts_with(kind));
        of_kind.filter(|one| one.is_linearizable() == linearizable).count()
    };
    assert_eq!([count("register/", true), count("register/", false)], [12, 12]);
    assert_eq!([count("kv/", true), count("kv/", false)], [3, 3]);
}

#[test]
fn every_bad_history_has_the_flaw_that_its_verdict_rests_on() {
    for Generated { file, history } in generated() {
        let has_it = match history {
            History::Register(operations, flaw) => flaw.is_none_or(|flaw| flaw.is_in(&operations)),
            History::KeyValue(operations, flaw) => flaw.is_none_or(|flaw| flaw.is_in(&operations)),
        };
        assert!(has_it, "{file}");
    }
}

#[test]
fn the_oracle_says_what_is_known() {
    for one in generated() {
        let said = match &one.history {
            History::Register(operations, _) => oracle::is_linearizable::<Register>(operations),
            History::KeyValue(operations, _) => oracle::is_linearizable::<KeyValue>(operations),
        };
        assert_eq!(said, one.is_linearizable(), "{}: {:?}", one.file, one.flaw());
    }
}

/// What the checker says of a file.
fn checked(text: &str) -> bool {
    let verdict = match formats::parse(text, &Options::default()).expect("a history").history {
        Recorded::Register(history) => {
            Checker::new(&models::Register::new()).check(&history).verdict
        }
        Recorded::Registers(history) => {
            Checker::new(&models::Keyed::<models::Register<_>>::default()).check(&history).verdict
        }
        Recorded::KeyValue(history) => Checker::new(&models::KeyValue).check(&history).verdict,
    };
    assert!(!matches!(verdict, CheckResult::Unknown(_)), "{verdict:?}");
    verdict.is_linearizable()
}

#[test]
fn the_checker_says_what_is_known() {
    for one in generated() {
        assert_eq!(checked(&one.text()), one.is_linearizable(), "{}: {:?}", one.file, one.flaw());
    }
}

/// How a small run goes, as the seed says.
fn small(random: &mut Random, timeouts_max: u64) -> Shape {
    Shape {
        processes: random.between(2, 5),
        operations: random.between(8, 30) as usize,
        timeouts: random.below(timeouts_max) as u32,
        stays: random.below(700_000) as u32,
        ends_early: random.below(2) == 0,
        forgotten: None,
    }
}

/// The arguments are good for any seed, and so are the good histories.
#[test]
fn verdicts_of_other_seeds_are_what_is_known() {
    use key_value::Fault::{LostAppend, StaleGet, Swapped};
    use register::Fault::{Back, FailedCas, StaleCas, StaleRead};

    fn assert_known<O: Object>(seed: u64, operations: &Operations<O>, linearizable: bool) {
        let text = run::text::<O>(operations);
        assert_eq!(oracle::is_linearizable::<O>(operations), linearizable, "seed {seed}:\n{text}");
        assert_eq!(checked(&text), linearizable, "seed {seed}:\n{text}");
    }
    for seed in 0..40 {
        let mut random = Random::new(2_000 + seed, Stream::Setup);
        for (values, faults) in [
            (Values::Few, vec![StaleRead, StaleCas, FailedCas]),
            (Values::Unique, vec![StaleRead, StaleCas, FailedCas, Back]),
        ] {
            let shape = Shape { operations: 40, ..small(&mut random, 100_000) };
            assert_known::<Register>(seed, &register::good(&shape, values, &mut random), true);
            for fault in faults {
                let (bad, _) = register::bad(&shape, values, fault, &mut random);
                assert_known::<Register>(seed, &bad, false);
            }
        }
        let shape = Shape { operations: 60, ..small(&mut random, 100_000) };
        assert_known::<KeyValue>(seed, &key_value::run(&shape, 3, &mut random), true);
        for fault in [StaleGet, LostAppend, Swapped] {
            let (bad, _) = key_value::bad(&shape, 3, fault, &mut random);
            assert_known::<KeyValue>(seed, &bad, false);
        }
    }
}

/// Larger than what `linearizability_oracle.rs` tries, with more operations that time out, and through a file. What
/// is wrong here is a random result, so that nobody knows the verdict but the oracle.
#[test]
fn the_checker_and_the_oracle_agree_on_histories_of_other_seeds() {
    const HISTORIES: u64 = 400;

    let mut linearizable = 0;
    let mut compare = |seed: u64, text: String, expected: bool| {
        assert_eq!(checked(&text), expected, "seed {seed}:\n{text}");
        linearizable += u64::from(expected);
    };
    for seed in 0..HISTORIES {
        let mut random = Random::new(1_000 + seed, Stream::Setup);
        let shape = small(&mut random, 300_000);
        if seed % 3 == 0 {
            let mut operations = key_value::run(&shape, 2, &mut random);
            swap_results::<KeyValue>(&mut operations, &mut random);
            let text = run::text::<KeyValue>(&operations);
            compare(seed, text, oracle::is_linearizable::<KeyValue>(&operations));
        } else {
            let values = if seed % 3 == 1 { Values::Few } else { Values::Unique };
            let mut operations = register::good(&shape, values, &mut random);
            swap_results::<Register>(&mut operations, &mut random);
            let text = run::text::<Register>(&operations);
            compare(seed, text, oracle::is_linearizable::<Register>(&operations));
        }
    }
    println!("{linearizable} of {HISTORIES} histories are linearizable");
    assert!((HISTORIES / 5..HISTORIES * 4 / 5).contains(&linearizable), "{linearizable}");
}

/// Has an operation return what another with the same function returned, or changes nothing.
fn swap_results<O: Object>(operations: &mut Operations<O>, random: &mut Random) {
    let function = |at: usize| discriminant(&operations[at].command);
    let numbers = || (0..operations.len()).filter(|&at| operations[at].returned().is_some());
    let differ = |a: usize, b: usize| {
        function(a) == function(b) && operations[a].result() != operations[b].result()
    };
    let pairs: Vec<[usize; 2]> = numbers()
        .flat_map(|a| numbers().filter(move |&b| differ(a, b)).map(move |b| [a, b]))
        .collect();
    if pairs.is_empty() || random.below(4) == 0 {
        return;
    }
    let [to, from] = *random.pick(&pairs);
    if let Some(result) = operations[from].result().cloned() {
        operations[to].returns_instead(result);
    }
}
