//! Selects the tests to run.

use faultlab_suites::{Kind, Suite, Test, TestNumber};

use super::args::Args;

/// The selected tests, in order.
///
/// # Errors
/// One line that lists the alternatives, if a part or test does not exist.
pub(super) fn select<'a>(suite: &'a Suite, args: &Args) -> Result<Vec<&'a Test>, String> {
    let lab = suite.lab();
    if let Some(part) = args.part
        && !suite.parts().iter().any(|other| other.number() == part)
    {
        let parts: Vec<String> = suite
            .parts()
            .iter()
            .map(|part| format!("{} ({})", part.number(), part.title()))
            .collect();
        return Err(format!("{lab} has no part {part}; parts: {}", parts.join(", ")));
    }
    let mut wanted = Vec::new();
    for text in &args.tests {
        let number: TestNumber = text.trim().parse().map_err(|error| format!("{error}"))?;
        if suite.test(number).is_none() {
            let numbers: Vec<TestNumber> = suite.tests().map(Test::number).collect();
            return Err(format!("{lab} has no test {number}; tests: {}", ranges(&numbers)));
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
        return Err(format!("these options leave no test of {lab} to run"));
    }
    Ok(tests)
}

/// Abbreviates the numbers: `1.1 to 1.5, 2.1, 2.2`.
fn ranges(numbers: &[TestNumber]) -> String {
    let follows = |before: &TestNumber, after: &TestNumber| {
        before.part == after.part && before.place + 1 == after.place
    };
    let words = |range: &[TestNumber]| match range {
        [first, _, .., last] => format!("{first} to {last}"),
        few => few.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    numbers.chunk_by(follows).map(words).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_numbers_are_abbreviated() {
        let numbers = |texts: &[&str]| -> Vec<TestNumber> {
            texts.iter().map(|text| text.parse().expect("a number")).collect()
        };
        let listed = ["1.1", "1.2", "1.3", "2.1", "2.2", "2.20", "3.21"];
        assert_eq!(ranges(&numbers(&listed)), "1.1 to 1.3, 2.1, 2.2, 2.20, 3.21");
        assert_eq!(ranges(&[]), "");
    }
}
