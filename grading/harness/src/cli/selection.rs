//! Which tests were asked for.

use faultlab_suites::{Kind, Suite, Test, TestNumber};

use super::args::Args;

/// The tests that were asked for, in order.
///
/// # Errors
/// One line that says what there is, for a part or a test that does not exist.
pub(super) fn select<'a>(suite: &'a Suite, args: &Args) -> Result<Vec<&'a Test>, String> {
    let lab = suite.lab();
    if let Some(part) = args.part
        && !suite.parts().iter().any(|other| other.number() == part)
    {
        let parts: Vec<String> =
            suite.parts().iter().map(|part| part.number().to_string()).collect();
        return Err(format!("{lab} has no part {part}; its parts are {}", parts.join(", ")));
    }
    let mut wanted = Vec::new();
    for text in &args.tests {
        let number: TestNumber = text.trim().parse().map_err(|error| format!("{error}"))?;
        if suite.test(number).is_none() {
            return Err(format!("{lab} has no test {number}; {}", what_there_is(suite, number)));
        }
        wanted.push(number);
    }
    let chosen = |test: &&Test| {
        args.part.is_none_or(|part| test.number().part == part)
            && (wanted.is_empty() || wanted.contains(&test.number()))
            && !(args.no_run && test.kind() == Kind::Run)
            && !(args.no_search && test.kind() == Kind::Search)
    };
    let tests: Vec<&Test> = suite.tests().filter(chosen).collect();
    if tests.is_empty() {
        return Err(format!("no test of {lab} is left to run"));
    }
    Ok(tests)
}

fn what_there_is(suite: &Suite, number: TestNumber) -> String {
    let part = suite.parts().iter().find(|part| part.number() == number.part);
    match part.and_then(|part| Some((part.all_tests().first()?, part.all_tests().last()?))) {
        Some((first, last)) => {
            format!("part {} has {} to {}", number.part, first.number(), last.number())
        }
        None => {
            let parts: Vec<String> =
                suite.parts().iter().map(|part| part.number().to_string()).collect();
            format!("its parts are {}", parts.join(", "))
        }
    }
}
