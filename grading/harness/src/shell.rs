//! Command lines for a shell.

use faultlab_suites::{SEED, SEEDS, TestNumber};
use shlex::Quoter;

/// Quotes an argument for a POSIX shell, if it needs quotes.
#[must_use]
pub fn quoted(word: &str) -> String {
    // Only NUL bytes cannot be quoted. They are allowed here, because no path or option contains one.
    Quoter::new().allow_nul(true).quote(word).unwrap_or_default().into_owned()
}

/// The command that reproduces a lab's test: one seed of it, or else its runs with this suite seed and
/// this number of seeds.
#[must_use]
pub fn reproduce(
    lab: &str,
    test: TestNumber,
    only_seed: Option<u64>,
    seed: u64,
    seeds: u64,
) -> String {
    let mut command = format!("./scripts/run-tests.sh {lab} -n {test}");
    if let Some(seed) = only_seed {
        command.push_str(&format!(" --only-seed {seed}"));
    } else {
        if seed != SEED {
            command.push_str(&format!(" --seed {seed}"));
        }
        if seeds != SEEDS {
            command.push_str(&format!(" --seeds {seeds}"));
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_a_shell() {
        assert_eq!(quoted("/a/b-1.txt"), "/a/b-1.txt");
        for word in
            ["", "it's {} $HOME", "a b", "\"x\" `y` \\z", "*?[!~", "line\nbreak", "-n", "ünï"]
        {
            let line = format!("printf %s {}", quoted(word));
            let output =
                std::process::Command::new("sh").args(["-c", &line]).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), word, "{line}");
        }
    }
}
